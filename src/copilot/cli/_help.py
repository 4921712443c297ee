"""Help of the program and of its groups, made from the table of commands. Imports nothing slow."""

from __future__ import annotations

import os
import sys

from copilot.cli._commands import DESCRIPTION, PROGRAM, SECTIONS, Entry, below, find

_WIDEST = 100
_NARROWEST = 30
_OPTIONS = [("-h, --help", "Show help, with an example for each command"), ("--debug", "Show the traceback of an error")]
_ROOT_OPTIONS = [*_OPTIONS, ("-v, --version", "Print the version")]
_ROOT_EXAMPLES = "copilot app init shop\ncopilot pipeline init\ncopilot pipeline status --watch"


def terminal_width() -> int:
    """Columns to fill: ``COLUMNS``, or the terminal's, or 80; within reason."""
    configured = os.environ.get("COLUMNS", "")
    if configured.isdecimal():
        columns = int(configured)
    else:
        try:
            columns = os.get_terminal_size(sys.stdout.fileno()).columns
        except (OSError, ValueError):
            columns = 80
    return max(_NARROWEST, min(columns or 80, _WIDEST))


def group_help(path: str, width: int) -> str:
    """Help of a group, or of the whole program (empty path), with a newline at its end."""
    entry = find(path) if path else None
    usage = f"{PROGRAM} {path} <command> [flags]" if path else f"{PROGRAM} <command> [flags]"
    blocks = [[*_wrap(f"{entry.summary}." if entry else DESCRIPTION, width)], ["Usage", f"  {usage}"]]
    entries = [e for e in below(path) if e.listed]
    if path:
        blocks.append(["Commands", *_columns([(e.name, e.summary) for e in entries], width)])
        examples = "\n".join(e.example for e in entries[:3])
    else:
        for section in SECTIONS:
            rows = [(e.name, e.summary) for e in entries if e.section == section]
            blocks.append([section, *_columns(rows, width)])
        examples = _ROOT_EXAMPLES
    blocks.append(["Flags", *_columns(_OPTIONS if path else _ROOT_OPTIONS, width)])
    blocks.append(["Examples", *(f"  {line}" for line in examples.splitlines())])
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def summary_line(entry: Entry) -> str:
    """The summary as a sentence, as the command's own help begins."""
    return f"{entry.summary}."


def _columns(rows: list[tuple[str, str]], width: int) -> list[str]:
    left = max(len(name) for name, _ in rows) + 4
    lines = []
    for name, text in rows:
        first, *rest = _wrap(text, max(width - left, 12))
        lines.append(f"  {name}".ljust(left) + first)
        lines += [" " * left + line for line in rest]
    return lines


def _wrap(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + word
    return lines
