from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from copilot.image import ImageRequest
from copilot.local.home import Home
from copilot.local.host.images import HostImageBuilder
from copilot.local.host.runtime import HostRuntime
from copilot.local.runtime import TaskSpec
from copilot.release.description import ReleaseDescription


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.create()
    return made


class Builds:
    """Builds images from files given as text."""

    def __init__(self, home: Home, folder: Path) -> None:
        self.home = home
        self.folder = folder
        self.printed: list[str] = []

    def write(self, files: Mapping[str, str | bytes]) -> Path:
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return self.folder

    def build(self, dockerfile: str, files: Mapping[str, str | bytes] | None = None, **options: object) -> str:
        self.write({"Dockerfile": dockerfile, **(files or {})})
        request = ImageRequest("shop", "web", self.folder / "Dockerfile", self.folder, **options)  # type: ignore[arg-type] # a test's shorthand
        return HostImageBuilder(self.home).build(request, self.printed.append)

    def rootfs(self, digest: str) -> Path:
        return self.home.images / digest.removeprefix("sha256:") / "rootfs"


@pytest.fixture
def builds(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Builds:
    folder = tmp_path / "context"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Builds(home, folder)


def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Tasks:
    """Starts tasks, and ends them with the test."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.runtime = HostRuntime(home)
        self.started: list[str] = []

    def spec(self, image: str, task_id: str = "t1", port: int | None = None, **fields: object) -> TaskSpec:
        variables = fields.pop("task_variables", {})
        description = ReleaseDescription("shop", "test", "web", "Backend Service", image, **fields)  # type: ignore[arg-type] # a test's shorthand
        return TaskSpec(task_id, description, port, variables)  # type: ignore[arg-type]

    def start(self, image: str, task_id: str = "t1", port: int | None = None, **fields: object) -> str:
        self.started.append(task_id)
        self.runtime.start(self.spec(image, task_id, port, **fields))
        return task_id

    def ended(self, task_id: str) -> str:
        until(lambda: self.runtime.exit_reason(task_id) is not None)
        return self.runtime.exit_reason(task_id) or ""

    def printed(self, task_id: str, line: str) -> None:
        until(lambda: line in self.runtime.tail(task_id, 1000))


@pytest.fixture
def tasks(home: Home) -> Iterator[Tasks]:
    made = Tasks(home)
    yield made
    for task_id in made.started:
        made.runtime.remove(task_id)
