"""Reading logs while they are written."""

from __future__ import annotations

from pathlib import Path

from copilot.engine import LogChunk

_LARGEST_CHUNK = 1 << 20
_LONGEST_CHARACTER = 4
"""Bytes of UTF-8."""


def read_log(path: Path, offset: int, *, finished: bool) -> LogChunk:
    """Part of a log file, at most a mebibyte, cut between lines or at least between characters.

    Args:
        path: The log. One that is not there yet is empty.
        offset: Bytes to skip.
        finished: Nothing will be added any more. Until then a line without its end is left for the next time.
    """
    offset = max(0, offset)
    try:
        with path.open("rb") as file:
            file.seek(offset)
            content = file.read(_LARGEST_CHUNK)
    except FileNotFoundError:
        content = b""
    more = len(content) == _LARGEST_CHUNK
    if more or not finished:
        lines = content[: content.rfind(b"\n") + 1]
        content = lines or (_whole_characters(content) if more else b"")
    return LogChunk(text=content.decode("utf-8", "replace"), next_offset=offset + len(content), finished=finished and not more)


def _whole_characters(content: bytes) -> bytes:
    """Without the first bytes of a character whose other bytes are not there."""
    for back in range(1, _LONGEST_CHARACTER):
        byte = content[-back]
        if byte >= 0xC0:
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return content[:-back] if length > back else content
        if byte < 0x80:
            break
    return content
