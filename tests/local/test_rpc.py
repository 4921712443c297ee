from __future__ import annotations

import errno
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from copilot.engine import Application, Environment, LocalEngine, LogChunk
from copilot.errors import ConflictError, CopilotError, NotFoundError
from copilot.local import rpc
from copilot.release.description import HealthCheck, ReleaseDescription, Routing

DESCRIPTION = ReleaseDescription(
    application="shop",
    environment="test",
    workload="web",
    type="Load Balanced Web Service",
    image="sha256:" + "0" * 64,
    routing=Routing("/", HealthCheck(path="/healthz", interval=1.5)),
    variables={"A": "ü\n"},
    command=("python", "app.py"),
)


class Answers:
    """An engine that records what it was asked, and answers what the test says."""

    def __init__(self, answer: object) -> None:
        self.asked: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.answer = answer

    def __getattr__(self, name: str) -> Any:
        def method(*args: Any, **kwargs: Any) -> object:
            self.asked.append((name, args, kwargs))
            if isinstance(self.answer, Exception):
                raise self.answer
            return self.answer

        return method


def connect(answer: object) -> tuple[LocalEngine, Answers]:
    answers: Any = Answers(answer)
    return rpc.connect(lambda method, body: rpc.serve(answers, method, body)), answers


def test_every_method_of_the_protocol_is_an_operation() -> None:
    assert {"applications", "put_pipeline", "log", "decide", "retry", "stop", "rollback", "set_transition"} <= set(rpc.METHODS)


def test_values_and_arguments_arrive_as_they_were() -> None:
    environment = Environment(app="shop", name="test", runtime="host", port=8081, url="http://localhost:8081", created_at=1.5)
    engine, answers = connect(environment)
    assert engine.create_environment("shop", "test", port=8081) == environment
    assert answers.asked == [("create_environment", (), {"app": "shop", "name": "test", "port": 8081})]
    engine, answers = connect([Application(name="shop", engine="local", created_at=0.0)])
    assert [a.name for a in engine.applications()] == ["shop"]


def test_a_description_arrives_whole() -> None:
    engine, answers = connect(NotFoundError("no"))
    with pytest.raises(NotFoundError):
        engine.start_deployment(DESCRIPTION)
    assert answers.asked[0][2]["description"] == DESCRIPTION


def test_errors_arrive_with_kind_hint_and_details() -> None:
    engine, _ = connect(ConflictError("it exists already", hint="choose another", details=["a", "b"]))
    with pytest.raises(ConflictError) as caught:
        engine.create_application("shop")
    assert (caught.value.message, caught.value.hint, caught.value.details) == ("it exists already", "choose another", ("a", "b"))


def test_text_is_kept_exactly() -> None:
    chunk = LogChunk(text="\x1b[1mbold\x00 ü 漢\n", next_offset=7, finished=False)
    engine, _ = connect(chunk)
    assert engine.deployment_log("x", offset=3) == chunk


@pytest.mark.parametrize("body", [b"[]", b"not json", b'{"nobody": 1}', b"{}", b'{"name": {"a": 1}}', b"\xff\xfe"])
def test_a_request_that_makes_no_sense_is_refused(body: bytes) -> None:
    answers: Any = Answers(None)
    status, answer = rpc.serve(answers, "application", body)
    assert status == 400
    assert "cannot be understood" in json.loads(answer)["error"]["message"]
    assert answers.asked == []


def test_an_unknown_method_is_no_operation() -> None:
    engine, _ = connect(None)
    with pytest.raises(AttributeError):
        getattr(engine, "explode")()  # noqa: B009 - the protocol has no such method


def test_an_unknown_kind_of_error_is_still_an_error() -> None:
    body = json.dumps({"error": {"kind": "Novel", "message": "m", "hint": None, "details": []}}).encode()
    engine = rpc.connect(lambda *_: (400, body))
    with pytest.raises(CopilotError, match="m"):
        engine.applications()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_trouble_with_the_disk_is_told(number: int) -> None:
    engine, _ = connect(OSError(number, os.strerror(number), "/home/state"))
    with pytest.raises(CopilotError, match=os.strerror(number)) as caught:
        engine.applications()
    assert "Make room" in (caught.value.hint or "")


def test_a_full_disk_of_the_database_is_told(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "state.db")
    database.execute("PRAGMA max_page_count = 2")
    database.execute("CREATE TABLE t (x)")
    with closing(database), pytest.raises(sqlite3.OperationalError) as full:
        database.execute("INSERT INTO t VALUES (zeroblob(100000))")
    engine, _ = connect(full.value)
    with pytest.raises(CopilotError, match="database or disk is full"):
        engine.applications()


def test_a_defect_is_not_taken_for_trouble_with_the_disk() -> None:
    engine, _ = connect(FileNotFoundError(errno.ENOENT, "No such file or directory"))
    with pytest.raises(FileNotFoundError):
        engine.applications()
