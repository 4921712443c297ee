from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from copilot.engine import PipelineDefinition, Revision
from copilot.errors import ConflictError, CopilotError, NotFoundError
from copilot.local.action import ActionContext, ActionResult
from copilot.local.home import Home
from copilot.local.scheduler import Scheduler
from copilot.local.store import Store
from copilot.local.store.executions import ExecutionRecord
from copilot.release.plan import (
    ApprovalAction,
    BuildAction,
    CommandsAction,
    DeployAction,
    OnFailure,
    Plan,
    SourceAction,
    Stage,
)

REVISION = Revision(id="a" * 40, summary="Fix it", author="Ana", committed_at=1.0)


def make_plan(*, on_failure: OnFailure = "stop", approval_minutes: int = 60) -> Plan:
    deploy = DeployAction("CreateOrUpdate-api-test", 1, "test", "api", "shop-test-api", "t", "c")
    return Plan(
        "shop",
        "release",
        (
            Stage("Source", (SourceAction("SourceCodeFor-shop", 1, "Git", "/r", "main"),)),
            Stage("Build", (BuildAction("Build", 1, "b.yml", 60),)),
            Stage("DeployTo-test", (deploy, CommandsAction("TestCommands", 2, "test", ("true",), 60)), "test", on_failure),
            Stage("DeployTo-prod", (ApprovalAction("ApprovePromotionTo-prod", 1, "prod", approval_minutes),), "prod"),
        ),
    )


class Workers:
    """Answers for each action what the test says; records what ran."""

    def __init__(self) -> None:
        self.ran: list[tuple[int, str]] = []
        self.contexts: list[ActionContext] = []
        self.tidied: list[int] = []
        self.answers: dict[str, Callable[[ActionContext], ActionResult]] = {
            "SourceCodeFor-shop": lambda _: ActionResult(succeeded=True, artifacts={"src": "d1"}, revision=REVISION)
        }

    def run(self, context: ActionContext) -> ActionResult:
        self.ran.append((context.execution, context.action.name))
        self.contexts.append(context)
        answer = self.answers.get(context.action.name)
        assert context.attempt not in self.tidied
        return answer(context) if answer else ActionResult(succeeded=True)

    def tidy(self, context: ActionContext) -> None:
        self.tidied.append(context.attempt)


def wait_for(condition: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.002)


class Setup:
    def __init__(self, home: Home) -> None:
        self.home = home
        self.store = Store.in_memory()
        self.workers = Workers()
        self.store.catalog.add_application("shop")
        self.plan = make_plan()
        self.put(self.plan)
        self.scheduler = self.make()

    def put(self, plan: Plan) -> None:
        definition = PipelineDefinition(
            app="shop", name="release", repository="/r", branch="main", manifest="copilot/pipeline.yml", plan=plan
        )
        self.store.catalog.put_pipeline(definition, "hook")

    def make(self) -> Scheduler:
        kinds = dict.fromkeys(("source", "build", "deploy", "commands", "project"), self.workers)
        scheduler = Scheduler(self.store, self.home, kinds)
        scheduler.start()
        return scheduler

    def begin(self, plan: Plan | None = None) -> int:
        return self.scheduler.begin(
            app="shop", pipeline="release", trigger="push", plan=plan or self.plan, repository="/r"
        ).number

    def get(self, number: int) -> ExecutionRecord:
        return self.store.executions.get("shop", "release", number)

    def wait_ended(self, number: int) -> ExecutionRecord:
        wait_for(lambda: self.get(number).ended_at)
        return self.get(number)

    def wait_position(self, number: int, position: int) -> None:
        wait_for(lambda: self.get(number).state.position == position)

    def wait_approval(self, number: int) -> None:
        wait_for(lambda: self.get(number).state.stages[-1].actions["ApprovePromotionTo-prod"] == "InProgress")


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[Setup]:
    home = Home(tmp_path)
    home.create()
    made = Setup(home)
    yield made
    made.scheduler.close()


