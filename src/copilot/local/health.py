"""Whether a task is healthy: asking it, and the thresholds that turn answers into a verdict."""

from __future__ import annotations

import http.client
import re
import socket
from contextlib import suppress
from dataclasses import dataclass

from copilot.errors import DeploymentError
from copilot.release.description import HealthCheck, ReleaseDescription

OWN_CHECK_FAILS = "the health check of its container does not pass"
_CLOSED = "the connection was closed without an answer; a container must listen on `image.port` of all its addresses"
_SETTLING = 0.1
_CODES = re.compile(r"(\d{3})(?:-(\d{3}))?")


@dataclass(frozen=True)
class Answer:
    """What a task said when it was asked once. ``text``, for a person: ``GET /health answered 500``."""

    ok: bool
    text: str


@dataclass(frozen=True)
class Verdict:
    """What is known of a task's health.

    Attributes:
        healthy: None until one of the thresholds was reached for the first time.
        passes: Consecutive good answers; failures: consecutive bad ones. At most one of them is not 0.
    """

    healthy: bool | None = None
    passes: int = 0
    failures: int = 0


def observe(verdict: Verdict, ok: bool, check: HealthCheck) -> Verdict:
    """The verdict after one more answer."""
    if ok:
        passes = verdict.passes + 1
        return Verdict(True if passes >= check.healthy_threshold else verdict.healthy, passes=passes)
    failures = verdict.failures + 1
    return Verdict(False if failures >= check.unhealthy_threshold else verdict.healthy, failures=failures)


def accepted(status: int, success_codes: str) -> bool:
    """Whether an HTTP status is one of ``success_codes``: ``200``, ``200-299`` or ``200,301``, as on an ALB.

    Raises DeploymentError when they are written in another way.
    """
    matches = [_CODES.fullmatch(part.strip()) for part in success_codes.split(",")]
    found = False
    for match in matches:
        if match is None:
            raise DeploymentError(
                f"the health check's success codes `{success_codes}` are not understood",
                hint="Write them like `200`, `200-299` or `200,301`",
            )
        found = found or int(match[1]) <= status <= int(match[2] or match[1])
    return found


def _refused(port: int) -> str:
    return f"nothing listens on port {port}, which is its $PORT on this machine"


def ask_http(port: int, check: HealthCheck, timeout: float | None = None) -> Answer:
    """Ask a task over HTTP, waiting at most ``timeout`` seconds (None: the check's own)."""
    request = f"GET {check.path}"
    seconds = check.timeout if timeout is None else min(timeout, check.timeout)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request("GET", check.path, headers={"User-Agent": "copilot-health-check", "Connection": "close"})
        status = connection.getresponse().status
    except TimeoutError:
        return Answer(False, f"{request} did not answer within {seconds:g} s")
    except ConnectionRefusedError:
        return Answer(False, _refused(port))
    except ConnectionResetError:  # `http.client.RemoteDisconnected` is one too
        return Answer(False, f"{request} failed: {_CLOSED}")
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Answer(False, f"{request} failed: {str(error) or type(error).__name__}")
    finally:
        connection.close()
    return Answer(accepted(status, check.success_codes), f"{request} answered {status}")


def ask_tcp(port: int, timeout: float) -> Answer:
    """Whether a task's port accepts connections and keeps them, waiting at most ``timeout`` seconds."""
    try:
        connection = socket.create_connection(("127.0.0.1", port), timeout)
    except OSError:
        return Answer(False, _refused(port))
    with connection:
        # A container engine accepts for a task that does not listen, and closes as soon as it finds that out.
        connection.settimeout(min(_SETTLING, timeout))
        with suppress(TimeoutError):
            if not _first_byte(connection):
                return Answer(False, _CLOSED)
    return Answer(True, f"port {port} accepts connections")


def _first_byte(connection: socket.socket) -> bytes:
    try:
        return connection.recv(1)
    except ConnectionResetError:
        return b""


def check_of(description: ReleaseDescription) -> HealthCheck:
    """The health check of a release. Where no request is routed to it, one good answer is enough."""
    return description.routing.healthcheck if description.routing else HealthCheck(healthy_threshold=1)


def ask(description: ReleaseDescription, port: int | None, timeout: float | None = None) -> Answer:
    """Ask a running task of a release in the way that fits it: over HTTP, by connecting, or, without a port, not at all."""
    check = check_of(description)
    if port is not None and description.routing:
        return ask_http(port, check, timeout)
    if port is None or description.check is not None:
        # Its own check, if it has one, is the runtime's to tell.
        return Answer(True, "it runs")
    return ask_tcp(port, check.timeout if timeout is None else min(timeout, check.timeout))
