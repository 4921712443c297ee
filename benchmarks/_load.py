"""A constant load, from a process of its own: so many requests a second, whatever the answers.

    python -m benchmarks._load URL RATE

Half of the requests come on connections that are kept, the others each on a new one. It goes on until its standard input is
closed, and then prints one JSON value: a list of ``[began, seconds, answer]``, where ``began`` is a time of the epoch, and the
answer is the body of a response with status 200, or begins with ``failed: ``.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

FAILED = "failed: "

_CLIENTS = 100
_TIMEOUT = 10.0


@dataclass(frozen=True)
class Request:
    """One request: when it began (epoch), how many seconds it took, and the answer as the module's text has it."""

    began: float
    seconds: float
    answer: str

    @property
    def failed(self) -> bool:
        """Whether there was no good answer."""
        return self.answer.startswith(FAILED)


@dataclass
class Load:
    """What came of a load, once it is over."""

    requests: list[Request] = field(default_factory=list)

    @property
    def failed(self) -> list[Request]:
        """Those without a good answer."""
        return [r for r in self.requests if r.failed]

    def between(self, begin: float, end: float) -> list[Request]:
        """Those that began in some time."""
        return [r for r in self.requests if begin <= r.began < end]


@contextmanager
def load(url: str, rate: int) -> Iterator[Load]:
    """Ask an address so many times a second meanwhile."""
    result = Load()
    command = [sys.executable, "-m", "benchmarks._load", url, str(rate)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield result
        finally:
            output, _ = process.communicate()
    result.requests = [Request(*request) for request in json.loads(output)]


class _Client:
    """One connection, kept or not."""

    def __init__(self, host: str, port: int, *, keeps: bool) -> None:
        self._address = (host, port)
        self._keeps = keeps
        connection = "keep-alive" if keeps else "close"
        self._request = f"GET / HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: {connection}\r\n\r\n".encode()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self) -> str:
        """One request."""
        try:
            async with asyncio.timeout(_TIMEOUT):
                return await self._ask()
        except (OSError, EOFError, ValueError, asyncio.IncompleteReadError) as error:
            self.close()
            return FAILED + (str(error) or type(error).__name__)

    def close(self) -> None:
        """End the connection."""
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None

    async def _ask(self) -> str:
        # A connection that the other side has closed before the request is sent is no loss: any client opens another one.
        if self._streams is None or self._streams[0].at_eof():
            self.close()
            self._streams = await asyncio.open_connection(*self._address)
        reader, writer = self._streams
        writer.write(self._request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").lower()
        length = int(head.partition("content-length:")[2].partition("\r\n")[0])
        body = (await reader.readexactly(length)).decode()
        if not self._keeps or "connection: close" in head:
            self.close()
        status = head.split(" ", 2)[1]
        return body if status == "200" else f"{FAILED}{status} {body.strip()}"


async def _client(number: int, host: str, port: int, rate: float, done: asyncio.Event) -> list[tuple[float, float, str]]:
    client = _Client(host, port, keeps=number % 2 == 0)
    loop = asyncio.get_running_loop()
    every = _CLIENTS / rate
    due = loop.time() + every * number / _CLIENTS
    answers = []
    # When an answer takes longer than the time to the next request, that one is late; none is left out.
    while not done.is_set():
        await asyncio.sleep(due - loop.time())
        due += every
        began, begin = time.time(), loop.time()
        answer = await client.ask()
        answers.append((began, loop.time() - begin, answer))
    client.close()
    return answers


async def _main(url: str, rate: float) -> None:
    parts = urlsplit(url)
    done = asyncio.Event()
    clients = [_client(n, parts.hostname or "", parts.port or 80, rate, done) for n in range(_CLIENTS)]
    running = asyncio.gather(*clients)
    await asyncio.to_thread(sys.stdin.read)
    done.set()
    print(json.dumps([answer for answers in await running for answer in answers]))


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], float(sys.argv[2])))
