"""The log of a build in CloudWatch, in the words of CodeBuild, as the build writes it."""

from __future__ import annotations

import re
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from copilot.local.buildspec.compile import CommandLine, compile_buildspec
from copilot.manifest.buildspec import Buildspec
from tests.aws.pipelines.clients import client

_EVERY = 0.1
_EXIT = re.compile(r"exit (\d+) after \d+\.\d s")
_MOST = 1000
"""Events of one request; CloudWatch takes ten times as many."""


class BuildLog:
    """A stream of a group, made when the block begins; it is complete when the block ends."""

    def __init__(self, account: str, region: str, group: str, stream: str) -> None:
        self.group, self.stream = group, stream
        self.arn = f"arn:aws:logs:{region}:{account}:log-group:{group}:log-stream:{stream}"
        self._client: Any = client("logs", region)
        self._path: Path | None = None
        self._commands: list[CommandLine] = []
        self._phase = ""
        self._running: CommandLine | None = None
        self._echo: list[str] = []
        self._read = 0
        self._waiting: list[str] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> BuildLog:
        with suppress(self._client.exceptions.ResourceAlreadyExistsException):
            self._client.create_log_group(logGroupName=self.group)
        self._client.create_log_stream(logGroupName=self.group, logStreamName=self.stream)
        self.note("Running on CodeBuild On-demand")
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()

    def follow(self, path: Path, buildspec: Buildspec) -> None:
        """Copy what is written to a file, which the runner of buildspecs does."""
        self._commands = list(compile_buildspec(buildspec).commands)
        self._path = path

    def note(self, text: str) -> None:
        """Say something of the build itself."""
        with self._lock:
            self._waiting.append(f"[Container] {datetime.now(UTC):%Y/%m/%d %H:%M:%S.%f} {text}\n")

    def _follow(self) -> None:
        while not self._ended.wait(_EVERY):
            self._copy(whole=False)
        self._copy(whole=True)

    def _copy(self, *, whole: bool) -> None:
        if self._path is not None and self._path.exists():
            with self._path.open("rb") as file:
                file.seek(self._read)
                text = file.read()
            kept = text if whole else text[: text.rfind(b"\n") + 1]
            self._read += len(kept)
            for line in kept.decode("utf-8", "replace").splitlines():
                self._line(line)
        if whole and self._phase:
            self.note(f"Phase complete: {self._phase} State: {'FAILED' if self._running is None else 'SUCCEEDED'}")
        with self._lock:
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
        if command is not None:
            if command.phase != self._phase:
                if self._phase:
                    self.note(f"Phase complete: {self._phase} State: SUCCEEDED")
                self.note(f"Entering phase {command.phase}")
                self._phase = command.phase
            del self._commands[: self._commands.index(command) + 1]
            self._running, self._echo = command, command.echo.split("\n")[1:]
            self.note(f"Running command {command.text.strip()}")
            return
        ended = _EXIT.fullmatch(line)
        if ended and self._running is not None:
            command, self._running = self._running, None
            self.note(f"Command did not exit successfully {command.text.strip()} exit status {ended[1]}")
            reason = f"Error while executing command: {command.text.strip()}. Reason: exit status {ended[1]}"
            self.note(f"Phase context status code: COMMAND_EXECUTION_ERROR Message: {reason}")
            return
        with self._lock:
            self._waiting.append(f"{line}\n")
