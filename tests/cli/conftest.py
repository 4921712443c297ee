"""Running the program: in this process for most tests, in a process of its own, and on a terminal."""

from __future__ import annotations

import itertools
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from copilot.cli._root import run
from copilot.engine import LocalEngine as ConnectedEngine
from copilot.local.client import connect, start_server, stop_server
from copilot.local.frontdoor.caddy import Caddy
from copilot.local.home import Home

DEADLINE = 20.0
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]")


@dataclass(frozen=True)
class Result:
    """What a command line came to."""

    exit_code: int
    stdout: str
    stderr: str


class Cli:
    """Runs command lines inside this process, without a terminal."""

    def __call__(self, *args: str, stdin: str = "") -> Result:
        with CliRunner().isolation(input=stdin) as (stdout, stderr, _):
            code = run(args)
            return Result(code, stdout.getvalue().decode(), stderr.getvalue().decode())

    def ok(self, *args: str, stdin: str = "") -> Result:
        result = self(*args, stdin=stdin)
        assert result.exit_code == 0, f"copilot {' '.join(args)}: exit {result.exit_code}\n{result.stderr}\n{result.stdout}"
        return result


class Terminal:
    """A program on a terminal of its own, read and typed at as a person would."""

    def __init__(self, *args: str, cwd: Path, env: Mapping[str, str], columns: int = 100) -> None:
        leader, follower = pty.openpty()
        self._leader = leader
        self._screen = ""
        settings = {"TERM": "xterm", "COLUMNS": str(columns), "LINES": "40", "PROMPT_TOOLKIT_NO_CPR": "1", **env}
        self._process = subprocess.Popen(
            args,
            cwd=cwd,
            env={**os.environ, **settings},
            stdin=follower,
            stdout=follower,
            stderr=follower,
            start_new_session=True,
        )
        os.close(follower)

    @property
    def screen(self) -> str:
        """All that was shown so far, without escape sequences."""
        return _ESCAPES.sub("", self._screen)

    @property
    def raw(self) -> str:
        """All that was shown so far."""
        return self._screen

    def wait_for(self, text: str) -> None:
        """Wait until a text has been shown, and forget what was shown up to it."""
        deadline = time.monotonic() + DEADLINE
        while text not in self.screen:
            assert time.monotonic() < deadline, f"{text!r} did not come up:\n{self.screen}"
            self._read(0.2)
        self._screen = self.screen.split(text, 1)[1]

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._leader, keys.encode())

    def interrupt(self) -> None:
        """Send what ctrl-C sends."""
        os.killpg(self._process.pid, signal.SIGINT)

    def finish(self) -> int:
        """Wait for its end; the answer is its exit code."""
        deadline = time.monotonic() + DEADLINE
        while self._process.poll() is None:
            assert time.monotonic() < deadline, f"still running:\n{self.screen}"
            self._read(0.1)
        while self._read(0.05):
            pass
        return self._process.returncode

    def close(self) -> None:
        """Kill it if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._leader)

    def _read(self, timeout: float) -> bool:
        if not select.select([self._leader], [], [], timeout)[0]:
            return False
        try:
            data = os.read(self._leader, 65536)
        except OSError:  # the other side is closed
            return False
        self._screen += data.decode(errors="replace")
        return bool(data)


class Terminals:
    """Opens terminals that are closed when the test ends."""

    def __init__(self, cwd: Path, env: Mapping[str, str]) -> None:
        self._cwd = cwd
        self._env = dict(env)
        self._open: list[Terminal] = []

    def __call__(self, *args: str, env: Mapping[str, str] | None = None, columns: int = 100) -> Terminal:
        """Run the program with these arguments."""
        return self.run(sys.executable, "-m", "copilot", *args, env=env, columns=columns)

    def script(self, code: str) -> Terminal:
        """Run Python code."""
        return self.run(sys.executable, "-c", code)

    def run(self, *args: str, env: Mapping[str, str] | None = None, columns: int = 100) -> Terminal:
        """Run any program."""
        terminal = Terminal(*args, cwd=Path.cwd(), env={**self._env, **(env or {})}, columns=columns)
        self._open.append(terminal)
        return terminal

    def close(self) -> None:
        for terminal in self._open:
            terminal.close()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of its own for the engine, and one for the repository, which is the current one.

    A server that the test started in that home is stopped in the end.
    """
    home = tmp_path / "home"
    repository = tmp_path / "repository"
    repository.mkdir()
    monkeypatch.setenv("COPILOT_HOME", str(home))
    for name in ("NO_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.chdir(repository)
    yield home
    if home.exists():
        stop_server(Home(home))
        Caddy(Home(home)).stop()


@pytest.fixture
def cli() -> Cli:
    return Cli()


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminals]:
    terminals = Terminals(tmp_path, {})
    yield terminals
    terminals.close()


@dataclass(frozen=True)
class LocalEngine:
    """A local engine whose server runs for all tests of this folder. Each test makes applications of its own."""

    home: Home
    engine: ConnectedEngine


@pytest.fixture(scope="session")
def shared_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    """The engine of all tests; in the end everything it started is stopped."""
    home = Home(tmp_path_factory.mktemp("engine") / "home")
    with pytest.MonkeyPatch.context() as patch:
        # A keyring of the machine that runs the tests is none of their business.
        patch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
        start_server(home)
        engine = connect(home)
        try:
            yield LocalEngine(home, engine)
        finally:
            for application in engine.applications():
                engine.delete_application(application.name)
            stop_server(home)
            Caddy(home).stop()


@pytest.fixture
def local(shared_engine: LocalEngine, home: Path, monkeypatch: pytest.MonkeyPatch) -> LocalEngine:
    """The commands of this test talk to the shared engine."""
    del home  # first its own home, then this one in its place
    monkeypatch.setenv("COPILOT_HOME", str(shared_engine.home.root))
    return shared_engine


@pytest.fixture
def app(local: LocalEngine, cli: Cli) -> Iterator[str]:
    """An application that the current folder belongs to; deleted when the test ends."""
    name = f"shop-{next(_numbers)}"
    cli.ok("app", "init", name)
    yield name
    if name in {a.name for a in local.engine.applications()}:
        local.engine.delete_application(name)


_numbers = itertools.count(1)


SERVER = """\
import http.server, os

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{os.environ.get('GREETING', 'hello')} from {self.path}".encode())

    def log_message(self, *args):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def write_service(folder: Path) -> None:
    """A small web service with a Dockerfile that the host runtime can run."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "server.py").write_text(SERVER)
    (folder / "Dockerfile").write_text(
        f'FROM python:3.12\nCOPY server.py /app/\nWORKDIR /app\nEXPOSE 8080\nCMD ["{sys.executable}", "server.py"]\n'
    )
