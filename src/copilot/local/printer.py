"""Progress lines that go to a log file."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Self


class Printer:
    """Appends lines to a log, from any thread. A context manager."""

    def __init__(self, log: Path) -> None:
        self._file = log.open("a", encoding="utf-8")
        self._lock = threading.Lock()

    def __call__(self, line: str) -> None:
        """Append one line."""
        with self._lock:
            self._file.write(f"{line}\n")
            self._file.flush()

    def __enter__(self) -> Self:
        """Open already."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the log."""
        self._file.close()
