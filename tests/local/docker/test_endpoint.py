"""Which container engine a home's environments are on, whatever the shell of the moment says."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from copilot.docker.client import Docker
from copilot.errors import ConflictError, EngineUnavailableError, UnsupportedError
from copilot.local.docker.endpoint import Endpoint, wanted_here
from copilot.local.home import Home
from copilot.local.service import LocalService
from tests.docker import ENGINE, NO_ENGINE, DockerEngine
from tests.local.docker.conftest import Tasks
from tests.local.docker.test_engine import Shop
from tests.local.docker.test_engine import image as image  # noqa: PLC0414 - a fixture
from tests.local.docker.test_engine import shop as shop  # noqa: PLC0414 - a fixture


def test_what_a_shell_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, docker: DockerEngine) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.delenv(ENGINE, raising=False)
    assert wanted_here() is None
    docker_of = ["docker", "--config", str(tmp_path), "context"]
    subprocess.run([*docker_of, "create", "other", "--docker", "host=unix:///other.sock"], check=True, capture_output=True)
    assert wanted_here() is None
    monkeypatch.setenv("DOCKER_CONTEXT", "other")
    assert wanted_here() == "unix:///other.sock"
    monkeypatch.delenv("DOCKER_CONTEXT")
    subprocess.run([*docker_of, "use", "other"], check=True, capture_output=True)
    assert wanted_here() == "unix:///other.sock"
    monkeypatch.setenv(ENGINE, NO_ENGINE)
    assert wanted_here() == NO_ENGINE
    assert Docker(address=lambda: "unix:///third.sock").variables()[ENGINE] == "unix:///third.sock"


def test_it_is_settled_once(home: Home, tmp_path: Path) -> None:
    endpoint = Endpoint(home)
    assert endpoint.address() is None
    with pytest.raises(UnsupportedError, match=r"the container engine at ssh://ana@far is on another machine"):
        endpoint.settle("ssh://ana@far")
    (tmp_path / "link").symlink_to(tmp_path / "real.sock")
    endpoint.settle(f"unix://{tmp_path}/real.sock")
    endpoint.settle(f"unix://{tmp_path}/link")
    with pytest.raises(ConflictError) as caught:
        endpoint.settle("tcp://127.0.0.1:2375")
    assert caught.value.message == (
        f"environments are on the container engine at unix://{tmp_path}/real.sock, "
        "and `docker` of this shell uses the one at tcp://127.0.0.1:2375"
    )
    endpoint.forget()
    endpoint.settle("tcp://127.0.0.1:2375")
    assert endpoint.address() == "tcp://127.0.0.1:2375"


def test_everything_takes_place_on_the_engine_of_the_environments(
    shop: Shop, tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is started again, a build and a command in a task, all from a shell whose `docker` goes elsewhere."""
    monkeypatch.setenv(ENGINE, NO_ENGINE)
    shop.image = tasks.build(revision="a" * 40)
    shop.again()
    assert shop.deploy("one").status == "Succeeded"
    (task,) = shop.tasks()
    command = shop.service.task_command(
        "shop", "test", "api", task=task.id, argv=("sh", "-c", "echo $VERSION"), interactive=False
    )
    assert (
        subprocess.run(command.argv, env=dict(command.variables) | {"PATH": "/bin"}, capture_output=True, check=True).stdout
        == b"one\n"
    )
    with pytest.raises(ConflictError, match=f"and `docker` of this shell uses the one at {NO_ENGINE}"):
        shop.service.create_environment("shop", "prod", container_engine=NO_ENGINE)
    assert shop.service.create_environment("shop", "prod").runtime == "docker"


def test_another_one_can_follow_when_nothing_is_left(home: Home, docker: DockerEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENGINE, NO_ENGINE)
    service = LocalService.open(home)
    address = docker.run("context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
    try:
        service.create_application("shop")
        assert service._docker.unavailable() is not None
        with pytest.raises(EngineUnavailableError, match=f"no container engine answers at {NO_ENGINE}"):
            service.create_environment("shop", "test", "docker")
        # The shell of whoever asks counts, and not that of the server.
        assert service.create_environment("shop", "test", container_engine=address).runtime == "docker"
        assert Endpoint(home).address() == address
        assert service._docker.unavailable() is None
        service.delete_environment("shop", "test")
        assert Endpoint(home).address() is None
        assert service.create_environment("shop", "test", container_engine=NO_ENGINE).runtime == "host"
    finally:
        service.delete_application("shop")
        service.close()
