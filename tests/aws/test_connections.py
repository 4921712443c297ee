"""Connections, with answers of AWS CodeConnections that are given here: no emulator has connections that wait for a person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from copilot.aws.client import connect
from copilot.aws.connections import Connection, Connections, console_url
from copilot.errors import EngineUnavailableError, NotFoundError
from tests.aws.recorded_json import JsonRecording, Refusal, recorded_json

ARN = "arn:aws:codeconnections:us-east-1:123456789012:connection/6f1c0a30-0000-4000-8000-000000000001"
OURS = Connection(ARN, "ours", "GitHub", "PENDING")


def connection(name: str, status: str = "AVAILABLE") -> dict[str, Any]:
    return {"ConnectionName": name, "ConnectionArn": ARN, "ProviderType": "GitHub", "ConnectionStatus": status}


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[JsonRecording]:
    with recorded_json() as recording:
        settings = {
            "AWS_ENDPOINT_URL_CODECONNECTIONS": recording.url,
            "AWS_ACCESS_KEY_ID": "AKIAEMULATED",
            "AWS_SECRET_ACCESS_KEY": "not-a-secret",
            "AWS_REGION": "us-east-1",
        }
        monkeypatch.delenv("AWS_PROFILE", raising=False)
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        yield recording


@pytest.fixture
def connections(service: JsonRecording) -> Iterator[Connections]:
    del service
    aws = connect()
    yield Connections(aws, pause=0.01)
    aws.codeconnections.close()


def test_one_is_found_by_its_name_on_any_page(service: JsonRecording, connections: Connections) -> None:
    pages: list[dict[str, Any]] = [
        {"Connections": [connection("theirs")], "NextToken": "2"},
        {"Connections": [connection("ours", "PENDING")]},
    ]
    service.on("ListConnections", *pages)
    assert connections.find("ours") == OURS
    assert [asked.get("NextToken") for _, asked in service.asked] == [None, "2"]
    service.on("ListConnections", *pages)
    service.asked.clear()
    assert connections.find("theirs") is not None
    assert len(service.asked) == 1
    service.on("ListConnections", *pages)
    assert connections.find("another") is None


def test_one_that_was_deleted(service: JsonRecording, connections: Connections) -> None:
    service.on("GetConnection", Refusal("ResourceNotFoundException", "gone"))
    with pytest.raises(NotFoundError, match="there is no connection"):
        connections.get(ARN)


def test_what_was_refused_is_no_missing_connection(service: JsonRecording, connections: Connections) -> None:
    service.on("GetConnection", Refusal("AccessDeniedException", "no"))
    with pytest.raises(EngineUnavailableError, match="may not do GetConnection"):
        connections.get(ARN)


@pytest.mark.parametrize("end", ["AVAILABLE", "ERROR"])
def test_waiting_ends_when_a_person_has_decided(service: JsonRecording, connections: Connections, end: str) -> None:
    told: list[Connection] = []
    service.on("GetConnection", *({"Connection": connection("ours", status)} for status in ("PENDING", "PENDING", end)))
    assert connections.wait(OURS, told.append).status == end
    assert told == [OURS]
    assert service.operations() == ["GetConnection"] * 3


def test_nothing_is_waited_for_that_is_there(service: JsonRecording, connections: Connections) -> None:
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
