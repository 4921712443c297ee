from __future__ import annotations

import io
import json
import os
import signal
import tarfile
from pathlib import Path

import pytest

from copilot.errors import CopilotError
from copilot.local.artifacts import ArtifactStore
from copilot.local.buildspec import BuildRunner
from copilot.local.home import Home
from copilot.local.program import install_program
from copilot.local.store import Store
from copilot.local.workers.build import BuildWorker, image_digests
from copilot.release.plan import SOURCE_ARTIFACT, CommandsAction
from tests.local.harness import eventually
from tests.local.workers.contexts import context


class Setup:
    def __init__(self, folder: Path) -> None:
        self.home = Home(folder / "home")
        self.home.create()
        self.store = Store.in_memory()
        self.store.catalog.add_application("shop")
        self.store.catalog.add_environment("shop", "test", "host", 8099)
        self.artifacts = ArtifactStore(self.home.artifacts)
        self.runner = BuildRunner(self.home, self.artifacts)
        self.worker = self.make()
        self.source = self.pack({"README": "hello"})
        self.log = self.home.logs / "attempt-1.log"

    def make(self) -> BuildWorker:
        return BuildWorker(self.store, self.home, self.artifacts, BuildRunner(self.home, self.artifacts), lambda _: None)

    def pack(self, files: dict[str, str]) -> str:
        path = self.home.root / "made.tar"
        with tarfile.open(path, "w") as tar:
            for name, text in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(text.encode())
                tar.addfile(member, io.BytesIO(text.encode()))
        return self.artifacts.adopt(path)


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    return Setup(tmp_path)


def test_tests_know_where_they_are(setup: Setup) -> None:
    install_program(setup.home.bin)
    command = (
        "echo $COPILOT_APPLICATION_NAME $COPILOT_ENVIRONMENT_NAME $COPILOT_LB_DNS $CODEBUILD_BUILD_NUMBER; which copilot; ls"
    )
    action = CommandsAction("TestCommands", 1, "test", (command,), 60)
    result = setup.worker.run(context(action, setup.log, artifacts={SOURCE_ARTIFACT: setup.source}))
    assert result.succeeded
    assert f"shop test localhost:8099 1\n{setup.home.bin}/copilot\nREADME" in setup.log.read_text()


def test_a_build_that_was_lost_twice_is_given_up(setup: Setup, tmp_path: Path) -> None:
    """Lost: its processes are gone, and nobody wrote down how it ended."""
    runs = tmp_path / "runs"
    action = CommandsAction("TestCommands", 1, "test", (f"echo $$ >> {runs}; [ $(wc -l < {runs}) -gt 1 ] || sleep 60",), 60)
    given = context(action, setup.log, artifacts={SOURCE_ARTIFACT: setup.source})
    setup.runner.start(setup.worker._request(given, action))
    eventually(lambda: runs.exists() and runs.read_text().endswith("\n"))
    os.kill(os.getpgid(int(runs.read_text())) * -1, signal.SIGKILL)
    eventually(lambda: BuildRunner(setup.home, setup.artifacts).state(1) == "lost")
    with pytest.raises(CopilotError, match="lost twice together with the server"):
        setup.make().run(context(action, setup.log, artifacts={SOURCE_ARTIFACT: setup.source}, resumed=True, reruns=1))
    result = setup.make().run(context(action, setup.log, artifacts={SOURCE_ARTIFACT: setup.source}, resumed=True))
    assert result.succeeded
    assert len(runs.read_text().split()) == 2


def test_what_a_killed_server_left_is_found_and_removed(setup: Setup, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    action = CommandsAction("TestCommands", 1, "test", (f"sleep 60 & echo $! > {pids}; wait",), 60)
    for attempt in (1, 2):
        given = context(action, setup.log, attempt=attempt, artifacts={SOURCE_ARTIFACT: setup.source})
        setup.runner.start(setup.worker._request(given, action))
    (setup.home.builds / "3.context.json").write_text("{}")
    (setup.home.builds / ".DS_Store").write_text("")
    (setup.home.builds / "strange").mkdir()
    eventually(lambda: pids.exists() and bool(pids.read_text().strip()))
    assert setup.worker.left_behind({2}) == [1, 3]
    later = setup.make()
    later.tidy_up([1, 3])
    assert later.left_behind({2}) == []
    found = BuildRunner(setup.home, setup.artifacts)
    assert [found.state(attempt) for attempt in (1, 2)] == ["absent", "running"]
    later.tidy_up([2])
    assert sorted(p.name for p in setup.home.builds.iterdir()) == [".DS_Store", "strange"]


def test_images_are_read_from_what_is_a_release_description(setup: Setup) -> None:
    good = json.dumps({"workload": "web", "image": "sha256:1"})
    digest = setup.pack(
        {
            "infrastructure/web-test.release.json": good,
            "infrastructure/a.release.json": "{",
            "infrastructure/b.release.json": "[]",
            "infrastructure/c.release.json": "{}",
            "infrastructure/other.json": good.replace("web", "other"),
            "elsewhere/x.release.json": good.replace("web", "elsewhere"),
        }
    )
    assert image_digests(setup.artifacts, digest) == {"web": "sha256:1"}
