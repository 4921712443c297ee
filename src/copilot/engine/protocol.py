"""What may be asked of an engine. Every method may raise a `CopilotError`.

Both sides of the local engine's HTTP API are made from these protocols: a method added here is callable through the client as
soon as the service implements it.
"""

from __future__ import annotations

from typing import Protocol

from copilot.engine.pipeline_values import (
    ExecutionDetail,
    ExecutionSummary,
    PipelineChange,
    PipelineDefinition,
    PipelineDetail,
    PipelineSummary,
    Promotion,
)
from copilot.engine.values import (
    Application,
    Deployment,
    Environment,
    Job,
    JobRun,
    LogChunk,
    Release,
    ServiceDetail,
    Task,
    TaskCommand,
    TaskLog,
    Workload,
)
from copilot.release.description import ReleaseDescription
from copilot.release.execution import RetryMode


class Engine(Protocol):
    """What may be asked of every engine: where applications live and run."""

    def create_application(self, name: str) -> Application:
        """Raises ConflictError if it exists."""
        ...

    def applications(self) -> list[Application]:
        """All of them, by name."""
        ...

    def application(self, name: str) -> Application:
        """Raises NotFoundError."""
        ...

    def delete_application(self, name: str, keep_volumes: bool = False) -> None:
        """Delete it with its pipelines, services and environments; running tasks are stopped. Raises NotFoundError."""
        ...

    def environments(self, app: str) -> list[Environment]:
        """In the order they were created."""
        ...

    def environment(self, app: str, name: str) -> Environment:
        """Raises NotFoundError."""
        ...

    def delete_environment(self, app: str, name: str, keep_volumes: bool = False) -> None:
        """Stop its tasks, delete its volumes unless they are to be kept, and forget it.

        Raises ConflictError while a pipeline deploys to it.
        """
        ...

    def register_workload(self, app: str, name: str, type: str) -> Workload:  # noqa: A002 - the manifest's own word
        """Idempotent for the same type; raises ConflictError for another."""
        ...

    def workloads(self, app: str) -> list[Workload]:
        """By name."""
        ...

    def delete_workload(self, app: str, name: str, environment: str | None = None) -> None:
        """Stop and remove it from one environment, or from all and forget it. Raises NotFoundError."""
        ...

    def service(self, app: str, name: str) -> ServiceDetail:
        """Raises NotFoundError."""
        ...

    def put_secret(self, name: str, value: str, overwrite: bool = False) -> None:
        """Keep a secret. Raises ConflictError if it exists and overwrite is false."""
        ...

    def secrets(self, prefix: str = "") -> list[str]:
        """Names only."""
        ...

    def delete_secret(self, name: str) -> None:
        """Raises NotFoundError."""
        ...

    def pipelines(self, app: str) -> list[PipelineSummary]:
        """By name."""
        ...

    def pipeline(self, app: str, name: str) -> PipelineDetail:
        """Raises NotFoundError."""
        ...

    def delete_pipeline(self, app: str, name: str, delete_secret: bool = False) -> None:
        """Remove the pipeline, what tells it of pushes, and its history; what it deployed stays.

        Raises ConflictError while an execution runs, where the engine would have to wait for it.
        """
        ...

    def start_execution(self, app: str, name: str, revision: str | None = None, trigger: str = "run") -> ExecutionSummary:
        """Start an execution of the branch's head, or of a commit of the repository."""
        ...

    def executions(self, app: str, name: str, limit: int = 20) -> list[ExecutionSummary]:
        """Newest first."""
        ...

    def execution(self, app: str, name: str, execution: str | None = None) -> ExecutionDetail:
        """The one of that id; None: the newest. Raises NotFoundError.

        An engine with long ids takes a beginning of one, too, and raises UsageError if several begin so.
        """
        ...

    def log(
        self, app: str, name: str, execution: str, stage: str, action: str, attempt: int | None = None, offset: int = 0
    ) -> LogChunk:
        """An action's log from a byte offset; attempt None: the newest."""
        ...

    def promotions(self, app: str, name: str) -> list[Promotion]:
        """The approvals that wait, oldest first."""
        ...

    def decide(
        self, app: str, name: str, execution: str, action: str, approve: bool, approver: str, comment: str = ""
    ) -> ExecutionSummary:
        """Approve or reject. Raises ConflictError when that approval does not wait any more."""
        ...

    def retry(self, app: str, name: str, execution: str, mode: RetryMode = "failed") -> ExecutionSummary:
        """Retry the failed stage of an execution. Raises ConflictError when a newer execution has entered the stage."""
        ...

    def stop(self, app: str, name: str, execution: str, abandon: bool = False) -> ExecutionSummary:
        """Stop an execution: after its in-progress actions, or abandoning them."""
        ...

    def rollback(self, app: str, name: str, stage: str, to: str | None = None) -> ExecutionSummary:
        """Deploy again what an earlier execution deployed in a stage; None: the last but one to pass it."""
        ...

    def set_transition(self, app: str, name: str, stage: str, enabled: bool, reason: str = "") -> None:
        """Allow or forbid executions to enter a stage."""
        ...


