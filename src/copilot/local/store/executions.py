"""Executions: what the scheduler writes down at each transition, and reads back after a restart."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from copilot.engine import Revision
from copilot.errors import NotFoundError
from copilot.local.action import ActionResult
from copilot.local.store.database import Database
from copilot.release.execution import ActionStatus, Execution, StageRun
from copilot.release.plan import Plan

_PLAN = TypeAdapter(Plan)
_RESULT = TypeAdapter(ActionResult)


@dataclass(frozen=True)
class Attempt:
    """One try of an action; the newest is the action's state."""

    id: int
    execution: int
    stage: str
    action: str
    number: int
    status: ActionStatus
    started_at: float | None
    ended_at: float | None
    expires_at: float | None
    reruns: int
    result: ActionResult | None


@dataclass(frozen=True)
class ExecutionRecord:
    """An execution as stored: its state by the rules of `copilot.release.execution`, and what surrounds it.

    Attributes:
        rollback_of: The stage that a rollback brings back, and in ``rollback_to`` the number of the execution it goes back to.
        attempts: The newest attempt of each action, by (stage, action).
        stage_times: For each stage, when it was entered and when it ended.
    """

    state: Execution
    app: str
    pipeline: str
    number: int
    trigger: str
    repository: str
    revision: Revision | None
    rollback_of: str | None
    rollback_to: int | None
    started_at: float
    ended_at: float | None
    attempts: dict[tuple[str, str], Attempt]
    stage_times: dict[str, tuple[float | None, float | None]]

    @property
    def id(self) -> int:
        """Unique among all executions, and ordered."""
        return self.state.id


