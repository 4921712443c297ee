from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.aws.execution_values import (
    Failure,
    action_executions,
    decision_of,
    disabled_stages,
    disabling_reason,
    is_rollback,
    message_in,
    rolled_back_stage,
    stages_of,
    summary_of,
)
from copilot.aws.pipeline_values import ActionExecution, Place
from copilot.engine import ActionState, StageState
from copilot.release.plan import (
    ApprovalAction,
    BuildAction,
    CommandsAction,
    DeployAction,
    OtherAction,
    Plan,
    SourceAction,
    Stage,
)

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
T0 = START.timestamp()
ID = "0a1b2c3d-0000-4000-8000-000000000001"
OTHER = "ffffffff-0000-4000-8000-000000000002"
COMMIT = "a1b2c3d4e5f6a7b8c9d0a1b2c3d4e5f6a7b8c9d0"
PLAN = Plan(
    "shop",
    "main",
    (
        Stage("Source", (SourceAction("Code", 1, "GitHub", "https://github.com/ana/shop", "main"),)),
        Stage("Build", (BuildAction("Build", 1, "buildspec.yml", 60),)),
        Stage(
            "DeployTo-test",
            (
                DeployAction("CreateOrUpdate-api-test", 1, "test", "api", "shop-test-api", "t", "c"),
                DeployAction("CreateOrUpdate-db-test", 1, "test", "db", "shop-test-db", "t", "c"),
                CommandsAction("TestCommands", 2, "test", (), 60),
            ),
            "test",
        ),
        Stage(
            "DeployTo-prod",
            (
                ApprovalAction("ApprovePromotionTo-prod", 1, "prod", 60),
                DeployAction("CreateOrUpdate-api-prod", 2, "prod", "api", "shop-prod-api", "t", "c"),
            ),
            "prod",
        ),
    ),
)
CATEGORIES = {"source": "Source", "build": "Build", "approval": "Approval", "deploy": "Deploy", "commands": "Test"}


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def answer(stage: str, action: str, status: str, began: float, ended: float | None = None, **more: Any) -> Any:
    """An action execution, as the API has it."""
    output: dict[str, Any] = {"executionResult": more.pop("result", {}), "outputVariables": more.pop("variables", {})}
    return {
        "pipelineExecutionId": ID,
        "actionExecutionId": f"{stage}/{action}/{began}",
        "pipelineVersion": 3,
        "stageName": stage,
        "actionName": action,
        "startTime": at(began),
        "lastUpdateTime": at(began if ended is None else ended),
        "status": status,
        "output": output,
        "input": {"actionTypeId": {"category": "Build", "owner": "AWS", "provider": "CodeBuild", "version": "1"}},
        **more,
    }


def ran(stage: str, action: str, status: str = "Succeeded", began: float = 0.0, ended: float | None = None) -> ActionExecution:
    """An action execution, as we have it."""
    kinds = {(s.name, a.name): a.kind for s in PLAN.stages for a in s.actions}
    category = CATEGORIES.get(kinds.get((stage, action), ""), "Invoke")
    data = answer(stage, action, status, began, began + 1 if ended is None else ended)
    return replace(action_executions([data])[0], category=category)


def execution(status: str = "InProgress", **more: Any) -> Any:
    return {"pipelineExecutionId": ID, "status": status, "startTime": at(0), "lastUpdateTime": at(90), **more}


def stages(
    actions: Sequence[ActionExecution], status: str = "InProgress", states: Sequence[Any] = (), **more: Any
) -> dict[str, StageState]:
    summary = summary_of(execution(status), rollback_of=more.pop("rollback_of", None))
    found = stages_of(more.pop("plan", PLAN), summary, actions, list(states), more.pop("failures", {}))
    return {stage.stage_name: stage for stage in found}


def in_stage(stage: StageState) -> dict[str, ActionState]:
    return {action.name: action for action in stage.actions}


SOURCE = ran("Source", "Code", began=0)
BUILD = ran("Build", "Build", began=5)
API, DB = ran("DeployTo-test", "CreateOrUpdate-api-test", began=10), ran("DeployTo-test", "CreateOrUpdate-db-test", began=10)
TESTS = ran("DeployTo-test", "TestCommands", began=20)
UP_TO_TEST = [SOURCE, BUILD, API, DB, TESTS]
APPROVAL = ran("DeployTo-prod", "ApprovePromotionTo-prod", "InProgress", began=30)


