"""The server process over HTTP: who may ask it, what it makes of nonsense, and how it starts and ends."""

from __future__ import annotations

import http.client
import json
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from copilot.errors import CopilotError
from copilot.local.client import ServerInfo, connect, start_server, stop_server
from copilot.local.home import Home
from copilot.local.rpc import METHODS

COMMIT = "a" * 40


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("server") / "home")


@pytest.fixture(scope="module")
def server(home: Home) -> Iterator[ServerInfo]:
    yield start_server(home)
    stop_server(home)


def ask(
    server: ServerInfo, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    """A request with the server's token, or with exactly the headers given."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        given = {"Authorization": f"Bearer {server.token}"} if headers is None else headers
        connection.request(method, path, body, given)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def raw(server: ServerInfo, request: bytes) -> bytes:
    """The first line of the answer to bytes that need not be HTTP."""
    with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return connection.makefile("rb").readline()


@pytest.mark.parametrize("path", ["/v1/health", "/v1/push", "/v1/applications", "/v1/nothing", "/", "/docs", "/openapi.json"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_nobody_gets_in_without_the_token(server: ServerInfo, method: str, path: str) -> None:
    assert ask(server, method, path, headers={})[0] == 401


@pytest.mark.parametrize(
    "given",
    [
        "",
        "Bearer",
        "Bearer ",
        "{token}",
        "bearer {token}",
        "Basic {token}",
        "Bearer  {token}",
        "Bearer {token}x",
        "Bearer {token},Bearer {token}",
        "Bearer \xe9\xff",
        "Bearer " + "x" * 30000,
    ],
)
def test_nobody_gets_in_with_another_header(server: ServerInfo, given: str) -> None:
    for path in ("/v1/applications", "/v1/push"):
        assert ask(server, "POST", path, b"{}", {"Authorization": given.format(token=server.token)})[0] == 401


def test_a_second_header_does_not_help(server: ServerInfo) -> None:
    lines = ["POST /v1/applications HTTP/1.1", "Host: x", f"Authorization: Bearer {server.token}", "Authorization: Bearer no"]
    assert b" 401 " in raw(server, ("\r\n".join(lines) + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").encode())


def test_the_token_elsewhere_does_not_help(server: ServerInfo) -> None:
    assert ask(server, "POST", f"/v1/applications?token={server.token}", b"{}", {"Cookie": f"token={server.token}"})[0] == 401


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02\x00\x01", b"hello\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 50])
def test_what_is_not_http_is_refused_and_the_server_lives_on(server: ServerInfo, garbage: bytes) -> None:
    assert b" 200 " not in raw(server, garbage)
    assert ask(server, "GET", "/v1/health")[0] == 200


def test_it_listens_on_loopback_only(server: ServerInfo) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing; it only finds this machine's own address
        except OSError:
            pytest.skip("this machine has no network")
        address = probe.getsockname()[0]
    with pytest.raises(OSError):  # noqa: PT011 - refused or unreachable, it differs
        socket.create_connection((address, server.port), 2).close()


NONSENSE = [
    b"",
    b"null",
    b"[]",
    b"7",
    b'"text"',
    b"{",
    b"not json",
    b"\xff\xfe\x00",
    b'{"app": "\\ud800"}',
    b'{"app": "a", "name": "b", "number": 1e400}',
    b'{"app": "a", "name": "b", "number": 99999999999999999999999999}',
    b'{"app": "a", "name": "b", "limit": 99999999999999999999999999}',
    b'{"app": ["a"], "name": {"b": 1}}',
    b'{"app": "a\\u0000b", "name": "\\u0000"}',
    b'{"__class__": 1}',
    b"[" * 200_000,
    b'{"app":' * 50_000,
    b'{"definition": {"app": "a"}}',
    b'{"description": {}}',
]


@pytest.mark.parametrize("method", METHODS)
def test_nonsense_never_breaks_an_operation(server: ServerInfo, method: str) -> None:
    for body in NONSENSE:
        status, answer = ask(server, "POST", f"/v1/{method}", body)
        assert status in {200, 400}, (body[:60], answer)
        assert {"result", "error"} & json.loads(answer).keys()


def push_of(**changes: Any) -> bytes:
    update = {"ref": "refs/heads/main", "old": "0" * 40, "new": COMMIT}
    return json.dumps({"repository": "/nowhere.git", "updates": [{**update, **changes.pop("update", {})}], **changes}).encode()


@pytest.mark.parametrize(
    "body",
    [
        *NONSENSE,
        b"{}",
        b'{"repository": "/r"}',
        b'{"repository": 1, "updates": []}',
        b'{"repository": "/r", "updates": {}}',
        b'{"repository": "/r", "updates": [1]}',
        b'{"repository": "/r", "updates": [{"ref": "refs/heads/main"}]}',
        push_of(update={"new": "--upload-pack=touch /tmp/x"}),
        push_of(update={"new": COMMIT + "\n"}),
        push_of(update={"new": "main"}),
    ],
)
def test_a_push_that_makes_no_sense_is_refused(server: ServerInfo, body: bytes) -> None:
    assert ask(server, "POST", "/v1/push", body)[0] == 400


@pytest.mark.parametrize("repository", ["", "relative", "/a\0b", "/" + "x" * 5000, "/nowhere", "-x", "\n"])
def test_a_push_to_what_no_pipeline_has_starts_nothing(server: ServerInfo, repository: str) -> None:
    status, answer = ask(server, "POST", "/v1/push", push_of(repository=repository))
    assert (status, json.loads(answer)) == (200, {"executions": []})


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/applications", 405),
        ("GET", "/v1/push", 405),
        ("POST", "/v1/health", 404),
        ("POST", "/v1/__init__", 404),
        ("POST", "/v1/pushed", 404),
        ("POST", "/v1/close", 404),
        ("POST", "/v1/", 404),
        ("GET", "/v1/../etc/passwd", 404),
    ],
)
def test_other_paths_and_methods(server: ServerInfo, method: str, path: str, status: int) -> None:
    assert ask(server, method, path)[0] == status


def test_the_file_that_clients_read_is_private(server: ServerInfo, home: Home) -> None:
    assert home.server_file.stat().st_mode & 0o777 == 0o600
    assert home.root.stat().st_mode & 0o777 == 0o700
    assert json.loads(home.server_file.read_text())["token"] == server.token
    assert server.token not in repr(server)
    assert server.token.encode() not in home.server_log.read_bytes()
    assert server.token not in Path(f"/proc/{server.pid}/cmdline").read_text() if Path("/proc").exists() else True


def run_server(home: Home, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "copilot.local.server", *arguments],
        env={**os.environ, "COPILOT_HOME": str(home.root)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_home_has_one_server(server: ServerInfo, home: Home) -> None:
    before = home.server_file.read_text()
    second = run_server(home)
    assert second.returncode != 0
    assert f"error: a server runs already for {home.root}" in second.stderr
    assert "Traceback" not in second.stderr
    assert home.server_file.read_text() == before
    assert ask(server, "GET", "/v1/health")[0] == 200


def test_an_unexpected_failure_is_said_and_survived(server: ServerInfo, home: Home) -> None:
    engine = connect(home, start=False)
    engine.create_application("broken")
    row = ("broken", "release", "no definition", "", 0.0, 0.0)
    with closing(sqlite3.connect(home.database)) as database, database:
        database.execute(
            "INSERT INTO pipeline (app, name, definition, trigger, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)", row
        )
    try:
        with pytest.raises(CopilotError, match="the server answered 500 to POST /v1/pipelines"):
            engine.pipelines("broken")
    finally:
        with closing(sqlite3.connect(home.database)) as database, database:
            database.execute("DELETE FROM pipeline")
    assert engine.pipelines("broken") == []
    assert "Traceback" in home.server_log.read_text()
