"""The demo's application, built and run as the host runtime does it."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

import copilot.cli
from copilot.image import ImageRequest
from copilot.local.home import Home
from copilot.local.host.images import HostImageBuilder
from tests.local.host.conftest import Tasks, free_port, until

SHOP = Path(copilot.cli.__file__).parent / "demo_app/shop"


def ask(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def started(home: Home, tasks: Tasks, service: str, variables: dict[str, str]) -> int:
    folder = SHOP / service
    digest = HostImageBuilder(home).build(ImageRequest("shop", service, folder / "Dockerfile", folder), lambda _: None)
    port = free_port()
    tasks.start(digest, service, port, task_variables=variables)

    def healthy() -> bool:
        try:
            return ask(port, "/healthz")[0] == 200
        except OSError:
            return False

    until(healthy)
    return port


def test_its_own_tests_pass() -> None:
    subprocess.run([sys.executable, "-B", "-m", "tests.prices"], cwd=SHOP, check=True, capture_output=True)


def test_the_page_shows_what_the_api_says(home: Home, tasks: Tasks) -> None:
    api = started(home, tasks, "api", {})
    assert json.loads(ask(api, "/products")[1])[0] == {"id": "mug", "title": "Coffee mug", "cents": 1250}
    assert ask(api, "/total?mug=1") == (200, '{"cents": 1740}')
    assert ask(api, "/total?yacht=1")[0] == ask(api, "/total?mug=x")[0] == 400
    assert ask(api, "/nothing")[0] == 404

    class Proxy(BaseHTTPRequestHandler):
        """Stands for the environment's proxy, which knows where `api.test.shop.local` is."""

        def do_GET(self) -> None:
            assert self.path.startswith("http://api.test.shop.local:8080/")
            status, body = ask(api, self.path.removeprefix("http://api.test.shop.local:8080"))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        thread = Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        web = started(
            home,
            tasks,
            "web",
            {
                "COPILOT_SERVICE_DISCOVERY_ENDPOINT": "test.shop.local",
                "COPILOT_ENVIRONMENT_NAME": "test",
                "http_proxy": f"http://127.0.0.1:{proxy.server_port}",
            },
        )
        status, page = ask(web, "/")
        proxy.shutdown()
        thread.join()
    assert status == 200
    for shown in ("Coffee mug</span><span>€12.50", "One of each, delivered</span><span>€54.50", ">test<", "version 1.0"):
        assert shown in page
    status, page = ask(web, "/")
    assert (status, "cannot be shown right now" in page) == (502, True)
    for service in ("api", "web"):
        tasks.runtime.stop(service, 5)
        assert tasks.runtime.exit_reason(service) == "exit 0"


@pytest.mark.parametrize("service", ["api", "web"])
def test_its_dockerfiles_say_nothing_the_host_runtime_does_not_use(service: str, home: Home) -> None:
    lines: list[str] = []
    folder = SHOP / service
    HostImageBuilder(home).build(ImageRequest("shop", service, folder / "Dockerfile", folder), lines.append)
    assert [line for line in lines if not line.startswith("[")] == []
