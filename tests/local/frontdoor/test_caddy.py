"""The real Caddy, driven through its admin socket."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from copilot.errors import DeploymentError
from copilot.local import ports
from copilot.local.frontdoor.caddy import Caddy
from copilot.local.frontdoor.config import EnvironmentRoutes, Service
from copilot.local.home import Home
from tests.local.harness import eventually


class Backend:
    """An HTTP server in a thread: answers with its name, Host and path; ``/held`` waits until it is let go."""

    def __init__(self, name: str) -> None:
        self.held = threading.Event()
        backend = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/held":
                    backend.held.wait(10)
                if self.headers.get("Upgrade") == "websocket":
                    self._echo()
                    return
                body = f"{name} {self.headers['Host']} {self.path} {self.headers.get('X-Forwarded-Host')}".encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def _echo(self) -> None:
                self.send_response(101)
                self.send_header("Upgrade", "websocket")
                self.send_header("Connection", "Upgrade")
                self.end_headers()
                while line := self.rfile.readline():
                    self.wfile.write(line)
                self.close_connection = True

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port: int = self.server.server_address[1]
        self.address = f"127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def close(self) -> None:
        self.held.set()
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@pytest.fixture
def backends() -> Iterator[tuple[Backend, Backend]]:
    pair = (Backend("one"), Backend("two"))
    yield pair
    for backend in pair:
        backend.close()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "a home")
    home.create()
    return home


@pytest.fixture
def caddy(home: Home) -> Iterator[Caddy]:
    caddy = Caddy(home)
    yield caddy
    caddy.stop()


def environment(*services: Service, name: str = "test", port: int | None = None) -> EnvironmentRoutes:
    return EnvironmentRoutes("shop", name, port or ports.choose(()), services)


def get(port: int, path: str = "/") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def pid_of(home: Home) -> int:
    return int((home.caddy / "pid").read_text())


def test_routes_by_path_and_says_why_it_cannot(caddy: Caddy, backends: tuple[Backend, Backend]) -> None:
    one, two = backends
    env = environment(
        Service("web", "/web", 1, (one.port,)), Service("api", "/web/api", 1, (two.port,)), Service("x", "/x", 1, ())
    )
    assert caddy.apply([env]) == ()
    host = f"127.0.0.1:{env.port}"
    assert get(env.port, "/web/page?q=1") == (200, f"one {host} /web/page?q=1 {host}")
    assert get(env.port, "/web/api/") == (200, f"two {host} /web/api/ {host}")
    assert get(env.port, "/WEB") == (404, "no service of environment `test` answers this path\n")
    assert get(env.port, "/x") == (503, "service `x` of environment `test` has no healthy task\n")


def test_a_switch_of_tasks_needs_no_load(caddy: Caddy, home: Home, backends: tuple[Backend, Backend]) -> None:
    one, two = backends
    env = environment(Service("web", "/", 1, (one.port,)))
    caddy.apply([env])
    loaded = (home.caddy / "config.json").stat().st_mtime_ns
    caddy.apply([environment(Service("web", "/", 1, (two.port,)), port=env.port)])
    assert get(env.port)[1].startswith("two ")
    assert (home.caddy / "config.json").stat().st_mtime_ns == loaded


def test_both_slots_get_requests(caddy: Caddy, backends: tuple[Backend, Backend]) -> None:
    one, two = backends
    env = environment(Service("web", "/", 2, (one.port, two.port)))
    caddy.apply([env])
    assert {get(env.port)[1].split()[0] for _ in range(4)} == {"one", "two"}


def test_a_task_that_is_gone_costs_no_request(caddy: Caddy, backends: tuple[Backend, Backend]) -> None:
    one, _ = backends
    env = environment(Service("web", "/", 2, (one.port, ports.choose(()))))
    caddy.apply([env])
    assert [get(env.port)[0] for _ in range(6)] == [200] * 6


def test_names_of_services_work_through_the_proxy(caddy: Caddy, backends: tuple[Backend, Backend]) -> None:
    one, two = backends
    caddy.apply([environment(Service("db", None, 1, (one.port,)))])
    proxy = urllib.request.ProxyHandler({"http": f"http://127.0.0.1:{caddy.internal_port}"})
    opener = urllib.request.build_opener(proxy)

    def ask(url: str) -> tuple[int, str]:
        try:
            with opener.open(url, timeout=10) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    assert ask("http://db.test.shop.local/a")[1].startswith("one db.test.shop.local /a")
    assert ask("http://db.test.shop.local:5432/a")[1].startswith("one db.test.shop.local:5432 /a")
    assert ask("http://nope.test.shop.local/") == (404, "environment `test` has no service of that name\n")
    assert ask(f"http://localhost:{two.port}/other")[1].startswith(f"two localhost:{two.port} /other")
    assert ask(f"http://127.0.0.1:{caddy.internal_port}/") == (508, "this request came from the proxy itself\n")


def test_counts_what_is_in_flight_to_a_task_that_was_replaced(caddy: Caddy, backends: tuple[Backend, Backend]) -> None:
    one, two = backends
    env = environment(Service("web", "/", 1, (one.port,)))
    caddy.apply([env])
    answers: list[tuple[int, str]] = []
    thread = threading.Thread(target=lambda: answers.append(get(env.port, "/held")))
    thread.start()
    eventually(lambda: caddy.in_flight([one.address]) == {one.address: 1})
    caddy.apply([environment(Service("web", "/", 1, (two.port,)), Service("new", "/new", 1, ()), port=env.port)])
    assert get(env.port)[1].startswith("two ")
    assert caddy.in_flight([one.address, two.address]) == {one.address: 1, two.address: 0}
    one.held.set()
    thread.join()
    assert answers[0][1].startswith("one ")
    eventually(lambda: caddy.in_flight([one.address]) == {one.address: 0})


def test_a_websocket_survives_a_load_and_counts_as_in_flight(caddy: Caddy, backends: tuple[Backend, Backend]) -> None:
    one, two = backends
    env = environment(Service("web", "/", 1, (one.port,)))
    caddy.apply([env])
    with socket.create_connection(("127.0.0.1", env.port), 10) as connection, connection.makefile("rwb") as stream:
        stream.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        stream.flush()
        while stream.readline().strip():
            pass
        caddy.apply([environment(Service("web", "/", 2, (two.port,)), port=env.port)])
        stream.write(b"still there\n")
        stream.flush()
        assert stream.readline() == b"still there\n"
        assert caddy.in_flight([one.address]) == {one.address: 1}
    eventually(lambda: caddy.in_flight([one.address]) == {one.address: 0})


def test_is_adopted_by_the_next_server(caddy: Caddy, home: Home, backends: tuple[Backend, Backend]) -> None:
    env = environment(Service("web", "/", 1, (backends[0].port,)))
    caddy.apply([env])
    pid = pid_of(home)
    later = Caddy(home)
    assert later.ensure() is False
    assert later.internal_port == caddy.internal_port
    later.apply([env])
    assert pid_of(home) == pid
    assert get(env.port)[0] == 200


def test_comes_back_with_its_last_configuration(caddy: Caddy, home: Home, backends: tuple[Backend, Backend]) -> None:
    env = environment(Service("web", "/", 1, (backends[0].port,)))
    caddy.apply([env])
    os.kill(pid_of(home), signal.SIGKILL)
    eventually(lambda: not ports.accepts(env.port))
    assert caddy.ensure() is True
    assert get(env.port)[0] == 200


def test_a_taken_port_is_told_and_the_others_are_served(caddy: Caddy, backends: tuple[Backend, Backend]) -> None:
    one, two = backends
    good = environment(Service("web", "/", 1, (one.port,)))
    bad = environment(name="prod", port=two.port)
    assert caddy.apply([good, bad]) == (bad,)
    assert get(good.port)[0] == 200


def test_a_refused_configuration_changes_nothing(caddy: Caddy, home: Home, backends: tuple[Backend, Backend]) -> None:
    one, two = backends
    env = environment(Service("web", "/", 1, (one.port,)))
    caddy.apply([env])
    before = (home.caddy / "config.json").read_text()
    taken = {"apps": {"http": {"servers": {"x": {"listen": [two.address], "automatic_https": {"disable": True}}}}}}
    with pytest.raises(DeploymentError, match=f"port {two.port} is already taken"):
        caddy.load(taken)
    with pytest.raises(DeploymentError, match=r"refused its configuration: .*nonsense"):
        caddy.load({"apps": {"nonsense": {}}})
    assert (home.caddy / "config.json").read_text() == before
    assert get(env.port)[0] == 200


def test_stopping_twice_is_fine_and_writes_stay_in_the_home(caddy: Caddy, home: Home) -> None:
    assert caddy.ensure() is True
    assert home.socket("caddy").stat().st_mode & 0o777 == 0o600
    caddy.stop()
    caddy.stop()
    assert not home.socket("caddy").exists()


def test_without_environments_it_is_not_started_and_forgets_the_last(caddy: Caddy, home: Home) -> None:
    assert caddy.apply([]) == ()
    assert not home.socket("caddy").exists()
    env = environment()
    caddy.apply([env])
    caddy.stop()
    caddy.apply([])
    caddy.ensure()
    assert not ports.accepts(env.port)
