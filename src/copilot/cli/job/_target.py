"""Which job a command is about, and where."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from copilot.cli import _ask
from copilot.cli._context import Context
from copilot.cli._output import FAILED, OK, RUNNING, WAITING, ago, duration, green, red, yellow
from copilot.errors import NotFoundError

if TYPE_CHECKING:
    from copilot.engine import Job, JobRun, JobState, LocalEngine

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Target:
    """A job in an environment that it was deployed to."""

    engine: LocalEngine
    app: str
    name: str
    state: JobState

    @property
    def place(self) -> tuple[str, str, str]:
        """What the engine's methods are asked with: application, job, environment."""
        return self.app, self.name, self.state.environment

    def command(self, words: str) -> str:
        """A command line about this job: ``copilot job <words> --name … --env …``."""
        return f"copilot job {words} --name {self.name} --env {self.state.environment}"


def name_option(function: F) -> F:
    """Add ``--name -n``."""
    return click.option("--name", "-n", metavar="NAME", help="The job.")(function)


def env_option(function: F) -> F:
    """Add ``--env -e``; the command gets ``environment``."""
    return click.option("--env", "-e", "environment", metavar="NAME", help="The environment.")(function)


def choose_job(context: Context, name: str | None) -> Job:
    """The job that is named, or the only one, or the one the person picks. Raises NotFoundError or UsageError."""
    jobs = {job.name: job for job in context.local.jobs(context.app)}
    return jobs[_ask.choose("job", list(jobs), name, owner=f"application `{context.app}`", create="copilot job init")]


def choose_deployed(context: Context, name: str | None, environment: str | None) -> Target:
    """The job and environment that are named, or the only ones, or those the person picks.

    Raises:
        NotFoundError: It does not exist, or was never deployed there.
        UsageError: There are several and there is no terminal to ask on.
    """
    job = choose_job(context, name)
    states = {state.environment: state for state in job.environments}
    deployed = [e for e, state in states.items() if state.release is not None]
    deploy = f"copilot job deploy --name {job.name}"
    if environment in states and environment not in deployed:
        raise NotFoundError(
            f"job `{job.name}` was never deployed to environment `{environment}`",
            hint=f"deploy it with `{deploy} --env {environment}`",
        )
    if not deployed:
        raise NotFoundError(f"job `{job.name}` was never deployed", hint=f"deploy it with `{deploy}`")
    chosen = _ask.choose("environment", deployed, environment, owner=f"job `{job.name}`", create=deploy, flag="--env")
    return Target(context.local, context.app, job.name, states[chosen])


def result(run: JobRun) -> str:
    """How a run did, in a few words with a symbol: ``✓ succeeded in 2.1 s``, ``✗ exit 3 after 0.4 s``."""
    if run.status == "Missed":
        return f"{yellow(WAITING)} missed: {run.reason}"
    took = duration((run.ended_at or time.time()) - run.started_at)
    if run.status == "Running":
        retrying = f", waits for attempt {len(run.attempts) + 1}" if run.retry_at and run.attempts[-1].ended_at else ""
        return f"{yellow(RUNNING)} running for {took}{retrying}"
    if run.status == "Succeeded":
        return f"{green(OK)} succeeded in {took}"
    return f"{red(FAILED)} {run.reason} after {took}"


def heading(run: JobRun) -> str:
    """Which run it is: ``run 12, 4 min ago``."""
    return f"run {run.id}, {ago(run.started_at, time.time())}{', started by hand' if run.trigger == 'manual' else ''}"
