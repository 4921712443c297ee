"""A real application on an engine of its own, whose server a test may kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import TypeVar

import pytest

from copilot.engine import ActionState, ExecutionDetail, LocalEngine
from copilot.local.client import connect, server_status, start_server, stop_server
from copilot.local.home import Home
from tests import gitrepo

T = TypeVar("T")
PIPELINE = "release"

SERVER = """\
import http.server, os, pathlib

gates = pathlib.Path(os.environ["GATES"])
with (gates / "starts").open("a") as starts:
    starts.write(open("version").read() + "\\n")

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        version = open("version").read()
        ready = self.path != "/healthz" or not (gates / f"hold-{version}").exists()
        body = version.encode()
        self.send_response(200 if ready else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""

SERVICE = """\
name: web
type: Load Balanced Web Service
image:
  build: Dockerfile
  port: 8080
http:
  path: /
  healthcheck: {{path: /healthz, grace_period: 30s}}
  deregistration_delay: 0s
variables:
  GATES: {gates}
"""

MANIFEST = f"""\
name: {PIPELINE}
version: 1
source:
  provider: Git
  properties: {{{{repository: {{remote}}, branch: main}}}}
stages:
  - name: test
  - name: prod
    requires_approval: true
"""

BUILDSPEC = """\
version: 0.2
phases:
  build:
    commands:
      - cat version >> {gates}/builds; echo >> {gates}/builds
      - while [ -e "{gates}/hold-build-$(cat version)" ]; do sleep 0.02; done
  post_build:
    commands:
      - copilot pipeline build --output-dir infrastructure
artifacts:
  files: [infrastructure/*]
"""


def eventually(condition: Callable[[], T], seconds: float = 60.0) -> T:
    """What the condition answers, once that is true."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


class Site:
    """The application ``shop`` with the service ``web``, environments test and prod, and the pipeline ``release``.

    The service and the build look for files in ``gates``: ``hold-<version>`` keeps a version from becoming healthy,
    ``hold-build-<version>`` keeps its build from ending; they note their starts in ``starts`` and ``builds``.
    """

    runtime = "host"

    def __init__(self, folder: Path, home: Home) -> None:
        self.home = home
        self.checkout = folder / "checkout"
        self.remote = folder / "remote.git"
        self.gates = folder / "gates"
        for made in (self.checkout, self.gates):
            made.mkdir()

    @property
    def engine(self) -> LocalEngine:
        """The engine as it is now; its server is not started for that."""
        return connect(self.home, start=False)

    def copilot(self, *arguments: str) -> str:
        """Run a command in the checkout; the answer is what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "copilot", *arguments],
            cwd=self.checkout,
            env={**os.environ, "COPILOT_HOME": str(self.home.root)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"copilot {' '.join(arguments)}: exit {done.returncode}\n{done.stderr}\n{done.stdout}"
        return done.stdout

    def set_up(self) -> None:
        """Everything up to `pipeline update`, with nothing pushed yet."""
        gitrepo.run(self.checkout, "init", "--bare", str(self.remote))
        gitrepo.run(self.checkout, "init", ".")
        gitrepo.run(self.checkout, "config", "user.name", "Ana")
        gitrepo.run(self.checkout, "config", "user.email", "ana@example.com")
        gitrepo.run(self.checkout, "remote", "add", "origin", str(self.remote))
        self.copilot("app", "init", "shop")
        self.copilot("env", "init", "--name", "test", "--runtime", self.runtime)
        self.copilot("env", "init", "--name", "prod", "--runtime", self.runtime)
        for name, text in self.files().items():
            path = self.checkout / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.ports = tuple(e.port for e in self.engine.environments("shop"))

    def files(self) -> dict[str, str]:
        """What is in the repository, by path."""
        return {
            "server.py": SERVER,
            "Dockerfile": f'FROM scratch\nCOPY server.py version ./\nEXPOSE 8080\nCMD ["{sys.executable}", "server.py"]\n',
            "copilot/web/manifest.yml": SERVICE.format(gates=self.gates),
            f"copilot/pipelines/{PIPELINE}/manifest.yml": MANIFEST.format(remote=self.remote),
            f"copilot/pipelines/{PIPELINE}/buildspec.yml": BUILDSPEC.format(gates=self.gates),
        }

    def push(self, version: str) -> None:
        """Commit another version and push it."""
        (self.checkout / "version").write_text(version)
        gitrepo.run(self.checkout, "add", "--all")
        gitrepo.run(self.checkout, "commit", "--message", f"Version {version}")
        gitrepo.push(self.checkout, "main")

    def release(self, version: str) -> None:
        """Push a version and bring it to prod."""
        number = 1 + max((int(e.id) for e in self.engine.executions("shop", PIPELINE)), default=0) if self.has_pipeline() else 1
        self.push(version)
        if number == 1:
            self.copilot("pipeline", "update", "--yes")
        self.approve(number)
        eventually(lambda: self.execution(number).summary.status == "Succeeded")

    def has_pipeline(self) -> bool:
        return bool(self.engine.pipelines("shop"))

    def execution(self, number: int) -> ExecutionDetail:
        return self.engine.execution("shop", PIPELINE, str(number))

    def action(self, number: int, name: str) -> ActionState:
        return next(a for stage in self.execution(number).stages for a in stage.actions if a.name == name)

    def wait_for(self, number: int, action: str, status: str) -> None:
        """Wait until an action of an execution (which a push is about to start) has a status."""
        eventually(lambda: any(e.number == number for e in self.engine.executions("shop", PIPELINE)))
        eventually(lambda: self.action(number, action).status == status)

    def approve(self, number: int) -> None:
        self.wait_for(number, "ApprovePromotionTo-prod", "InProgress")
        self.engine.decide("shop", PIPELINE, str(number), "ApprovePromotionTo-prod", approve=True, approver="Ana")

    def served(self, environment: str) -> str:
        """What the front door of an environment answers; the server need not run."""
        port = {"test": self.ports[0], "prod": self.ports[1]}[environment]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as response:
            return str(response.read().decode())

    def kill_server(self) -> None:
        """kill -9, and wait until it is gone."""
        info = server_status(self.home)
        assert info is not None
        os.kill(info.pid, signal.SIGKILL)
        eventually(lambda: server_status(self.home) is None)

    def start_server(self) -> None:
        start_server(self.home)

    def notes(self, name: str) -> list[str]:
        """Lines of a file in ``gates``."""
        path = self.gates / name
        return path.read_text().split() if path.exists() else []

    @contextmanager
    def asked_all_the_time(self, environment: str) -> Iterator[list[str]]:
        """Ask the front door without pause; the list has every answer, failures as ``failed: …``."""
        answers: list[str] = []
        done = Event()

        def ask() -> None:
            while not done.wait(0.005):
                try:
                    answers.append(self.served(environment))
                except (OSError, urllib.error.URLError) as error:
                    answers.append(f"failed: {error}")

        thread = Thread(target=ask)
        thread.start()
        try:
            yield answers
        finally:
            done.set()
            thread.join()


@contextmanager
def running(made: Site) -> Iterator[None]:
    """Start the server of a site and set the site up; delete its application and end the server afterwards."""
    start_server(made.home)
    try:
        made.set_up()
        yield
    finally:
        for gate in made.gates.glob("hold-*"):
            gate.unlink()
        start_server(made.home)
        for application in made.engine.applications():
            made.engine.delete_application(application.name)
        stop_server(made.home)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    home = Home(tmp_path / "home")
    monkeypatch.setenv("COPILOT_HOME", str(home.root))
    monkeypatch.setenv("COPILOT_SECRETS", "file")
    made = Site(tmp_path, home)
    with running(made):
        yield made
