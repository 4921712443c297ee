from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from copilot.engine import PipelineDefinition
from copilot.image import ImageRequest
from copilot.local.action import ActionResult
from copilot.local.artifacts import ArtifactStore
from copilot.local.docker.images import DockerImageBuilder
from copilot.local.docker.superseded import remove_superseded
from copilot.local.home import Home
from copilot.local.host.images import HostImageBuilder, ImageStore
from copilot.local.retention import YOUNGEST, YOUNGEST_TEMPORARY, Retention
from copilot.local.store import Store
from copilot.local.store.executions import ExecutionRecord
from copilot.local.store.releases import ReleaseRecord
from copilot.local.store.retention import KEPT_DEPLOYMENTS, KEPT_EXECUTIONS, KEPT_RELEASES, KNOWN_RELEASES
from copilot.release.description import ReleaseDescription, Sidecar
from copilot.release.plan import BUILD_ARTIFACT, DeployAction, Plan, SourceAction, Stage
from tests.docker import DockerEngine, context
from tests.local.harness import eventually

PLAN = Plan(
    "shop",
    "main",
    (
        Stage("Source", (SourceAction("SourceCodeFor-shop", 1, "Git", "/r", "main"),)),
        Stage("DeployTo-test", (DeployAction("CreateOrUpdate-api-test", 1, "test", "api", "s", "t", "c"),), "test"),
    ),
)


class Setup:
    """A home whose clock is a day ahead, so that all that a test makes is old."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder / "home")
        self.home.create()
        self.folder = folder
        self.store = Store.open(self.home.database)
        self.artifacts = ArtifactStore(self.home.artifacts)
        self.now = time.time() + YOUNGEST + 60
        self.retention = Retention(self.home, self.store, self.artifacts, lambda: self.now)
        self.store.catalog.add_application("shop")
        self.store.catalog.add_environment("shop", "test", "host", 8080)
        for name in ("main", "other"):
            self.store.catalog.put_pipeline(
                PipelineDefinition(app="shop", name=name, repository="/r", branch="b", manifest="m", plan=PLAN), "hook"
            )

    def image(self, text: str) -> str:
        """Build an image; the same text is the same image."""
        folder = self.folder / f"context-{text}"
        folder.mkdir(exist_ok=True)
        (folder / "app").write_text(text)
        (folder / "Dockerfile").write_text('FROM scratch\nCOPY app /app\nCMD ["/app"]\n')
        request = ImageRequest("shop", "api", folder / "Dockerfile", folder)
        return HostImageBuilder(self.home).build(request, lambda line: None)

    def images(self) -> set[str]:
        return {f"sha256:{f.name}" for f in self.home.images.iterdir() if not f.name.startswith(".")}

    def output(self, text: str, image: str | None = None) -> str:
        """A build's output, with a release of an image in it."""
        folder = self.folder / f"output-{text}"
        (folder / "infrastructure").mkdir(parents=True)
        (folder / "text").write_text(text)
        (folder / "infrastructure" / "own.release.json").write_text("[]")
        if image:
            (folder / "infrastructure" / "api-test.release.json").write_text(
                json.dumps({"image": image, "sidecars": [{"image": image}]})
            )
        return self.artifacts.pack_tree(folder)

    def execution(self, pipeline: str = "main", *, artifact: str | None = None, ended: bool = True) -> ExecutionRecord:
        """An execution with the logs of its attempts."""
        record = self.store.executions.add(app="shop", pipeline=pipeline, trigger="push", plan=PLAN, repository="/r")
        for attempt in self.store.executions.attempts(record.id):
            self.log(f"attempt-{attempt.id}")
            if ended:
                self.store.executions.finish_attempt(attempt.id, "Succeeded", ActionResult(succeeded=True))
        if artifact:
            self.store.executions.put_artifact(record.id, BUILD_ARTIFACT, artifact)
        if ended:
            self.end(record)
        return record

    def end(self, record: ExecutionRecord) -> None:
        self.store.executions.save(replace(record.state, status="Succeeded"))

    def release(self, origin: str, image: str = "sha256:0", *, deployed: bool = True) -> ReleaseRecord:
        description = ReleaseDescription("shop", "test", "api", "Backend Service", image)
        release = self.store.releases.ensure(description, origin)
        if deployed:
            self.store.releases.make_current(release)
        else:
            self.store.releases.set_status(release.id, "Failed")
        return release

    def log(self, name: str) -> None:
        (self.home.logs / f"{name}.log").write_text("x")

    def logs(self) -> set[str]:
        return {file.stem for file in self.home.logs.iterdir()}

    def numbers(self, pipeline: str = "main") -> list[int]:
        return [record.number for record in reversed(self.store.executions.history("shop", pipeline, limit=1000))]


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[Setup]:
    setup = Setup(tmp_path)
    yield setup
    setup.retention.close()
    setup.store.close()


