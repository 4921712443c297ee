from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from copilot.aws.client import Aws
from copilot.aws.jobs import Jobs
from copilot.aws.services import PLUGIN, Services, as_task
from copilot.errors import EngineUnavailableError, NotFoundError

TEMPLATE = {
    "Resources": {
        "TaskDefinition": {
            "Type": "AWS::ECS::TaskDefinition",
            "Properties": {
                "Family": "shop-test-api",
                "ContainerDefinitions": [{"Name": "api", "Image": "example.com/api@sha256:11", "Memory": 128}],
            },
        },
        "Service": {
            "Type": "AWS::ECS::Service",
            "Properties": {"Cluster": "shop-test", "TaskDefinition": {"Ref": "TaskDefinition"}, "DesiredCount": 2},
        },
        "StateMachine": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "StateMachineName": "shop-test-api",
                "DefinitionString": json.dumps({"StartAt": "Run", "States": {"Run": {"Type": "Succeed"}}}),
                "RoleArn": "arn:aws:iam::123456789012:role/r",
            },
        },
    }
}


@pytest.fixture
def deployed(aws: Aws) -> Aws:
    aws.ecs.create_cluster(clusterName="shop-test")
    aws.cloudformation.create_stack(StackName="shop-test-api", TemplateBody=json.dumps(TEMPLATE))
    return aws


def test_a_service_that_was_deployed(deployed: Aws) -> None:
    status = Services(deployed, "shop", "test").status("api")
    assert (status.cluster, status.status, status.revision, status.desired_count) == ("shop-test", "ACTIVE", 1, 2)
    assert [d.status for d in status.deployments] == ["PRIMARY"]
    assert Services(deployed, "shop", "test").images("api") == {"api": "example.com/api@sha256:11"}


def test_a_service_that_was_not(aws: Aws) -> None:
    with pytest.raises(NotFoundError, match="`api` is not deployed to environment `test`") as caught:
        Services(aws, "shop", "test").status("api")
    assert caught.value.hint == "deploy it with `copilot deploy --name api --env test`"


def test_a_task_that_stopped_says_why() -> None:
    task = as_task(
        {
            "taskArn": "arn:aws:ecs:us-east-1:123456789012:task/shop-test/0123456789abcdef",
            "taskDefinitionArn": "arn:aws:ecs:us-east-1:123456789012:task-definition/shop-test-api:7",
            "lastStatus": "STOPPED",
            "stoppedReason": "Essential container in task exited.",
            "containers": [
                {"name": "proxy", "exitCode": 0},
                {"name": "api", "exitCode": 137, "reason": "OutOfMemoryError: Container killed due to memory usage"},
            ],
        }
    )
    assert (task.id, task.revision) == ("0123456789abcdef", 7)
    assert task.stopped_reason == (
        "Essential container in task exited; container api exit 137: OutOfMemoryError: Container killed due to memory usage"
    )


def test_entering_a_task_needs_the_plugin(aws: Aws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineUnavailableError, match=f"`{PLUGIN}` of AWS is not installed"):
        Services(aws, "shop", "test").command("api", "1", ["sh"])
    plugin = tmp_path / PLUGIN
    plugin.write_text("#!/bin/sh\necho 1.2.339.0\n")
    plugin.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin")
    with pytest.raises(EngineUnavailableError, match="is too old"):
        Services(aws, "shop", "test").command("api", "1", ["sh"])


def test_a_job_is_run(deployed: Aws) -> None:
    jobs = Jobs(deployed, "shop", "test")
    run = jobs.run("api")
    assert run.status == "RUNNING"
    assert [found.id for found in jobs.runs("api")] == [run.id]
    with pytest.raises(NotFoundError, match="`report` is not deployed to environment `test`"):
        jobs.run("report")