def decide(setup: Setup, number: int, *, approve: bool = True) -> None:
    setup.scheduler.decide_approval("shop", "release", number, "ApprovePromotionTo-prod", approve=approve, summary="by Ana")


def test_an_execution_runs_to_its_approval_and_then_to_its_end(setup: Setup) -> None:
    number = setup.begin()
    setup.wait_approval(number)
    assert [name for _, name in setup.workers.ran] == ["SourceCodeFor-shop", "Build", "CreateOrUpdate-api-test", "TestCommands"]
    decide(setup, number)
    record = setup.wait_ended(number)
    assert record.state.status == "Succeeded"
    assert record.revision == REVISION
    wait_for(lambda: sorted(setup.workers.tidied) == [c.attempt for c in setup.workers.contexts])
    assert record.attempts["DeployTo-prod", "ApprovePromotionTo-prod"].result == ActionResult(succeeded=True, summary="by Ana")


def test_later_actions_get_the_artifacts_and_the_revision_of_earlier_ones(setup: Setup) -> None:
    setup.wait_approval(setup.begin())
    build = next(c for c in setup.workers.contexts if c.action.name == "Build")
    assert (build.artifacts, build.revision) == ({"src": "d1"}, REVISION)


def test_a_failed_test_stops_the_promotion(setup: Setup) -> None:
    setup.workers.answers["TestCommands"] = lambda _: ActionResult(succeeded=False, summary="exit 1", details=("FAILED",))
    record = setup.wait_ended(setup.begin())
    assert record.state.status == "Failed"
    result = record.attempts["DeployTo-test", "TestCommands"].result
    assert result is not None
    assert (result.summary, result.details) == ("exit 1", ("FAILED",))
    assert record.attempts["DeployTo-prod", "ApprovePromotionTo-prod"].status == "Pending"


def test_errors_of_a_worker_are_failures_of_its_action(setup: Setup) -> None:
    def refuse(_: ActionContext) -> ActionResult:
        raise CopilotError("`api` did not become healthy", hint="look at it", details=["boom"])

    def crash(_: ActionContext) -> ActionResult:
        raise ZeroDivisionError

    setup.workers.answers["CreateOrUpdate-api-test"] = refuse
    first = setup.wait_ended(setup.begin()).attempts["DeployTo-test", "CreateOrUpdate-api-test"].result
    assert first is not None
    assert (first.summary, first.details) == ("`api` did not become healthy", ("boom", "look at it"))
    setup.workers.answers["CreateOrUpdate-api-test"] = crash
    second = setup.wait_ended(setup.begin()).attempts["DeployTo-test", "CreateOrUpdate-api-test"].result
    assert second is not None
    assert "a defect of copilot" in second.summary


def test_a_rejected_approval_fails_the_execution(setup: Setup) -> None:
    number = setup.begin()
    setup.wait_approval(number)
    decide(setup, number, approve=False)
    assert setup.wait_ended(number).state.status == "Failed"


def test_an_approval_can_be_decided_once(setup: Setup) -> None:
    number = setup.begin()
    setup.wait_approval(number)
    decide(setup, number)
    setup.wait_ended(number)
    with pytest.raises(ConflictError, match="no approval"):
        decide(setup, number)


def test_an_approval_that_nobody_gives_lapses(setup: Setup) -> None:
    number = setup.begin(make_plan(approval_minutes=0))
    setup.wait_approval(number)
    setup.store.executions.start_attempt(setup.get(number).attempts["DeployTo-prod", "ApprovePromotionTo-prod"].id, time.time())
    record = setup.wait_ended(number)
    result = record.attempts["DeployTo-prod", "ApprovePromotionTo-prod"].result
    assert result is not None
    assert (record.state.status, result.summary) == ("Failed", "nobody approved it in time")


