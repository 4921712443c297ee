"""Printing what the attempts of a run print."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from copilot.cli._output import dim, duration, say

if TYPE_CHECKING:
    from copilot.engine import JobAttempt, JobRun, LocalEngine

_LOOK_AGAIN = 0.1
"""Seconds between two looks."""

Write = Callable[["JobRun", "JobAttempt", str], None]
"""Takes what an attempt printed, whole lines."""


def plain(run: JobRun, attempt: JobAttempt, text: str) -> None:
    """A `Write` to stdout."""
    del run, attempt
    sys.stdout.write(text)
    sys.stdout.flush()


def follow_run(engine: LocalEngine, run: JobRun, write: Write = plain) -> JobRun:
    """Print a run as it goes on, all attempts one after the other; the answer is the run as it ended."""
    number, position = 1, ""
    while True:
        run = engine.job_run(run.id)
        if number > len(run.attempts):
            if run.ended_at is not None:
                return run
            time.sleep(_LOOK_AGAIN)
            continue
        log = engine.job_log(run.id, number, position)
        write(run, run.attempts[number - 1], log.text)
        position = log.cursor
        if log.finished:
            _say_end(engine.job_run(run.id), number)
            number, position = number + 1, ""
        elif not log.text:
            time.sleep(_LOOK_AGAIN)


def _say_end(run: JobRun, number: int) -> None:
    """Say how an attempt ended, unless that is said of the whole run."""
    attempt = run.attempts[number - 1]
    if run.ended_at is not None and number == len(run.attempts):
        return
    again = (
        f"; attempt {number + 1} begins in {duration(run.retry_at - time.time())}"
        if run.retry_at and number == len(run.attempts)
        else ""
    )
    say(dim(f"attempt {number}: {attempt.reason}{again}"))
