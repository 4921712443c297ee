"""What differs between two plans, as text: what `pipeline update` is about to change. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import groupby
from typing import Literal

from copilot.cli._output import cell_width, pad
from copilot.cli.pipeline._text import Line, Span, Style
from copilot.release.plan import (
    Action,
    ApprovalAction,
    BuildAction,
    CommandsAction,
    DeployAction,
    OtherAction,
    Plan,
    ProjectAction,
    SourceAction,
    Stage,
)

_KINDS = {
    "source": "fetch",
    "build": "build",
    "approval": "approval",
    "project": "buildspec",
    "deploy": "deploy",
    "commands": "test commands",
    "other": "other action",
}
_SIGNS: dict[str, tuple[str, Style]] = {"added": ("+", "good"), "removed": ("-", "bad"), "changed": ("~", "wait")}
_DERIVED = ("kind", "name")
"""Fields that say nothing new about an action whose name is shown."""


@dataclass(frozen=True)
class Change:
    """One difference. ``what`` names a stage or an action; ``notes`` are changed settings, or the actions of a new stage."""

    change: Literal["added", "removed", "changed"]
    what: str
    notes: tuple[str, ...] = ()


def outline(plan: Plan) -> list[Line]:
    """What a pipeline does: a line for each stage, with its actions in their order; those at the same time are listed."""
    width = max((cell_width(stage.name) for stage in plan.stages), default=0)
    return [(Span(f"{pad(stage.name, width)}   "), Span(_steps(stage), "quiet")) for stage in plan.stages]


def plan_changes(before: Plan, after: Plan) -> list[Change]:
    """All differences, in the order of the stages; removed ones last."""
    changes: list[Change] = []
    if before.mode != after.mode:
        changes.append(Change("changed", "execution mode", (f"{before.mode} → {after.mode}",)))
    changes += _order(before, after)
    old = {stage.name: stage for stage in before.stages}
    for stage in after.stages:
        changes += _stage_changes(old[stage.name], stage) if stage.name in old else [_whole("added", stage)]
    kept = {stage.name for stage in after.stages}
    changes += [_whole("removed", stage) for stage in before.stages if stage.name not in kept]
    return changes


def render(changes: list[Change]) -> list[Line]:
    """One line for each difference, its notes below it."""
    lines: list[Line] = []
    for change in changes:
        sign, style = _SIGNS[change.change]
        lines.append((Span(f"{sign} ", style), Span(change.what, style)))
        lines += [(Span("    "), Span(note)) for note in change.notes]
    return lines


def _steps(stage: Stage) -> str:
    by_order = groupby(sorted(stage.actions, key=lambda a: a.run_order), key=lambda a: a.run_order)
    return " → ".join(", ".join(_in_words(action) for action in actions) for _, actions in by_order)


def _in_words(action: Action) -> str:
    match action:
        case SourceAction():
            return f"{action.branch} of {action.repository}"
        case BuildAction():
            return action.buildspec
        case DeployAction():
            return action.workload
        case ProjectAction():
            return action.name
        case OtherAction():
            return action.name
        case ApprovalAction() | CommandsAction():
            return _KINDS[action.kind]


def _whole(change: Literal["added", "removed"], stage: Stage) -> Change:
    names = tuple(a.name for a in stage.actions)
    return Change(change, stage.name, () if names == (stage.name,) else names)


def _order(before: Plan, after: Plan) -> list[Change]:
    then = [s.name for s in before.stages if s.name in {x.name for x in after.stages}]
    now = [s.name for s in after.stages if s.name in {x.name for x in before.stages}]
    return [] if then == now else [Change("changed", "order of the stages", (" → ".join(now),))]


def _stage_changes(before: Stage, after: Stage) -> list[Change]:
    changes: list[Change] = []
    if before.on_failure != after.on_failure:
        changes.append(Change("changed", after.name, (f"on failure: {before.on_failure} → {after.on_failure}",)))
    old = {a.name: a for a in before.actions}
    new = {a.name: a for a in after.actions}
    for action in after.actions:
        where = _where(after, action)
        if action.name not in old:
            changes.append(Change("added", f"{where} ({_KINDS[action.kind]})"))
        elif notes := _action_changes(old[action.name], action):
            changes.append(Change("changed", where, notes))
    changes += [Change("removed", _where(before, a)) for a in before.actions if a.name not in new]
    return changes


def _where(stage: Stage, action: Action) -> str:
    return stage.name if action.name == stage.name else f"{stage.name} / {action.name}"


def _action_changes(before: Action, after: Action) -> tuple[str, ...]:
    if type(before) is not type(after):
        return (f"{_KINDS[before.kind]} → {_KINDS[after.kind]}",)
    notes = []
    for field in fields(after):
        then, now = getattr(before, field.name), getattr(after, field.name)
        if field.name not in _DERIVED and then != now:
            notes.append(f"{field.name.replace('_', ' ')}: {_value(then)} → {_value(now)}")
    return tuple(notes)


def _value(value: object) -> str:
    if value is None or value in ((), {}):
        return "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={item}" for key, item in value.items())
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
