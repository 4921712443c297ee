"""``copilot version``."""

from __future__ import annotations

from copilot import __version__
from copilot.cli._commands import PROGRAM
from copilot.cli._output import out
from copilot.cli._root import command


@command("version")
def version() -> None:
    """The same as ``copilot --version``."""
    out(f"{PROGRAM} {__version__}")
