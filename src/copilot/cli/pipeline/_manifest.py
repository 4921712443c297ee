"""The pipeline manifest of this workspace that a command is about, and what it is checked against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from copilot.cli import _ask
from copilot.cli._context import Context
from copilot.errors import ConflictError, EngineUnavailableError, UnsupportedError

if TYPE_CHECKING:
    from copilot.workspace import PipelineFiles, Workspace


@dataclass(frozen=True)
class Environments:
    """The environments of an application; None when they are not known, and why."""

    names: tuple[str, ...] | None
    unknown_because: str = ""


def own_workspace(context: Context) -> Workspace:
    """The workspace, which is that of the application. Raises ConflictError if ``--app`` names another one."""
    workspace = context.require_workspace()
    if context.app != workspace.application:
        raise ConflictError(
            f"this repository belongs to application `{workspace.application}`, not `{context.app}`",
            hint="leave `--app` out, or go to the other application's repository",
        )
    return workspace


def choose_files(workspace: Workspace, name: str | None) -> PipelineFiles:
    """The files of the pipeline called so, or the only one of the workspace, or the one a person picks.

    Raises as `Workspace.pipeline` does.
    """
    if name is None and _ask.can_ask():
        names = [files.name for files in workspace.pipelines()]
        if len(names) > 1:
            name = _ask.select("Which pipeline?", names, flag="--name")
    return workspace.pipeline(name)


def known_environments(context: Context) -> Environments:
    """What the engine knows, for checks that must also work where it knows nothing."""
    try:
        if context.app not in [application.name for application in context.local.applications()]:
            return Environments(None, f"there is no application `{context.app}` on this machine yet")
        return Environments(tuple(environment.name for environment in context.local.environments(context.app)))
    except (EngineUnavailableError, UnsupportedError) as error:
        return Environments(None, error.message)
