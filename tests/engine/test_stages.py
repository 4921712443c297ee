"""How executions move through the stages of a pipeline, and how people step in, the same on both engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from copilot.errors import ConflictError
from tests.engine.benches import APP, Line, Promotes, until, waits_for


def test_a_failed_build_is_retried(line: Line, gate: Path) -> None:
    execution = line.begin(Promotes(), build=f"test -e {gate}")
    line.ended(execution)
    gate.touch()
    answer = line.engine.retry(APP, line.name, execution)
    assert answer.id == execution
    detail = line.ended(execution)
    assert detail.summary.status == "Succeeded"
    attempts = {action.name: action.attempt for stage in detail.stages for action in stage.actions}
    assert attempts["Build"] == 2
    assert set(attempts.values()) == {1, 2}
    with pytest.raises(ConflictError):
        line.engine.retry(APP, line.name, execution)


def test_only_what_failed_is_retried_or_the_whole_stage(line: Line, gate: Path) -> None:
    environment = line.environments[0]
    stage, deployment = line.stage_of(environment), line.deployment_of(environment)
    execution = line.begin(Promotes(tests=True), tests=f"test -e {gate}")
    line.ended(execution)
    line.engine.retry(APP, line.name, execution, "failed")
    line.ended(execution)
    attempts = line.action(execution, stage, deployment).attempt, line.action(execution, stage, "TestCommands").attempt
    assert attempts == (1, 2)
    gate.touch()
    line.engine.retry(APP, line.name, execution, "all")
    detail = line.ended(execution)
    assert detail.summary.status == "Succeeded", detail
    attempts = line.action(execution, stage, deployment).attempt, line.action(execution, stage, "TestCommands").attempt
    assert attempts == (2, 3)


def test_a_stage_is_retried_by_itself(line: Line, gate: Path) -> None:
    stage = line.stage_of(line.environments[0])
    execution = line.begin(Promotes(tests=True, on_failure="retry"), tests=f"[ -e {gate} ] || {{ touch {gate}; false; }}")
    assert line.ended(execution).summary.status == "Succeeded"
    assert line.action(execution, stage, "TestCommands").attempt == 2


def test_an_execution_that_a_newer_one_has_overtaken_is_not_retried(line: Line) -> None:
    first = line.begin(Promotes(), build="false")
    line.ended(first)
    line.ended(line.push("2"))
    with pytest.raises(ConflictError):
        line.engine.retry(APP, line.name, first)


def test_an_execution_stops_after_what_it_is_doing(line: Line, gate: Path) -> None:
    execution = line.begin(Promotes(), build=waits_for(gate))
    line.prints(execution, "Build", "Build", "waiting")
    assert line.engine.stop(APP, line.name, execution).status == "Stopping"
    assert line.action(execution, "Build", "Build").status == "InProgress"
    gate.touch()
    assert line.ended(execution).summary.status == "Stopped"
    assert line.action(execution, "Build", "Build").status == "Succeeded"
    assert line.deployed(line.environments[0]) is None
    with pytest.raises(ConflictError):
        line.engine.stop(APP, line.name, execution)


def test_what_an_execution_is_doing_is_abandoned(line: Line, gate: Path) -> None:
    execution = line.begin(Promotes(), build=waits_for(gate))
    line.prints(execution, "Build", "Build", "waiting")
    line.engine.stop(APP, line.name, execution, abandon=True)
    assert line.ended(execution).summary.status == "Stopped"
    assert line.action(execution, "Build", "Build").status == "Abandoned"
    assert line.stage(execution, "Build").status in {"Stopped", "Failed"}


def test_a_stage_is_entered_only_as_long_as_it_is_allowed(line: Line, gate: Path) -> None:
    stage = line.stage_of(line.environments[0])
    execution = line.begin(Promotes(), build=waits_for(gate))
    line.engine.set_transition(APP, line.name, stage, enabled=False, reason="the shop is closed")
    gate.touch()
    line.reaches(execution, "Build", "Build", "Succeeded")
    state = line.stage(execution, stage)
    assert (state.status, state.transition_enabled, state.disabled_reason) == ("Pending", False, "the shop is closed")
    assert line.engine.pipeline(APP, line.name).disabled_stages == {stage: "the shop is closed"}
    assert line.detail(execution).summary.status == "InProgress"
    line.engine.set_transition(APP, line.name, stage, enabled=True)
    assert line.ended(execution).summary.status == "Succeeded"
    state = line.stage(execution, stage)
    assert (state.transition_enabled, state.disabled_reason) == (True, None)


def test_an_execution_that_waits_gives_way_to_a_newer_one(line: Line) -> None:
    stage = line.stage_of(line.environments[0])
    line.ended(line.begin(Promotes(), version="1"))
    line.engine.set_transition(APP, line.name, stage, enabled=False, reason="wait")
    older = line.push("2")
    line.reaches(older, "Build", "Build", "Succeeded")
    newer = line.push("3")
    assert line.ended(older).summary.status == "Superseded"
    assert line.detail(newer).summary.status == "InProgress"
    line.engine.set_transition(APP, line.name, stage, enabled=True)
    assert line.ended(newer).summary.status == "Succeeded"
    assert line.deployed(line.environments[0]) == "3"


def test_executions_wait_for_their_turn(line: Line) -> None:
    stage = line.stage_of(line.environments[0])
    line.ended(line.begin(Promotes(), mode="queued", version="1"))
    line.engine.set_transition(APP, line.name, stage, enabled=False, reason="wait")
    older = line.push("2")
    line.reaches(older, "Build", "Build", "Succeeded")
    newer = line.push("3")
    line.reaches(newer, "Source", line.stage(newer, "Source").actions[0].name, "Succeeded")
    assert line.detail(older).summary.status == "InProgress"
    line.engine.set_transition(APP, line.name, stage, enabled=True)
    assert [line.ended(each).summary.status for each in (older, newer)] == ["Succeeded", "Succeeded"]
    assert line.deployed(line.environments[0]) == "3"


def test_a_stage_goes_back_by_itself_when_it_fails(line: Line) -> None:
    environment = line.environments[0]
    line.ended(line.begin(Promotes(tests=True, on_failure="rollback"), version="1"))
    failed = line.push("2", tests="false")
    assert line.ended(failed).summary.status == "Failed"
    back = until(lambda: [each for each in line.engine.executions(APP, line.name) if each.rollback_of])[0]
    assert back.rollback_of == line.stage_of(environment)
    line.ended(back.id)
    assert line.deployed(environment) == "1"
