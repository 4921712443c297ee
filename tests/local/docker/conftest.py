from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from copilot.engine import LocalEnvironment
from copilot.image import ImageRequest
from copilot.local import ports
from copilot.local.docker.images import DockerImageBuilder
from copilot.local.docker.runtime import DockerRuntime
from copilot.local.home import Home
from copilot.local.runtime import TaskSpec
from copilot.release.description import ReleaseDescription
from tests.docker import DOCKERFILE, DockerEngine, context

DEADLINE = 20.0


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.create()
    return home


class Tasks:
    """Builds images and runs tasks on the engine."""

    def __init__(self, home: Home, folder: Path) -> None:
        self.home = home
        self.folder = folder
        self.builder = DockerImageBuilder(home)
        self.runtime = DockerRuntime(home)
        self.printed: list[str] = []

    def build(self, dockerfile: str = DOCKERFILE, name: str = "context", **request: object) -> str:
        folder = context(self.folder / name, dockerfile)
        wanted = ImageRequest("shop", "api", folder / "Dockerfile", folder)
        return self.builder.build(replace(wanted, **request), self.printed.append)  # type: ignore[arg-type] # a test's shorthand

    def environment(self, app: str = "shop", name: str = "test", port: int = 8080) -> LocalEnvironment:
        return LocalEnvironment(
            app=app, name=name, runtime="docker", port=port, url=f"http://localhost:{port}", created_at=time.time()
        )

    def spec(self, image: str, task_id: str = "t1", variables: dict[str, str] | None = None, **changes: object) -> TaskSpec:
        base = ReleaseDescription("shop", "test", "api", "Backend Service", image, port=8080, cpu=1024, grace_period=5.0)
        description = replace(base, **changes)  # type: ignore[arg-type] # a test's shorthand
        port = ports.choose(()) if description.port is not None else None
        own = {"VERSION": "one", "PORT": str(description.port or ""), **(variables or {})}
        return TaskSpec(task_id, description, port, own, release=7)

    def start(self, image: str, task_id: str = "t1", variables: dict[str, str] | None = None, **changes: object) -> TaskSpec:
        spec = self.spec(image, task_id, variables, **changes)
        d = spec.description
        self.runtime.prepare(self.environment(d.application, d.environment))
        self.runtime.start(spec)
        return spec

    def ended(self, task_id: str = "t1") -> str:
        self.until(lambda: not self.runtime.runs(task_id))
        return self.runtime.exit_reason(task_id) or ""

    def again(self) -> DockerRuntime:
        """The runtime of a server that was started again."""
        self.runtime.close()
        self.runtime = DockerRuntime(self.home)
        return self.runtime

    @staticmethod
    def until(condition: object, seconds: float = DEADLINE) -> None:
        deadline = time.monotonic() + seconds
        while not condition():  # type: ignore[operator] # a test's shorthand
            assert time.monotonic() < deadline, "the condition did not come true in time"
            time.sleep(0.02)


@pytest.fixture
def tasks(home: Home, tmp_path: Path, docker: DockerEngine) -> Iterator[Tasks]:
    tasks = Tasks(home, tmp_path)
    yield tasks
    tasks.runtime.close()
