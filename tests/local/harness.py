"""What tests of running services share: a small application, and an engine without its server."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from copilot.image import ImageRequest
from copilot.local import ports
from copilot.local.deployer import Deployer
from copilot.local.frontdoor.caddy import Caddy
from copilot.local.home import Home
from copilot.local.host.images import HostImageBuilder
from copilot.local.host.runtime import HostRuntime
from copilot.local.store import Store
from copilot.local.store.releases import ReleaseRecord, TaskRecord
from copilot.local.supervisor import Supervisor
from copilot.release.description import HealthCheck, ReleaseDescription, Routing

# Its behaviour is in its variables. /slow sends half of its answer at once, and the rest when the file that GATE names exists;
# /health is what the file that STATUS names says; without the file that NEEDS names it does not start.
APPLICATION = """
import http.server, os, pathlib, sys, time, urllib.request

print("version", os.environ["VERSION"], "begins", flush=True)
if "EXIT" in os.environ:
    sys.exit(int(os.environ["EXIT"]))
if "NEEDS" in os.environ and not os.path.exists(os.environ["NEEDS"]):
    sys.exit("its file is missing")
if "PORT" not in os.environ:
    while True:
        time.sleep(60)

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status, body = 200, os.environ["VERSION"]
        if self.path == "/health":
            file = pathlib.Path(os.environ.get("STATUS", "/nowhere"))
            status = int(file.read_text()) if file.exists() else int(os.environ.get("HEALTH", "200"))
        elif self.path == "/die":
            os._exit(3)
        elif self.path.startswith("/variables/"):
            body = os.environ.get(self.path.rpartition("/")[2], "")
        elif self.path.startswith("/fetch/"):
            body = urllib.request.urlopen("http://" + self.path.removeprefix("/fetch/"), timeout=5).read().decode()
        self.send_response(status)
        if self.path == "/slow":
            self.end_headers()
            self.wfile.write(b"first ")
            while not pathlib.Path(os.environ["GATE"]).exists():
                time.sleep(0.01)
        else:
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *arguments):
        pass

class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128

Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""

QUICK = HealthCheck(path="/health", healthy_threshold=2, unhealthy_threshold=2, interval=0.1, timeout=2.0, grace_period=10.0)


def eventually(condition: Callable[[], bool], seconds: float = 10.0, every: float = 0.01) -> None:
    """Wait until a condition holds; fail when it does not within ``seconds``. It is looked at ``every`` so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(every)


def get(port: int, path: str = "/") -> tuple[int, str]:
    """Status and body of a request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def build(home: Home, folder: Path) -> str:
    """The application's image, as a digest."""
    folder.mkdir()
    (folder / "app.py").write_text(APPLICATION)
    (folder / "Dockerfile").write_text('FROM python:3.12-slim\nCOPY app.py /app.py\nCMD ["python", "/app.py"]\n')
    request = ImageRequest("shop", "api", folder / "Dockerfile", folder)
    return HostImageBuilder(home).build(request, lambda line: None)


class Engine:
    """Store, runtime, front door, deployer and supervisor of a home. A second one on the same home is a server started again."""

    def __init__(self, home: Home, image: str = "") -> None:
        self.home = home
        self.image = image
        self.store = Store.open(home.database)
        self.runtime = HostRuntime(home)
        self.caddy = Caddy(home)
        self.secrets = {"db-password": "hunter2"}
        self.deployer = Deployer(self.store, {"host": self.runtime}, self.caddy, self.secrets.get)
        self.supervisor = Supervisor(self.store, self.caddy, self.deployer)
        self.printed: list[str] = []
        self.cancelled = threading.Event()

    def environment(self, name: str = "test") -> int:
        """Make an environment; the answer is its port."""
        if not self.store.catalog.applications():
            self.store.catalog.add_application("shop")
        return self.store.catalog.add_environment("shop", name, "host", ports.choose(())).port

    def description(self, version: str, **changes: object) -> ReleaseDescription:
        """A release of ``api`` at ``/`` whose answers are its version; variables are added to its own."""
        variables = {"VERSION": version, **(changes.pop("variables", None) or {})}  # type: ignore[dict-item] # a test's shorthand
        base = ReleaseDescription(
            application="shop",
            environment="test",
            workload="api",
            type="Load Balanced Web Service",
            image=self.image,
            port=8080,
            routing=Routing("/", QUICK),
            variables=variables,
            grace_period=3.0,
        )
        return replace(base, **changes)  # type: ignore[arg-type] # a test's shorthand

    def release(self, version: str, **changes: object) -> ReleaseRecord:
        """The record of a release that is to be deployed; its origin is the version."""
        return self.store.releases.ensure(self.description(version, **changes), origin=f"deploy:{version}")

    def deploy(self, version: str, **changes: object) -> str | None:
        """Deploy a release and wait for it."""
        return self.deployer.deploy(self.release(version, **changes), self.printed.append, self.cancelled)

    def status(self, version: str) -> str:
        """The status of the release of that version."""
        return next(r.status for r in self.store.releases.history("shop", "test", "api") if r.origin == f"deploy:{version}")

    def tasks(self) -> list[TaskRecord]:
        """Every task."""
        return self.store.releases.all_tasks()

    def pids(self) -> set[int | None]:
        """Process ids of every task."""
        return {self.runtime.pid(task.id) for task in self.tasks()}

    def close(self) -> None:
        """What the end of a server leaves: tasks and front door go on."""
        self.store.close()

    def end(self) -> None:
        """End all that the home runs."""
        for folder in self.home.tasks.iterdir():
            self.runtime.remove(folder.name)
        self.caddy.stop()


class Load:
    """Requests one after the other, each on its own connection, as long as the block lasts."""

    def __init__(self, port: int, path: str = "/") -> None:
        self.answers: list[tuple[int, str] | str] = []
        self._port = port
        self._path = path
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(2)]

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                self.answers.append(get(self._port, self._path))
            except (OSError, http.client.HTTPException) as error:
                self.answers.append(repr(error))

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
