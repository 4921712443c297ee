from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from copilot.aws.templates.workload.network import environment_needs
from copilot.aws.templates.workload.settings import Addons
from copilot.errors import UnsupportedError
from tests.aws.templates.workload.service_stacks import (
    BACKEND,
    FACTS,
    JOB,
    OF_AWS_COPILOT,
    WEB,
    WORKER,
    properties_of,
    settings_of,
    stack_of,
)

ENVIRONMENT_GROUP = {"Fn::ImportValue": "my-app-test-EnvironmentSecurityGroup"}


def network_of(more: str, **settings: Any) -> dict[str, object]:
    network = properties_of("Service", BACKEND, more, **settings)["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert isinstance(network, dict)
    return network


def test_public_subnets_by_default() -> None:
    assert network_of("") == {
        "AssignPublicIp": "ENABLED",
        "Subnets": {"Fn::Split": [",", {"Fn::ImportValue": "my-app-test-PublicSubnets"}]},
        "SecurityGroups": [ENVIRONMENT_GROUP],
    }


def test_private_subnets() -> None:
    network = network_of("network: {vpc: {placement: private}}")
    assert network["AssignPublicIp"] == "DISABLED"
    assert network["Subnets"] == {"Fn::Split": [",", {"Fn::ImportValue": "my-app-test-PrivateSubnets"}]}


def test_private_subnets_that_are_not_there() -> None:
    with pytest.raises(UnsupportedError, match="environment `test` has none"):
        stack_of(BACKEND, "network: {vpc: {placement: private}}", replace(FACTS, private_subnets=False))


def test_named_subnets() -> None:
    network = network_of("network: {vpc: {placement: {subnets: [subnet-01234567, subnet-89abcdef]}}}")
    assert network["AssignPublicIp"] == "DISABLED"
    assert network["Subnets"] == ["subnet-01234567", "subnet-89abcdef"]


def test_security_groups() -> None:
    network = network_of("network: {vpc: {security_groups: [sg-01234567, {from_cfn: shared-group}]}}")
    assert network["SecurityGroups"] == [ENVIRONMENT_GROUP, "sg-01234567", {"Fn::ImportValue": "shared-group"}]


def test_without_the_environments_security_group() -> None:
    network = network_of("network: {vpc: {security_groups: {groups: [sg-01234567], deny_default: true}}}")
    assert network["SecurityGroups"] == ["sg-01234567"]


def test_security_groups_of_addons() -> None:
    addons = Addons("https://example.com/addons.yml", outputs={"Table": "variable", "DbGroup": "security group"})
    assert network_of("", addons=addons)["SecurityGroups"] == [
        ENVIRONMENT_GROUP,
        {"Fn::GetAtt": ["AddonsStack", "Outputs.DbGroup"]},
    ]


@pytest.mark.parametrize(
    ("kind", "more", "needs"),
    [
        (WEB, "http: {path: /}", ["ALBWorkloads", "Aliases"]),
        (BACKEND, "", []),
        (BACKEND, "http: {path: /}", ["InternalALBWorkloads"]),
        (WORKER, "", []),
        (JOB, "on: {schedule: '@daily'}", []),
        (WORKER, "network: {vpc: {placement: private}}", ["NATWorkloads"]),
        (WORKER, "network: {vpc: {placement: {subnets: [subnet-01234567]}}}", []),
        (WORKER, "storage: {volumes: {data: {path: /data, efs: true}}}", ["EFSWorkloads"]),
        (WORKER, "storage: {volumes: {data: {path: /data, efs: {uid: 1000, gid: 1000}}}}", ["EFSWorkloads"]),
        (WORKER, "storage: {volumes: {data: {path: /data, efs: {id: fs-01234567}}, scratch: {path: /tmp/x}}}", []),
        (
            WEB,
            "http: {path: /}\nnetwork: {vpc: {placement: private}}\nstorage: {volumes: {data: {path: /data, efs: true}}}",
            ["ALBWorkloads", "Aliases", "NATWorkloads", "EFSWorkloads"],
        ),
    ],
)
def test_what_the_environment_must_have(kind: str, more: str, needs: list[str]) -> None:
    assert environment_needs(settings_of(kind, more)) == needs
    action = properties_of("EnvControllerAction", kind, more)
    assert action["Parameters"] == needs


def test_aliases_reach_the_environment() -> None:
    more = "http: {path: /, alias: [a.example.com, b.example.com], additional_rules: [{path: /x, alias: a.example.com}]}"
    assert properties_of("EnvControllerAction", WEB, more, OF_AWS_COPILOT)["Aliases"] == ["a.example.com", "b.example.com"]