class Executions:
    """Reads and writes executions. Each method is one transaction, or joins the caller's."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(
        self,
        *,
        app: str,
        pipeline: str,
        trigger: str,
        plan: Plan,
        repository: str,
        revision: Revision | None = None,
        rollback_of: str | None = None,
        rollback_to: int | None = None,
        artifacts_of: int | None = None,
    ) -> ExecutionRecord:
        """A new execution that waits for its first stage. ``artifacts_of``: the execution whose artifacts it starts with."""
        with self._db.transaction():
            execution_id = self._db.insert(
                "insert_execution",
                app=app,
                pipeline=pipeline,
                trigger=trigger,
                plan=_PLAN.dump_json(plan).decode(),
                repository=repository,
                revision=revision.model_dump_json() if revision else None,
                rollback_of=rollback_of,
                rollback_to=rollback_to,
                started_at=time.time(),
            )
            for stage in plan.stages:
                for action in stage.actions:
                    self.add_attempt(execution_id, stage.name, action.name, 1)
            if artifacts_of is not None:
                self._db.insert("copy_artifacts", execution=execution_id, source=artifacts_of)
            return self.by_id(execution_id)

    def add_attempt(self, execution: int, stage: str, action: str, number: int) -> int:
        """A further (or the first) try of an action, not started yet. The answer is its id."""
        return self._db.insert("insert_attempt", execution=execution, stage=stage, action=action, number=number)

    def start_attempt(self, attempt: int, expires_at: float | None = None) -> None:
        """The attempt is in progress from now on."""
        self._db.execute("start_attempt", id=attempt, now=time.time(), expires_at=expires_at)

    def finish_attempt(self, attempt: int, status: ActionStatus, result: ActionResult) -> None:
        """The attempt has ended."""
        self._db.execute("finish_attempt", id=attempt, now=time.time(), status=status, result=_RESULT.dump_json(result).decode())

    def count_rerun(self, attempt: int) -> None:
        """The attempt is started again because a killed server lost it."""
        self._db.execute("count_rerun", id=attempt)

    def save(self, execution: Execution) -> None:
        """Write down where the execution stands (its attempts are written by their own methods)."""
        ended = None if execution.active else time.time()
        self._db.execute(
            "update_execution",
            id=execution.id,
            status=execution.status,
            position=execution.position,
            abandon=int(execution.abandon),
            ended_at=ended,
        )

    def save_stage(
        self, execution: int, stage: str, run: StageRun, *, entered_at: float | None, ended_at: float | None = None
    ) -> None:
        """Write down the state of a stage of an execution."""
        self._db.execute(
            "put_stage_run",
            execution=execution,
            stage=stage,
            status=run.status,
            retries=run.retries,
            entered_at=entered_at,
            ended_at=ended_at,
        )

    def set_revision(self, execution: int, revision: Revision) -> None:
        """The execution releases this commit."""
        self._db.execute("set_revision", id=execution, revision=revision.model_dump_json())

    def put_artifact(self, execution: int, name: str, digest: str) -> None:
        """An action of the execution put out an artifact."""
        self._db.execute("put_artifact", execution=execution, name=name, digest=digest)

    def artifacts(self, execution: int) -> dict[str, str]:
        """Name to digest."""
        return {row["name"]: row["digest"] for row in self._db.all("artifacts", execution=execution)}

    def active(self) -> list[ExecutionRecord]:
        """Every execution that has not ended, oldest first."""
        return [self._record(row) for row in self._db.all("active_executions")]

    def history(self, app: str, pipeline: str, limit: int = 20) -> list[ExecutionRecord]:
        """Newest first."""
        return [self._record(row) for row in self._db.all("executions", app=app, pipeline=pipeline, limit=limit)]

    def by_id(self, execution: int) -> ExecutionRecord:
        """Raises NotFoundError."""
        row = self._db.one("execution_by_id", id=execution)
        if row is None:
            raise NotFoundError(f"execution {execution} does not exist")
        return self._record(row)

    def get(self, app: str, pipeline: str, number: int | None = None) -> ExecutionRecord:
        """None: the newest. Raises NotFoundError."""
        if number is None:
            newest = self.history(app, pipeline, limit=1)
            if newest:
                return newest[0]
            raise NotFoundError(f"pipeline `{pipeline}` has no execution yet", hint="Start one with `copilot pipeline run`")
        row = self._db.one("execution", app=app, pipeline=pipeline, number=number)
        if row is None:
            raise NotFoundError(f"pipeline `{pipeline}` has no execution #{number}", hint="See `copilot pipeline show`")
        return self._record(row)

    def newest_in_stage(self, app: str, pipeline: str, stage: str) -> int | None:
        """Number of the newest execution that has entered a stage."""
        row = self._db.one("newest_in_stage", app=app, pipeline=pipeline, stage=stage)
        return row["number"] if row else None

    def passed(self, app: str, pipeline: str, stage: str) -> Iterable[ExecutionRecord]:
        """Executions that passed a stage, the last to do so first."""
        for row in self._db.all("succeeded_in_stage", app=app, pipeline=pipeline, stage=stage):
            yield self._record(row)

    def rollback_target(self, app: str, pipeline: str, stage: str, number: int | None) -> ExecutionRecord:
        """The execution that a rollback of a stage goes back to.

        Args:
            app: The application.
            pipeline: One of its pipelines.
            stage: The stage to bring back.
            number: The execution that was asked for; None: the last to pass the stage before what is there now.

        Raises:
            NotFoundError: If there is no such execution.
        """
        newest = self.newest_in_stage(app, pipeline, stage)
        current = self.get(app, pipeline, newest) if newest else None
        # After a rollback, what it went back to is there: the next one goes back from that.
        before = (current.rollback_to or current.number) if current else 0
        for record in self.passed(app, pipeline, stage):
            if record.rollback_of is None and (record.number == number if number is not None else record.number < before):
                return record
        which = f"execution #{number} has not" if number is not None else "no earlier execution has"
        raise NotFoundError(f"{which} passed stage `{stage}` of pipeline `{pipeline}`, so there is nothing to go back to")

    def attempts(self, execution: int) -> list[Attempt]:
        """All attempts of all actions of an execution, oldest first."""
        return [_attempt(row) for row in self._db.all("attempts", execution=execution)]

    def _record(self, row: sqlite3.Row) -> ExecutionRecord:
        plan = _PLAN.validate_json(row["plan"])
        newest = {(a.stage, a.action): a for a in self.attempts(row["id"])}
        runs: dict[str, Any] = {r["stage"]: r for r in self._db.all("stage_runs", execution=row["id"])}
        stages = tuple(
            StageRun(
                actions={action.name: newest[stage.name, action.name].status for action in stage.actions},
                status=runs[stage.name]["status"] if stage.name in runs else "Pending",
                retries=runs[stage.name]["retries"] if stage.name in runs else 0,
            )
            for stage in plan.stages
        )
        return ExecutionRecord(
            state=Execution(row["id"], plan, stages, row["position"], row["status"], bool(row["abandon"])),
            app=row["app"],
            pipeline=row["pipeline"],
            number=row["number"],
            trigger=row["trigger"],
            repository=row["repository"],
            revision=Revision.model_validate_json(row["revision"]) if row["revision"] else None,
            rollback_of=row["rollback_of"],
            rollback_to=row["rollback_to"],
            started_at=row["started_at"],
            ended_at=row["ended_at"],
            attempts=newest,
            stage_times={stage: (r["entered_at"], r["ended_at"]) for stage, r in runs.items()},
        )


def _attempt(row: sqlite3.Row) -> Attempt:
    return Attempt(**{**dict(row), "result": _RESULT.validate_json(row["result"]) if row["result"] else None})
