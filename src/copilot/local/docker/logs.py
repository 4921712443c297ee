"""What containers print: lines with their times, kept in a file when a container is deleted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?)(Z|[+-]\d\d:\d\d) ?(.*)", re.DOTALL)
_DIGITS = 9


@dataclass(frozen=True, order=True)
class Line:
    """A line and when it was printed: a time of RFC 3339 in UTC with nine digits of a second, so that order is that of time."""

    time: str
    text: str


@dataclass(frozen=True)
class Cursor:
    """How far a log was read: the time of the last line, and how many lines of that very time were read."""

    time: str = ""
    count: int = 0

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Read what `str` wrote; empty: the beginning."""
        time, _, count = text.partition("/")
        return cls(time, int(count)) if time else cls()

    def __str__(self) -> str:
        return f"{self.time}/{self.count}" if self.time else ""


def parse(text: str, label: str = "", *, whole: bool = True) -> list[Line]:
    """The lines that `docker logs --timestamps` printed.

    Args:
        text: What it printed.
        label: Put before each line.
        whole: Leave out a last line that is not complete.
    """
    *complete, rest = text.split("\n")
    lines: list[Line] = []
    for line in complete if whole or not rest else [*complete, rest]:
        match = _TIME.match(line)
        if match:
            lines.append(Line(_exact(match[1]), f"{label}{match[3]}".rstrip("\r")))
    return lines


def after(lines: Iterable[Line], cursor: Cursor) -> tuple[list[Line], Cursor]:
    """The lines after a cursor, in the order of time, and the cursor after them."""
    fresh: list[Line] = []
    time, count = cursor.time, cursor.count
    skip = cursor.count
    for line in sorted(lines, key=lambda line: line.time):
        if line.time < cursor.time:
            continue
        if line.time == cursor.time and skip:
            skip -= 1
            continue
        fresh.append(line)
        time, count = (time, count + 1) if line.time == time else (line.time, 1)
    return fresh, Cursor(time, count)


def newer(lines: Iterable[Line], than: Iterable[Line]) -> list[Line]:
    """The lines that were printed after others, by time; those of one time as they came, since Podman tells only seconds."""
    last = max((line.time for line in than), default="")
    return sorted((line for line in lines if line.time > last), key=lambda line: line.time)


def append(file: Path, lines: Sequence[Line]) -> None:
    """Keep lines in a file that only its owner may read."""
    if not lines:
        return
    file.touch(mode=0o600)
    with file.open("a", encoding="utf-8") as log:
        log.writelines(f"{line.time}Z {line.text}\n" for line in lines)


def kept(file: Path) -> Iterator[Line]:
    """The lines that a file keeps."""
    try:
        text = file.read_text("utf-8", "replace")
    except FileNotFoundError:
        return
    yield from parse(text)


def _exact(time: str) -> str:
    """With all digits, as Docker leaves out zeros at the end."""
    whole, _, fraction = time.partition(".")
    return f"{whole}.{fraction:0<{_DIGITS}}"
