"""Runs buildspecs in processes that outlive this one: a server that starts later finds them again and waits for them."""

from __future__ import annotations

import os
import secrets as random
import shutil
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Literal

from copilot.errors import ConflictError, NotFoundError
from copilot.local.artifacts import ArtifactStore
from copilot.local.buildspec import logger as logger_program
from copilot.local.buildspec.compile import Program, compile_buildspec
from copilot.local.buildspec.environment import build_variables, check_users, notes, state_text
from copilot.local.buildspec.folder import BuildFolder, BuildRecord, Cut, Processes
from copilot.local.buildspec.processes import (
    BUILD_ID,
    GRACE_PERIOD,
    belongs,
    end_session,
    kill_session,
    reap,
    spawn,
    wait_for_exit,
)
from copilot.local.buildspec.result import BuildResult, build_result
from copilot.local.buildspec.trace import read_trace
from copilot.local.home import Home
from copilot.manifest.buildspec import Buildspec

BuildState = Literal["absent", "running", "finished", "lost"]

_NOTICE = 0.1
"""Seconds after which a cancelled build is noticed, at the latest. Its end is noticed at once."""

_LOGGER_PATIENCE = 2.0
"""Seconds that the logger may take to write the rest. Only a process that left the session keeps it longer."""


@dataclass(frozen=True)
class BuildRequest:
    """A buildspec to run.

    Attributes:
        attempt: Number of the action attempt it belongs to; unique.
        source: Digest of the artifact that the commands find in their working folder.
        variables: On top of the buildspec's own, which they win over.
        secrets: Like ``variables``; their values are masked in the log. See `resolve_secrets`.
        log: File that the output is added to.
    """

    attempt: int
    buildspec: Buildspec
    source: str
    variables: Mapping[str, str]
    timeout_minutes: float
    log: Path
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


class BuildRunner:
    """Starts builds, finds them again and collects what they made. Each attempt has one folder below ``home.builds``.

    A build is found by its attempt alone, also by another server than the one that started it.
    """

    def __init__(self, home: Home, artifacts: ArtifactStore) -> None:
        self._home = home
        self._artifacts = artifacts
        self._own: dict[int, Processes] = {}

    def start(self, request: BuildRequest) -> None:
        """Unpack the source and start the build; what an earlier try of this attempt left is removed.

        Raises:
            ConflictError: It runs already.
            NotFoundError: There is no such source, or no such shell.
            UnsupportedError: The buildspec asks for something that this machine cannot do.
        """
        if self.state(request.attempt) == "running":
            raise ConflictError(f"build {request.attempt} runs already")
        buildspec = request.buildspec
        check_users(buildspec)
        program = compile_buildspec(buildspec, notes(buildspec))
        folder = self._folder(request.attempt)
        variables = build_variables(buildspec, request.variables, request.secrets, folder.root, folder.source)
        if shutil.which(program.shell, path=variables["PATH"]) is None:
            raise NotFoundError(f"the buildspec asks for the shell `{program.shell}`, which this machine does not have")
        folder.remove()
        try:
            folder.root.mkdir(mode=0o700, parents=True)
            self._artifacts.unpack(request.source, folder.source)
            folder.program.write_text(program.text, "utf-8")
            folder.write_record(_record(request, program))
            self._own[request.attempt] = _start(folder, program, variables, request)
        except BaseException:
            folder.remove()
            raise

    def state(self, attempt: int) -> BuildState:
        """``lost``: it was started, and is gone without an end."""
        folder = self._folder(attempt)
        processes = self._processes(attempt)
        if processes is None or not folder.root.exists():
            return "absent"
        if any(belongs(pid, str(folder.root)) for pid in (processes.program, processes.logger) if pid):
            return "running"
        return "finished" if folder.cut() or read_trace(folder.events(), _record_of(folder).commands).ended else "lost"

    def wait(self, attempt: int, cancelled: Event) -> BuildResult:
        """Wait for the end of a build, whoever started it, and collect what it made. It may be called again.

        A build that exceeds its timeout, or is running when ``cancelled`` is set, is ended here.

        Raises:
            NotFoundError: It was never started.
        """
        folder = self._folder(attempt)
        record = _record_of(folder)
        processes = self._processes(attempt)
        if processes is not None:
            deadline = record.started_at + record.timeout
            while not self._is_gone(attempt, processes.program, min(_NOTICE, deadline - time.time())):
                if cancelled.is_set():
                    self._end(attempt, "STOPPED")
                elif time.time() >= deadline:
                    self._end(attempt, "TIMED_OUT")
            self._tidy(attempt, processes)
        return build_result(folder, record, self._artifacts)

    def abandon(self, attempt: int) -> None:
        """End a build and every process of its session: ask, and kill what is left after 5 seconds."""
        self._end(attempt, "STOPPED")

    def clean(self, attempt: int) -> None:
        """Remove the working folder. The build must not run."""
        self._own.pop(attempt, None)
        self._folder(attempt).remove()

    def _folder(self, attempt: int) -> BuildFolder:
        return BuildFolder(self._home.builds / str(attempt))

    def _processes(self, attempt: int) -> Processes | None:
        return self._own.get(attempt) or self._folder(attempt).processes()

    def _is_gone(self, attempt: int, pid: int, timeout: float) -> bool:
        if attempt not in self._own and not belongs(pid, str(self._folder(attempt).root)):
            return True
        return wait_for_exit(pid, timeout)

    def _end(self, attempt: int, cut: Cut) -> None:
        folder = self._folder(attempt)
        processes = self._processes(attempt)
        if processes is None or self._is_gone(attempt, processes.program, 0):
            return
        folder.write_cut(cut)
        end_session(processes.program, GRACE_PERIOD)

    def _tidy(self, attempt: int, processes: Processes) -> None:
        """End what the program left behind, and wait until the log is complete."""
        build_id = str(self._folder(attempt).root)
        own = self._own.pop(attempt, None) is not None
        # As long as an own child is not reaped, its id is that of its session; another's may be anybody's by now.
        kill_session(processes.program, None if own else build_id)
        if own:
            reap(processes.program)
        logger = processes.logger
        if logger and (own or belongs(logger, build_id)):
            if not wait_for_exit(logger, _LOGGER_PATIENCE):
                kill_session(logger)
            reap(logger)


