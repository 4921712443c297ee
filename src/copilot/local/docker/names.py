"""What belongs to a home on a container engine: names, and the labels by which everything is found again."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from hashlib import sha256

from copilot.local.home import Home

HOME = "copilot.home"
APPLICATION = "copilot.app"
ENVIRONMENT = "copilot.env"
WORKLOAD = "copilot.workload"
RELEASE = "copilot.release"
REVISION = "copilot.revision"
TASK = "copilot.task"
SIDECAR = "copilot.sidecar"
ESSENTIAL = "copilot.essential"
"""Labels. A sidecar's containers bear its name; the main container of a task has none."""

_NOT_IN_A_TAG = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True)
class Names:
    """The names of a home's things. Dots join them: no name of ours has one, so different things never share a name.

    Attributes:
        home: 12 hexadecimal digits that stand for the home's path. Several homes on one engine do not meet.
    """

    home: str

    @classmethod
    def of(cls, home: Home) -> Names:
        """Those of a home."""
        return cls(sha256(os.fsencode(home.root)).hexdigest()[:12])

    @property
    def prefix(self) -> str:
        """What every name begins with."""
        return f"copilot-{self.home[:6]}"

    def container(self, task_id: str, sidecar: str | None = None) -> str:
        """A task's main container, or one of its sidecars."""
        return f"{self.prefix}-{task_id}" + (f".{sidecar}" if sidecar else "")

    def network(self, application: str, environment: str) -> str:
        """The network of an environment."""
        return f"{self.prefix}-{application}.{environment}"

    def volume(self, application: str, environment: str, workload: str, volume: str) -> str:
        """A volume of a workload in an environment."""
        return f"{self.prefix}-{application}.{environment}.{workload}.{volume}"

    def repository(self, application: str, workload: str) -> str:
        """The name of a workload's images."""
        return f"{self.prefix}/{application}/{workload}"

    def labels(self, application: str, environment: str) -> dict[str, str]:
        """Labels of all that belongs to an environment."""
        return {HOME: self.home, APPLICATION: application, ENVIRONMENT: environment}


def tags(revision: str, execution: str) -> list[str]:
    """The tags of an image: its commit, and the execution that built it; what is not a commit gets a tag of its own.

    >>> tags("a1b2c3d4e5f60718293a4b5c6d7e8f9001122334", "main-14")
    ['a1b2c3d4e5f6', 'main-14']
    """
    commit, _, dirty = revision.partition("-")
    first = _safe(commit)[:12]
    if dirty or not commit:
        # Each state of a working tree gets a name, so that what serves never loses its own to the next build.
        first = f"{first or 'worktree'}-{time.time_ns() // 1_000_000:x}"
    return [first, *([_safe(execution)] if execution else [])]


def _safe(text: str) -> str:
    """Without what a tag must not have."""
    return _NOT_IN_A_TAG.sub("-", text).lstrip("-.")
