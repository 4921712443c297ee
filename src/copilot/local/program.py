"""This very program, where builds find it."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path


def install_program(folder: Path) -> None:
    """Put this very program into a folder, so that builds run the same version whatever else is installed."""
    script = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m copilot "$@"\n'
    for name in ("copilot", "copilot-pipelines"):
        file = folder / name
        if not file.is_file() or file.read_bytes() != script.encode():
            temporary = folder / f".{name}.{os.getpid()}"
            temporary.write_text(script, "utf-8")
            temporary.chmod(0o700)
            temporary.replace(file)