def test_attempts_are_counted() -> None:
    data = [
        answer("S", "a", "Succeeded", 30, 40),
        answer("S", "b", "Succeeded", 5, 6),
        answer("S", "a", "Failed", 1, 3),
        answer("T", "a", "InProgress", 50),
    ]
    assert [(a.stage, a.action, a.attempt, a.status) for a in action_executions(data)] == [
        ("S", "a", 1, "Failed"),
        ("S", "b", 1, "Succeeded"),
        ("S", "a", 2, "Succeeded"),
        ("T", "a", 1, "InProgress"),
    ]


def test_all_that_is_known_of_an_action() -> None:
    data = answer(
        "Build",
        "Build",
        "Failed",
        1,
        3,
        updatedBy="arn:aws:iam::1:user/ana",
        input={
            "actionTypeId": {"category": "Build", "owner": "AWS", "provider": "CodeBuild", "version": "1"},
            "configuration": {"ProjectName": "p", "CustomData": "#{SourceVariables.CommitId}"},
            "resolvedConfiguration": {"CustomData": COMMIT},
        },
        result={
            "externalExecutionId": "p:1",
            "externalExecutionUrl": "https://x",
            "externalExecutionSummary": "sum",
            "errorDetails": {"code": "JobFailed", "message": "no"},
        },
        variables={"A": "b"},
    )
    data["output"]["outputArtifacts"] = [{"name": "BuildOutput", "s3location": {"bucket": "b", "key": "k"}}]
    assert action_executions([data]) == [
        ActionExecution(
            id="Build/Build/1",
            execution=ID,
            stage="Build",
            action="Build",
            attempt=1,
            category="Build",
            provider="CodeBuild",
            status="Failed",
            started_at=T0 + 1,
            updated_at=T0 + 3,
            external_id="p:1",
            external_url="https://x",
            summary="sum",
            error="no",
            variables={"A": "b"},
            configuration={"ProjectName": "p", "CustomData": COMMIT},
            outputs={"BuildOutput": Place("b", "k")},
            by="arn:aws:iam::1:user/ana",
            version=3,
        )
    ]


def test_an_action_of_which_little_is_known() -> None:
    (action,) = action_executions([{"actionName": "a", "status": "Succeeded"}])
    assert (action.action, action.category, action.started_at) == ("a", "", 0.0)


def test_the_summary_of_an_execution() -> None:
    data = execution(
        "Succeeded",
        trigger={"triggerType": "Webhook", "triggerDetail": "arn"},
        sourceRevisions=[{"actionName": "Code", "revisionId": COMMIT, "revisionSummary": "Fix it\n\nbecause"}],
    )
    summary = summary_of(data)
    assert (summary.id, summary.number, summary.status, summary.trigger) == (ID, None, "Succeeded", "push")
    assert (summary.started_at, summary.ended_at) == (T0, T0 + 90)
    assert summary.revision is not None
    assert (summary.revision.id, summary.revision.summary, summary.revision.author) == (COMMIT, "Fix it", "")
    assert summary.revision.committed_at is None


@pytest.mark.parametrize(
    ("status", "ours"),
    [
        ("InProgress", "InProgress"),
        ("Stopping", "Stopping"),
        ("Stopped", "Stopped"),
        ("Cancelled", "Stopped"),
        ("Superseded", "Superseded"),
        ("Failed", "Failed"),
        ("Succeeded", "Succeeded"),
    ],
)
def test_statuses(status: str, ours: str) -> None:
    summary = summary_of(execution(status))
    assert summary.status == ours
    assert (summary.ended_at is None) == (status in {"InProgress", "Stopping"})


@pytest.mark.parametrize(
    ("type_", "words"),
    [
        ("CreatePipeline", "creation"),
        ("StartPipelineExecution", "run"),
        ("WebhookV2", "push"),
        ("CloudWatchEvent", "push"),
        ("PollForSourceChanges", "push"),
        ("ManualRollback", "rollback to ffffffff"),
        ("AutomatedRollback", "automatic rollback to ffffffff"),
    ],
)
def test_triggers(type_: str, words: str) -> None:
    data = execution(trigger={"triggerType": type_}, rollbackMetadata={"rollbackTargetPipelineExecutionId": OTHER})
    assert summary_of(data).trigger == words


def test_the_source_action_knows_when_a_commit_was_written() -> None:
    variables = {
        "CommitId": COMMIT,
        "CommitMessage": "Fix it\n\nwell",
        "AuthorDate": "2026-03-01T11:00:00Z",
        "BranchName": "main",
    }
    source = replace(SOURCE, variables=variables)
    revision = summary_of(execution(sourceRevisions=[{"actionName": "Code", "revisionId": "x"}]), [source]).revision
    assert revision is not None
    assert (revision.id, revision.summary, revision.committed_at) == (COMMIT, "Fix it", T0 - 3600)
    assert in_stage(stages([source])["Source"])["Code"].summary == "main @ a1b2c3d"
    odd = replace(SOURCE, variables={**variables, "AuthorDate": "yesterday"})
    revision = summary_of(execution(), [odd]).revision
    assert revision is not None
    assert revision.committed_at is None


