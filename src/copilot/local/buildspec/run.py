"""Runs buildspecs in processes that outlive this one: a server that starts later finds them again and waits for them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from threading import Event
from typing import Literal

from copilot.errors import ConflictError, NotFoundError
from copilot.local.artifacts import ArtifactStore
from copilot.local.buildspec.environment import inherited_variables
from copilot.local.buildspec.folder import BuildFolder, BuildRecord
from copilot.local.buildspec.processes import GRACE_PERIOD, belongs, end_session, kill_session, reap, wait_for_exit
from copilot.local.buildspec.result import BuildResult, build_result
from copilot.local.buildspec.start import BuildRequest, start_build
from copilot.local.buildspec.trace import Cut, Trace
from copilot.local.home import Home

BuildState = Literal["absent", "running", "finished", "lost"]

_NOTICE = 0.1
"""Seconds after which a cancelled build is noticed, at the latest. Its end is noticed at once."""

_LOGGER_PATIENCE = 2.0
"""Seconds that the logger may take to write the rest. Only a process that left the session keeps it longer."""


@dataclass(frozen=True)
class _Build:
    """A build that was started.

    Attributes:
        program: Process id of its shell; None if it never got that far.
        logger: Process id of what writes its log.
        own: It was started by this process, which has not reaped its processes yet.
    """

    folder: BuildFolder
    record: BuildRecord
    program: int | None
    logger: int | None
    own: bool

    def runs(self) -> bool:
        """Whether its program does."""
        if self.program is None:
            return False
        return not wait_for_exit(self.program, 0) if self.own else belongs(self.program, self.folder.build_id)


class BuildRunner:
    """Starts builds, finds them again and collects what they made. Each attempt has one folder below ``home.builds``.

    A build is found by its attempt alone, also by another server than the one that started it. What builds inherit of the
    environment is read once, when the runner is made.
    """

    def __init__(self, home: Home, artifacts: ArtifactStore) -> None:
        self._builds = home.builds
        self._artifacts = artifacts
        self._inherited = inherited_variables()
        self._own: dict[int, _Build] = {}

    def start(self, request: BuildRequest) -> None:
        """Unpack the source and start the build; what an earlier try of this attempt left is removed.

        Raises:
            ConflictError: It runs already.
            NotFoundError: There is no such source, or no such shell.
            UnsupportedError: The buildspec asks for something that this machine cannot do.
        """
        if self.state(request.attempt) == "running":
            raise ConflictError(f"build {request.attempt} runs already")
        folder = self._folder(request.attempt)
        record, processes = start_build(folder, self._artifacts, request, self._inherited)
        self._own[request.attempt] = _Build(folder, record, processes.program, processes.logger, own=True)

    def state(self, attempt: int) -> BuildState:
        """``lost``: it was started, and is gone without an end."""
        build = self._find(attempt)
        if build is None or build.program is None:
            return "absent"
        if build.runs() or (build.logger is not None and belongs(build.logger, build.folder.build_id)):
            return "running"
        trace = _trace(build)
        return "finished" if trace.ended or trace.cut else "lost"

    def wait(self, attempt: int, cancelled: Event) -> BuildResult:
        """Wait for the end of a build, whoever started it, and collect what it made. It may be called again.

        A build that exceeds its timeout, or is running when ``cancelled`` is set, is ended here.

        Raises:
            NotFoundError: It was never started.
        """
        build = self._find(attempt)
        if build is None:
            raise NotFoundError(f"build {attempt} was never started")
        if build.program is not None:
            deadline = build.record.started_at + build.record.timeout
            while build.runs() and not wait_for_exit(build.program, min(_NOTICE, deadline - time.time())):
                if cancelled.is_set():
                    _end(build, "STOPPED")
                elif time.time() >= deadline:
                    _end(build, "TIMED_OUT")
            _tidy(build, build.program)
            self._own.pop(attempt, None)
        return build_result(build.folder, build.record, _trace(build), self._artifacts)

    def abandon(self, attempt: int) -> None:
        """End a build and every process of its session: ask, and kill what is left after 5 seconds."""
        build = self._find(attempt)
        if build is not None and build.program is not None:
            _end(build, "STOPPED")
            _tidy(build, build.program)
            self._own.pop(attempt, None)

    def clean(self, attempt: int) -> None:
        """Remove the working folder. The build must not run."""
        self._folder(attempt).remove()

    def _folder(self, attempt: int) -> BuildFolder:
        return BuildFolder(self._builds / str(attempt))

    def _find(self, attempt: int) -> _Build | None:
        if attempt in self._own:
            return self._own[attempt]
        folder = self._folder(attempt)
        found = folder.read()
        if found is None:
            return None
        record, trace = found
        return _Build(folder, record, trace.program, trace.logger, own=False)


def _trace(build: _Build) -> Trace:
    found = build.folder.read()
    return found[1] if found else Trace()


def _end(build: _Build, cut: Cut) -> None:
    if build.program is not None and build.runs():
        build.folder.add_cut(cut)
        end_session(build.program, GRACE_PERIOD)


def _tidy(build: _Build, program: int) -> None:
    """End what the program left behind, and wait until the log is complete."""
    build_id = build.folder.build_id
    # As long as an own child is not reaped, its id is that of its session; another's may be anybody's by now.
    kill_session(program, None if build.own else build_id)
    if build.own:
        reap(program)
    logger = build.logger
    if logger is not None and (build.own or belongs(logger, build_id)):
        if not wait_for_exit(logger, _LOGGER_PATIENCE):
            kill_session(logger)
        if build.own:
            reap(logger)
