"""The gate of a deployment: waiting until every new task is healthy."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from threading import Event

from copilot.errors import DeploymentError
from copilot.local import health
from copilot.local.runtime import Runtime
from copilot.local.store.releases import TaskRecord
from copilot.progress import Print
from copilot.release.description import ReleaseDescription

LOOK = 0.05
"""Seconds between two looks at something that a deployment waits for."""

_AT_ONCE = 3.0
_ALIVE = 1.0


def until_all_healthy(
    runtime: Runtime, description: ReleaseDescription, tasks: Sequence[TaskRecord], out: Print, cancelled: Event
) -> None:
    """Return when all are healthy.

    Raises:
        DeploymentError: When one ended, or was not healthy in time, or ``cancelled`` was set.
    """
    began = time.monotonic()
    failed = Event()
    with ThreadPoolExecutor(max_workers=max(1, len(tasks)), thread_name_prefix="health") as pool:
        waits = [pool.submit(_until_healthy, runtime, description, task, cancelled, failed) for task in tasks]
        try:
            for number, wait in enumerate(as_completed(waits), 1):
                wait.result()
                out(f"task {number} of {len(tasks)} healthy after {time.monotonic() - began:.1f} s")
        finally:
            failed.set()
    if cancelled.is_set():
        raise was_cancelled(description)


def was_cancelled(description: ReleaseDescription) -> DeploymentError:
    """The error of a deployment that someone stopped."""
    return DeploymentError(f"the deployment of `{description.workload}` to `{description.environment}` was stopped")


def _until_healthy(runtime: Runtime, description: ReleaseDescription, task: TaskRecord, cancelled: Event, failed: Event) -> None:
    check = health.check_of(description)
    patience = max(check.grace_period, _ALIVE, _own_check_seconds(description))
    began = time.monotonic()
    verdict = health.Verdict()
    while not failed.is_set():
        if cancelled.is_set():
            raise was_cancelled(description)
        elapsed = time.monotonic() - began
        if not runtime.runs(task.id):
            when = "at once" if elapsed < _AT_ONCE else f"after {elapsed:.0f} s"
            reason = runtime.exit_reason(task.id) or "ended"
            raise DeploymentError(f"`{description.workload}` exited {when}: {reason}", details=runtime.tail(task.id))
        answer = health.ask(description, task.port, timeout=max(LOOK, check.grace_period - elapsed))
        if task.port is not None or elapsed >= _ALIVE:
            verdict = health.observe(verdict, answer.ok, check)
        well = runtime.healthy(task.id) is not False
        if verdict.healthy and well:
            return
        if time.monotonic() - began > patience:
            why = health.OWN_CHECK_FAILS if verdict.healthy else answer.text
            raise DeploymentError(
                f"`{description.workload}` did not become healthy within {patience:g} s: {why}",
                details=runtime.tail(task.id),
            )
        cancelled.wait(LOOK)


def _own_check_seconds(description: ReleaseDescription) -> float:
    """How long a container's own health check may take to tell that it is healthy."""
    check = description.check
    return check.start_period + (check.retries + 1) * (check.interval + check.timeout) if check else 0.0