def test_the_message_of_a_commit_that_came_through_a_connection() -> None:
    assert message_in('{"ProviderType":"GitHub","CommitMessage":"Fix \\"it\\""}') == 'Fix "it"'
    for other in ('{"ProviderType":"GitHub"}', "Fix it", "[1]", "12", '{"CommitMessage": 3}', ""):
        assert message_in(other) == other


def test_an_execution_that_has_just_begun() -> None:
    assert summary_of(execution()).revision is None
    found = stages([])
    assert [stage.status for stage in found.values()] == ["Pending"] * 4
    assert {action.status for stage in found.values() for action in stage.actions} == {"Pending"}


def test_an_execution_under_way() -> None:
    state = {"stageName": "DeployTo-prod", "latestExecution": {"pipelineExecutionId": ID, "status": "InProgress"}}
    found = stages([*UP_TO_TEST, APPROVAL], states=[state])
    assert [stage.status for stage in found.values()] == ["Succeeded", "Succeeded", "Succeeded", "InProgress"]
    approval, deploy = found["DeployTo-prod"].actions
    assert (approval.status, approval.kind, approval.expires_at, approval.ended_at) == (
        "InProgress",
        "approval",
        T0 + 30 + 3600,
        None,
    )
    assert (deploy.status, deploy.kind, deploy.started_at) == ("Pending", "deploy", None)
    tests = in_stage(found["DeployTo-test"])["TestCommands"]
    assert (tests.kind, tests.run_order, tests.started_at, tests.ended_at) == ("commands", 2, T0 + 20, T0 + 21)


def test_what_another_execution_did_since_does_not_count() -> None:
    others = [
        {"stageName": stage.name, "latestExecution": {"pipelineExecutionId": OTHER, "status": "InProgress"}}
        for stage in PLAN.stages
    ]
    failed = replace(TESTS, status="Failed")
    found = stages([SOURCE, BUILD, API, DB, failed], "Failed", others)
    assert [stage.status for stage in found.values()] == ["Succeeded", "Succeeded", "Failed", "Skipped"]


def test_an_execution_that_waits_to_enter_a_stage() -> None:
    for waiting in (
        {"inboundExecution": {"pipelineExecutionId": ID, "status": "InProgress"}},
        {"inboundExecutions": [{"pipelineExecutionId": ID, "status": "InProgress"}]},
    ):
        found = stages([SOURCE, BUILD], states=[{"stageName": "DeployTo-test", **waiting}])
        assert [stage.status for stage in found.values()] == ["Succeeded", "Succeeded", "Pending", "Pending"]


def test_executions_that_went_no_further() -> None:
    superseded = stages([SOURCE, BUILD], "Superseded")
    assert [stage.status for stage in superseded.values()] == ["Succeeded", "Succeeded", "Skipped", "Skipped"]
    cancelled = stages([SOURCE, BUILD, API], "Cancelled")
    assert cancelled["DeployTo-test"].status == "Stopped"
    abandoned = stages([SOURCE, BUILD, API, replace(DB, status="Abandoned")], "Stopped")
    assert abandoned["DeployTo-test"].status == "Stopped"
    assert in_stage(abandoned["DeployTo-test"])["CreateOrUpdate-db-test"].summary == "abandoned"
    between = stages([SOURCE, BUILD, API, DB])
    assert between["DeployTo-test"].status == "InProgress"


@pytest.mark.parametrize(("status", "ours"), [("Stopping", "InProgress"), ("Cancelled", "Stopped"), ("Skipped", "Skipped")])
def test_statuses_of_stages(status: str, ours: str) -> None:
    state = {"stageName": "Build", "latestExecution": {"pipelineExecutionId": ID, "status": status}}
    assert stages([SOURCE, BUILD], states=[state])["Build"].status == ours


def test_retrying_what_failed() -> None:
    failed = replace(DB, status="Failed")
    again = replace(DB, attempt=2, status="InProgress", started_at=T0 + 50, updated_at=T0 + 50)
    actions = in_stage(stages([SOURCE, BUILD, API, failed, again])["DeployTo-test"])
    assert (actions["CreateOrUpdate-api-test"].status, actions["CreateOrUpdate-api-test"].attempt) == ("Succeeded", 1)
    assert (actions["CreateOrUpdate-db-test"].status, actions["CreateOrUpdate-db-test"].attempt) == ("InProgress", 2)
    assert (actions["TestCommands"].status, actions["TestCommands"].attempt) == ("Pending", 1)


