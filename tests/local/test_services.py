"""Operations on running services, on real tasks behind the real front door; on containers too, where an engine is."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from copilot.engine import Deployment
from copilot.errors import ConflictError, CopilotError, NotFoundError
from copilot.local import deployer, supervisor
from copilot.local.direct import DirectDeployments
from copilot.local.home import Home
from copilot.local.services import ServiceOperations, _of_container
from copilot.release.description import Sidecar
from tests.local.harness import Engine, Load, build, eventually, get

PLACE = ("shop", "test", "api")


class Running:
    """The operations on an engine of tests."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.direct = DirectDeployments(engine.home, engine.store, engine.deployer)
        self.services = ServiceOperations(engine.store, {"host": engine.runtime}, engine.deployer, self.direct)

    def settle(self, started: Deployment) -> Deployment:
        """A deployment when it has ended."""
        eventually(lambda: self.services.deployment(started.id).status != "InProgress", 20.0)
        return self.services.deployment(started.id)

    def current(self) -> int:
        """The number of the release that serves."""
        release = self.services.service("shop", "api").environments[0].release
        assert release is not None
        return release


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setattr(supervisor, "SHORTEST_DELAY", 0.1)
    home = Home(tmp_path / "home")
    home.create()
    engine = Engine(home, build(home, tmp_path / "source"))
    yield engine
    engine.end()
    engine.close()


@pytest.fixture
def running(engine: Engine) -> Running:
    running = Running(engine)
    engine.environment()
    engine.store.catalog.register_workload("shop", "api", "Load Balanced Web Service")
    return running


def test_a_paused_service_is_told_from_one_that_is_sick(running: Running) -> None:
    engine = running.engine
    port = engine.store.catalog.environment("shop", "test").port
    engine.deploy("one", count=2)
    engine.deploy("web", workload="web", routing=None)
    number = running.current()
    running.services.pause_service(*PLACE)
    assert get(port) == (503, "service `api` of environment `test` is paused\n")
    assert [t.release for t in engine.tasks()] == [engine.release("web").id]
    engine.supervisor.look()
    assert len(engine.tasks()) == 1, "the supervisor starts nothing of a paused service"
    running.services.pause_service(*PLACE)
    (state,) = running.services.service("shop", "api").environments
    assert (state.release, state.desired_count, state.paused_at is None) == (number, 0, False)

    resumed = running.settle(running.services.resume_service(*PLACE))
    assert (resumed.status, resumed.error) == ("Succeeded", None)
    assert running.current() == number
    assert get(port) == (200, "one")
    assert len(engine.store.releases.tasks(number)) == 2
    with pytest.raises(ConflictError, match="`api` is not paused in environment `test`"):
        running.services.resume_service(*PLACE)
    engine.supervisor.start()
    engine.supervisor.stop()


def test_pausing_drains(running: Running, tmp_path: Path) -> None:
    engine = running.engine
    port = engine.store.catalog.environment("shop", "test").port
    engine.deploy("one")
    with Load(port) as load:
        eventually(lambda: len(load.answers) > 5)
        running.services.pause_service(*PLACE)
        eventually(lambda: load.answers[-1] == (503, "service `api` of environment `test` is paused\n"))
    assert {a[0] if isinstance(a, tuple) else a for a in load.answers} == {200, 503}


def test_it_stays_paused_when_it_does_not_become_healthy(running: Running, tmp_path: Path) -> None:
    engine = running.engine
    port = engine.store.catalog.environment("shop", "test").port
    needed = tmp_path / "needed"
    needed.touch()
    engine.deploy("one", variables={"NEEDS": str(needed)})
    running.services.pause_service(*PLACE)
    needed.unlink()
    failed = running.settle(running.services.resume_service(*PLACE))
    assert failed.error == "`api` exited at once: exit 1"
    assert get(port) == (503, "service `api` of environment `test` is paused\n")
    assert engine.tasks() == []
    needed.touch()
    assert running.settle(running.services.resume_service(*PLACE)).status == "Succeeded"
    assert get(port) == (200, "one")


