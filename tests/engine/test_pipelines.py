"""Pipelines, and what is said of those that are not there, the same on both engines."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from copilot.errors import NotFoundError, UnsupportedError
from tests.engine.benches import APP, Line, Promotes


def test_a_pipeline_is_listed_shown_and_deleted(line: Line) -> None:
    execution = line.begin(Promotes(), Promotes(approval=True, tests=True))
    line.reaches(execution, line.stage_of(line.environments[1]), line.approval_of(line.environments[1]))
    line.engine.stop(APP, line.name, execution, abandon=True)
    line.ended(execution)
    summary = next(each for each in line.engine.pipelines(APP) if each.name == line.name)
    assert (summary.app, summary.branch) == (APP, "main")
    assert summary.latest is not None
    assert summary.latest.id == execution

    detail = line.engine.pipeline(APP, line.name)
    assert (detail.definition.name, detail.definition.branch) == (line.name, "main")
    plan = detail.definition.plan
    first, second = (line.stage_of(each) for each in line.environments)
    assert [stage.name for stage in plan.stages] == ["Source", "Build", first, second]
    assert plan.environments == line.environments
    assert [(action.kind, action.name) for action in plan.stage(second).actions] == [
        ("approval", line.approval_of(line.environments[1])),
        ("deploy", line.deployment_of(line.environments[1])),
        ("commands", "TestCommands"),
    ]
    assert dict(detail.disabled_stages) == {}

    line.engine.delete_pipeline(APP, line.name)
    assert line.name not in [each.name for each in line.engine.pipelines(APP)]
    with pytest.raises(NotFoundError):
        line.engine.pipeline(APP, line.name)
    assert line.deployed(line.environments[0]) == "1"


def test_a_pipeline_that_is_not_there(line: Line) -> None:
    engine = line.engine
    asked: list[Callable[[], object]] = [
        lambda: engine.pipeline(APP, "nowhere"),
        lambda: engine.delete_pipeline(APP, "nowhere"),
        lambda: engine.start_execution(APP, "nowhere"),
        lambda: engine.executions(APP, "nowhere"),
        lambda: engine.execution(APP, "nowhere"),
        lambda: engine.promotions(APP, "nowhere"),
        lambda: engine.rollback(APP, "nowhere", "Build"),
        lambda: engine.set_transition(APP, "nowhere", "Build", enabled=True),
    ]
    for ask in asked:
        with pytest.raises(NotFoundError, match="`nowhere`"):
            ask()


def test_executions_and_stages_that_are_not_there(line: Line) -> None:
    line.ended(line.begin(Promotes()))
    engine, name = line.engine, line.name
    known = engine.executions(APP, name)[0]
    missing = "999" if known.number is not None else "0" * 36
    asked: list[Callable[[], object]] = [
        lambda: engine.execution(APP, name, missing),
        lambda: engine.log(APP, name, missing, "Build", "Build"),
        lambda: engine.log(APP, name, known.id, "Build", "Nothing"),
        lambda: engine.log(APP, name, known.id, "Nowhere", "Build"),
        lambda: engine.retry(APP, name, missing),
        lambda: engine.stop(APP, name, missing),
        lambda: engine.rollback(APP, name, "Nowhere"),
        lambda: engine.set_transition(APP, name, "Nowhere", enabled=False, reason="x"),
    ]
    for ask in asked:
        with pytest.raises(NotFoundError):
            ask()
    with pytest.raises(UnsupportedError, match=r"stage `Source` .* nothing to go back to"):
        engine.rollback(APP, name, "Source")
