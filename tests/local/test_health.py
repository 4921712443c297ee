"""Asking tasks, and what their answers amount to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.errors import DeploymentError
from copilot.local import ports
from copilot.local.health import Verdict, accepted, ask, ask_http, ask_tcp, observe
from copilot.release.description import HealthCheck, ReleaseDescription, Routing


@contextmanager
def server(answer: bytes | None) -> Iterator[int]:
    """Answers one connection with these bytes; None: it is accepted and nothing is said."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                if answer is None:
                    over.wait(10)
                else:
                    connection.sendall(answer)

        thread = threading.Thread(target=run)
        thread.start()
        yield listener.getsockname()[1]
        over.set()
        thread.join()


@pytest.mark.parametrize(
    ("codes", "good", "bad"),
    [("200", 200, 201), ("200-299", 299, 300), ("200,301", 301, 300), ("200, 202-204", 203, 205)],
)
def test_success_codes(codes: str, good: int, bad: int) -> None:
    assert accepted(good, codes)
    assert not accepted(bad, codes)


@pytest.mark.parametrize("codes", ["", "2xx", "200-", "200;201", "200,ok"])
def test_success_codes_that_make_no_sense(codes: str) -> None:
    with pytest.raises(DeploymentError, match="success codes"):
        accepted(200, codes)


@given(st.lists(st.booleans(), max_size=30), st.integers(1, 5), st.integers(1, 5))
def test_the_verdict_is_the_last_run_that_was_long_enough(answers: list[bool], healthy: int, unhealthy: int) -> None:
    check = HealthCheck(healthy_threshold=healthy, unhealthy_threshold=unhealthy)
    verdict = Verdict()
    for ok in answers:
        verdict = observe(verdict, ok, check)
    expected, run = None, 0
    for number, ok in enumerate(answers):
        run = run + 1 if number and answers[number - 1] == ok else 1
        if run >= (healthy if ok else unhealthy):
            expected = ok
    assert verdict.healthy is expected
    assert 0 in (verdict.passes, verdict.failures)


def test_an_answer_over_http() -> None:
    with server(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n") as port:
        answer = ask_http(port, HealthCheck(path="/health"))
    assert (answer.ok, answer.text) == (False, "GET /health answered 500")
    with server(b"HTTP/1.1 204 Yes\r\n\r\n") as port:
        assert ask_http(port, HealthCheck(success_codes="200-299")).ok


def test_no_answer_over_http() -> None:
    with server(None) as port:
        assert ask_http(port, HealthCheck(timeout=0.05)).text == "GET / did not answer within 0.05 s"
    with server(b"") as port:
        assert ask_http(port, HealthCheck()).text.startswith("GET / failed: ")
    port = ports.choose(())
    assert ask_http(port, HealthCheck()).text == f"nothing listens on port {port}, which is its $PORT on this machine"


def test_a_path_cannot_add_to_the_request() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        answer = ask_http(listener.getsockname()[1], HealthCheck(path="/ HTTP/1.1\r\nX: y"))
    assert not answer.ok


def test_services_without_routing_are_asked_to_accept_a_connection() -> None:
    description = ReleaseDescription("shop", "test", "db", "Backend Service", "sha256:0", port=1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert ask(description, port).ok
        assert not ask(replace(description, routing=Routing("/", HealthCheck(timeout=0.05))), port).ok
    assert ask_tcp(port, 1.0).text == f"nothing listens on port {port}, which is its $PORT on this machine"
    assert ask(description, None).ok
