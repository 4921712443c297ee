"""The working folder of one build: what is in it, and what it says."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from copilot.local.buildspec.compile import CommandLine
from copilot.local.buildspec.trace import Cut, Trace, read_trace
from copilot.manifest.buildspec import Artifacts, Report


class BuildRecord(BaseModel):
    """What a server needs to know of a build that another one started. It holds no secrets.

    Attributes:
        started_at: Seconds since the epoch.
        timeout: Seconds.
        log: Where the build's output goes.
        commands: What the numbers in the events refer to.
        exports: There are exported variables.
    """

    model_config = ConfigDict(frozen=True)

    started_at: float
    timeout: float
    log: Path
    commands: tuple[CommandLine, ...]
    artifacts: Artifacts | None
    reports: dict[str, Report]
    exports: bool


@dataclass(frozen=True)
class BuildFolder:
    """Files of a build: the source and, next to it, the journal. The journal is one file, because making a file takes its time.

    Its first line is the record, as JSON; the others are events, added by the build's program and by servers as they happen.
    """

    root: Path

    @property
    def build_id(self) -> str:
        """What marks the processes of this build."""
        return str(self.root)

    @cached_property
    def source(self) -> Path:
        """Where the commands begin."""
        return self.root / "src"

    @cached_property
    def journal(self) -> Path:
        """What a server needs to know, and what happened."""
        return self.root / "journal"

    @property
    def program(self) -> Path:
        """The shell program, where it cannot be kept in memory."""
        return self.root / "program"

    @property
    def state(self) -> Path:
        """The commands' state, where it cannot be kept in memory."""
        return self.root / "state"

    @property
    def snapshot(self) -> Path:
        """The state that a phase began with, likewise."""
        return self.root / "snapshot"

    @property
    def answer(self) -> Path:
        """Named pipe in which the logger answers."""
        return self.root / "answer"

    def begin(self, record: BuildRecord) -> None:
        """Begin the journal."""
        self._add(record.model_dump_json(by_alias=True, exclude_defaults=True))

    def add_logger(self, pid: int) -> None:
        """Say which process writes the log."""
        self._add(f"logger {pid}")

    def add_cut(self, cut: Cut) -> None:
        """Say why the build is ended from outside; the first to say so is right."""
        self._add(f"cut {cut}")

    def read(self) -> tuple[BuildRecord, Trace] | None:
        """The record and what happened so far; None if the build was never started."""
        first, newline, events = _read(self.journal).partition("\n")
        if not newline:
            return None
        record = BuildRecord.model_validate_json(first)
        return record, read_trace(events, record.commands)

    def exported(self) -> dict[str, str]:
        """The exported variables; empty before the end."""
        entries = _read(self.root / "exported").split("\0")[:-1]
        return {name: value for name, _, value in (entry.partition("=") for entry in entries)}

    def remove(self) -> None:
        """Delete it, also where a build took away its own right to (as Go's module cache does). Nothing happens if it is gone."""
        if self.root.exists():
            shutil.rmtree(self.root, onerror=_unlock)

    def _add(self, line: str) -> None:
        with self.journal.open("ab", 0) as file:
            file.write(f"{line}\n".encode())


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def _unlock(function: Callable[..., Any], path: str, error: Any) -> None:
    del error
    if not Path(path).is_symlink():
        Path(path).chmod(stat.S_IRWXU)
    Path(path).parent.chmod(stat.S_IRWXU)
    if function in {os.scandir, os.open}:
        shutil.rmtree(path, onerror=_unlock)
    else:
        function(path)
