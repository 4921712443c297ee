"""The whole way of a push on a real container engine: built once, promoted by digest, and nothing left behind."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from copilot.engine import ServiceState
from copilot.local.docker.names import ENVIRONMENT, HOME, Names
from copilot.local.home import Home
from tests import docker as engine
from tests.docker import DockerEngine
from tests.e2e.conftest import PIPELINE, Site, eventually, running

SERVER = """\
mkdir -p /tmp/www
cp /version /tmp/www/index.html
case "$(cat /version)" in sick*) ;; *) echo fine >/tmp/www/health ;; esac
trap 'kill "$!"; exit 0' TERM
busybox httpd -f -p "$PORT" -h /tmp/www &
wait
"""

SERVICE = """\
name: web
type: Load Balanced Web Service
image: {build: Dockerfile, port: 8080}
http:
  path: /
  healthcheck: {path: /health, grace_period: 30s}
count: 2
storage:
  volumes:
    data: {path: /data}
environments:
  prod:
    count: 1
"""

MANIFEST = f"""\
name: {PIPELINE}
version: 1
source:
  provider: Git
  properties: {{{{repository: {{remote}}, branch: main}}}}
stages:
  - name: test
    test_commands: ["! grep bad version"]
  - name: prod
    requires_approval: true
"""

BUILDSPEC = """\
version: 0.2
phases:
  post_build:
    commands: [copilot pipeline build --output-dir infrastructure]
artifacts:
  files: [infrastructure/*]
"""


class ContainerSite(Site):
    """The same application in containers. A version that begins with ``sick`` is not healthy, one with ``bad`` fails its test."""

    runtime = "docker"

    def files(self) -> dict[str, str]:
        shutil.copy(engine.busybox(), self.checkout / "busybox")
        return {
            "server.sh": SERVER,
            "Dockerfile": engine.BASE + 'COPY server.sh version /\nEXPOSE 8080\nCMD ["sh", "/server.sh"]\n',
            "copilot/web/manifest.yml": SERVICE,
            f"copilot/pipelines/{PIPELINE}/manifest.yml": MANIFEST.format(remote=self.remote),
            f"copilot/pipelines/{PIPELINE}/buildspec.yml": BUILDSPEC,
        }

    def status(self) -> dict[str, dict[str, Any]]:
        """The actions of the newest execution, by name, as `pipeline status --json` tells them."""
        document = json.loads(self.copilot("pipeline", "status", "--json"))
        return {action["name"]: action for stage in document["stageStates"] for action in stage["actions"]}

    def state(self, environment: str) -> ServiceState:
        """The service in an environment."""
        states = self.engine.service("shop", "web").environments
        return next(state for state in states if state.environment == environment)


@pytest.fixture
def container_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, docker: DockerEngine) -> Iterator[ContainerSite]:
    monkeypatch.setenv("COPILOT_SECRETS", "file")
    made = ContainerSite(tmp_path, Home(tmp_path / "home"))
    with running(made):
        yield made


def containers(docker: DockerEngine, home: Home, environment: str) -> set[str]:
    """Ids of the containers that run for an environment of a home."""
    labels = (f"label={HOME}={Names.of(home).home}", f"label={ENVIRONMENT}={environment}")
    filters = [part for label in labels for part in ("--filter", label)]
    return set(docker.run("ps", "--quiet", "--no-trunc", *filters).split())


def test_a_push_is_built_once_and_promoted_by_its_digest(container_site: ContainerSite, docker: DockerEngine) -> None:
    site = container_site
    site.release("1")
    actions = site.status()
    digest = actions["Build"]["images"]["web"]
    assert actions["CreateOrUpdate-web-test"]["images"] == {"web": digest}
    assert actions["CreateOrUpdate-web-prod"]["images"] == {"web": digest}
    for environment, count in (("test", 2), ("prod", 1)):
        assert site.served(environment) == "1"
        assert site.state(environment).image == digest
        there = containers(docker, site.home, environment)
        assert len(there) == count
        assert {docker.inspect(container)["Image"] for container in there} == {digest}

    # A release that fails its test stays out of prod; one that is not healthy does not even get into test.
    with site.asked_all_the_time("test") as in_test, site.asked_all_the_time("prod") as in_prod:
        site.release("2")
        site.push("bad")
        site.wait_for(3, "TestCommands", "Failed")
        site.push("sick")
        site.wait_for(4, "CreateOrUpdate-web-test", "InProgress")
        eventually(lambda: len(containers(docker, site.home, "test")) == 4)
        site.engine.stop("shop", PIPELINE, "4", abandon=True)
        eventually(lambda: len(containers(docker, site.home, "test")) == 2)
    assert list(dict.fromkeys(in_test)) == ["1", "2", "bad"]
    assert list(dict.fromkeys(in_prod)) == ["1", "2"]

    assert any(line.startswith("volume ") for line in docker.left(site.home))
    site.engine.delete_application("shop")
    assert docker.left(site.home) == []


def test_containers_outlive_the_server_and_are_taken_up_by_the_next(container_site: ContainerSite, docker: DockerEngine) -> None:
    site = container_site
    site.release("1")
    before = {environment: containers(docker, site.home, environment) for environment in ("test", "prod")}
    tasks = {environment: [task.id for task in site.state(environment).tasks] for environment in before}
    with site.asked_all_the_time("prod") as answers:
        site.kill_server()
        assert site.served("test") == "1"
        site.start_server()
        eventually(lambda: all(task.pid is not None for task in site.state("prod").tasks))
    assert set(answers) == {"1"}
    assert {environment: containers(docker, site.home, environment) for environment in before} == before
    assert {environment: [task.id for task in site.state(environment).tasks] for environment in before} == tasks

    (container,) = before["prod"]
    docker.run("kill", container)
    eventually(lambda: site.state("prod").tasks[0].restarts == 1)
    eventually(lambda: site.state("prod").tasks[0].status == "Healthy")
    assert site.state("prod").tasks[0].last_exit == "killed by SIGKILL"
    assert site.served("prod") == "1"
    assert len(containers(docker, site.home, "prod")) == 1


def test_two_homes_on_one_engine_do_not_meet(
    container_site: ContainerSite, docker: DockerEngine, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    other = ContainerSite(folder, Home(folder / "home"))
    request.addfinalizer(lambda: docker.clean([other.home]))
    with running(other):
        container_site.release("1")
        other.release("other 1")
        assert (container_site.served("prod"), other.served("prod")) == ("1", "other 1")
        there = containers(docker, container_site.home, "prod")
        other.engine.delete_application("shop")
        assert docker.left(other.home) == []
        assert container_site.served("prod") == "1"
        assert containers(docker, container_site.home, "prod") == there