class LocalEngine(Engine, Protocol):
    """What else may be asked of the engine on this machine."""

    def create_environment(
        self, app: str, name: str, runtime: str | None = None, port: int | None = None, container_engine: str | None = None
    ) -> Environment:
        """Runtime and port None: chosen here.

        ``container_engine``: the address of the one that whoever asks has in mind, None if any. Raises ConflictError if the
        environment exists, the port is taken, or other environments are on another container engine.
        """
        ...

    def releases(self, app: str, environment: str, workload: str, limit: int = 20) -> list[Release]:
        """Of one service in one environment, newest first."""
        ...

    def tasks(self, app: str, environment: str, workload: str, release: int | None = None) -> list[Task]:
        """Of all its releases or of one, by the time they started; with the last ones that are gone."""
        ...

    def task_log(
        self,
        app: str,
        environment: str,
        workload: str,
        task: str,
        cursor: str = "",
        last: int | None = None,
        container: str | None = None,
    ) -> TaskLog:
        """What a task printed after a cursor (empty: from the beginning), also one that is gone; or only its last lines.

        ``container``: only that one of its containers, the workload's own name being the main one. Raises NotFoundError.
        """
        ...

    def task_command(
        self,
        app: str,
        environment: str,
        workload: str,
        task: str,
        argv: tuple[str, ...],
        interactive: bool,
        container: str | None = None,
    ) -> TaskCommand:
        """How to run a command inside a task, in its main container or in a sidecar.

        ``container``: as for `task_log`; None: the main one. Raises NotFoundError if the task has no such container, or it does
        not run.
        """
        ...

    def pause_service(self, app: str, environment: str, workload: str) -> None:
        """Stop its tasks and keep its release. Nothing to do if it is paused. Raises ConflictError during a deployment."""
        ...

    def resume_service(self, app: str, environment: str, workload: str) -> Deployment:
        """Begin to start the tasks of a paused service again. Raises ConflictError if it is not paused."""
        ...

    def redeploy(self, app: str, environment: str, workload: str, release: int) -> Deployment:
        """Begin to deploy an earlier release again, as a new one. Raises ConflictError if that one never served."""
        ...

    def start_deployment(self, description: ReleaseDescription) -> Deployment:
        """Begin deploying a release directly; the answer is in progress. Its log is ``deployment_log``."""
        ...

    def deployment(self, id: str) -> Deployment:  # noqa: A002 - what it is
        """Raises NotFoundError."""
        ...

    def deployment_log(self, id: str, offset: int = 0) -> LogChunk:  # noqa: A002 - what it is
        """What the deployment printed from a byte offset."""
        ...

    def jobs(self, app: str) -> list[Job]:
        """By name. Raises NotFoundError for the application."""
        ...

    def start_job(self, app: str, name: str, environment: str) -> JobRun:
        """Run a job now. Raises ConflictError while it runs, NotFoundError if it was never deployed there."""
        ...

    def job_runs(self, app: str, name: str, environment: str, limit: int = 20) -> list[JobRun]:
        """Those that are kept, newest first. Raises NotFoundError."""
        ...

    def job_run(self, id: int) -> JobRun:  # noqa: A002 - what it is
        """Raises NotFoundError."""
        ...

    def job_log(self, id: int, attempt: int, cursor: str = "") -> TaskLog:  # noqa: A002 - what it is
        """What an attempt of a run printed after a cursor (empty: from the beginning). Raises NotFoundError."""
        ...

    def put_pipeline(self, definition: PipelineDefinition) -> PipelineChange:
        """Create or update. The repository is fetched first: raises RepositoryError if that fails, and nothing is changed."""
        ...
