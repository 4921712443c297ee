"""Reaching the server of the local engine, and starting and stopping it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from copilot import __version__
from copilot.errors import CopilotError, EngineUnavailableError
from copilot.local.home import Home

if TYPE_CHECKING:
    from copilot.engine import Engine

_START_SECONDS = 20.0
_STOP_SECONDS = 15.0
_ANSWER_SECONDS = 120.0


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


def connect(home: Home | None = None, *, start: bool = True) -> Engine:
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
        raise EngineUnavailableError(
            f"the server stopped answering ({type(error).__name__})",
            hint="Start it again with `copilot server start`; executions go on where they were, services were not touched",
        ) from None
    finally:
        connection.close()
    if response.status in {401, 403, 404, 405} or response.status >= 500:
        raise CopilotError(
            f"the server answered {response.status} to {method} {path}",
            hint=f"See {Home.default().server_log}; if that does not explain it, please report it",
        )
    return response.status, answer


def server_status(home: Home | None = None) -> ServerInfo | None:
    """The server that runs, or None."""
    home = home or Home.default()
    try:
        content = json.loads(home.server_file.read_text("utf-8"))
        info = ServerInfo(**content)
    except (OSError, ValueError, TypeError):
        return None
    try:
        status, _ = request(info, "GET", "/v1/health", timeout=5.0)
    except CopilotError:
        return None
    return info if status == 200 else None


def start_server(home: Home | None = None, port: int | None = None) -> ServerInfo:
    """Start the server in the background and wait until it answers. One that runs already is left alone.

    Raises:
        EngineUnavailableError: If it does not come up; ``details`` has what it printed.
    """
    home = home or Home.default()
    running = server_status(home)
    if running is not None:
        return running
    home.create()
    with home.server_log.open("ab") as log:
        begin = log.tell()
        process = subprocess.Popen(
            [sys.executable, "-m", "copilot.local.server", *(["--port", str(port)] if port else [])],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
            env={**os.environ, "COPILOT_HOME": str(home.root)},
        )
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        ended = process.poll() is not None
        info = server_status(home)
        if info is not None:
            # It outlives this process on purpose.
            process.returncode = 0
            return info
        if ended:
            break
        time.sleep(0.02)
    else:
        process.kill()
    process.wait()
    raise EngineUnavailableError(
        "the server of the local engine did not start",
        hint=f"Its log is {home.server_log}",
        details=_tail(home.server_log, begin),
    )


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


def _tail(log: Path, begin: int, lines: int = 8) -> tuple[str, ...]:
    with log.open("rb") as file:
        file.seek(begin)
        return tuple(file.read().decode(errors="replace").splitlines()[-lines:])
