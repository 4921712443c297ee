"""Executions of a pipeline that only asks people, so that each test has them where it wants them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from copilot.aws.client import Aws
from copilot.aws.execution_failures import Failures
from copilot.aws.executions import Executions
from copilot.aws.pipeline_logs import PipelineLogs
from copilot.aws.pipeline_values import DeployedPipeline
from copilot.engine import ExecutionDetail
from copilot.errors import ConflictError, NotFoundError, UnsupportedError, UsageError
from tests.aws.conftest import ACCOUNT, REGION
from tests.aws.pipelines.conftest import Repositories, Repository, wait_for

NAME = "shop-main-Pipeline-1"
PIPELINE = DeployedPipeline(
    "shop", "main", NAME, "pipeline-shop-main", REGION, ACCOUNT, f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:{NAME}"
)
GONE = "00000000-0000-4000-8000-000000000000"


def approval(name: str, order: int = 1) -> Any:
    type_ = {"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"}
    return {"name": name, "actionTypeId": type_, "runOrder": order, "inputArtifacts": [], "outputArtifacts": []}


class People:
    """A pipeline, and the people who decide what becomes of its executions."""

    def __init__(self, aws: Aws, repository: Repository) -> None:
        self.aws = aws
        self.repository = repository
        self.executions = Executions(aws, Failures(aws, PipelineLogs(aws), lambda _app, _environment: aws))

    def structure(self, **more: Any) -> Any:
        """What CodePipeline is given."""
        configuration = {"RepositoryName": "ana/shop", "BranchName": "main", "PollForSourceChanges": "false"}
        source = {
            "name": "SourceCodeFor-shop",
            "actionTypeId": {"category": "Source", "owner": "AWS", "provider": "CodeCommit", "version": "1"},
            "runOrder": 1,
            "configuration": configuration,
            "inputArtifacts": [],
            "outputArtifacts": [{"name": "SCCheckoutArtifact"}],
        }
        return {
            "name": NAME,
            "roleArn": f"arn:aws:iam::{ACCOUNT}:role/pipeline",
            "artifactStore": {"type": "S3", "location": "artifacts"},
            "pipelineType": "V2",
            "stages": [
                {"name": "Source", "actions": [source]},
                {"name": "DeployTo-test", "actions": [approval("First"), approval("Second", 2)]},
                {"name": "DeployTo-prod", "actions": [approval("Last")]},
            ],
            **more,
        }

    def create(self, **more: Any) -> str:
        """Make the pipeline; the answer is its first execution, which waits for people."""
        self.aws.iam.create_role(RoleName="pipeline", AssumeRolePolicyDocument="{}")
        self.aws.s3.create_bucket(Bucket="artifacts")
        self.aws.codepipeline.create_pipeline(pipeline=self.structure(**more))
        return self.waits("DeployTo-test", "First")

    def waits(self, stage: str, action: str, *, after: str = "") -> str:
        """Wait until an approval waits; the answer is its execution, another one than that."""

        def found() -> str | None:
            answer: Any = self.aws.codepipeline.get_pipeline_state(name=NAME)
            state = next(each for each in answer["stageStates"] if each["stageName"] == stage)
            latest = next(a.get("latestExecution", {}) for a in state["actionStates"] if a["actionName"] == action)
            id_ = str(state.get("latestExecution", {}).get("pipelineExecutionId", ""))
            return id_ if latest.get("status") == "InProgress" and id_ != after else None

        id_ = wait_for(found)
        assert id_ is not None
        return id_

    def decide(self, stage: str, action: str, status: str = "Approved", summary: str = "") -> None:
        """Approve or reject."""
        answer: Any = self.aws.codepipeline.get_pipeline_state(name=NAME)
        states = {each["actionName"]: each for state in answer["stageStates"] for each in state["actionStates"]}
        self.aws.codepipeline.put_approval_result(
            pipelineName=NAME,
            stageName=stage,
            actionName=action,
            result={"summary": summary, "status": status},  # type: ignore[typeddict-item]  # one of the two
            token=states[action]["latestExecution"]["token"],
        )

    def release(self, *, after: str = "") -> str:
        """Let an execution through to the end; the answer is its id."""
        id_ = self.waits("DeployTo-test", "First", after=after)
        for stage, action in (("DeployTo-test", "First"), ("DeployTo-test", "Second"), ("DeployTo-prod", "Last")):
            self.waits(stage, action)
            self.decide(stage, action)
        assert self.detail(id_).summary.status == "Succeeded"
        return id_

    def detail(self, execution: str | None = None) -> ExecutionDetail:
        return self.executions.detail(PIPELINE, execution)


@pytest.fixture
def people(aws: Aws, repositories: Repositories) -> People:
    return People(aws, repositories.create())


def statuses(detail: ExecutionDetail) -> list[str]:
    return [stage.status for stage in detail.stages]


def test_an_execution_from_its_beginning_to_its_end(people: People) -> None:
    commit = people.repository.push("Fix the cart\n\nwell")
    first = people.create()
    detail = people.detail()
    assert (detail.app, detail.name, detail.pipeline_name) == ("shop", "main", NAME)
    summary = detail.summary
    assert (summary.id, summary.number, summary.status, summary.trigger) == (first, None, "InProgress", "creation")
    assert summary.revision is not None
    assert (summary.revision.id, summary.revision.summary) == (commit, "Fix the cart")
    assert summary.revision.committed_at is not None
    assert statuses(detail) == ["Succeeded", "InProgress", "Pending"]
    assert [stage.environment for stage in detail.stages] == [None, "test", "prod"]
    waiting, second = detail.stages[1].actions
    assert (waiting.kind, waiting.status, second.status) == ("approval", "InProgress", "Pending")
    assert waiting.started_at is not None
    assert waiting.expires_at == pytest.approx(waiting.started_at + 7 * 24 * 3600)

    people.decide("DeployTo-test", "First", summary="approved by Ana: good")
    people.waits("DeployTo-test", "Second")
    assert people.detail(first).stages[1].actions[0].summary == "approved by Ana: good"
    people.decide("DeployTo-test", "Second")
    people.waits("DeployTo-prod", "Last")
    assert statuses(people.detail(first[:8])) == ["Succeeded", "Succeeded", "InProgress"]
    people.decide("DeployTo-prod", "Last")
    detail = people.detail(first[:4])
    assert statuses(detail) == ["Succeeded", "Succeeded", "Succeeded"]
    assert detail.summary.ended_at is not None
    assert detail.updated_at >= detail.summary.ended_at
    assert [(e.id, e.status) for e in people.executions.list(PIPELINE)] == [(first, "Succeeded")]


def test_starting_a_commit(people: People) -> None:
    commit = people.repository.push("Begin")
    people.repository.push("Go on")
    first = people.create()
    people.decide("DeployTo-test", "First", "Rejected", "no")
    summary = people.executions.start(PIPELINE, commit)
    assert (summary.status, summary.trigger) == ("InProgress", "run")
    assert people.waits("DeployTo-test", "First", after=first) == summary.id
    revision = people.detail(summary.id).summary.revision
    assert revision is not None
    assert (revision.id, revision.summary) == (commit, "Begin")
    assert [e.id for e in people.executions.list(PIPELINE)] == [summary.id, first]
    assert [e.id for e in people.executions.list(PIPELINE, 1)] == [summary.id]
    for word in ("main", commit[:7], "HEAD~1"):
        with pytest.raises(UsageError, match=f"`{word}` is no whole id of a commit"):
            people.executions.start(PIPELINE, word)


def test_a_rejection_and_a_retry_of_what_failed(people: People) -> None:
    first = people.create()
    people.decide("DeployTo-test", "First")
    people.waits("DeployTo-test", "Second")
    people.decide("DeployTo-test", "Second", "Rejected", "rejected by Ana: no")
    detail = people.detail()
    assert detail.summary.status == "Failed"
    assert statuses(detail) == ["Succeeded", "Failed", "Skipped"]
    assert detail.stages[1].actions[1].summary == "rejected by Ana: no"

    assert people.executions.retry(PIPELINE, first).status == "InProgress"
    people.waits("DeployTo-test", "Second")
    accepted, again = people.detail().stages[1].actions
    assert (accepted.status, accepted.attempt, again.status, again.attempt) == ("Succeeded", 1, "InProgress", 2)
    with pytest.raises(ConflictError, match="there is nothing to retry: the execution is InProgress"):
        people.executions.retry(PIPELINE, first)


def test_a_retry_of_a_whole_stage(people: People) -> None:
    first = people.create()
    people.decide("DeployTo-test", "First")
    people.waits("DeployTo-test", "Second")
    people.decide("DeployTo-test", "Second", "Rejected")
    people.executions.retry(PIPELINE, first, "all")
    people.waits("DeployTo-test", "First")
    again, later = people.detail().stages[1].actions
    assert (again.status, again.attempt, later.status, later.attempt) == ("InProgress", 2, "Pending", 2)
    attempts = [(a.action, a.attempt, a.status) for a in people.executions.actions(PIPELINE, first) if a.stage == "DeployTo-test"]
    assert attempts == [("First", 1, "Succeeded"), ("Second", 1, "Failed"), ("First", 2, "InProgress")]


def test_retries_that_come_too_late(people: People) -> None:
    first = people.create()
    people.decide("DeployTo-test", "First", "Rejected")
    second = people.executions.start(PIPELINE).id
    people.waits("DeployTo-test", "First", after=first)
    with pytest.raises(ConflictError, match="a newer execution has entered stage `DeployTo-test`"):
        people.executions.retry(PIPELINE, first)
    people.decide("DeployTo-test", "First", "Rejected")
    people.aws.codepipeline.update_pipeline(pipeline=people.structure(executionMode="QUEUED"))
    with pytest.raises(ConflictError, match=f"stage `DeployTo-test` of execution {second[:8]} cannot be retried any more"):
        people.executions.retry(PIPELINE, second)


def test_stopping(people: People) -> None:
    first = people.create()
    summary = people.executions.stop(PIPELINE, first[:6], abandon=True)
    assert summary.id == first
    wait_for(lambda: people.detail(first).summary.status == "Stopped")
    detail = people.detail(first)
    assert statuses(detail) == ["Succeeded", "Stopped", "Skipped"]
    assert detail.stages[1].actions[0].summary == "the execution was stopped"
    with pytest.raises(ConflictError, match="there is nothing to stop: the execution is Stopped"):
        people.executions.stop(PIPELINE, first)


def test_stopping_after_what_is_in_progress(people: People) -> None:
    first = people.create()
    assert people.executions.stop(PIPELINE, first).status == "Stopping"
    assert statuses(people.detail(first)) == ["Succeeded", "InProgress", "Pending"]
    with pytest.raises(ConflictError, match=f"execution {first[:8]} is being stopped already") as twice:
        people.executions.stop(PIPELINE, first)
    assert twice.value.hint is not None
    assert f"copilot pipeline stop {first[:8]} --abandon" in twice.value.hint
    people.decide("DeployTo-test", "First")
    wait_for(lambda: people.detail(first).summary.status == "Stopped")
    assert statuses(people.detail(first)) == ["Succeeded", "Stopped", "Skipped"]


def test_a_newer_execution_takes_the_place_of_one_that_waits(people: People) -> None:
    first = people.create()
    second = people.executions.start(PIPELINE).id
    wait_for(lambda: statuses(people.detail(second))[0] == "Succeeded")
    third = people.executions.start(PIPELINE).id
    wait_for(lambda: people.detail(second).summary.status == "Superseded")
    assert statuses(people.detail(second)) == ["Succeeded", "Skipped", "Skipped"]
    wait_for(lambda: statuses(people.detail(third)) == ["Succeeded", "Pending", "Pending"])
    assert statuses(people.detail(first)) == ["Succeeded", "InProgress", "Pending"]


def test_an_update_ends_what_runs_and_what_ran_is_still_shown(people: People) -> None:
    first = people.create()
    stages = [people.structure()["stages"][0], {"name": "DeployTo-stage", "actions": [approval("Other")]}]
    people.aws.codepipeline.update_pipeline(pipeline=people.structure(stages=stages))
    detail = people.detail(first)
    assert detail.summary.status == "Stopped"
    ran = {stage.stage_name: [(action.name, action.status) for action in stage.actions] for stage in detail.stages}
    assert ran["DeployTo-test"] == [("First", "Abandoned")]
    assert {stage.stage_name: stage.status for stage in detail.stages}["DeployTo-test"] == "Stopped"
    second = people.executions.start(PIPELINE)
    assert [stage.stage_name for stage in people.detail(second.id).stages] == ["Source", "DeployTo-stage"]


def test_holding_a_stage(people: People) -> None:
    people.create()
    people.executions.set_transition(PIPELINE, "DeployTo-prod", enabled=False, reason="Ana's freeze: until Monday")
    held = people.detail().stages[2]
    assert (held.transition_enabled, held.disabled_reason) == (False, "Anas freeze until Monday")
    people.executions.set_transition(PIPELINE, "DeployTo-prod", enabled=True)
    assert people.detail().stages[2].transition_enabled
    for enabled in (True, False):
        with pytest.raises(NotFoundError, match="pipeline `main` has no stage `DeployTo-moon`"):
            people.executions.set_transition(PIPELINE, "DeployTo-moon", enabled=enabled)


def test_going_back(people: People) -> None:
    people.create()
    first = people.release()
    people.executions.start(PIPELINE)
    second = people.release(after=first)
    people.executions.start(PIPELINE)
    third = people.release(after=second)

    back = people.executions.rollback(PIPELINE, "DeployTo-prod")
    assert (back.rollback_of, back.trigger) == ("DeployTo-prod", f"rollback to {second[:8]}")
    assert people.waits("DeployTo-prod", "Last", after=third) == back.id
    detail = people.detail(back.id)
    assert {stage.stage_name: stage.status for stage in detail.stages} == {"DeployTo-prod": "InProgress"}
    with pytest.raises(
        ConflictError, match=f"cannot go back to execution {first[:8]} now: execution {back.id[:8]} is in the stage"
    ):
        people.executions.rollback(PIPELINE, "DeployTo-prod", first)
    people.decide("DeployTo-prod", "Last")
    assert people.detail(back.id).summary.status == "Succeeded"
    fresh = People(people.aws, people.repository).executions.list(PIPELINE)
    assert [(e.id, e.rollback_of) for e in fresh] == [(back.id, "DeployTo-prod"), (third, None), (second, None), (first, None)]
    with pytest.raises(ConflictError, match=f"cannot go back to execution {back.id[:8]}: it is a rollback itself"):
        people.executions.rollback(PIPELINE, "DeployTo-prod", back.id)

    further = people.executions.rollback(PIPELINE, "DeployTo-prod")
    assert further.trigger == f"rollback to {first[:8]}"
    people.waits("DeployTo-prod", "Last", after=back.id)
    people.decide("DeployTo-prod", "Last")
    with pytest.raises(NotFoundError, match="no earlier execution has passed stage `DeployTo-prod`"):
        people.executions.rollback(PIPELINE, "DeployTo-prod")
    chosen = people.executions.rollback(PIPELINE, "DeployTo-prod", third[:8])
    assert chosen.trigger == f"rollback to {third[:8]}"


def test_where_nothing_goes_back(people: People) -> None:
    first = people.create()
    back = people.executions.rollback
    with pytest.raises(NotFoundError, match="no earlier execution has passed stage `DeployTo-prod`"):
        back(PIPELINE, "DeployTo-prod")
    with pytest.raises(ConflictError, match=f"cannot go back to execution {first[:8]}: it has not passed the stage"):
        back(PIPELINE, "DeployTo-prod", first)
    with pytest.raises(UnsupportedError, match="stage `Source` only fetches code"):
        back(PIPELINE, "Source", first)
    with pytest.raises(NotFoundError, match="has no stage `DeployTo-moon`") as missing:
        back(PIPELINE, "DeployTo-moon", first)
    assert missing.value.hint == "it has: Source, DeployTo-test, DeployTo-prod"
    people.release()
    people.aws.codepipeline.update_pipeline(pipeline=people.structure(executionMode="QUEUED"))
    with pytest.raises(ConflictError, match=f"cannot go back to execution {first[:8]}: the pipeline was updated since"):
        back(PIPELINE, "DeployTo-prod", first)
    people.aws.codepipeline.update_pipeline(pipeline=people.structure(executionMode="PARALLEL"))
    with pytest.raises(UnsupportedError, match="runs executions in parallel"):
        back(PIPELINE, "DeployTo-prod", first)


def test_pipelines_of_the_first_type_can_do_less(people: People) -> None:
    people.create(pipelineType="V1")
    with pytest.raises(UnsupportedError, match="of CodePipeline's first type, in which nothing can be rolled back"):
        people.executions.rollback(PIPELINE, "DeployTo-prod")
    with pytest.raises(UnsupportedError, match="of CodePipeline's first type, which always releases the newest commit"):
        people.executions.start(PIPELINE, "a" * 40)


def test_executions_side_by_side(people: People) -> None:
    first = people.create(executionMode="PARALLEL")
    second = people.executions.start(PIPELINE).id
    wait_for(lambda: statuses(people.detail(second)) == ["Succeeded", "InProgress", "Pending"])
    assert statuses(people.detail(first)) == ["Succeeded", "InProgress", "Pending"]


def test_beginnings_of_ids(people: People) -> None:
    ids = {people.create()} | {people.executions.start(PIPELINE).id for _ in range(2)}
    for id_ in ids:
        assert people.executions.resolve(PIPELINE, id_) == id_
        assert people.executions.resolve(PIPELINE, id_[:13]) == id_
    with pytest.raises(UsageError, match="`14` is too short"):
        people.executions.resolve(PIPELINE, "14")
    missing = next(word for word in ("0000", "1111", "2222", "3333") if not any(id_.startswith(word) for id_ in ids))
    with pytest.raises(NotFoundError, match=f"pipeline `main` has no execution `{missing}`"):
        people.executions.resolve(PIPELINE, missing)


def test_what_is_not_there(people: People) -> None:
    executions = people.executions
    ways: list[Callable[[], object]] = [
        lambda: executions.detail(PIPELINE, GONE),
        lambda: executions.retry(PIPELINE, GONE),
        lambda: executions.rollback(PIPELINE, "DeployTo-prod", GONE),
    ]
    further: list[Callable[[], object]] = [people.detail, lambda: executions.start(PIPELINE)]
    for way in ways + further:
        with pytest.raises(NotFoundError, match=f"pipeline `main` is not on AWS any more: CodePipeline does not know `{NAME}`"):
            way()
    people.create()
    for way in ways:
        with pytest.raises(NotFoundError, match="pipeline `main` has no execution `00000000`"):
            way()
