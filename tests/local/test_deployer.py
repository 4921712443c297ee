"""Deployments on the host runtime behind the real front door."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from copilot.errors import DeploymentError, UnsupportedError
from copilot.local import gate, ports
from copilot.local.home import Home
from copilot.local.store.releases import ReleaseRecord
from copilot.release.description import HealthCheck, Routing
from tests.local.harness import QUICK, Engine, Load, build, eventually, get


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.create()
    return home


@pytest.fixture
def engine(home: Home, tmp_path: Path) -> Iterator[Engine]:
    engine = Engine(home, build(home, tmp_path / "source"))
    yield engine
    engine.end()
    engine.close()


class KilledError(BaseException):
    """Ends a deployment as the end of the server's process would."""


def deploy_until_killed(engine: Engine, method: str, version: str, **changes: object) -> ReleaseRecord:
    """Deploy as a server does that is killed when it is about to call a function of this name."""

    def die(*arguments: object) -> None:
        raise KilledError

    release = engine.release(version, **changes)
    engine.deployer._give_up = die  # type: ignore[method-assign,assignment] # a killed server cleans nothing up
    owner = {"until_all_healthy": gate, "retire": engine.deployer._retirement}.get(method, engine.deployer)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, method, die)
        with pytest.raises(KilledError):
            engine.deploy(version, **changes)
    return release


def test_a_first_release_serves_and_says_what_happens(engine: Engine) -> None:
    port = engine.environment()
    url = engine.deploy("one", count=2)
    assert url == f"http://localhost:{port}"
    assert get(port) == (200, "one")
    assert engine.status("one") == "Current"
    assert [t.status for t in engine.tasks()] == ["Healthy", "Healthy"]
    assert engine.printed[0].startswith("task 1 of 2 healthy after ")
    assert engine.printed[1].startswith("task 2 of 2 healthy after ")


def test_a_rolling_release_loses_no_request(engine: Engine) -> None:
    port = engine.environment()
    engine.deploy("v0", count=2)
    before = engine.pids()
    with Load(port) as load:
        engine.deploy("v1", count=1)
        engine.deploy("v2", count=2)
        eventually(lambda: load.answers[-1] == (200, "v2"))
    assert {a for a in load.answers if a not in {(200, f"v{n}") for n in range(3)}} == set()
    assert load.answers.index((200, "v1")) < load.answers.index((200, "v2"))
    assert engine.status("v0") == "Superseded"
    assert len(engine.tasks()) == 2
    assert not before & engine.pids()
    assert len(list(engine.home.tasks.iterdir())) == 2


def test_a_request_in_flight_is_finished_by_the_old_task(engine: Engine, tmp_path: Path) -> None:
    port = engine.environment()
    gate = tmp_path / "gate"
    engine.deploy("one", variables={"GATE": str(gate)})
    answers: list[tuple[int, str]] = []
    (old,) = engine.tasks()
    slow = threading.Thread(target=lambda: answers.append(get(port, "/slow")))
    slow.start()
    eventually(lambda: engine.caddy.in_flight([f"127.0.0.1:{old.port}"])[f"127.0.0.1:{old.port}"] == 1)
    deploying = threading.Thread(target=engine.deploy, args=("two",))
    deploying.start()
    eventually(lambda: get(port) == (200, "two"))
    assert engine.runtime.pid(old.id) is not None
    gate.touch()
    slow.join()
    deploying.join()
    assert answers == [(200, "first one")]
    assert engine.runtime.pid(old.id) is None


def test_a_request_that_takes_too_long_does_not_hold_a_release_up(engine: Engine, tmp_path: Path) -> None:
    port = engine.environment()
    engine.deploy("one", variables={"GATE": str(tmp_path / "gate")}, routing=Routing("/", QUICK, deregistration_delay=0.2))
    (old,) = engine.tasks()

    answers: list[tuple[int, str]] = []
    slow = threading.Thread(target=lambda: answers.append(get(port, "/slow")))
    slow.start()
    eventually(lambda: engine.caddy.in_flight([f"127.0.0.1:{old.port}"])[f"127.0.0.1:{old.port}"] == 1)
    engine.deploy("two")
    slow.join()
    assert answers == [(200, "first ")]
    assert get(port) == (200, "two")


