"""An execution as text: what happened, where, and what a person has to do now. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from copilot.cli._output import ago, cell_width, duration, pad
from copilot.cli.pipeline._text import (
    Line,
    Look,
    Span,
    Style,
    cut,
    execution_label,
    flow,
    line_width,
    printable,
    short_revision,
    shorten,
)
from copilot.engine import ActionState, ExecutionDetail, Revision, StageState
from copilot.release.execution import ExecutionStatus

_GAP = 3
_STAGE_INDENT, _ACTION_INDENT = 4, 8
_SHORTEST_SUMMARY = 12
_RIGHT_EDGE = 100
_BETWEEN_PARTS = "   "
"""What divides the parts of an action's summary, which may stand in lines of their own."""
_EXPIRY_SHOWN_BELOW = 86400
"""Seconds left from which a waiting approval says when it lapses."""

STATUS_WORDS: dict[ExecutionStatus, tuple[str, Style]] = {
    "InProgress": ("in progress", "busy"),
    "Succeeded": ("succeeded", "good"),
    "Failed": ("failed", "bad"),
    "Stopping": ("stopping", "wait"),
    "Stopped": ("stopped", "wait"),
    "Superseded": ("superseded by a newer execution", "quiet"),
}

_SYMBOLS: dict[str, tuple[str, str, Style]] = {
    "Succeeded": ("✓", "+", "good"),
    "Failed": ("✗", "x", "bad"),
    "InProgress": ("●", ">", "busy"),
    "Waiting": ("◷", "?", "wait"),
    "Pending": ("·", ".", "quiet"),
    "Skipped": ("-", "-", "quiet"),
    "Stopped": ("■", "#", "wait"),
    "Abandoned": ("■", "#", "wait"),
}


@dataclass(frozen=True)
class Hints:
    """The commands that a view names. ``flags`` names the pipeline where there is more than one, such as `` --name api``."""

    flags: str = ""

    def command(self, words: str) -> Span:
        """``copilot pipeline <words>`` for this pipeline."""
        return Span(f"copilot pipeline {words}{self.flags}", "strong")


@dataclass(frozen=True)
class Held:
    """An execution that waits for another one to leave a stage. ``approval``: the other one waits there for a person."""

    stage: str
    execution: str
    approval: bool

    def line(self, look: Look, hints: Hints) -> Line:
        """What it waits for, in words."""
        if not self.approval:
            return (Span(f"waits until {execution_label(self.execution)} has left it", "wait"),)
        return (
            Span(f"waits for {execution_label(self.execution)}, which waits for approval", "wait"),
            Span(f" {look.arrow} "),
            hints.command("approve"),
        )


def awaited_stage(execution: ExecutionDetail) -> str | None:
    """The stage that an execution in progress could enter but has not; None if it is at work."""
    if execution.summary.status != "InProgress" or any(s.status == "InProgress" for s in execution.stages):
        return None
    following = next((s for s in execution.stages if s.status == "Pending"), None)
    return following.stage_name if following is not None and following.transition_enabled else None


def held(stage: str, others: Iterable[ExecutionDetail]) -> Held | None:
    """Which of the other executions is in a stage."""
    for other in others:
        there = next((s for s in other.stages if s.stage_name == stage and s.status == "InProgress"), None)
        if there is not None:
            return Held(stage, other.summary.id, any(is_waiting(a) for a in there.actions))
    return None


def is_waiting(action: ActionState) -> bool:
    """Whether the action is an approval that waits for a person."""
    return action.kind == "approval" and action.status == "InProgress"


def symbol(state: str, look: Look) -> Span:
    """The sign of a state: an action's, a stage's, or ``Waiting``."""
    fancy, ascii_, style = _SYMBOLS[state]
    return Span(fancy if look.symbols else ascii_, style)


def action_symbol(action: ActionState, look: Look) -> Span:
    """The sign in front of an action."""
    return symbol("Waiting" if is_waiting(action) else action.status, look)


