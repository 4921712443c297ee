"""Runs `docker`. Which engine it talks to is the client's own business, unless it is told."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from copilot.docker import command
from copilot.docker.failures import failure, no_answer, no_command
from copilot.errors import EngineUnavailableError
from copilot.progress import Print

_SECONDS = 60.0
_QUICK_SECONDS = 5.0


@dataclass(frozen=True)
class Answer:
    """What a command came to. ``output`` is all it printed; ``text`` only its standard output."""

    code: int
    text: str
    output: str


class Docker:
    """The `docker` command.

    Args:
        configuration: The folder of its configuration; None: the user's own.
        address: Tells, before each command, where its engine is; None: where the client finds it by itself.
    """

    def __init__(self, configuration: Path | None = None, address: Callable[[], str | None] = lambda: None) -> None:
        self._program: str | None = None
        self._address = address
        self._configuration = {} if configuration is None else {"DOCKER_CONFIG": str(configuration)}

    @property
    def program(self) -> str:
        """Path of `docker`. Raises EngineUnavailableError if there is none."""
        if self._program is None:
            self._program = shutil.which("docker")
        if self._program is None:
            raise no_command()
        return self._program

    def ask(
        self,
        arguments: Sequence[str],
        *,
        variables: Mapping[str, str] | None = None,
        stdin: str = "",
        seconds: float | None = _SECONDS,
    ) -> Answer:
        """Run a command and wait for its end, whatever that is.

        Args:
            arguments: Those after `docker`.
            variables: On top of this process's own. Never shown.
            stdin: What the command reads.
            seconds: How long the engine may take; None: as long as it likes.

        Raises:
            EngineUnavailableError: There is no `docker`, or it takes longer.
        """
        try:
            done = subprocess.run(
                [self.program, *arguments],
                input=stdin.encode(),
                capture_output=True,
                env=self.variables(variables),
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise no_answer(seconds or 0) from None
        except OSError:
            self._program = None
            raise no_command() from None
        text, errors = (stream.decode("utf-8", "replace") for stream in (done.stdout, done.stderr))
        return Answer(done.returncode, text, text + errors)

    def run(self, arguments: Sequence[str], *, seconds: float | None = _SECONDS) -> str:
        """Run a command; the answer is its standard output, stripped. Raises what `failure` makes of a failing one."""
        answer = self.ask(arguments, seconds=seconds)
        if answer.code:
            raise failure(answer.output)
        return answer.text.strip()

    def stream(self, arguments: Sequence[str], out: Print, variables: Mapping[str, str] | None = None) -> int:
        """Run a command and hand over each line it prints, of both streams, as it comes; the answer is its exit code."""
        with subprocess.Popen(
            [self.program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self.variables(variables),
        ) as process:
            try:
                for line in process.stdout or ():
                    out(line.decode("utf-8", "replace").rstrip("\r\n"))
            except BaseException:
                process.kill()
                raise
        return process.returncode

    def variables(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """All variables of a command: those of this process, those that lead to the engine, and these."""
        address = self._address()
        own = dict(os.environ)
        if address is not None:
            own |= {"DOCKER_HOST": address}
            own.pop("DOCKER_CONTEXT", None)
            if not address.startswith("tcp:"):
                own.pop("DOCKER_TLS_VERIFY", None)
        return {**own, **self._configuration, **(more or {})}

    def check(self) -> None:
        """Raises EngineUnavailableError unless an engine answers, with the reason."""
        answer = self.ask(command.server_version(), seconds=_QUICK_SECONDS)
        if answer.code:
            error = failure(answer.output)
            raise error if isinstance(error, EngineUnavailableError) else EngineUnavailableError(error.message, hint=error.hint)
