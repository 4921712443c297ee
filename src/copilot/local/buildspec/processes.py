"""The processes of a build: starting them apart from this one, noticing their end at once, ending them all."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import sys
import time
from collections.abc import Mapping

import psutil

BUILD_ID = "COPILOT_BUILD_ID"
"""In the environment of every process of a build; it tells them from others that got their process id later."""

GRACE_PERIOD = 5.0
"""Seconds between asking a build's processes to end and killing them."""

_LOWEST_DESCRIPTOR = 20


def spawn(arguments: list[str], environment: Mapping[str, str], descriptors: Mapping[int, int]) -> int:
    """Start a program in a session of its own, with standard input from nowhere; the answer is its process id.

    Args:
        arguments: The program, looked up on this process's PATH, and its arguments.
        environment: All of its environment.
        descriptors: Its file descriptors, each with the one of this process that it is to be.

    Raises:
        OSError: It cannot be started.
    """
    actions: list[tuple[int, int, str, int, int] | tuple[int, int, int]] = []
    if 0 not in descriptors:
        actions.append((os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0))
    copies = {theirs: fcntl.fcntl(ours, fcntl.F_DUPFD_CLOEXEC, _LOWEST_DESCRIPTOR) for theirs, ours in descriptors.items()}
    actions += [(os.POSIX_SPAWN_DUP2, copy, theirs) for theirs, copy in copies.items()]
    try:
        # Python ignores SIGPIPE, and what is ignored stays so across exec.
        ignored = [signal.SIGPIPE, signal.SIGXFSZ]
        return os.posix_spawnp(
            arguments[0], arguments, environment, file_actions=actions, setsid=True, setsigmask=[], setsigdef=ignored
        )
    finally:
        for copy in copies.values():
            os.close(copy)


def wait_for_exit(pid: int, timeout: float) -> bool:
    """Wait until a process has ended (a zombie has), for at most ``timeout`` seconds; whether it has.

    It need not be a child of this process, and its end is noticed at once.
    """
    if sys.platform == "linux":
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return True
        try:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            return bool(poll.poll(max(0.0, timeout) * 1000))
        finally:
            os.close(descriptor)
    else:
        queue = select.kqueue()
        try:
            event = select.kevent(pid, select.KQ_FILTER_PROC, select.KQ_EV_ADD, select.KQ_NOTE_EXIT)
            return bool(queue.control([event], 1, max(0.0, timeout)))
        except ProcessLookupError:
            return True
        finally:
            queue.close()


def reap(pid: int) -> int | None:
    """Collect an ended child; the answer is its exit code, ``-n`` if signal ``n`` killed it, None if it is no child of ours."""
    try:
        _, status = os.waitpid(pid, 0)
    except ChildProcessError:
        return None
    return os.waitstatus_to_exitcode(status)


def belongs(pid: int, build_id: str) -> bool:
    """Whether a process is one of this build and lives."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and process.environ().get(BUILD_ID) == build_id
    except psutil.Error:
        return False


def session_members(session: int, build_id: str | None = None) -> list[int]:
    """The living processes of a session; with ``build_id``, only those that are known to belong to that build."""
    return [pid for pid in psutil.pids() if _session_of(pid) == session and _counts(pid, build_id)]


def end_session(session: int, grace_period: float, build_id: str | None = None) -> None:
    """Ask the processes of a session to end, and kill those that have not after ``grace_period`` seconds."""
    _signal(session_members(session, build_id), signal.SIGTERM)
    deadline = time.monotonic() + grace_period
    while time.monotonic() < deadline and (members := session_members(session, build_id)):
        wait_for_exit(members[0], min(0.05, deadline - time.monotonic()))
    kill_session(session, build_id)


def kill_session(session: int, build_id: str | None = None) -> None:
    """Kill every process of a session, also those that appear meanwhile."""
    while members := session_members(session, build_id):
        _signal(members, signal.SIGKILL)
        wait_for_exit(members[0], 0.05)


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def _counts(pid: int, build_id: str | None) -> bool:
    if build_id is not None:
        return belongs(pid, build_id)
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
