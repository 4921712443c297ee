"""The working folder of one build: what is in it, and what it says."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict

from copilot.local.buildspec.compile import CommandLine
from copilot.manifest.buildspec import Artifacts, Report

Cut = Literal["STOPPED", "TIMED_OUT"]


@dataclass(frozen=True)
class Processes:
    """The process ids of a build: of the program, which leads a session, and of what writes its log."""

    program: int
    logger: int | None


class BuildRecord(BaseModel):
    """What a server needs to know of a build that another one started. It holds no secrets.

    Attributes:
        started_at: Seconds since the epoch.
        timeout: Seconds.
        log: Where the build's output goes.
        commands: What the numbers in the event file refer to.
    """

    model_config = ConfigDict(frozen=True)

    started_at: float
    timeout: float
    log: Path
    commands: tuple[CommandLine, ...]
    artifacts: Artifacts | None
    reports: dict[str, Report]


@dataclass(frozen=True)
class BuildFolder:
    """Files of a build: the source and, next to it, the program and what it writes down."""

    root: Path

    @property
    def source(self) -> Path:
        """Where the commands begin."""
        return self.root / "src"

    @property
    def program(self) -> Path:
        """The shell program."""
        return self.root / "program"

    @property
    def answer(self) -> Path:
        """Named pipe in which the logger answers."""
        return self.root / "answer"

    @property
    def state(self) -> Path:
        """The commands' state, where it cannot be kept in memory."""
        return self.root / "state"

    def write_record(self, record: BuildRecord) -> None:
        """Keep what another server has to know."""
        (self.root / "record.json").write_text(record.model_dump_json(by_alias=True, exclude_defaults=True), "utf-8")

    def record(self) -> BuildRecord | None:
        """None if the build was never started."""
        text = _read(self.root / "record.json")
        return BuildRecord.model_validate_json(text) if text else None

    def processes(self) -> Processes | None:
        """The program says itself that it runs; None before that."""
        program, logger = _read(self.root / "pid"), _read(self.root / "logger")
        if not program.endswith("\n"):
            return None
        return Processes(int(program), int(logger) if logger.endswith("\n") else None)

    def write_logger(self, pid: int) -> None:
        """Say which process writes the log."""
        (self.root / "logger").write_text(f"{pid}\n")

    def events(self) -> str:
        """What the program did so far."""
        return _read(self.root / "events")

    def exported(self) -> dict[str, str]:
        """The exported variables; empty before the end."""
        entries = _read(self.root / "exported").split("\0")[:-1]
        return {name: value for name, _, value in (entry.partition("=") for entry in entries)}

    def cut(self) -> Cut | None:
        """Why the build was ended from outside, if it was."""
        text = _read(self.root / "cut")
        return cast("Cut", text) if text in {"STOPPED", "TIMED_OUT"} else None

    def write_cut(self, cut: Cut) -> None:
        """Say why the build is ended from outside; the first to say so is right."""
        if self.cut() is None:
            temporary = self.root / "cut.new"
            temporary.write_text(cut)
            temporary.rename(self.root / "cut")

    def remove(self) -> None:
        """Delete it, also where a build took away its own right to (as Go's module cache does). Nothing happens if it is gone."""
        if self.root.exists():
            shutil.rmtree(self.root, onerror=_unlock)


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
