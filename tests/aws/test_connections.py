"""Connections, with answers of AWS CodeConnections that are given here: no emulator has connections that wait for a person."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from copilot.aws.client import connect
from copilot.aws.connections import Connection, Connections, console_url
from copilot.errors import EngineUnavailableError, NotFoundError

ARN = "arn:aws:codeconnections:us-east-1:123456789012:connection/6f1c0a30-0000-4000-8000-000000000001"
OURS = Connection(ARN, "ours", "GitHub", "PENDING")


@dataclass
class Service:
    """What is answered, in turn, the last one again and again; and what was asked."""

    answers: list[dict[str, Any]] = field(default_factory=list)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def statuses(self, *statuses: str) -> None:
        self.answers = [{"Connection": connection("ours", status)} for status in statuses]


def connection(name: str, status: str = "AVAILABLE") -> dict[str, Any]:
    return {"ConnectionName": name, "ConnectionArn": ARN, "ProviderType": "GitHub", "ConnectionStatus": status}


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    service = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            service.asked.append((self.headers["X-Amz-Target"].rpartition(".")[2], content))
            answer = service.answers.pop(0) if len(service.answers) > 1 else service.answers[0]
            text = json.dumps(answer).encode()
            self.send_response(400 if "__type" in answer else 200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's own name
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_CODECONNECTIONS", f"http://127.0.0.1:{server.server_port}")
        for name, value in (
            ("AWS_ACCESS_KEY_ID", "AKIAEMULATED"),
            ("AWS_SECRET_ACCESS_KEY", "not-a-secret"),
            ("AWS_REGION", "us-east-1"),
        ):
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("AWS_PROFILE", raising=False)
        yield service
        server.shutdown()
        thread.join()


@pytest.fixture
def connections(service: Service) -> Connections:
    del service
    return Connections(connect(), pause=0.01)


def test_one_is_found_by_its_name_on_any_page(service: Service, connections: Connections) -> None:
    pages: list[dict[str, Any]] = [
        {"Connections": [connection("theirs")], "NextToken": "2"},
        {"Connections": [connection("ours", "PENDING")]},
    ]
    service.answers = list(pages)
    assert connections.find("ours") == OURS
    assert [asked.get("NextToken") for _, asked in service.asked] == [None, "2"]
    service.answers = list(pages)
    service.asked.clear()
    assert connections.find("theirs") is not None
    assert len(service.asked) == 1
    service.answers = list(pages)
    assert connections.find("another") is None


def test_one_that_was_deleted(service: Service, connections: Connections) -> None:
    service.answers = [{"__type": "ResourceNotFoundException", "Message": "gone"}]
    with pytest.raises(NotFoundError, match="there is no connection"):
        connections.get(ARN)


def test_what_was_refused_is_no_missing_connection(service: Service, connections: Connections) -> None:
    service.answers = [{"__type": "AccessDeniedException", "Message": "no"}]
    with pytest.raises(EngineUnavailableError, match="may not do GetConnection"):
        connections.get(ARN)


@pytest.mark.parametrize("end", ["AVAILABLE", "ERROR"])
def test_waiting_ends_when_a_person_has_decided(service: Service, connections: Connections, end: str) -> None:
    told: list[Connection] = []
    service.statuses("PENDING", "PENDING", end)
    assert connections.wait(OURS, told.append).status == end
    assert told == [OURS]
    assert [operation for operation, _ in service.asked] == ["GetConnection"] * 3


def test_nothing_is_waited_for_that_is_there(service: Service, connections: Connections) -> None:
    told: list[Connection] = []
    available = Connection(ARN, "ours", "GitHub", "AVAILABLE")
    assert connections.wait(available, told.append) == available
    assert (told, service.asked) == ([], [])


@pytest.mark.parametrize(
    ("partition", "service", "region", "console"),
    [
        ("aws", "codeconnections", "eu-west-1", "aws.amazon.com"),
        ("aws", "codestar-connections", "us-east-1", "aws.amazon.com"),
        ("aws-cn", "codeconnections", "cn-north-1", "amazonaws.cn"),
        ("aws-us-gov", "codeconnections", "us-gov-west-1", "amazonaws-us-gov.com"),
    ],
)
def test_its_page_in_the_console(partition: str, service: str, region: str, console: str) -> None:
    arn = f"arn:{partition}:{service}:{region}:123456789012:connection/6f1c"
    page = f"codesuite/settings/123456789012/{region}/{service}/connections/6f1c?region={region}"
    assert console_url(Connection(arn, "ours", "GitHub", "PENDING")) == f"https://{region}.console.{console}/{page}"