def elapsed(started_at: float | None, ended_at: float | None, now: float) -> str:
    """How long something took, or has taken so far; empty before it started."""
    if started_at is None:
        return ""
    return duration((now if ended_at is None else ended_at) - started_at)


def render(
    execution: ExecutionDetail, now: float, look: Look, hints: Hints | None = None, held_by: Held | None = None
) -> list[Line]:
    """The whole execution. When it is higher than ``look.height``, stages with nothing to see are shown as one line each."""
    hints = hints or Hints()
    header = [*_header(execution, now, look), ()]
    stages = [_stage(stage, now, look, hints, _widths(execution, now), held_by) for stage in execution.stages]
    if look.height is not None:
        stages = _collapse(execution.stages, stages, look.height - len(header))
    # Some characters are wider as they can be shown, and what is cut off leaves a mark that must be shown, too.
    lines = (look.translate(line) for line in [*header, *(line for stage in stages for line in stage)])
    return [look.translate(cut(line, look.width)) for line in lines]


def describe_revision(revision: Revision, now: float, room: int) -> Line:
    """A commit in one line: id, summary, author, age. The summary gives way when there is little room."""
    line: Line = (Span(short_revision(revision.id), "strong"),)
    if not revision.summary:  # nothing but its id is known until it has been fetched
        return line
    when = ago(revision.committed_at, now) if revision.committed_at is not None else ""
    author = ", ".join(part for part in (printable(revision.author), when) if part)
    author = f"  {author}" if author else ""
    left = room - line_width(line) - cell_width(author) - 3
    summary = shorten(printable(revision.summary), max(left, _SHORTEST_SUMMARY))
    return (*line, Span(f' "{summary}"'), Span(author, "quiet"))


def _header(execution: ExecutionDetail, now: float, look: Look) -> list[Line]:
    summary = execution.summary
    words, style = STATUS_WORDS[summary.status]
    status = Span(words, style)
    name: Line = (Span(execution.name, "strong"), Span(f"  {execution_label(summary.id)}"))
    if summary.rollback_of:
        name = (*name, Span(f"  rollback of {summary.rollback_of}", "quiet"))
    room = look.width - line_width(name) - cell_width(words) - 6
    if summary.revision is None:
        return [_apart(name, status, look.width)]
    revision = describe_revision(summary.revision, now, room)
    if line_width(revision) <= room:
        return [_apart((*name, Span("  "), *revision), status, look.width)]
    return [_apart(name, status, look.width), cut(describe_revision(summary.revision, now, look.width), look.width)]


def _apart(left: Line, right: Span, width: int) -> Line:
    """``right`` at the right edge, or at a column where it is still seen together with ``left``."""
    left = cut(left, width - cell_width(right.text) - 2)
    used = line_width(left) + cell_width(right.text)
    return (*left, Span(" " * max(2, min(width, _RIGHT_EDGE) - used)), right)


@dataclass(frozen=True)
class _Widths:
    stage: int
    stage_time: int
    action: int
    action_time: int


def _widths(execution: ExecutionDetail, now: float) -> _Widths:
    actions = [a for stage in execution.stages if not _is_one_line(stage) for a in stage.actions]
    return _Widths(
        max((cell_width(stage.stage_name) for stage in execution.stages), default=0),
        max((cell_width(_stage_time(stage, now)) for stage in execution.stages), default=0),
        max((cell_width(a.name) for a in actions), default=0),
        max((cell_width(_action_time(a, now)) for a in actions), default=0),
    )


def _is_one_line(stage: StageState) -> bool:
    return stage.environment is None and len(stage.actions) == 1


def _stage_time(stage: StageState, now: float) -> str:
    started = [a.started_at for a in stage.actions if a.started_at is not None]
    if not started or any(is_waiting(a) for a in stage.actions):
        return ""
    if stage.status == "InProgress":
        return elapsed(min(started), None, now)
    ended = [a.ended_at for a in stage.actions if a.ended_at is not None]
    return elapsed(min(started), max(ended), now) if ended else ""


