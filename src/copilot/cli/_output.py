"""How commands speak: the answer on stdout, the talk on stderr.

Write freely with colours (`bold`, `red`, …) and symbols (✓ ✗ ◷ · →): `out` and `say` leave out colours where a stream is
no colour terminal, and replace symbols where it cannot show them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import threading
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from copilot.errors import CopilotError, Diagnostic

OK, FAILED, RUNNING, WAITING = "✓", "✗", "◷", "·"
"""Symbols of a thing that succeeded, failed, is in progress, has not begun."""

_ASCII = str.maketrans({OK: "+", FAILED: "x", RUNNING: "~", WAITING: "-", "→": "->", "…": "...", "─": "-"})
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
_PROGRESS_DELAY = 0.3
_PLAIN_PROGRESS_DELAY = 0.8
_NARROWEST = 20
_GUTTER = len("    1 | ")
"""Columns in front of a line of a file, in a diagnostic."""
_in_progress: list[str] = []


def bold(text: str) -> str:
    """Text that matters."""
    return f"\x1b[1m{text}\x1b[0m"


def dim(text: str) -> str:
    """Text that matters less."""
    return f"\x1b[2m{text}\x1b[0m"


def red(text: str) -> str:
    """Text about a failure."""
    return f"\x1b[31m{text}\x1b[0m"


def green(text: str) -> str:
    """Text about a success."""
    return f"\x1b[32m{text}\x1b[0m"


def yellow(text: str) -> str:
    """Text about something that waits or deserves care."""
    return f"\x1b[33m{text}\x1b[0m"


def has_colour(stream: IO[str]) -> bool:
    """Whether to colour what is written there: a terminal, not a dumb one, and ``NO_COLOR`` is not set."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def has_symbols(stream: IO[str]) -> bool:
    """Whether the stream can show the symbols."""
    if os.environ.get("TERM") == "dumb":
        return False
    try:
        f"{OK}{FAILED}{RUNNING}{WAITING}→".encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def fit(text: str, stream: IO[str]) -> str:
    """The text as that stream can show it: without colours or symbols if it cannot."""
    if not has_colour(stream):
        text = _ESCAPES.sub("", text)
    if not has_symbols(stream):
        text = text.translate(_ASCII)
        encoding = getattr(stream, "encoding", None) or "ascii"
        text = text.encode(encoding, "replace").decode(encoding)
    return text


def out(text: str = "", *, newline: bool = True) -> None:
    """Write part of the answer to stdout."""
    _write(text, sys.stdout, newline=newline)


def say(text: str = "", *, newline: bool = True, wrapped: bool = True) -> None:
    """Write talk to stderr: what was done, what comes next.

    On a terminal, lines that are too long for it are broken between words, unless ``wrapped`` is false: what is to be copied
    stays in one piece.
    """
    _write(wrap(text, _columns(sys.stderr)) if wrapped else text, sys.stderr, newline=newline)


def say_done(text: str) -> None:
    """Say that something was done."""
    say(f"{green(OK)} {text}")


def say_next(*commands: str) -> None:
    """Say what to type next."""
    lead = "Next   "
    lines = ((lead if i == 0 else " " * len(lead)) + bold(c) for i, c in enumerate(commands))
    say("\n" + "\n".join(lines), wrapped=False)


