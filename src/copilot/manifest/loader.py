"""Reading a file that a person wrote: everything wrong in it is found at once, each at its line and column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Literal, TypeVar

from pydantic import ValidationError

from copilot.errors import Diagnostic, KeyPath, ManifestError, Problem
from copilot.manifest.faults import faults_of
from copilot.manifest.section import Section
from copilot.manifest.tree import Flaw, Node, Span, Tree, UnreadableError, read_tree
from copilot.manifest.values import Written, kind_of

M = TypeVar("M", bound=Section)

LARGEST_FILE = 1_000_000
"""Bytes. Nobody writes more by hand, and it keeps a wrong path from filling the memory."""


_CREDENTIALS_IN_URL = re.compile(r"://[^/\s@]+@")
_CONTEXT = 120
"""How many characters of a line are shown after what is underlined."""


@dataclass(frozen=True)
class Position:
    """A place in a file: line and column from 1, and how many characters of that line."""

    line: int
    column: int
    length: int


@dataclass(frozen=True)
class SourceText:
    """The text of a file, and its name as messages show it."""

    path: Path
    shown_as: str
    text: str

    def position(self, span: Span) -> Position:
        """A stretch of the text, cut at the end of its first line."""
        start = min(span.start, len(self.text))
        line_start = self.text.rfind("\n", 0, start) + 1
        stretch = self.text[start : max(span.end, start)].split("\n", 1)[0].rstrip()
        return Position(self.text.count("\n", 0, start) + 1, start - line_start + 1, max(1, len(stretch)))

    def diagnostic(self, span: Span, message: str, hint: str | None = None) -> Diagnostic:
        """A message about a stretch of the text."""
        position = self.position(span)
        line = _without_credentials(self.text.split("\n")[position.line - 1].rstrip())
        end = position.column + position.length + _CONTEXT
        # One character for another, so that the caret stays below what it points at.
        shown = "".join(c if c.isprintable() else " " for c in line[:end]) + ("…" if len(line) > end else "")
        return Diagnostic(self.shown_as, position.line, position.column, position.length, message, shown, hint)


@dataclass(frozen=True)
class Document(Generic[M]):
    """A file that was read and found good.

    Attributes:
        path: Where it is.
        shown_as: Its path as messages show it.
        text: What it says.
        model: What it means.
    """

    path: Path
    shown_as: str
    text: str
    model: M
    _root: Node = field(repr=False, compare=False)

    def locate(self, path: KeyPath, at: Literal["key", "value"] = "value") -> Position:
        """Where a key or its value is. For what is not there: the innermost thing around it that is."""
        return self._source.position(span_of(self._root, self.text, path, at))

    def diagnostic(self, problem: Problem) -> Diagnostic:
        """A problem with its line and column."""
        return self._source.diagnostic(span_of(self._root, self.text, problem.path, problem.at), problem.message, problem.hint)

    @property
    def _source(self) -> SourceText:
        return SourceText(self.path, self.shown_as, self.text)


def load(path: Path, model: type[M], *, shown_as: str | None = None) -> Document[M]:
    """Read and check a file.

    Args:
        path: The file.
        model: What it should hold.
        shown_as: Its path as messages show it; None: relative to the working directory where it lies below that.

    Raises:
        ManifestError: It cannot be read, or something is wrong in it; all that is wrong, in the order of the file.
    """
    return check(read(path, shown_as), model)


def parse(text: str, model: type[M], shown_as: str) -> Document[M]:
    """Check text as if it were in a file called ``shown_as``. Raises ManifestError as `load` does."""
    return check(SourceText(Path(shown_as), shown_as, text), model)


def read(path: Path, shown_as: str | None = None) -> SourceText:
    """The text of a file. Raises ManifestError if it is missing, not a file, too large, or not UTF-8."""
    shown_as = shown_as or display_path(path)
    try:
        if path.is_fifo():
            raise ManifestError([_whole_file(shown_as, "this is a pipe, not a file")])
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            raise ManifestError([_whole_file(shown_as, f"the file is larger than {LARGEST_FILE // 1_000_000} MB")])
        return SourceText(path, shown_as, content.decode("utf-8-sig"))
    except FileNotFoundError:
        message, hint = "there is no such file", None
    except IsADirectoryError:
        message, hint = "this is a folder, not a file", None
    except UnicodeDecodeError:
        message, hint = "this is not a text file in UTF-8", "save it as UTF-8"
    except (OSError, ValueError) as error:
        message, hint = f"the file cannot be read: {getattr(error, 'strerror', None) or error}", None
    raise ManifestError([_whole_file(shown_as, message, hint)])


def check(source: SourceText, model: type[M]) -> Document[M]:
    """Check the text of a file. Raises ManifestError with all that is wrong, in the order of the file."""
    return validate(source, tree_of(source), model)


def tree_of(source: SourceText) -> Tree:
    """The YAML of a file, which is a mapping. Raises ManifestError if it cannot be parsed or is something else."""
    try:
        tree = read_tree(source.text)
    except UnreadableError as error:
        raise ManifestError([_of_flaw(source, error.flaw)]) from None
    if tree.root.data == Written(None, ""):
        raise ManifestError([source.diagnostic(Span(0, 1), "the file is empty")])
    if not isinstance(tree.root.data, dict):
        message = f"the file must hold keys with values, such as `name: my-shop`, not {kind_of(tree.root.data)}"
        raise ManifestError([source.diagnostic(tree.root.span, message)])
    return tree


def validate(source: SourceText, tree: Tree, model: type[M]) -> Document[M]:
    """Check what a file means. Raises ManifestError with all that is wrong."""
    diagnostics = [_of_flaw(source, flaw) for flaw in tree.flaws]
    try:
        meaning = model.model_validate(tree.root.data)
    except ValidationError as error:
        problems = [fault.problem(tree.root.data) for fault in faults_of(error)]
        diagnostics += [source.diagnostic(span_of(tree.root, source.text, p.path, p.at), p.message, p.hint) for p in problems]
    else:
        if not diagnostics:
            return Document(source.path, source.shown_as, source.text, meaning, tree.root)
    raise ManifestError(_once(diagnostics))


def span_of(root: Node, text: str, path: KeyPath, at: Literal["key", "value"]) -> Span:
    """Where a key or its value is in the text. For what is not there: the innermost thing around it that is."""
    node, key = root, Span(root.span.start, root.span.start)
    for part in path:
        child = node.children.get(part)
        if child is None:
            # One text may stand for a mapping, as in `build: Dockerfile`: then it is the place of all that is in it.
            at = "key" if isinstance(node.data, (dict, list)) else at
            break
        node, key = child, node.keys.get(part, Span(child.span.start, child.span.start))
    nothing_there = isinstance(node.data, Written) and node.data.value is None and node.data.text == ""
    in_lines_below = key.end > key.start and "\n" in text[key.end : node.span.start]
    if at == "key" or nothing_there or in_lines_below:
        return key if key.end > key.start else _first_word(text, key.start)
    return node.span if node.span.end > node.span.start else _first_word(text, node.span.start)


def display_path(path: Path) -> str:
    """A path as a person would type it: relative to the working directory if it lies below that."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def _without_credentials(line: str) -> str:
    """One character for another, so that a column stays a column."""
    return _CREDENTIALS_IN_URL.sub(lambda match: f"://{'*' * (len(match.group()) - 4)}@", line)


def _first_word(text: str, start: int) -> Span:
    """The word at an index; where there is none, the last character before that is not a space."""
    word = re.compile(r"[^\s:,\[\]{}]+").match(text, start)
    if word:
        return Span(*word.span())
    if start >= len(text) or text[start].isspace():
        start = max(0, len(text[:start].rstrip()) - 1)
    return Span(start, start + 1)


def _of_flaw(source: SourceText, flaw: Flaw) -> Diagnostic:
    return source.diagnostic(flaw.span, flaw.message, flaw.hint)


def _whole_file(shown_as: str, message: str, hint: str | None = None) -> Diagnostic:
    return Diagnostic(shown_as, 1, 1, 1, message, "", hint)


def _once(diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Without repetition: what an alias repeats is wrong once."""
    return list(dict.fromkeys(diagnostics))
