from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from copilot.local import processes

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []

    def run(*command: str, **variables: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(command, start_new_session=True, env={**os.environ, **variables}, stdout=subprocess.PIPE)
        started.append(process)
        return process

    yield run
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_a_zombie_is_not_alive(start: Start) -> None:
    running = start("sleep", "60")
    ended = start("true")
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    assert processes.alive(running.pid)
    assert not processes.alive(ended.pid)
    ended.wait()
    assert not processes.alive(ended.pid)


def test_processes_are_told_by_their_mark(start: Start) -> None:
    mine = start("sleep", "60", COPILOT_TEST_MARK="mine")
    other = start("sleep", "60", COPILOT_TEST_MARK="other")
    assert processes.wait_until(lambda: processes.marked("COPILOT_TEST_MARK", "mine") == {mine.pid}, 5)
    assert processes.is_marked(other.pid, "COPILOT_TEST_MARK", "other")
    assert not processes.is_marked(2**22 + 1, "COPILOT_TEST_MARK", "mine")


def test_members_of_a_session(start: Start) -> None:
    leader = start("sh", "-c", "sleep 60 & sleep 60 & echo ready; wait")
    assert leader.stdout is not None
    assert leader.stdout.readline() == b"ready\n"
    assert len(processes.session_members(leader.pid)) == 3
    assert leader.pid in processes.session_members(leader.pid)
    assert processes.session_of(leader.pid) == leader.pid


@pytest.mark.parametrize("with_descriptors", [True, False])
def test_waiting_for_processes_that_are_not_children(
    start: Start, monkeypatch: pytest.MonkeyPatch, with_descriptors: bool
) -> None:
    if not with_descriptors:
        monkeypatch.delattr(os, "pidfd_open", raising=False)
    parent = start("sh", "-c", "sleep 0.1 & echo $!; sleep 60 & echo $!; wait")
    assert parent.stdout is not None
    short, long = int(parent.stdout.readline()), int(parent.stdout.readline())
    begin = time.monotonic()
    assert processes.wait_gone({short}, 5) == set()
    assert time.monotonic() - begin < 4
    assert processes.wait_gone({short, long, 2**22 + 1}, 0.05) == {long}
    assert processes.wait_gone(set(), 5) == set()


def test_ending_asks_first_and_kills_what_is_left(start: Start) -> None:
    polite = start("sleep", "60")
    stubborn = start("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done")
    assert stubborn.stdout is not None
    stubborn.stdout.readline()

    def members() -> set[int]:
        return processes.session_members(polite.pid) | processes.session_members(stubborn.pid)

    begin = time.monotonic()
    assert processes.end(members, signal.SIGTERM, 0.2)
    assert 0.15 < time.monotonic() - begin < 5
    assert (polite.wait(), stubborn.wait()) == (-signal.SIGTERM, -signal.SIGKILL)


def test_ending_nothing(start: Start) -> None:
    assert processes.end(set, signal.SIGTERM, 60)
    processes.send({2**22 + 1}, signal.SIGKILL)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("12\n", (12,)), ("12 34\n", (12, 34)), ("12", None), ("", None), ("\n", None), ("x\n", None), ("-1\n", None)],
)
def test_only_a_complete_line_of_numbers_counts(tmp_path: Path, text: str, numbers: tuple[int, ...] | None) -> None:
    (tmp_path / "pid").write_text(text)
    assert processes.read_numbers(tmp_path / "pid") == numbers
    assert processes.read_numbers(tmp_path / "none") is None


def test_a_lock_is_held_as_long_as_a_child_that_inherited_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not processes.is_locked(path)
    with processes.locked(path) as lock:
        assert lock is not None
        child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE, pass_fds=[lock])
        with processes.locked(path) as second:
            assert second is None
    assert processes.is_locked(path)
    child.communicate()
    assert not processes.is_locked(path)
