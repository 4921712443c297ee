"""A real application in a real repository, on a real engine."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import gitrepo
from tests.cli.conftest import Cli

SERVER = """
import http.server, os

class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        body = open("version").read().encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
DOCKERFILE = f'FROM scratch\nCOPY server.py version ./\nEXPOSE 8080\nCMD ["{sys.executable}", "server.py"]\n'
DEADLINE = 30.0


class Shop:
    """An application with one service and the environments test and prod, in a repository with a bare remote."""

    def __init__(self, cli: Cli, app: str, folder: Path, remote: Path) -> None:
        self.cli = cli
        self.app = app
        self.pipeline = f"pipeline-{app}-shop"
        self.folder = folder
        self.remote = remote

    @property
    def manifest(self) -> Path:
        return self.folder / "copilot" / "pipeline.yml"

    def edit(self, old: str, new: str) -> None:
        """Change the pipeline's manifest."""
        text = self.manifest.read_text()
        assert old in text
        self.manifest.write_text(text.replace(old, new))

    def push(self, version: str, message: str = "Change") -> str:
        """Commit everything with another version of the service, and push. The answer is the commit."""
        (self.folder / "version").write_text(version)
        gitrepo.run(self.folder, "add", "--all")
        gitrepo.run(self.folder, "commit", "--message", message)
        gitrepo.push(self.folder, "main")
        return gitrepo.run(self.folder, "rev-parse", "HEAD")

    def status(self, *arguments: str) -> Any:
        """The JSON answer of `pipeline status`."""
        return json.loads(self.cli.ok("pipeline", "status", "--json", *arguments).stdout)

    def wait(self, condition: Callable[[Any], bool], *arguments: str) -> Any:
        """The status once it is so."""
        deadline = time.monotonic() + DEADLINE
        while True:
            status = self.status(*arguments)
            if condition(status):
                return status
            assert time.monotonic() < deadline, json.dumps(status, indent=2)
            time.sleep(0.05)

    def wait_for_approval(self, *arguments: str) -> Any:
        return self.wait(lambda status: action_of(status, "ApprovePromotionTo-prod")["status"] == "InProgress", *arguments)

    def wait_for_end(self, *arguments: str) -> Any:
        return self.wait(lambda status: status["execution"]["endedAt"] is not None, *arguments)


def action_of(status: Any, name: str) -> Any:
    """An action of a JSON answer of `pipeline status`."""
    return next(action for stage in status["stageStates"] for action in stage["actions"] if action["name"] == name)


@pytest.fixture
def shop(cli: Cli, app: str, tmp_path: Path) -> Shop:
    remote, folder = tmp_path / "shop.git", Path.cwd()
    gitrepo.run(folder, "init", "--bare", str(remote))
    gitrepo.run(folder, "init", ".")
    gitrepo.run(folder, "config", "user.name", "Ana")
    gitrepo.run(folder, "config", "user.email", "ana@example.com")
    gitrepo.run(folder, "remote", "add", "origin", str(remote))
    for name, text in {"server.py": SERVER, "Dockerfile": DOCKERFILE, "version": "1"}.items():
        (folder / name).write_text(text)
    cli.ok("env", "init", "--name", "test")
    cli.ok("env", "init", "--name", "prod")
    cli.ok(
        "svc", "init", "--name", "web", "--svc-type", "Load Balanced Web Service", "--dockerfile", "Dockerfile", "--port", "8080"
    )
    gitrepo.run(folder, "add", "--all")
    gitrepo.run(folder, "commit", "--message", "Sell things")
    gitrepo.push(folder, "main")
    return Shop(cli, app, folder, remote)
