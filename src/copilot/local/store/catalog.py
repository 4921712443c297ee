"""Applications, environments, workloads, pipelines and their disabled transitions."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass

from copilot.engine import Application, LocalEnvironment, PipelineDefinition, Workload
from copilot.errors import ConflictError, NotFoundError
from copilot.local.store.database import Database


@dataclass(frozen=True)
class PipelineRecord:
    """A pipeline. ``trigger`` says in words how a push is noticed; ``head`` is the newest commit of its branch that was seen."""

    definition: PipelineDefinition
    trigger: str
    head: str
    created_at: float
    updated_at: float


class Catalog:
    """Reads and writes what applications consist of. Each method is one transaction, or joins the caller's."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add_application(self, name: str) -> Application:
        """Raises ConflictError."""
        try:
            self._db.insert("insert_application", name=name, created_at=time.time())
        except sqlite3.IntegrityError:
            raise ConflictError(f"application `{name}` exists already") from None
        return self.application(name)

    def applications(self) -> list[Application]:
        """By name."""
        return [Application(engine="local", **dict(row)) for row in self._db.all("applications")]

    def application(self, name: str) -> Application:
        """Raises NotFoundError."""
        known = self.applications()
        for application in known:
            if application.name == name:
                return application
        names = ", ".join(a.name for a in known)
        raise NotFoundError(
            f"application `{name}` does not exist on this machine's engine",
            hint=f"Create it with `copilot app init {name}`" + (f"; there are: {names}" if names else ""),
        )

    def delete_application(self, name: str) -> None:
        """Delete it with all that is written down of it."""
        self._db.execute("delete_application", name=name)

    def add_environment(self, app: str, name: str, runtime: str, port: int) -> LocalEnvironment:
        """Raises NotFoundError for the application, ConflictError for the name or the port."""
        self.application(app)
        for other in self.all_environments():
            if (other.app, other.name) == (app, name):
                raise ConflictError(f"environment `{name}` exists already in application `{app}`")
            if other.port == port:
                raise ConflictError(f"port {port} is taken by environment `{other.name}` of application `{other.app}`")
        self._db.insert("insert_environment", app=app, name=name, runtime=runtime, port=port, created_at=time.time())
        return self.environment(app, name)

    def environments(self, app: str) -> list[LocalEnvironment]:
        """In the order they were created. Raises NotFoundError for the application."""
        self.application(app)
        return [_environment(row) for row in self._db.all("environments", app=app)]

    def all_environments(self) -> list[LocalEnvironment]:
        """Those of every application."""
        return [_environment(row) for row in self._db.all("all_environments")]

    def environment(self, app: str, name: str) -> LocalEnvironment:
        """Raises NotFoundError."""
        known = self.environments(app)
        for environment in known:
            if environment.name == name:
                return environment
        names = ", ".join(e.name for e in known)
        raise NotFoundError(
            f"environment `{name}` does not exist in application `{app}`",
            hint=(f"It has: {names}. " if names else "") + f"Create it with `copilot env init --name {name}`",
        )

    def delete_environment(self, app: str, name: str) -> None:
        """Delete it with its releases and tasks."""
        self._db.execute("delete_environment", app=app, name=name)

    def register_workload(self, app: str, name: str, workload_type: str) -> Workload:
        """Idempotent for the same type; raises ConflictError for another."""
        self.application(app)
        self._db.execute("upsert_workload", app=app, name=name, type=workload_type)
        workload = self.workload(app, name)
        if workload.type != workload_type:
            raise ConflictError(
                f"workload `{name}` of application `{app}` is a {workload.type}, not a {workload_type}",
                hint=f"Delete it with `copilot svc delete --name {name}` first, or choose another name",
            )
        return workload

    def workloads(self, app: str) -> list[Workload]:
        """By name. Raises NotFoundError for the application."""
        self.application(app)
        return [Workload(**dict(row)) for row in self._db.all("workloads", app=app)]

    def workload(self, app: str, name: str) -> Workload:
        """Raises NotFoundError."""
        known = self.workloads(app)
        for workload in known:
            if workload.name == name:
                return workload
        names = ", ".join(w.name for w in known)
        raise NotFoundError(
            f"workload `{name}` does not exist in application `{app}`",
            hint=f"It has: {names}" if names else "Create one with `copilot svc init`",
        )

    def delete_workload(self, app: str, name: str) -> None:
        """Forget a workload."""
        self._db.execute("delete_workload", app=app, name=name)

    def put_pipeline(self, definition: PipelineDefinition, trigger: str) -> None:
        """Create or replace a pipeline's definition."""
        values: dict[str, str | float] = {
            "app": definition.app,
            "name": definition.name,
            "definition": definition.model_dump_json(by_alias=True),
            "trigger": trigger,
            "now": time.time(),
        }
        with self._db.transaction():
            if not self._db.execute("update_pipeline", **values):
                self._db.insert("insert_pipeline", **values)

    def set_head(self, app: str, name: str, commit: str) -> None:
        """Remember the newest commit that was seen on a pipeline's branch."""
        self._db.execute("set_pipeline_head", app=app, name=name, head=commit)

    def pipelines(self, app: str | None = None) -> list[PipelineRecord]:
        """By name; None: those of all applications."""
        if app is None:
            return [_pipeline(row) for row in self._db.all("all_pipelines")]
        self.application(app)
        return [_pipeline(row) for row in self._db.all("pipelines", app=app)]

    def find_pipeline(self, app: str, name: str) -> PipelineRecord | None:
        """The pipeline, or None."""
        row = self._db.one("pipeline", app=app, name=name)
        return _pipeline(row) if row else None

    def pipeline(self, app: str, name: str) -> PipelineRecord:
        """Raises NotFoundError."""
        found = self.find_pipeline(app, name)
        if found:
            return found
        names = ", ".join(p.definition.name for p in self.pipelines(app))
        raise NotFoundError(
            f"pipeline `{name}` does not exist in application `{app}`",
            hint=f"It has: {names}" if names else "Create it with `copilot pipeline update`",
        )

    def delete_pipeline(self, app: str, name: str) -> None:
        """Delete it with its executions."""
        self._db.execute("delete_pipeline", app=app, name=name)

    def disabled_transitions(self, app: str, pipeline: str) -> dict[str, str]:
        """Stage to reason."""
        return {r["stage"]: r["reason"] for r in self._db.all("disabled_transitions", app=app, pipeline=pipeline)}

    def disable_transition(self, app: str, pipeline: str, stage: str, reason: str) -> None:
        """No execution may enter the stage any more."""
        self._db.execute("disable_transition", app=app, pipeline=pipeline, stage=stage, reason=reason)

    def enable_transition(self, app: str, pipeline: str, stage: str) -> None:
        """Executions may enter the stage again."""
        self._db.execute("enable_transition", app=app, pipeline=pipeline, stage=stage)


def _environment(row: sqlite3.Row) -> LocalEnvironment:
    return LocalEnvironment(url=f"http://localhost:{row['port']}", **dict(row))


def _pipeline(row: sqlite3.Row) -> PipelineRecord:
    return PipelineRecord(
        definition=PipelineDefinition.model_validate_json(row["definition"]),
        trigger=row["trigger"],
        head=row["head"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
