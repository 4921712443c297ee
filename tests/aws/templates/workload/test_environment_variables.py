from __future__ import annotations

import json

import pytest

from copilot.aws.templates.workload.environment_variables import snake_case
from copilot.aws.templates.workload.settings import Addons
from tests.aws.templates.workload.task_manifests import BACKEND, JOB, WEB, WORKER, main_container, variables_of

ALWAYS = {
    "COPILOT_APPLICATION_NAME": {"Ref": "AppName"},
    "COPILOT_ENVIRONMENT_NAME": {"Ref": "EnvName"},
    "COPILOT_SERVICE_NAME": {"Ref": "WorkloadName"},
    "COPILOT_SERVICE_DISCOVERY_ENDPOINT": "test.my-app.local",
}
PORT = {"PORT": {"Ref": "ContainerPort"}}


def _address(output: str) -> dict[str, object]:
    return {"COPILOT_LB_DNS": {"Fn::GetAtt": ["EnvControllerAction", output]}}


@pytest.mark.parametrize(
    ("text", "more"),
    [
        (WEB, PORT | _address("PublicLoadBalancerDNSName")),
        (BACKEND, PORT),
        (BACKEND + "http: {path: /}\n", PORT | _address("InternalLoadBalancerDNSName")),
        (WORKER, {"COPILOT_QUEUE_URI": {"Ref": "EventsQueue"}}),
        (JOB, {}),
    ],
)
def test_each_kind_knows_where_it_is_and_how_it_is_reached(text: str, more: dict[str, object]) -> None:
    assert variables_of(main_container(text)) == {**ALWAYS, **more}


def test_variables_of_the_manifest_win() -> None:
    text = BACKEND + "variables: {COPILOT_SERVICE_NAME: mine, LEVEL: 3, TABLE: {from_cfn: Table}}\n"
    assert variables_of(main_container(text)) == {
        **ALWAYS,
        **PORT,
        "COPILOT_SERVICE_NAME": "mine",
        "LEVEL": "3",
        "TABLE": {"Fn::ImportValue": "Table"},
    }


def test_topics_are_known_by_their_arns() -> None:
    text = BACKEND + "publish: {topics: [{name: givesdogs}, {name: mytopic, fifo: true}]}\n"
    prefix = "arn:aws:sns:us-west-2:123456789012:my-app-test-api-"
    assert json.loads(variables_of(main_container(text))["COPILOT_SNS_TOPIC_ARNS"]) == {
        "givesdogs": f"{prefix}givesdogs",
        "mytopic.fifo": f"{prefix}mytopic.fifo",
    }


def test_volumes_are_known_by_their_paths() -> None:
    text = BACKEND + "storage: {volumes: {b: {path: /b}, a: {path: /a}}}\n"
    assert variables_of(main_container(text))["COPILOT_MOUNT_POINTS"] == '{"a":"/a","b":"/b"}'


def test_outputs_of_the_addons_are_variables_unless_they_are_something_else() -> None:
    outputs = {"MyTableName": "variable", "Group": "security group", "Access": "policy", "Password": "secret"}
    variables = variables_of(main_container(BACKEND, addons=Addons("https://bucket/addons.yml", outputs=outputs)))
    assert variables == {
        **ALWAYS,
        **PORT,
        "GROUP": {"Fn::GetAtt": ["AddonsStack", "Outputs.Group"]},
        "MY_TABLE_NAME": {"Fn::GetAtt": ["AddonsStack", "Outputs.MyTableName"]},
    }


@pytest.mark.parametrize(
    ("output", "variable"),
    [
        ("usersDdbTableName", "USERS_DDB_TABLE_NAME"),
        ("MyDDBTableWithLSI", "MY_DDB_TABLE_WITH_LSI"),
        ("My2ndTable", "MY2ND_TABLE"),
        ("TABLE", "TABLE"),
    ],
)
def test_an_output_is_called_as_aws_copilot_calls_it(output: str, variable: str) -> None:
    assert snake_case(output) == variable