def _action_time(action: ActionState, now: float) -> str:
    return "" if is_waiting(action) else elapsed(action.started_at, action.ended_at, now)


def _stage(stage: StageState, now: float, look: Look, hints: Hints, widths: _Widths, held_by: Held | None) -> list[Line]:
    waiting = any(is_waiting(a) for a in stage.actions)
    sign = symbol("Waiting" if waiting else stage.status, look)
    left: Line = (sign, Span(" "), Span(pad(stage.stage_name, widths.stage)))
    time = Span(f"{_stage_time(stage, now):>{widths.stage_time + _GAP}}", "quiet")
    notes = _transition(stage, look, hints)
    if held_by is not None and held_by.stage == stage.stage_name:
        notes.append(held_by.line(look, hints))
    if _is_one_line(stage):
        notes = [*_notes(stage.actions[0], now, look, hints), *notes]
    lines = flow((*left, time), notes, look.width, _STAGE_INDENT)
    if not _is_one_line(stage):
        for action in stage.actions:
            lines += _action(action, now, look, hints, widths)
    return lines


def _action(action: ActionState, now: float, look: Look, hints: Hints, widths: _Widths) -> list[Line]:
    quiet: Style = "quiet" if action.status == "Pending" else ""
    left: Line = (Span("    "), action_symbol(action, look), Span(" "), Span(pad(action.name, widths.action), quiet))
    if not is_waiting(action):
        left = (*left, Span(f"{_action_time(action, now):>{widths.action_time + _GAP}}", "quiet"))
    return flow(left, _notes(action, now, look, hints), look.width, _ACTION_INDENT)


def _transition(stage: StageState, look: Look, hints: Hints) -> list[Line]:
    if stage.transition_enabled:
        return []
    reason = f": {printable(stage.disabled_reason)}" if stage.disabled_reason else ""
    return [(Span(f"disabled{reason}", "wait"),), (Span(f"{look.arrow} "), hints.command(f"enable {stage.stage_name}"))]


def _notes(action: ActionState, now: float, look: Look, hints: Hints) -> list[Line]:
    """What is worth knowing about an action, part by part."""
    if is_waiting(action):
        return _waiting(action, now, look, hints)
    parts: list[Line] = []
    if action.attempt > 1:
        parts.append((Span(f"attempt {action.attempt}", "quiet"),))
    if action.summary:
        style: Style = "bad" if action.status == "Failed" else ""
        parts += [(Span(printable(part), style),) for part in action.summary.split(_BETWEEN_PARTS)]
    # Where to look at a failure is said with its cause, below.
    if action.url and action.url not in action.summary and action.status != "Failed":
        parts.append((Span(printable(action.url), "quiet"),))
    return parts


def _waiting(action: ActionState, now: float, look: Look, hints: Hints) -> list[Line]:
    since = f"waiting {duration(now - action.started_at)}" if action.started_at is not None else "waiting"
    if action.expires_at is not None and action.expires_at - now < _EXPIRY_SHOWN_BELOW:
        since += f", lapses in {duration(action.expires_at - now)}"
    return [(Span(since, "wait"),), (Span(f"{look.arrow} "), hints.command("approve"))]


def _collapse(states: Sequence[StageState], stages: list[list[Line]], height: int) -> list[list[Line]]:
    """Hide the actions of stages until the lines fit: first what has succeeded, then what has not begun."""
    stages = list(stages)
    for status in ("Succeeded", "Skipped", "Pending"):
        for index, state in enumerate(states):
            if sum(map(len, stages)) <= height:
                return stages
            if state.status == status and len(stages[index]) > 1 and not _is_one_line(state):
                count = len(state.actions)
                more = Span(f"  {count} action{'' if count == 1 else 's'}", "quiet")
                stages[index] = [(*stages[index][0], more)]
    return stages
