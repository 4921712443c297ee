from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.aws.pipeline_values import ActionExecution
from copilot.aws.promotion_values import (
    LONGEST_SUMMARY,
    WorkloadState,
    commits_between,
    decision_summary,
    last_tests,
    parameters_in,
    workload_promotion,
)
from copilot.aws.templates.reading import read_template
from copilot.engine import ExecutionSummary, Revision
from copilot.release.execution import ActionStatus
from copilot.release.plan import Action, CommandsAction, DeployAction, Plan, ProjectAction, Stage

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/web"


WEB = """\
Resources:
  TaskDefinition:
    Type: AWS::ECS::TaskDefinition
    Properties:
      ContainerDefinitions:
        - Name: !Ref WorkloadName
          Environment:
            - {Name: COPILOT_APPLICATION_NAME, Value: !Ref AppName}
            - {Name: LEVEL, Value: info}
            - {Name: HOST, Value: !Sub '${AppName}.local'}
          Secrets:
            - {Name: TOKEN, ValueFrom: /shop/token}
        - Name: proxy
          Environment: [{Name: PORT, Value: 80}]
        - !If [HasMore, {Name: more}, !Ref AWS::NoValue]
"""


def state(parameters: dict[str, str], template: str = "") -> WorkloadState:
    return WorkloadState(parameters, read_template(template) if template else {})


def test_what_becomes_of_a_workload() -> None:
    before = {
        "AppName": "shop",
        "ContainerImage": f"{IMAGE}@sha256:aa",
        "TaskCount": "2",
        "ContainerPort": "-1",
        "AddonsTemplateURL": "",
        "Password": "****",
        "Gone": "x",
    }
    after = {
        "AppName": "other",
        "ContainerImage": f"{IMAGE}@sha256:bb",
        "TaskCount": "3",
        "ContainerPort": "80",
        "AddonsTemplateURL": "https://bucket.s3.us-east-1.amazonaws.com/manual/addons/web/c0ffee.yml",
        "Password": "known",
        "New": "",
    }
    found = workload_promotion("web", state(after), state(before))
    assert (found.image_before, found.image_after) == ("sha256:aa", "sha256:bb")
    assert found.settings == (
        ("count", "2", "3"),
        ("image.port", "—", "80"),
        ("addons", "—", "c0ffee.yml"),
        ("Gone", "x", "—"),
    )


def test_a_workload_that_is_new() -> None:
    parameters = {"ContainerImage": "public.ecr.aws/nginx/nginx:1.27", "TaskCount": "3"}
    found = workload_promotion("web", state(parameters, WEB), None)
    assert (found.image_before, found.image_after, found.settings) == (None, "nginx:1.27", ())


def test_variables_and_secrets() -> None:
    after = WEB.replace("info", "debug").replace("/shop/token", "/shop/newer").replace("80", "8080").replace("HOST", "NAME")
    found = workload_promotion("web", state({}, after), state({}, WEB))
    assert found.settings == (
        ("variables.LEVEL", "info", "debug"),
        ("variables.NAME", "—", "${AppName}.local"),
        ("secrets.TOKEN", "/shop/token", "/shop/newer"),
        ("sidecars.proxy.variables.PORT", "80", "8080"),
        ("variables.HOST", "${AppName}.local", "—"),
    )


@pytest.mark.parametrize("template", ["Resources: []", "Resources: {TaskDefinition: x}", WEB.replace("Environment:", "Else:")])
def test_templates_of_other_kinds(template: str) -> None:
    assert all(name.startswith("secrets") for name, _, _ in workload_promotion("w", state({}, template), state({})).settings)


def test_the_same_again_changes_nothing() -> None:
    parameters = {"ContainerImage": "nginx", "RulePath": "/"}
    found = workload_promotion("web", state(parameters, WEB), state(parameters, WEB))
    assert (found.image_before, found.image_after, found.settings) == ("nginx", "nginx", ())


def test_parameters_in_a_file() -> None:
    assert parameters_in(json.dumps({"Parameters": {"TaskCount": 2}, "Tags": {}}).encode()) == {"TaskCount": "2"}
    for content in (None, b"", b"\xff", b"[]", b'"x"', b"{}", b'{"Parameters": []}', b'{"Parameters": null}'):
        assert parameters_in(content) == {}


