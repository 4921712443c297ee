"""Scheduled jobs in containers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from copilot.local import ports
from copilot.local.deployer import Deployer
from copilot.local.docker.names import HOME
from copilot.local.docker.runtime import DockerRuntime
from copilot.local.frontdoor.caddy import Caddy
from copilot.local.home import Home
from copilot.local.jobs import Jobs
from copilot.local.store import Store
from copilot.local.store.jobs import JobKey, RunRecord
from copilot.release.description import ReleaseDescription, Schedule
from tests.docker import BASE, DockerEngine
from tests.local.docker.conftest import Tasks
from tests.local.harness import eventually

KEY = JobKey("shop", "test", "report")
JOB = BASE + 'CMD ["sh", "-c", "echo begins; sleep $SECONDS_LONG; echo ends; exit $CODE"]\n'
PATIENCE = 40.0


class Site:
    """An environment of containers, and the jobs of a server."""

    def __init__(self, home: Home, image: str) -> None:
        self.home = home
        self.image = image
        self.open()
        self.store.catalog.add_application("shop")
        self.store.catalog.add_environment("shop", "test", "docker", ports.choose(()))

    def open(self) -> None:
        """What a server has."""
        self.store = Store.open(self.home.database)
        self.runtime = DockerRuntime(self.home)
        self.deployer = Deployer(self.store, {"docker": self.runtime}, Caddy(self.home), lambda _: None)
        self.jobs = Jobs(self.home, self.store, self.deployer, {"docker": self.runtime})

    def close(self) -> None:
        """What the end of a server leaves."""
        self.jobs.close()
        self.runtime.close()
        self.store.close()

    def deploy(self, *, seconds: float = 0, code: int = 0, schedule: Schedule | None = None) -> None:
        """Deploy the job, which runs so long and ends so."""
        variables = {"SECONDS_LONG": str(seconds), "CODE": str(code)}
        schedule = schedule or Schedule("@daily")
        description = ReleaseDescription(
            *("shop", "test", "report"), "Scheduled Job", self.image, variables=variables, schedule=schedule, grace_period=1.0
        )
        release = self.store.releases.ensure(description, f"deploy:{time.monotonic()}")
        self.deployer.deploy(release, lambda _: None, threading.Event())

    @property
    def runs(self) -> list[RunRecord]:
        """Oldest first."""
        return self.store.jobs.history(KEY)[::-1]

    def ended(self) -> RunRecord:
        """The newest run, when it has ended and nothing is left of it."""
        eventually(lambda: self.runs[-1].ended_at is not None and not self.jobs._carriers, PATIENCE)
        assert self.runtime.task_ids() == []
        return self.runs[-1]

    def log(self) -> str:
        """What the newest run's last attempt printed."""
        attempts = self.store.jobs.attempts(self.runs[-1].id)
        return self.runtime.log(attempts[-1].task).text if attempts else ""


@pytest.fixture
def site(home: Home, docker: DockerEngine, tasks: Tasks) -> Iterator[Site]:
    del docker
    site = Site(home, tasks.build(JOB))
    yield site
    site.jobs.remove_all("shop", "test")
    site.deployer.remove_environment("shop", "test")
    Caddy(home).stop()
    site.close()


def test_success_and_failure(site: Site, docker: DockerEngine) -> None:
    site.deploy()
    site.jobs.run_now(KEY)
    run = site.ended()
    assert (run.status, run.reason) == ("Succeeded", "exit 0")
    assert site.log() == "begins\nends\n"
    site.deploy(code=3, schedule=Schedule("@daily", retries=1))
    site.jobs.run_now(KEY)
    run = site.ended()
    assert (run.status, run.reason, len(site.store.jobs.attempts(run.id))) == ("Failed", "exit 3", 2)
    assert docker.run("ps", "--all", "--quiet", "--filter", f"label={HOME}={site.runtime.names.home}") == ""


def test_stopped_after_its_timeout(site: Site) -> None:
    site.deploy(seconds=1000, schedule=Schedule("@daily", timeout=1.0))
    site.jobs.run_now(KEY)
    assert site.ended().status == "TimedOut"
    assert site.log() == "begins\n"


def test_a_run_goes_on_when_another_server_takes_over(site: Site) -> None:
    site.deploy(seconds=3)
    site.jobs.run_now(KEY)
    eventually(lambda: "begins" in site.log(), PATIENCE)
    (task,) = site.runtime.task_ids()
    pid = site.runtime.pid(task)
    site.close()
    site.open()
    site.deployer.recover().join()
    site.jobs.start()
    assert site.runtime.pid(task) == pid
    assert site.ended().status == "Succeeded"
    assert site.log() == "begins\nends\n"


def test_deleting_the_environment_stops_a_run(site: Site, docker: DockerEngine) -> None:
    site.deploy(seconds=1000)
    site.jobs.run_now(KEY)
    eventually(lambda: len(site.runtime.task_ids()) == 1, PATIENCE)
    site.jobs.remove_all("shop", "test")
    site.deployer.remove_environment("shop", "test")
    assert docker.left(site.home) == []
    site.store.catalog.add_environment("shop", "test", "docker", ports.choose(()))
