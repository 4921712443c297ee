"""The end of tasks: those that serve no more drain and stop, and what nothing knows of is cleared away."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from typing import Protocol

from copilot.errors import DeploymentError, EngineUnavailableError
from copilot.local.runtime import Runtime
from copilot.local.store import Store
from copilot.local.store.releases import TaskRecord
from copilot.progress import Print
from copilot.release.description import ReleaseDescription

LONGEST_DRAIN = 30.0
"""Seconds that an old task may at most go on with its requests on this machine, whatever its ``deregistration_delay``."""

_LOOK = 0.1
_QUIET_LOOKS = 3
_SWEEP_AGAIN = 5.0

_log = logging.getLogger(__name__)


class Traffic(Protocol):
    """What knows of requests under way."""

    def in_flight(self, addresses: Iterable[str]) -> dict[str, int]:
        """How many requests are under way to each address. Raises DeploymentError."""
        ...


class Retirement:
    """Ends tasks.

    Args:
        store: Where they are written down.
        runtimes: By name.
        traffic: Knows when a task has answered its last request.
        runtime_of: The runtime of a release.
    """

    def __init__(
        self, store: Store, runtimes: Mapping[str, Runtime], traffic: Traffic, runtime_of: Callable[[ReleaseDescription], Runtime]
    ) -> None:
        self._store = store
        self._runtimes = runtimes
        self._traffic = traffic
        self._runtime_of = runtime_of
        self._closing = Event()

    def retire(self, tasks: Sequence[TaskRecord], out: Print) -> None:
        """Let tasks finish their requests, then end them. The front door leads elsewhere already."""
        if not tasks:
            return
        side_by_side(self._drain_and_end, tasks)
        out(f"stopped {len(tasks)} old task{'s' if len(tasks) > 1 else ''}")

    def end(self, task: TaskRecord, grace_period: float) -> None:
        """End a task and forget it."""
        runtime = self._runtime_of(self._description_of(task))
        reason = runtime.exit_reason(task.id) or "stopped"
        runtime.stop(task.id, grace_period)
        runtime.remove(task.id)
        self._store.releases.end_task(task, reason)

    def sweep(self, stale: Sequence[TaskRecord]) -> Thread:
        """End these tasks, and all that no store knows, on a thread; again and again while a runtime is unavailable."""
        thread = Thread(target=self._sweep_until_done, args=(list(stale),), name="leftovers", daemon=True)
        thread.start()
        return thread

    def close(self) -> None:
        """Begin nothing more in the background."""
        self._closing.set()

    def _sweep_until_done(self, stale: list[TaskRecord]) -> None:
        while True:
            try:
                self._end_leftovers()
                known = {task.id for task in self._store.releases.all_tasks()}
                self.retire([task for task in stale if task.id in known], silent)
            except EngineUnavailableError as error:
                _log.warning("tasks that are not wanted cannot be ended now: %s", error.message)
            else:
                return
            if self._closing.wait(_SWEEP_AGAIN):
                return

    def _end_leftovers(self) -> None:
        used = {environment.runtime for environment in self._store.catalog.all_environments()} | {"host"}
        for name in used & self._runtimes.keys():
            runtime = self._runtimes[name]
            unavailable = runtime.unavailable()
            if unavailable is not None:
                raise unavailable
            # Those that run are listed first: what is started meanwhile was written down before.
            there = runtime.task_ids()
            known = {t.id for t in self._store.releases.all_tasks()} | self._store.jobs.tasks()
            for task in there:
                if task not in known:
                    runtime.stop(task, grace_period=1.0)
                    runtime.remove(task)

    def _drain_and_end(self, task: TaskRecord) -> None:
        description = self._description_of(task)
        if task.port is not None:
            wanted = description.routing.deregistration_delay if description.routing else LONGEST_DRAIN
            self._drain(f"127.0.0.1:{task.port}", min(wanted, LONGEST_DRAIN))
        self.end(task, description.grace_period)

    def _drain(self, address: str, seconds: float) -> None:
        """Wait until nothing is under way to an address, at most some seconds.

        One look is not enough: a request may have read the task's address and not be counted yet.
        """
        deadline = time.monotonic() + seconds
        quiet = 0
        while quiet < _QUIET_LOOKS and time.monotonic() < deadline:
            try:
                quiet = quiet + 1 if self._traffic.in_flight([address])[address] == 0 else 0
            except DeploymentError:
                return
            time.sleep(_LOOK)

    def _description_of(self, task: TaskRecord) -> ReleaseDescription:
        return self._store.releases.get(task.release).description


def side_by_side(do: Callable[[TaskRecord], None], tasks: Sequence[TaskRecord]) -> None:
    """Do something with every task at once, and return when all is done."""
    with ThreadPoolExecutor(max_workers=max(1, len(tasks)), thread_name_prefix="tasks") as pool:
        for done in [pool.submit(do, task) for task in tasks]:
            done.result()


def silent(line: str) -> None:
    """Takes progress that nobody looks at."""
