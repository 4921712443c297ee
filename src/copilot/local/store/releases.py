"""Releases, the tasks that run them, and deployments asked for directly."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from copilot.errors import NotFoundError
from copilot.local.store.database import Database
from copilot.release.description import ReleaseDescription

_DESCRIPTION = TypeAdapter(ReleaseDescription)

KEPT_ENDED_TASKS = 20
"""Of how many ended tasks of a service in an environment something stays known."""


@dataclass(frozen=True)
class ReleaseRecord:
    """A release. ``status``: Pending, Deploying, Current, Superseded or Failed. ``execution``: the number of one.

    ``paused_at``: since when its tasks are stopped on purpose; only a Current release is ever paused.
    """

    id: int
    description: ReleaseDescription
    origin: str
    execution: int | None
    status: str
    created_at: float
    deployed_at: float | None
    paused_at: float | None = None


@dataclass(frozen=True)
class TaskRecord:
    """A task of a release. ``status``: Starting, Healthy, Unhealthy, Stopping or Dead.

    ``last_exit``: why it last ended by itself, at ``last_exit_at``; None if it never did.
    """

    id: str
    release: int
    port: int | None
    status: str
    started_at: float
    restarts: int
    last_exit: str | None
    last_exit_at: float | None = None


@dataclass(frozen=True)
class EndedTask:
    """A task that is gone. ``reason`` says why, for a person."""

    id: str
    release: int
    started_at: float
    ended_at: float
    restarts: int
    reason: str


@dataclass(frozen=True)
class DeploymentRecord:
    """A deployment asked for directly. ``status``: InProgress, Succeeded or Failed.

    ``kind``: ``deploy``; or ``rollback`` or ``resume``, of the release that ``release`` is the number of.
    """

    id: str
    description: ReleaseDescription
    kind: str
    release: int | None
    status: str
    error: str | None
    details: tuple[str, ...]
    started_at: float


class Releases:
    """Reads and writes releases, tasks and deployments. Each method is one transaction, or joins the caller's."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def ensure(self, description: ReleaseDescription, origin: str, execution: int | None = None) -> ReleaseRecord:
        """The release that ``origin`` asked for, made (status Pending) if it is not there yet."""
        with self._db.transaction():
            self._db.insert(
                "insert_release",
                app=description.application,
                environment=description.environment,
                workload=description.workload,
                description=_DESCRIPTION.dump_json(description).decode(),
                origin=origin,
                execution=execution,
                created_at=time.time(),
            )
            row = self._db.one("release_by_origin", origin=origin)
        assert row is not None  # noqa: S101 - just inserted
        return _release(row)

    def get(self, release_id: int) -> ReleaseRecord:
        """Raises NotFoundError."""
        row = self._db.one("release", id=release_id)
        if row is None:
            raise NotFoundError(f"release {release_id} does not exist")
        return _release(row)

    def current(self, app: str, environment: str, workload: str) -> ReleaseRecord | None:
        """The release that serves, or None."""
        row = self._db.one("current_release", app=app, environment=environment, workload=workload)
        return _release(row) if row else None

    def all_current(self) -> list[ReleaseRecord]:
        """Every release that serves, in all environments."""
        return [_release(row) for row in self._db.all("current_releases")]

    def history(self, app: str, environment: str, workload: str, limit: int = 20) -> list[ReleaseRecord]:
        """Newest first."""
        rows = self._db.all("releases", app=app, environment=environment, workload=workload, limit=limit)
        return [_release(row) for row in rows]

    def unsettled(self) -> list[ReleaseRecord]:
        """Releases whose deployment was under way (status Deploying)."""
        return [_release(row) for row in self._db.all("unsettled_releases")]

    def set_status(self, release_id: int, status: str) -> None:
        """Change the status of a release; ``make_current`` is the way to Current."""
        self._db.execute("set_release_status", id=release_id, status=status)

    def pause(self, release_id: int) -> None:
        """This release is current, and its tasks are not wanted."""
        self._db.execute("pause_release", id=release_id, now=time.time())

    def make_current(self, release: ReleaseRecord) -> None:
        """This release serves from now on, paused no more; the one before it is Superseded."""
        d = release.description
        with self._db.transaction():
            self._db.execute(
                "supersede_releases", app=d.application, environment=d.environment, workload=d.workload, id=release.id
            )
            self._db.execute("make_current", id=release.id, now=time.time())

    def forget(self, app: str, environment: str, workload: str) -> None:
        """Delete every release of a service in an environment, with its tasks."""
        self._db.execute("delete_releases", app=app, environment=environment, workload=workload)

    def add_task(self, task_id: str, release_id: int, port: int | None) -> TaskRecord:
        """Write down a task, before it is started."""
        self._db.insert("insert_task", id=task_id, release=release_id, port=port, started_at=time.time())
        return next(t for t in self.tasks(release_id) if t.id == task_id)

    def tasks(self, release_id: int) -> list[TaskRecord]:
        """Tasks of a release, oldest first."""
        return [_task(row) for row in self._db.all("tasks_of_release", release=release_id)]

    def tasks_of_service(self, app: str, environment: str, workload: str) -> list[TaskRecord]:
        """Tasks of all releases of a service in an environment."""
        return [_task(r) for r in self._db.all("tasks_of_service", app=app, environment=environment, workload=workload)]

    def all_tasks(self) -> list[TaskRecord]:
        """Every task that is written down."""
        return [_task(row) for row in self._db.all("all_tasks")]

    def set_task_status(self, task_id: str, status: str) -> None:
        """Change a task's status; ``bury_task`` is the way to Dead."""
        self._db.execute("set_task_status", id=task_id, status=status)

    def bury_task(self, task_id: str, reason: str) -> None:
        """A task ended by itself just now, or could not be started."""
        self._db.execute("bury_task", id=task_id, reason=reason, now=time.time())

    def restart_task(self, task_id: str, last_exit: str) -> None:
        """Count a restart: the task starts again under the same id and port."""
        self._db.execute("restart_task", id=task_id, started_at=time.time(), last_exit=last_exit)

    def end_task(self, task: TaskRecord, reason: str) -> None:
        """A task is gone for good. Only of the newest such tasks of a service something stays known."""
        with self._db.transaction():
            self._db.execute("insert_ended_task", id=task.id, reason=reason, now=time.time())
            self._db.execute("delete_task", id=task.id)
            self._db.execute("prune_ended_tasks", release=task.release, keep=KEPT_ENDED_TASKS)

    def ended_tasks(self, app: str, environment: str, workload: str) -> list[EndedTask]:
        """Tasks of a service that are gone, by the time they started."""
        rows = self._db.all("ended_tasks_of_service", app=app, environment=environment, workload=workload)
        return [EndedTask(**dict(row)) for row in rows]

    def add_deployment(
        self, deployment_id: str, description: ReleaseDescription, kind: str = "deploy", release: int | None = None
    ) -> DeploymentRecord:
        """Write down a deployment that begins."""
        self._db.insert(
            "insert_deployment",
            id=deployment_id,
            app=description.application,
            environment=description.environment,
            workload=description.workload,
            description=_DESCRIPTION.dump_json(description).decode(),
            kind=kind,
            release=release,
            started_at=time.time(),
        )
        return self.deployment(deployment_id)

    def deployment(self, deployment_id: str) -> DeploymentRecord:
        """Raises NotFoundError."""
        row = self._db.one("deployment", id=deployment_id)
        if row is None:
            raise NotFoundError(f"deployment {deployment_id} does not exist")
        return _deployment(row)

    def finish_deployment(self, deployment_id: str, error: str | None = None, details: Sequence[str] = ()) -> None:
        """Succeeded, or Failed with an error."""
        status = "Failed" if error else "Succeeded"
        self._db.execute("finish_deployment", id=deployment_id, status=status, error=error, details=json.dumps(list(details)))

    def unfinished_deployments(self) -> list[DeploymentRecord]:
        """Deployments that a killed server left in progress."""
        return [_deployment(row) for row in self._db.all("unfinished_deployments")]


def _release(row: sqlite3.Row) -> ReleaseRecord:
    return ReleaseRecord(
        id=row["id"],
        description=_DESCRIPTION.validate_json(row["description"]),
        origin=row["origin"],
        execution=row["execution"],
        status=row["status"],
        created_at=row["created_at"],
        deployed_at=row["deployed_at"],
        paused_at=row["paused_at"],
    )


def _task(row: sqlite3.Row) -> TaskRecord:
    return TaskRecord(**dict(row))


def _deployment(row: sqlite3.Row) -> DeploymentRecord:
    return DeploymentRecord(
        id=row["id"],
        description=_DESCRIPTION.validate_json(row["description"]),
        kind=row["kind"],
        release=row["release"],
        status=row["status"],
        error=row["error"],
        details=tuple(json.loads(row["details"])),
        started_at=row["started_at"],
    )
