"""Deletes what nothing needs any more: old executions and releases, their artifacts, images and logs.

What is kept is what a person can still ask for: the newest executions of each pipeline, all that what is deployed came from,
and enough releases of each service to go back to. Nothing is deleted that is younger than `YOUNGEST`: a build may have put it out
and nobody may have written down yet that it did.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

from copilot.errors import CopilotError
from copilot.local.artifacts import ArtifactStore
from copilot.local.docker.superseded import remove_superseded
from copilot.local.home import Home
from copilot.local.host.images import ImageStore
from copilot.local.store import Store
from copilot.local.store.retention import images_of
from copilot.release.plan import BUILD_ARTIFACT, RELEASE_FOLDER

YOUNGEST = 3600.0
"""Seconds that everything is kept, needed or not."""

YOUNGEST_TEMPORARY = 86400.0
"""Seconds after which a file that is still being written is one that a killed process left."""

SHORTEST_PAUSE = 60.0
"""Seconds between two looks, at least."""

_CLOSING = 5.0
_LOG = re.compile(r"(?:attempt|deploy|task)-.+")
_ARTIFACT = re.compile(r"[0-9a-f]{64}")
_TEMPORARY = re.compile(r"\.new-.+|source-.+")

log = logging.getLogger(__name__)


class Retention:
    """A thread that looks when the server starts, after executions, and every now and then.

    Args:
        home: Where everything is kept.
        store: The state.
        artifacts: The artifacts in the home.
        clock: Seconds since the epoch.
    """

    def __init__(self, home: Home, store: Store, artifacts: ArtifactStore, clock: Callable[[], float] = time.time) -> None:
        self._home = home
        self._store = store
        self._artifacts = artifacts
        self._clock = clock
        self._images_of: dict[str, frozenset[str]] = {}
        self._noticed: dict[str, float] = {}
        self._wanted = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._look, name="retention", daemon=True)

    def start(self) -> None:
        """Look now, and go on looking."""
        self._thread.start()

    def wake(self) -> None:
        """Look soon: something ended. Returns at once."""
        self._wanted.set()

    def close(self) -> None:
        """Delete nothing more."""
        self._closing.set()
        self._wanted.set()
        if self._thread.is_alive():
            self._thread.join(_CLOSING)

    def sweep(self) -> None:
        """Delete what nothing needs."""
        before = self._clock() - YOUNGEST
        on_docker = any(environment.runtime == "docker" for environment in self._store.catalog.all_environments())
        needed = self._store.retention.prune(before)
        images = needed.images.union(*(self._images(digest) for name, digest in needed.artifacts if name == BUILD_ARTIFACT))
        digests = {digest for _, digest in needed.artifacts}
        self._images_of = {digest: found for digest, found in self._images_of.items() if digest in digests}
        for file in self._home.logs.glob("*.log"):
            if _LOG.fullmatch(file.stem) and file.stem not in needed.logs:
                _delete(file, before)
        for archive in self._home.artifacts.glob("*.tar"):
            if _ARTIFACT.fullmatch(archive.stem) and archive.stem not in digests:
                _delete(archive, before)
        for temporary in self._home.artifacts.iterdir():
            if _TEMPORARY.fullmatch(temporary.name):
                _delete(temporary, self._clock() - YOUNGEST_TEMPORARY)
        ImageStore(self._home).prune(images, before)
        if on_docker and not self._closing.is_set():
            remove_superseded(self._home, images, before, self._noticed)

    def _look(self) -> None:
        while not self._closing.is_set():
            self._wanted.clear()
            try:
                self.sweep()
            except (CopilotError, OSError) as error:
                log.warning("old files could not be deleted: %s", error)
            except Exception:
                log.exception("deleting what is not needed")
            self._closing.wait(SHORTEST_PAUSE)
            # What was too young becomes old without anybody's doing.
            self._wanted.wait(YOUNGEST)

    def _images(self, artifact: str) -> frozenset[str]:
        """The images that a build's output describes releases of. An artifact never changes."""
        if artifact not in self._images_of:
            self._images_of[artifact] = frozenset(self._read_images(artifact))
        return self._images_of[artifact]

    def _read_images(self, artifact: str) -> set[str]:
        found: set[str] = set()
        try:
            names = self._artifacts.names(artifact)
        except CopilotError:
            return found
        for name in names:
            if name.startswith(f"{RELEASE_FOLDER}/") and name.endswith(".release.json"):
                try:
                    found |= images_of(json.loads(self._artifacts.read(artifact, name)))
                except (ValueError, KeyError, TypeError, AttributeError):
                    continue  # a file of the user's own
        return found


def _delete(path: Path, before: float) -> None:
    """Delete a file or folder that was last changed before a time."""
    try:
        if path.lstat().st_mtime >= before:
            return
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()
    except FileNotFoundError:
        return
