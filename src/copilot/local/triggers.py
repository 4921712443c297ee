"""How a push is noticed, and what it starts."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from pathlib import Path

from copilot.engine import PipelineDefinition, Revision
from copilot.errors import ConflictError, CopilotError, NotFoundError, RepositoryError
from copilot.local import hook
from copilot.local.git import matches, remote_head
from copilot.local.home import Home
from copilot.local.poller import Poller, Watched
from copilot.local.scheduler import Scheduler
from copilot.local.store import Store
from copilot.local.store.catalog import PipelineRecord
from copilot.local.workers.source import Sources

log = logging.getLogger(__name__)

POLL_SECONDS = 30.0


def local_repository(repository: str) -> Path | None:
    """The repository's folder, if it is on this disk."""
    path = Path(repository)
    return path if path.is_absolute() else None


class Triggers:
    """Watches the repositories of all pipelines.

    A hook tells of a push to a repository on this disk at once. Every repository is polled too: those elsewhere have no hook,
    some hooks cannot be installed or were overwritten, and commits made in a checkout itself run none.
    """

    def __init__(self, home: Home, store: Store, scheduler: Scheduler, sources: Sources) -> None:
        self._home = home
        self._store = store
        self._scheduler = scheduler
        self._sources = sources
        self._locks: dict[tuple[str, str], threading.Lock] = {}
        self._poller = Poller(self._watched, self._on_head, POLL_SECONDS)
        self._seen: dict[tuple[str, str], str] = {}
        """The head that each pipeline had when the round of the poller began."""

    def start(self) -> None:
        """Begin to watch. Pushes that nobody noticed while the server was down are noticed now."""
        threading.Thread(target=self._install_again, name="hooks", daemon=True).start()
        self._poller.start()

    def close(self) -> None:
        """Stop watching."""
        self._poller.stop()

    def install(self, definition: PipelineDefinition) -> str:
        """Have pushes to the pipeline's repository noticed. The answer says in words how."""
        often = f"every {POLL_SECONDS:g} s"
        asked = f"{definition.repository} is asked for new commits {often}"
        path = local_repository(definition.repository)
        if path is None:
            return asked
        try:
            hook.install(path, self._home)
        except (ConflictError, RepositoryError) as error:
            return f"{asked}, because {error.message}"
        bare = (path / "HEAD").is_file()
        return f"a post-receive hook in {path}" + ("" if bare else f"; for commits made there it is asked {often}")

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

    def holding(self, app: str, pipeline: str) -> threading.Lock:
        """Held while it is looked where the branch of a pipeline stands and that is written down: heads are noticed in order."""
        return self._locks.setdefault((app, pipeline), threading.Lock())

    def pushed(self, repository: str, updates: Sequence[tuple[str, str, str]]) -> list[dict[str, object]]:
        """A hook reports updates as (ref, old commit, new commit). The answer lists the executions they started."""
        started: list[dict[str, object]] = []
        known = _real_path(repository)
        for record in self._store.catalog.pipelines():
            definition = record.definition
            if local_repository(definition.repository) is None or _real_path(definition.repository) != known:
                continue
            for ref, old, new in updates:
                if ref == f"refs/heads/{definition.branch}" and new.strip("0"):
                    with self.holding(definition.app, definition.name):
                        number = self._notice_push(definition, old, new)
                    if number is not None:
                        started.append({"app": definition.app, "pipeline": definition.name, "number": number})
        return started

    def _notice_push(self, definition: PipelineDefinition, old: str, new: str) -> int | None:
        record = self._store.catalog.find_pipeline(definition.app, definition.name)
        if record is None:
            return None
        # Two hooks may report the other way round: what is not the next commit counts only if it is the last one.
        in_order = record.head == old or self._head_of(definition) == new
        return self._notice(record, new) if in_order else None

    def _head_of(self, definition: PipelineDefinition) -> str | None:
        try:
            return remote_head(definition.repository, definition.branch)
        except RepositoryError:
            return None

    def _notice(self, record: PipelineRecord, head: str) -> int | None:
        """Start an execution if this head is new and touches the source's paths. The answer is its number."""
        definition = record.definition
        if record.head == head:
            return None
        if not self._touches_paths(definition, record.head, head):
            self._store.catalog.set_head(definition.app, definition.name, head)
            return None
        try:
            execution = self._scheduler.begin(
                app=definition.app,
                pipeline=definition.name,
                trigger="push",
                plan=definition.plan,
                repository=definition.repository,
                revision=Revision(id=head, summary="", author="", committed_at=0.0),
                head=head,
            )
        except NotFoundError:  # the pipeline was deleted meanwhile
            return None
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
        records = self._store.catalog.pipelines()
        self._seen = {(r.definition.app, r.definition.name): r.head for r in records}
        return [self._watch(r.definition) for r in records]

    def _watch(self, definition: PipelineDefinition) -> Watched:
        try:
            token = self._sources.token(definition.plan.source)
        except CopilotError:
            token = None
        return Watched(definition.app, definition.name, definition.repository, definition.branch, token)

    def _on_head(self, watched: Watched, head: str) -> None:
        key = (watched.app, watched.pipeline)
        lock = self.holding(*key)
        if not lock.acquire(blocking=False):
            return  # somebody looks already
        try:
            record = self._store.catalog.find_pipeline(*key)
            same = record is not None and (record.definition.repository, record.definition.branch) == (
                watched.repository,
                watched.branch,
            )
            # What was noticed while the poller looked is newer than what it saw.
            if record is not None and same and record.head == self._seen[key]:
                self._notice(record, head)
        finally:
            lock.release()

    def _install_again(self) -> None:
        """Hooks that another tool has overwritten, or that name a Python which has been replaced."""
        for record in self._store.catalog.pipelines():
            path = local_repository(record.definition.repository)
            try:
                if path is not None and not hook.installed(path, self._home):
                    hook.install(path, self._home)
                    log.info("pipeline %s: its hook in %s was installed again", record.definition.name, path)
            except (OSError, CopilotError) as error:
                log.warning("pipeline %s: %s", record.definition.name, error)


def _real_path(path: str) -> str | None:
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):
        return None
