from __future__ import annotations

import pytest
from troposphere import Template

from copilot.aws.templates.workload.service import add_service
from tests.aws.templates.workload.service_stacks import BACKEND, JOB, WEB, WORKER, properties_of, resources_of, settings_of


def test_a_service() -> None:
    service = resources_of(BACKEND)["Service"]
    assert service["DependsOn"] == ["EnvControllerAction"]
    properties = service["Properties"]
    assert properties["PlatformVersion"] == "LATEST"
    assert properties["Cluster"] == {"Fn::ImportValue": "my-app-test-ClusterId"}
    assert properties["TaskDefinition"] == {"Ref": "TaskDefinition"}
    assert properties["PropagateTags"] == "SERVICE"
    assert not {"ServiceName", "LoadBalancers", "HealthCheckGracePeriodSeconds", "EnableExecuteCommand"} & properties.keys()


@pytest.mark.parametrize(("more", "shares"), [("", (100, 200)), ("deployment: {rolling: recreate}", (0, 100))])
def test_how_releases_replace_each_other(more: str, shares: tuple[int, int]) -> None:
    deployment = properties_of("Service", WORKER, more)["DeploymentConfiguration"]
    assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    assert (deployment["MinimumHealthyPercent"], deployment["MaximumPercent"]) == shares


def test_commands_in_tasks() -> None:
    assert properties_of("Service", BACKEND, "exec: true")["EnableExecuteCommand"] is True


@pytest.mark.parametrize(
    ("kind", "more", "seconds"),
    [
        (WEB, "http: {path: /}", 60),
        (WEB, "http: {path: /, healthcheck: {grace_period: 2m}}", 120),
        (BACKEND, "http: {path: /, healthcheck: {grace_period: 0s}}", 0),
    ],
)
def test_the_time_a_new_task_has(kind: str, more: str, seconds: int) -> None:
    assert properties_of("Service", kind, more)["HealthCheckGracePeriodSeconds"] == seconds


def test_a_job_is_no_service() -> None:
    with pytest.raises(TypeError, match="Scheduled Job is no service"):
        add_service(Template(), settings_of(JOB, "on: {schedule: '@daily'}"))