def test_a_new_release_resumes_it_and_is_not_undone_by_a_late_resume(running: Running) -> None:
    engine = running.engine
    port = engine.store.catalog.environment("shop", "test").port
    engine.deploy("one")
    paused = engine.store.releases.current(*PLACE)
    assert paused is not None
    running.services.pause_service(*PLACE)
    engine.deploy("two")
    assert get(port) == (200, "two")
    late = running.settle(running.direct.resume_service(paused))
    assert late.error == f"release {paused.id} of `api` is not the current one any more"
    assert get(port) == (200, "two")


def test_pausing_survives_the_server(running: Running) -> None:
    engine = running.engine
    port = engine.store.catalog.environment("shop", "test").port
    engine.deploy("one")
    running.services.pause_service(*PLACE)
    again = Engine(engine.home, engine.image)
    again.deployer.recover().join()
    again.supervisor.look()
    assert get(port)[0] == 503
    assert again.tasks() == []
    started = Running(again)
    assert started.settle(started.services.resume_service(*PLACE)).status == "Succeeded"
    assert get(port) == (200, "one")
    again.supervisor.start()
    again.supervisor.stop()
    again.close()


def test_resuming_survives_the_server(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = running.engine
    port = engine.store.catalog.environment("shop", "test").port
    engine.deploy("one")
    running.services.pause_service(*PLACE)
    current = engine.store.releases.current(*PLACE)
    assert current is not None
    # What a server leaves that was killed after it had begun: the deployment and a task are written down.
    engine.store.releases.add_deployment("d1", current.description, "resume", current.id)
    engine.deployer._write_tasks(current)
    again = Engine(engine.home, engine.image)
    again.deployer.recover().join()
    started = Running(again)
    started.direct.resume()
    eventually(lambda: started.services.deployment("d1").status == "Succeeded")
    assert get(port) == (200, "one")
    assert len(again.tasks()) == 1
    again.supervisor.start()
    again.supervisor.stop()
    again.close()


def test_no_pause_in_the_middle_of_a_deployment(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployer, "_PATIENCE", 0.1)
    running.engine.deploy("one")
    with (
        running.engine.deployer._lock(*PLACE),
        pytest.raises(ConflictError, match="a deployment of `api` to `test` is under way"),
    ):
        running.services.pause_service(*PLACE)


def test_an_earlier_release_comes_back_as_a_new_one(running: Running) -> None:
    engine = running.engine
    port = engine.store.catalog.environment("shop", "test").port
    engine.deploy("one")
    first = running.current()
    engine.deploy("two")
    with Load(port) as load:
        back = running.settle(running.services.redeploy(*PLACE, release=first))
        eventually(lambda: load.answers[-1] == (200, "one"))
    assert back.status == "Succeeded"
    assert set(load.answers) == {(200, "one"), (200, "two")}
    newest, second, oldest = running.services.releases(*PLACE)
    assert (newest.trigger, newest.restores, newest.status) == ("rollback", first, "Current")
    assert (newest.settings, newest.image) == (oldest.settings, oldest.image)
    assert (second.status, oldest.status, oldest.number) == ("Superseded", "Superseded", first)
    assert [r.number for r in running.services.releases(*PLACE, limit=1)] == [newest.number]


def test_what_cannot_come_back(running: Running) -> None:
    engine = running.engine
    engine.deploy("one")
    with pytest.raises(CopilotError):
        engine.deploy("bad", variables={"EXIT": "2"})
    engine.store.catalog.register_workload("shop", "web", "Load Balanced Web Service")
    bad = next(r.number for r in running.services.releases(*PLACE) if r.status == "Failed")
    with pytest.raises(ConflictError, match=f"release {bad} of `api` never became healthy in environment `test`"):
        running.services.redeploy(*PLACE, release=bad)
    with pytest.raises(NotFoundError, match="is not one of `web`"):
        running.services.redeploy("shop", "test", "web", release=running.current())
    with pytest.raises(NotFoundError, match="release 99 does not exist"):
        running.services.redeploy(*PLACE, release=99)


def test_tasks_and_their_logs_are_there_after_they_ended(running: Running) -> None:
    engine = running.engine
    engine.deploy("one", count=2)
    first = running.current()
    engine.deploy("two")
    with pytest.raises(CopilotError):
        engine.deploy("bad", variables={"EXIT": "2"})
    tasks = running.services.tasks(*PLACE)
    assert [(t.status, t.last_exit) for t in tasks] == [
        ("Ended", "stopped"),
        ("Ended", "stopped"),
        ("Healthy", None),
        ("Ended", "exit 2"),
    ]
    assert [t.release for t in running.services.tasks(*PLACE, release=first)] == [first, first]
    log = running.services.task_log(*PLACE, task=tasks[0].id)
    assert (log.text, log.complete, log.finished) == ("version one begins\n", True, False)
    assert running.services.task_log(*PLACE, task=tasks[0].id, cursor=log.cursor).finished
    alive = running.services.task_log(*PLACE, task=tasks[2].id)
    assert not running.services.task_log(*PLACE, task=tasks[2].id, cursor=alive.cursor).finished
    with pytest.raises(NotFoundError, match="`api` has no task `zzz` in environment `test`"):
        running.services.task_log(*PLACE, task="zzz")
    with pytest.raises(NotFoundError, match="does not run any more"):
        running.services.task_command(*PLACE, task=tasks[0].id, argv=("sh",), interactive=False)


def test_the_last_lines_of_a_long_log(running: Running) -> None:
    engine = running.engine
    engine.deploy("one")
    (task,) = engine.tasks()
    text = "".join(f"line {number} {'x' * 40}\n" for number in range(50_000))
    with (engine.home.logs / f"task-{task.id}.log").open("a") as file:
        file.write(text)
    log = running.services.task_log(*PLACE, task=task.id, last=3)
    assert (log.text, log.skipped) == ("".join(text.splitlines(keepends=True)[-3:]), True)
    assert running.services.task_log(*PLACE, task=task.id, cursor=log.cursor).text == ""
    first = running.services.task_log(*PLACE, task=task.id)
    assert not first.complete


def test_why_and_when_a_task_died(running: Running) -> None:
    engine = running.engine
    engine.deploy("one")
    (task,) = engine.tasks()
    engine.supervisor.start()
    pid = engine.runtime.pid(task.id)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: engine.tasks()[0].restarts == 1 and engine.tasks()[0].status == "Healthy")
    engine.supervisor.stop()
    (now,) = running.services.service("shop", "api").environments[0].tasks
    assert (now.id, now.restarts, now.last_exit) == (task.id, 1, "killed by SIGKILL")
    assert now.last_exit_at is not None
    assert now.started_at >= now.last_exit_at


def test_a_command_inside_a_task(running: Running) -> None:
    running.engine.deploy("one")
    (task,) = running.engine.tasks()
    command = running.services.task_command(*PLACE, task=task.id, argv=("echo", "x"), interactive=False)
    assert command.argv == ("echo", "x")
    assert command.variables["VERSION"] == "one"
    assert command.folder is not None
    assert Path(command.folder).is_dir()


def test_lines_of_one_container(engine: Engine) -> None:
    description = replace(engine.description("one"), sidecars=(Sidecar("proxy", "sha256:1"), Sidecar("agent", "sha256:2")))
    text = "hello\nproxy: listens\nagent: begins\nbye\n"
    assert _of_container(description, None)(text) == text
    assert _of_container(description, "api")(text) == "hello\nbye\n"
    assert _of_container(description, "proxy")(text) == "listens\n"
    with pytest.raises(NotFoundError, match="the tasks of `api` have no container `db`") as missing:
        _of_container(description, "db")
    assert missing.value.hint == "It has: api, proxy, agent"
