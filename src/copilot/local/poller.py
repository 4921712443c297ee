"""Asking repositories elsewhere for new commits, at an interval."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Condition, Event, Thread

from copilot.errors import CopilotError
from copilot.local.git import remote_head

log = logging.getLogger(__name__)

_AT_ONCE = 4
_LONGEST_WAIT = 600.0


@dataclass(frozen=True)
class Watched:
    """A pipeline's branch in a repository. ``token`` never shows in a representation."""

    app: str
    pipeline: str
    repository: str
    branch: str
    token: str | None = field(default=None, repr=False)


@dataclass
class _Look:
    """When a branch is looked at next, in monotonic seconds, and how it went so far."""

    due: float
    failures: int = 0
    problem: str | None = None


class Poller:
    """A thread that looks at the head of every watched branch, at most four at a time.

    A branch that cannot be looked at is tried less and less often, up to every 10 minutes; that is logged once, and once more
    when it works again.
    """

    def __init__(
        self, watched: Callable[[], Sequence[Watched]], on_head: Callable[[Watched, str], None], interval: float = 30.0
    ) -> None:
        """Nothing starts yet.

        Args:
            watched: What to watch now; asked before each round.
            on_head: Told the commit at the head of a branch each time it is looked at, from any thread.
            interval: Seconds between two looks at the same branch.
        """
        self._list = watched
        self._on_head = on_head
        self._interval = interval
        self._looks: dict[Watched, _Look] = {}
        self._changed = Condition()
        self._stopped = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        """Begin, with a first look at once."""
        self._thread = Thread(target=self._run, name="poller", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop and return when no look is in progress any more; those that are get cancelled."""
        with self._changed:
            self._stopped.set()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def check_now(self) -> None:
        """Have everything looked at again now, also what waits after a failure."""
        with self._changed:
            for look in self._looks.values():
                look.due = 0.0
            self._changed.notify_all()

    def problem(self, watched: Watched) -> str | None:
        """Why the last look failed; None if it did not."""
        with self._changed:
            look = self._looks.get(watched)
            return look.problem if look else None

    def _run(self) -> None:
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="poll") as pool:
            while not self._stopped.is_set():
                list(pool.map(self._look, self._due()))
                with self._changed:
                    now = time.monotonic()
                    next_due = min([now + self._interval, *(look.due for look in self._looks.values())])
                    if next_due > now and not self._stopped.is_set():
                        self._changed.wait(next_due - now)

    def _due(self) -> list[Watched]:
        try:
            current = list(dict.fromkeys(self._list()))
        except CopilotError as error:
            log.warning("the list of repositories to watch cannot be read: %s", error)
            current = list(self._looks)
        with self._changed:
            now = time.monotonic()
            self._looks = {watched: self._looks.get(watched) or _Look(due=now) for watched in current}
            due = [watched for watched, look in self._looks.items() if look.due <= now]
            for watched in due:
                self._looks[watched].due = now + self._interval
            return due

    def _look(self, watched: Watched) -> None:
        try:
            head = remote_head(watched.repository, watched.branch, watched.token, cancel=self._stopped)
        except CopilotError as error:
            if not self._stopped.is_set():
                self._failed(watched, error)
            return
        with self._changed:
            look = self._looks[watched]
            recovered, look.failures, look.problem = look.problem is not None, 0, None
        if recovered:
            log.info("pipeline %s: its repository can be reached again", watched.pipeline)
        try:
            self._on_head(watched, head)
        except Exception:
            log.exception("pipeline %s: commit %s was seen but could not be handled", watched.pipeline, head)

    def _failed(self, watched: Watched, error: CopilotError) -> None:
        with self._changed:
            look = self._looks[watched]
            look.failures += 1
            look.due = time.monotonic() + min(self._interval * 2**look.failures, max(_LONGEST_WAIT, self._interval))
            known, look.problem = look.problem, error.message
        if known != error.message:
            log.warning("pipeline %s: %s", watched.pipeline, error.message)
