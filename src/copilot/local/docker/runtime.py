"""Tasks of the docker runtime: containers that outlive the server, found again by their labels."""

from __future__ import annotations

import logging
import re
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Lock

from copilot.docker.client import Answer, Docker
from copilot.docker.failures import cpus_there, failure, is_conflict, is_gone, not_executed
from copilot.engine import LocalEnvironment
from copilot.errors import CopilotError, DeploymentError, EngineUnavailableError, NotFoundError
from copilot.local.docker import command, logs, names
from copilot.local.docker.bridge import Bridge
from copilot.local.docker.command import Container
from copilot.local.docker.containers import Containers, State, started, stopped
from copilot.local.docker.endpoint import DEFAULT, Endpoint, check_is_here, wanted_here
from copilot.local.docker.names import Names
from copilot.local.docker.spec import main_container, sidecar_containers
from copilot.local.home import Home
from copilot.local.runtime import ExecCommand, TaskLog, TaskSpec
from copilot.release.description import ReleaseDescription

# These would change what the client itself does, so they do not go through its own environment.
_OF_THE_CLIENT = re.compile(
    r"PATH|HOME|USER|TMPDIR|(?:DOCKER|BUILDX|BUILDKIT|XDG|LD|DYLD|GO|SSL|SSH|OTEL|CONTAINER|PODMAN)[A-Z_]*"
    r"|(?:https?|all|no|ftp)_proxy",
    re.IGNORECASE,
)
_KILL_SECONDS = 30.0
# How containers end whose program's format is not the machine's.
_NOT_EXECUTED = (1, 126, 127, 255)

_log = logging.getLogger(__name__)


