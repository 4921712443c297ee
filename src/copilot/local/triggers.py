"""How a push is noticed, and what it starts."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path

from copilot.engine import PipelineDefinition, Revision
from copilot.errors import CopilotError, RepositoryError
from copilot.local import hook
from copilot.local.git import matches
from copilot.local.home import Home
from copilot.local.poller import Poller, Watched
from copilot.local.scheduler import Scheduler
from copilot.local.store import Store
from copilot.local.workers.source import Sources

log = logging.getLogger(__name__)

POLL_SECONDS = 30.0


def local_repository(repository: str) -> Path | None:
    """The repository's folder, if it is on this disk."""
    path = Path(repository)
    return path if path.is_absolute() else None


class Triggers:
    """Watches the repositories of all pipelines: hooks for those on this disk, polling for the others."""

    def __init__(self, home: Home, store: Store, scheduler: Scheduler, sources: Sources) -> None:
        self._home = home
        self._store = store
        self._scheduler = scheduler
        self._sources = sources
        self._lock = threading.Lock()
        self._poller = Poller(self._watched, self._on_head, POLL_SECONDS)

    def start(self) -> None:
        """Begin to watch. Pushes that nobody noticed while the server was down are noticed now."""
        threading.Thread(target=self._catch_up, name="catch up", daemon=True).start()
        self._poller.start()

    def close(self) -> None:
        """Stop watching."""
        self._poller.stop()

    def install(self, definition: PipelineDefinition) -> str:
        """Have pushes to the pipeline's repository noticed. The answer says in words how."""
        path = local_repository(definition.repository)
        if path is None:
            return f"{definition.repository} is asked for new commits every {POLL_SECONDS:.0f} s"
        hook.install(path, self._home)
        return f"a post-receive hook in {path}"

    def remove(self, definition: PipelineDefinition) -> None:
        """Stop noticing pushes, unless another pipeline has the same repository."""
        path = local_repository(definition.repository)
        others = [p for p in self._store.catalog.pipelines() if p.definition.repository == definition.repository]
        if path is None or any((p.definition.app, p.definition.name) != (definition.app, definition.name) for p in others):
            return
        try:
            hook.remove(path, self._home)
        except (OSError, CopilotError) as error:
            log.warning("the hook in %s could not be removed: %s", path, error)

    def pushed(self, repository: str, updates: Sequence[tuple[str, str, str]]) -> list[dict[str, object]]:
        """A hook reports updates as (ref, old commit, new commit). The answer lists the executions they started."""
        started: list[dict[str, object]] = []
        known = Path(repository).resolve()
        for record in self._store.catalog.pipelines():
            path = local_repository(record.definition.repository)
            if path is None or path.resolve() != known:
                continue
            for ref, _, new in updates:
                if ref == f"refs/heads/{record.definition.branch}" and new.strip("0"):
                    number = self._notice(record.definition, new)
                    if number is not None:
                        started.append({"app": record.definition.app, "pipeline": record.definition.name, "number": number})
        return started

    def _notice(self, definition: PipelineDefinition, head: str) -> int | None:
        """Start an execution if this head is new and touches the source's paths. The answer is its number."""
        with self._lock:
            record = self._store.catalog.find_pipeline(definition.app, definition.name)
            if record is None or record.head == head:
                return None
            self._store.catalog.set_head(definition.app, definition.name, head)
            if not self._touches_paths(record.definition, record.head, head):
                return None
            execution = self._scheduler.begin(
                app=definition.app,
                pipeline=definition.name,
                trigger="push",
                plan=record.definition.plan,
                repository=definition.repository,
                revision=Revision(id=head, summary="", author="", committed_at=0.0),
            )
            return execution.number

    def _touches_paths(self, definition: PipelineDefinition, old: str, new: str) -> bool:
        source = definition.plan.source
        if not source.paths or not old:
            return True
        try:
            self._sources.fetch(definition.repository, source)
            changed = self._sources.mirror(definition.repository).changed_paths(old, new)
        except CopilotError as error:
            # Better one release too many than a push that is silently passed over.
            log.warning("cannot tell which paths the push to %s changed: %s", definition.repository, error)
            return True
        return matches(changed, source.paths)

    def _watched(self) -> list[Watched]:
        watched = []
        for record in self._store.catalog.pipelines():
            definition = record.definition
            if local_repository(definition.repository) is None:
                watched.append(self._watch(definition))
        return watched

    def _watch(self, definition: PipelineDefinition) -> Watched:
        try:
            token = self._sources.token(definition.plan.source)
        except CopilotError:
            token = None
        return Watched(definition.app, definition.name, definition.repository, definition.branch, token)

    def _on_head(self, watched: Watched, head: str) -> None:
        record = self._store.catalog.find_pipeline(watched.app, watched.pipeline)
        if record is not None:
            self._notice(record.definition, head)

    def _catch_up(self) -> None:
        for record in self._store.catalog.pipelines():
            definition = record.definition
            if local_repository(definition.repository) is None:
                continue
            try:
                self._notice(definition, self._sources.fetch(definition.repository, definition.plan.source))
            except RepositoryError as error:
                log.warning("pipeline %s: %s", definition.name, error)
