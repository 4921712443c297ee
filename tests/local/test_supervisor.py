"""The supervisor on real tasks: what dies starts again, what is sick gets no requests."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from copilot.local import ports, supervisor
from copilot.local.home import Home
from tests.local.harness import Engine, Load, build, eventually, get


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setattr(supervisor, "SHORTEST_DELAY", 0.1)
    monkeypatch.setattr(supervisor, "_LOOK", 0.05)
    home = Home(tmp_path / "home")
    home.create()
    engine = Engine(home, build(home, tmp_path / "source"))
    yield engine
    engine.supervisor.stop()
    engine.end()
    engine.close()


def kill(pid: int | None) -> None:
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def test_a_task_that_dies_starts_again_on_its_port(engine: Engine) -> None:
    port = engine.environment()
    engine.deploy("one")
    (task,) = engine.tasks()
    engine.supervisor.start()
    kill(engine.runtime.pid(task.id))
    eventually(lambda: engine.tasks()[0].restarts == 1 and engine.tasks()[0].status == "Healthy")
    (again,) = engine.tasks()
    assert (again.id, again.port, again.last_exit) == (task.id, task.port, "killed by SIGKILL")
    assert get(port) == (200, "one")


def test_a_dead_task_costs_no_request_while_another_lives(engine: Engine) -> None:
    port = engine.environment()
    engine.deploy("one", count=2)
    engine.supervisor.start()
    victim = engine.tasks()[0]
    with Load(port) as load:
        kill(engine.runtime.pid(victim.id))
        eventually(lambda: [t.status for t in engine.tasks()] == ["Healthy", "Healthy"] and engine.tasks()[1].restarts == 1)
    # One that the dead task was just answering cannot be saved.
    assert len([a for a in load.answers if a != (200, "one")]) <= 2


def test_a_task_that_keeps_dying_is_started_less_and_less_often(engine: Engine, tmp_path: Path) -> None:
    engine.environment()
    engine.deploy("one")
    (task,) = engine.tasks()
    delays = []
    for _ in range(3):
        pid = engine.runtime.pid(task.id)
        kill(pid)
        eventually(lambda: engine.runtime.pid(task.id) is None)
        engine.supervisor.look()
        assert engine.tasks()[0].status == "Dead"
        delays.append(engine.supervisor._watches[task.id].delay)
        engine.supervisor._watches[task.id].restart_at = 0
        engine.supervisor.look()
        assert engine.runtime.pid(task.id) is not None
    assert delays == [0.2, 0.4, 0.8]
    engine.supervisor.start()


def test_a_sick_task_gets_no_requests_until_it_is_well(engine: Engine) -> None:
    port = engine.environment()
    engine.deploy("one", count=2, variables={"STATUS": "status"})
    engine.supervisor.start()
    sick, well = engine.tasks()
    # The task's working folder is its own copy of the image.
    answers = engine.home.tasks / sick.id / "root" / "status"
    answers.write_text("500")
    eventually(lambda: [t.status for t in engine.tasks()] == ["Unhealthy", "Healthy"])
    assert {get(port, "/variables/PORT")[1] for _ in range(4)} == {str(well.port)}
    (engine.home.tasks / well.id / "root" / "status").write_text("500")
    eventually(lambda: {t.status for t in engine.tasks()} == {"Unhealthy"})
    assert get(port) == (200, "one"), "with no healthy task at all, those that run get the requests"
    answers.unlink()
    eventually(lambda: [t.status for t in engine.tasks()] == ["Healthy", "Unhealthy"])
    assert {get(port, "/variables/PORT")[1] for _ in range(4)} == {str(sick.port)}


def test_the_front_door_starts_again(engine: Engine) -> None:
    port = engine.environment()
    engine.deploy("one")
    engine.supervisor.start()
    kill(int((engine.home.caddy / "pid").read_text()))
    eventually(lambda: not ports.accepts(port))
    eventually(lambda: ports.accepts(port))
    assert get(port) == (200, "one")


def test_tasks_being_deployed_are_left_alone(engine: Engine) -> None:
    engine.environment()
    release = engine.release("one")
    engine.store.releases.set_status(release.id, "Deploying")
    engine.store.releases.add_task("api-1-x", release.id, ports.choose(()))
    engine.supervisor.look()
    assert engine.tasks()[0].status == "Starting"
    assert engine.runtime.pid("api-1-x") is None
    engine.supervisor.start()


def test_no_environment_no_front_door(engine: Engine) -> None:
    engine.deployer.recover().join()
    engine.supervisor.look()
    assert not engine.home.socket("caddy").exists()
    engine.supervisor.start()