@given(st.text(max_size=600), st.text(max_size=600), st.booleans())
def test_a_decision_fits(approver: str, comment: str, approve: bool) -> None:
    summary = decision_summary(approver, comment, approve=approve)
    assert 0 < len(summary) <= LONGEST_SUMMARY
    whole = f"{'approved' if approve else 'rejected'} by {approver}{f': {comment}' if comment else ''}"
    assert summary == whole or whole.startswith(summary[:-1])


def _summary(id_: str, revision: str | None, trigger: str = "push") -> ExecutionSummary:
    found = Revision(id=revision, summary=f"Commit {revision}", author="", committed_at=None) if revision else None
    return ExecutionSummary(id=id_, status="Succeeded", trigger=trigger, revision=found, started_at=1.0, ended_at=None)


def _commits(history: list[ExecutionSummary], before: ExecutionSummary | None, own: ExecutionSummary) -> list[str]:
    return [commit.id for commit in commits_between(history, before, own)]


def test_commits_between_two_executions() -> None:
    e1, e2, e3, e4, e5 = (
        _summary("e1", "a"),
        _summary("e2", "b"),
        _summary("e3", "b"),
        _summary("e4", "a", "rollback to e1"),
        _summary("e5", "c"),
    )
    history = [e5, e4, e3, e2, e1]
    assert _commits(history, e1, e5) == ["c", "b"]
    assert _commits(history, e1, e3) == ["b"]
    assert _commits(history, None, e3) == ["b"]
    assert _commits(history, e2, e3) == []
    assert _commits(history, e5, e1) == []
    assert _commits(history, _summary("e0", "z"), e2) == ["b", "a"]
    assert _commits(history, e1, _summary("e6", None)) == []


def _run(stage: str, action: str, status: ActionStatus, at: float, attempt: int = 1) -> ActionExecution:
    return ActionExecution(f"{stage}{attempt}", "e1", stage, action, attempt, "Test", "CodeBuild", status, at - 1, at)


def _stage(environment: str, *actions: Action) -> Stage:
    deploy = DeployAction("CreateOrUpdate", 2, environment, "web", "s", "t", "c")
    return Stage(f"DeployTo-{environment}", (deploy, *actions), environment)


def test_where_tests_passed_last() -> None:
    def tests(environment: str) -> CommandsAction:
        return CommandsAction("TestCommands", 3, environment, (), 60)

    plan = Plan("shop", "main", (_stage("dev", tests("dev")), _stage("test", tests("test")), _stage("prod", tests("prod"))))
    dev, failed = _run("DeployTo-dev", "TestCommands", "Succeeded", 5.0), _run("DeployTo-test", "TestCommands", "Failed", 8.0)
    again = _run("DeployTo-test", "TestCommands", "Succeeded", 9.0, 2)
    assert last_tests(plan, "DeployTo-prod", [dev, failed, again]) == ("test", 9.0)
    assert last_tests(plan, "DeployTo-prod", [dev, failed]) == ("dev", 5.0)
    assert last_tests(plan, "DeployTo-dev", [dev]) == (None, None)
    assert last_tests(plan, "DeployTo-gone", [dev]) == (None, None)


def test_actions_after_deployments_count_as_tests() -> None:
    after, before = ProjectAction("smoke", 3, "test", "b", 60), ProjectAction("migrate", 1, "dev", "b", 60)
    first = Stage("DeployTo-dev", (before, DeployAction("CreateOrUpdate", 2, "dev", "web", "s", "t", "c")), "dev")
    plan = Plan("shop", "main", (first, _stage("test", after), _stage("prod")))
    migrated = _run("DeployTo-dev", "migrate", "Succeeded", 3.0)
    assert last_tests(plan, "DeployTo-prod", [migrated]) == (None, None)
    assert last_tests(plan, "DeployTo-prod", [migrated, _run("DeployTo-test", "smoke", "Succeeded", 7.0)]) == ("test", 7.0)
