"""A real smart-HTTP git server on loopback: ``git http-backend`` as CGI, behind basic authentication if asked for."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread


class GitServer(ThreadingHTTPServer):
    """Serves every repository below a folder.

    Attributes:
        password: What basic authentication must give; None lets everybody in.
        redirect_to: When set, every request is answered with a redirect to the same path below this URL.
        status: When set, every request is answered with this status.
        authorizations: The decoded ``user:password`` of every request that gave one, in order.
        requests: The paths asked for, in order.
    """

    daemon_threads = True

    def __init__(self, root: Path, password: str | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root = root
        self.password = password
        self.redirect_to: str | None = None
        self.status: int | None = None
        self.authorizations: list[str] = []
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def git_server(root: Path, password: str | None = None) -> Iterator[GitServer]:
    """A running server for the repositories below ``root``."""
    with GitServer(root, password) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: GitServer

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length")
        self._serve(self.rfile.read(int(length)) if length else self._chunks())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        pass

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        return body

    def _serve(self, body: bytes) -> None:
        self.server.requests.append(self.path)
        given = self.headers.get("Authorization", "").removeprefix("Basic ")
        if given:
            self.server.authorizations.append(base64.b64decode(given).decode())
        if self.server.status:
            self._answer(self.server.status, [], b"hello\n")
        elif self.server.redirect_to:
            self._answer(302, [("Location", self.server.redirect_to + self.path)], b"")
        elif self.server.password is not None and base64.b64decode(given).partition(b":")[2].decode() != self.server.password:
            self._answer(401, [("WWW-Authenticate", 'Basic realm="git"')], b"")
        else:
            self._backend(body)

    def _backend(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REMOTE_ADDR": "127.0.0.1",
            "REMOTE_USER": "tester",
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in head.decode().split("\r\n"))]
        status = next((int(value.split()[0]) for name, value in headers if name == "Status"), 200)
        self._answer(status, [(name, value) for name, value in headers if name and name != "Status"], content)

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
