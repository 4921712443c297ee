"""``copilot svc status`` and what ``svc show`` says of releases."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import Any

import pytest

from copilot.cli import svc_status
from copilot.engine import Release, ServiceState, Task
from copilot.release.description import ReleaseDescription
from tests.cli import services
from tests.cli.conftest import DEADLINE, Cli, LocalEngine


@pytest.fixture
def url(cli: Cli, app: str) -> str:
    cli.ok("env", "init", "-n", "test")
    return services.deploy(cli, count=2)


def status(cli: Cli) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(cli.ok("svc", "status", "-n", "api", "-e", "test", "--json").stdout)
    return answer


def task(**changes: Any) -> Task:
    base = Task(id="api-1-ab", release=1, status="Healthy", port=1, pid=2, started_at=50.0, restarts=0)
    return base.model_copy(update=changes)


def test_a_service_that_is_well(cli: Cli, url: str) -> None:
    text = cli.ok("svc", "status").stdout
    assert "2 desired, 2 running, 2 healthy" in text
    assert "Running" in text
    assert "sha256:" in text
    assert "Alarms       none" in text
    assert "copilot deploy" in text
    answer = status(cli)
    service = answer["Service"]
    assert (service["desiredCount"], service["runningCount"], service["healthyCount"]) == (2, 2, 2)
    assert (service["status"], answer["alarms"], answer["stoppedTasks"]) == ("Running", [], [])
    assert len(service["image"]) == len("sha256:") + 64
    assert [t["status"] for t in answer["tasks"]] == ["Healthy", "Healthy"]
    (release,) = answer["releases"]
    assert (release["number"], release["image"], release["execution"]) == (service["release"], service["image"], None)
    assert release["settings"]["variables"] == {"GREETING": "hello"}


def test_why_a_task_died_and_how_often(cli: Cli, url: str) -> None:
    os.kill(status(cli)["tasks"][0]["pid"], signal.SIGKILL)
    deadline = time.monotonic() + DEADLINE
    while not any(t["restarts"] for t in status(cli)["tasks"]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (died,) = [t for t in status(cli)["tasks"] if t["restarts"]]
    assert (died["restarts"], died["lastExit"]) == (1, "killed by SIGKILL")
    assert "restarted once, last: killed by SIGKILL, just now" in cli.ok("svc", "status").stdout


def test_tasks_of_earlier_releases_are_remembered(cli: Cli, url: str) -> None:
    before = {t["id"] for t in status(cli)["tasks"]}
    services.deploy(cli, "bonjour")
    services.write("broken")
    assert cli("deploy").exit_code == 1
    answer = status(cli)
    assert {t["id"] for t in answer["stoppedTasks"]} > before
    assert {t["lastExit"] for t in answer["stoppedTasks"]} == {"stopped", "exit 3"}
    assert [r["status"] for r in answer["releases"]] == ["Failed", "Current", "Superseded"]
    text = cli.ok("svc", "status").stdout
    assert "Tasks that have ended" in text
    assert "exit 3" in text


def test_show_has_release_image_and_settings(cli: Cli, url: str) -> None:
    shown = json.loads(cli.ok("svc", "show", "--json").stdout)["environments"][0]
    assert len(shown["image"]) == len("sha256:") + 64
    assert shown["settings"]["variables"] == {"GREETING": "hello"}
    assert shown["execution"] is None
    text = cli.ok("svc", "show").stdout
    assert str(shown["release"]) in text
    assert "GREETING" in text


def test_what_was_never_deployed_has_no_status(cli: Cli, app: str, local: LocalEngine) -> None:
    local.engine.register_workload(app, "api", "Backend Service")
    result = cli("svc", "status")
    assert (result.exit_code, "service `api` was never deployed" in result.stderr) == (1, True)


def test_restarts_in_words() -> None:
    assert svc_status.restarts(task(), 100.0) == "none"
    died = {"last_exit": "exit 1", "last_exit_at": 80.0}
    assert svc_status.restarts(task(restarts=3, **died), 100.0) == "restarted 3 times, last: exit 1, 20 s ago"
    assert svc_status.restarts(task(**died), 100.0) == "died: exit 1, 20 s ago"


def test_an_engine_that_does_not_answer_is_no_verdict_on_the_service() -> None:
    state = ServiceState(
        environment="test",
        url=None,
        release=1,
        image="sha256:1",
        revision="",
        desired_count=1,
        deployed_at=1.0,
        tasks=(task(pid=None),),
        problem="the Docker engine does not answer",
    )
    document: Any = svc_status.as_document(state, [], [])
    assert document["Service"]["runningCount"] is None
    assert (document["Service"]["status"], document["Service"]["problem"]) == ("Unknown", "the Docker engine does not answer")


def test_releases_in_words() -> None:
    release = Release(
        number=5,
        status="Superseded",
        image="sha256:1",
        revision="a1b2c3d4e5-dirty",
        trigger="pipeline",
        execution=3,
        restores=None,
        created_at=1.0,
        deployed_at=40.0,
        paused_at=None,
        settings=ReleaseDescription("shop", "test", "api", "Backend Service", "sha256:1"),
    )
    assert svc_status.release_row(release, 100.0)[3:] == ("a1b2c3d-dirty", "execution #3", "1 min ago")
    back = release.model_copy(update={"trigger": "rollback", "restores": 2, "execution": None})
    assert svc_status.release_row(back, 100.0)[4] == "rollback to 2"
