"""Why an execution failed, as text: the first cause, what it printed, what is still safe, what to do. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from copilot.cli._output import duration
from copilot.cli.pipeline._text import Line, Look, Span, execution_label, flow, printable, short_revision, shorten
from copilot.cli.pipeline.view import Hints, symbol
from copilot.engine import ActionState, ExecutionDetail, StageState

_TAIL = 12
"""How many lines of what the action printed are shown; its log has all."""


_DURATION_AT_END = re.compile(r" after [\d.]+ \w+$")
"""What some actions say of themselves."""


@dataclass(frozen=True)
class StillRuns:
    """What an environment that the execution did not reach runs. ``revision`` None: nothing was ever deployed to it."""

    environment: str
    revision: str | None = None
    execution: str | None = None


def first_cause(execution: ExecutionDetail) -> tuple[StageState, ActionState] | None:
    """The action that failed first, with its stage."""
    failed = [(s, a) for s in execution.stages for a in s.actions if a.status == "Failed"]
    return min(failed, key=lambda pair: pair[1].ended_at or 0.0, default=None)


def not_reached(execution: ExecutionDetail) -> list[str]:
    """The environments that the execution may have left as they were: that of the failed stage, and those behind it."""
    cause = first_cause(execution)
    if cause is None:
        return []
    stages = execution.stages[execution.stages.index(cause[0]) :]
    return [stage.environment for stage in stages if stage.environment is not None]


def render(execution: ExecutionDetail, safe: Sequence[StillRuns], look: Look, hints: Hints | None = None) -> list[Line]:
    """Nothing if no action failed."""
    cause = first_cause(execution)
    if cause is None:
        return []
    hints = hints or Hints()
    stage, action = cause
    lines = [_headline(stage, action, look)]
    lines += [(Span("    "), Span(shorten(printable(text), look.width - 4))) for text in action.details[-_TAIL:]]
    if action.url and action.kind != "approval":
        lines.append((Span("    "), Span(printable(action.url), "quiet")))
    others = [a.name for s in execution.stages for a in s.actions if a.status == "Failed" and a is not action]
    if others:
        lines.append((Span("  "), Span(f"failed too: {', '.join(others)}")))
    lines += [(Span("  "), Span(sentence)) for sentence in _safe(safe)]
    lines += _next(execution, stage, action, look, hints)
    return [look.translate(line) for line in lines]


def _headline(stage: StageState, action: ActionState, look: Look) -> Line:
    where = action.name if action.name == stage.stage_name else f"{action.name} in {stage.stage_name}"
    why = printable(action.summary) or "failed"
    line: Line = (symbol("Failed", look), Span(" "), Span(where, "strong"), Span(": "), Span(why, "bad"))
    timed = action.started_at is not None and action.ended_at is not None
    if not timed or action.kind == "approval" or _DURATION_AT_END.search(why):
        return line
    return (*line, Span(f" after {duration((action.ended_at or 0.0) - (action.started_at or 0.0))}"))


def _safe(safe: Sequence[StillRuns]) -> list[str]:
    """One sentence for all that still run the same."""
    groups: dict[tuple[str | None, str | None], list[str]] = {}
    for item in safe:
        groups.setdefault((item.revision, item.execution), []).append(item.environment)
    sentences = []
    for (revision, brought_by), names in groups.items():
        who = _all_of(names)
        if revision is None:
            sentences.append(f"nothing was deployed to {who}")
        else:
            execution = f" ({execution_label(brought_by)})" if brought_by is not None else ""
            sentences.append(f"{who} still {'runs' if len(names) == 1 else 'run'} {short_revision(revision)}{execution}")
    return ["; ".join([*sentences, "nothing was promoted"])] if sentences else []


def _all_of(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _next(execution: ExecutionDetail, stage: StageState, action: ActionState, look: Look, hints: Hints) -> list[Line]:
    commands = []
    if action.kind != "approval":
        same = [s for s in execution.stages for a in s.actions if a.name == action.name]
        where = f" --stage {stage.stage_name}" if len(same) > 1 else ""
        commands.append(hints.command(f"logs {action.name}{where}"))
    if execution.summary.ended_at is not None:
        commands.append(hints.command("retry"))
    if not commands:
        return []
    first: Line = (Span("  "), commands[0])
    return flow(first, [(command,) for command in commands[1:]], look.width, 2)