def _record(request: BuildRequest, program: Program) -> BuildRecord:
    buildspec = request.buildspec
    return BuildRecord(
        started_at=time.time(),
        timeout=request.timeout_minutes * 60,
        log=request.log,
        commands=program.commands,
        artifacts=buildspec.artifacts,
        reports=buildspec.reports,
    )


def _record_of(folder: BuildFolder) -> BuildRecord:
    record = folder.record()
    if record is None:
        raise NotFoundError(f"build {folder.root.name} was never started")
    return record


def _start(folder: BuildFolder, program: Program, variables: Mapping[str, str], request: BuildRequest) -> Processes:
    token = random.token_hex(8)
    with ExitStack() as stack:
        reading, writing = (stack.enter_context(os.fdopen(fd, "wb" if i else "rb", 0)) for i, fd in enumerate(os.pipe()))
        log = stack.enter_context(request.log.open("ab", 0))
        states = _keep_state(folder, state_text(variables, folder.source), stack)
        environment = {"PATH": variables["PATH"], BUILD_ID: str(folder.root)}
        logger, masked = ["cat"], {}
        if program.talks or request.secrets:
            os.mkfifo(folder.answer, 0o600)
            logger = [sys.executable, "-I", "-S", logger_program.__file__, token, str(folder.root)]
            masked = {f"{logger_program.SECRET_PREFIX}{i}": value for i, value in enumerate(request.secrets.values())}
        # Sourced instead of run, so that a shell's messages begin with its name and not with a long path.
        arguments = [program.shell, "-c", '_copilot_program=$1; shift; . "$_copilot_program"', program.shell]
        arguments += [str(folder.program), str(folder.root), "memory" if states else "files", token]
        # The program goes first: it works while the logger starts.
        program_pid = spawn(arguments, environment, {1: writing.fileno(), 2: writing.fileno()} | states)
        try:
            logger_pid = spawn(logger, environment | masked, {0: reading.fileno(), 1: log.fileno(), 2: log.fileno()})
        except OSError:
            kill_session(program_pid)
            reap(program_pid)
            raise
    folder.write_logger(logger_pid)
    return Processes(program_pid, logger_pid)


def _keep_state(folder: BuildFolder, text: bytes, stack: ExitStack) -> dict[int, int]:
    """Write the first state of the commands, which has secrets in it: to memory where the system can, else to a private file.

    The answer is the file descriptors that the program is to have for it.
    """
    if sys.platform != "linux":
        folder.state.touch(0o600)
        folder.state.write_bytes(text)
        return {}
    state, snapshot = (stack.enter_context(os.fdopen(os.memfd_create(name), "wb", 0)) for name in ("state", "snapshot"))
    state.write(text)
    return {7: state.fileno(), 8: snapshot.fileno()}
