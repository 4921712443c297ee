from __future__ import annotations

import time

import pytest

from copilot.aws.waiting import Pauses


def test_pauses_grow_up_to_the_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    pauses = Pauses(3.0)
    for _ in range(12):
        pauses.wait()
    assert waited[0] == 0.2
    assert waited == sorted(waited)
    assert waited[-1] == 3.0
    Pauses(0.01).wait()
    assert waited[-1] == 0.01
