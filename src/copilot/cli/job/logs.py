"""``copilot job logs``: what the runs of a job printed.

What a task prints carries no time here, so a time chooses runs, not lines: those that went on at some moment of it.
"""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from copilot.cli._context import Context
from copilot.cli._options import app_option, json_option, names
from copilot.cli._output import dim, say
from copilot.cli._root import command
from copilot.cli.job._follow import follow_run
from copilot.cli.job._target import Target, choose_deployed, env_option, heading, name_option, result
from copilot.cli.svc_logs import moment, seconds
from copilot.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from copilot.engine import JobAttempt, JobRun

_LOOK_AGAIN = 0.5
"""Seconds between two looks for another run."""
_INTERRUPTED = 130
_ALL = 10_000


@dataclass(frozen=True)
class Choice:
    """Which runs are asked for. Times are in seconds since the epoch; None: open. ``tasks``: beginnings of task ids."""

    begin: float | None
    end: float | None
    last: int | None
    tasks: tuple[str, ...]

    def runs(self, known: list[JobRun]) -> list[JobRun]:
        """Those that are meant, oldest first."""
        chosen = [run for run in known if run.status != "Missed" and self._touches(run)]
        if self.tasks:
            chosen = [run for run in chosen if any(self.wants(attempt) for attempt in run.attempts)]
        return chosen[: self.last][::-1]

    def wants(self, attempt: JobAttempt) -> bool:
        """Whether an attempt's task is meant."""
        return not self.tasks or attempt.task.startswith(self.tasks)

    def _touches(self, run: JobRun) -> bool:
        began_late = self.end is not None and run.started_at > self.end
        return not began_late and not (self.begin is not None and run.ended_at is not None and run.ended_at < self.begin)


@dataclass
class Writer:
    """Writes lines to stdout, as they are or as JSON; with a limit only the last ones, when it is closed."""

    as_json: bool
    limit: int | None
    _kept: deque[str] = field(init=False)

    def __post_init__(self) -> None:
        self._kept = deque(maxlen=self.limit)

    def __call__(self, run: JobRun, attempt: JobAttempt, text: str) -> None:
        """Take what an attempt printed, whole lines."""
        for line in text.splitlines():
            about = {"run": run.id, "attempt": attempt.number, "task": attempt.task, "message": line}
            written = json.dumps(about) if self.as_json else line
            if self.limit is None:
                sys.stdout.write(f"{written}\n")
            else:
                self._kept.append(written)
        sys.stdout.flush()

    def close(self) -> None:
        """Write what was kept back."""
        sys.stdout.writelines(f"{line}\n" for line in self._kept)
        sys.stdout.flush()
        self._kept.clear()
        self.limit = None


@command("job logs")
@app_option
@name_option
@env_option
@click.option("--follow", is_flag=True, help="Keep printing, also of runs that come later, until ctrl-C.")
@click.option("--last", type=click.IntRange(1), metavar="N", help="The last runs; default: 1, or all where a time is given.")
@click.option("--since", metavar="DURATION", help="Only runs of the last while, such as 5m or 1h30m.")
@click.option("--start-time", metavar="TIME", help="Only runs that went on after this time, such as 2026-01-31T09:00:00Z.")
@click.option("--end-time", metavar="TIME", help="Only runs that began before this time.")
@click.option("--limit", type=click.IntRange(1, _ALL), metavar="LINES", help="Only the last lines of all that is printed.")
@click.option("--tasks", "words", multiple=True, metavar="ID,…", help="Only these tasks; the beginning of an id is enough.")
@click.option("--include-state-machine", "machine", is_flag=True, help="AWS: also what the job's state machine says.")
@json_option
def logs(
    context: Context,
    name: str | None,
    environment: str | None,
    follow: bool,
    last: int | None,
    since: str | None,
    start_time: str | None,
    end_time: str | None,
    limit: int | None,
    words: tuple[str, ...],
    machine: bool,
    as_json: bool,
) -> None:
    """Of the newest run, with all its attempts. On the local engine lines carry no time, so a time chooses runs, not lines.

    On AWS a time chooses lines, and each attempt counts as a run.
    """
    if since is not None and start_time is not None:
        raise UsageError("`--since` and `--start-time` cannot be used together")
    if follow and (end_time is not None or words):
        raise UsageError(f"`--follow` and `--{'tasks' if words else 'end-time'}` cannot be used together")
    begin = time.time() - seconds(since) if since else moment("--start-time", start_time)
    end = moment("--end-time", end_time)
    if context.on_aws:
        from copilot.cli.aws import job as aws_job
        from copilot.cli.aws.logs import Wanted

        wanted = Wanted(begin, end, names(words))
        aws_job.logs(context, name, environment, wanted, last=last, machine=machine, follow=follow, limit=limit, as_json=as_json)
        return
    unbounded = begin is None and end is None and not words
    choice = Choice(begin, end, last or (1 if unbounded else None), names(words))
    target = choose_deployed(context, name, environment)
    writer = Writer(as_json, limit)
    chosen = choice.runs(target.engine.job_runs(*target.place, limit=_ALL))
    if not chosen and not follow:
        _fail(target, unbounded=unbounded)
    try:
        for run in chosen[:-1] if follow else chosen:
            _print(target, run, choice, writer)
        if follow:
            _follow(target, chosen[-1:], writer)
    except KeyboardInterrupt:
        click.get_current_context().exit(_INTERRUPTED)
    writer.close()


def _print(target: Target, run: JobRun, choice: Choice, writer: Writer) -> None:
    """Print what is there of a run."""
    _say(run, writer)
    for attempt in run.attempts:
        if not choice.wants(attempt):
            continue
        if len(run.attempts) > 1 and not writer.as_json:
            say(dim(f"attempt {attempt.number}: {attempt.reason or 'runs'}"))
        log = target.engine.job_log(run.id, attempt.number)
        while log.text:
            writer(run, attempt, log.text)
            log = target.engine.job_log(run.id, attempt.number, log.cursor)


def _follow(target: Target, begun: list[JobRun], writer: Writer) -> None:
    """Print the newest run to its end, and then each that comes. Ends by ctrl-C only."""
    newest = 0
    pending = begun
    if not begun:
        say(f"{target.name} has not run in {target.state.environment} yet; waiting for it.")
    while True:
        for run in pending:
            newest = run.id
            _say(run, writer)
            ended = follow_run(target.engine, run, writer)
            writer.close()
            if not writer.as_json:
                say(dim(f"run {run.id} {result(ended)}"))
        later = [r for r in target.engine.job_runs(*target.place, limit=_ALL) if r.id > newest and r.status != "Missed"]
        pending = later[::-1]
        if not pending:
            time.sleep(_LOOK_AGAIN)


def _say(run: JobRun, writer: Writer) -> None:
    if not writer.as_json:
        say(dim(f"{heading(run)}: {result(run)}"))


def _fail(target: Target, *, unbounded: bool) -> None:
    what = "has not run" if unbounded else "has no such run"
    raise NotFoundError(
        f"job `{target.name}` {what} in environment `{target.state.environment}`{' yet' if unbounded else ''}",
        hint=f"run it with `{target.command('run')}`" if unbounded else "see `copilot job ls`",
    )
