"""``copilot job ls|run|logs`` on AWS."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from copilot.cli import _ask
from copilot.cli._output import (
    FAILED,
    OK,
    RUNNING,
    ago,
    bold,
    dim,
    duration,
    green,
    out,
    print_json,
    progress,
    red,
    say,
    say_done,
    say_next,
    table,
    yellow,
)
from copilot.cli.aws._deployed import JOB, choose_deployed
from copilot.cli.aws.logs import Wanted, print_logs
from copilot.errors import NotFoundError

if TYPE_CHECKING:
    from copilot.aws.jobs import Run
    from copilot.cli._context import Context

_AT_ONCE = 8


def choose_job(context: Context, name: str | None) -> str:
    """The job that is named, or the only one, or the one the person picks. Raises NotFoundError or UsageError."""
    with progress("Asking AWS"):
        known = [w.name for w in context.aws.workloads(context.app) if w.type == JOB]
    return _ask.choose("job", known, name, owner=f"application `{context.app}`", create="copilot job init")


def ls(context: Context, *, local: bool, as_json: bool) -> None:
    """In each environment: its schedule, and how it did last."""
    with progress("Asking AWS"):
        jobs = [w for w in context.aws.workloads(context.app) if w.type == JOB]
    if local:
        workspace = context.require_workspace()
        jobs = [job for job in jobs if workspace.workload_manifest(job.name).exists()]
    if as_json:
        print_json({"jobs": jobs})
    elif jobs:
        with progress("Asking AWS"), ThreadPoolExecutor(_AT_ONCE) as pool:
            rows = [row for rows in pool.map(lambda job: _rows(context, job.name), jobs) for row in rows]
        out(table(rows, ("name", "environment", "schedule", "last")))
    else:
        say(f"Application {context.app} has no jobs{' in this repository' if local else ''} yet.")
        say_next("copilot job init")


def run(context: Context, name: str | None, environment: str | None) -> None:
    """Start it now; AWS goes on with it."""
    from copilot.aws.jobs import Jobs

    deployed = choose_deployed(context, name, environment, jobs=True)
    started = Jobs(deployed.aws, deployed.app, deployed.environment).run(deployed.name)
    say_done(f"Started {bold(deployed.name)} in {bold(deployed.environment)}, run {started.id}")
    where = f"--name {deployed.name} --env {deployed.environment}"
    say_next(f"copilot job logs {where} --follow", "copilot job ls")


def logs(
    context: Context,
    name: str | None,
    environment: str | None,
    wanted: Wanted,
    *,
    last: int | None,
    machine: bool,
    follow: bool,
    limit: int | None,
    as_json: bool,
) -> None:
    """What the tasks of the last runs printed."""
    from copilot.aws.logs import LogQuery, last_tasks

    deployed = choose_deployed(context, name, environment, jobs=True)
    query = LogQuery(deployed.log_group, wanted.begin, wanted.end, wanted.tasks, machine=machine)
    unbounded = wanted.begin is None and wanted.end is None and not wanted.tasks
    if last is None and unbounded and limit is None and not follow:
        last = 1
    if last is not None and not follow:
        tasks = last_tasks(deployed.aws, query, last)
        if not tasks:
            raise NotFoundError(
                f"job `{deployed.name}` has not printed anything in environment `{deployed.environment}` yet",
                hint="a run that has just begun takes a minute until it prints; "
                f"`copilot job run --name {deployed.name} --env {deployed.environment}` begins one",
            )
        query = LogQuery(query.group, query.begin, query.end, tasks, machine=machine)
    print_logs(deployed, query, follow=follow, limit=limit, as_json=as_json)


def _rows(context: Context, job: str) -> list[tuple[str, ...]]:
    from copilot.aws import names
    from copilot.aws.jobs import Jobs
    from copilot.aws.stacks import Stacks

    engine, app = context.aws, context.app
    found: list[tuple[str, ...]] = []
    for environment in engine.deployed_to(app, job):
        inside = engine.inside(app, environment)
        stack = Stacks(inside).find(names.workload_stack(app, environment, job))
        schedule = stack.parameters.get("Schedule", "") if stack is not None else ""
        runs = Jobs(inside, app, environment).runs(job, limit=1)
        found.append((job, environment, schedule, _result(runs[0]) if runs else dim("never ran")))
    return found or [(job, dim("not deployed"), "", "")]


def _result(run: Run) -> str:
    now = time.time()
    if run.ended_at is None:
        return f"{yellow(RUNNING)} running for {duration(now - run.started_at)}"
    took = f"{duration(run.ended_at - run.started_at)}, {ago(run.ended_at, now)}"
    if run.status == "SUCCEEDED":
        return f"{green(OK)} succeeded in {took}"
    return f"{red(FAILED)} {run.status.replace('_', ' ').lower()} after {took}"