class TestExecutions:
    def test_the_newest_of_each_pipeline_are_kept(self, setup: Setup) -> None:
        for _ in range(KEPT_EXECUTIONS + 3):
            setup.execution()
        setup.execution("other")
        setup.retention.sweep()
        assert setup.numbers() == list(range(4, KEPT_EXECUTIONS + 4))
        assert setup.numbers("other") == [1]
        attempts = {a.id for n in setup.numbers() for a in setup.store.executions.attempts(n)}
        assert {f"attempt-{a}" for a in attempts} < setup.logs()
        assert len(setup.logs()) == 2 * (KEPT_EXECUTIONS + 1)

    def test_one_that_has_not_ended_is_kept(self, setup: Setup) -> None:
        setup.execution(ended=False)
        for _ in range(KEPT_EXECUTIONS + 2):
            setup.execution()
        setup.retention.sweep()
        assert setup.numbers() == [1, *range(4, KEPT_EXECUTIONS + 4)]

    def test_what_deployed_releases_came_from_is_kept_with_its_artifact(self, setup: Setup) -> None:
        artifacts = [setup.output(str(n)) for n in range(3)]
        first, second, third = (setup.execution(artifact=artifact) for artifact in artifacts)
        setup.release(f"attempt:{second.attempts['DeployTo-test', 'CreateOrUpdate-api-test'].id}")
        setup.release(f"attempt:{third.attempts['DeployTo-test', 'CreateOrUpdate-api-test'].id}", deployed=False)
        for _ in range(KEPT_EXECUTIONS):
            setup.execution()
        setup.retention.sweep()
        assert setup.numbers()[:2] == [2, 4]
        assert first.number == 1
        assert {file.stem for file in setup.home.artifacts.iterdir()} == {artifacts[1]}

    def test_what_a_rollback_went_back_to_is_kept(self, setup: Setup) -> None:
        target = setup.execution()
        rollback = setup.store.executions.add(
            app="shop",
            pipeline="main",
            trigger="rollback",
            plan=PLAN,
            repository="/r",
            rollback_of="DeployTo-test",
            rollback_to=1,
        )
        setup.end(rollback)
        setup.release(f"attempt:{rollback.attempts['DeployTo-test', 'CreateOrUpdate-api-test'].id}")
        for _ in range(KEPT_EXECUTIONS + 1):
            setup.execution()
        setup.retention.sweep()
        assert setup.numbers()[:3] == [target.number, rollback.number, 4]

    def test_what_is_young_is_kept(self, setup: Setup) -> None:
        setup.now = time.time()
        for _ in range(KEPT_EXECUTIONS + 1):
            setup.execution(artifact=None)
        artifact, image = setup.output("unneeded"), setup.image("unneeded")
        setup.log("task-unknown")
        setup.retention.sweep()
        assert setup.numbers()[0] == 1
        assert {file.stem for file in setup.home.artifacts.iterdir()} == {artifact}
        assert setup.images() == {image}
        assert "task-unknown" in setup.logs()


class TestImages:
    def test_those_of_needed_releases_and_kept_builds_stay(self, setup: Setup) -> None:
        images = [setup.image(str(n)) for n in range(5)]
        setup.execution(artifact=setup.output("kept", images[0]))
        setup.release("deploy:1", images[1])
        setup.release("deploy:2", images[2])
        setup.release("deploy:3", images[3], deployed=False)
        setup.retention.sweep()
        assert setup.images() == set(images[:3])

    def test_those_of_deployments_in_progress_stay(self, setup: Setup) -> None:
        image = setup.image("a")
        setup.store.releases.add_deployment("d1", ReleaseDescription("shop", "test", "api", "Backend Service", image))
        setup.retention.sweep()
        assert setup.images() == {image}

    def test_those_of_sidecars_stay(self, setup: Setup) -> None:
        main, sidecar = setup.image("main"), setup.image("sidecar")
        description = ReleaseDescription("shop", "test", "api", "Backend Service", main, sidecars=(Sidecar("s", sidecar),))
        setup.store.releases.make_current(setup.store.releases.ensure(description, "deploy:1"))
        setup.retention.sweep()
        assert setup.images() == {main, sidecar}

    def test_only_so_many_releases_can_be_brought_back(self, setup: Setup) -> None:
        images = [setup.image(str(n)) for n in range(KEPT_RELEASES + 2)]
        for number, image in enumerate(images):
            setup.release(f"deploy:{number}", image)
            setup.release(f"deploy:failed-{number}", "sha256:0", deployed=False)
        setup.retention.sweep()
        assert setup.images() == set(images[2:])

    def test_one_that_was_built_again_just_now_stays(self, setup: Setup) -> None:
        image = setup.image("a")
        os.utime(setup.home.images / image.removeprefix("sha256:"), (1.0, 1.0))
        assert setup.image("a") == image
        setup.now = time.time()
        setup.retention.sweep()
        assert setup.images() == {image}

    def test_nothing_is_deleted_while_another_process_builds(self, setup: Setup) -> None:
        image = setup.image("a")
        with ImageStore(setup.home).building():
            setup.retention.sweep()
            assert setup.images() == {image}
        setup.retention.sweep()
        assert setup.images() == set()
        assert {f.name for f in setup.home.images.iterdir()} == {".lock"}


