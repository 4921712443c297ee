"""Which workload of which environment a command is about, on AWS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from copilot.cli import _ask
from copilot.cli._output import progress
from copilot.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from copilot.aws.client import Aws
    from copilot.cli._context import Context

JOB = "Scheduled Job"


@dataclass(frozen=True)
class Deployed:
    """A workload in an environment that it was deployed to. ``aws`` may look into that environment."""

    aws: Aws
    app: str
    environment: str
    name: str

    @property
    def log_group(self) -> str:
        """Where its tasks print to."""
        from copilot.aws import names

        return names.log_group(self.app, self.environment, self.name)


def choose_deployed(context: Context, name: str | None, environment: str | None, *, jobs: bool = False) -> Deployed:
    """The workload and environment that are named, or the only ones, or those the person picks.

    Args:
        context: Of the command.
        name: The workload, if it was named.
        environment: The environment, if it was named.
        jobs: Whether jobs are meant, and not services.

    Raises:
        NotFoundError: It does not exist, or was never deployed there.
        UsageError: There are several and there is no terminal to ask on.
    """
    engine, app = context.aws, context.app
    kind = "job" if jobs else "service"
    with progress("Asking AWS"):
        known = [w.name for w in engine.workloads(app) if (w.type == JOB) == jobs]
    name = _ask.choose(kind, known, name, owner=f"application `{app}`", create=f"copilot {'job' if jobs else 'svc'} init")
    with progress("Asking AWS"):
        deployed = engine.deployed_to(app, name)
    deploy = f"copilot deploy --name {name}"
    if environment is not None and environment not in deployed:
        engine.environment(app, environment)
        raise NotFoundError(
            f"{kind} `{name}` was never deployed to environment `{environment}`",
            hint=f"deploy it with `{deploy} --env {environment}`",
        )
    if not deployed:
        raise NotFoundError(f"{kind} `{name}` was never deployed", hint=f"deploy it with `{deploy}`")
    environment = _ask.choose("environment", deployed, environment, owner=f"{kind} `{name}`", create=deploy, flag="--env")
    return Deployed(engine.inside(app, environment), app, environment, name)


def matching(word: str, ids: Sequence[str]) -> str:
    """The one of several IDs that begins with a word. Raises NotFoundError when there is none, or several."""
    found = [id_ for id_ in ids if id_.startswith(word)]
    if len(found) == 1:
        return found[0]
    there = ", ".join(id_[:8] for id_ in ids)
    if found:
        raise NotFoundError(f"there are several tasks `{word}`", hint=f"give more of its id: {there}")
    raise NotFoundError(f"there is no task `{word}`", hint=f"there are: {there}" if there else "no task runs")