def test_a_retry_makes_a_new_attempt_and_goes_on(setup: Setup) -> None:
    setup.workers.answers["TestCommands"] = lambda _: ActionResult(succeeded=False)
    number = setup.begin()
    setup.wait_ended(number)
    setup.workers.answers["TestCommands"] = lambda _: ActionResult(succeeded=True)
    setup.scheduler.retry("shop", "release", number, "failed")
    setup.wait_approval(number)
    assert setup.get(number).attempts["DeployTo-test", "TestCommands"].number == 2
    assert setup.get(number).attempts["DeployTo-test", "CreateOrUpdate-api-test"].number == 1


def test_abandoning_tells_the_worker_and_ignores_what_it_answers(setup: Setup) -> None:
    told = threading.Event()

    def build(context: ActionContext) -> ActionResult:
        assert context.cancelled.wait(10)
        told.set()
        return ActionResult(succeeded=True)

    setup.workers.answers["Build"] = build
    number = setup.begin()
    wait_for(lambda: (number, "Build") in setup.workers.ran)
    setup.scheduler.stop("shop", "release", number, abandon=True)
    assert setup.get(number).state.status == "Stopped"
    assert told.wait(10)
    wait_for(lambda: setup.workers.tidied[-1:] == [setup.workers.contexts[-1].attempt])
    assert setup.get(number).attempts["Build", "Build"].status == "Abandoned"


def test_stopping_an_execution_that_waits_for_approval_ends_it(setup: Setup) -> None:
    number = setup.begin()
    setup.wait_approval(number)
    setup.scheduler.stop("shop", "release", number, abandon=False)
    assert setup.get(number).state.status == "Stopped"


def test_a_scheduler_after_a_crash_resumes_what_was_in_progress_and_repeats_nothing(setup: Setup) -> None:
    entered, release = threading.Event(), threading.Event()

    def build(_: ActionContext) -> ActionResult:
        entered.set()
        release.wait(10)
        return ActionResult(succeeded=True)

    setup.workers.answers["Build"] = build
    number = setup.begin()
    assert entered.wait(10)
    setup.scheduler.close()  # what its workers answer now is lost, as with kill -9
    release.set()
    setup.workers.answers["Build"] = lambda c: ActionResult(succeeded=c.resumed)
    setup.workers.ran.clear()
    setup.scheduler = setup.make()
    setup.wait_approval(number)
    assert [name for _, name in setup.workers.ran] == ["Build", "CreateOrUpdate-api-test", "TestCommands"]
    setup.scheduler.close()
    setup.scheduler = setup.make()
    decide(setup, number)
    assert setup.wait_ended(number).state.status == "Succeeded"


def test_a_rollback_deploys_the_earlier_artifacts_again(setup: Setup) -> None:
    first = setup.begin()
    setup.wait_approval(first)
    second = setup.begin()
    wait_for(lambda: setup.get(second).state.position == 3)
    setup.workers.ran.clear()
    record = setup.scheduler.roll_back("shop", "release", "DeployTo-test")
    ended = setup.wait_ended(record.number)
    assert ended.state.status == "Succeeded"
    assert ended.trigger == f"rollback to #{first}"
    assert setup.workers.ran == [(record.number, "CreateOrUpdate-api-test")]
    assert setup.workers.contexts[-1].artifacts == {"src": "d1"}


def test_another_rollback_goes_further_back(setup: Setup) -> None:
    for number in (1, 2, 3):
        setup.begin()
        setup.wait_position(number, 3)
    triggers = [setup.wait_ended(setup.scheduler.roll_back("shop", "release", "DeployTo-test").number).trigger for _ in range(2)]
    assert triggers == ["rollback to #2", "rollback to #1"]
    with pytest.raises(NotFoundError, match="nothing to go back to"):
        setup.scheduler.roll_back("shop", "release", "DeployTo-test")


def test_a_rollback_needs_somewhere_to_go(setup: Setup) -> None:
    with pytest.raises(NotFoundError, match="nothing to go back to"):
        setup.scheduler.roll_back("shop", "release", "DeployTo-test")


