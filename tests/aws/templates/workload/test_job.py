from __future__ import annotations

import json
from typing import Any

import pytest
from troposphere import Template

from copilot.aws.templates.workload.job import add_job
from copilot.aws.templates.workload.settings import Addons
from copilot.aws.templates.workload.stack import workload_stack
from tests.aws.templates.workload.service_stacks import BACKEND, JOB, properties_of, resources_of, settings_of

DAILY = "on: {schedule: '@daily'}\n"


def definition(more: str = "") -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(properties_of("StateMachine", JOB, DAILY + more)["DefinitionString"])
    return parsed


def test_it_is_started_on_its_schedule() -> None:
    rule = properties_of("Rule", JOB, DAILY)
    assert rule["ScheduleExpression"] == {"Fn::If": ["IsNever", "rate(5 minutes)", {"Ref": "Schedule"}]}
    assert rule["State"] == {"Fn::If": ["IsNever", "DISABLED", "ENABLED"]}
    assert rule["Targets"] == [
        {"Arn": {"Ref": "StateMachine"}, "Id": "statemachine", "RoleArn": {"Fn::GetAtt": ["RuleRole", "Arn"]}}
    ]


@pytest.mark.parametrize(
    ("schedule", "value"), [("@daily", "cron(0 0 * * ? *)"), ("@every 5m", "rate(5 minutes)"), ("none", "none")]
)
def test_the_schedule_is_a_parameter(schedule: str, value: str) -> None:
    assert workload_stack(settings_of(JOB, f"on: {{schedule: '{schedule}'}}")).parameters["Schedule"] == value


def test_a_run() -> None:
    parsed = definition()
    assert parsed["StartAt"] == "Run Fargate Task"
    run = parsed["States"]["Run Fargate Task"]
    assert run["Resource"] == "${RunTask}"
    assert run["Parameters"]["LaunchType"] == "FARGATE"
    assert run["Parameters"]["PropagateTags"] == "TASK_DEFINITION"
    assert run["End"] is True
    assert "Retry" not in run
    assert "TimeoutSeconds" not in parsed


def test_retries_and_timeout() -> None:
    parsed = definition("retries: 3\ntimeout: 1h30m")
    assert parsed["TimeoutSeconds"] == 5400
    (retry,) = parsed["States"]["Run Fargate Task"]["Retry"]
    assert (retry["ErrorEquals"], retry["MaxAttempts"]) == (["States.ALL"], 3)


def test_the_machine() -> None:
    machine = properties_of("StateMachine", JOB, DAILY)
    assert machine["StateMachineName"] == {"Fn::Sub": "${AppName}-${EnvName}-${WorkloadName}"}
    assert machine["LoggingConfiguration"]["Level"] == "ALL"
    assert machine["DefinitionSubstitutions"] == {
        "Cluster": {"Fn::ImportValue": "my-app-test-ClusterId"},
        "TaskDefinition": {"Ref": "TaskDefinition"},
        "RunTask": {"Fn::Sub": "arn:${AWS::Partition}:states:::ecs:runTask.sync"},
        "Subnets": {"Fn::Join": ['","', {"Fn::Split": [",", {"Fn::ImportValue": "my-app-test-PublicSubnets"}]}]},
        "AssignPublicIp": "ENABLED",
        "SecurityGroups": {"Fn::Join": ['","', [{"Fn::ImportValue": "my-app-test-EnvironmentSecurityGroup"}]]},
    }


def test_where_tasks_are() -> None:
    groups = "{groups: [sg-01234567], deny_default: true}"
    more = f"network: {{vpc: {{placement: {{subnets: [subnet-01234567, subnet-89abcdef]}}, security_groups: {groups}}}}}"
    addons = Addons("https://example.com/addons.yml", outputs={"DbGroup": "security group"})
    substitutions = properties_of("StateMachine", JOB, DAILY + more, addons=addons)["DefinitionSubstitutions"]
    assert substitutions["AssignPublicIp"] == "DISABLED"
    assert substitutions["Subnets"] == {"Fn::Join": ['","', ["subnet-01234567", "subnet-89abcdef"]]}
    group = {"Fn::GetAtt": ["AddonsStack", "Outputs.DbGroup"]}
    assert substitutions["SecurityGroups"] == {"Fn::Join": ['","', ["sg-01234567", group]]}


def test_roles() -> None:
    resources = resources_of(JOB, DAILY, permissions_boundary="bounds")
    bound = {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/bounds"}
    for role, service in (("RuleRole", "events"), ("StateMachineRole", "states")):
        properties = resources[role]["Properties"]
        assert properties["PermissionsBoundary"] == bound
        (statement,) = properties["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] == {"Service": f"{service}.amazonaws.com"}


def test_it_has_no_service() -> None:
    assert not {"Service", "DiscoveryService", "AutoScalingTarget"} & resources_of(JOB, DAILY).keys()
    with pytest.raises(TypeError, match="Backend Service is no job"):
        add_job(Template(), settings_of(BACKEND))
