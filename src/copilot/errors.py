"""The one exception hierarchy: every message says what is wrong, where, and what to do.

Raise these for anything a person did or can mend. Anything else is a defect of ours and surfaces as a traceback
with ``--debug``. A message never holds a secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

KeyPath = tuple[str | int, ...]
"""Where a value sits in a YAML document: mapping keys and list indexes from the root."""


@dataclass(frozen=True)
class Problem:
    """Something wrong at one place of a document, before its line and column are known.

    Attributes:
        path: Keys and indexes from the root of the document to the offending place.
        message: One sentence, no full stop: what is wrong. Names are quoted with backticks.
        hint: What to do about it, or None.
        at: Whether the key itself or its value is to be pointed at.
    """

    path: KeyPath
    message: str
    hint: str | None = None
    at: Literal["key", "value"] = "value"


@dataclass(frozen=True)
class Diagnostic:
    """One problem at a position of a file, ready to be shown.

    Attributes:
        file: Path as a person would type it (relative to the working directory where possible).
        line: 1-based.
        column: 1-based, in characters.
        length: How many characters to underline, at least 1.
        message: One sentence, no full stop.
        source_line: The text of that line, without its newline.
        hint: What to do about it, or None.
        severity: ``error`` stops; ``warning`` is shown; ``note`` is worth knowing.
    """

    file: str
    line: int
    column: int
    length: int
    message: str
    source_line: str
    hint: str | None = None
    severity: Literal["error", "warning", "note"] = "error"

    def render(self) -> str:
        """The diagnostic as plain text: severity, position, sentence, line, caret, hint."""
        head = f"{self.severity}: {self.file}:{self.line}:{self.column}: {self.message}"
        gutter = " " * 5
        caret = " " * (self.column - 1) + "^" * max(1, self.length)
        tail = f" {self.hint}" if self.hint else ""
        return f"{head}\n{self.line:>5} | {self.source_line}\n{gutter} | {caret}{tail}"


class CopilotError(Exception):
    """Something a person can mend.

    Attributes:
        message: What is wrong and where, one sentence without a full stop.
        hint: What to do, or None when the message says it all.
        details: Further lines worth seeing, such as the tail of a log.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None, details: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = tuple(details)


class UsageError(CopilotError):
    """The command line itself is wrong: a missing or contradicting flag."""

    exit_code = 2


class NotFoundError(CopilotError):
    """A named thing does not exist."""


class ConflictError(CopilotError):
    """A thing exists already, or is in a state that does not allow what was asked."""


class UnsupportedError(CopilotError):
    """What was asked is valid but not something this engine or runtime does."""


class EngineUnavailableError(CopilotError):
    """The engine cannot be reached."""


class BuildError(CopilotError):
    """An image could not be built."""


class DeploymentError(CopilotError):
    """A release did not become healthy; what ran before still runs."""


class RepositoryError(CopilotError):
    """A git repository cannot be found, reached or read."""


class ManifestError(CopilotError):
    """A file a person wrote has problems; all of them are in ``diagnostics``, in order."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        self.diagnostics = tuple(sorted(diagnostics, key=lambda d: (d.file, d.line, d.column)))
        count = len(self.diagnostics)
        files = sorted({d.file for d in self.diagnostics})
        plural = "error" if count == 1 else "errors"
        super().__init__(f"{count} {plural} in {', '.join(files)}; nothing was changed")

    def render(self) -> str:
        """Every diagnostic, then the closing line."""
        return "\n\n".join([*(d.render() for d in self.diagnostics), self.message])


class PlanError(CopilotError):
    """A pipeline manifest names things that do not exist or that depend on each other in a circle.

    Attributes:
        problems: All of them, each with its path in the manifest, for the loader to turn into diagnostics.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(p.message for p in self.problems))
