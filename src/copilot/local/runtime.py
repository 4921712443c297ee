"""What the local engine needs of a runtime: the thing that runs tasks from images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from copilot.release.description import ReleaseDescription

Print = Callable[[str], None]
"""Takes one line of progress, without its newline."""


@dataclass(frozen=True)
class TaskSpec:
    """A task to run: one copy of a release.

    Attributes:
        id: Unique among all tasks ever; names the task's files and marks its process (``COPILOT_TASK_ID``).
        port: The loopback port it must listen on; None if nothing connects to it.
        variables: The complete set of variables on top of the image's own, secrets included. Never logged.
    """

    id: str
    description: ReleaseDescription
    port: int | None
    variables: Mapping[str, str]


class Runtime(Protocol):
    """Runs tasks. Every method but ``start`` finds a task by its id alone, also after the server was killed and started again."""

    name: str

    def start(self, spec: TaskSpec) -> None:
        """Start the task's process and return; it outlives this server. Idempotent: a task that runs is left alone.

        Raises DeploymentError when it cannot be started at all (no such command, image gone).
        """
        ...

    def pid(self, task_id: str) -> int | None:
        """The process id while the task runs, else None."""
        ...

    def exit_reason(self, task_id: str) -> str | None:
        """Why it ended, for a person: ``exit 1``, ``killed by SIGKILL``, or ``ended`` when unknown. None while it runs."""
        ...

    def stop(self, task_id: str, grace_period: float) -> None:
        """Ask it and its children to stop, wait up to ``grace_period`` seconds, then kill. Returns when it is gone."""
        ...

    def remove(self, task_id: str) -> None:
        """Delete its files (its log stays). The task must not run."""
        ...

    def tail(self, task_id: str, lines: int = 20) -> tuple[str, ...]:
        """The last lines it printed."""
        ...


@dataclass(frozen=True)
class ImageRequest:
    """An image to build: ``image.build`` of a workload manifest, with paths resolved inside the checkout."""

    application: str
    workload: str
    dockerfile: Path
    context: Path
    target: str | None = None
    args: Mapping[str, str] | None = None


class ImageBuilder(Protocol):
    """Builds images for a runtime. Used by the process that holds the checkout, with no server needed."""

    def build(self, request: ImageRequest, out: Print) -> str:
        """Build and keep the image; the answer is its digest, ``sha256:<64 hex>``. The same content gives the same digest.

        Raises BuildError, naming the Dockerfile's ``file:line:column``, or UnsupportedError for what the runtime cannot do.
        """
        ...
