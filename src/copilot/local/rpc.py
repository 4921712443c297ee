"""Both sides of the local engine's HTTP API, made from the `LocalEngine` protocol.

``POST /v1/<method>`` with the arguments as a JSON object; the answer is ``{"result": …}`` or, with status 400,
``{"error": {"kind", "message", "hint", "details"}}`` for a `CopilotError`.
"""

from __future__ import annotations

import errno
import inspect
import json
import sqlite3
from collections.abc import Callable
from functools import cache
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from copilot import errors
from copilot.engine import LocalEngine
from copilot.errors import CopilotError

_KINDS: dict[str, type[CopilotError]] = {
    kind.__name__: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, CopilotError) and kind.__init__ is CopilotError.__init__
}

_LARGEST_NUMBER = 2**63 - 1
"""What the store can hold."""


_DISK_TROUBLE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES}
_DATABASE_TROUBLE = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}
_DISK_HINT = "Make room in the folder that `copilot server status` names as its home, or make it writable, and try again"


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


@cache
def _signature(method: str) -> tuple[inspect.Signature, dict[str, Any]]:
    function = getattr(LocalEngine, method)
    return inspect.signature(function), get_type_hints(function)


METHODS = tuple(name for name, _ in inspect.getmembers(LocalEngine, inspect.isfunction) if not name.startswith("_"))
"""Names of the protocol's methods: the operations of the API."""


def serve(engine: LocalEngine, method: str, body: bytes) -> tuple[int, bytes]:
    """Call one method of an engine with a request's body. The answer is the response's status and body."""
    hints = _signature(method)[1]
    try:
        given = from_json(body or b"{}")
        if not isinstance(given, dict) or not given.keys() <= hints.keys() - {"return"}:
            raise ValueError("unknown arguments")
        arguments = {name: _adapter(hints[name]).validate_python(value) for name, value in given.items()}
        if any(isinstance(value, int) and abs(value) > _LARGEST_NUMBER for value in arguments.values()):
            raise ValueError("a number is too large")
        _signature(method)[0].bind(engine, **arguments)
    except (ValueError, TypeError, ValidationError) as error:
        return 400, _error(CopilotError(f"the request for `{method}` cannot be understood: {type(error).__name__}"))
    try:
        result = getattr(engine, method)(**arguments)
    except CopilotError as error:
        return 400, _error(error)
    except (OSError, sqlite3.OperationalError) as error:
        if not _is_about_the_disk(error):
            raise
        return 400, _error(CopilotError(f"the engine cannot keep what it has to: {error}", hint=_DISK_HINT))
    return 200, b'{"result":' + _adapter(hints["return"]).dump_json(result, by_alias=True) + b"}"


def _is_about_the_disk(error: OSError | sqlite3.OperationalError) -> bool:
    """Whether a person can mend it: a full disk, or one that may not be written."""
    if isinstance(error, OSError):
        return error.errno in _DISK_TROUBLE
    return error.sqlite_errorcode & 0xFF in _DATABASE_TROUBLE


def _error(error: CopilotError) -> bytes:
    kind = next(k for k in type(error).__mro__ if k.__name__ in _KINDS)
    content = {"kind": kind.__name__, "message": error.message, "hint": error.hint, "details": error.details}
    return json.dumps({"error": content}).encode()


Send = Callable[[str, bytes], tuple[int, bytes]]
"""Sends a request's body to an operation; answers with status and body."""


class _Remote:
    """Stands in for an engine that is reached by requests."""

    def __init__(self, send: Send) -> None:
        self._send = send

    def __getattr__(self, method: str) -> Callable[..., Any]:
        if method not in METHODS:
            raise AttributeError(method)
        signature, hints = _signature(method)

        def call(*args: Any, **kwargs: Any) -> Any:
            arguments = dict(signature.bind(self, *args, **kwargs).arguments)
            del arguments["self"]
            body = b",".join(
                json.dumps(name).encode() + b":" + _adapter(hints[name]).dump_json(value, by_alias=True)
                for name, value in arguments.items()
            )
            status, answer = self._send(method, b"{" + body + b"}")
            content = json.loads(answer)
            if status == 200:
                return _adapter(hints["return"]).validate_python(content["result"])
            error = content["error"]
            raise _KINDS.get(error["kind"], CopilotError)(error["message"], hint=error["hint"], details=error["details"])

        return call


def connect(send: Send) -> LocalEngine:
    """An engine whose every method is a request."""
    remote: Any = _Remote(send)
    engine: LocalEngine = remote
    return engine
