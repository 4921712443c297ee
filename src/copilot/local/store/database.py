"""The SQLite database: opening, migrating, transactions, and the named queries."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from threading import RLock

from copilot.errors import CopilotError

_HERE = files(__package__)
_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)

SqlValue = str | int | float | None


def _read_queries(text: str) -> dict[str, str]:
    parts = _NAME.split(text)
    return dict(zip(parts[1::2], (sql.strip() for sql in parts[2::2]), strict=True))


QUERIES = _read_queries(_HERE.joinpath("queries.sql").read_text("utf-8"))


def migrations() -> list[tuple[int, str]]:
    """Every migration as (version, SQL), in order."""
    folder = _HERE.joinpath("migrations")
    found = [(int(f.name.partition("_")[0]), f.read_text("utf-8")) for f in folder.iterdir() if f.name.endswith(".sql")]
    return sorted(found)


class Database:
    """One connection, shared by all threads of the server, one at a time.

    WAL with ``synchronous=FULL``: a transaction that has returned survives a crash of the machine too.
    """

    def __init__(self, path: Path | None) -> None:
        """Open and migrate. None: a database in memory, for tests."""
        self._lock = RLock()
        self._depth = 0
        self._connection = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        try:
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
                self._connection.execute(f"PRAGMA {pragma}")
            self._migrate()
        except (sqlite3.DatabaseError, CopilotError) as error:
            self._connection.close()
            if isinstance(error, CopilotError):
                raise
            raise CopilotError(
                f"the engine's database `{path}` cannot be used: {error}",
                hint="Restore it from a backup, or point COPILOT_HOME at another folder",
            ) from None

    def _migrate(self) -> None:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        known = migrations()
        newest = known[-1][0]
        if version > newest:
            raise CopilotError(
                f"the engine's database has version {version}, and this copilot knows versions up to {newest}",
                hint="Install the newer copilot-pipelines that wrote it, or point COPILOT_HOME at another folder",
            )
        for number, sql in known:
            if number > version:
                self._connection.executescript(f"BEGIN IMMEDIATE;\n{sql}\nPRAGMA user_version = {number};\nCOMMIT;")

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is executed inside is committed together, or not at all. Nested uses join the outermost."""
        with self._lock:
            if self._depth == 0:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._connection.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._connection.execute("COMMIT")

    def execute(self, query: str, **parameters: SqlValue) -> int:
        """Run a named query that changes something. The answer is the number of changed rows."""
        with self._lock:
            return self._connection.execute(QUERIES[query], parameters).rowcount

    def insert(self, query: str, **parameters: SqlValue) -> int:
        """Run a named query that inserts a row. The answer is the row's id."""
        with self._lock:
            return self._connection.execute(QUERIES[query], parameters).lastrowid or 0

    def all(self, query: str, **parameters: SqlValue) -> list[sqlite3.Row]:
        """Every row of a named query."""
        with self._lock:
            return self._connection.execute(QUERIES[query], parameters).fetchall()

    def one(self, query: str, **parameters: SqlValue) -> sqlite3.Row | None:
        """The first row of a named query, or None."""
        with self._lock:
            row: sqlite3.Row | None = self._connection.execute(QUERIES[query], parameters).fetchone()
            return row
