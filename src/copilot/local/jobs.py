"""Scheduled jobs: runs each when it is due, with the current release, and sees the run through to its end.

What was begun is written down before it is done, and a task is found by its id alone: a server that starts goes on with the runs
of the one before it, and no attempt is made twice.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from copilot.errors import ConflictError, CopilotError, NotFoundError
from copilot.local.deployer import Deployer
from copilot.local.home import Home
from copilot.local.runtime import Runtime
from copilot.local.store import Store
from copilot.local.store.jobs import AttemptRecord, JobKey, RunRecord, ScheduleRecord
from copilot.local.store.releases import ReleaseRecord
from copilot.release.description import ReleaseDescription
from copilot.release.schedule import next_run

KEPT_RUNS = 20
"""How many runs of a job in an environment are kept, with their logs."""

LATEST = 60.0
"""Seconds after which a due time is missed: this machine slept, or its clock was set."""

LONGEST_DELAY = 60.0
"""Seconds between two attempts, at most; 1 after the first, then twice as long each time."""

SUCCESS = "exit 0"
JOB = "Scheduled Job"

_SHORTEST_LOOK = 0.02
_LONGEST_LOOK = 0.5
_CLOCK_CHECK = 60.0
_CLOSING = 10.0

_log = logging.getLogger(__name__)


def retry_delay(attempt: int) -> float:
    """Seconds between the failure of an attempt (counted from 1) and the next one."""
    return min(LONGEST_DELAY, 2.0 ** min(attempt - 1, 10))


def due_after(expression: str, after: float, since: float) -> float | None:
    """When a schedule that counts from ``since`` is due next, in seconds since the epoch; None: never. Raises ScheduleError."""
    due = next_run(expression, datetime.fromtimestamp(after, UTC), datetime.fromtimestamp(since, UTC))
    return due.timestamp() if due else None


@dataclass(frozen=True)
class _Carrier:
    """The thread that sees a run through. When ``leave`` is set it ends soon, and the run's task goes on."""

    key: JobKey
    thread: threading.Thread
    leave: threading.Event