def test_a_release_that_is_not_healthy_leaves_the_old_one_serving(engine: Engine) -> None:
    port = engine.environment()
    engine.deploy("one")
    before = engine.pids()
    impatient = HealthCheck(path="/health", timeout=1.0, grace_period=3.0)
    with Load(port) as load, pytest.raises(DeploymentError) as failed:
        engine.deploy("bad", count=2, variables={"HEALTH": "500"}, routing=Routing("/", impatient))
    assert failed.value.message == "`api` did not become healthy within 3 s: GET /health answered 500"
    assert failed.value.details == ("version bad begins",)
    assert set(load.answers) == {(200, "one")}
    assert (engine.status("bad"), engine.status("one")) == ("Failed", "Current")
    assert engine.pids() == before
    assert len(list(engine.home.tasks.iterdir())) == 1


def test_a_release_that_exits_at_once_fails_at_once(engine: Engine) -> None:
    port = engine.environment()
    engine.deploy("one")
    with pytest.raises(DeploymentError) as failed:
        engine.deploy("bad", variables={"EXIT": "7"}, routing=Routing("/", HealthCheck(path="/health")))
    assert failed.value.message == "`api` exited at once: exit 7"
    assert failed.value.details == ("version bad begins",)
    assert get(port) == (200, "one")
    assert len(engine.tasks()) == 1


def test_a_failed_release_can_be_deployed_again(engine: Engine, tmp_path: Path) -> None:
    port = engine.environment()
    needed = tmp_path / "needed"
    with pytest.raises(DeploymentError, match="`api` exited at once: exit 1") as failed:
        engine.deploy("one", variables={"NEEDS": str(needed)})
    assert failed.value.details[-1] == "its file is missing"
    engine.deployer.publish()
    assert get(port)[0] == 404
    needed.touch()
    engine.deploy("one")
    assert get(port) == (200, "one")


def test_a_deployment_that_is_stopped_cleans_up(engine: Engine) -> None:
    port = engine.environment()
    engine.deploy("one")
    threading.Timer(0.3, engine.cancelled.set).start()
    with pytest.raises(DeploymentError, match="the deployment of `api` to `test` was stopped"):
        engine.deploy("two", variables={"HEALTH": "500"})
    assert engine.status("two") == "Failed"
    assert get(port) == (200, "one")
    assert len(engine.tasks()) == 1


def test_to_no_task_and_back(engine: Engine) -> None:
    port = engine.environment()
    engine.deploy("one")
    engine.deploy("none", count=0)
    assert get(port) == (503, "service `api` of environment `test` has no healthy task\n")
    assert engine.tasks() == []
    engine.deploy("two", count=2)
    assert get(port) == (200, "two")


def test_the_same_release_again_does_nothing(engine: Engine) -> None:
    engine.environment()
    engine.deploy("one")
    before = engine.pids()
    engine.printed.clear()
    engine.deploy("one")
    (line,) = engine.printed
    assert "nothing to do" in line
    assert engine.pids() == before


