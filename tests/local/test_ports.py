"""Loopback ports."""

from __future__ import annotations

import socket
import threading

import pytest

from copilot.errors import DeploymentError
from copilot.local import ports


def test_a_port_that_something_listens_on_is_not_free_and_accepts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not ports.is_free(port)
        assert ports.accepts(port)
    assert ports.is_free(port)
    assert not ports.accepts(port)


def test_a_port_of_every_interface_is_not_free_either() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        assert not ports.is_free(server.getsockname()[1])


def test_a_chosen_port_is_none_of_the_taken() -> None:
    assert {ports.choose(range(20000, 29990)) for _ in range(5)} <= set(range(29990, 30000))


def test_no_port_left() -> None:
    with pytest.raises(DeploymentError, match="no free port for a task"):
        ports.choose(ports.TASK_PORTS)


def test_two_engines_do_not_look_for_a_port_at_the_same_time() -> None:
    events: list[str] = []

    def other() -> None:
        events.append("waits")
        with ports.alone():
            events.append("looks")

    thread = threading.Thread(target=other)
    with ports.alone():
        thread.start()
        while events != ["waits"]:
            pass
        thread.join(0.1)
        events.append("listens")
    thread.join()
    assert events == ["waits", "listens", "looks"]
