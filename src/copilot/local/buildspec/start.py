"""Starting a build: its folder, its program, and the process that writes its log."""

from __future__ import annotations

import os
import secrets as random
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from copilot.errors import NotFoundError
from copilot.local.artifacts import ArtifactStore
from copilot.local.buildspec import logger as logger_program
from copilot.local.buildspec.compile import Program, compile_buildspec
from copilot.local.buildspec.environment import build_variables, check_users, notes, state_text
from copilot.local.buildspec.folder import BuildFolder, BuildRecord
from copilot.local.buildspec.processes import BUILD_ID, kill_session, reap, spawn
from copilot.manifest.buildspec import Buildspec

_IN_MEMORY = hasattr(os, "memfd_create")
"""Whether this system has files that are only in memory (Linux has)."""


@dataclass(frozen=True)
class BuildRequest:
    """A buildspec to run.

    Attributes:
        attempt: Number of the action attempt it belongs to; unique.
        source: Digest of the artifact that the commands find in their working folder.
        variables: On top of the buildspec's own, which they win over.
        timeout_minutes: How long the build may take.
        log: File that the output is added to.
        secrets: Like ``variables``; their values are masked in the log. See `resolve_secrets`.
    """

    attempt: int
    buildspec: Buildspec
    source: str
    variables: Mapping[str, str]
    timeout_minutes: float
    log: Path
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Processes:
    """The process ids of a build: of the program, which leads a session, and of what writes its log."""

    program: int
    logger: int


def start_build(
    folder: BuildFolder, artifacts: ArtifactStore, request: BuildRequest, inherited: Mapping[str, str]
) -> tuple[BuildRecord, Processes]:
    """Make the build's folder anew and start its processes, which outlive this one.

    Raises:
        NotFoundError: There is no such source, or no such shell.
        UnsupportedError: The buildspec asks for something that this machine cannot do.
    """
    buildspec = request.buildspec
    check_users(buildspec)
    program = compile_buildspec(buildspec, notes(buildspec))
    variables = build_variables(buildspec, inherited, request.variables, request.secrets, folder.root, folder.source)
    record = BuildRecord(
        started_at=time.time(),
        timeout=request.timeout_minutes * 60,
        log=request.log,
        commands=program.commands,
        artifacts=buildspec.artifacts,
        reports=buildspec.reports,
        exports=bool(buildspec.env.exported_variables),
    )
    folder.remove()
    try:
        folder.root.mkdir(mode=0o700, parents=True)
        artifacts.unpack(request.source, folder.source)
        folder.begin(record)
        processes = _spawn(folder, program, variables, request)
        folder.add_logger(processes.logger)
    except BaseException:
        folder.remove()
        raise
    return record, processes


def _spawn(folder: BuildFolder, program: Program, variables: Mapping[str, str], request: BuildRequest) -> Processes:
    token = random.token_hex(8)
    with ExitStack() as stack:
        reading, writing = (stack.enter_context(os.fdopen(fd, "wb" if i else "rb", 0)) for i, fd in enumerate(os.pipe()))
        log = stack.enter_context(request.log.open("ab", 0))
        texts = _keep(folder, program.text.encode(), state_text(variables, folder.source), stack)
        environment = {"PATH": variables["PATH"], BUILD_ID: str(folder.root)}
        logger, masked = ["cat"], {}
        if program.talks or request.secrets:
            os.mkfifo(folder.answer, 0o600)
            logger = [sys.executable, "-I", "-S", logger_program.__file__, token, str(folder.root)]
            masked = {f"{logger_program.SECRET_PREFIX}{i}": value for i, value in enumerate(request.secrets.values())}
        # Sourced instead of run, so that a shell's messages begin with its name and not with a long path.
        arguments = [program.shell, "-c", '_copilot_program=$1; shift; . "$_copilot_program"', program.shell]
        arguments += ["/dev/fd/9" if texts else str(folder.program), str(folder.root), "memory" if texts else "files", token]
        # The program goes first: it works while the logger starts.
        try:
            program_pid = spawn(arguments, environment, {1: writing.fileno(), 2: writing.fileno()} | texts)
        except FileNotFoundError:
            raise NotFoundError(f"the buildspec's shell, `{program.shell}`, is not installed on this machine") from None
        try:
            logger_pid = spawn(logger, environment | masked, {0: reading.fileno(), 1: log.fileno(), 2: log.fileno()})
        except BaseException:
            kill_session(program_pid)
            reap(program_pid)
            raise
    return Processes(program_pid, logger_pid)


def _keep(folder: BuildFolder, program: bytes, state: bytes, stack: ExitStack) -> dict[int, int]:
    """Write the program, and the first state of its commands, to where it looks for them.

    That is in memory where the system can: the state has secrets in it, and making files takes time. Elsewhere it is in private
    files. The answer is the file descriptors that the program is to have: its state, a snapshot of that, and itself.
    """
    if not _IN_MEMORY:
        folder.program.write_bytes(program)
        for file, text in ((folder.state, state), (folder.snapshot, b"")):
            file.touch(0o600)
            file.write_bytes(text)
        return {}
    descriptors = {}
    for number, text in ((7, state), (8, b""), (9, program)):
        memory = stack.enter_context(os.fdopen(os.memfd_create("build"), "wb", 0))
        memory.write(text)
        descriptors[number] = memory.fileno()
    return descriptors