def test_variables_of_a_task(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("http_proxy", raising=False)
    port = engine.environment()
    engine.deploy(
        "one",
        variables={"COLOUR": "red", "NODE_USE_ENV_PROXY": "0", "PORT": "80"},
        secrets={"DB_PASSWORD": "db-password"},
    )
    (task,) = engine.tasks()

    def value(name: str) -> str:
        return get(port, f"/variables/{name}")[1]

    expected = {
        "COLOUR": "red",
        "DB_PASSWORD": "hunter2",
        "COPILOT_APPLICATION_NAME": "shop",
        "COPILOT_ENVIRONMENT_NAME": "test",
        "COPILOT_SERVICE_NAME": "api",
        "COPILOT_LB_DNS": f"localhost:{port}",
        "COPILOT_SERVICE_DISCOVERY_ENDPOINT": "test.shop.local",
        "PORT": str(task.port),
        "http_proxy": f"http://127.0.0.1:{engine.caddy.internal_port}",
        "no_proxy": "localhost,127.0.0.1,::1",
        "NODE_USE_ENV_PROXY": "0",
    }
    assert {name: value(name) for name in expected} == expected


def test_a_missing_secret_is_named_and_nothing_starts(engine: Engine) -> None:
    engine.environment()
    with pytest.raises(DeploymentError, match="`api` needs a secret that does not exist: `api-key`") as failed:
        engine.deploy("one", secrets={"KEY": "api-key", "DB_PASSWORD": "db-password"})
    assert failed.value.hint == "Create it with `copilot secret init --name api-key`"
    assert "hunter2" not in str(failed.value)
    assert engine.tasks() == []


def test_services_reach_each_other_by_name(engine: Engine) -> None:
    port = engine.environment()
    assert engine.deploy("backend", workload="db", type="Backend Service", routing=None) is None
    engine.deploy("web")
    assert get(port, "/fetch/db.test.shop.local/") == (200, "backend")


def test_a_service_without_a_port_must_stay_alive(engine: Engine) -> None:
    engine.environment()
    assert engine.deploy("worker", port=None, routing=None) is None
    with pytest.raises(DeploymentError, match="`api` exited at once: exit 2"):
        engine.deploy("bad", port=None, routing=None, variables={"EXIT": "2"})
    assert engine.status("worker") == "Current"


def test_two_services_cannot_have_one_path(engine: Engine) -> None:
    engine.environment()
    assert str(engine.deploy("one", routing=Routing("shop", QUICK))).endswith("/shop")
    with pytest.raises(DeploymentError, match="`web` and `api` both have path `/shop` in environment `test`"):
        engine.deploy("two", workload="web", routing=Routing("/shop/", QUICK))
    assert len(engine.tasks()) == 1


def test_what_a_task_cannot_do_here_is_refused(engine: Engine) -> None:
    engine.environment()
    with pytest.raises(UnsupportedError, match="asks port 9000"):
        engine.deploy("one", routing=Routing("/", HealthCheck(port=9000)))
    with pytest.raises(DeploymentError, match="success codes `2xx`"):
        engine.deploy("two", routing=Routing("/", HealthCheck(success_codes="2xx")))


def test_a_taken_port_fails_the_release_and_leaves_other_environments_alone(engine: Engine) -> None:
    good = engine.environment("test")
    engine.deploy("one")
    with socket.create_server(("127.0.0.1", 0)) as other:
        bad = other.getsockname()[1]
        engine.store.catalog.add_environment("shop", "prod", "host", bad)
        with pytest.raises(DeploymentError, match=f"port {bad} of environment `prod` is already taken"):
            engine.deploy("two", environment="prod")
        engine.deploy("three")
    assert get(good) == (200, "three")


def test_removing_a_service_and_an_environment(engine: Engine) -> None:
    port = engine.environment()
    engine.deploy("one")
    engine.deploy("web", workload="web", routing=Routing("/web", QUICK))
    engine.deployer.remove("shop", "test", "api")
    assert get(port)[0] == 404
    assert get(port, "/web") == (200, "web")
    assert engine.store.releases.history("shop", "test", "api") == []
    engine.deployer.remove_environment("shop", "test")
    eventually(lambda: ports.is_free(port))
    assert engine.tasks() == []
    assert list(engine.home.tasks.iterdir()) == []


@pytest.mark.parametrize("moment", ["until_all_healthy", "_switch", "retire"])
def test_a_server_killed_in_a_deployment_goes_on_with_it(engine: Engine, moment: str) -> None:
    port = engine.environment()
    engine.deploy("one")
    release = deploy_until_killed(engine, moment, "two", count=2)
    begun = {t.id for t in engine.tasks() if t.release == release.id}
    pids = engine.pids()
    again = Engine(engine.home, engine.image)
    with Load(port) as load:
        again.deployer.recover().join()
        again.deployer.deploy(release, again.printed.append, again.cancelled)
        eventually(lambda: load.answers[-1] == (200, "two"))
    assert set(load.answers) <= {(200, "one"), (200, "two")}
    assert {t.id for t in again.tasks()} == begun
    assert len(begun) == 2
    assert again.pids() < pids
    assert again.status("two") == "Current"
    again.close()


def test_recovery_starts_tasks_that_were_only_written_down(engine: Engine) -> None:
    port = engine.environment()
    release = deploy_until_killed(engine, "spec", "one", count=2)
    assert engine.pids() == {None}
    again = Engine(engine.home, engine.image)
    again.deployer.recover().join()
    again.deployer.deploy(release, again.printed.append, again.cancelled)
    assert get(port) == (200, "one")
    assert len(again.tasks()) == 2
    again.close()


def test_recovery_ends_what_nothing_wants_and_leaves_services_alone(engine: Engine) -> None:
    port = engine.environment()
    engine.deploy("one")
    before = engine.pids()
    deploy_until_killed(engine, "until_all_healthy", "two")
    engine.store.releases.set_status(engine.release("two").id, "Failed")
    (engine.home.tasks / "nobody-knows-me").mkdir()
    again = Engine(engine.home, engine.image)
    with Load(port) as load:
        again.deployer.recover().join()
    assert set(load.answers) == {(200, "one")}
    assert again.pids() == before
    assert len(list(again.home.tasks.iterdir())) == 1
    again.close()


def test_recovery_brings_the_front_door_back(engine: Engine) -> None:
    port = engine.environment()
    engine.deploy("one")
    os.kill(int((engine.home.caddy / "pid").read_text()), signal.SIGKILL)
    eventually(lambda: not ports.accepts(port))
    again = Engine(engine.home, engine.image)
    again.deployer.recover().join()
    assert get(port) == (200, "one")
    again.close()
