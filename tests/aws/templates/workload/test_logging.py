from __future__ import annotations

from typing import Any

import pytest

from copilot.aws.templates.workload.containers import containers
from copilot.aws.templates.workload.logging import ROUTER_IMAGE, log_group
from tests.aws.templates.workload.task_manifests import BACKEND, settings_of, variables_of

TO_GROUP = {
    "LogDriver": "awslogs",
    "Options": {
        "awslogs-region": {"Ref": "AWS::Region"},
        "awslogs-group": {"Ref": "LogGroup"},
        "awslogs-stream-prefix": "copilot",
    },
}


def _containers(text: str) -> list[dict[str, Any]]:
    return [each.to_dict() for each in containers(settings_of(BACKEND, text))]


def test_the_log_group_has_the_name_that_aws_copilot_gives_it() -> None:
    data = log_group().to_dict()
    assert data["Properties"] == {
        "LogGroupName": {"Fn::Sub": "/copilot/${AppName}-${EnvName}-${WorkloadName}"},
        "RetentionInDays": {"Ref": "LogRetention"},
    }


@pytest.mark.parametrize("text", ["", "logging: {retention: 7}\n"])
def test_logs_go_to_the_log_group(text: str) -> None:
    (main,) = _containers(text)
    assert main["LogConfiguration"] == TO_GROUP


def test_a_destination_takes_a_log_router() -> None:
    main, router = _containers("logging: {destination: {Name: cloudwatch, region: us-west-2}, enableMetadata: false}\n")
    assert main["LogConfiguration"] == {"LogDriver": "awsfirelens", "Options": {"Name": "cloudwatch", "region": "us-west-2"}}
    assert router["Name"] == "firelens_log_router"
    assert router["Image"] == ROUTER_IMAGE
    assert router["FirelensConfiguration"] == {"Type": "fluentbit", "Options": {"enable-ecs-log-metadata": "false"}}
    assert router["LogConfiguration"] == TO_GROUP
    assert variables_of(router)["COPILOT_SERVICE_NAME"] == {"Ref": "WorkloadName"}


def test_the_log_router_is_what_the_manifest_says() -> None:
    text = "logging: {image: my/router:1, configFilePath: /extra.conf, secretOptions: {apikey: DD_KEY}}\n"
    main, router = _containers(text)
    assert main["LogConfiguration"] == {
        "LogDriver": "awsfirelens",
        "SecretOptions": [{"Name": "apikey", "ValueFrom": "DD_KEY"}],
    }
    assert router["Image"] == "my/router:1"
    assert router["FirelensConfiguration"]["Options"] == {
        "enable-ecs-log-metadata": "true",
        "config-file-type": "file",
        "config-file-value": "/extra.conf",
    }


def test_the_log_router_comes_before_the_sidecars() -> None:
    found = _containers("logging: {destination: {Name: x}}\nsidecars: {a: {image: a}}\n")
    assert [each["Name"] for each in found] == [{"Ref": "WorkloadName"}, "firelens_log_router", "a"]
    assert found[2]["LogConfiguration"] == TO_GROUP
