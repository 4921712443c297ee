"""``copilot server``, in a home of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from copilot.local.client import server_status
from copilot.local.home import Home
from tests.cli.conftest import DEADLINE, Cli


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_start_status_stop(cli: Cli, home: Path) -> None:
    assert "does not run" in cli.ok("server", "status").stdout
    assert json.loads(cli.ok("server", "status", "--json").stdout) == {"running": False, "home": str(home)}
    assert "There was nothing to do" in cli.ok("server", "stop").stderr
    port = free_port()
    assert f"port {port}" in cli.ok("server", "start", "--port", str(port)).stderr
    assert "There was nothing to do" in cli.ok("server", "start").stderr
    result = cli("server", "start", "--port", str(free_port()))
    assert result.exit_code == 1
    assert f"the server runs already, on port {port}" in result.stderr
    status = json.loads(cli.ok("server", "status", "--json").stdout)
    assert set(status) == {"running", "pid", "port", "version", "startedAt", "home"}
    assert (status["running"], status["port"]) == (True, port)
    assert str(status["pid"]) in cli.ok("server", "status").stdout
    assert "Stopped the server" in cli.ok("server", "stop").stderr
    assert json.loads(cli.ok("server", "status", "--json").stdout)["running"] is False


def test_start_on_a_port_that_is_taken(cli: Cli) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = cli("server", "start", "--port", str(port))
    assert result.exit_code == 1
    assert f"port {port}" in result.stderr
    assert "Traceback" not in result.stderr


def test_commands_start_the_server_when_they_need_it(cli: Cli) -> None:
    assert "no applications yet" in cli.ok("app", "ls").stderr
    assert json.loads(cli.ok("server", "status", "--json").stdout)["running"] is True


def test_commands_work_again_after_the_server_was_killed(cli: Cli) -> None:
    cli.ok("app", "init", "shop")
    os.kill(json.loads(cli.ok("server", "status", "--json").stdout)["pid"], signal.SIGKILL)
    assert cli.ok("app", "ls").stdout == "shop\n"


def test_run_in_the_foreground_until_ctrl_c(home: Path) -> None:
    process = subprocess.Popen([sys.executable, "-m", "copilot", "server", "run"], stderr=subprocess.PIPE, text=True)
    with process:
        deadline = time.monotonic() + DEADLINE
        while server_status(Home(home)) is None:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=DEADLINE)
    assert "Traceback" not in errors
    assert process.returncode in {0, 130}
    assert server_status(Home(home)) is None
