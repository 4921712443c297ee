"""Which Dockerfile a new workload is built from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from copilot.cli import _ask, _service_files
from copilot.cli._output import dim, say, yellow
from copilot.errors import NotFoundError

if TYPE_CHECKING:
    from copilot.workspace import Workspace


def choose_dockerfile(workspace: Workspace, given: str | None) -> str:
    """Its path from the root: the one that is named, the only one, or the one the person picks.

    Raises:
        NotFoundError: It is not there.
        UsageError: It is outside of the repository, or there are several and no terminal to ask on.
    """
    if given is not None:
        return _service_files.dockerfile_inside(workspace.root, given, Path.cwd())
    found = _service_files.find_dockerfiles(workspace.root)
    if not found:
        raise NotFoundError(f"there is no Dockerfile in `{workspace.root}`", hint="write one, or name it with `--dockerfile`")
    if len(found) == 1:
        say(dim(f"Dockerfile {found[0]} (the only one of this repository)"))
        return found[0]
    return _ask.select("Which Dockerfile?", found, flag="--dockerfile")


def warn_of(dockerfile: Path, shown_as: str) -> None:
    """Say what the host runtime cannot do with it, if there is something."""
    objection = _service_files.host_runtime_objection(dockerfile, shown_as)
    if objection is not None:
        say(f"{yellow('warning:')} {objection.message}")
        if objection.hint:
            say(f"  {objection.hint}")
