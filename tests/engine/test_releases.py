"""Releases through pipelines, the same on both engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from copilot.errors import ConflictError
from tests import gitrepo
from tests.engine.benches import APP, Line, Promotes, until, waits_for


def test_a_push_is_released_to_one_environment_after_the_other(line: Line) -> None:
    first, second = line.environments
    line.ended(line.begin(Promotes(tests=True), Promotes(), version="1"))
    execution = line.push("2")
    detail = line.ended(execution)
    assert detail.summary.status == "Succeeded"
    assert [each.stage_name for each in detail.stages] == ["Source", "Build", line.stage_of(first), line.stage_of(second)]
    assert {each.status for each in detail.stages} == {"Succeeded"}
    assert [each.environment for each in detail.stages] == [None, None, first, second]
    began = [action.started_at or 0.0 for stage in detail.stages for action in stage.actions]
    assert began == sorted(began)
    assert {action.attempt for stage in detail.stages for action in stage.actions} == {1}
    revision = detail.summary.revision
    assert revision is not None
    assert (revision.id, revision.summary) == (gitrepo.run(line.checkout, "rev-parse", "HEAD"), "Version 2")
    assert (line.deployed(first), line.deployed(second)) == ("2", "2")
    assert line.engine.executions(APP, line.name)[0].id == execution


def test_a_build_that_fails_deploys_nothing(line: Line) -> None:
    execution = line.begin(Promotes(), Promotes(), build="echo boom; exit 3")
    detail = line.ended(execution)
    assert detail.summary.status == "Failed"
    assert line.statuses(execution)[:2] == ["Succeeded", "Failed"]
    assert not {"InProgress", "Succeeded", "Failed"} & set(line.statuses(execution)[2:])
    build = line.action(execution, "Build", "Build")
    assert build.status == "Failed"
    assert "sh build.sh" in build.summary
    assert "boom" in build.details
    assert [line.deployed(each) for each in line.environments] == [None, None]


def test_tests_that_fail_stop_the_promotion(line: Line) -> None:
    first, second = line.environments
    execution = line.begin(Promotes(tests=True), Promotes(), tests="echo broken; exit 1")
    assert line.ended(execution).summary.status == "Failed"
    assert line.stage(execution, line.stage_of(first)).status == "Failed"
    tests = line.action(execution, line.stage_of(first), "TestCommands")
    assert (tests.status, "sh test.sh" in tests.summary, "broken" in tests.details) == ("Failed", True, True)
    assert (line.deployed(first), line.deployed(second)) == ("1", None)


def test_an_approval_lets_a_release_through(line: Line) -> None:
    first, second = line.environments
    execution = line.begin(Promotes(), Promotes(approval=True))
    waiting = until(lambda: line.engine.promotions(APP, line.name))
    assert [(each.execution, each.environment, each.stage) for each in waiting] == [(execution, second, line.stage_of(second))]
    commit = gitrepo.run(line.checkout, "rev-parse", "HEAD")
    revision = waiting[0].revision_after
    assert revision is not None
    assert (revision.id, waiting[0].revision_before) == (commit, None)
    assert waiting[0].expires_at > waiting[0].waiting_since
    assert (line.deployed(first), line.deployed(second)) == ("1", None)
    action = line.approval_of(second)
    answer = line.engine.decide(APP, line.name, execution, action, approve=True, approver="ana", comment="go")
    assert answer.id == execution
    assert line.ended(execution).summary.status == "Succeeded"
    assert line.action(execution, line.stage_of(second), action).summary == "approved by ana: go"
    assert line.engine.promotions(APP, line.name) == []
    assert line.deployed(second) == "1"


def test_a_rejection_ends_a_release(line: Line) -> None:
    second = line.environments[1]
    execution = line.begin(Promotes(), Promotes(approval=True))
    until(lambda: line.engine.promotions(APP, line.name))
    action = line.approval_of(second)
    line.engine.decide(APP, line.name, execution, action, approve=False, approver="ben", comment="not now")
    assert line.ended(execution).summary.status == "Failed"
    state = line.action(execution, line.stage_of(second), action)
    assert (state.status, state.summary) == ("Failed", "rejected by ben: not now")
    assert line.deployed(second) is None
    with pytest.raises(ConflictError):
        line.engine.decide(APP, line.name, execution, action, approve=True, approver="ana")


def test_a_commit_that_was_chosen_is_released(line: Line) -> None:
    line.ended(line.begin(Promotes(), version="1"))
    commit = gitrepo.run(line.checkout, "rev-parse", "HEAD")
    line.ended(line.push("2"))
    execution = line.engine.start_execution(APP, line.name, revision=commit)
    detail = line.ended(execution.id)
    assert detail.summary.revision is not None
    assert detail.summary.revision.id == commit
    assert line.deployed(line.environments[0]) == "1"
    again = line.ended(line.engine.start_execution(APP, line.name).id)
    assert (again.summary.status, line.deployed(line.environments[0])) == ("Succeeded", "2")


def test_a_stage_goes_back_to_an_earlier_release(line: Line) -> None:
    first, second = line.environments
    one = line.begin(Promotes(), Promotes(), version="1")
    line.ended(one)
    line.ended(line.push("2"))
    execution = line.engine.rollback(APP, line.name, line.stage_of(second))
    detail = line.ended(execution.id)
    assert (detail.summary.status, detail.summary.rollback_of) == ("Succeeded", line.stage_of(second))
    assert (line.deployed(first), line.deployed(second)) == ("2", "1")
    named = line.engine.rollback(APP, line.name, line.stage_of(first), to=one)
    assert line.ended(named.id).summary.rollback_of == line.stage_of(first)
    assert (line.deployed(first), line.deployed(second)) == ("1", "1")


def test_what_a_build_prints_can_be_read_on(line: Line, gate: Path) -> None:
    execution = line.begin(Promotes(), build=f"echo one\n{waits_for(gate)}echo two")
    line.prints(execution, "Build", "Build", "waiting")
    before, at = line.log(execution, "Build", "Build")
    assert "one" in before.split()
    assert not at.finished
    gate.touch()
    line.ended(execution)
    until(lambda: line.log(execution, "Build", "Build", at.next_offset)[1].finished)
    rest, _ = line.log(execution, "Build", "Build", at.next_offset)
    assert "two" in rest.split()
    assert "one" not in rest.split()
    assert line.log(execution, "Build", "Build")[0] == before + rest
