"""``copilot job ls``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from copilot.cli._context import Context
from copilot.cli._options import app_option, json_option
from copilot.cli._output import ago, dim, duration, out, print_json, say, say_next, table
from copilot.cli._root import command
from copilot.cli.job._target import result

if TYPE_CHECKING:
    from copilot.engine import Job, JobState


@command("job ls")
@app_option
@click.option("--local", is_flag=True, help="Only those with a manifest in this repository.")
@json_option
def ls(context: Context, local: bool, as_json: bool) -> None:
    """In each environment: its schedule, when it runs next, and how it did last."""
    if context.on_aws:
        from copilot.cli.aws import job as aws_job

        aws_job.ls(context, local=local, as_json=as_json)
        return
    jobs = context.local.jobs(context.app)
    if local:
        workspace = context.require_workspace()
        jobs = [job for job in jobs if workspace.workload_manifest(job.name).exists()]
    if as_json:
        print_json({"jobs": jobs})
    elif jobs:
        rows = [row for job in jobs for row in _rows(job)]
        out(table(rows, ("name", "environment", "schedule", "next", "last")))
    else:
        say(f"Application {context.app} has no jobs{' in this repository' if local else ''} yet.")
        say_next("copilot job init")


def _rows(job: Job) -> list[tuple[str, ...]]:
    deployed = [state for state in job.environments if state.release is not None]
    if not deployed:
        return [(job.name, dim("not deployed"), "", "", "")]
    return [(job.name, state.environment, *_cells(state)) for state in deployed]


def _cells(state: JobState) -> tuple[str, str, str]:
    now = time.time()
    due = f"in {duration(max(0.0, state.next_run_at - now))}" if state.next_run_at is not None else dim("never")
    last = state.last_run
    when = f", {ago(last.ended_at, now)}" if last is not None and last.ended_at is not None else ""
    return state.schedule.expression if state.schedule else "", due, f"{result(last)}{when}" if last else dim("never ran")
