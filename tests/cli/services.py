"""A small service for the tests of commands about running services."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from pathlib import Path

from tests.cli.conftest import Cli

# It answers with its greeting; /die ends it.
_SERVER = """\
import http.server, os, sys

greeting = os.environ.get("GREETING", "hello")
print(greeting, "begins", flush=True)
if greeting == "broken":
    sys.exit(3)

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print(greeting, "was asked for", self.path, flush=True)
        if self.path == "/die":
            os._exit(7)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(greeting.encode())

    def log_message(self, *args):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def write(greeting: str = "hello", count: int = 1) -> None:
    """Write the service ``api`` and its manifest into the current folder."""
    folder = Path("api")
    folder.mkdir(exist_ok=True)
    (folder / "server.py").write_text(_SERVER)
    (folder / "Dockerfile").write_text(
        f'FROM python:3.12\nCOPY server.py /app/\nWORKDIR /app\nEXPOSE 8080\nCMD ["{sys.executable}", "server.py"]\n'
    )
    manifest = Path("copilot/api/manifest.yml")
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text(
        "name: api\ntype: Load Balanced Web Service\n"
        "http:\n  path: /\n  healthcheck: {path: /health, interval: 1s, healthy_threshold: 2, grace_period: 10s}\n"
        f"image:\n  build: api/Dockerfile\n  port: 8080\ncount: {count}\nvariables:\n  GREETING: {greeting}\n"
    )


def deploy(cli: Cli, greeting: str = "hello", count: int = 1) -> str:
    """Deploy the service; the answer is its URL."""
    write(greeting, count)
    return cli.ok("deploy", "--name", "api", "--env", "test").stdout.strip()


def get(url: str) -> tuple[int, str]:
    """Status and body."""
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
