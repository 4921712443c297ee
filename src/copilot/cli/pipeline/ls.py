"""`copilot pipeline ls`."""

from __future__ import annotations

import time
from typing import Any

import click

from copilot.cli._context import Context
from copilot.cli._options import app_option, json_option
from copilot.cli._output import ago, out, print_json, say, table, timestamp
from copilot.cli._root import command
from copilot.cli.pipeline._text import execution_label, short_revision
from copilot.cli.pipeline.view import STATUS_WORDS
from copilot.engine import ExecutionSummary, PipelineSummary


@command("pipeline ls")
@app_option
@json_option
@click.option("--local", is_flag=True, help="Only those that this workspace has a manifest of.")
def ls(context: Context, as_json: bool, local: bool) -> None:
    """With the newest execution of each."""
    pipelines = context.engine.pipelines(context.app)
    if local:
        here = {pipeline.name for pipeline in context.require_workspace().pipelines()}
        pipelines = [pipeline for pipeline in pipelines if pipeline.name in here]
    if as_json:
        print_json({"pipelines": [_document(pipeline) for pipeline in pipelines]})
    elif pipelines:
        now = time.time()
        rows = [(p.name, p.branch, *_latest(p.latest, now), p.repository) for p in pipelines]
        out(table(rows, ("Name", "Branch", "Newest", "Status", "Started", "Repository")))
    else:
        say("There are no pipelines yet; make one with `copilot pipeline init`.")


def _document(pipeline: PipelineSummary) -> dict[str, Any]:
    return {**pipeline.model_dump(mode="json", by_alias=True), "updatedAt": timestamp(pipeline.updated_at)}


def _latest(execution: ExecutionSummary | None, now: float) -> tuple[str, str, str]:
    if execution is None:
        return "", "never ran", ""
    revision = f" {short_revision(execution.revision.id)}" if execution.revision else ""
    return f"{execution_label(execution.id)}{revision}", STATUS_WORDS[execution.status][0], ago(execution.started_at, now)
