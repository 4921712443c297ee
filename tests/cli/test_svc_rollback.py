"""``copilot svc rollback``."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli import services
from tests.cli.conftest import Cli, LocalEngine, Terminals
from tests.cli.services import get


@pytest.fixture
def environment(cli: Cli, app: str) -> None:
    cli.ok("env", "init", "-n", "test")


def releases(cli: Cli) -> list[dict[str, Any]]:
    """Newest first."""
    found: list[dict[str, Any]] = json.loads(cli.ok("svc", "status", "--json").stdout)["releases"]
    return found


@pytest.mark.usefixtures("environment")
def test_back_to_the_release_before_and_forth_again(cli: Cli) -> None:
    services.deploy(cli, "one")
    url = services.deploy(cli, "two", count=2)
    second, first = releases(cli)
    refused = cli("svc", "rollback")
    assert (refused.exit_code, "`--yes` is missing" in refused.stderr) == (2, True)
    result = cli.ok("svc", "rollback", "--yes")
    assert result.stdout.strip() == url
    assert f"release {second['number']} → {first['number']}, deployed" in result.stderr
    assert "variables.GREETING two → one" in result.stderr
    assert "count 2 → 1" in result.stderr
    assert "healthy after" in result.stderr, "it is followed as a deployment is"
    assert f"Brought api in test back to release {first['number']}" in result.stderr
    assert get(url) == (200, "one")
    newest = releases(cli)[0]
    assert (newest["trigger"], newest["restores"], newest["status"]) == ("rollback", first["number"], "Current")
    assert (newest["image"], newest["settings"]) == (first["image"], first["settings"])
    cli.ok("svc", "rollback", "--yes")
    assert get(url) == (200, "two")


@pytest.mark.usefixtures("environment")
def test_to_a_release_by_its_number(cli: Cli) -> None:
    for greeting in ("one", "two", "three"):
        url = services.deploy(cli, greeting)
    number = str(releases(cli)[2]["number"])
    cli.ok("svc", "rollback", number, "--name", "api", "--env", "test", "--yes")
    assert get(url) == (200, "one")


@pytest.mark.usefixtures("environment")
def test_what_cannot_be_brought_back(cli: Cli, local: LocalEngine) -> None:
    services.deploy(cli, "one")
    alone = cli("svc", "rollback", "--yes")
    assert (alone.exit_code, "no other release ever served" in alone.stderr) == (1, True)
    services.deploy(cli, "one")
    same = cli("svc", "rollback", "--yes")
    assert (same.exit_code, "are like the current one" in same.stderr) == (1, True)
    services.write("broken")
    assert cli("deploy").exit_code == 1
    failed, current, first = (r["number"] for r in releases(cli))
    for number, part in (
        (failed, f"release {failed} of `api` in environment `test` never became healthy"),
        (current, "serves now"),
        (99999, "has no release 99999"),
    ):
        result = cli("svc", "rollback", str(number), "--yes")
        assert (result.exit_code, part in result.stderr) == (1, True), result.stderr
        assert f"there is: {first} (sha256:" in result.stderr


@pytest.mark.usefixtures("environment")
def test_the_person_sees_what_changes_and_may_say_no(cli: Cli, terminal: Terminals) -> None:
    services.deploy(cli, "one")
    url = services.deploy(cli, "two")
    screen = terminal("svc", "rollback")
    screen.wait_for("variables.GREETING two → one")
    screen.wait_for("Bring api in test back to release")
    screen.type("n")
    screen.wait_for("Nothing was changed.")
    assert screen.finish() == 0
    assert get(url) == (200, "two")


@pytest.mark.usefixtures("environment")
def test_svc_deploy_is_deploy_of_one_service(cli: Cli) -> None:
    services.write("one")
    url = cli.ok("svc", "deploy", "-n", "api", "-e", "test", "--force", "--tag", "v1", "--diff-yes").stdout.strip()
    assert get(url) == (200, "one")


@pytest.mark.usefixtures("environment")
def test_a_paused_service_is_brought_back_running(cli: Cli) -> None:
    services.deploy(cli, "one")
    url = services.deploy(cli, "two")
    cli.ok("svc", "pause", "--yes")
    cli.ok("svc", "rollback", "--yes")
    assert get(url) == (200, "one")
