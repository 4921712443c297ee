"""What is still needed, and forgetting the rest."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from copilot.local.store.database import Database

KEPT_EXECUTIONS = 50
"""Of each pipeline; and those that what is deployed came from."""

KEPT_RELEASES = 10
"""How many deployed releases of a service in an environment can be brought back."""

KNOWN_RELEASES = 20
"""Of how many of its newest releases something stays known."""

KEPT_DEPLOYMENTS = 20
"""Of a service in an environment."""


@dataclass(frozen=True)
class Needed:
    """What must stay.

    Attributes:
        artifacts: (name, digest) of every artifact of an execution.
        images: Digests of the images of releases that serve, are deployed, or can be brought back.
        logs: Names of logs, without their endings.
    """

    artifacts: frozenset[tuple[str, str]]
    images: frozenset[str]
    logs: frozenset[str]


def images_of(description: Any) -> set[str]:
    """The images of a release description as JSON, those of sidecars included. Raises what a file of another kind causes."""
    return {str(container["image"]) for container in (description, *description.get("sidecars", ()))}


class Retention:
    """Forgets what nothing needs."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def prune(self, before: float) -> Needed:
        """Forget old executions, releases and direct deployments, but none from after ``before``; say what the others need.

        Args:
            before: Seconds since the epoch.
        """
        with self._db.transaction():
            self._db.execute("prune_deployments", before=before, keep=KEPT_DEPLOYMENTS)
            releases = self._db.all("needed_releases", keep=KEPT_RELEASES)
            origins = json.dumps([row["origin"] for row in releases])
            executions = json.dumps([row["id"] for row in self._db.all("executions_of_releases", origins=origins)])
            self._db.execute("prune_executions", before=before, needed=executions, keep=KEPT_EXECUTIONS)
            needed = json.dumps([row["id"] for row in releases])
            self._db.execute("prune_releases", before=before, needed=needed, keep=KNOWN_RELEASES)
            described = [*releases, *self._db.all("deployments_in_progress")]
            return Needed(
                artifacts=frozenset((row["name"], row["digest"]) for row in self._db.all("all_artifacts")),
                images=frozenset(image for row in described for image in images_of(json.loads(row["description"]))),
                logs=frozenset(row["name"] for row in self._db.all("log_names")),
            )