def timestamp(seconds: float) -> str:
    """A time as AWS Copilot's JSON has it: RFC 3339, UTC."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def print_json(value: object) -> None:
    """Write a value as JSON to stdout: engine values by their camelCase keys, inside lists and mappings too."""
    sys.stdout.write(json.dumps(value, default=_jsonable, indent=2, ensure_ascii=not has_symbols(sys.stdout)) + "\n")
    sys.stdout.flush()


def table(rows: Sequence[Sequence[str]], headers: Sequence[str], *, width: int | None = None) -> str:
    """Rows in aligned columns, two spaces apart.

    Where they do not fit, each row becomes lines of its own, ``header  cell``, so that nothing is cut off; cells that say
    nothing are left out.

    Args:
        rows: Cells, coloured or not; each row as long as ``headers``.
        headers: One word for each column.
        width: Columns of the terminal; None: stdout's, or no limit when it is not a terminal.
    """
    if width is None:
        width = _columns(sys.stdout)
    grid = [[dim(h) for h in headers], *rows]
    widths = [max(cell_width(row[i]) for row in grid) for i in range(len(headers))]
    if sum(widths) + 2 * (len(widths) - 1) <= width:
        return "\n".join(_line(row, widths) for row in grid)
    label = max(cell_width(h) for h in headers)
    records = ([(h, cell) for h, cell in zip(headers, row, strict=True) if cell] for row in rows)
    return "\n\n".join("\n".join(f"{pad(dim(h), label)}  {cell}" for h, cell in record) for record in records)


def fields(pairs: Mapping[str, str] | Sequence[tuple[str, str]]) -> str:
    """Names and values in two columns."""
    items = list(pairs.items() if isinstance(pairs, Mapping) else pairs)
    label = max((cell_width(name) for name, _ in items), default=0)
    return "\n".join(f"{pad(dim(name), label)}  {value}".rstrip() for name, value in items)


def cell_width(text: str) -> int:
    """Columns that a text takes on a terminal."""
    plain = _ESCAPES.sub("", text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in plain)


def pad(text: str, width: int) -> str:
    """The text with spaces after it up to a number of columns."""
    return text + " " * (width - cell_width(text))


def wrap(text: str, width: int) -> str:
    """The text with its lines broken between words where they take more than a number of columns.

    What follows is indented as the line is, or as the words after its symbol. A word that is longer than a line stays whole.
    """
    return "\n".join(_wrapped(line, width) if cell_width(line) > width else line for line in text.split("\n"))


def shown_path(path: Path) -> str:
    """A path as a person would type it here: relative, unless the whole path is shorter."""
    return min(str(path), os.path.relpath(path), key=len)


def duration(seconds: float) -> str:
    """A duration for a person: ``0.4 s``, ``12 s``, ``3 min 5 s``, ``2 h 10 min``, ``3 d 4 h``."""
    if seconds < 9.95:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    for size, unit, small, small_unit in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // small
            return f"{whole // size} {unit}" + (f" {rest} {small_unit}" if rest else "")
    raise AssertionError(seconds)


def ago(then: float, now: float) -> str:
    """How long ago a time was: ``just now``, ``4 min ago``. Both in seconds since the epoch."""
    passed = now - then
    if passed < 10:
        return "just now"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if passed >= size:
            return f"{int(passed // size)} {unit} ago"
    return f"{int(passed)} s ago"


@contextmanager
def progress(message: str) -> Iterator[None]:
    """Show that something goes on, from the time it takes long enough to wonder; gone when it is over.

    On a terminal a spinner, else one plain line. Other output is fine meanwhile. Inside of another one it shows nothing.
    """
    if _in_progress:
        yield
        return
    spin = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    spinners: list[Any] = []

    def show() -> None:
        if not spin:
            say(f"{message} …")
            return
        from rich.console import Console

        status = Console(file=sys.stderr).status(fit(message, sys.stderr), spinner="dots" if has_symbols(sys.stderr) else "line")
        status.start()
        spinners.append(status)

    timer = threading.Timer(_PROGRESS_DELAY if spin else _PLAIN_PROGRESS_DELAY, show)
    timer.daemon = True
    timer.start()
    _in_progress.append(message)
    try:
        yield
    finally:
        _in_progress.clear()
        timer.cancel()
        timer.join()
        for status in spinners:
            status.stop()


def show_error(error: CopilotError) -> None:
    """Write an error to stderr: what is wrong, details, what to do."""
    from copilot.errors import ManifestError

    if isinstance(error, ManifestError):
        say("\n\n".join([*(_coloured(d) for d in error.diagnostics), error.message]))
    else:
        say(f"{red(bold('error:'))} {error.message}")
    for line in error.details:
        say(f"    {line}", wrapped=False)
    if error.hint:
        say(f"  {error.hint}")


def show_warnings(warnings: Sequence[Diagnostic]) -> None:
    """Write warnings about a manifest to stderr."""
    for warning in warnings:
        say(_coloured(warning) + "\n")


def _coloured(diagnostic: Diagnostic) -> str:
    """The diagnostic as `Diagnostic.render` has it, with colours; on a terminal, no wider than that."""
    paint = red if diagnostic.severity == "error" else yellow
    width = _columns(sys.stderr)
    place = f"{diagnostic.file}:{diagnostic.line}:{diagnostic.column}:"
    head = f"{paint(bold(f'{diagnostic.severity}:'))} {place} {diagnostic.message}"
    line, column = _window(diagnostic.source_line, diagnostic.column, width - _GUTTER)
    length = max(1, min(diagnostic.length, width - _GUTTER - column + 1))
    pointer = f"{' ' * (_GUTTER - 2)}| {' ' * (column - 1)}{paint('^' * length)}"
    lines = [head, f"{diagnostic.line:>{_GUTTER - 3}} | {line}", pointer]
    if diagnostic.hint and cell_width(pointer) + 1 + cell_width(diagnostic.hint) <= width:
        lines[-1] += f" {diagnostic.hint}"
    elif diagnostic.hint:
        lines.append(" " * _GUTTER + diagnostic.hint)
    return "\n".join(lines)


def _window(line: str, column: int, width: int) -> tuple[str, int]:
    """What of a line of a file fits into a number of columns, a column of it included; and where that column is then."""
    if len(line) <= width:
        return line, column
    start = max(0, min(column - 1 - width // 4, len(line) - width))
    shown = line[start : start + width]
    if start > 0:
        shown = "…" + shown[1:]
    if start + width < len(line):
        shown = shown[:-1] + "…"
    return shown, column - start


def _wrapped(line: str, width: int) -> str:
    text = line.lstrip(" ")
    indent = " " * (len(line) - len(text))
    first, *words = re.split(r"( +)", text)
    lines = [indent + first]
    if _ESCAPES.sub("", first) in (OK, FAILED):
        indent += "  "
    for blank, word in zip(words[::2], words[1::2], strict=True):
        if cell_width(lines[-1] + blank + word) <= width:
            lines[-1] += blank + word
        else:
            lines.append(indent + word)
    return "\n".join(lines)


def _columns(stream: IO[str]) -> int:
    """The width of a terminal; no limit elsewhere."""
    return max(_NARROWEST, shutil.get_terminal_size().columns) if stream.isatty() else sys.maxsize


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(pad(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _jsonable(value: object) -> object:
    from pydantic import BaseModel, TypeAdapter
    from pydantic.alias_generators import to_camel

    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    plain = TypeAdapter(type(value)).dump_python(value, mode="json")
    return {to_camel(key): item for key, item in plain.items()} if isinstance(plain, dict) else plain


def _write(text: str, stream: IO[str], *, newline: bool) -> None:
    stream.write(fit(text, stream) + ("\n" if newline else ""))
    stream.flush()
