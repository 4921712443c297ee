"""Processes that outlive the server: finding them, waiting for them, ending them."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil

_POLL_INTERVAL = 0.01
_KILL_DEADLINE = 10.0


def alive(pid: int) -> bool:
    """Whether a process runs. One that ended and waits to be collected by its parent does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def is_marked(pid: int, variable: str, value: str) -> bool:
    """Whether a process runs and was started with ``variable=value``: what tells it from one that got its number later."""
    try:
        process = psutil.Process(pid)
        return process.environ().get(variable) == value and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError):
        return False


def marked(variable: str, value: str) -> set[int]:
    """All processes of this user that run and were started with ``variable=value``."""
    return {pid for pid in psutil.pids() if is_marked(pid, variable, value)}


def session_members(session: int) -> set[int]:
    """All processes of a session that run."""
    return {pid for pid in psutil.pids() if session_of(pid) == session and alive(pid)}


def session_of(pid: int) -> int | None:
    """The session a process is in, or None if it is gone."""
    try:
        return os.getsid(pid)
    except OSError:
        return None


def read_numbers(path: Path) -> tuple[int, ...] | None:
    """The numbers of a one-line file that another process writes; None as long as the line is not there, or not complete."""
    try:
        text = path.read_text("ascii")
    except (FileNotFoundError, NotADirectoryError, UnicodeDecodeError):
        return None
    parts = text.split()
    if not text.endswith("\n") or not parts or not all(part.isdecimal() for part in parts):
        return None
    return tuple(int(part) for part in parts)


@contextmanager
def locked(path: Path) -> Iterator[int | None]:
    """Hold a file's lock; the value is its descriptor, or None if another process holds the lock.

    A child that inherits the descriptor holds the lock until it ends too, however this process ends.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield descriptor
    finally:
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Whether a process holds the file's lock."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        # Shared: two that ask at the same time do not take each other for the holder.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def wait_until(condition: Callable[[], bool], timeout: float) -> bool:
    """Wait until a condition holds, at most ``timeout`` seconds; whether it does."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_INTERVAL / 5)
    return True


def wait_gone(pids: Collection[int], timeout: float) -> set[int]:
    """Wait until the processes ended, at most ``timeout`` seconds; the answer is those that still run.

    They need not be children of this process.
    """
    deadline = time.monotonic() + timeout
    with ExitStack() as opened:
        poll, watched, unwatched = _watch(pids, opened)
        while watched and (left := deadline - time.monotonic()) > 0:
            for descriptor, _ in poll.poll(left * 1000):
                poll.unregister(descriptor)
                del watched[descriptor]
        remaining = {pid for pid in unwatched if alive(pid)}
        while remaining and time.monotonic() < deadline:
            time.sleep(_POLL_INTERVAL)
            remaining = {pid for pid in remaining if alive(pid)}
        return remaining | set(watched.values())


def send(pids: Collection[int], signal_number: int) -> None:
    """Send a signal to each of the processes that is still there."""
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal_number)


def end(find: Callable[[], set[int]], stop_signal: int, grace_period: float) -> bool:
    """Ask processes to stop, wait up to ``grace_period`` seconds, then kill those that are left and what they started meanwhile.

    Args:
        find: The processes to end as of now.
        stop_signal: What asks them.
        grace_period: In seconds.

    Returns:
        Whether all are gone; a process that the kernel cannot end is waited for some seconds only.
    """
    found = find()
    send(found, stop_signal)
    left = wait_gone(found, grace_period) | find()
    deadline = time.monotonic() + _KILL_DEADLINE
    while left and time.monotonic() < deadline:
        send(left, signal.SIGKILL)
        left = wait_gone(left, 1.0) | find()
    return not left


def _watch(pids: Collection[int], opened: ExitStack) -> tuple[select.poll, dict[int, int], set[int]]:
    """Descriptors (to pids) that tell of the end of a process, and the pids for which there is none."""
    poll = select.poll()
    watched: dict[int, int] = {}
    unwatched: set[int] = set()
    for pid in pids:
        if not hasattr(os, "pidfd_open"):
            unwatched.add(pid)
            continue
        try:
            descriptor = os.pidfd_open(pid)
        except OSError as error:
            if error.errno != errno.ESRCH:  # an old kernel, or one that forbids it
                unwatched.add(pid)
            continue
        opened.callback(os.close, descriptor)
        poll.register(descriptor, select.POLLIN)
        watched[descriptor] = pid
    return poll, watched, unwatched
