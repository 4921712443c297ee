"""``copilot svc exec``: it becomes the command, so it runs in a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import Any

import pytest

from tests.cli import services
from tests.cli.conftest import Cli, LocalEngine, Terminals


@pytest.fixture
def service(cli: Cli, app: str) -> None:
    cli.ok("env", "init", "-n", "test")
    services.deploy(cli, count=2)


def execute(*args: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "copilot", "svc", "exec", *args]
    return subprocess.run(words, input=stdin, capture_output=True, text=True, check=False)


def tasks(cli: Cli) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(cli.ok("svc", "status", "--json").stdout)["tasks"]
    return found


@pytest.mark.usefixtures("service")
def test_a_shell_reads_commands_and_sees_what_the_task_sees() -> None:
    result = execute("-n", "api", "-e", "test", stdin='echo "$GREETING"; ls; exit 5\n')
    assert (result.returncode, result.stderr) == (5, "")
    assert result.stdout.split() == ["hello", "server.py"]


@pytest.mark.usefixtures("service")
def test_a_command_in_the_task_that_is_named(cli: Cli) -> None:
    for task in tasks(cli):
        short = task["id"].rpartition("-")[2]
        line = "sh -c 'echo $PORT; kill -TERM $$'"
        result = execute("-n", "api", "-e", "test", "--task-id", short[:6], "--command", line, "--yes")
        assert (result.stdout, result.returncode) == (f"{task['port']}\n", -signal.SIGTERM)


@pytest.mark.usefixtures("service")
def test_signals_have_their_usual_meaning() -> None:
    result = execute("--command", "sh -c 'kill -PIPE $$; echo survived'")
    assert (result.stdout, result.returncode) == ("", -signal.SIGPIPE)


@pytest.mark.usefixtures("service")
def test_a_terminal_is_the_commands_own(terminal: Terminals) -> None:
    screen = terminal("svc", "exec", "--command", "sh -c 'test -t 0 && test -t 1 && echo yes; read name; echo hi $name; exit 3'")
    screen.wait_for("in task ")
    screen.wait_for("yes")
    screen.type("Ana\r")
    screen.wait_for("hi Ana")
    assert screen.finish() == 3


@pytest.mark.usefixtures("service")
def test_what_cannot_be_run(cli: Cli, local: LocalEngine, app: str) -> None:
    for args, part, code in (
        (("--command", "no-such-command x"), "the task has no command `no-such-command`", 1),
        (("--command", "echo 'x"), "`--command` cannot be understood: no closing quotation", 2),
        (("--command", " "), "`--command` is empty", 2),
        (("--task-id", "zzz"), "there is no task `zzz`", 1),
        (("--task-id", "api"), "there are several tasks `api`", 1),
        (("--container", "proxy"), "the tasks of `api` have no container `proxy`", 1),
        (("--env", "staging"), "environment `staging` does not exist", 1),
    ):
        result = execute(*args)
        assert (result.returncode, part in result.stderr) == (code, True), result.stderr
    local.engine.pause_service(app, "test", "api")
    result = execute()
    assert (result.returncode, "no task of `api` runs in environment `test`" in result.stderr) == (1, True)
    assert "copilot svc resume" in result.stderr
