"""Loopback ports: which are free, which answer, and one for a new task."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from collections.abc import Container, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import chain
from pathlib import Path

from copilot.errors import DeploymentError

TASK_PORTS = range(20000, 30000)
"""Where the ports of tasks come from: below the ports that systems give to outgoing connections, so that a task that ends finds
its port free when it starts again."""


@cache
def loopbacks() -> tuple[str, ...]:
    """The machine's loopback addresses: ``127.0.0.1``, and ``::1`` where IPv6 has one."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return ("127.0.0.1",)
    return ("127.0.0.1", "::1")


def is_free(port: int) -> bool:
    """Whether a program could begin to listen on a port of every loopback address."""
    return all(_can_bind(address, port) for address in loopbacks())


def accepts(port: int, timeout: float = 1.0) -> bool:
    """Whether something accepts connections on a port of 127.0.0.1. ``timeout`` is in seconds."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout).close()
    except OSError:
        return False
    return True


@contextmanager
def alone() -> Iterator[None]:
    """Between looking whether a port is free and listening on it, keep this user's other engines from doing the same.

    Two front doors that begin to listen at the same time get the same port without an error, since Caddy shares its ports with
    itself (``SO_REUSEPORT``): each would get some of the other's requests.
    """
    path = Path(tempfile.gettempdir()) / f"copilot-ports-{os.getuid()}.lock"
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def choose(taken: Container[int | None]) -> int:
    """A free port for a task that is none of the taken ones. Raises DeploymentError when none is found."""
    # Not the first that is free: programs that look for a port at the same time should not all find the same one.
    first = random.randrange(len(TASK_PORTS))  # noqa: S311 - nothing depends on it being unguessable
    for port in chain(TASK_PORTS[first:], TASK_PORTS[:first]):
        if port not in taken and is_free(port):
            return port
    raise DeploymentError(
        f"no free port for a task was found between {TASK_PORTS.start} and {TASK_PORTS.stop - 1}",
        hint="Stop programs that listen on these ports, or delete services that are not needed",
    )


def _can_bind(address: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        # Without it, connections that ended a moment ago would make a free port look taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True
