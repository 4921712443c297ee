"""A way into tasks. The emulator has no sessions: ECS is a server here that answers as AWS does."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from copilot.aws.client import connect
from copilot.aws.services import PLUGIN, Services
from copilot.errors import ConflictError, CopilotError, NotFoundError
from tests.aws.test_services import TEMPLATE

TASK = "arn:aws:ecs:us-east-1:123456789012:task/shop-test/0123456789abcdef"
CLUSTER = "arn:aws:ecs:us-east-1:123456789012:cluster/shop-test"
SESSION = {"sessionId": "ecs-execute-command-1", "streamUrl": "wss://ssmmessages", "tokenValue": "t0ken"}


@dataclass
class Ecs:
    """What ECS answers to ExecuteCommand, and what it was asked."""

    answer: dict[str, Any] = field(default_factory=lambda: {"clusterArn": CLUSTER, "taskArn": TASK, "session": SESSION})
    status: int = 200
    asked: list[dict[str, Any]] = field(default_factory=list)

    def reply(self, operation: str, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if operation == "DescribeServices":
            return 200, {"services": [{"clusterArn": CLUSTER, "serviceName": "api", "serviceArn": "a"}]}
        if operation == "DescribeTasks":
            return 200, {"tasks": [{"taskArn": TASK, "containers": [{"name": "api", "runtimeId": "r-1"}]}]}
        self.asked.append(request)
        return self.status, self.answer


@pytest.fixture
def ecs(aws_environment: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ecs]:
    """A service that was deployed, in a cluster that answers as is wanted."""
    aws = connect()
    aws.ecs.create_cluster(clusterName="shop-test")
    aws.cloudformation.create_stack(StackName="shop-test-api", TemplateBody=json.dumps(TEMPLATE))
    state = Ecs()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, answer = state.reply(self.headers["X-Amz-Target"].rpartition(".")[2], request)
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_ECS", f"http://127.0.0.1:{server.server_address[1]}")
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(autouse=True)
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plugin that writes down how it was called."""
    program = tmp_path / "bin" / PLUGIN
    program.parent.mkdir()
    lines = [
        "#!/bin/sh",
        '[ "$1" = --version ] && { echo 1.2.764.0; exit; }',
        f"printf '%s\\n' \"$@\" > {tmp_path}/arguments",
        f"printf '%s' \"$AWS_SSM_START_SESSION_RESPONSE\" > {tmp_path}/session",
        "exit 7",
    ]
    program.write_text("\n".join(lines) + "\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return tmp_path


def test_the_plugin_gets_the_session_and_its_token_where_nobody_sees_it(ecs: Ecs, plugin: Path) -> None:
    inside = Services(connect(), "shop", "test").command("api", TASK, ["ls", "-l", "a b"])
    (asked,) = ecs.asked
    assert (asked["container"], asked["command"], asked["interactive"]) == ("api", "ls -l 'a b'", True)
    ended = subprocess.run(
        inside.argv, env={"PATH": "/usr/bin:/bin", **inside.variables}, check=False, executable=plugin / "bin" / PLUGIN
    )
    assert ended.returncode == 7
    name, region, operation, profile, target, endpoint = (plugin / "arguments").read_text().split("\n")[:6]
    assert (name, region, operation, profile) == ("AWS_SSM_START_SESSION_RESPONSE", "us-east-1", "StartSession", "")
    assert json.loads(target) == {"Target": "ecs:shop-test_0123456789abcdef_r-1"}
    assert endpoint.startswith("http")
    session = json.loads((plugin / "session").read_text())
    assert session == {"SessionId": "ecs-execute-command-1", "StreamUrl": "wss://ssmmessages", "TokenValue": "t0ken"}
    assert "t0ken" not in " ".join(inside.argv)


@pytest.mark.parametrize(
    ("code", "text", "kind", "said"),
    [
        (
            "InvalidParameterException",
            "The execute command failed because execute command was not enabled when the task was run",
            ConflictError,
            "tasks of `api` cannot be entered: they were deployed without it",
        ),
        (
            "TargetNotConnectedException",
            "The execute command agent isn't running",
            ConflictError,
            "is not ready to be entered yet",
        ),
        ("InvalidParameterException", "The container name is invalid", NotFoundError, "has no running container `api`"),
        ("InvalidParameterException", "The task was not found", NotFoundError, "of `api` does not run"),
        ("AccessDeniedException", "no", CopilotError, "may not do ExecuteCommand"),
    ],
)
def test_each_refusal_is_a_sentence(ecs: Ecs, code: str, text: str, kind: type[CopilotError], said: str) -> None:
    ecs.status, ecs.answer = 400, {"__type": code, "message": text}
    with pytest.raises(kind) as caught:
        Services(connect(), "shop", "test").command("api", TASK, ["sh"])
    assert said in caught.value.message
