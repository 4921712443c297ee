""".dockerignore, by Docker's rules (moby's ``patternmatcher``), which are not git's. Pure.

A pattern is anchored at the context's root; ``*`` stays inside one folder, ``**`` crosses any number of them; a pattern that
matches a folder takes all below it; the last pattern that matches wins, and ``!`` brings back.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass


class PatternError(ValueError):
    """A pattern that cannot be read. ``line`` is 1-based, 0 when the pattern is not from a file."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class _Rule:
    matcher: re.Pattern[str]
    brings_back: bool


@dataclass(frozen=True)
class IgnoreRules:
    """The rules of one .dockerignore, in order."""

    rules: tuple[_Rule, ...] = ()

    @classmethod
    def parse(cls, lines: Iterable[str]) -> IgnoreRules:
        """Read the lines of a .dockerignore. Raises PatternError with the line of a pattern that cannot be read."""
        rules: list[_Rule] = []
        for number, raw in enumerate(lines, 1):
            if raw.startswith("#") or not (line := raw.strip()):
                continue
            brings_back = line.startswith("!")
            pattern = line.removeprefix("!").strip()
            if not pattern:
                raise PatternError("`!` has no pattern after it", number)
            cleaned = posixpath.normpath(pattern).lstrip("/")
            if cleaned in {"", "."}:
                continue
            try:
                rules.append(_Rule(compile_pattern(cleaned), brings_back))
            except PatternError as error:
                raise PatternError(str(error), number) from None
        return cls(tuple(rules))

    def excludes(self, path: str) -> bool:
        """Whether a path relative to the context, with forward slashes, is left out of it."""
        parts = path.split("/")
        # The path itself and every folder above it: a rule for a folder is a rule for what is in it.
        candidates = ["/".join(parts[:n]) for n in range(len(parts), 0, -1)]
        excluded = False
        for rule in self.rules:
            if rule.brings_back == excluded and any(rule.matcher.fullmatch(c) for c in candidates):
                excluded = not rule.brings_back
        return excluded

    @property
    def can_bring_back(self) -> bool:
        """Whether something inside an excluded folder may be part of the context."""
        return any(rule.brings_back for rule in self.rules)


def compile_pattern(pattern: str, *, crosses_folders: bool = True) -> re.Pattern[str]:
    """A pattern of Go's ``filepath.Match``, with Docker's ``**`` when ``crosses_folders``, as a regular expression.

    Raises:
        PatternError: A ``[`` without its ``]``, or an empty or reversed range.
    """
    out: list[str] = []
    at = 0
    while at < len(pattern):
        character = pattern[at]
        if crosses_folders and pattern.startswith("**", at):
            at += 3 if pattern.startswith("**/", at) else 2
            out.append(".*" if at >= len(pattern) else "(?:.*/)?")
            continue
        if character == "[":
            text, at = _character_class(pattern, at)
            out.append(text)
            continue
        if character == "\\" and at + 1 < len(pattern):
            at += 1
            out.append(re.escape(pattern[at]))
        else:
            out.append({"*": "[^/]*", "?": "[^/]"}.get(character) or re.escape(character))
        at += 1
    return re.compile("".join(out), re.DOTALL)


def _character_class(pattern: str, start: int) -> tuple[str, int]:
    """The class that begins at ``start`` as a regular expression, and the index behind it."""
    at = start + 1
    negated = pattern.startswith("^", at)
    at += negated
    ranges: list[str] = []
    while at < len(pattern) and (pattern[at] != "]" or not ranges):
        low, at = _class_character(pattern, at)
        high = low
        if pattern.startswith("-", at):
            high, at = _class_character(pattern, at + 1)
        if low > high:
            raise PatternError(f"`{pattern}` has a range that ends before it begins")
        ranges.append(f"{re.escape(low)}-{re.escape(high)}")
    if at >= len(pattern):
        raise PatternError(f"`{pattern}` has no closing `]`")
    # As in Go, a class never matches the separator.
    return f"(?!/)[{'^' if negated else ''}{''.join(ranges)}]", at + 1


def _class_character(pattern: str, at: int) -> tuple[str, int]:
    escaped = pattern.startswith("\\", at)
    at += escaped
    if at >= len(pattern) or (not escaped and pattern[at] in "-]"):
        raise PatternError(f"`{pattern}` has a `[` that does not hold a set of characters")
    return pattern[at], at + 1


def is_pattern(path: str) -> bool:
    """Whether a COPY source is a pattern rather than a plain path."""
    return any(character in path for character in "*?[")
