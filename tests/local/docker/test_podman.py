"""The docker runtime on Podman: what it does otherwise than Docker makes no difference to services and jobs."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from copilot.engine import Deployment
from copilot.errors import BuildError
from copilot.local.docker.names import Names
from copilot.local.docker.superseded import remove_superseded
from copilot.local.frontdoor.caddy import Caddy
from copilot.local.home import Home
from copilot.release.description import Sidecar, Volume
from tests.docker import BASE, DOCKERFILE, DockerEngine
from tests.local.docker.conftest import Tasks
from tests.local.docker.test_engine import Shop
from tests.local.docker.test_engine import image as image  # noqa: PLC0414 - fixtures on another engine
from tests.local.docker.test_engine import shop as shop  # noqa: PLC0414 - the same
from tests.local.docker.test_jobs import JOB, KEY
from tests.local.docker.test_jobs import Site as JobSite
from tests.local.harness import Load, eventually, get

CLOCK = "trap 'exit 0' TERM; while :; do sleep 0.1; done"


@pytest.fixture
def docker(podman: DockerEngine) -> DockerEngine:
    """In this module, the engine is Podman."""
    return podman


def succeeded(deployment: Deployment) -> bool:
    assert (deployment.error, deployment.details) == (None, ())
    return deployment.status == "Succeeded"


def test_a_service_from_its_first_release_to_its_end(shop: Shop, docker: DockerEngine) -> None:
    assert "Podman Engine" in docker.run("version")
    sidecar = Sidecar("clock", shop.image, command=("sh", "-c", CLOCK), volumes=(Volume("data", "/data"),))
    parts = {"sidecars": (sidecar,), "volumes": (Volume("data", "/data"),)}
    assert succeeded(shop.deploy("one", count=2, **parts))
    with Load(shop.port()) as load:
        assert succeeded(shop.deploy("two", count=2, **parts))
        assert shop.deploy("bad", variables={"EXIT": "3"}, **parts).error == "`api` exited at once: exit 3"
    assert {a for a in load.answers if a not in [(200, "one\n"), (200, "two\n")]} == set()

    names = Names.of(shop.home)
    victim, other = sorted(task.id for task in shop.tasks())
    answers = [
        docker.run("exec", names.container(other), "sh", "-c", f"busybox wget -qO- http://{where}/")
        for where in ("api:8080", "api.test.shop.local:8080", "$COPILOT_LB_DNS")
    ]
    assert answers == ["two"] * 3
    docker.run("kill", names.container(victim))
    eventually(lambda: sum(task.restarts for task in shop.tasks()) == 1 and shop.all_healthy(), 20)
    assert {task.id: task.last_exit for task in shop.tasks()} == {victim: "killed by SIGKILL", other: None}

    before = {task.id: task.pid for task in shop.tasks()}
    shop.again()
    eventually(lambda: {task.id: task.pid for task in shop.tasks()} == before, 20)
    assert get(shop.port()) == (200, "two\n")

    shop.service.delete_environment("shop", "test", keep_volumes=True)
    assert docker.left(shop.home) == [f"volume {names.volume('shop', 'test', 'api', 'data')}"]
    shop.service.create_environment("shop", "test", "docker")
    shop.service.delete_application("shop")
    assert docker.left(shop.home) == []


def test_a_job(home: Home, tasks: Tasks) -> None:
    site = JobSite(home, tasks.build(JOB))
    try:
        site.deploy(code=3)
        site.jobs.run_now(KEY)
        run = site.ended()
        assert (run.status, run.reason, site.log()) == ("Failed", "exit 3", "begins\nends\n")
    finally:
        site.jobs.remove_all("shop", "test")
        site.deployer.remove_environment("shop", "test")
        site.close()
        Caddy(home).stop()


def test_why_a_build_failed(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tasks.folder)
    for line, message in {
        'RUN ["sh", "-c", "exit 3"]': '`RUN ["sh", "-c", "exit 3"]` failed: exit 3',
        "COPY nope /": "`nope` is not in the build context",
        "COPI x /": "unknown instruction: COPI",
        "USER": "USER requires exactly one argument",
    }.items():
        with pytest.raises(BuildError) as caught:
            tasks.build(f"{BASE}# a line\n{line}\n")
        assert caught.value.message == f"context/Dockerfile:6: {message}"


def test_images_that_nothing_needs(tasks: Tasks, docker: DockerEngine, home: Home, tmp_path: Path) -> None:
    noticed: dict[str, float] = {}
    old = tasks.build(DOCKERFILE, revision="a" * 40)
    after_old = time.time()
    # Podman gives what it builds again the date of the first time.
    assert tasks.build(DOCKERFILE, revision="b" * 40) == old
    remove_superseded(home, (), after_old, noticed)
    assert len(docker.inspect(old)["RepoTags"]) == 2
    remove_superseded(home, (old,), time.time(), noticed)
    assert len(docker.inspect(old)["RepoTags"]) == 2
    assert noticed == {}
    remove_superseded(home, (), time.time() - 1, noticed)
    remove_superseded(home, (), time.time() + 1, noticed)
    assert docker.ask("image", "inspect", old).returncode