def test_retrying_a_whole_stage_runs_again_what_came_after() -> None:
    failed = replace(TESTS, status="Failed")
    again = [replace(a, id=f"{a.id}/2", attempt=2, started_at=T0 + 50, updated_at=T0 + 51) for a in (API, DB)]
    actions = in_stage(stages([SOURCE, BUILD, API, DB, failed, *again])["DeployTo-test"])
    assert (actions["TestCommands"].status, actions["TestCommands"].attempt) == ("Pending", 2)
    assert actions["TestCommands"].started_at is None
    assert actions["CreateOrUpdate-api-test"].attempt == 2


def test_failures() -> None:
    failed = replace(TESTS, status="Failed", error="Build terminated with state: FAILED", external_url="https://build")
    actions = [SOURCE, BUILD, API, DB, failed]
    plain = in_stage(stages(actions, "Failed")["DeployTo-test"])["TestCommands"]
    assert (plain.summary, plain.details, plain.url) == ("Build terminated with state: FAILED", (), "https://build")
    known = {failed.id: Failure("make test in phase build: exit 1", ("$ make test", "no"))}
    explained = in_stage(stages(actions, "Failed", failures=known)["DeployTo-test"])["TestCommands"]
    assert (explained.summary, explained.details) == ("make test in phase build: exit 1", ("$ make test", "no"))
    silent = in_stage(stages([replace(BUILD, status="Failed")], "Failed")["Build"])["Build"]
    assert silent.summary == "failed"
    unfetched = replace(SOURCE, status="Failed", error="Connection arn:c is not available")
    assert in_stage(stages([unfetched], "Failed")["Source"])["Code"].summary == "Connection arn:c is not available"


def test_what_went_well_is_told_without_arns() -> None:
    arn = "arn:aws:cloudformation:us-east-1:1:stack/shop-test-api/1"
    deployed = replace(API, summary=f"Stack {arn} was updated.", external_url="https://console/x")
    action = in_stage(stages([deployed])["DeployTo-test"])["CreateOrUpdate-api-test"]
    assert (action.summary, action.url) == ("", None)
    invoked = replace(ran("DeployTo-test", "Warm-up"), summary="warm\nvery")
    assert in_stage(stages([invoked])["DeployTo-test"])["Warm-up"].summary == "warm"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"status": "InProgress"}, ""),
        ({"summary": "approved by Ana: good"}, "approved by Ana: good"),
        ({"summary": "LGTM", "by": "arn:aws:sts::1:assumed-role/Admin/ana"}, "approved by ana: LGTM"),
        ({"by": "arn:aws:iam::1:root"}, "approved by root"),
        ({"status": "Failed", "summary": "not on a Friday", "by": "arn:aws:iam::1:user/ben"}, "rejected by ben: not on a Friday"),
        ({"status": "Failed", "summary": "rejected by Ben"}, "rejected by Ben"),
        ({"status": "Failed"}, "nobody approved it in time"),
        ({"status": "Failed", "error": "Timed out\nwell"}, "Timed out"),
        ({"status": "Failed", "error": "Timed out", "by": "arn:aws:iam::1:user/ben"}, "Timed out"),
        ({"status": "Failed", "by": "arn:aws:iam::1:user/ben"}, "rejected by ben"),
        ({"status": "Abandoned"}, "the execution was stopped"),
    ],
)
def test_decisions(changes: dict[str, Any], words: str) -> None:
    assert decision_of(replace(APPROVAL, **{"status": "Succeeded", **changes})) == words


def test_what_an_approval_is_about() -> None:
    approval = replace(APPROVAL, configuration={"ExternalEntityLink": "https://github.com/ana/shop/commit/a1b2"})
    assert stages([approval])["DeployTo-prod"].actions[0].url == "https://github.com/ana/shop/commit/a1b2"


def test_what_ran_with_an_older_structure_is_shown() -> None:
    gone = [ran("DeployTo-test", "CreateOrUpdate-old-test", began=12), ran("DeployTo-stage", "Smoke", began=25)]
    found = stages([*UP_TO_TEST, *gone], "Succeeded")
    assert list(found) == ["Source", "Build", "DeployTo-test", "DeployTo-prod", "DeployTo-stage"]
    old = in_stage(found["DeployTo-test"])["CreateOrUpdate-old-test"]
    assert (old.kind, old.status, old.run_order) == ("other", "Succeeded", 3)
    assert found["DeployTo-stage"].environment == "stage"
    assert found["DeployTo-stage"].status == "Succeeded"


