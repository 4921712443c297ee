"""``copilot completion``: code that makes a shell complete our command lines."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from copilot.cli._commands import PROGRAM
from copilot.cli._output import out
from copilot.cli._root import command, completion_variable, root


@command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """The example is a line for ``~/.bashrc``; in fish it is ``copilot completion fish | source``."""
    kind = get_completion_class(shell)
    if kind is None:
        raise LookupError(shell)
    out(kind(root, {}, PROGRAM, completion_variable()).source())
