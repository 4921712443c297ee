"""Whether a command line of this program exists: the command, its flags and their values."""

from __future__ import annotations

import re
import shlex

import click

from copilot.cli._commands import PROGRAM, find
from copilot.cli._root import load

_SEPARATORS = re.compile(r"\s*(?:&&|\|\||\||;)\s*")


def ours(line: str) -> list[list[str]]:
    """The words of every call of this program in a command line, without the program's name."""
    found = []
    for part in _SEPARATORS.split(line):
        words = shlex.split(part, comments=True)
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words = words[1:]
        if words and words[0].rpartition("/")[2] == PROGRAM:
            found.append(words[1:])
    return found


def check(words: list[str]) -> None:
    """Raise if there is no such command, or it does not take these flags and arguments."""
    if not words or words[0].startswith("-"):
        assert words in ([], ["--help"], ["-h"], ["--version"], ["-v"]), f"copilot {shlex.join(words)}: no such flag"
        return
    for length in (2, 1):
        entry = find(" ".join(words[:length])) if len(words) >= length else None
        if entry is not None:
            break
    assert entry is not None, f"copilot {shlex.join(words)}: no such command"
    if entry.is_group:
        assert words[length:] in ([], ["--help"], ["-h"]), f"copilot {shlex.join(words)}: no such command"
        return
    arguments = words[length:]
    if "--help" in arguments or "-h" in arguments:
        return
    try:
        load(entry).make_context(entry.path, arguments)
    except click.ClickException as error:
        raise AssertionError(f"copilot {shlex.join(words)}: {error.format_message()}") from None
