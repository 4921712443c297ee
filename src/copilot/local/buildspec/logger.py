"""Writes what a build prints to its log, with every secret masked. A program of its own.

It uses only the standard library: nothing of this package is there when it runs.

Runs as ``python -I -S logger.py <token> <folder>``: reads standard input, writes standard output. Secrets are the values of
environment variables that begin with ``COPILOT_SECRET_``. It ends at the end of its input.

The build sends it messages in between, each ``NUL token SPACE verb [SPACE argument] NUL``:

* ``begin``: a command begins whose output may be asked about;
* ``match <regex>``: answer ``yes`` or ``no`` in the named pipe ``<folder>/answer``: does what came since ``begin`` match?
* ``export <name>=<value>``: add this to the file ``<folder>/exported``, masked, with a NUL after it.
"""

from __future__ import annotations

import os
import re
import sys

SECRET_PREFIX = "COPILOT_SECRET_"  # noqa: S105 - the name of one
_SHORTEST_LINE = 4
_MOST_REMEMBERED = 1 << 20
_MASK = b"***"


def needles(values: list[bytes]) -> list[bytes]:
    """What must not appear: each value, and each line of more than three characters of a value with several."""
    found = {value for value in values if value}
    for value in values:
        lines = value.splitlines()
        if len(lines) > 1:
            found.update(line for line in lines if len(line.decode("utf-8", "replace")) >= _SHORTEST_LINE)
    return sorted(found, key=len, reverse=True)


class Masker:
    """Masks a stream piece by piece: what may be the beginning of a secret waits until it is clear whether it is one."""

    def __init__(self, secrets: list[bytes]) -> None:
        self._needles = needles(secrets)
        # Looking ahead finds secrets that overlap; longest first finds all of one that begins with another.
        alternatives = b"|".join(re.escape(needle) for needle in self._needles)
        self._pattern = re.compile(b"(?=(" + alternatives + b"))")
        self._waiting = b""

    def feed(self, data: bytes) -> bytes:
        """Take more of the stream; the answer is what is safe to write."""
        if not self._needles:
            return data
        self._waiting += data
        spans = self._spans(self._waiting)
        end = len(self._waiting) - self._beginning(self._waiting)
        end = next((start for start, stop in spans if start < end < stop), end)
        return self._take(end, spans)

    def flush(self) -> bytes:
        """The rest: nothing that belongs to it will follow."""
        return self._take(len(self._waiting), self._spans(self._waiting)) if self._waiting else b""

    def _take(self, end: int, spans: list[tuple[int, int]]) -> bytes:
        pieces, position = [], 0
        for start, stop in spans:
            if stop <= end:
                pieces += [self._waiting[position:start], _MASK]
                position = stop
        pieces.append(self._waiting[position:end])
        self._waiting = self._waiting[end:]
        return b"".join(pieces)

    def _spans(self, data: bytes) -> list[tuple[int, int]]:
        if not any(needle in data for needle in self._needles):
            return []
        spans: list[tuple[int, int]] = []
        for match in self._pattern.finditer(data):
            start, stop = match.span(1)
            if spans and start < spans[-1][1]:
                spans[-1] = (spans[-1][0], max(stop, spans[-1][1]))
            else:
                spans.append((start, stop))
        return spans

    def _beginning(self, data: bytes) -> int:
        """Length of the longest end of ``data`` that a secret begins with."""
        longest = 0
        for needle in self._needles:
            for length in range(min(len(needle) - 1, len(data)), longest, -1):
                if data.endswith(needle[:length]):
                    longest = length
                    break
        return longest


class Logger:
    """Takes the messages out of the stream and acts on them; the rest goes to the log."""

    def __init__(self, token: str, folder: str, secrets: list[bytes]) -> None:
        self._marker = b"\0" + token.encode() + b" "
        self._folder = folder
        self._secrets = secrets
        self._masker = Masker(secrets)
        self._remembered: bytearray | None = None
        self._input = b""
        self._answers: int | None = None

    def feed(self, data: bytes) -> None:
        """Take more of the input."""
        self._input += data
        while True:
            before, marker, after = self._input.partition(self._marker)
            if not marker:
                break
            message, nul, rest = after.partition(b"\0")
            if not nul:
                return
            self._write(self._masker.feed(before) + self._masker.flush())
            self._input = rest
            self._act(message)
        kept = next((n for n in range(len(self._marker) - 1, 0, -1) if self._input.endswith(self._marker[:n])), 0)
        end = len(self._input) - kept
        self._write(self._masker.feed(self._input[:end]))
        self._input = self._input[end:]

    def close(self) -> None:
        """Write the rest."""
        self._write(self._masker.feed(self._input) + self._masker.flush())

    def _act(self, message: bytes) -> None:
        verb, _, argument = message.partition(b" ")
        if verb == b"begin":
            self._remembered = bytearray()
        elif verb == b"match":
            text = (self._remembered or b"")[-_MOST_REMEMBERED:].decode("utf-8", "replace")
            self._answer(b"yes\n" if re.search(argument.decode("utf-8", "replace"), text) else b"no\n")
        elif verb == b"export":
            masker = Masker(self._secrets)
            with open(os.path.join(self._folder, "exported"), "ab") as exported:  # noqa: PTH118, PTH123 - pathlib costs 10 ms
                exported.write(masker.feed(argument) + masker.flush() + b"\0")

    def _answer(self, answer: bytes) -> None:
        # The pipe stays open: a reader that comes while an earlier answer's end of it is being closed would find it at its end.
        if self._answers is None:
            self._answers = os.open(os.path.join(self._folder, "answer"), os.O_RDWR)  # noqa: PTH118 - pathlib costs 10 ms
        os.write(self._answers, answer)

    def _write(self, data: bytes) -> None:
        if self._remembered is not None:
            self._remembered += data
            if len(self._remembered) > 2 * _MOST_REMEMBERED:
                del self._remembered[:-_MOST_REMEMBERED]
        view = memoryview(data)
        while view:
            view = view[os.write(1, view) :]


def main() -> None:
    """Run until the input ends."""
    token, folder = sys.argv[1:]
    prefix = SECRET_PREFIX.encode()
    logger = Logger(token, folder, [value for name, value in os.environb.items() if name.startswith(prefix)])
    while data := os.read(0, 1 << 16):
        logger.feed(data)
    logger.close()


if __name__ == "__main__":
    main()
