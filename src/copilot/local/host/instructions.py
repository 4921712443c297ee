"""The instructions of a Dockerfile with their places, before anyone knows what they mean."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from dockerfile_parse import DockerfileParser

from copilot.errors import BuildError

_DIRECTIVE = re.compile(r"\s*#\s*([a-zA-Z]+)\s*=\s*(.*?)\s*")
_COMMENT = re.compile(r"\s*#")


@dataclass(frozen=True)
class Place:
    """A place in a file: its path as a person would type it, line and column, both from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Instruction:
    """One instruction: its lines joined, comments and continuations gone.

    Attributes:
        keyword: In capitals.
        value: What follows the keyword.
        spans: Where the pieces of ``value`` were: (offset in ``value``, place of its first character).
        source_line: The first line, as written.
    """

    keyword: str
    value: str
    place: Place
    spans: tuple[tuple[int, Place], ...]
    source_line: str

    @property
    def text(self) -> str:
        """The instruction on one line."""
        return f"{self.keyword} {' '.join(self.value.split())}"

    def at(self, offset: int) -> Place:
        """Where the character of ``value`` at ``offset`` stands in the file."""
        start, place = next((span for span in reversed(self.spans) if span[0] <= offset), (0, self.place))
        return replace(place, column=place.column + offset - start)

    def json_list(self, start: int = 0) -> tuple[str, ...] | None:
        """The value from ``start`` on as a list of strings if it is one in JSON, else None."""
        text = self.value[start:]
        if not text.startswith("["):
            return None
        try:
            listed = json.loads(text)
        except ValueError:
            return None
        return tuple(listed) if all(isinstance(item, str) for item in listed) else None

    def message(self, what: str, offset: int | None = None) -> str:
        """A message that begins with the place: of the keyword, or of the character of ``value`` at ``offset``."""
        place = self.place if offset is None else self.at(offset)
        return f"{place}: {what}"

    def excerpt(self) -> tuple[str, ...]:
        """The first line and a caret under the keyword, as manifest errors show them."""
        caret = " " * (self.place.column - 1) + "^" * len(self.keyword)
        return (f"{self.place.line:>5} | {self.source_line}", f"      | {caret}")

    def error(self, what: str, *, hint: str | None = None, offset: int | None = None) -> BuildError:
        """A BuildError about this instruction."""
        return BuildError(self.message(what, offset), hint=hint, details=self.excerpt() if offset is None else ())


@dataclass(frozen=True)
class Script:
    """All instructions of a Dockerfile in order, and its escape character."""

    instructions: tuple[Instruction, ...]
    escape: str


def read_instructions(text: str, file: str) -> Script:
    """Find the instructions of a Dockerfile. Raises BuildError for an escape directive that Docker would not take."""
    lines = text.replace("\r\n", "\n").split("\n")
    escape = _escape(lines, file)
    # The parser ends an instruction at a blank line where Docker goes on, and forgets one that ends with the file.
    prepared = "\n".join(line if line.strip() else "#" for line in lines) + "\n\n"
    structure = DockerfileParser(fileobj=io.BytesIO(prepared.encode())).structure
    found = [entry for entry in structure if entry["instruction"] != "COMMENT"]
    return Script(tuple(_instruction(file, lines, entry, escape) for entry in found), escape)


def _escape(lines: list[str], file: str) -> str:
    for number, line in enumerate(lines, 1):
        directive = _DIRECTIVE.fullmatch(line)
        if directive is None:
            break
        if directive[1].lower() == "escape":
            if directive[2] not in {"\\", "`"}:
                raise BuildError(f"{file}:{number}:1: the escape character must be `\\` or a backquote, not `{directive[2]}`")
            return directive[2]
    return "\\"


def _instruction(file: str, lines: list[str], entry: Mapping[str, Any], escape: str) -> Instruction:
    first: int = entry["startline"]
    last: int = entry["endline"]
    value: str = entry["value"]
    line = lines[first]
    keyword_at = len(line) - len(line.lstrip())
    keyword = str(entry["instruction"])
    rest = line[keyword_at + len(keyword) :]
    column = keyword_at + len(keyword) + len(rest) - len(rest.lstrip())
    spans = [(0, Place(file, first + 1, column + 1))]
    length = len(_without_continuation(line[column:], escape))
    for number in range(first + 1, min(last + 1, len(lines))):
        continued = lines[number]
        if _COMMENT.match(continued) or not continued.strip():
            continue
        indent = len(continued) - len(continued.lstrip()) if length == 0 else 0
        spans.append((length, Place(file, number + 1, indent + 1)))
        length += len(_without_continuation(continued[indent:], escape))
    return Instruction(keyword, value.rstrip(), Place(file, first + 1, keyword_at + 1), tuple(spans), line)


def _without_continuation(line: str, escape: str) -> str:
    return line.rstrip().removesuffix(escape)
