"""What a person does to a running service of containers: the same as on the host runtime."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from copilot.errors import EngineUnavailableError, NotFoundError
from copilot.local import ports
from copilot.local.deployer import Deployer
from copilot.local.direct import DirectDeployments
from copilot.local.docker.runtime import DockerRuntime
from copilot.local.frontdoor.caddy import Caddy
from copilot.local.home import Home
from copilot.local.services import ServiceOperations
from copilot.local.store import Store
from copilot.local.supervisor import Supervisor
from copilot.release.description import ReleaseDescription, Routing, Sidecar
from tests.docker import DOCKERFILE, ENGINE, NO_ENGINE, DockerEngine
from tests.local.docker.conftest import Tasks
from tests.local.harness import QUICK, eventually, get

PLACE = ("shop", "test", "api")


class Site:
    """An environment of containers behind a front door, and the operations on its service."""

    def __init__(self, home: Home, image: str) -> None:
        self.image = image
        self.store = Store.in_memory()
        self.caddy = Caddy(home)
        self.runtime = DockerRuntime(home)
        self.deployer = Deployer(self.store, {"docker": self.runtime}, self.caddy, lambda _: None)
        self.supervisor = Supervisor(self.store, self.caddy, self.deployer)
        self.direct = DirectDeployments(home, self.store, self.deployer)
        self.services = ServiceOperations(self.store, {"docker": self.runtime}, self.deployer, self.direct)
        self.store.catalog.add_application("shop")
        self.port = self.store.catalog.add_environment("shop", "test", "docker", ports.choose(())).port

    def deploy(self, version: str, *sidecars: Sidecar) -> int:
        """Deploy a version; the answer is the number of its release."""
        description = ReleaseDescription(
            *PLACE,
            "Load Balanced Web Service",
            self.image,
            port=8080,
            routing=Routing("/", QUICK),
            variables={"VERSION": version},
            grace_period=5.0,
            sidecars=sidecars,
        )
        self.settle(self.services.start_deployment(description).id)
        return self.services.releases(*PLACE, limit=1)[0].number

    def settle(self, deployment: str) -> None:
        """Wait until a deployment has succeeded."""
        eventually(lambda: self.services.deployment(deployment).status != "InProgress", 40.0)
        ended = self.services.deployment(deployment)
        assert ended.status == "Succeeded", (ended.error, ended.details)

    def close(self) -> None:
        self.deployer.remove(*PLACE)
        self.caddy.stop()
        self.runtime.close()
        self.supervisor.start()
        self.supervisor.stop()
        self.store.close()


@pytest.fixture
def site(home: Home, docker: DockerEngine, tasks: Tasks) -> Iterator[Site]:
    del docker
    site = Site(home, tasks.build(DOCKERFILE))
    yield site
    site.close()


def test_paused_resumed_and_brought_back(site: Site) -> None:
    first = site.deploy("one")
    site.services.pause_service(*PLACE)
    assert get(site.port) == (503, "service `api` of environment `test` is paused\n")
    site.supervisor.look()
    assert site.store.releases.all_tasks() == []
    assert site.runtime.task_ids() == []
    site.settle(site.services.resume_service(*PLACE).id)
    assert get(site.port) == (200, "one\n")
    site.deploy("two")
    site.settle(site.services.redeploy(*PLACE, release=first).id)
    assert get(site.port) == (200, "one\n")


def test_what_died_is_told_and_logs_stay(site: Site, docker: DockerEngine) -> None:
    site.deploy("one", Sidecar("proxy", site.image, command=("sh", "-c", "echo proxy listens; sleep 1000")))
    (task,) = site.services.tasks(*PLACE)
    eventually(lambda: "proxy listens" in site.services.task_log(*PLACE, task=task.id).text)
    assert site.services.task_log(*PLACE, task=task.id, container="proxy").text == "proxy listens\n"
    assert site.services.task_log(*PLACE, task=task.id, container="api").text == "version one begins\n"
    assert site.services.task_log(*PLACE, task=task.id, last=1).skipped
    assert task.pid is not None
    os.kill(task.pid, 9)
    eventually(lambda: not site.runtime.runs(task.id))
    site.supervisor.look()
    (dead,) = site.services.service("shop", "api").environments[0].tasks
    assert (dead.status, dead.last_exit) == ("Dead", "killed by SIGKILL")
    site.deploy("two")
    gone = site.services.tasks(*PLACE)[0]
    assert (gone.id, gone.status) == (task.id, "Ended")
    log = site.services.task_log(*PLACE, task=task.id, container="api")
    assert log.text == "version one begins\n"
    assert site.services.task_log(*PLACE, task=task.id, cursor=log.cursor).finished


def test_a_command_inside_a_container(site: Site) -> None:
    site.deploy("one")
    (task,) = site.services.tasks(*PLACE)
    command = site.services.task_command(*PLACE, task=task.id, argv=("sh", "-c", "echo $VERSION; exit 5"), interactive=False)
    folder = Path(command.folder) if command.folder else None
    done = subprocess.run(
        command.argv, env={**os.environ, **command.variables}, cwd=folder, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (5, "one\n")


def test_a_command_inside_a_sidecar(site: Site) -> None:
    site.deploy(
        "one",
        Sidecar("clock", site.image, command=("sh", "-c", "trap 'exit 0' TERM; echo noon >/time; while :; do sleep 0.1; done")),
        Sidecar("done", site.image, essential=False, command=("sh", "-c", "exit 0")),
    )
    (task,) = site.services.tasks(*PLACE)

    def run(container: str | None) -> str:
        command = site.services.task_command(
            *PLACE, task=task.id, argv=("sh", "-c", "ls /time; true"), interactive=False, container=container
        )
        environment = {**os.environ, **command.variables}
        return subprocess.run(command.argv, env=environment, capture_output=True, text=True, check=True).stdout

    assert [run(container) for container in ("clock", "api", None)] == ["/time\n", "", ""]
    with pytest.raises(NotFoundError, match="the tasks of `api` have no container `dock`") as caught:
        run("dock")
    assert caught.value.hint == "It has: api, clock, done"
    eventually(lambda: not all(state.running for state in site.runtime._containers.of(task.id)))
    with pytest.raises(NotFoundError, match=r"sidecar `done` of task .* does not run"):
        run("done")


def test_nothing_is_done_while_the_engine_does_not_answer(site: Site, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    site.deploy("one")
    (task,) = site.services.tasks(*PLACE)
    with monkeypatch.context() as patch:
        patch.setenv(ENGINE, NO_ENGINE)
        blind = DockerRuntime(home)
        services = ServiceOperations(site.store, {"docker": blind}, site.deployer, site.direct)
        blind.task_ids()
        with pytest.raises(EngineUnavailableError, match="no container engine answers"):
            services.pause_service(*PLACE)
        with pytest.raises(EngineUnavailableError, match="no container engine answers"):
            services.task_command(*PLACE, task=task.id, argv=("ls",), interactive=False)
        (state,) = services.service("shop", "api").environments
        assert (state.paused_at, state.problem) == (None, f"no container engine answers at {NO_ENGINE}")
        assert get(site.port) == (200, "one\n")
        blind.close()
