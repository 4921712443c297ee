"""A service of AWS with the JSON protocol on loopback, with recorded answers: for what an emulator does not show.

Real boto3 talks to it. It knows nothing: each operation is answered with what was recorded for it, in turn, the last one again
and again; an answer may be a function of the request.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Refusal:
    """An answer that is an error."""

    code: str
    message: str = ""


Answer = Mapping[str, Any] | Refusal | Callable[[dict[str, Any]], Mapping[str, Any] | Refusal]


@dataclass
class JsonRecording:
    """What is answered, and what was asked: operations and their arguments, in order."""

    url: str = ""
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    _answers: dict[str, list[Answer]] = field(default_factory=dict)

    def on(self, operation: str, *answers: Answer) -> None:
        """Answer an operation with these from now on, in turn."""
        self._answers[operation] = list(answers)

    def operations(self) -> list[str]:
        """What was asked."""
        return [name for name, _ in self.asked]

    def answer(self, operation: str, arguments: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and content for one request."""
        self.asked.append((operation, arguments))
        answers = self._answers.get(operation, [{}])
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        found = found(arguments) if callable(found) else found
        if isinstance(found, Refusal):
            return 400, {"__type": found.code, "message": found.message}
        return 200, dict(found)


@contextmanager
def recorded_json() -> Iterator[JsonRecording]:
    """An endpoint that answers as it was told to."""
    recording = JsonRecording()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            arguments = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or "{}")
            status, content = recording.answer(self.headers["X-Amz-Target"].rpartition(".")[2], arguments)
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            del format, args

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            recording.url = f"http://127.0.0.1:{server.server_address[1]}"
            yield recording
        finally:
            server.shutdown()
            thread.join()
