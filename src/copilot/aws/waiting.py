"""Waiting between two looks at what AWS is doing."""

from __future__ import annotations

import time

_FIRST = 0.2
_GROWTH = 1.4


class Pauses:
    """Pauses that grow: what takes a moment is seen at once, and what takes minutes is not asked about all the time.

    Args:
        longest: Seconds that a pause has at most.
    """

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._next = min(_FIRST, longest)

    def wait(self) -> None:
        """Wait until the next look."""
        time.sleep(self._next)
        self._next = min(self._longest, self._next * _GROWTH)
