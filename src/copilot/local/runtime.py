"""What the local engine needs of a runtime: the thing that runs tasks from images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from copilot.engine import LocalEnvironment
from copilot.errors import CopilotError
from copilot.image import ImageRequest
from copilot.progress import Print
from copilot.release.description import ReleaseDescription


@dataclass(frozen=True)
class TaskSpec:
    """A task to run: one copy of a release.

    Attributes:
        id: Unique among all tasks ever; names the task's files and marks its process (``COPILOT_TASK_ID``).
        port: The loopback port it must listen on; None if nothing connects to it.
        variables: The complete set of variables on top of the image's own, secrets included. Never logged.
        sidecar_variables: The same for each sidecar, by name.
        release: The number of the release.
    """

    id: str
    description: ReleaseDescription
    port: int | None
    variables: Mapping[str, str]
    sidecar_variables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    release: int = 0


@dataclass(frozen=True)
class TaskLog:
    """Part of what a task printed. ``cursor``: where to read on."""

    text: str
    cursor: str


@dataclass(frozen=True)
class ExecCommand:
    """A command to run beside a task, on this machine: arguments, variables on top of the caller's, and working folder."""

    argv: tuple[str, ...]
    variables: Mapping[str, str]
    folder: Path | None = None


class Runtime(Protocol):
    """Runs tasks.

    A task is found by its id alone, also after the server was killed and started again.
    """

    name: str

    def prepare(self, environment: LocalEnvironment) -> None:
        """Make what the tasks of an environment share, if it is not there. Raises DeploymentError."""
        ...

    def variables(
        self, description: ReleaseDescription, port: int | None, environment: LocalEnvironment, proxy: int
    ) -> Mapping[str, str]:
        """The variables that depend on the runtime: where the task listens, and how it reaches the front door and its peers.

        Args:
            description: The release.
            port: The task's loopback port.
            environment: Where it runs.
            proxy: Loopback port where services are reached by name, as an HTTP proxy.
        """
        ...

    def front_door_addresses(self) -> tuple[str, ...]:
        """Addresses of this machine, besides the loopback ones, where tasks look for the front door of their environment."""
        ...

    def start(self, spec: TaskSpec) -> None:
        """Start the task's process and return; it outlives this server. Idempotent: a task that runs is left alone.

        Raises DeploymentError when it cannot be started at all (no such command, image gone).
        """
        ...

    def unavailable(self) -> CopilotError | None:
        """Why no task can be started, stopped or looked at now; None if they can. What runs may go on meanwhile."""
        ...

    def runs(self, task_id: str) -> bool:
        """Whether the task runs. The last thing that is known, while the runtime is unavailable. Costs nearly nothing."""
        ...

    def pid(self, task_id: str) -> int | None:
        """The process id while the task runs, else None."""
        ...

    def healthy(self, task_id: str) -> bool | None:
        """What the task's own health check says (``image.healthcheck``), False while it is undecided; None if it has none."""
        ...

    def exit_reason(self, task_id: str) -> str | None:
        """Why it ended, for a person: ``exit 1``, ``killed by SIGKILL``, or ``ended`` when unknown. None while it runs.

        ``exit 0`` exactly is what tells a job's success. ``ended`` is also the answer for a task that was never started.
        Raises EngineUnavailableError if that cannot be known now.
        """
        ...

    def stop(self, task_id: str, grace_period: float) -> None:
        """Ask it and its children to stop, wait up to ``grace_period`` seconds, then kill. Returns when it is gone."""
        ...

    def remove(self, task_id: str) -> None:
        """Delete what it left; its log stays. The task must not run."""
        ...

    def tail(self, task_id: str, lines: int = 20) -> tuple[str, ...]:
        """The last lines it printed."""
        ...

    def log(self, task_id: str, cursor: str = "") -> TaskLog:
        """What it printed after a cursor (empty: from the beginning), whole lines. Also of a task that was removed."""
        ...

    def command(self, task_id: str, argv: Sequence[str], *, interactive: bool, sidecar: str | None = None) -> ExecCommand:
        """How to run a command inside the task, or inside one of its sidecars. Raises NotFoundError if that does not run."""
        ...

    def task_ids(self) -> list[str]:
        """Every task of this home that the runtime knows, running or not."""
        ...

    def remove_environment(self, environment: LocalEnvironment, *, keep_volumes: bool) -> None:
        """Delete what the tasks of an environment shared. None of them runs any more."""
        ...

    def close(self) -> None:
        """Let go of what this server holds of it. Tasks go on."""
        ...


class ImageBuilder(Protocol):
    """Builds images for a runtime, from any thread. Used by the process that holds the checkout, with no server needed."""

    def build(self, request: ImageRequest, out: Print) -> str:
        """Build and keep the image; the answer is its digest, ``sha256:<64 hex>``. The same content gives the same digest.

        Raises BuildError, naming the Dockerfile's ``file:line:column``, or UnsupportedError for what the runtime cannot do.
        """
        ...

    def locate(self, workload: str, location: str, platform: str | None, out: Print) -> str:
        """The digest of an existing image, fetched if it is not here. Raises NotFoundError, BuildError or UnsupportedError."""
        ...
