from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.errors import ConflictError
from copilot.release.execution import (
    Decision,
    EnterStage,
    Execution,
    FinishExecution,
    StartAction,
    apply,
    decide,
    retry,
    stop,
    with_action,
)
from copilot.release.plan import CommandsAction, ExecutionMode, OnFailure, Plan, Stage


def action(name: str, order: int) -> CommandsAction:
    return CommandsAction(name, order, "test", ("true",), 5)


def make_plan(*stages: Sequence[tuple[str, int]], mode: ExecutionMode = "superseded", on_failure: OnFailure = "stop") -> Plan:
    made = tuple(Stage(f"S{i}", tuple(action(n, o) for n, o in stage), on_failure=on_failure) for i, stage in enumerate(stages))
    return Plan("shop", "release", made, mode)


TWO = make_plan([("a", 1)], [("b", 1)])


class World:
    """All executions of a pipeline, moved by the rules until they wait."""

    def __init__(self) -> None:
        self.executions: dict[int, Execution] = {}
        self.disabled: set[str] = set()
        self.started: list[tuple[int, str]] = []

    def begin(self, plan: Plan) -> int:
        number = len(self.executions) + 1
        self.executions[number] = Execution.begin(number, plan)
        self.settle()
        return number

    def settle(self) -> None:
        while (decision := decide(list(self.executions.values()), self.disabled)) is not None:
            self.carry_out(decision)

    def carry_out(self, decision: Decision) -> None:
        if isinstance(decision, StartAction):
            self.started.append((decision.execution, decision.action))
        self.executions[decision.execution] = apply(self.executions[decision.execution], decision)

    def finish(self, number: int, name: str, *, ok: bool = True) -> None:
        self.executions[number] = with_action(self.executions[number], name, "Succeeded" if ok else "Failed")
        self.settle()

    def __getitem__(self, number: int) -> Execution:
        return self.executions[number]


def test_an_execution_passes_its_stages_in_order() -> None:
    world = World()
    world.begin(TWO)
    assert world.started == [(1, "a")]
    world.finish(1, "a")
    assert world.started == [(1, "a"), (1, "b")]
    world.finish(1, "b")
    assert world[1].status == "Succeeded"


def test_a_run_order_waits_for_the_one_before() -> None:
    world = World()
    world.begin(make_plan([("a", 1), ("b", 1), ("c", 2)]))
    assert world.started == [(1, "a"), (1, "b")]
    world.finish(1, "a")
    assert world.started == [(1, "a"), (1, "b")]
    world.finish(1, "b")
    assert world.started[-1] == (1, "c")


def test_a_failure_lets_its_neighbours_finish_and_stops_the_promotion() -> None:
    world = World()
    world.begin(make_plan([("a", 1), ("b", 1), ("c", 2)], [("d", 1)]))
    world.finish(1, "a", ok=False)
    assert world[1].active
    world.finish(1, "b")
    assert world[1].status == "Failed"
    assert world[1].run.status == "Failed"
    assert {name for _, name in world.started} == {"a", "b"}


def test_a_newer_execution_supersedes_the_one_that_waits() -> None:
    world = World()
    for _ in range(3):
        world.begin(TWO)
    assert [world[n].status for n in (1, 2, 3)] == ["InProgress", "Superseded", "InProgress"]
    world.finish(1, "a")
    assert world.started == [(1, "a"), (1, "b"), (3, "a")]


def test_queued_executions_keep_their_order() -> None:
    world = World()
    plan = replace(TWO, mode="queued")
    for _ in range(3):
        world.begin(plan)
    world.finish(1, "a")
    assert world.started == [(1, "a"), (1, "b"), (2, "a")]
    world.finish(2, "a")
    assert world.started[-1] == (3, "a")
    world.finish(1, "b")
    assert world.started[-1] == (2, "b")


def test_parallel_executions_do_not_wait_for_each_other() -> None:
    world = World()
    plan = replace(TWO, mode="parallel")
    world.begin(plan)
    world.begin(plan)
    assert world.started == [(1, "a"), (2, "a")]


def test_nobody_enters_a_stage_whose_transition_is_disabled() -> None:
    world = World()
    world.disabled = {"S1"}
    world.begin(TWO)
    world.finish(1, "a")
    assert world.started == [(1, "a")]
    world.begin(TWO)
    world.finish(2, "a")
    assert [world[1].status, world[2].status] == ["Superseded", "InProgress"]
    world.disabled = set()
    world.settle()
    assert world.started[-1] == (2, "b")


def test_a_retry_runs_what_failed_and_what_never_started() -> None:
    world = World()
    world.begin(make_plan([("a", 1), ("b", 1), ("c", 2)]))
    world.finish(1, "a")
    world.finish(1, "b", ok=False)
    world.executions[1] = retry(world[1], "failed", 1)
    world.started.clear()
    world.settle()
    assert world.started == [(1, "b")]
    world.finish(1, "b")
    world.finish(1, "c")
    assert world[1].status == "Succeeded"


def test_a_retry_of_all_starts_the_stage_over() -> None:
    world = World()
    world.begin(make_plan([("a", 1), ("b", 2)]))
    world.finish(1, "a")
    world.finish(1, "b", ok=False)
    world.executions[1] = retry(world[1], "all", 1)
    world.started.clear()
    world.settle()
    assert world.started == [(1, "a")]


