"""Scheduled jobs: when they are due, their runs, and the attempts of a run."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Literal

from copilot.engine import JobRunStatus, JobTrigger
from copilot.local.store.database import Database


@dataclass(frozen=True)
class JobKey:
    """A job in one environment."""

    app: str
    environment: str
    workload: str


@dataclass(frozen=True)
class ScheduleRecord:
    """When a job is due next; None: never. ``since``: when the expression began to count."""

    expression: str
    since: float
    due_at: float | None


@dataclass(frozen=True)
class AttemptRecord:
    """One try of a run. ``started_at`` is None until its task is known to have been started."""

    run: int
    number: int
    task: str
    started_at: float | None
    ended_at: float | None
    timed_out: bool
    reason: str | None


@dataclass(frozen=True)
class RunRecord:
    """A run of a job, or the note that one was missed (see the schema)."""

    id: int
    key: JobKey
    release: int
    trigger: JobTrigger
    status: JobRunStatus
    due_at: float | None
    started_at: float
    ended_at: float | None
    retry_at: float | None
    skipped: int
    reason: str | None


class JobRuns:
    """Reads and writes them. Each method is one transaction, or joins the caller's."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def schedule(self, key: JobKey) -> ScheduleRecord | None:
        """When a job is due next; None if that was not worked out yet."""
        row = self._db.one("job_schedule", **vars(key))
        return ScheduleRecord(row["expression"], row["since"], row["due_at"]) if row else None

    def put_schedule(self, key: JobKey, schedule: ScheduleRecord) -> None:
        """Write down when a job is due next."""
        self._db.execute("put_job_schedule", **vars(key), **vars(schedule))

    def begin(self, key: JobKey, release: int, trigger: JobTrigger, *, due_at: float | None, now: float) -> RunRecord | None:
        """A new run; None if one has not ended."""
        try:
            run = self._db.insert("insert_job_run", **vars(key), release=release, trigger=trigger, due_at=due_at, now=now)
        except sqlite3.IntegrityError:
            return None
        return self.run(run)

    def note_missed(self, key: JobKey, release: int, *, due_at: float, now: float, reason: str) -> None:
        """Write down that a due time passed without a run."""
        self._db.insert("insert_missed_job_run", **vars(key), release=release, due_at=due_at, now=now, reason=reason)

    def wait_for_retry(self, run_id: int, retry_at: float) -> None:
        """The run's next attempt begins then."""
        self._db.execute("set_job_run_retry", id=run_id, retry_at=retry_at)

    def count_skipped(self, run_id: int) -> None:
        """One more due time passed while this run went on."""
        self._db.execute("count_skipped_job_run", id=run_id)

    def finish(self, run_id: int, status: Literal["Succeeded", "Failed", "TimedOut"], *, now: float, reason: str | None) -> None:
        """A run ended."""
        self._db.execute("finish_job_run", id=run_id, status=status, now=now, reason=reason)

    def run(self, run_id: int) -> RunRecord | None:
        """A run, or None if there is none, or none any more."""
        row = self._db.one("job_run", id=run_id)
        return _run(row) if row else None

    def active(self) -> list[RunRecord]:
        """Runs of all jobs that have not ended, oldest first."""
        return [_run(row) for row in self._db.all("active_job_runs")]

    def active_run(self, key: JobKey) -> RunRecord | None:
        """The run of a job that has not ended."""
        row = self._db.one("active_job_run", **vars(key))
        return _run(row) if row else None

    def history(self, key: JobKey, limit: int = -1) -> list[RunRecord]:
        """Newest first; -1: all that are kept."""
        return [_run(row) for row in self._db.all("job_runs", **vars(key), limit=limit)]

    def delete_run(self, run_id: int) -> None:
        """Forget a run."""
        self._db.execute("delete_job_run", id=run_id)

    def forget(self, key: JobKey) -> None:
        """Forget a job's schedule and its runs."""
        with self._db.transaction():
            for run in self.history(key):
                self.delete_run(run.id)
            self._db.execute("delete_job_schedule", **vars(key))

    def add_attempt(self, run_id: int, number: int, task: str) -> AttemptRecord:
        """Write down an attempt, before its task is started."""
        self._db.insert("insert_job_attempt", run=run_id, number=number, task=task)
        return self.attempts(run_id)[-1]

    def attempt_started(self, task: str, now: float) -> None:
        """The attempt's task was started."""
        self._db.execute("start_job_attempt", task=task, now=now)

    def attempt_timed_out(self, task: str) -> None:
        """The attempt's task is told to stop."""
        self._db.execute("time_out_job_attempt", task=task)

    def finish_attempt(self, task: str, *, now: float, reason: str) -> None:
        """The attempt's task is gone."""
        self._db.execute("finish_job_attempt", task=task, now=now, reason=reason)

    def attempts(self, run_id: int) -> list[AttemptRecord]:
        """Attempts of a run, in order."""
        return [_attempt(row) for row in self._db.all("job_attempts", run=run_id)]

    def tasks(self) -> set[str]:
        """Ids of the tasks of attempts that have not ended."""
        return {row["task"] for row in self._db.all("unfinished_job_attempts")}


def _run(row: sqlite3.Row) -> RunRecord:
    values = dict(row)
    key = JobKey(values.pop("app"), values.pop("environment"), values.pop("workload"))
    return RunRecord(key=key, **values)


def _attempt(row: sqlite3.Row) -> AttemptRecord:
    return AttemptRecord(**{**dict(row), "timed_out": bool(row["timed_out"])})
