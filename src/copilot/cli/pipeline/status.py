"""`copilot pipeline status`: how an execution is doing."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from typing import Any

import click

from copilot.cli._context import Context
from copilot.cli._options import app_option, json_option
from copilot.cli._output import fit, out, print_json, say, timestamp
from copilot.cli._root import command
from copilot.cli.pipeline import progress, view
from copilot.cli.pipeline._still import explain
from copilot.cli.pipeline._target import Target, choose_pipeline, execution_argument, name_option
from copilot.cli.pipeline._text import Look, execution_label, paint
from copilot.engine import ExecutionDetail
from copilot.errors import UsageError

_TICK = 0.15
"""Seconds between two drawings of the live view: fast enough for durations that tick."""
_ROWS_KEPT = 2
"""Rows of the terminal that the live view leaves free, for the prompt and the command."""
_INTERRUPTED = 130


@command("pipeline status")
@app_option
@name_option
@json_option
@click.option("--watch", "-w", is_flag=True, help="Keep looking until the execution ends; exit code 1 if it did not succeed.")
@execution_argument
def status(context: Context, name: str | None, as_json: bool, watch: bool, execution: str | None) -> None:
    """EXECUTION is its number, or on AWS its id or a beginning of it; default: the newest."""
    if as_json and watch:
        raise UsageError("`--json` and `--watch` cannot be used together", hint="leave one of them out")
    target = choose_pipeline(context, name)
    detail = target.engine.execution(target.app, target.name, execution)
    if as_json:
        print_json(as_document(detail))
    elif watch:
        follow(target, detail)
    else:
        look = Look.of(sys.stdout)
        out(paint(view.render(detail, time.time(), look, target.hints, _held(target, detail))))
        explain(target, detail)


def follow(target: Target, detail: ExecutionDetail) -> None:
    """Show an execution until it ends, then exit: with 0 if it succeeded."""
    try:
        can_redraw = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        detail = _live(target, detail) if can_redraw else _lines(target, detail)
    except KeyboardInterrupt:
        say(f"\nExecution {execution_label(detail.summary.id)} goes on; see it with `{target.command('status')}`.")
        click.get_current_context().exit(_INTERRUPTED)
    explain(target, detail)
    if detail.summary.status != "Succeeded":
        click.get_current_context().exit(1)


def _live(target: Target, detail: ExecutionDetail) -> ExecutionDetail:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    stream = sys.stdout
    held = _held(target, detail)

    def shown(height: int | None) -> Text:
        look = replace(Look.of(stream), height=height)
        lines = view.render(detail, time.time(), look, target.hints, held)
        return Text.from_ansi(fit(paint(lines), stream), no_wrap=True)

    console = Console(file=stream, highlight=False)
    with Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:
        while detail.summary.ended_at is None:
            look_again = time.monotonic() + target.pause
            while time.monotonic() < look_again:
                live.update(shown(console.height - _ROWS_KEPT), refresh=True)
                time.sleep(_TICK)
            detail = target.engine.execution(target.app, target.name, detail.summary.id)
            held = _held(target, detail)
        live.update(shown(None), refresh=True)
    return detail


def _lines(target: Target, detail: ExecutionDetail) -> ExecutionDetail:
    before: ExecutionDetail | None = None
    held_before: view.Held | None = None
    look = Look.of(sys.stdout)
    while True:
        lines = progress.changes(before, detail, time.time(), look, target.hints)
        held = _held(target, detail)
        if held is not None and held != held_before:
            lines.append(progress.held_up(held, look, target.hints))
        if lines:
            out(paint(lines))
        if detail.summary.ended_at is not None:
            return detail
        time.sleep(target.pause)
        before, held_before = detail, held
        detail = target.engine.execution(target.app, target.name, detail.summary.id)


def _held(target: Target, detail: ExecutionDetail) -> view.Held | None:
    """Which execution keeps this one from going on, if one does."""
    stage = view.awaited_stage(detail)
    if stage is None:
        return None
    own = detail.summary.id
    others = [e.id for e in target.engine.executions(target.app, target.name) if e.ended_at is None and e.id != own]
    return view.held(stage, (target.engine.execution(target.app, target.name, other) for other in others))


def as_document(detail: ExecutionDetail) -> dict[str, Any]:
    """The JSON answer: AWS Copilot's keys, and ours besides."""
    return {
        "name": detail.name,
        "pipelineName": detail.pipeline_name,
        "app": detail.app,
        "execution": detail.summary,
        "stageStates": [
            {
                "stageName": stage.stage_name,
                "environment": stage.environment,
                "status": stage.status,
                "actions": [action.model_dump(mode="json", by_alias=True) for action in stage.actions],
                "transition": "ENABLED" if stage.transition_enabled else "DISABLED",
                "disabledReason": stage.disabled_reason,
            }
            for stage in detail.stages
        ],
        "updatedAt": timestamp(detail.updated_at),
    }