def test_actions_that_no_manifest_asks_for() -> None:
    plan = replace(PLAN, stages=(*PLAN.stages, Stage("After", (OtherAction("Warm-up", 1, "Invoke", "Lambda"),))))
    (action,) = stages([], plan=plan)["After"].actions
    assert (action.name, action.kind, action.status) == ("Warm-up", "other", "Pending")


def test_a_rollback_shows_the_stage_that_it_is_about() -> None:
    assert is_rollback(execution(executionType="ROLLBACK"))
    assert not is_rollback(execution())
    assert rolled_back_stage(ID, [TESTS]) == "DeployTo-test"
    inside: Any = {"stageName": "DeployTo-prod", "latestExecution": {"pipelineExecutionId": ID, "status": "InProgress"}}
    waits: Any = {"stageName": "DeployTo-prod", "inboundExecutions": [{"pipelineExecutionId": ID, "status": "InProgress"}]}
    assert rolled_back_stage(ID, [], [inside]) == rolled_back_stage(ID, [], [waits]) == "DeployTo-prod"
    assert rolled_back_stage(ID, [], []) is None
    found = stages([API, DB, TESTS], "Succeeded", rollback_of="DeployTo-test")
    assert {name: stage.status for name, stage in found.items()} == {"DeployTo-test": "Succeeded"}


def test_disabled_transitions() -> None:
    held: Any = {"stageName": "DeployTo-prod", "inboundTransitionState": {"enabled": False, "disabledReason": "freeze"}}
    free: Any = {"stageName": "DeployTo-test", "inboundTransitionState": {"enabled": True}}
    assert disabled_stages([held, free, {"stageName": "Build"}]) == {"DeployTo-prod": "freeze"}
    found = stages([SOURCE], states=[held, free])
    assert (found["DeployTo-prod"].transition_enabled, found["DeployTo-prod"].disabled_reason) == (False, "freeze")
    assert (found["DeployTo-test"].transition_enabled, found["DeployTo-test"].disabled_reason) == (True, None)
    assert found["Build"].transition_enabled


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Ana's freeze, until Monday", "Anas freeze until Monday"),
        ("Größe: 3/4", "Groe 3 4"),
        ("ok (why?) a@b.c - x!", "ok (why?) a@b.c - x!"),
        ("", "no reason given"),
        ("→ 日本", "no reason given"),
    ],
)
def test_reasons(text: str, reason: str) -> None:
    assert disabling_reason(text) == reason


@given(st.text())
def test_any_reason_is_one_that_codepipeline_takes(text: str) -> None:
    assert re.fullmatch(r"[a-zA-Z0-9!@ ().*?\-]{1,300}", disabling_reason(text))


names = st.sampled_from([(stage.name, action.name) for stage in PLAN.stages for action in stage.actions] + [("Gone", "away")])
attempts = st.builds(
    lambda name, status, began, took: ran(name[0], name[1], status, began, began + took),
    names,
    st.sampled_from(["InProgress", "Succeeded", "Failed", "Abandoned"]),
    st.floats(0, 1e4),
    st.floats(0, 1e4),
)
states = st.lists(
    st.fixed_dictionaries(
        {"stageName": st.sampled_from([stage.name for stage in PLAN.stages])},
        optional={
            "latestExecution": st.fixed_dictionaries(
                {
                    "pipelineExecutionId": st.sampled_from([ID, OTHER]),
                    "status": st.sampled_from(
                        ["Cancelled", "InProgress", "Failed", "Stopped", "Stopping", "Succeeded", "Skipped"]
                    ),
                }
            )
        },
    )
)


@given(
    st.lists(attempts),
    st.sampled_from(["InProgress", "Succeeded", "Failed", "Stopping", "Stopped", "Superseded", "Cancelled"]),
    states,
)
def test_whatever_ran_is_shown_once(actions: list[ActionExecution], status: str, states: list[Any]) -> None:
    found = stages(sorted(actions, key=lambda each: each.started_at), status, states)
    shown = [(stage.stage_name, action.name) for stage in found.values() for action in stage.actions]
    assert len(shown) == len(set(shown))
    assert {(action.stage, action.action) for action in actions} <= set(shown)
    for stage in found.values():
        orders = [action.run_order for action in stage.actions]
        assert orders == sorted(orders)
        for action in stage.actions:
            assert (action.started_at is None) == (action.status == "Pending")
            assert (action.ended_at is None) == (action.status in {"Pending", "InProgress"})