def test_only_the_newest_releases_stay_known(setup: Setup) -> None:
    kept = [setup.release(f"deploy:{n}").id for n in range(3)]
    for number in range(KNOWN_RELEASES + 5):
        setup.release(f"failed:{number}", deployed=False)
    setup.retention.sweep()
    known = [release.id for release in setup.store.releases.history("shop", "test", "api", limit=1000)]
    assert len(known) == KNOWN_RELEASES + 3
    assert set(kept) < set(known)


def test_a_release_that_has_a_task_stays(setup: Setup) -> None:
    image = setup.image("a")
    release = setup.release("deploy:with-task", image, deployed=False)
    setup.store.releases.add_task("api-1-x", release.id, None)
    setup.log("task-api-1-x")
    setup.log("task-gone")
    for number in range(KNOWN_RELEASES + 1):
        setup.release(f"failed:{number}", deployed=False)
    setup.retention.sweep()
    assert setup.store.releases.get(release.id).id == release.id
    assert setup.images() == {image}
    assert setup.logs() == {"task-api-1-x"}


def test_the_newest_deployments_of_each_service_and_their_logs_stay(setup: Setup) -> None:
    for workload, count in (("api", KEPT_DEPLOYMENTS + 2), ("web", 1)):
        description = ReleaseDescription("shop", "test", workload, "Backend Service", "sha256:0")
        for number in range(count):
            setup.store.releases.add_deployment(f"{workload}{number}", description)
            setup.log(f"deploy-{workload}{number}")
            if (workload, number) != ("api", 0):
                setup.store.releases.finish_deployment(f"{workload}{number}")
    setup.retention.sweep()
    assert len(setup.logs()) == KEPT_DEPLOYMENTS + 2
    assert setup.store.releases.deployment("api0").status == "InProgress"
    assert "deploy-api1" not in setup.logs()
    assert {"deploy-api0", "deploy-api2", "deploy-web0"} < setup.logs()


def test_temporaries_of_killed_processes_are_deleted(setup: Setup) -> None:
    folder = setup.home.artifacts
    (folder / ".new-abc.tar").write_text("x")
    (folder / "source-abc" / "clone").mkdir(parents=True)
    (folder / "mine.txt").write_text("x")
    setup.log("mine")
    setup.retention.sweep()
    assert {f.name for f in folder.iterdir()} == {".new-abc.tar", "source-abc", "mine.txt"}
    setup.now = time.time() + YOUNGEST_TEMPORARY + 60
    setup.retention.sweep()
    assert {f.name for f in folder.iterdir()} == {"mine.txt"}
    assert setup.logs() == {"mine"}


def test_a_broken_artifact_is_no_reason_to_delete_nothing(setup: Setup) -> None:
    artifact = setup.output("a")
    setup.execution(artifact=artifact)
    setup.artifacts.path(artifact).unlink()
    setup.log("task-gone")
    setup.retention.sweep()
    assert "task-gone" not in setup.logs()


def test_it_looks_when_it_starts(setup: Setup) -> None:
    setup.log("task-gone")
    setup.retention.start()
    eventually(lambda: "task-gone" not in setup.logs())
    setup.retention.wake()
    setup.retention.close()


def test_the_container_engine_forgets_what_is_not_needed(setup: Setup, docker: DockerEngine) -> None:
    setup.store.catalog.add_environment("shop", "boxes", "docker", 8081)

    def build(text: str) -> str:
        folder = context(setup.folder / text, f'FROM scratch\nCOPY busybox /bin/busybox\nLABEL x={text}\nCMD ["/bin/busybox"]\n')
        request = ImageRequest("shop", "api", folder / "Dockerfile", folder, revision=text * 40, execution=f"main-{text}")
        return DockerImageBuilder(setup.home).build(request, lambda line: None)

    needed, superseded = build("a"), build("b")
    setup.release("deploy:1", needed)
    docker.run("image", "tag", superseded, f"foreign-{setup.folder.name.lower()}")
    remove_superseded(setup.home, set(), time.time() - YOUNGEST, {})
    names = f"{DockerImageBuilder(setup.home).names.prefix}/*/*"
    assert len(docker.run("image", "ls", "-q", "--filter", f"reference={names}").split()) == 4
    setup.retention.sweep()
    left = docker.run("image", "ls", "-q", "--no-trunc", "--filter", f"reference={names}").split()
    assert set(left) == {needed}
    docker.run("image", "rm", f"foreign-{setup.folder.name.lower()}")
    shutil.rmtree(setup.folder / "a")
