"""``copilot svc logs``."""

from __future__ import annotations

import json
import os
import signal
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from copilot.cli import svc_logs
from copilot.cli._running import named_task, short_id
from copilot.cli.svc_logs import Window
from copilot.engine import Task
from copilot.errors import NotFoundError, UsageError
from tests.cli import services
from tests.cli.conftest import DEADLINE, Cli, Terminals


@pytest.fixture
def url(cli: Cli, app: str) -> str:
    cli.ok("env", "init", "-n", "test")
    return services.deploy(cli, "one")


def lines(cli: Cli, *args: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in cli.ok("svc", "logs", "--json", *args).stdout.splitlines()]


def status(cli: Cli) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(cli.ok("svc", "status", "--json").stdout)
    return answer


def task(identity: str, started_at: float = 50.0, ended_at: float | None = None) -> Task:
    base = Task(id=identity, release=1, status="Healthy", port=1, pid=2, started_at=started_at, restarts=0)
    return base if ended_at is None else base.model_copy(update={"status": "Ended", "last_exit_at": ended_at})


def test_lines_carry_the_short_id_of_their_task(cli: Cli, url: str) -> None:
    services.get(f"{url}/hello")
    (there,) = status(cli)["tasks"]
    printed = cli.ok("svc", "logs", "-n", "api", "-e", "test", "--log-group", "x").stdout.splitlines()
    assert printed[0] == f"{short_id(there['id'])}  one begins"
    assert f"{short_id(there['id'])}  one was asked for /hello" in printed
    first = lines(cli)[0]
    assert first == {"task": there["id"], "release": there["release"], "message": "one begins"}


def test_the_last_lines_of_each_task(cli: Cli, url: str) -> None:
    for number in range(5):
        services.get(f"{url}/{number}")
    newest = [line["message"] for line in lines(cli, "--limit", "50") if "/health" not in line["message"]]
    assert newest == ["one begins", *(f"one was asked for /{number}" for number in range(5))]
    assert len(lines(cli, "--limit", "2")) == 2
    for _ in range(100):
        services.get(f"{url}/more")
    result = cli.ok("svc", "logs")
    assert len(result.stdout.splitlines()) == 100
    assert "the last 100 lines" in result.stderr
    assert len(lines(cli, "--since", "1h")) > 100


def test_logs_of_the_previous_release_and_of_tasks_that_are_gone(cli: Cli, url: str) -> None:
    (old,) = status(cli)["tasks"]
    services.deploy(cli, "two")
    services.write("broken")
    assert cli("deploy").exit_code == 1
    assert {line["task"] for line in lines(cli, "--previous")} == {old["id"]}
    assert lines(cli, "-p")[0]["message"] == "one begins"
    assert {line["message"] for line in lines(cli)} >= {"two begins", "broken begins"}
    assert "one begins" not in {line["message"] for line in lines(cli)}
    assert {line["task"] for line in lines(cli, "--tasks", short_id(old["id"])[:5])} == {old["id"]}
    assert {line["message"] for line in lines(cli, "--since", "10m")} >= {"one begins", "two begins"}
    future = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert lines(cli, "--start-time", future, "--tasks", old["id"]) == []
    assert lines(cli, "--end-time", "2020-01-01T00:00:00Z") == []
    assert "No task was found" in cli.ok("svc", "logs", "--end-time", "2020-01-01T00:00:00Z").stderr


def test_following_goes_on_over_restarts_and_releases(cli: Cli, url: str, terminal: Terminals) -> None:
    screen = terminal("svc", "logs", "--follow")
    screen.wait_for("one begins")
    os.kill(status(cli)["tasks"][0]["pid"], signal.SIGKILL)
    screen.wait_for("one begins")
    deadline = time.monotonic() + DEADLINE
    while status(cli)["Service"]["healthyCount"] != 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    services.deploy(cli, "two")
    screen.wait_for("two begins")
    screen.wait_for("ended: stopped")
    services.get(f"{url}/late")
    screen.wait_for("two was asked for /late")
    screen.interrupt()
    assert screen.finish() == 130
    assert "Traceback" not in screen.screen


def test_ids_are_coloured_on_a_terminal(url: str, terminal: Terminals) -> None:
    screen = terminal("svc", "logs")
    assert screen.finish() == 0
    assert "\x1b[36m" in screen.raw


def test_bad_flags(cli: Cli, url: str) -> None:
    for args, part, code in (
        (("--since", "5 apples"), "`--since` must be a duration such as `5m`", 2),
        (("--start-time", "yesterday"), "`--start-time` must be a time such as", 2),
        (("--since", "5m", "--start-time", "2026-01-01T00:00:00Z"), "cannot be used together", 2),
        (("--follow", "--previous"), "cannot be used together", 2),
        (("--limit", "0"), "--limit", 2),
        (("--tasks", "zzz"), "there is no task `zzz`", 1),
        (("--container", "proxy"), "the tasks of `api` have no container `proxy`", 1),
        (("--previous",), "`api` had no release before this one in environment `test`", 1),
    ):
        result = cli("svc", "logs", *args)
        assert (result.exit_code, part in result.stderr) == (code, True), result.stderr


@pytest.mark.parametrize(("text", "expected"), [("45s", 45), ("5m", 300), ("1h30m", 5400), ("2d", 172800), ("1.5s", 1.5)])
def test_durations(text: str, expected: float) -> None:
    assert svc_logs.seconds(text) == expected


@pytest.mark.parametrize("text", ["", "5", "m", "-5m", "5m1h"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(UsageError):
        svc_logs.seconds(text)


def test_a_window_takes_tasks_that_ran_in_it() -> None:
    assert Window().touches(task("a"))
    assert Window(begin=100.0).touches(task("a"))
    assert Window(begin=100.0).touches(task("a", ended_at=100.0))
    assert not Window(begin=100.0).touches(task("a", ended_at=99.0))
    assert Window(end=50.0).touches(task("a"))
    assert not Window(end=49.0).touches(task("a"))


def test_a_task_by_the_beginning_of_its_id() -> None:
    known = [task("api-1-ab12"), task("api-1-ab34"), task("api-10-cd56")]
    assert named_task(known, "ab1").id == "api-1-ab12"
    assert named_task(known, "api-10").id == "api-10-cd56"
    for word in ("ab", "api-1", "x"):
        with pytest.raises(NotFoundError):
            named_task(known, word)