def test_a_retry_is_refused_once_a_newer_execution_was_in_the_stage() -> None:
    world = World()
    world.begin(TWO)
    world.finish(1, "a", ok=False)
    with pytest.raises(ConflictError, match="newer execution has entered stage `S0`"):
        retry(world[1], "failed", 2)


def test_only_a_failed_stage_can_be_retried() -> None:
    world = World()
    world.begin(TWO)
    with pytest.raises(ConflictError, match="nothing to retry"):
        retry(world[1], "failed", 1)


def test_on_failure_retry_tries_once_more() -> None:
    world = World()
    world.begin(make_plan([("a", 1)], on_failure="retry"))
    world.finish(1, "a", ok=False)
    assert world.started == [(1, "a"), (1, "a")]
    world.finish(1, "a", ok=False)
    assert world[1].status == "Failed"
    assert len(world.started) == 2


def test_stopping_lets_actions_finish_and_starts_no_other() -> None:
    world = World()
    world.begin(make_plan([("a", 1), ("b", 2)]))
    world.executions[1] = stop(world[1], abandon=False)
    world.settle()
    assert world[1].status == "Stopping"
    world.finish(1, "a")
    assert (world[1].status, world[1].run.status) == ("Stopped", "Stopped")
    assert world.started == [(1, "a")]


def test_stopping_after_the_last_action_has_nothing_left_to_stop() -> None:
    world = World()
    world.begin(make_plan([("a", 1)]))
    world.executions[1] = stop(world[1], abandon=False)
    world.finish(1, "a")
    assert world[1].status == "Succeeded"


def test_abandoning_ends_at_once() -> None:
    world = World()
    world.begin(make_plan([("a", 1), ("b", 1)]))
    world.executions[1] = stop(world[1], abandon=True)
    world.settle()
    assert world[1].status == "Stopped"
    assert set(world[1].run.actions.values()) == {"Abandoned"}


def test_what_has_ended_cannot_be_stopped() -> None:
    world = World()
    world.begin(make_plan([("a", 1)]))
    world.finish(1, "a")
    with pytest.raises(ConflictError, match="nothing to stop"):
        stop(world[1], abandon=False)


MODES: tuple[ExecutionMode, ...] = ("superseded", "queued", "parallel")


@settings(max_examples=200)
@given(st.data())
def test_whatever_happens_the_rules_hold(data: st.DataObject) -> None:
    mode = data.draw(st.sampled_from(MODES))
    plan = make_plan([("a", 1), ("b", 1), ("c", 2)], [("d", 1)], [("e", 1), ("f", 2)], mode=mode)
    world = World()
    for _ in range(data.draw(st.integers(1, 25))):
        running = [(n, name) for n, e in world.executions.items() for name, s in e.run.actions.items() if s == "InProgress"]
        choices = ["begin", *(["finish"] * 3 if running else []), "stop", "toggle"]
        match data.draw(st.sampled_from(choices)):
            case "begin" if len(world.executions) < 6:
                world.begin(plan)
            case "finish":
                number, name = data.draw(st.sampled_from(running))
                world.finish(number, name, ok=data.draw(st.integers(0, 4)) > 0)
            case "stop":
                active = [n for n, e in world.executions.items() if e.active]
                if active:
                    number = data.draw(st.sampled_from(active))
                    world.executions[number] = stop(world[number], abandon=data.draw(st.booleans()))
                    world.settle()
            case "toggle":
                world.disabled ^= {data.draw(st.sampled_from(["S1", "S2"]))}
                world.settle()
        check(world, plan, mode)
    # With every transition enabled and every action done, nothing is left waiting.
    world.disabled.clear()
    world.settle()
    for _ in range(100):
        running = [(n, name) for n, e in world.executions.items() for name, s in e.run.actions.items() if s == "InProgress"]
        if not running:
            break
        world.finish(*running[0])
    assert not any(e.active for e in world.executions.values())


def check(world: World, plan: Plan, mode: ExecutionMode) -> None:
    for stage in plan.stages:
        inside = [
            n for n, e in world.executions.items() if e.active and e.stage.name == stage.name and e.run.status == "InProgress"
        ]
        assert mode == "parallel" or len(inside) <= 1
        waiting = [
            n for n, e in world.executions.items() if e.active and e.stage.name == stage.name and e.run.status == "Pending"
        ]
        assert mode != "superseded" or len(waiting) <= 1
    for execution in world.executions.values():
        for index, run in enumerate(execution.stages):
            if index < execution.position:
                assert run.status == "Succeeded"
                assert set(run.actions.values()) == {"Succeeded"}
            elif index > execution.position:
                assert run.status == "Pending"
        if not execution.active:
            assert "InProgress" not in execution.run.actions.values()
            assert execution.status != "Superseded" or execution.run.status == "Pending"
        begun = [a for a in execution.stage.actions if execution.run.actions[a.name] != "Pending"]
        for a in begun:
            earlier = [b for b in execution.stage.actions if b.run_order < a.run_order]
            assert all(execution.run.actions[b.name] == "Succeeded" for b in earlier)
    assert len(world.started) == len(set(world.started))


def test_entering_comes_before_starting() -> None:
    first = Execution.begin(1, TWO)
    decision = decide([first])
    assert decision == EnterStage(1)
    assert isinstance(decide([apply(first, EnterStage(1))]), StartAction)
    assert apply(first, FinishExecution(1, "Superseded")).active is False
