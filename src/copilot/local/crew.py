"""The threads that carry out actions, one for each attempt."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Protocol

from copilot.errors import CopilotError
from copilot.local.action import ActionContext, ActionResult, failure

log = logging.getLogger(__name__)

_ABANDON_SECONDS = 30.0


class Worker(Protocol):
    """Carries out actions of some kinds. A `CopilotError` is a failure of the action."""

    def run(self, context: ActionContext) -> ActionResult:
        """Do it and wait until it is done, in a thread of its own."""
        ...

    def tidy(self, context: ActionContext) -> None:
        """Remove what the work left: how it ended is written down now, or nobody wants to know any more."""
        ...


class Crew:
    """Gives actions to workers.

    Args:
        workers: A worker for each kind of action but approvals.
        finished: Told how each attempt ended, from the attempt's thread.
    """

    def __init__(self, workers: Mapping[str, Worker], finished: Callable[[ActionContext, ActionResult], None]) -> None:
        self._workers = workers
        self._finished = finished
        self._closing = threading.Event()
        self._threads: dict[tuple[str, str, int], threading.Thread] = {}

    def start(self, context: ActionContext) -> None:
        """Begin an attempt, in a thread of its own."""
        key = (context.app, context.pipeline, context.attempt)
        thread = threading.Thread(target=self._work, args=(key, context), name=f"attempt {context.attempt}", daemon=True)
        self._threads[key] = thread
        thread.start()

    def close(self) -> None:
        """Start nothing more, and tell nothing more. What runs goes on without this server."""
        self._closing.set()

    def join(self, app: str, pipeline: str) -> None:
        """Wait, not for ever, until the workers at a pipeline's actions are done and have cleaned up after themselves."""
        for key, thread in list(self._threads.items()):
            if key[:2] == (app, pipeline):
                thread.join(_ABANDON_SECONDS)

    def _work(self, key: tuple[str, str, int], context: ActionContext) -> None:
        if self._closing.is_set():
            return
        worker = self._workers[context.action.kind]
        try:
            result = worker.run(context)
        except Exception as error:
            if not isinstance(error, CopilotError):
                log.exception("action %s of #%d of %s", context.action.name, context.execution, context.pipeline)
            result = failure(error, context.log)
        try:
            if not self._closing.is_set():
                self._finished(context, result)
                worker.tidy(context)
        finally:
            self._threads.pop(key, None)