class Jobs:
    """A thread that sleeps until the next job is due, and one for each run.

    Args:
        home: Where the logs are.
        store: The state.
        deployer: Says what the task of a release is told, and when releases of jobs change.
        runtimes: By name.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        home: Home,
        store: Store,
        deployer: Deployer,
        runtimes: Mapping[str, Runtime],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._home = home
        self._store = store
        self._deployer = deployer
        self._runtimes = runtimes
        self._clock = clock
        self._lock = threading.RLock()
        self._carriers: dict[int, _Carrier] = {}
        self._leaving: set[JobKey] = set()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._sleep_and_look, name="jobs", daemon=True)

    def start(self) -> None:
        """Go on with the runs that a server before this one began, and look out for due ones."""
        for run in self._store.jobs.active():
            self._carry(run)
        self.look(down=True)
        self._thread.start()

    def close(self) -> None:
        """Begin nothing more. The tasks of runs go on."""
        with self._lock:
            self._closing.set()
            carriers = list(self._carriers.values())
        for carrier in carriers:
            carrier.leave.set()
        self._deployer.jobs_changed.set()
        for thread in [c.thread for c in carriers] + [self._thread] * self._thread.is_alive():
            thread.join(_CLOSING)

    def look(self, *, down: bool = False) -> float | None:
        """Begin what is due now. ``down``: no server ran until now, so what was due before was missed.

        Returns:
            When the next job is due, in seconds since the epoch; None: never.
        """
        dues = [
            self._look_at(release, down=down) for release in self._store.releases.all_current() if release.description.schedule
        ]
        return min((due for due in dues if due is not None), default=None)

    def next_run_at(self, key: JobKey, release: ReleaseRecord) -> float | None:
        """When the current release of a job is due next, in seconds since the epoch; None: never."""
        with self._lock:
            return self._schedule(key, release).due_at

    def run_now(self, key: JobKey) -> RunRecord:
        """Begin a run. Raises NotFoundError if the job was never deployed there, ConflictError while it runs."""
        release = self._store.releases.current(key.app, key.environment, key.workload)
        if release is None:
            raise NotFoundError(
                f"job `{key.workload}` was never deployed to environment `{key.environment}`",
                hint=f"Deploy it with `copilot job deploy --name {key.workload} --env {key.environment}`",
            )
        with self._lock:
            run = (
                self._store.jobs.begin(key, release.id, "manual", due_at=None, now=self._clock())
                if self._may_begin(key)
                else None
            )
            if run is not None:
                self._carry(run)
                return run
        raise ConflictError(
            f"job `{key.workload}` runs already in environment `{key.environment}`",
            hint=f"Watch it with `copilot job logs --name {key.workload} --env {key.environment} --follow`",
        )

    def remove(self, app: str, environment: str, workload: str) -> None:
        """Stop a job in an environment, and forget its releases and runs there; their logs are deleted."""
        key = JobKey(app, environment, workload)
        with self._lock:
            self._leaving.add(key)
            carriers = [c for c in self._carriers.values() if c.key == key]
        try:
            for carrier in carriers:
                carrier.leave.set()
                carrier.thread.join()
            active = self._store.jobs.active_run(key)
            if active is not None:
                self._end_tasks(active)
            self._deployer.remove(app, environment, workload)
            for run in self._store.jobs.history(key):
                self._forget(run)
            self._store.jobs.forget(key)
        except CopilotError:
            # Its task could not be stopped: somebody has to wait for its end.
            active = self._store.jobs.active_run(key)
            if active is not None:
                self._carry(active)
            raise
        finally:
            with self._lock:
                self._leaving.discard(key)

    def remove_all(self, app: str, environment: str) -> None:
        """`remove` for every job of an environment."""
        for release in self._store.releases.all_current():
            d = release.description
            if d.schedule and (d.application, d.environment) == (app, environment):
                self.remove(app, environment, d.workload)

    def _sleep_and_look(self) -> None:
        changed = self._deployer.jobs_changed
        while not self._closing.is_set():
            changed.clear()
            try:
                due = self.look()
            except Exception:  # noqa: BLE001 - whatever goes wrong with one look, the next one must take place
                _log.exception("the due jobs could not be looked at")
                due = self._clock() + _CLOCK_CHECK
            if not self._closing.is_set():
                # Cut short now and then, because the clock may be set meanwhile.
                changed.wait(None if due is None else max(0.0, min(_CLOCK_CHECK, due - self._clock())))

    def _look_at(self, release: ReleaseRecord, *, down: bool) -> float | None:
        key = _key(release.description)
        try:
            with self._lock:
                schedule = self._schedule(key, release)
            now = self._clock()
            if schedule.due_at is None or schedule.due_at > now:
                return schedule.due_at
            following = due_after(schedule.expression, now, schedule.since)
            self._come_due(key, release, replace(schedule, due_at=following), schedule.due_at, down=down)
        except Exception:  # noqa: BLE001 - one job must not keep the others from running
            _log.exception("job %s could not be looked at", key)
            return None
        return following

    def _come_due(self, key: JobKey, release: ReleaseRecord, schedule: ScheduleRecord, due_at: float, *, down: bool) -> None:
        """A due time has come: begin a run, or write down why not. ``schedule``: with the time after it."""
        now = self._clock()
        run = None
        with self._lock:
            with self._store.transaction():
                self._store.jobs.put_schedule(key, schedule)
                active = self._store.jobs.active_run(key)
                if active is not None:
                    self._store.jobs.count_skipped(active.id)
                    _log.warning("%s was due and skipped: run %d has not ended", key, active.id)
                elif down or now - due_at > LATEST:
                    reason = "no server ran when it was due" if down else "this machine did not run when it was due"
                    self._store.jobs.note_missed(key, release.id, due_at=due_at, now=now, reason=reason)
                elif self._may_begin(key):
                    run = self._store.jobs.begin(key, release.id, "schedule", due_at=due_at, now=now)
            if run is not None:
                self._carry(run)
        self._prune(key)

    def _schedule(self, key: JobKey, release: ReleaseRecord) -> ScheduleRecord:
        """What is written down for a job; written anew when its expression is another than before."""
        expression = release.description.schedule.expression if release.description.schedule else ""
        known = self._store.jobs.schedule(key)
        if known is not None and known.expression == expression:
            return known
        since = release.deployed_at or self._clock()
        schedule = ScheduleRecord(expression, since, due_after(expression, self._clock(), since))
        self._store.jobs.put_schedule(key, schedule)
        return schedule

    def _may_begin(self, key: JobKey) -> bool:
        return not self._closing.is_set() and key not in self._leaving

    def _carry(self, run: RunRecord) -> None:
        leave = threading.Event()
        thread = threading.Thread(target=self._see_through, args=(run, leave), name=f"run {run.id}", daemon=True)
        with self._lock:
            self._carriers[run.id] = _Carrier(run.key, thread, leave)
        thread.start()

    def _see_through(self, run: RunRecord, leave: threading.Event) -> None:
        try:
            current: RunRecord | None = run
            while current is not None and current.ended_at is None and not leave.is_set():
                self._go_on(current, leave)
                current = self._store.jobs.run(run.id)
            self._prune(run.key)
        except Exception:  # noqa: BLE001 - whatever goes wrong, the run must end for the next one to take place
            _log.exception("run %d of job %s", run.id, run.key)
            reason = f"a defect of copilot ended this run; {self._home.server_log} has the traceback"
            self._store.jobs.finish(run.id, "Failed", now=self._clock(), reason=reason)
        finally:
            with self._lock:
                del self._carriers[run.id]

    def _go_on(self, run: RunRecord, leave: threading.Event) -> None:
        """Carry out the next attempt of a run, or the one that is under way."""
        attempts = self._store.jobs.attempts(run.id)
        if not attempts or attempts[-1].ended_at is not None:
            while run.retry_at is not None and (left := run.retry_at - self._clock()) > 0:
                if leave.wait(min(left, _LONGEST_LOOK)):
                    return
            number = len(attempts) + 1
            attempts.append(self._store.jobs.add_attempt(run.id, number, f"{run.key.workload}-run-{run.id}-{number}"))
        elif attempts[-1].started_at is None:
            # A server before this one may have started it; that cannot be seen as long as the runtime does not answer.
            while self._runtime(run.key).unavailable():
                if leave.wait(_LONGEST_LOOK):
                    return
        try:
            description = self._store.releases.get(run.release).description
            reason = self._attempt(run, attempts[-1], leave)
        except CopilotError as error:
            description, reason = None, error.message
        if reason is not None:
            self._settle(run, attempts[-1].number, description, reason)

    def _attempt(self, run: RunRecord, attempt: AttemptRecord, leave: threading.Event) -> str | None:
        """Run an attempt's task until it ends; the answer is why it did, None if it is left alone."""
        release = self._store.releases.get(run.release)
        description = release.description
        runtime = self._runtime(run.key)
        if attempt.started_at is None:
            started = self._clock()
            if not runtime.runs(attempt.task) and runtime.exit_reason(attempt.task) in {"ended", None}:
                runtime.start(self._deployer.spec(release, attempt.task, None))
            self._store.jobs.attempt_started(attempt.task, started)
        end = self._end(run, description)
        pause = _SHORTEST_LOOK
        while (reason := self._ended(runtime, attempt.task)) is None:
            if leave.wait(pause):
                return None
            if end is not None and self._clock() >= end:
                self._store.jobs.attempt_timed_out(attempt.task)
                with _reported(attempt.task):
                    runtime.stop(attempt.task, description.grace_period)
            pause = min(_LONGEST_LOOK, pause * 1.5)
        return reason

    def _end(self, run: RunRecord, description: ReleaseDescription) -> float | None:
        """When a run must have ended, all its attempts together, as on AWS. None: whenever it does, or it has not begun."""
        timeout = description.schedule.timeout if description.schedule else None
        first = self._store.jobs.attempts(run.id)[0].started_at
        return None if timeout is None or first is None else first + timeout

    @staticmethod
    def _ended(runtime: Runtime, task: str) -> str | None:
        """Why a task ended; None while it runs, or as long as the runtime does not answer."""
        if runtime.unavailable() is None and not runtime.runs(task):
            with _reported(task):
                return runtime.exit_reason(task)
        return None

    def _settle(self, run: RunRecord, number: int, description: ReleaseDescription | None, reason: str) -> None:
        """Write down how an attempt ended, and what that means for its run."""
        now = self._clock()
        schedule = description.schedule if description else None
        with self._store.transaction():
            attempt = self._store.jobs.attempts(run.id)[-1]
            timeout = f"{schedule.timeout:g} s" if schedule and schedule.timeout else ""
            if attempt.timed_out:
                reason = f"stopped after its timeout of {timeout}" if timeout else "timed out"
            end = self._end(run, description) if description else None
            again = now + retry_delay(number)
            self._store.jobs.finish_attempt(attempt.task, now=now, reason=reason)
            if reason == SUCCESS:
                self._store.jobs.finish(run.id, "Succeeded", now=now, reason=reason)
            elif attempt.timed_out or schedule is None or number > schedule.retries:
                self._store.jobs.finish(run.id, "TimedOut" if attempt.timed_out else "Failed", now=now, reason=reason)
            elif end is not None and again >= end:
                late = f"{reason}; no time was left of its timeout of {timeout} to try again"
                self._store.jobs.finish(run.id, "TimedOut", now=now, reason=late)
            else:
                self._store.jobs.wait_for_retry(run.id, again)
        # What cannot be removed now is found when a server starts.
        with _reported(attempt.task):
            self._runtime(run.key).remove(attempt.task)

    def _runtime(self, key: JobKey) -> Runtime:
        return self._runtimes[self._store.catalog.environment(key.app, key.environment).runtime]

    def _end_tasks(self, run: RunRecord) -> None:
        runtime = self._runtime(run.key)
        try:
            grace_period = self._store.releases.get(run.release).description.grace_period
        except NotFoundError:
            grace_period = 0.0
        for attempt in self._store.jobs.attempts(run.id):
            if attempt.ended_at is None:
                runtime.stop(attempt.task, grace_period)
                runtime.remove(attempt.task)

    def _prune(self, key: JobKey) -> None:
        for run in self._store.jobs.history(key)[KEPT_RUNS:]:
            if run.ended_at is not None:
                self._forget(run)

    def _forget(self, run: RunRecord) -> None:
        for attempt in self._store.jobs.attempts(run.id):
            (self._home.logs / f"task-{attempt.task}.log").unlink(missing_ok=True)
        self._store.jobs.delete_run(run.id)


@contextmanager
def _reported(task: str) -> Iterator[None]:
    """Go on when the runtime cannot do something with a task; the server's log says so."""
    try:
        yield
    except CopilotError as error:
        _log.warning("task %s: %s", task, error.message)


def _key(description: ReleaseDescription) -> JobKey:
    return JobKey(description.application, description.environment, description.workload)
