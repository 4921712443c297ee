"""Text for a terminal as data: lines of styled spans, made by pure functions and coloured only where they are printed."""

from __future__ import annotations

import os
import shutil
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import IO, Literal

from copilot.cli._output import bold, cell_width, dim, green, has_symbols, red, yellow

Style = Literal["", "good", "bad", "busy", "wait", "quiet", "strong"]
"""What a piece of text means; `paint` decides its colour."""

_PAINT: dict[Style, Callable[[str], str]] = {
    "": str,
    "good": green,
    "bad": red,
    "busy": yellow,
    "wait": yellow,
    "quiet": dim,
    "strong": bold,
}
_NARROWEST = 30
_ID_LETTERS = 8
"""Of an execution's id that is no number."""
_UNLIMITED = 100_000
_ASCII = str.maketrans("→…·“”—\u2013✓✗◷", '>~.""--+x?')
"""One character for one, so that no line gets longer."""


@dataclass(frozen=True)
class Span:
    """A piece of a line in one style."""

    text: str
    style: Style = ""


Line = tuple[Span, ...]


@dataclass(frozen=True)
class Look:
    """What the place that the text goes to can show.

    Attributes:
        width: Columns.
        height: Rows that a view which is redrawn may use; None if it may be any number.
        symbols: Whether characters beyond ASCII can be shown.
    """

    width: int = 80
    height: int | None = None
    symbols: bool = True

    @classmethod
    def of(cls, stream: IO[str]) -> Look:
        """What a stream can show. A width set in ``COLUMNS`` counts also where there is no terminal, else that is wide."""
        known = stream.isatty() or os.environ.get("COLUMNS")
        width = shutil.get_terminal_size().columns if known else _UNLIMITED
        return cls(width=max(_NARROWEST, width), symbols=has_symbols(stream))

    @property
    def arrow(self) -> str:
        """What points from something to what came, or comes, of it."""
        return "→" if self.symbols else "->"

    def translate(self, line: Line) -> Line:
        """The line in characters that can be shown."""
        if self.symbols:
            return line
        return tuple(Span(_to_ascii(span.text), span.style) for span in line)


def _to_ascii(text: str) -> str:
    return text.translate(_ASCII).encode("ascii", "replace").decode("ascii")


def plain(lines: Iterable[Line]) -> str:
    """The text of lines, without styles."""
    return "\n".join("".join(span.text for span in _trimmed(line)) for line in lines)


def paint(lines: Iterable[Line]) -> str:
    """The text of lines with colours, for `copilot.cli._output.out` and `say`."""
    return "\n".join("".join(_PAINT[span.style](span.text) for span in _trimmed(line)) for line in lines)


def _trimmed(line: Line) -> Line:
    """The line without blanks at its end."""
    while line and not line[-1].text.rstrip():
        line = line[:-1]
    return (*line[:-1], Span(line[-1].text.rstrip(), line[-1].style)) if line else line


def printable(text: str) -> str:
    """Text of others (a commit's summary, a log's line) with nothing in it that a terminal would obey."""
    kept = (c if c == "\t" or unicodedata.category(c)[0] != "C" else "\N{REPLACEMENT CHARACTER}" for c in text)
    return "".join(kept).expandtabs(4)


def line_width(line: Line) -> int:
    """How many columns a line takes."""
    return sum(cell_width(span.text) for span in line)


def shorten(text: str, width: int) -> str:
    """The text in at most ``width`` columns; what is cut off is replaced by ``…``."""
    if cell_width(text) <= width:
        return text
    kept = ""
    room = width - 1
    for character in text:
        room -= cell_width(character)
        if room < 0:
            break
        kept += character
    return kept.rstrip(" …") + "…" if width > 0 else ""


def cut(line: Line, width: int) -> Line:
    """The line in at most ``width`` columns."""
    if line_width(line) <= width:
        return line
    kept: list[Span] = []
    room = width
    for span in line:
        if cell_width(span.text) >= room:
            kept.append(Span(shorten(span.text + " ", room), span.style))
            break
        kept.append(span)
        room -= cell_width(span.text)
    return tuple(kept)


def flow(first: Line, rest: Sequence[Line], width: int, indent: int) -> list[Line]:
    """``first`` followed by the parts of ``rest``: each three blanks away where it fits, else on a line of its own."""
    lines = [first]
    for part in rest:
        joined = (*lines[-1], Span("   "), *part)
        if line_width(joined) <= width:
            lines[-1] = joined
        else:
            lines.append((Span(" " * indent), *part))
    return [cut(line, width) for line in lines]


def execution_label(id_: str) -> str:
    """What people call an execution: ``#14`` where they are counted, else the beginning of its id."""
    return f"#{id_}" if id_.isdecimal() else typed(id_)


def typed(id_: str) -> str:
    """What people type for an execution: its number, or the beginning of an id that is none."""
    return id_ if id_.isdecimal() else id_[:_ID_LETTERS]


def is_called(id_: str, word: str) -> bool:
    """Whether a person who typed ``word`` may mean the execution: a number has no beginnings."""
    return id_ == word or (not id_.isdecimal() and id_.startswith(word))


def short_revision(commit: str) -> str:
    """The first seven characters of a commit id, as git shows it."""
    return commit[:7]


def short_digest(digest: str) -> str:
    """An image's digest as people compare it: ``sha256:9f2c01…``. One that has only a name keeps it."""
    algorithm, _, value = digest.rpartition("@")[2].partition(":")
    return f"{algorithm}:{value[:6]}…" if algorithm == "sha256" else printable(digest)
