"""Deployments: rolling and gated by health.

The new tasks are started and must become healthy; then one transaction makes their release the current one and the front door
lead to them; then the old tasks drain and stop. Until that transaction nothing touches the old tasks, so whatever goes wrong
before it is undone by ending the new ones. Each step finds out what was done already, so that a deployment cut short by the end
of the server goes on when it is asked for again with the same release.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Event, Lock, Thread
from typing import Protocol

from copilot.engine import LocalEnvironment
from copilot.errors import ConflictError, DeploymentError, EngineUnavailableError, UnsupportedError
from copilot.local import gate, health, ports
from copilot.local.frontdoor.config import EnvironmentRoutes, normal_path
from copilot.local.frontdoor.table import routes
from copilot.local.host.limits import refuse_unsupported
from copilot.local.retirement import Retirement, Traffic, side_by_side, silent
from copilot.local.runtime import Runtime, TaskSpec
from copilot.local.store import Store
from copilot.local.store.releases import ReleaseRecord, TaskRecord
from copilot.local.variables import sidecar_variables, task_variables
from copilot.local.views import service_url
from copilot.progress import Print
from copilot.release.description import ReleaseDescription

_PATIENCE = 10.0
"""Seconds that whoever pauses a service waits for the end of a deployment."""

_log = logging.getLogger(__name__)


class FrontDoor(Traffic, Protocol):
    """What deployments need of the front door."""

    @property
    def internal_port(self) -> int:
        """Where tasks reach each other by name, as an HTTP proxy."""
        ...

    def ensure(self) -> bool:
        """Start it unless it runs; whether it had to be started."""
        ...

    def apply(self, environments: Sequence[EnvironmentRoutes]) -> tuple[EnvironmentRoutes, ...]:
        """Lead to these environments only; the answer is those whose port another program has."""
        ...


class Deployer:
    """Deploys and removes services. One deployment at a time for each service of an environment; different ones side by side."""

    def __init__(
        self,
        store: Store,
        runtimes: Mapping[str, Runtime],
        frontdoor: FrontDoor,
        secret: Callable[[str], str | None],
    ) -> None:
        """``runtimes`` by name; ``secret`` gives the value of a secret, or None if there is none of that name."""
        self._store = store
        self._runtimes = runtimes
        self._frontdoor = frontdoor
        self._secret = secret
        self._locks: dict[tuple[str, str, str], Lock] = {}
        self.switching = Lock()
        """Held while tasks stop being wanted, and by whoever starts a task again: that is never decided on old knowledge."""
        self._retirement = Retirement(store, runtimes, frontdoor, self.runtime_of)
        self.jobs_changed = Event()
        """Set when another release of a job became the current one."""

    def deploy(self, release: ReleaseRecord, out: Print, cancelled: Event) -> str | None:
        """Deploy a release; the answer is the URL of the service, None if no request is routed to it.

        Raises:
            DeploymentError: If the new tasks did not become healthy, or ``cancelled`` was set before they served. They are gone
                then, the release is Failed, and what served before still serves.
            NotFoundError: If the environment does not exist.
        """
        description = release.description
        environment = self._store.catalog.environment(description.application, description.environment)
        with self._lock(description.application, description.environment, description.workload):
            release = self._store.releases.get(release.id)
            if description.schedule is not None:
                self._take_up_job(release, environment, out, cancelled)
            elif release.status == "Current":
                self._confirm(release, out, cancelled)
            else:
                self._roll_out(release, environment, out, cancelled)
            self._retirement.retire([t for t in self._tasks_of(description) if t.release != release.id], out)
        return service_url(environment, description)

    def resume(self, release: ReleaseRecord, out: Print, cancelled: Event) -> None:
        """Start the tasks of a paused release again, under the same gate as a deployment. If it fails it stays paused.

        Raises:
            DeploymentError: If the tasks did not become healthy, or a newer release came in between.
        """
        description = release.description
        environment = self._store.catalog.environment(description.application, description.environment)
        with self._lock(description.application, description.environment, description.workload):
            release = self._store.releases.get(release.id)
            if release.status != "Current":
                raise DeploymentError(f"release {release.id} of `{description.workload}` is not the current one any more")
            if release.paused_at is not None:
                self._roll_out(release, environment, out, cancelled)

    def pause(self, app: str, environment: str, workload: str) -> None:
        """Stop the tasks of the current release; it stays the current one. Returns when they are gone.

        Raises:
            ConflictError: If a deployment of the service is under way, or it has no current release.
        """
        lock = self._lock(app, environment, workload)
        if not lock.acquire(timeout=_PATIENCE):
            raise ConflictError(
                f"a deployment of `{workload}` to `{environment}` is under way", hint="Try again when it has ended"
            )
        try:
            tasks = self._store.releases.tasks_of_service(app, environment, workload)
            with self.switching, self._store.transaction():
                current = self._store.releases.current(app, environment, workload)
                if current is None:
                    raise ConflictError(f"nothing of `{workload}` serves `{environment}`")
                self._store.releases.pause(current.id)
                self._mark_stopping(tasks)
                self._apply()
            self._retirement.retire(tasks, silent)
        finally:
            lock.release()

    def remove(self, app: str, environment: str, workload: str) -> None:
        """Stop a service in an environment and forget its releases there. It is no error if it was never deployed."""
        with self._lock(app, environment, workload):
            tasks = self._store.releases.tasks_of_service(app, environment, workload)
            with self.switching, self._store.transaction():
                current = self._store.releases.current(app, environment, workload)
                if current is not None:
                    self._store.releases.set_status(current.id, "Superseded")
                self._mark_stopping(tasks)
                self._apply()
            self._retirement.retire(tasks, silent)
            self._store.releases.forget(app, environment, workload)

    def remove_environment(self, app: str, name: str, *, keep_volumes: bool = False) -> None:
        """Stop and forget all that runs in an environment, then the environment itself; its port is free afterwards."""
        known = [*self._store.releases.all_current(), *map(self._release_of, self._store.releases.all_tasks())]
        here = {r.description.workload for r in known if (r.description.application, r.description.environment) == (app, name)}
        for workload in sorted(here):
            self.remove(app, name, workload)
        environment = self._store.catalog.environment(app, name)
        self._runtimes[environment.runtime].remove_environment(environment, keep_volumes=keep_volumes)
        self._store.catalog.delete_environment(app, name)
        self.publish()

    def recover(self) -> Thread:
        """When a server starts: adopt what runs, and lead the front door to it.

        Returns:
            The thread that ends what nothing wants any more. Requests to it may take their time; the server need not wait.
        """
        try:
            self.publish()
        except DeploymentError as error:
            _log.error("%s", error.message)
        return self._retirement.sweep(self._stale())

    def _stale(self) -> list[TaskRecord]:
        """Tasks that are written down and not wanted."""
        wanted = {"Current", "Deploying"}
        tasks = self._store.releases.all_tasks()
        return [t for t in tasks if t.status == "Stopping" or self._release_of(t).status not in wanted]

    def close(self) -> None:
        """Begin nothing more in the background, and let go of the runtimes. Tasks go on."""
        self._retirement.close()
        for runtime in self._runtimes.values():
            runtime.close()

    def publish(self) -> tuple[EnvironmentRoutes, ...]:
        """Make the front door lead to what the store says now. Raises DeploymentError.

        Returns:
            The environments that cannot be served because another program listens on their port.
        """
        with self._store.transaction():
            unserved = self._apply()
        for environment in unserved:
            _log.warning("%s", _port_taken(environment).message)
        return unserved

    def runtime_of(self, description: ReleaseDescription) -> Runtime:
        """The runtime of the environment that a release is for. Raises UnsupportedError when this engine does not have it."""
        environment = self._store.catalog.environment(description.application, description.environment)
        runtime = self._runtimes.get(environment.runtime)
        if runtime is None:
            raise UnsupportedError(
                f"environment `{environment.name}` uses runtime `{environment.runtime}`, which is not available here"
            )
        return runtime

    def spec(self, release: ReleaseRecord, task_id: str, port: int | None) -> TaskSpec:
        """What the runtime is told to run.

        Raises DeploymentError when a secret is missing, and UnsupportedError for what the runtime cannot honour.
        """
        description = release.description
        environment = self._store.catalog.environment(description.application, description.environment)
        if environment.runtime == "host":
            refuse_unsupported(description)
        runtime = self.runtime_of(description)
        of_runtime = runtime.variables(description, port, environment, self._frontdoor.internal_port)
        variables = task_variables(description, of_runtime, self._secret)
        return TaskSpec(
            id=task_id,
            description=description,
            port=port,
            variables=variables,
            sidecar_variables=sidecar_variables(description, variables, self._secret),
            release=release.id,
        )

    def _take_up_job(self, release: ReleaseRecord, environment: LocalEnvironment, out: Print, cancelled: Event) -> None:
        """Make a job's release the one that runs from its next due time on. What every run would fail for is refused now."""
        if release.status == "Current":
            return
        try:
            self.spec(release, "", None)
            self.runtime_of(release.description).prepare(environment)
            if cancelled.is_set():
                raise gate.was_cancelled(release.description)
        except BaseException:
            self._store.releases.set_status(release.id, "Failed")
            raise
        self._store.releases.make_current(release)
        self.jobs_changed.set()
        out(f"release {release.id} runs when `{release.description.workload}` is due")

    def _roll_out(self, release: ReleaseRecord, environment: LocalEnvironment, out: Print, cancelled: Event) -> None:
        description = release.description
        runtime = self.runtime_of(description)
        try:
            self._check(description)
            if release.paused_at is None:
                self._store.releases.set_status(release.id, "Deploying")
            runtime.prepare(environment)
            tasks = self._write_tasks(release)
            side_by_side(lambda task: runtime.start(self.spec(release, task.id, task.port)), tasks)
            gate.until_all_healthy(runtime, description, tasks, out, cancelled)
            self._switch(release, environment, tasks)
        except BaseException:
            self._give_up(release)
            raise
        out("requests go to the new release" if description.count else "no task is wanted; requests are answered with 503")

    def _check(self, description: ReleaseDescription) -> None:
        """Refuse what could not work, before anything is started."""
        self._refuse_same_path(description)
        check = health.check_of(description)
        health.accepted(0, check.success_codes)
        if check.port not in (None, description.port):
            raise UnsupportedError(
                f"the health check of `{description.workload}` asks port {check.port}, and a task has one port on this engine",
                hint=f"Leave out `http.healthcheck.port`, or set it to {description.port}",
            )

    def _refuse_same_path(self, description: ReleaseDescription) -> None:
        if description.routing is None:
            return
        path = normal_path(description.routing.path)
        for other in (r.description for r in self._store.releases.all_current()):
            same_place = (other.application, other.environment) == (description.application, description.environment)
            if (
                same_place
                and other.workload != description.workload
                and other.routing
                and normal_path(other.routing.path) == path
            ):
                both = f"`{description.workload}` and `{other.workload}` both have path `{path}`"
                raise DeploymentError(
                    f"{both} in environment `{other.environment}`",
                    hint=f"Give one of them another `http.path`, or delete `{other.workload}` there",
                )

    def _write_tasks(self, release: ReleaseRecord) -> list[TaskRecord]:
        """The tasks of a release that is being deployed: those an earlier try wrote down, and the missing ones."""
        description = release.description
        for task in self._store.releases.tasks(release.id):
            if task.status == "Stopping":
                self._retirement.end(task, grace_period=0)
        with self._store.transaction():
            tasks = self._store.releases.tasks(release.id)
            taken: set[int | None] = {t.port for t in self._store.releases.all_tasks()}
            taken |= {e.port for e in self._store.catalog.all_environments()}
            while len(tasks) < description.count:
                port = ports.choose(taken) if description.port is not None else None
                taken.add(port)
                name = f"{description.workload}-{release.id}-{secrets.token_hex(4)}"
                tasks.append(self._store.releases.add_task(name, release.id, port))
        return tasks

    def _switch(self, release: ReleaseRecord, environment: LocalEnvironment, tasks: Sequence[TaskRecord]) -> None:
        self._frontdoor.ensure()
        with self.switching, self._store.transaction():
            self._refuse_same_path(release.description)
            for task in tasks:
                self._store.releases.set_task_status(task.id, "Healthy")
            self._mark_stopping(t for t in self._tasks_of(release.description) if t.release != release.id)
            self._store.releases.make_current(release)
            for refused in self._apply():
                if (refused.app, refused.name) == (environment.app, environment.name):
                    raise _port_taken(refused)

    def _give_up(self, release: ReleaseRecord) -> None:
        tasks = self._store.releases.tasks(release.id)
        self._mark_stopping(tasks)
        try:
            side_by_side(lambda task: self._retirement.end(task, release.description.grace_period), tasks)
        except EngineUnavailableError:
            # What made the deployment fail is what there is to say; these are ended as soon as that is possible.
            self._retirement.sweep(tasks)
        if release.paused_at is None:
            self._store.releases.set_status(release.id, "Failed")

    def _confirm(self, release: ReleaseRecord, out: Print, cancelled: Event) -> None:
        """A release that is current already: see that it is healthy. What is dead is the supervisor's to start again."""
        description = release.description
        runtime = self.runtime_of(description)
        tasks = self._store.releases.tasks(release.id)
        if all(t.status == "Healthy" and runtime.runs(t.id) for t in tasks):
            out(f"release {release.id} of {description.workload} serves already; there is nothing to do")
        deadline = time.monotonic() + health.check_of(description).grace_period
        while not all(t.status == "Healthy" for t in self._store.releases.tasks(release.id)):
            if cancelled.is_set():
                raise gate.was_cancelled(description)
            if time.monotonic() > deadline:
                raise DeploymentError(f"`{description.workload}` serves already, and not all of its tasks are healthy")
            cancelled.wait(gate.LOOK)

    def _apply(self) -> tuple[EnvironmentRoutes, ...]:
        used = {environment.runtime for environment in self._store.catalog.all_environments()}
        addresses = {name: r.front_door_addresses() for name, r in self._runtimes.items() if name in used}
        return self._frontdoor.apply(routes(self._store, addresses))

    def _mark_stopping(self, tasks: Iterable[TaskRecord]) -> None:
        for task in tasks:
            self._store.releases.set_task_status(task.id, "Stopping")

    def _release_of(self, task: TaskRecord) -> ReleaseRecord:
        return self._store.releases.get(task.release)

    def _tasks_of(self, description: ReleaseDescription) -> list[TaskRecord]:
        return self._store.releases.tasks_of_service(description.application, description.environment, description.workload)

    def _lock(self, app: str, environment: str, workload: str) -> Lock:
        return self._locks.setdefault((app, environment, workload), Lock())


def _port_taken(environment: EnvironmentRoutes) -> DeploymentError:
    return DeploymentError(
        f"port {environment.port} of environment `{environment.name}` is already taken by another program",
        hint=f"Stop what listens on port {environment.port} and try again",
    )