class DockerRuntime:
    """Runs tasks as containers (see `copilot.local.runtime.Runtime`)."""

    name = "docker"

    def __init__(self, home: Home) -> None:
        self.home = home
        self._endpoint = Endpoint(home)
        self.docker = Docker(address=self._endpoint.address)
        self.names = Names.of(home)
        self._containers = Containers(self.docker, self.names.home, self._end_all)
        self._networks: set[str] = set()
        self._bridge = Bridge(self.docker, self.names.home)
        self._lock = Lock()

    def take_up(self, address: str | None = None) -> None:
        """Have environments on the container engine at an address; None: where they are, or where this server finds one.

        Raises:
            EngineUnavailableError: It does not answer.
            UnsupportedError: It is on another machine.
            ConflictError: There are environments on another one.
        """
        settled = self._endpoint.address()
        chosen = address or settled or wanted_here() or DEFAULT
        check_is_here(chosen)
        if settled is not None:
            self._endpoint.settle(chosen)
        Docker(address=lambda: chosen).check()
        if settled is None:
            self._endpoint.settle(chosen)
            self._bridge = Bridge(self.docker, self.names.home)
            self._networks.clear()
            self._containers.look_elsewhere()

    def stay(self) -> None:
        """Environments are on a container engine: if it was never settled which, it is the one that is found now."""
        if self._endpoint.address() is None:
            with suppress(CopilotError):
                self._endpoint.settle(wanted_here() or DEFAULT)

    def let_go(self) -> None:
        """No environment is on the container engine any more: the next one may be on another."""
        self._endpoint.forget()

    def unavailable(self) -> CopilotError | None:
        """See `Runtime`."""
        return self._containers.unavailable

    def prepare(self, environment: LocalEnvironment) -> None:
        """Make the environment's network. Raises DeploymentError or EngineUnavailableError."""
        network = self.names.network(environment.app, environment.name)
        if network not in self._networks:
            self._make_network(network, self.names.labels(environment.app, environment.name))

    def variables(
        self, description: ReleaseDescription, port: int | None, environment: LocalEnvironment, proxy: int
    ) -> dict[str, str]:
        """See `Runtime`. Names of services are the network's; the front door answers on this machine's side of it."""
        del port, proxy
        own = {} if description.port is None else {"PORT": str(description.port)}
        return own | {"COPILOT_LB_DNS": f"{self._bridge.name()}:{environment.port}"}

    def front_door_addresses(self) -> tuple[str, ...]:
        """See `Runtime`."""
        return self._bridge.addresses()

    def start(self, spec: TaskSpec) -> None:
        """See `Runtime`."""
        if self.runs(spec.id):
            return
        self._discard([state.name for state in self._containers.of(spec.id)], spec.id)
        try:
            self._make_volumes(spec.description)
            main = main_container(self.names, spec)
            self._run(replace(main, hosts=self._bridge.hosts()), spec.variables, spec)
            self._run_sidecars(spec)
        except EngineUnavailableError:
            raise
        except CopilotError as error:
            tail = self.tail(spec.id)
            every = (None, *(sidecar.name for sidecar in spec.description.sidecars))
            with suppress(CopilotError):
                self._discard([self.names.container(spec.id, sidecar) for sidecar in every], spec.id)
            message = f"a task of `{spec.description.workload}` cannot be started: {error.message}"
            raise DeploymentError(message, hint=error.hint, details=error.details or tail) from error

    def runs(self, task_id: str) -> bool:
        """See `Runtime`: the main container and every essential sidecar."""
        states = self._containers.of(task_id)
        return any(s.sidecar is None for s in states) and all(s.running for s in states if s.essential)

    def pid(self, task_id: str) -> int | None:
        """See `Runtime`: of the main container's first process."""
        if not self.runs(task_id):
            return None
        main = self._main(task_id)
        if main is not None and main.running and main.pid is None:
            with suppress(CopilotError):
                self._containers.refresh([main.id])
            main = self._main(task_id)
        return main.pid if main is not None and main.running else None

    def healthy(self, task_id: str) -> bool | None:
        """See `Runtime`: all essential containers that have a check."""
        found = [s.health for s in self._containers.of(task_id) if s.essential and s.health is not None]
        return all(health == "healthy" for health in found) if found else None

    def exit_reason(self, task_id: str) -> str | None:
        """See `Runtime`."""
        if self.runs(task_id):
            return None
        states = self._containers.of(task_id)
        unavailable = self._containers.unavailable
        if unavailable is not None and not states:
            raise unavailable
        # A sidecar's end is the cause if the main container still runs, or was stopped because of it.
        for state in states:
            if not state.running and state.essential and state.sidecar and (state.exit_code or self._runs_main(states)):
                return f"sidecar `{state.sidecar}` ended: {self._reason(state)}"
        main = next((state for state in states if state.sidecar is None), None)
        return self._reason(main) if main is not None and not main.running else "ended"

    def stop(self, task_id: str, grace_period: float) -> None:
        """See `Runtime`. Sidecars are stopped after the main container, which may need them to the end."""
        states = [state for state in self._containers.of(task_id) if state.running]
        for group in ([s for s in states if s.sidecar is None], [s for s in states if s.sidecar is not None]):
            if group:
                self._stop(group, grace_period)

    def remove(self, task_id: str) -> None:
        """See `Runtime`. What its containers printed is kept."""
        self._discard([state.name for state in self._containers.of(task_id)], task_id)

    def tail(self, task_id: str, lines: int = 20) -> tuple[str, ...]:
        """See `Runtime`."""
        if lines <= 0:
            return ()
        found = self._printed(task_id, lines=lines, whole=False) or list(logs.kept(self._log(task_id)))
        return tuple(line.text for line in sorted(found, key=lambda line: line.time)[-lines:])

    def log(self, task_id: str, cursor: str = "") -> TaskLog:
        """See `Runtime`. The cursor is a time."""
        begin = logs.Cursor.parse(cursor)
        since = f"{begin.time}Z" if begin.time else ""
        ended = not self.runs(task_id)
        lines = [*logs.kept(self._log(task_id)), *self._printed(task_id, since=since, whole=not ended)]
        fresh, end = logs.after(lines, begin)
        return TaskLog("".join(f"{line.text}\n" for line in fresh), str(end))

    def command(self, task_id: str, argv: Sequence[str], *, interactive: bool, sidecar: str | None = None) -> ExecCommand:
        """See `Runtime`."""
        chosen = next((state for state in self._containers.of(task_id) if state.sidecar == sidecar), None)
        if chosen is None or not chosen.running:
            what = f"sidecar `{sidecar}` of task" if sidecar else "task"
            raise NotFoundError(f"{what} `{task_id}` does not run")
        # Whoever runs it may have another engine in mind.
        own = self.docker.variables()
        engine = {name: own.get(name, "") for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY")}
        engine |= {name: own[name] for name in ("DOCKER_CONFIG",) if name in own}
        return ExecCommand((self.docker.program, *command.execute(chosen.name, argv, interactive=interactive)), engine)

    def task_ids(self) -> list[str]:
        """See `Runtime`."""
        return self._containers.tasks()

    def remove_environment(self, environment: LocalEnvironment, *, keep_volumes: bool) -> None:
        """Delete the network, and the volumes unless they are to be kept. Raises EngineUnavailableError or DeploymentError."""
        labels = self.names.labels(environment.app, environment.name)
        # Sidecars first: Podman deletes no container whose network another one uses.
        for chosen in (labels | {names.SIDECAR: ""}, labels):
            left = self.docker.run(command.list_containers(chosen)).split()
            if left:
                self.docker.run(command.remove(left))
        network = self.names.network(environment.app, environment.name)
        answer = self.docker.ask(command.remove_network(network))
        if answer.code and not re.search("not found|No such network", answer.output, re.IGNORECASE):
            raise failure(answer.output)
        self._networks.discard(network)
        volumes = [] if keep_volumes else self.docker.run(command.list_volumes(labels)).split()
        if volumes:
            self.docker.run(command.remove_volumes(volumes))

    def close(self) -> None:
        """See `Runtime`."""
        self._containers.close()

    def _main(self, task_id: str) -> State | None:
        return next((state for state in self._containers.of(task_id) if state.sidecar is None), None)

    def _runs_main(self, states: Sequence[State]) -> bool:
        return any(state.running and state.sidecar is None for state in states)

    def _reason(self, state: State) -> str:
        said = self._logs_of(state.name, state.task, lines=1) if state.exit_code in _NOT_EXECUTED else []
        why = not_executed(said[-1].text) if said else None
        return _reason(state) if why is None else why

    def _log(self, task_id: str) -> Path:
        return self.home.logs / f"task-{task_id}.log"

    def _run_sidecars(self, spec: TaskSpec) -> None:
        for sidecar, container in sidecar_containers(self.names, spec):
            variables = spec.sidecar_variables.get(sidecar.name, {})
            try:
                self._run(container, variables, spec, sidecar.name, essential=sidecar.essential)
            except CopilotError:
                self._containers.refresh([state.id for state in self._containers.of(spec.id)])
                main = self._main(spec.id)
                if main is None or main.running:
                    raise
                # There is no network to share with a main container that ended already, and that end is what there is to tell.
                self._discard([container.name], spec.id)
                return

    def _make_volumes(self, description: ReleaseDescription) -> None:
        """Make what is missing. They are not left to `docker run`: Podman would give them no labels."""
        d = description
        labels = self.names.labels(d.application, d.environment) | {names.WORKLOAD: d.workload}
        mounted = [*d.volumes, *(volume for sidecar in d.sidecars for volume in sidecar.volumes)]
        for name in sorted({volume.name for volume in mounted}):
            self.docker.run(command.create_volume(self.names.volume(d.application, d.environment, d.workload, name), labels))

    def _make_network(self, network: str, labels: Mapping[str, str]) -> None:
        # One after the other: engines check by and large that a name is free, and make two networks of it when asked at once.
        with self._lock:
            answer = self.docker.ask(command.create_network(network, labels))
            if answer.code and "already exists" not in answer.output:
                raise failure(answer.output)
            self._networks.add(network)

    def _run(
        self,
        container: Container,
        variables: Mapping[str, str],
        spec: TaskSpec,
        sidecar: str | None = None,
        *,
        essential: bool = True,
    ) -> None:
        own = {name: value for name, value in variables.items() if _OF_THE_CLIENT.fullmatch(name)}
        inherited = {name: value for name, value in variables.items() if name not in own}
        told = replace(container, inherited=tuple(inherited), described=bool(own))
        described = "".join(f"{name}={value}\n" for name, value in own.items())
        answer = self.docker.ask(command.run(told), variables=inherited, stdin=described)
        if answer.code and self._mended(answer, told, spec):
            fewer = cpus_there(answer.output)
            told = replace(told, cpus=fewer) if fewer else told
            answer = self.docker.ask(command.run(told), variables=inherited, stdin=described)
        if answer.code:
            raise failure(answer.output)
        identity = answer.text.split()[-1]
        checked = container.check is not None
        self._containers.put(started(container.name, identity, spec.id, sidecar, essential=essential, checked=checked))

    def _mended(self, answer: Answer, container: Container, spec: TaskSpec) -> bool:
        """Whether the cause of a failure is gone now, so that another try makes sense."""
        no_network = re.search(r"network (?:\S+ )?not found", answer.output) is not None
        if no_network:
            # Someone deleted it.
            d = spec.description
            self._make_network(container.network, self.names.labels(d.application, d.environment))
        mended = no_network or is_conflict(answer.output) or cpus_there(answer.output) is not None
        if mended:
            # One of that name is there: from an earlier time, or made by the try that failed.
            self._discard([container.name], spec.id)
        return mended

    def _stop(self, states: Sequence[State], grace_period: float) -> None:
        answer = self.docker.ask(command.stop((s.name for s in states), grace_period), seconds=grace_period + _KILL_SECONDS)
        if answer.code and not is_gone(answer.output):
            raise failure(answer.output)
        for state in states:
            self._containers.put(stopped(state))
        self._containers.refresh([state.id for state in states])

    def _discard(self, containers: Sequence[str], task_id: str) -> None:
        """Delete containers, after what they printed was kept."""
        if not containers:
            return
        found = [line for name in containers for line in self._logs_of(name, task_id)]
        file = self._log(task_id)
        logs.append(file, logs.newer(found, logs.kept(file)))
        main = self.names.container(task_id)
        # Sidecars first: Podman deletes no container whose network another one uses.
        for group in ([name for name in containers if name != main], [name for name in containers if name == main]):
            answer = self.docker.ask(command.remove(group)) if group else None
            if answer is not None and answer.code and not is_gone(answer.output):
                raise failure(answer.output)
        self._containers.drop(containers)

    def _printed(self, task_id: str, *, since: str = "", lines: int | None = None, whole: bool = True) -> list[logs.Line]:
        """What the containers of a task printed, as far as they are there."""
        found = []
        for state in self._containers.of(task_id):
            found += self._logs_of(state.name, task_id, since=since, lines=lines, whole=whole)
        return found

    def _logs_of(
        self, name: str, task_id: str, *, since: str = "", lines: int | None = None, whole: bool = False
    ) -> list[logs.Line]:
        answer = self._quietly(command.logs(name, since=since, lines=lines))
        if answer is None:
            return []
        sidecar = name.removeprefix(self.names.container(task_id)).lstrip(".")
        return logs.parse(answer.output, f"{sidecar}: " if sidecar else "", whole=whole)

    def _quietly(self, arguments: Sequence[str]) -> Answer | None:
        """The answer, or None if there is none to be had."""
        try:
            answer = self.docker.ask(arguments)
        except EngineUnavailableError as error:
            _log.warning("%s", error.message)
            return None
        return None if answer.code else answer

    def _end_all(self, task_id: str) -> None:
        """A container of a task has ended: when it was an essential one, its others are not wanted any more."""
        if self.runs(task_id):
            return
        main = self._main(task_id)
        grace_period = 10.0 if main is None else main.stop_seconds
        try:
            self.stop(task_id, grace_period)
        except CopilotError as error:
            _log.warning("what is left of task %s cannot be stopped: %s", task_id, error.message)


def _reason(state: State) -> str:
    if state.out_of_memory:
        return f"killed: it needed more than its memory, {state.memory} MiB"
    with suppress(ValueError):
        if state.exit_code > 128:
            return f"killed by {signal.Signals(state.exit_code - 128).name}"
    return f"exit {state.exit_code}"
