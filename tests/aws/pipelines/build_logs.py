"""The log of a build in CloudWatch, in the words of CodeBuild, as the build writes it."""

from __future__ import annotations

import re
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from copilot.local.buildspec.compile import CommandLine, compile_buildspec
from copilot.manifest.buildspec import Buildspec
from tests.aws.pipelines.clients import client

CONTAINER_PHASES = ("INSTALL", "PRE_BUILD", "BUILD", "POST_BUILD")
"""Those with commands, in their order; all are gone through, whether they have any or not."""
FAILED_COMMAND = "COMMAND_EXECUTION_ERROR"

_EVERY = 0.1
_EXIT = re.compile(r"exit (\d+) after \d+\.\d s")
_MOST = 1000
"""Events of one request; CloudWatch takes ten times as many."""


class Phase(NamedTuple):
    """How a phase ended. ``code`` and ``message`` are of its context, and empty if it has none."""

    name: str
    status: str
    code: str = ""
    message: str = ""


class BuildLog:
    """A stream of a group, made when the block begins; it is complete when the block ends.

    Attributes:
        phases: Those that ran in the container. To be set when they are known, before the block ends.
    """

    def __init__(self, account: str, region: str, group: str, stream: str) -> None:
        self.group, self.stream = group, stream
        self.arn = f"arn:aws:logs:{region}:{account}:log-group:{group}:log-stream:{stream}"
        self.phases: list[Phase] = []
        self._client: Any = client("logs", region)
        self._path: Path | None = None
        self._commands: list[CommandLine] = []
        self._completed: list[str] = []
        self._phase = ""
        self._running: CommandLine | None = None
        self._failure = ""
        self._echo: list[str] = []
        self._read = 0
        self._waiting: list[str] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> BuildLog:
        with suppress(self._client.exceptions.ResourceAlreadyExistsException):
            self._client.create_log_group(logGroupName=self.group)
        self._client.create_log_stream(logGroupName=self.group, logStreamName=self.stream)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ended.set()
        if self._path is not None:
            self._thread.join()
        self._copy(whole=True)
        for phase in self.phases:
            if phase.name not in self._completed:
                self._enter(phase.name)
                self._complete(phase)
        self._send()

    def follow(self, path: Path, buildspec: Buildspec) -> None:
        """Copy what is written to a file, which the runner of buildspecs does."""
        self._note("Running on CodeBuild On-demand")
        self._note("Phase is DOWNLOAD_SOURCE")
        self._complete(Phase("DOWNLOAD_SOURCE", "SUCCEEDED"))
        self._commands = list(compile_buildspec(buildspec).commands)
        self._path = path
        self._thread.start()

    def _note(self, text: str) -> None:
        """Say something of the build itself."""
        self._waiting.append(f"[Container] {datetime.now(UTC):%Y/%m/%d %H:%M:%S.%f} {text}\n")

    def _enter(self, name: str) -> None:
        """Enter a phase, and those before it that have no commands."""
        if self._phase == name:
            return
        if self._phase:
            failed = Phase(self._phase, "FAILED", FAILED_COMMAND, self._failure)
            self._complete(failed if self._failure else Phase(self._phase, "SUCCEEDED"))
        for each in CONTAINER_PHASES:
            if each == name:
                break
            if each not in self._completed:
                self._note(f"Entering phase {each}")
                self._complete(Phase(each, "SUCCEEDED"))
        if name in CONTAINER_PHASES:
            self._note(f"Entering phase {name}")
        self._phase = name

    def _complete(self, phase: Phase) -> None:
        self._note(f"Phase complete: {phase.name} State: {phase.status}")
        self._note(f"Phase context status code: {phase.code} Message: {phase.message}")
        self._completed.append(phase.name)
        self._phase = self._failure = ""

    def _follow(self) -> None:
        while not self._ended.wait(_EVERY):
            self._copy(whole=False)
            self._send()

    def _copy(self, *, whole: bool) -> None:
        if self._path is None or not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._read)
            text = file.read()
        kept = text if whole else text[: text.rfind(b"\n") + 1]
        self._read += len(kept)
        for line in kept.decode("utf-8", "replace").splitlines():
            self._line(line)

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        now = int(datetime.now(UTC).timestamp() * 1000)
        for begin in range(0, len(waiting), _MOST):
            events = [{"timestamp": now, "message": line} for line in waiting[begin : begin + _MOST]]
            self._client.put_log_events(logGroupName=self.group, logStreamName=self.stream, logEvents=events)

    def _line(self, line: str) -> None:
        """A line of the runner's log: its own remarks are put into CodeBuild's words."""
        if self._echo and line == self._echo[0]:
            self._echo.pop(0)
            return
        command = next((each for each in self._commands if each.echo.split("\n")[0] == line), None)
        ended = _EXIT.fullmatch(line)
        if command is not None:
            self._enter(command.phase)
            del self._commands[: self._commands.index(command) + 1]
            self._running, self._echo = command, command.echo.split("\n")[1:]
            self._note(f"Running command {command.text.strip()}")
        elif ended and self._running is not None:
            text, self._running = self._running.text.strip(), None
            self._note(f"Command did not exit successfully {text} exit status {ended[1]}")
            self._failure = self._failure or failed_command(text, int(ended[1]))
        else:
            self._waiting.append(f"{line}\n")


def failed_command(text: str, code: int) -> str:
    """What CodeBuild says of a command that failed."""
    return f"Error while executing command: {text.strip()}. Reason: exit status {code}"
