"""`copilot pipeline logs`: what an action printed."""

from __future__ import annotations

import sys
import time

import click

from copilot.cli import _ask
from copilot.cli._context import Context
from copilot.cli._options import app_option
from copilot.cli._output import say
from copilot.cli._root import command
from copilot.cli.pipeline._target import Target, choose_pipeline, choose_word, execution_option, name_option
from copilot.cli.pipeline._text import execution_label
from copilot.cli.pipeline.failure import first_cause
from copilot.cli.pipeline.view import is_waiting
from copilot.engine import ActionState, ExecutionDetail, StageState
from copilot.errors import NotFoundError, UsageError

Place = tuple[str, str]
"""Names of a stage and of an action in it."""


@command("pipeline logs")
@app_option
@name_option
@execution_option
@click.option("--stage", metavar="NAME", help="The stage, or its environment, where several have an action of that name.")
@click.option("--follow", is_flag=True, help="Keep printing: until the action ends, or the execution if no action is named.")
@click.argument("action", required=False)
def logs(context: Context, name: str | None, execution: str | None, stage: str | None, follow: bool, action: str | None) -> None:
    """Without ACTION: that of the action which failed first, or else is in progress, or else came last."""
    target = choose_pipeline(context, name)
    detail = target.engine.execution(target.app, target.name, execution)
    chosen = choose_stage(detail, stage) if stage else None
    if action is None and follow:
        _follow_on(target, detail, chosen)
        return
    place = choose_action(detail, action, chosen) if action else newest_place(detail, chosen)
    if place is None:
        raise NotFoundError(f"nothing of execution {execution_label(detail.summary.id)} has begun yet")
    if action is None:
        say(f"{place[1]} in {place[0]}, execution {execution_label(detail.summary.id)}")
    if not _print_log(target, detail.summary.id, place, follow=follow):
        say(f"{place[1]} in {place[0]} printed nothing{_state_of(detail, place)}.")


def choose_stage(detail: ExecutionDetail, word: str) -> str:
    """The stage of that name, or of that environment. Raises NotFoundError."""
    names = {s.environment: s.stage_name for s in detail.stages if s.environment} | {
        s.stage_name: s.stage_name for s in detail.stages
    }
    return names[choose_word(word, list(names), f"execution {execution_label(detail.summary.id)} has no stage")]


def choose_action(detail: ExecutionDetail, word: str, stage: str | None) -> Place:
    """The action that is meant: of several with this name the only one that has begun, or the one a person picks.

    Raises:
        NotFoundError: No action is called so.
        UsageError: There are several and there is no terminal to ask on.
    """
    stages = [s for s in detail.stages if stage in (None, s.stage_name)]
    names = list(dict.fromkeys(a.name for s in stages for a in s.actions))
    where = f"stage {stage}" if stage else f"execution {execution_label(detail.summary.id)}"
    name = choose_word(word, names, f"{where} has no action")
    places = [(s, a) for s in stages for a in s.actions if a.name == name]
    begun = [(s, a) for s, a in places if a.status != "Pending"] or places
    if len(begun) == 1:
        return begun[0][0].stage_name, name
    choices = [s.stage_name for s, _ in begun]
    if not _ask.can_ask():
        raise UsageError(f"which `{name}`? `--stage` is missing", hint=f"it is in: {', '.join(choices)}")
    return _ask.select(f"{name} of which stage?", choices, flag="--stage"), name


def newest_place(detail: ExecutionDetail, stage: str | None) -> Place | None:
    """The action worth reading: what failed first, else what is in progress, else what began last. None: nothing has begun."""
    cause = first_cause(detail)
    if cause is not None and stage in (None, cause[0].stage_name):
        return cause[0].stage_name, cause[1].name
    begun = [pair for pair in _begun(detail, stage) if not is_waiting(pair[1])]
    running = [pair for pair in begun if pair[1].status == "InProgress"]
    candidates = running or begun
    if not candidates:
        return None
    last = max(candidates, key=lambda pair: pair[1].started_at or 0.0)
    return last[0].stage_name, last[1].name


def _begun(detail: ExecutionDetail, stage: str | None) -> list[tuple[StageState, ActionState]]:
    return [(s, a) for s in detail.stages if stage in (None, s.stage_name) for a in s.actions if a.status != "Pending"]


def _follow_on(target: Target, detail: ExecutionDetail, stage: str | None) -> None:
    """Print the log of every action, one after the other in the order they began, until the execution ends."""
    id_ = detail.summary.id
    printed: set[tuple[Place, int]] = set()
    waiting: set[str] = set()
    while True:
        fresh = [(s, a) for s, a in _begun(detail, stage) if ((s.stage_name, a.name), a.attempt) not in printed]
        for state, action in sorted(fresh, key=lambda pair: pair[1].started_at or 0.0):
            if is_waiting(action):
                if action.name not in waiting:
                    waiting.add(action.name)
                    say(f"{action.name} waits: {target.command('approve')}")
                continue
            place = (state.stage_name, action.name)
            printed.add((place, action.attempt))
            if action.kind != "approval":
                say(f"{action.name} in {state.stage_name}")
                _print_log(target, id_, place, follow=True)
        if detail.summary.ended_at is not None and not fresh:
            say(f"Execution {execution_label(id_)} has ended: {detail.summary.status}")
            return
        if not fresh or all(is_waiting(a) for _, a in fresh):
            time.sleep(target.pause)
        detail = target.engine.execution(target.app, target.name, id_)


def _print_log(target: Target, execution: str, place: Place, *, follow: bool) -> bool:
    """Print a log to its end, or to where it is now. The answer: whether there was anything."""
    offset = 0
    while True:
        chunk = target.engine.log(target.app, target.name, execution, *place, offset=offset)
        sys.stdout.write(chunk.text)
        sys.stdout.flush()
        progressed = chunk.next_offset > offset
        offset = chunk.next_offset
        if chunk.finished or (not follow and not progressed):
            return offset > 0
        if not progressed:
            time.sleep(target.pause)


def _state_of(detail: ExecutionDetail, place: Place) -> str:
    status = next(a.status for s in detail.stages for a in s.actions if (s.stage_name, a.name) == place)
    return {"Pending": "; it has not begun", "InProgress": " so far"}.get(status, "")
