"""Reading logs while they are written."""

from __future__ import annotations

from pathlib import Path

from copilot.engine import LogChunk

_LARGEST_CHUNK = 1 << 20


def read_log(path: Path, offset: int, *, finished: bool) -> LogChunk:
    """Part of a log file, at most a mebibyte, cut between characters. A log that is not there yet is empty."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            content = file.read(_LARGEST_CHUNK)
    except FileNotFoundError:
        content = b""
    whole = content[: content.rfind(b"\n") + 1] if not finished or len(content) == _LARGEST_CHUNK else content
    whole = whole or (content if len(content) == _LARGEST_CHUNK else whole)
    at_end = finished and len(content) < _LARGEST_CHUNK
    return LogChunk(text=whole.decode("utf-8", "replace"), next_offset=offset + len(whole), finished=at_end)
