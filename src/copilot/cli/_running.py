"""Which running service a command is about, and its tasks as a person names them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from copilot.cli import _ask
from copilot.cli._options import app_option
from copilot.errors import NotFoundError, UnsupportedError

if TYPE_CHECKING:
    from copilot.cli._context import Context
    from copilot.engine import Engine, LocalEngine, ServiceState, Task, Workload

F = TypeVar("F", bound=Callable[..., Any])

_JOB = "Scheduled Job"


@dataclass(frozen=True)
class Running:
    """A service in an environment that it was deployed to."""

    engine: LocalEngine
    app: str
    name: str
    state: ServiceState

    @property
    def environment(self) -> str:
        """The environment's name."""
        return self.state.environment

    @property
    def place(self) -> tuple[str, str, str]:
        """What the engine's methods are asked with: application, environment, workload."""
        return self.app, self.environment, self.name

    def command(self, words: str) -> str:
        """A command line about this service: ``copilot svc <words> --name … --env …``."""
        return f"copilot svc {words} --name {self.name} --env {self.environment}"


def service_options(function: F) -> F:
    """Add ``--app -a``, ``--name -n`` and ``--env -e``; the command gets ``context``, ``name`` and ``environment``."""
    function = click.option("--env", "-e", "environment", metavar="NAME", help="The environment.")(function)
    return app_option(click.option("--name", "-n", metavar="NAME", help="The service.")(function))


def choose_running(context: Context, name: str | None, environment: str | None) -> Running:
    """The service and environment that are named, or the only ones, or those the person picks.

    Raises:
        NotFoundError: It does not exist, or was never deployed there.
        UsageError: There are several and there is no terminal to ask on.
    """
    engine, app = context.local, context.app
    names = [w.name for w in services_of(engine, app)]
    name = _ask.choose("service", names, name, owner=f"application `{app}`", create="copilot svc init")
    known = {state.environment: state for state in engine.service(app, name).environments}
    deployed = [e for e, state in known.items() if state.release is not None]
    deploy = f"copilot deploy --name {name}"
    if environment in known and environment not in deployed:
        raise NotFoundError(
            f"service `{name}` was never deployed to environment `{environment}`",
            hint=f"deploy it with `{deploy} --env {environment}`",
        )
    if not deployed:
        raise NotFoundError(f"service `{name}` was never deployed", hint=f"deploy it with `{deploy}`")
    environment = _ask.choose("environment", deployed, environment, owner=f"service `{name}`", create=deploy, flag="--env")
    return Running(engine, app, name, known[environment])


def refuse_on_aws(context: Context, sentence: str, hint: str) -> None:
    """Raises UnsupportedError if the engine is aws."""
    if context.on_aws:
        raise UnsupportedError(sentence, hint=hint)


def services_of(engine: Engine, app: str) -> list[Workload]:
    """The workloads of an application that are services, by name; jobs are not."""
    return [workload for workload in engine.workloads(app) if workload.type != _JOB]


def short_id(task: str) -> str:
    """A task's id as it is shown in front of lines: its last part."""
    return task.rpartition("-")[2]


def named_task(tasks: Sequence[Task], word: str) -> Task:
    """The task whose id, or whose short id, begins with a word. Raises NotFoundError when there is none, or several."""
    matches = [t for t in tasks if t.id == word] or [t for t in tasks if t.id.startswith(word) or short_id(t.id).startswith(word)]
    if len(matches) == 1:
        return matches[0]
    there = ", ".join(short_id(t.id) for t in tasks)
    if matches:
        raise NotFoundError(f"there are several tasks `{word}`", hint=f"give more of its id: {there}")
    raise NotFoundError(f"there is no task `{word}`", hint=f"there is: {there}" if there else None)