def test_on_failure_rollback_brings_the_environment_back(setup: Setup) -> None:
    plan = make_plan(on_failure="rollback")
    first = setup.begin(plan)
    setup.wait_approval(first)
    setup.workers.answers["TestCommands"] = lambda _: ActionResult(succeeded=False)
    second = setup.begin(plan)
    assert setup.wait_ended(second).state.status == "Failed"
    third = setup.wait_ended(second + 1)
    assert (third.rollback_of, third.state.status) == ("DeployTo-test", "Succeeded")


def test_a_transaction_that_fails_leaves_memory_as_it_was(setup: Setup) -> None:
    number = setup.begin()
    setup.wait_approval(number)
    connection = setup.store._database._connection
    connection.execute("CREATE TEMP TRIGGER broken BEFORE UPDATE ON execution BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    with pytest.raises(sqlite3.IntegrityError, match="disk full"):
        decide(setup, number)
    connection.execute("DROP TRIGGER broken")
    assert setup.get(number).state.run.actions["ApprovePromotionTo-prod"] == "InProgress"
    decide(setup, number)
    assert setup.wait_ended(number).state.status == "Succeeded"


def test_what_follows_a_lapsed_approval_starts_at_once(setup: Setup) -> None:
    approval = ApprovalAction("ApprovePromotionTo-prod", 1, "prod", 60)
    deploy = DeployAction("CreateOrUpdate-api-prod", 2, "prod", "api", "shop-prod-api", "t", "c")
    plan = make_plan()
    plan = replace(plan, stages=(*plan.stages[:-1], Stage("DeployTo-prod", (approval, deploy), "prod", "rollback")))
    first = setup.begin(plan)
    setup.wait_approval(first)
    decide(setup, first)
    setup.wait_ended(first)
    second = setup.begin(plan)
    setup.wait_approval(second)
    setup.store.executions.start_attempt(setup.get(second).attempts["DeployTo-prod", "ApprovePromotionTo-prod"].id, time.time())
    assert setup.wait_ended(second).state.status == "Failed"
    third = setup.wait_ended(second + 1)
    assert (third.rollback_of, third.state.status) == ("DeployTo-prod", "Succeeded")


def test_parallel_executions_are_retried_whatever_others_do(setup: Setup) -> None:
    plan = replace(make_plan(), mode="parallel")
    setup.workers.answers["TestCommands"] = lambda context: ActionResult(succeeded=context.execution != 1)
    first = setup.begin(plan)
    setup.wait_ended(first)
    go_on = threading.Event()
    setup.workers.answers["TestCommands"] = lambda context: ActionResult(succeeded=context.execution == 1 or go_on.wait(10))
    second = setup.begin(plan)
    wait_for(lambda: (second, "TestCommands") in setup.workers.ran)
    setup.scheduler.retry("shop", "release", first, "failed")
    setup.wait_approval(first)
    go_on.set()
    setup.wait_approval(second)


def test_a_pipeline_goes_with_all_its_executions_and_what_their_workers_do(setup: Setup) -> None:
    setup.workers.answers["Build"] = lambda context: ActionResult(succeeded=context.cancelled.wait(10))
    first = setup.begin()
    wait_for(lambda: (first, "Build") in setup.workers.ran)
    setup.begin()
    with pytest.raises(ConflictError, match=f"execution #{first} of pipeline `release` has not ended"):
        setup.scheduler.forget("shop", "release")
    setup.scheduler.forget("shop", "release", abandon=True)
    assert next(c for c in setup.workers.contexts if c.action.name == "Build").cancelled.is_set()
    assert sorted(setup.workers.tidied) == sorted({c.attempt for c in setup.workers.contexts})
    assert setup.store.catalog.pipelines("shop") == []
    with pytest.raises(NotFoundError):
        setup.begin()


def test_the_head_that_was_noticed_is_written_down_with_its_execution(setup: Setup) -> None:
    setup.scheduler.begin(
        app="shop", pipeline="release", trigger="push", plan=setup.plan, repository="/r", revision=REVISION, head=REVISION.id
    )
    assert setup.store.catalog.pipelines("shop")[0].head == REVISION.id
