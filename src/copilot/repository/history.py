"""Commits as git lists them."""

from __future__ import annotations

from dataclasses import dataclass

LOG_ARGUMENTS = ("-z", "--format=%H%x00%s%x00%an%x00%ct", "--no-show-signature")
LOG_CONFIG = ("i18n.logOutputEncoding=UTF-8",)
"""Arguments and configuration with which `git log` prints what `parse_log` reads."""

MOST_COMMITS = 100


@dataclass(frozen=True)
class Commit:
    """A commit: its full id, the first line of its message, its author's name, when it was made in seconds since the epoch."""

    id: str
    summary: str
    author: str
    committed_at: float


def parse_log(out: str) -> list[Commit]:
    """The commits that `git log` printed."""
    fields = out.removesuffix("\0").split("\0")
    rows = [fields[start : start + 4] for start in range(0, len(fields) - 3, 4)]
    return [Commit(i, _line(s), _line(a), float(t)) for i, s, a, t in rows]


def _line(text: str) -> str:
    """Text of a commit, fit for one line of a terminal."""
    readable = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(character if character.isprintable() else " " for character in readable).strip()
