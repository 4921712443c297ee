"""Polling real repositories."""

from __future__ import annotations

import logging
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Queue

import pytest

from copilot.errors import CopilotError
from copilot.local.poller import Poller, Watched
from tests.gitrepo import commit, push, repository_with_checkout, run

DEADLINE = 10.0


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


class Watch:
    """A poller with the heads it reported."""

    def __init__(self, interval: float) -> None:
        self.watched: list[Watched] = []
        self.heads: Queue[tuple[Watched, str]] = Queue()
        self.poller = Poller(lambda: self.watched, lambda watched, head: self.heads.put((watched, head)), interval)

    def next(self) -> str:
        return self.heads.get(timeout=DEADLINE)[1]


@pytest.fixture
def watches() -> Iterator[Callable[[float], Watch]]:
    made: list[Watch] = []

    def make(interval: float) -> Watch:
        made.append(Watch(interval))
        return made[-1]

    yield make
    for watch in made:
        watch.poller.stop()


def test_heads_are_reported(tmp_path: Path, watches: Callable[[float], Watch]) -> None:
    bare, work = repository_with_checkout(tmp_path)
    watch = watches(0.05)
    watch.watched = [Watched("shop", "main", str(bare), "main", "hunter2")]
    assert "hunter2" not in repr(watch.watched)
    watch.poller.start()
    assert watch.next() == run(work, "rev-parse", "HEAD")
    head = commit(work, "a")
    push(work, "main")
    until(lambda: watch.next() == head)


def test_check_now_does_not_wait(tmp_path: Path, watches: Callable[[float], Watch]) -> None:
    bare, _ = repository_with_checkout(tmp_path)
    watch = watches(3600.0)
    watch.watched = [Watched("shop", "main", str(bare), "main")]
    watch.poller.start()
    watch.next()
    watch.poller.check_now()
    watch.next()
    watch.watched = []
    watch.poller.check_now()
    assert watch.heads.empty()


def test_a_problem_is_kept_logged_once_and_over_when_it_is_over(
    tmp_path: Path, watches: Callable[[float], Watch], caplog: pytest.LogCaptureFixture
) -> None:
    bare, _ = repository_with_checkout(tmp_path)
    shutil.move(bare, tmp_path / "away.git")
    watch = watches(0.02)
    watched = Watched("shop", "shop-main", str(bare), "main")
    watch.watched = [watched]
    caplog.set_level(logging.INFO, logger="copilot")
    assert watch.poller.problem(watched) is None
    watch.poller.start()
    until(lambda: watch.poller.problem(watched) is not None)
    assert "does not exist" in (watch.poller.problem(watched) or "")
    for _ in range(3):
        watch.poller.check_now()
    shutil.move(tmp_path / "away.git", bare)
    watch.poller.check_now()
    watch.next()
    assert watch.poller.problem(watched) is None
    messages = [record.getMessage() for record in caplog.records]
    assert len([m for m in messages if "does not exist" in m]) == 1
    assert len([m for m in messages if "can be reached again" in m]) == 1


def test_trouble_with_one_does_not_stop_the_others(
    tmp_path: Path, watches: Callable[[float], Watch], caplog: pytest.LogCaptureFixture
) -> None:
    bare, _ = repository_with_checkout(tmp_path)
    seen: Queue[str] = Queue()

    def on_head(watched: Watched, head: str) -> None:
        seen.put(watched.app)
        if watched.app == "bad":
            raise ValueError("a defect")

    watch = watches(0.02)
    watched = [
        Watched("gone", "p", str(tmp_path / "gone"), "main"),
        *(Watched(app, "p", str(bare), "main") for app in ("bad", "good")),
    ]
    calls = 0

    def listed() -> list[Watched]:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise CopilotError("the database is locked")
        return watched

    watch.poller = Poller(listed, on_head, 0.02)
    watch.poller.start()
    counts = {"bad": 0, "good": 0}
    while min(counts.values()) < 3:
        counts[seen.get(timeout=DEADLINE)] += 1
    assert "a defect" in caplog.text
    assert "the database is locked" in caplog.text


def test_stop_cancels_a_look_that_hangs(watches: Callable[[float], Watch]) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        watch = watches(0.05)
        watch.watched = [Watched("shop", "p", f"http://127.0.0.1:{silent.getsockname()[1]}/x", "main")]
        watch.poller.start()
        connection, _ = silent.accept()
        with connection:
            started = time.monotonic()
            watch.poller.stop()
            assert time.monotonic() - started < 3


def test_stop_before_start() -> None:
    Poller(list, lambda watched, head: None).stop()
