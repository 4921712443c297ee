"""Reaching the server of the local engine, and starting and stopping it."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import IO, TYPE_CHECKING

from copilot import __version__
from copilot.errors import CopilotError, EngineUnavailableError
from copilot.local.home import Home

if TYPE_CHECKING:
    from copilot.engine import LocalEngine

_START_SECONDS = 20.0
_STOP_SECONDS = 15.0
_ANSWER_SECONDS = 120.0
_LEAST_ROOM = 64 * 1024
"""Bytes below which a server can neither start nor say why."""
_POLL_SECONDS = 0.02

TAKEN = 75
"""Exit status of a server process that found another server at work in its home."""


@dataclass(frozen=True)
class ServerInfo:
    """A server that runs: where it answers, and its token. ``started_at`` is in seconds since the epoch."""

    pid: int
    port: int
    version: str
    started_at: float
    token: str

    def __repr__(self) -> str:
        return f"ServerInfo(pid={self.pid}, port={self.port}, version={self.version!r})"


def connect(home: Home | None = None, *, start: bool = True) -> LocalEngine:
    """The local engine. Its server is started if it does not run.

    Raises:
        EngineUnavailableError: If it does not run and is not to be started, cannot be started, or is of another version.
    """
    from copilot.local.rpc import connect as connect_by  # noqa: PLC0415 - pydantic takes 100 ms that `server status` can do without

    home = home or Home.default()
    info = server_status(home)
    if info is None:
        if not start:
            raise EngineUnavailableError(
                "the server of the local engine does not run", hint="Start it with `copilot server start`"
            )
        info = start_server(home)
    if info.version != __version__:
        raise EngineUnavailableError(
            f"the server runs version {info.version} of copilot, and this is version {__version__}",
            hint="Run `copilot server stop` and try again; executions go on where they are",
        )
    return connect_by(lambda method, body: request(info, "POST", f"/v1/{method}", body))


def request(info: ServerInfo, method: str, path: str, body: bytes = b"", timeout: float = _ANSWER_SECONDS) -> tuple[int, bytes]:
    """One request to the server. The answer is status and body; raises EngineUnavailableError if there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", info.port, timeout=timeout)
    try:
        connection.request(method, path, body, {"Authorization": f"Bearer {info.token}"})
        response = connection.getresponse()
        answer = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise _stopped_answering(type(error).__name__) from None
    finally:
        connection.close()
    if response.status == 503:
        raise _stopped_answering("it was told to stop")
    if response.status in {401, 403, 404, 405} or response.status >= 500:
        raise CopilotError(
            f"the server answered {response.status} to {method} {path}",
            hint="See the server's log, which `copilot server status` names; if that does not explain it, please report it",
        )
    return response.status, answer


def _stopped_answering(reason: str) -> EngineUnavailableError:
    return EngineUnavailableError(
        f"the server stopped answering ({reason})",
        hint="Start it again with `copilot server start`; executions go on where they were, services were not touched",
    )


def server_status(home: Home | None = None) -> ServerInfo | None:
    """The server that runs, or None."""
    home = home or Home.default()
    info = _read_announcement(home)
    if info is None:
        return None
    try:
        status, answer = request(info, "GET", "/v1/health", timeout=5.0)
        # The file outlives a server that was killed, and another program may have its port or its process id by now.
        return info if status == 200 and json.loads(answer)["pid"] == info.pid else None
    except (CopilotError, ValueError, KeyError, TypeError):
        return None


def start_server(home: Home | None = None, port: int | None = None) -> ServerInfo:
    """Start the server in the background and wait until it answers. One that runs already is left alone.

    Any number of processes may do this at the same time: one of them starts the server, and all find it.

    Raises:
        EngineUnavailableError: If it does not come up; ``details`` has what it printed.
    """
    home = home or Home.default()
    running = server_status(home)
    if running is not None:
        return running
    home.create()
    deadline = time.monotonic() + _START_SECONDS
    with _only_starter(home, deadline), home.server_log.open("ab") as log:
        begin = log.tell()
        while True:
            info, exit_status = _try_to_start(home, port, log, deadline)
            if info is not None:
                return info
            # An earlier server, which is about to end, may still have the home.
            if exit_status != TAKEN or time.monotonic() > deadline:
                break
    if shutil.disk_usage(home.root).free < _LEAST_ROOM:
        raise EngineUnavailableError(
            "the server of the local engine did not start: the disk is full", hint=f"Make room in {home.root}, and try again"
        )
    raise EngineUnavailableError(
        "the server of the local engine did not start",
        hint=f"Its log is {home.server_log}",
        details=_tail(home.server_log, begin),
    )


@contextmanager
def _only_starter(home: Home, deadline: float) -> Iterator[None]:
    with (home.root / "server.starting").open("a") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise EngineUnavailableError(
                        "another process is starting the server, and it does not answer", hint=f"Its log is {home.server_log}"
                    ) from None
                time.sleep(_POLL_SECONDS)
        yield


def _try_to_start(home: Home, port: int | None, log: IO[bytes], deadline: float) -> tuple[ServerInfo | None, int | None]:
    """The server, or else the exit status of the process that should have become it; None if it had to be killed."""
    running = server_status(home)
    if running is not None:
        return running, None
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "copilot.local.server", *(["--port", str(port)] if port else [])],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        cwd="/",
        env={**os.environ, "COPILOT_HOME": str(home.root)},
    )
    while time.monotonic() < deadline:
        exit_status = process.poll()
        info = server_status(home)
        if info is not None:
            process.returncode = 0  # it outlives this process on purpose
            return info, None
        if exit_status is not None:
            return None, exit_status
        time.sleep(_POLL_SECONDS)
    process.kill()
    process.wait()
    return None, None


def stop_server(home: Home | None = None) -> bool:
    """Stop the server and wait until it is gone. False if none ran. Services and builds go on without it."""
    import psutil  # noqa: PLC0415 - 40 ms that only this function needs

    info = server_status(home)
    if info is None:
        return False
    try:
        process = psutil.Process(info.pid)
        process.send_signal(signal.SIGTERM)
        process.wait(_STOP_SECONDS)
    except psutil.NoSuchProcess:
        pass
    except psutil.TimeoutExpired:
        raise EngineUnavailableError(
            f"the server (process {info.pid}) does not stop", hint=f"Stop it with `kill -9 {info.pid}`; nothing is lost"
        ) from None
    return True


def _read_announcement(home: Home) -> ServerInfo | None:
    """What the last server of a home wrote about itself. Another version may have written more."""
    try:
        content = json.loads(home.server_file.read_text("utf-8"))
        known = {field.name: content[field.name] for field in fields(ServerInfo)}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    pid, port, token = known["pid"], known["port"], known["token"]
    numbers = isinstance(pid, int) and isinstance(port, int) and 0 < port < 65536
    return ServerInfo(**known) if numbers and isinstance(token, str) and token.isascii() and token.isprintable() else None


def _tail(log: Path, begin: int, lines: int = 8) -> tuple[str, ...]:
    with log.open("rb") as file:
        file.seek(begin)
        return tuple(file.read().decode(errors="replace").splitlines()[-lines:])
