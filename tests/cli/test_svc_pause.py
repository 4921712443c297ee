"""``copilot svc pause`` and ``resume``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from copilot.local.client import stop_server
from copilot.local.home import Home
from tests.cli import services
from tests.cli.conftest import Cli, LocalEngine, Terminals
from tests.cli.services import get


@pytest.fixture
def url(cli: Cli, app: str) -> str:
    cli.ok("env", "init", "-n", "test")
    return services.deploy(cli)


def state(cli: Cli) -> dict[str, object]:
    answer: dict[str, object] = json.loads(cli.ok("svc", "status", "--json").stdout)
    return answer


def test_a_paused_service_says_so_and_comes_back_as_it_was(cli: Cli, url: str) -> None:
    before = state(cli)["Service"]
    assert isinstance(before, dict)
    refused = cli("svc", "pause")
    assert (refused.exit_code, "`--yes` is missing" in refused.stderr) == (2, True)
    paused = cli.ok("svc", "pause", "--yes")
    assert "Paused api in test; release" in paused.stderr
    assert "copilot svc resume --name api --env test" in paused.stderr
    assert get(url) == (503, "service `api` of environment `test` is paused\n")
    after = state(cli)
    service = after["Service"]
    assert isinstance(service, dict)
    assert (service["status"], service["release"], service["desiredCount"]) == ("Paused", before["release"], 0)
    assert after["tasks"] == []
    assert "nothing to do" in cli.ok("svc", "pause", "--yes").stderr
    assert "Paused" in cli.ok("svc", "status").stdout

    resumed = cli.ok("svc", "resume", "-n", "api", "-e", "test")
    assert "Resumed api in test" in resumed.stderr
    assert resumed.stdout.strip() == url
    assert get(url) == (200, "hello")
    service = state(cli)["Service"]
    assert isinstance(service, dict)
    for key in ("release", "status", "deployedAt"):
        assert service[key] == before[key]
    assert "nothing to do" in cli.ok("svc", "resume").stderr


def test_a_new_release_of_a_paused_service_resumes_it(cli: Cli, url: str) -> None:
    cli.ok("svc", "pause", "--yes")
    assert services.deploy(cli, "bonjour") == url
    assert get(url) == (200, "bonjour")


def test_it_stays_paused_when_the_server_starts_again(cli: Cli, home: Path) -> None:
    cli.ok("app", "init", "shop")
    cli.ok("env", "init", "-n", "test")
    url = services.deploy(cli)
    cli.ok("svc", "pause", "--yes")
    stop_server(Home(home))
    assert state(cli)["tasks"] == []
    assert get(url)[0] == 503
    cli.ok("svc", "resume")
    assert get(url) == (200, "hello")
    cli.ok("app", "delete", "--name", "shop", "--yes")


def test_the_person_is_asked(cli: Cli, url: str, terminal: Terminals) -> None:
    screen = terminal("svc", "pause")
    screen.wait_for("Stop the tasks of api in test?")
    screen.type("n")
    screen.wait_for("Nothing was changed.")
    assert screen.finish() == 0
    assert get(url) == (200, "hello")


def test_what_was_never_deployed_cannot_be_paused(cli: Cli, app: str, local: LocalEngine) -> None:
    cli.ok("env", "init", "-n", "test")
    local.engine.register_workload(app, "api", "Backend Service")
    result = cli("svc", "pause", "--env", "test", "--yes")
    assert result.exit_code == 1
    assert "service `api` was never deployed to environment `test`" in result.stderr
    assert "copilot deploy --name api --env test" in result.stderr
