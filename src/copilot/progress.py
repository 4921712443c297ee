"""Progress of long work, line by line."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from threading import Lock

Print = Callable[[str], None]
"""Takes one line of progress, without its newline."""


def prefixed(out: Print, name: str) -> Print:
    """The same, with whose line it is before each: ``api: …``."""
    return lambda line: out(f"{name}: {line}")


def in_turn(out: Print) -> Print:
    """The same for several threads."""
    lock = Lock()

    def turn(line: str) -> None:
        with lock:
            out(line)

    return turn


def shown(path: Path) -> str:
    """A path as a person in this working directory would type it."""
    try:
        return os.path.relpath(path) if path.resolve().is_relative_to(Path.cwd()) else str(path)
    except OSError:  # the working directory is gone
        return str(path)
