"""Real builds in real shells."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from copilot.local.artifacts import ArtifactStore
from copilot.local.buildspec import BuildRequest, BuildResult, BuildRunner
from copilot.local.home import Home
from copilot.manifest.buildspec import Buildspec

SHELLS = {"dash": ("dash", "sh"), "bash as sh": ("bash", "sh"), "bash": ("bash", "bash")}
"""Which program runs under which name."""


@dataclass(frozen=True)
class Outcome:
    result: BuildResult
    log: str

    @property
    def printed(self) -> list[str]:
        """What the commands printed: no echoes, no headers."""
        ours = ("$ ", "  ", "[INSTALL]", "[PRE_BUILD]", "[BUILD]", "[POST_BUILD]", "exit ", "note: ")
        return [line for line in self.log.splitlines() if not line.startswith(ours)]

    @property
    def summary(self) -> str:
        """The result's, with every duration as 0.0."""
        return re.sub(r"after \d+\.\d s", "after 0.0 s", self.result.summary)

    @property
    def phases(self) -> dict[str, str]:
        return {phase.name: phase.status for phase in self.result.phases}


class Builds:
    """Runs buildspecs below one folder."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root)
        self.home.create()
        self.artifacts = ArtifactStore(self.home.artifacts)
        self.runner = BuildRunner(self.home, self.artifacts)
        self.shell = "sh"
        self.started: list[int] = []

    def renew(self) -> None:
        """Another runner, as another server has it."""
        self.runner = BuildRunner(self.home, self.artifacts)

    def request(self, spec: Mapping[str, Any], *, minutes: float = 1.0, **settings: Any) -> BuildRequest:
        files = settings.pop("files", {"hello.txt": "hello"})
        attempt = settings.pop("attempt", len(self.started) + 1)
        self.started.append(attempt)
        source = self.home.root / f"source-{attempt}"
        for name, text in files.items():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_text(text)
        env = {"shell": self.shell, **spec.get("env", {})}
        return BuildRequest(
            attempt=attempt,
            buildspec=Buildspec.model_validate({"version": "0.2", **spec, "env": env}),
            source=self.artifacts.pack_tree(source),
            variables=settings.pop("variables", {}),
            timeout_minutes=minutes,
            log=self.home.logs / f"{attempt}.log",
            **settings,
        )

    def start(self, spec: Mapping[str, Any], **settings: Any) -> BuildRequest:
        request = self.request(spec, **settings)
        self.runner.start(request)
        return request

    def wait(self, request: BuildRequest) -> Outcome:
        result = self.runner.wait(request.attempt, Event())
        return Outcome(result, request.log.read_text())

    def run(self, spec: Mapping[str, Any], **settings: Any) -> Outcome:
        return self.wait(self.start(spec, **settings))

    def commands(self, *commands: str, **settings: Any) -> Outcome:
        return self.run({"phases": {"build": {"commands": list(commands)}}}, **settings)

    def source(self, request: BuildRequest) -> Path:
        return self.home.builds / str(request.attempt) / "src"


@pytest.fixture
def builds(tmp_path: Path) -> Any:
    builds = Builds(tmp_path / "home")
    yield builds
    for attempt in builds.started:
        builds.runner.abandon(attempt)
        if (builds.home.builds / str(attempt) / "journal").exists():
            builds.runner.wait(attempt, Event())


@pytest.fixture(params=list(SHELLS))
def any_shell(request: pytest.FixtureRequest, builds: Builds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Builds:
    program, name = SHELLS[request.param]
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / name).symlink_to(path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    builds.shell = name
    builds.renew()
    return builds


def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.005)
