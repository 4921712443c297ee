"""What changed between two looks at an execution, as plain lines: for logs and pipes, where nothing can be redrawn. Pure."""

from __future__ import annotations

from copilot.cli._output import duration
from copilot.cli.pipeline._text import Line, Look, Span, execution_label, printable
from copilot.cli.pipeline.view import STATUS_WORDS, Held, Hints, action_symbol, describe_revision, elapsed, is_waiting, symbol
from copilot.engine import ActionState, ExecutionDetail, StageState


def changes(before: ExecutionDetail | None, after: ExecutionDetail, now: float, look: Look, hints: Hints) -> list[Line]:
    """A line for each action that has moved on since ``before``, and one for the execution's end."""
    lines: list[Line] = []
    known = before is not None and before.summary.revision is not None
    if after.summary.revision is not None and not known:
        revision = describe_revision(after.summary.revision, now, look.width)
        lines.append((*_title(after), Span("  "), *revision))
    seen = {} if before is None else {(s.stage_name, a.name): a for s in before.stages for a in s.actions}
    moved = [
        (stage, action)
        for stage in after.stages
        for action in stage.actions
        if action.status != "Pending" and _state(action) != _state(seen.get((stage.stage_name, action.name)))
    ]
    moved.sort(key=lambda pair: pair[1].ended_at or pair[1].started_at or now)
    lines += [_moved(stage, action, now, look, hints) for stage, action in moved]
    if after.summary.ended_at is not None and (before is None or before.summary.ended_at is None):
        words, style = STATUS_WORDS[after.summary.status]
        took = duration(after.summary.ended_at - after.summary.started_at)
        lines.append((*_title(after), Span("  "), Span(words, style), Span(f" after {took}")))
    return [look.translate(line) for line in lines]


def held_up(held: Held, look: Look, hints: Hints) -> Line:
    """That an execution waits for another one."""
    return look.translate((symbol("Pending", look), Span(f" {held.stage}  "), *held.line(look, hints)))


def _title(execution: ExecutionDetail) -> Line:
    return (Span(execution.name, "strong"), Span(f"  {execution_label(execution.summary.id)}"))


def _state(action: ActionState | None) -> tuple[str, int] | None:
    return None if action is None else (action.status, action.attempt)


def _moved(stage: StageState, action: ActionState, now: float, look: Look, hints: Hints) -> Line:
    where = stage.stage_name if action.name == stage.stage_name else f"{stage.stage_name} / {action.name}"
    line: Line = (action_symbol(action, look), Span(" "), Span(where))
    if is_waiting(action):
        return (*line, Span("  waiting", "wait"), Span(f" {look.arrow} "), hints.command("approve"))
    if action.status == "InProgress":
        return line
    line = (*line, Span(f"  {elapsed(action.started_at, action.ended_at, now)}", "quiet"))
    if action.summary:
        line = (*line, Span(f"  {printable(action.summary)}", "bad" if action.status == "Failed" else ""))
    if action.url and action.url not in action.summary and action.status != "Failed":
        line = (*line, Span(f"  {printable(action.url)}", "quiet"))
    return line
