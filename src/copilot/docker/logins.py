"""Logins to registries that leave no trace: the user's own configuration of `docker` is read, and never written."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any, Self

from copilot.docker import command
from copilot.docker.client import Docker
from copilot.errors import CopilotError

_CONFIGURATION = "config.json"
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*(?::\d+)?")


@dataclass(frozen=True)
class Credentials:
    """What a registry asks for. The password is shown nowhere."""

    user: str
    password: str = field(repr=False)


class Logins:
    """A configuration of `docker` like the user's, with logins of its own that end with it. A context manager.

    Whatever else the user set up counts as before: builders, contexts, plugins, logins to other registries and the programs that
    keep them. Used from any thread.
    """

    def __enter__(self) -> Self:
        """Make the configuration. Raises CopilotError if the user's cannot be read."""
        self._lock = Lock()
        self._done: set[str] = set()
        self._folder = TemporaryDirectory(prefix="copilot-docker-")
        self._configuration = Path(self._folder.name)
        self.docker = Docker(self._configuration)
        try:
            self._take_over(Path(os.environ.get("DOCKER_CONFIG") or "~/.docker").expanduser().absolute())
        except BaseException:
            self._folder.cleanup()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Forget the logins."""
        self._folder.cleanup()

    def log_in(self, registry: str, credentials: Callable[[], Credentials]) -> None:
        """Log in to a registry, unless that was done.

        Args:
            registry: Host, with its port if it has one.
            credentials: Asked for only if they are needed.

        Raises:
            CopilotError: The registry does not accept them, or does not answer.
            EngineUnavailableError: There is no `docker`.
        """
        if not _HOST.fullmatch(registry):
            raise CopilotError(f"`{registry}` is no name of a registry")
        # One at a time: they write the same file.
        with self._lock:
            if registry in self._done:
                return
            self._keep_in_file(registry)
            what = credentials()
            answer = self.docker.ask(command.login(registry, what.user), stdin=what.password)
            if answer.code:
                raise _refused(registry, answer.output)
            self._done.add(registry)

    def _take_over(self, own: Path) -> None:
        if own.is_dir():
            for entry in own.iterdir():
                if entry.name != _CONFIGURATION:
                    (self._configuration / entry.name).symlink_to(entry)
        try:
            content = json.loads((own / _CONFIGURATION).read_text("utf-8"))
        except FileNotFoundError:
            content = {}
        except (OSError, ValueError) as error:
            raise _unreadable(own, str(error)) from None
        if not isinstance(content, dict):
            raise _unreadable(own, "it holds no JSON object")
        self._write(content)

    def _keep_in_file(self, registry: str) -> None:
        """Let the login of one registry be kept in the configuration, and not where the user keeps theirs."""
        content = json.loads((self._configuration / _CONFIGURATION).read_text("utf-8"))
        # A program that is named for a registry counts before the one for all; the empty name is the configuration itself.
        content["credHelpers"] = {**(content.get("credHelpers") or {}), registry: ""}
        self._write(content)

    def _write(self, content: dict[str, Any]) -> None:
        path = self._configuration / _CONFIGURATION
        path.touch(mode=0o600)
        path.write_text(json.dumps(content), "utf-8")


def _unreadable(folder: Path, reason: str) -> CopilotError:
    return CopilotError(
        f"`{folder / _CONFIGURATION}` cannot be read: {reason}",
        hint="It is the configuration of `docker`: mend it, or name another folder with DOCKER_CONFIG",
    )


def _refused(registry: str, output: str) -> CopilotError:
    lines = [line.strip() for line in output.splitlines() if line.strip() and not line.startswith("WARNING")]
    said = lines[-1].removeprefix("Error response from daemon: ").rstrip(".") if lines else "no reason given"
    return CopilotError(f"`docker login` to `{registry}` failed: {said}", details=lines[:-1][-5:])
