from __future__ import annotations

from copilot.engine import LocalEnvironment, PipelineDefinition, Revision
from copilot.local import views
from copilot.local.action import ActionResult
from copilot.local.store import Store
from copilot.release.execution import EnterStage, FinishExecution, FinishStage, StartAction, apply, with_action
from copilot.release.plan import ApprovalAction, Plan, SourceAction, Stage

PLAN = Plan(
    "shop",
    "release",
    (
        Stage("Source", (SourceAction("Source", 1, "Git", "/r", "main"),)),
        Stage("DeployTo-test", (ApprovalAction("Approve", 1, "test", 60),), "test"),
    ),
)


def store() -> Store:
    made = Store.in_memory()
    made.catalog.add_application("shop")
    definition = PipelineDefinition(
        app="shop", name="release", repository="/r", branch="main", manifest="copilot/pipeline.yml", plan=PLAN
    )
    made.catalog.put_pipeline(definition, "a hook")
    return made


def test_an_execution_shows_its_stages_and_what_became_of_them() -> None:
    made = store()
    revision = Revision(id="a" * 40, summary="Fix", author="Ana", committed_at=1.0)
    record = made.executions.add(app="shop", pipeline="release", trigger="push", plan=PLAN, repository="/r", revision=revision)
    waiting = views.execution_detail(record, {"DeployTo-test": "freeze"})
    assert [(s.stage_name, s.status, s.transition_enabled, s.disabled_reason) for s in waiting.stages] == [
        ("Source", "Pending", True, None),
        ("DeployTo-test", "Pending", False, "freeze"),
    ]
    assert (waiting.summary.number, waiting.summary.revision, waiting.updated_at) == (1, revision, record.started_at)

    attempt = record.attempts["Source", "Source"]
    made.executions.start_attempt(attempt.id)
    failed = ActionResult(succeeded=False, summary="no such branch", details=("a", "b"), url="http://x")
    made.executions.finish_attempt(attempt.id, "Failed", failed)
    state = apply(apply(record.state, EnterStage(record.id)), StartAction(record.id, "Source"))
    state = apply(with_action(state, "Source", "Failed"), FinishStage(record.id, "Failed"))
    made.executions.save_stage(record.id, "Source", state.stages[0], entered_at=2.0, ended_at=3.0)
    made.executions.save(apply(state, FinishExecution(record.id, "Failed")))
    ended = views.execution_detail(made.executions.by_id(record.id), {})
    assert [s.status for s in ended.stages] == ["Failed", "Skipped"]
    (action,) = ended.stages[0].actions
    assert (action.status, action.summary, action.details, action.url) == ("Failed", "no such branch", ("a", "b"), "http://x")
    assert ended.summary.ended_at is not None
    assert ended.updated_at == max(ended.summary.ended_at, action.ended_at or 0.0)
    assert ended.stages[1].actions[0].status == "Pending"
    made.close()


def test_a_pipeline_shows_its_newest_execution() -> None:
    made = store()
    record = made.catalog.pipeline("shop", "release")
    assert views.pipeline_summary(record, None).latest is None
    execution = made.executions.add(app="shop", pipeline="release", trigger="run", plan=PLAN, repository="/r")
    summary = views.pipeline_summary(record, execution)
    assert summary.latest is not None
    assert (summary.latest.number, summary.region, summary.branch) == (1, "local", "main")
    detail = views.pipeline_detail(record, {"Build": "why"})
    assert (detail.trigger, detail.disabled_stages, detail.definition) == ("a hook", {"Build": "why"}, record.definition)
    made.close()


def test_a_service_that_was_never_deployed_has_nothing_to_show() -> None:
    environment = LocalEnvironment(app="shop", name="test", runtime="host", port=1, url="http://localhost:1", created_at=0.0)
    state = views.service_state(environment, None, [], None)
    assert (state.environment, state.url, state.release, state.desired_count, state.tasks) == ("test", None, None, 0, ())
