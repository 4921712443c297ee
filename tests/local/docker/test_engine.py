"""The local engine on a real container engine: deployments, supervision, and what is left in the end."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from copilot.engine import Deployment, Task
from copilot.errors import EngineUnavailableError
from copilot.image import ImageRequest
from copilot.local.docker.images import DockerImageBuilder
from copilot.local.docker.names import Names
from copilot.local.home import Home
from copilot.local.service import LocalService
from copilot.release.description import ContainerCheck, HealthCheck, ReleaseDescription, Routing, Volume
from tests.docker import ENGINE, NO_ENGINE, DockerEngine, context
from tests.local.harness import Load, eventually, get

QUICK = HealthCheck(path="/health", healthy_threshold=1, interval=0.3, timeout=2.0, grace_period=15.0)


class Shop:
    """An application with an environment on the engine."""

    def __init__(self, home: Home, image: str, names: tuple[str, ...] = ("shop",)) -> None:
        self.home = home
        self.image = image
        self.service = LocalService.open(home)
        self.service.start()
        for name in names:
            if name not in {a.name for a in self.service.applications()}:
                self.service.create_application(name)
                self.service.create_environment(name, "test", "docker")

    def port(self, app: str = "shop") -> int:
        return self.service.environment(app, "test").port

    def description(self, version: str, **changes: object) -> ReleaseDescription:
        variables = {"VERSION": version, **(changes.pop("variables", None) or {})}  # type: ignore[dict-item] # a test's shorthand
        base = ReleaseDescription(
            application="shop",
            environment="test",
            workload="api",
            type="Load Balanced Web Service",
            image=self.image,
            port=8080,
            cpu=1024,
            routing=Routing("/", QUICK),
            variables=variables,
            grace_period=3.0,
        )
        return replace(base, **changes)  # type: ignore[arg-type] # a test's shorthand

    def deploy(self, version: str, **changes: object) -> Deployment:
        return self.deploy_as_described(self.description(version, **changes))

    def deploy_as_described(self, description: ReleaseDescription) -> Deployment:
        started = self.service.start_deployment(description)
        eventually(lambda: self.service.deployment(started.id).status != "InProgress", 40)
        return self.service.deployment(started.id)

    def tasks(self, app: str = "shop") -> tuple[Task, ...]:
        return self.service.service(app, "api").environments[0].tasks

    def all_healthy(self) -> bool:
        return all(task.status == "Healthy" for task in self.tasks())

    def again(self) -> None:
        """Another server takes over."""
        self.service.close()
        self.service = LocalService.open(self.home)
        self.service.start()


@pytest.fixture
def image(home: Home, tmp_path: Path, docker: DockerEngine) -> str:
    folder = context(tmp_path / "context")
    return DockerImageBuilder(home).build(ImageRequest("shop", "api", folder / "Dockerfile", folder), lambda line: None)


@pytest.fixture
def shop(home: Home, image: str) -> Iterator[Shop]:
    shop = Shop(home, image)
    yield shop
    os.environ.pop(ENGINE, None)
    for app in shop.service.applications():
        shop.service.delete_application(app.name)
    shop.service.close()


def test_a_rolling_release_loses_no_request_and_leaves_nothing(shop: Shop, docker: DockerEngine) -> None:
    assert shop.deploy("one", count=2).url == f"http://localhost:{shop.port()}"
    assert get(shop.port()) == (200, "one\n")
    with Load(shop.port()) as load:
        assert shop.deploy("two", count=2).status == "Succeeded"
        bad = shop.deploy("bad", variables={"EXIT": "3"})
        assert bad.error == "`api` exited at once: exit 3"
        assert bad.details == ("version bad begins",)
    assert {a for a in load.answers if a not in [(200, "one\n"), (200, "two\n")]} == set()
    assert get(shop.port()) == (200, "two\n")
    eventually(lambda: len(docker.left(shop.home)) == 3, 20)
    shop.service.delete_application("shop")
    assert docker.left(shop.home) == []


def test_a_container_that_is_killed_starts_again(shop: Shop, docker: DockerEngine) -> None:
    shop.deploy("one")
    [task] = shop.tasks()
    docker.run("kill", Names.of(shop.home).container(task.id))
    eventually(lambda: shop.tasks()[0].restarts == 1 and shop.all_healthy(), 20)
    [again] = shop.tasks()
    assert (again.id, again.port, again.last_exit) == (task.id, task.port, "killed by SIGKILL")
    assert get(shop.port()) == (200, "one\n")
    log = shop.service.task_log("shop", "test", "api", task.id).text
    assert log == "version one begins\n" * 2


def test_another_server_adopts_what_runs_and_ends_what_nothing_wants(shop: Shop, docker: DockerEngine) -> None:
    shop.deploy("one")
    [task] = shop.tasks()
    names = Names.of(shop.home)
    labels = [
        part
        for key, value in {"copilot.home": names.home, "copilot.task": "lost"}.items()
        for part in ("--label", f"{key}={value}")
    ]
    docker.run("run", "--detach", "--name", names.container("lost"), *labels, shop.image, "sh", "-c", "sleep 60")
    shop.again()
    eventually(lambda: len([x for x in docker.left(shop.home) if x.startswith("container")]) == 1, 20)
    assert [(t.id, t.pid, t.restarts) for t in shop.tasks()] == [(task.id, task.pid, 0)]
    assert get(shop.port()) == (200, "one\n")


def test_two_applications_with_an_environment_of_the_same_name(home: Home, image: str, docker: DockerEngine) -> None:
    both = Shop(home, image, ("shop", "store"))
    try:
        both.deploy("one")
        both.deploy("other", application="store")
        assert get(both.port()) == (200, "one\n")
        assert get(both.port("store")) == (200, "other\n")
        both.service.delete_application("store")
        assert get(both.port()) == (200, "one\n")
    finally:
        for app in both.service.applications():
            both.service.delete_application(app.name)
        both.service.close()
    assert docker.left(home) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"variables": {"LISTEN": "9999"}, "routing": Routing("/", replace(QUICK, grace_period=2))}, "connection was closed"),
        ({"variables": {"LISTEN": "9999"}, "routing": None, "check": None}, "connection was closed"),
        ({"routing": Routing("/", replace(QUICK, path="/nope", grace_period=2))}, "GET /nope answered 404"),
        ({"image": f"sha256:{'0' * 64}"}, "is not on this machine"),
        (
            {"command": ("sh", "-c", "x=x; while :; do x=$x$x; done"), "memory": 16},
            "killed: it needed more than its memory, 16 MiB",
        ),
        (
            {"check": ContainerCheck(("false",), interval=0.3, timeout=0.3, retries=1), "routing": None},
            "health check of its container",
        ),
    ],
)
def test_what_does_not_become_healthy(
    shop: Shop, docker: DockerEngine, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], message: str
) -> None:
    if changes.get("routing", QUICK) is None:
        monkeypatch.setattr("copilot.local.health.check_of", lambda description: replace(QUICK, grace_period=2))
    failed = shop.deploy("one", **changes)
    assert failed.status == "Failed"
    assert message in (failed.error or "")
    assert not any(thing.startswith("container") for thing in docker.left(shop.home))


def test_volumes_are_kept_by_releases_and_deleted_with_the_environment(shop: Shop, docker: DockerEngine) -> None:
    shop.deploy("one", volumes=(Volume("data", "/data"),))
    shop.deploy("two", volumes=(Volume("data", "/data"),))
    assert sum(thing.startswith("volume") for thing in docker.left(shop.home)) == 1
    shop.service.delete_environment("shop", "test", keep_volumes=True)
    [volume] = docker.left(shop.home)
    assert volume.endswith("-shop.test.api.data")
    shop.service.create_environment("shop", "test", "docker")
    shop.service.delete_environment("shop", "test")
    assert docker.left(shop.home) == []


def test_a_container_reaches_the_front_door(shop: Shop, docker: DockerEngine) -> None:
    shop.deploy("one")
    [task] = shop.tasks()
    container = Names.of(shop.home).container(task.id)
    answer = docker.run("exec", container, "sh", "-c", "busybox wget -qO- http://$COPILOT_LB_DNS/")
    assert answer == "one"


def test_an_engine_that_does_not_answer(shop: Shop, home: Home) -> None:
    shop.deploy("one")
    shop.service.close()
    address = home.container_engine.read_text()
    home.container_engine.write_text(NO_ENGINE)
    shop.service = LocalService.open(home)
    shop.service.start()
    begin = time.monotonic()
    [state] = shop.service.service("shop", "api").environments
    assert time.monotonic() - begin < 5
    assert state.problem == f"no container engine answers at {NO_ENGINE}"
    failed = shop.deploy("two")
    assert failed.error == f"no container engine answers at {NO_ENGINE}"
    with pytest.raises(EngineUnavailableError, match="no container engine answers"):
        shop.service.create_environment("shop", "prod", "docker")
    assert shop.service.create_environment("shop", "prod").runtime == "host"
    # What ran goes on, and is served.
    assert get(shop.port()) == (200, "one\n")
    assert [task.status for task in shop.tasks()] == ["Healthy"]
    home.container_engine.write_text(address)
    eventually(lambda: shop.service.service("shop", "api").environments[0].problem is None, 15)
    assert shop.tasks()[0].restarts == 0
    assert shop.deploy("two").status == "Succeeded"
