"""``copilot env``."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Terminals


def test_init_prints_what_was_recorded(cli: Cli, app: str) -> None:
    result = cli.ok("env", "init", "-n", "test", "--profile", "x", "--region", "eu-west-1", "--default-config")
    assert f"Created environment test in application {app}" in result.stderr
    assert "host" in result.stderr
    environment = json.loads(cli.ok("env", "show", "--json").stdout)
    assert environment["url"] in result.stderr
    assert "Next   copilot svc init" in result.stderr


def test_init_on_a_chosen_port(cli: Cli, app: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    cli.ok("env", "init", "-n", "test", "--port", str(port))
    assert json.loads(cli.ok("env", "show", "--json").stdout)["port"] == port
    result = cli("env", "init", "-n", "prod", "--port", str(port))
    assert result.exit_code == 1
    assert str(port) in result.stderr


def test_a_port_that_something_else_has(cli: Cli, app: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = cli("env", "init", "-n", "test", "--port", str(taken.getsockname()[1]))
    assert result.exit_code == 1
    assert str(taken) not in result.stderr
    assert json.loads(cli.ok("env", "ls", "--json").stdout) == {"environments": []}


def test_init_twice(cli: Cli, app: str) -> None:
    cli.ok("env", "init", "-n", "test")
    result = cli("env", "init", "-n", "test")
    assert result.exit_code == 1
    assert "`test`" in result.stderr
    assert "exists" in result.stderr


def test_bad_answers(cli: Cli, app: str) -> None:
    for args, part, code in (
        ((), "`--name` is missing", 2),
        (("-n", "Prod"), "the environment name", 2),
        (("-n", ""), "the environment name", 2),
        (("-n", "test", "--port", "70000"), "port", 2),
        (("-n", "test", "--runtime", "docker"), "no container engine answers at unix:///nowhere/docker.sock", 1),
        (("-n", "test", "--runtime", "podman"), "podman", 2),
    ):
        result = cli("env", "init", *args)
        assert (result.exit_code, part in result.stderr) == (code, True), result.stderr
    assert json.loads(cli.ok("env", "ls", "--json").stdout) == {"environments": []}


@pytest.mark.parametrize("line", [("env", "ls"), ("env", "init", "-n", "test"), ("svc", "ls"), ("secret", "ls"), ("env", "show")])
def test_outside_of_a_workspace_no_server_is_started_in_vain(cli: Cli, home: Path, line: tuple[str, ...]) -> None:
    result = cli(*line)
    assert result.exit_code == 2
    assert "`--app` is missing" in result.stderr
    assert not home.exists()


@pytest.mark.parametrize("line", [("svc", "init", "-n", "api"), ("deploy",)])
def test_what_needs_a_workspace_says_so(cli: Cli, home: Path, line: tuple[str, ...]) -> None:
    result = cli(*line)
    assert result.exit_code == 1
    assert "there is no copilot/.workspace here or above" in result.stderr
    assert not home.exists()


def test_ls_keeps_the_order_they_were_made_in(cli: Cli, app: str) -> None:
    assert "no environments yet" in cli.ok("env", "ls").stderr
    cli.ok("env", "init", "-n", "test")
    cli.ok("env", "init", "-n", "prod")
    assert [line.split()[0] for line in cli.ok("env", "ls").stdout.splitlines()] == ["name", "test", "prod"]
    listed = json.loads(cli.ok("env", "ls", "--app", app, "--json").stdout)["environments"]
    assert [set(e) for e in listed] == [{"app", "name", "runtime", "port", "url", "createdAt"}] * 2


def test_show_asks_which_when_there_are_several(cli: Cli, app: str, terminal: Terminals) -> None:
    cli.ok("env", "init", "-n", "test")
    cli.ok("env", "init", "-n", "prod")
    assert "`--name` is missing" in cli("env", "show").stderr
    screen = terminal("env", "show")
    screen.wait_for("Which environment?")
    screen.type("\x1b[B\r")
    assert screen.finish() == 0
    assert "Environment  prod" in screen.screen


def test_delete(cli: Cli, app: str) -> None:
    cli.ok("env", "init", "-n", "test")
    assert cli("env", "delete", "-n", "test").exit_code == 2
    assert "Deleted environment test" in cli.ok("env", "delete", "-n", "test", "--yes").stderr
    result = cli("env", "delete", "-n", "test", "--yes")
    assert result.exit_code == 1
    assert f"application `{app}` has no environment" in result.stderr
