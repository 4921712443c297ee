"""The server process of the local engine: one for each home, answering on loopback."""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import logging
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import uvicorn
from pydantic import BaseModel, Field, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from copilot import __version__
from copilot.errors import ConflictError, CopilotError
from copilot.local import rpc
from copilot.local.client import TAKEN
from copilot.local.home import Home
from copilot.local.service import LocalService

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

log = logging.getLogger(__name__)

_SWITCH_SECONDS = 0.0005
"""How long a thread may compute while others wait. Actions pass from thread to thread, and take no longer than Python's 5 ms."""


def run(home: Home | None = None, port: int | None = None) -> None:
    """Run the server until it is told to stop (SIGTERM, SIGINT).

    Raises:
        ConflictError: If another server has this home, or the port is taken.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    home = home or Home.default()
    home.create()
    # Uvicorn raises the signal once more when it is done: as an exception, all that is open is closed.
    signal.signal(signal.SIGTERM, _leave)
    with _exclusive(home), _listen(port or 0) as listener:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
        token = secrets.token_urlsafe(32)
        service = LocalService.open(home)
        try:
            service.start()
            with _announced(home, listener.getsockname()[1], token):
                app = _Authenticated(application(service), token)
                config = uvicorn.Config(
                    app, log_config=None, access_log=False, timeout_graceful_shutdown=2, lifespan="off", ws="none"
                )
                uvicorn.Server(config).run(sockets=[listener])
        finally:
            service.close()


def _leave(*_: object) -> None:
    raise SystemExit(0)


def application(service: LocalService) -> Starlette:
    """The API as an ASGI application, without its authentication."""

    async def health(_: Request) -> Response:
        return JSONResponse({"version": __version__, "pid": os.getpid()})

    def push(body: bytes) -> Response:
        try:
            content = _Push.model_validate_json(body)
        except ValidationError as error:
            return JSONResponse({"error": f"this is no push: {error.error_count()} problems"}, status_code=400)
        updates = [(update.ref, update.old, update.new) for update in content.updates]
        return JSONResponse({"executions": service.pushed(content.repository, updates)})

    async def pushed(request: Request) -> Response:
        return await run_in_threadpool(push, await request.body())

    async def call(request: Request) -> Response:
        method = request.path_params["method"]
        if method not in rpc.METHODS:
            return JSONResponse({"error": "no such operation"}, status_code=404)
        status, content = await run_in_threadpool(rpc.serve, service, method, await request.body())
        return Response(content, status_code=status, media_type="application/json")

    return Starlette(
        routes=[
            Route("/v1/health", health),
            Route("/v1/push", pushed, methods=["POST"]),
            Route("/v1/{method}", call, methods=["POST"]),
        ]
    )


_Commit = Annotated[str, Field(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})$")]


class _Update(BaseModel):
    ref: str
    old: _Commit
    new: _Commit


class _Push(BaseModel):
    """What a post-receive hook reports."""

    repository: str
    updates: list[_Update]


class _Authenticated:
    """Lets only those through who know the token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = dict(scope.get("headers", ())).get(b"authorization", b"")
        if secrets.compare_digest(given, self._expected):
            try:
                await self._app(scope, receive, send)
            except asyncio.CancelledError:
                # The server is told to stop, and this takes longer than it waits.
                await JSONResponse({"error": "the server stops"}, status_code=503)(scope, receive, send)
        else:
            await JSONResponse({"error": "unknown token"}, status_code=401)(scope, receive, send)


class _TakenError(ConflictError):
    """Another server has the home."""


@contextmanager
def _exclusive(home: Home) -> Iterator[None]:
    with home.server_lock.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise _TakenError(f"a server runs already for {home.root}", hint="See `copilot server status`") from None
        yield


@contextmanager
def _listen(port: int) -> Iterator[socket.socket]:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen(128)
        except OSError as error:
            raise ConflictError(
                f"port {port} cannot be used: {error.strerror}", hint="Choose another with `copilot server start --port`"
            ) from None
        yield listener


@contextmanager
def _announced(home: Home, port: int, token: str) -> Iterator[None]:
    """Tell clients where the server answers, while it does."""
    content = {"pid": os.getpid(), "port": port, "token": token, "version": __version__, "started_at": time.time()}
    temporary = home.server_file.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file)
    temporary.replace(home.server_file)
    try:
        yield
    finally:
        home.server_file.unlink(missing_ok=True)


def _main() -> int:
    parser = argparse.ArgumentParser(description="Run the server of the local engine in the foreground.")
    parser.add_argument("--port", type=int, default=None, help="loopback port to answer on; a free one by default")
    port = parser.parse_args().port
    try:
        run(port=port)
    except (SystemExit, KeyboardInterrupt):
        return 0
    except CopilotError as error:
        # This is what its starter shows.
        print(f"error: {error.message}", *([error.hint] if error.hint else []), sep="\n", file=sys.stderr)  # noqa: T201
        return TAKEN if isinstance(error, _TakenError) else 1
    return 0


if __name__ == "__main__":
    exit_status = _main()
    logging.shutdown()
    # Requests and workers may take long, and lose nothing when they are cut short: their threads are not waited for.
    os._exit(exit_status)
