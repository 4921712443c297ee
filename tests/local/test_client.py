"""Reaching, starting and stopping the server: by several at the same time, and whatever is left of an earlier one."""

from __future__ import annotations

import http.server
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from copilot import __version__
from copilot.errors import CopilotError, EngineUnavailableError
from copilot.local import client
from copilot.local.client import connect, server_status, start_server, stop_server
from copilot.local.home import Home
from tests.local.harness import eventually


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path / "home")
    yield made
    stop_server(made)


def announce(home: Home, **changes: Any) -> None:
    """What an earlier server left behind."""
    home.create()
    content = {"pid": os.getpid(), "port": 1, "token": "secret", "version": __version__, "started_at": 1.0, **changes}
    home.server_file.write_text(json.dumps(content))


def servers_of(home: Home) -> list[int]:
    """Process ids of every server of a home."""
    found = []
    for process in psutil.process_iter():
        try:
            if "copilot.local.server" in process.cmdline() and process.environ().get("COPILOT_HOME") == str(home.root):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


@contextmanager
def program_on_a_port(answer: bytes, status: int = 200) -> Iterator[int]:
    """Some other program that answers every request."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def test_five_that_start_it_at_the_same_time_find_one_server(home: Home) -> None:
    script = "from copilot.local.client import connect; from copilot.local.home import Home; Home.default();"
    script += "from copilot.local.client import server_status; print(connect().applications(), server_status().pid)"
    environment = {**os.environ, "COPILOT_HOME": str(home.root)}
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(5)
    ]
    outputs = [starter.communicate(timeout=60) for starter in starters]
    assert [starter.returncode for starter in starters] == [0] * 5, outputs
    assert len({out for out, _ in outputs}) == 1
    info = server_status(home)
    assert info is not None
    eventually(lambda: servers_of(home) == [info.pid])
    assert "\nerror: " not in home.server_log.read_text()


def test_threads_of_one_process_find_one_server(home: Home) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(start_server, [home] * 4))
    assert len({info.pid for info in found}) == 1


def test_one_is_started_while_another_is_ending(home: Home) -> None:
    first = start_server(home)
    os.kill(first.pid, signal.SIGTERM)
    # From now on it does not answer, but has the home for some time.
    eventually(lambda: server_status(home) is None)
    second = start_server(home)
    assert second.pid != first.pid
    assert connect(home, start=False).applications() == []


def test_stopping_leaves_nothing_and_can_be_repeated(home: Home) -> None:
    info = start_server(home)
    assert stop_server(home)
    assert not psutil.pid_exists(info.pid)
    assert not home.server_file.exists()
    assert not stop_server(home)
    with pytest.raises(EngineUnavailableError, match="does not run") as caught:
        connect(home, start=False)
    assert caught.value.hint == "Start it with `copilot server start`"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"pid": 1}',
        '{"pid": 1, "port": null, "token": "t", "version": "1", "started_at": 0}',
        '{"pid": 1, "port": "80", "token": "t", "version": "1", "started_at": 0}',
        '{"pid": 1, "port": 99999999, "token": "t", "version": "1", "started_at": 0}',
        '{"pid": 1, "port": 80, "token": "a\\r\\nHost: x", "version": "1", "started_at": 0}',
        '{"pid": 1, "port": 80, "token": "\\u00e9\\ud800", "version": "1", "started_at": 0}',
    ],
)
def test_a_damaged_file_is_no_server(home: Home, content: str) -> None:
    home.create()
    home.server_file.write_text(content)
    assert server_status(home) is None


def test_a_file_of_a_dead_server_is_no_server(home: Home) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    announce(home, pid=process.pid)
    assert server_status(home) is None
    assert not stop_server(home)
    assert start_server(home).pid != process.pid


@pytest.mark.parametrize("answer", [b"{}", b"ok", b'{"version": "0.1.0", "pid": 1}', b"[]", b'{"pid": null}'])
def test_another_program_on_its_port_is_no_server_and_is_never_stopped(home: Home, answer: bytes) -> None:
    with program_on_a_port(answer) as port, subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        announce(home, pid=other.pid, port=port)
        assert server_status(home) is None
        assert not stop_server(home)
        assert other.poll() is None
        other.kill()


def test_the_server_of_another_version_is_named_and_can_be_stopped(home: Home) -> None:
    info = start_server(home)
    content = json.loads(home.server_file.read_text())
    home.server_file.write_text(json.dumps({**content, "version": "9.9.9", "something_new": 1}))
    with pytest.raises(
        EngineUnavailableError, match=f"runs version 9.9.9 of copilot, and this is version {__version__}"
    ) as caught:
        connect(home)
    assert "copilot server stop" in (caught.value.hint or "")
    assert stop_server(home)
    assert not psutil.pid_exists(info.pid)


def test_a_port_that_is_taken(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EngineUnavailableError) as caught:
            start_server(home, port)
    assert f"error: port {port} cannot be used: Address already in use" in caught.value.details
    assert any("--port" in line for line in caught.value.details)
    assert servers_of(home) == []
    assert start_server(home, port).port == port


def test_a_database_of_a_newer_version(home: Home) -> None:
    home.create()
    with closing(sqlite3.connect(home.database)) as database:
        database.execute("PRAGMA user_version = 999")
    with pytest.raises(EngineUnavailableError) as caught:
        start_server(home)
    said = "\n".join(caught.value.details)
    assert "error: the engine's database has version 999, and this copilot knows versions up to" in said
    assert "Install the newer copilot-pipelines that wrote it" in said
    assert "Traceback" not in said


def test_a_damaged_database(home: Home) -> None:
    home.create()
    home.database.write_bytes(b"no database at all" * 100)
    with pytest.raises(EngineUnavailableError) as caught:
        start_server(home)
    said = "\n".join(caught.value.details)
    assert f"error: the engine's database `{home.database}` cannot be used: file is not a database" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("root", ["/proc/nowhere/home", "file/home", "x" * 300])
def test_a_home_that_cannot_be(tmp_path: Path, root: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineUnavailableError, match=r"the engine's folder `.*` cannot be used: ") as caught:
        start_server(Home(tmp_path / root))
    assert "COPILOT_HOME" in (caught.value.hint or "")


def test_a_home_with_a_long_strange_path(tmp_path: Path) -> None:
    home = Home(tmp_path / ("a b'\"ü$(x)" + "x" * 120) / ("z" * 60))
    start_server(home)
    try:
        engine = connect(home, start=False)
        engine.create_application("shop")
        environment = engine.create_environment("shop", "test")
        with socket.create_connection(("127.0.0.1", environment.port), 5):
            pass
        engine.delete_application("shop")
    finally:
        stop_server(home)


def test_a_process_that_cannot_become_a_server_is_given_up(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(EngineUnavailableError, match="did not start"):
        start_server(home)


def test_a_server_that_does_not_answer_in_time_is_ended(home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "sleeper"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr(client, "_START_SECONDS", 0.3)
    begin = time.monotonic()
    with pytest.raises(EngineUnavailableError, match="did not start"):
        start_server(home)
    assert time.monotonic() - begin < 5


def test_stopping_does_not_wait_for_requests(home: Home, tmp_path: Path) -> None:
    """A request may take as long as a repository that does not answer; following a log asks again and again."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        info = start_server(home)
        engine = connect(home, start=False)
        engine.create_application("shop")
        engine.create_environment("shop", "test")
        errors: list[CopilotError] = []
        asked = threading.Event()

        def follow() -> None:
            try:
                while True:
                    engine.applications()
                    asked.set()
            except CopilotError as error:
                errors.append(error)

        def fetch() -> None:
            try:
                engine.put_pipeline(definition(f"http://127.0.0.1:{silent.getsockname()[1]}/a/b.git"))
            except CopilotError as error:
                errors.append(error)

        threads = [threading.Thread(target=follow), threading.Thread(target=fetch)]
        for thread in threads:
            thread.start()
        with silent.accept()[0]:  # git asks, and gets no answer
            assert asked.wait(10)
            begin = time.monotonic()
            assert stop_server(home)
            assert time.monotonic() - begin < 10
            for thread in threads:
                thread.join(10)
    assert [type(error) for error in errors] == [EngineUnavailableError] * 2
    assert all("stopped answering" in error.message for error in errors)
    assert not psutil.pid_exists(info.pid)
    assert "Traceback" not in home.server_log.read_text()
    # The front door serves on without the server; another one ends it.
    connect(home).delete_application("shop")


def definition(repository: str) -> Any:
    from copilot.engine import PipelineDefinition
    from copilot.release.plan import ApprovalAction, Plan, SourceAction, Stage

    source = Stage("Source", (SourceAction("SourceCodeFor-shop", 1, "Git", repository, "main"),))
    stage = Stage("DeployTo-test", (ApprovalAction("ApprovePromotionTo-test", 1, "test", 60),), "test")
    return PipelineDefinition(
        app="shop",
        name="release",
        repository=repository,
        branch="main",
        manifest="copilot/pipeline.yml",
        plan=Plan("shop", "release", (source, stage)),
    )
