"""Operations of the local engine on workloads: what is deployed, what runs, and what a person does to it without a pipeline."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from copilot.engine import (
    Deployment,
    LogChunk,
    Release,
    ServiceDetail,
    Task,
    TaskCommand,
    TaskLog,
    Workload,
)
from copilot.errors import ConflictError, NotFoundError, UnsupportedError
from copilot.local import views
from copilot.local.deployer import Deployer
from copilot.local.direct import DirectDeployments
from copilot.local.runtime import Runtime
from copilot.local.store import Store
from copilot.local.store.releases import ReleaseRecord
from copilot.release.description import ReleaseDescription

_LITTLE = 1 << 16
"""Fewer characters at once mean that there is no more for now."""


class ServiceOperations:
    """The part of `copilot.engine.Engine` that is about workloads and their direct deployments."""

    def __init__(self, store: Store, runtimes: Mapping[str, Runtime], deployer: Deployer, direct: DirectDeployments) -> None:
        self._store = store
        self._runtimes = runtimes
        self._deployer = deployer
        self._direct = direct

    # -- workloads ---------------------------------------------------------------------------------------------

    def register_workload(self, app: str, name: str, type: str) -> Workload:  # noqa: A002 - the protocol's name
        """See `LocalEngine`."""
        return self._store.catalog.register_workload(app, name, type)

    def workloads(self, app: str) -> list[Workload]:
        """See `LocalEngine`."""
        return self._store.catalog.workloads(app)

    def delete_workload(self, app: str, name: str, environment: str | None = None) -> None:
        """See `LocalEngine`."""
        self._store.catalog.workload(app, name)
        environments = self._store.catalog.environments(app)
        if environment is not None:
            environments = [self._store.catalog.environment(app, environment)]
        for each in environments:
            self._direct.cancel(app, environment=each.name, workload=name)
            self._deployer.remove(app, each.name, name)
        if environment is None:
            self._store.catalog.delete_workload(app, name)

    def service(self, app: str, name: str) -> ServiceDetail:
        """See `LocalEngine`."""
        workload = self._store.catalog.workload(app, name)
        states = [
            views.service_state(
                environment,
                self._store.releases.current(app, environment.name, name),
                self._store.releases.tasks_of_service(app, environment.name, name),
                self._runtimes.get(environment.runtime),
            )
            for environment in self._store.catalog.environments(app)
        ]
        return ServiceDetail(app=app, name=name, type=workload.type, environments=tuple(states))

    def releases(self, app: str, environment: str, workload: str, limit: int = 20) -> list[Release]:
        """See `LocalEngine`."""
        self._check(app, environment, workload)
        return [views.release(record) for record in self._store.releases.history(app, environment, workload, limit)]

    # -- tasks -------------------------------------------------------------------------------------------------

    def tasks(self, app: str, environment: str, workload: str, release: int | None = None) -> list[Task]:
        """See `LocalEngine`."""
        runtime = self._runtime(app, environment, workload)
        # Those that are there first: one that ends in between is then found twice, and not lost.
        there = self._store.releases.tasks_of_service(app, environment, workload)
        gone = self._store.releases.ended_tasks(app, environment, workload)
        found = {t.id: views.running_task(t, runtime.pid(t.id)) for t in there}
        found |= {t.id: views.ended_task(t) for t in gone}
        chosen = [task for task in found.values() if release in (None, task.release)]
        return sorted(chosen, key=lambda task: (task.started_at, task.id))

    def task_log(
        self,
        app: str,
        environment: str,
        workload: str,
        task: str,
        cursor: str = "",
        last: int | None = None,
        container: str | None = None,
    ) -> TaskLog:
        """See `LocalEngine`."""
        runtime = self._runtime(app, environment, workload)
        release, gone = self._find(app, environment, workload, task)
        chosen = _of_container(self._store.releases.get(release).description, container)
        part = runtime.log(task, cursor)
        if last is None:
            complete = len(part.text) < _LITTLE
            return TaskLog(text=chosen(part.text), cursor=part.cursor, complete=complete, finished=gone and not part.text)
        lines: deque[str] = deque(maxlen=last)
        skipped = False
        while True:
            new = chosen(part.text).splitlines(keepends=True)
            skipped = skipped or len(lines) + len(new) > last
            lines.extend(new)
            if len(part.text) < _LITTLE:
                return TaskLog(text="".join(lines), cursor=part.cursor, complete=True, finished=gone, skipped=skipped)
            part = runtime.log(task, part.cursor)

    def task_command(
        self,
        app: str,
        environment: str,
        workload: str,
        task: str,
        argv: tuple[str, ...],
        interactive: bool,
        container: str | None = None,
    ) -> TaskCommand:
        """See `LocalEngine`."""
        runtime = self._answering(app, environment, workload)
        release, gone = self._find(app, environment, workload, task)
        sidecar = _sidecar(self._store.releases.get(release).description, container)
        if gone:
            raise NotFoundError(f"task `{task}` does not run any more", hint=f"See `copilot svc status --name {workload}`")
        command = runtime.command(task, argv, interactive=interactive, sidecar=sidecar)
        return TaskCommand(argv=command.argv, variables=command.variables, folder=str(command.folder) if command.folder else None)

    def _find(self, app: str, environment: str, workload: str, task: str) -> tuple[int, bool]:
        """The release of a task of this service, and whether the task is gone. Raises NotFoundError if it never had it."""
        there = {t.id: t.release for t in self._store.releases.tasks_of_service(app, environment, workload)}
        if task in there:
            return there[task], False
        gone = {t.id: t.release for t in self._store.releases.ended_tasks(app, environment, workload)}
        if task in gone:
            return gone[task], True
        raise NotFoundError(f"`{workload}` has no task `{task}` in environment `{environment}`")

    # -- pausing and going back --------------------------------------------------------------------------------

    def pause_service(self, app: str, environment: str, workload: str) -> None:
        """See `LocalEngine`."""
        if self._current(app, environment, workload).paused_at is None:
            self._answering(app, environment, workload)
            self._deployer.pause(app, environment, workload)

    def resume_service(self, app: str, environment: str, workload: str) -> Deployment:
        """See `LocalEngine`."""
        current = self._current(app, environment, workload)
        if current.paused_at is None:
            raise ConflictError(f"`{workload}` is not paused in environment `{environment}`")
        return self._direct.resume_service(current)

    def redeploy(self, app: str, environment: str, workload: str, release: int) -> Deployment:
        """See `LocalEngine`."""
        self._check(app, environment, workload)
        record = self._store.releases.get(release)
        description = record.description
        if (description.application, description.environment, description.workload) != (app, environment, workload):
            raise NotFoundError(f"release {release} is not one of `{workload}` in environment `{environment}`")
        if record.deployed_at is None:
            raise ConflictError(f"release {release} of `{workload}` never became healthy in environment `{environment}`")
        return self._direct.roll_back(record)

    # -- direct deployments ------------------------------------------------------------------------------------

    def start_deployment(self, description: ReleaseDescription) -> Deployment:
        """See `LocalEngine`."""
        self._store.catalog.environment(description.application, description.environment)
        self._store.catalog.register_workload(description.application, description.workload, description.type)
        return self._direct.start(description)

    def deployment(self, id: str) -> Deployment:  # noqa: A002 - the protocol's name
        """See `LocalEngine`."""
        return self._direct.get(id)

    def deployment_log(self, id: str, offset: int = 0) -> LogChunk:  # noqa: A002 - the protocol's name
        """See `LocalEngine`."""
        return self._direct.log(id, offset)

    def _check(self, app: str, environment: str, workload: str) -> None:
        self._store.catalog.workload(app, workload)
        self._store.catalog.environment(app, environment)

    def _current(self, app: str, environment: str, workload: str) -> ReleaseRecord:
        self._check(app, environment, workload)
        current = self._store.releases.current(app, environment, workload)
        if current is None:
            raise ConflictError(
                f"nothing of `{workload}` serves environment `{environment}`",
                hint=f"Deploy it with `copilot deploy --name {workload} --env {environment}`",
            )
        return current

    def _runtime(self, app: str, environment: str, workload: str) -> Runtime:
        self._check(app, environment, workload)
        name = self._store.catalog.environment(app, environment).runtime
        if name not in self._runtimes:
            raise UnsupportedError(f"environment `{environment}` uses runtime `{name}`, which is not available here")
        return self._runtimes[name]

    def _answering(self, app: str, environment: str, workload: str) -> Runtime:
        """The runtime of an environment. Raises EngineUnavailableError unless it can be asked for something now."""
        runtime = self._runtime(app, environment, workload)
        unavailable = runtime.unavailable()
        if unavailable is not None:
            raise unavailable
        return runtime


def _of_container(description: ReleaseDescription, container: str | None) -> Callable[[str], str]:
    """What chooses, of lines that a task printed, those of one container: a runtime puts a sidecar's name before its lines.

    Raises NotFoundError if it has no such container.
    """
    if container is None:
        return lambda text: text
    chosen = _sidecar(description, container)
    if chosen is None:
        sidecars = tuple(f"{sidecar.name}: " for sidecar in description.sidecars)
        return lambda text: "".join(line for line in text.splitlines(keepends=True) if not line.startswith(sidecars))
    mark = f"{chosen}: "
    return lambda text: "".join(line.removeprefix(mark) for line in text.splitlines(keepends=True) if line.startswith(mark))


def _sidecar(description: ReleaseDescription, container: str | None) -> str | None:
    """The sidecar that a container is; None: it is the main one. Raises NotFoundError if there is none of that name."""
    if container in (None, description.workload):
        return None
    names = [description.workload, *(sidecar.name for sidecar in description.sidecars)]
    if container not in names:
        raise NotFoundError(
            f"the tasks of `{description.workload}` have no container `{container}`", hint=f"It has: {', '.join(names)}"
        )
    return container
