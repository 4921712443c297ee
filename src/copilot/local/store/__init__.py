"""The local engine's state. Every query is in ``queries.sql``; ``Store.in_memory()`` is the same store without a disk."""

from __future__ import annotations

from pathlib import Path

from copilot.local.store.catalog import Catalog
from copilot.local.store.database import Database
from copilot.local.store.executions import Executions
from copilot.local.store.jobs import JobRuns
from copilot.local.store.releases import Releases
from copilot.local.store.retention import Retention

__all__ = ["Store"]


class Store:
    """The database, by subject. Use ``transaction()`` to make several changes one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.transaction = database.transaction
        self.catalog = Catalog(database)
        self.executions = Executions(database)
        self.jobs = JobRuns(database)
        self.releases = Releases(database)
        self.retention = Retention(database)

    @classmethod
    def open(cls, path: Path) -> Store:
        """Open, and bring to the newest schema, the database at a path."""
        return cls(Database(path))

    @classmethod
    def in_memory(cls) -> Store:
        """A store that is gone when it is closed."""
        return cls(Database(None))

    def close(self) -> None:
        """Close the database."""
        self._database.close()
