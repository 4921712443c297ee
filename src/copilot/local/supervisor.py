"""The supervisor: keeps the tasks of current releases, and the front door, running and healthy."""

from __future__ import annotations

import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event, Thread

from copilot.errors import CopilotError, DeploymentError, NotFoundError
from copilot.local import health
from copilot.local.deployer import Deployer, FrontDoor
from copilot.local.store import Store
from copilot.local.store.releases import ReleaseRecord, TaskRecord

SHORTEST_DELAY = 1.0
LONGEST_DELAY = 60.0
"""Seconds before a task that died starts again: the shortest at first, then twice as long each time, up to the longest."""

_LOOK = 0.5
_PROBES = 8

_log = logging.getLogger(__name__)


@dataclass
class _Watch:
    """What the supervisor remembers of a task; times are of the monotonic clock."""

    delay: float
    verdict: health.Verdict = field(default_factory=health.Verdict)
    probe: Future[health.Answer] | None = None
    next_probe: float = 0.0
    restart_at: float = 0.0
    healthy_since: float | None = None


class Supervisor:
    """A thread that looks at every task of a current release twice a second. Tasks being deployed are the deployer's."""

    def __init__(self, store: Store, frontdoor: FrontDoor, deployer: Deployer) -> None:
        self._store = store
        self._frontdoor = frontdoor
        self._deployer = deployer
        self._watches: dict[str, _Watch] = {}
        self._stopping = Event()
        self._probes = ThreadPoolExecutor(max_workers=_PROBES, thread_name_prefix="probe")
        self._thread = Thread(target=self._run, name="supervisor", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Stop looking. Tasks and the front door go on."""
        self._stopping.set()
        if self._thread.ident is not None:  # else it was never started
            self._thread.join()
        self._probes.shutdown(cancel_futures=True)

    def look(self) -> None:
        """Look at everything once."""
        if self._store.catalog.all_environments() and self._frontdoor.ensure():
            _log.warning("the front door had ended and was started again")
            self._deployer.publish()
        current = {release.id: release for release in self._store.releases.all_current() if release.paused_at is None}
        tasks = [t for t in self._store.releases.all_tasks() if t.release in current and t.status != "Stopping"]
        for task in tasks:
            self._look_at(current[task.release], task, self._watches.setdefault(task.id, _Watch(SHORTEST_DELAY)))
        for gone in self._watches.keys() - {t.id for t in tasks}:
            del self._watches[gone]

    def _run(self) -> None:
        while not self._stopping.wait(_LOOK):
            try:
                self.look()
            except Exception:  # noqa: BLE001 - whatever goes wrong with one look, the next one must take place
                _log.exception("the supervisor could not finish a look")

    def _look_at(self, release: ReleaseRecord, task: TaskRecord, watch: _Watch) -> None:
        runtime = self._deployer.runtime_of(release.description)
        if runtime.unavailable() is not None:
            # Whether it runs cannot be known, so nothing is started again; what can be known is whether it answers.
            if task.status != "Dead" and task.port is not None:
                self._look_at_health(release, task, watch)
        elif runtime.runs(task.id):
            self._look_at_health(release, task, watch)
        elif task.status != "Dead":
            self._bury(task, watch, runtime.exit_reason(task.id) or "ended")
        elif time.monotonic() >= watch.restart_at:
            self._restart(release, task, watch)

    def _bury(self, task: TaskRecord, watch: _Watch, reason: str) -> None:
        watch.restart_at = time.monotonic() + watch.delay
        _log.warning("task %s ended: %s; it starts again in %g s", task.id, reason, watch.delay)
        watch.delay = min(LONGEST_DELAY, watch.delay * 2)
        watch.verdict, watch.healthy_since, watch.next_probe = health.Verdict(), None, 0.0
        self._record(task, "Dead", reason)

    def _restart(self, release: ReleaseRecord, task: TaskRecord, watch: _Watch) -> None:
        with self._deployer.switching:
            if not self._wanted(task):
                return
            self._store.releases.restart_task(task.id, task.last_exit or "ended")
            try:
                self._deployer.runtime_of(release.description).start(self._deployer.spec(release, task.id, task.port))
            except CopilotError as error:
                watch.restart_at = time.monotonic() + watch.delay
                watch.delay = min(LONGEST_DELAY, watch.delay * 2)
                self._store.releases.bury_task(task.id, error.message)

    def _look_at_health(self, release: ReleaseRecord, task: TaskRecord, watch: _Watch) -> None:
        now = time.monotonic()
        if watch.probe is not None and watch.probe.done():
            self._hear(release, task, watch, watch.probe.result())
            watch.probe = None
        if watch.probe is None and now >= watch.next_probe:
            watch.next_probe = now if task.status == "Starting" else now + health.check_of(release.description).interval
            watch.probe = self._probes.submit(self._ask, release, task)
        if watch.healthy_since is not None and now - watch.healthy_since >= LONGEST_DELAY:
            watch.delay = SHORTEST_DELAY

    def _ask(self, release: ReleaseRecord, task: TaskRecord) -> health.Answer:
        answer = health.ask(release.description, task.port)
        if answer.ok and self._deployer.runtime_of(release.description).healthy(task.id) is False:
            return health.Answer(False, health.OWN_CHECK_FAILS)
        return answer

    def _hear(self, release: ReleaseRecord, task: TaskRecord, watch: _Watch, answer: health.Answer) -> None:
        check = health.check_of(release.description)
        if task.status == "Starting" and not answer.ok and time.time() - task.started_at < check.grace_period:
            return
        watch.verdict = health.observe(watch.verdict, answer.ok, check)
        if watch.verdict.healthy:
            watch.healthy_since = watch.healthy_since or time.monotonic()
            if task.status != "Healthy":
                self._record(task, "Healthy")
        elif watch.verdict.healthy is False:
            watch.healthy_since = None
            if task.status != "Unhealthy":
                _log.warning("task %s is unhealthy: %s", task.id, answer.text)
                self._record(task, "Unhealthy")

    def _record(self, task: TaskRecord, status: str, last_exit: str | None = None) -> None:
        """Write a task's new status down and tell the front door, unless the task is not wanted any more."""
        with self._deployer.switching, self._store.transaction():
            if not self._wanted(task):
                return
            if status == "Dead":
                self._store.releases.bury_task(task.id, last_exit or "ended")
            else:
                self._store.releases.set_task_status(task.id, status)
            try:
                self._deployer.publish()
            except DeploymentError as error:
                _log.error("%s", error.message)

    def _wanted(self, task: TaskRecord) -> bool:
        try:
            release = self._store.releases.get(task.release)
        except NotFoundError:
            return False
        known = {t.id: t.status for t in self._store.releases.tasks(task.release)}
        wanted = release.status == "Current" and release.paused_at is None
        return wanted and known.get(task.id, "Stopping") != "Stopping"
