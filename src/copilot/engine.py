"""What the command line (and any other front) may ask of an engine, and the values it answers with.

Both sides of the local engine's HTTP API are made from this protocol: a method added here is callable through the client as
soon as the service implements it. Every method may raise a `CopilotError`; values are immutable.
Times are seconds since the epoch (RFC 3339 in JSON); durations are seconds. JSON keys are the camelCase of the field names.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer
from pydantic.alias_generators import to_camel

from copilot.release.description import ReleaseDescription, Schedule
from copilot.release.execution import ActionStatus, ExecutionStatus, RetryMode, StageStatus
from copilot.release.plan import Plan

DeploymentStatus = Literal["InProgress", "Succeeded", "Failed"]
ReleaseStatus = Literal["Pending", "Deploying", "Current", "Superseded", "Failed"]
ReleaseTrigger = Literal["pipeline", "deploy", "rollback"]
JobTrigger = Literal["schedule", "manual"]
JobRunStatus = Literal["Running", "Succeeded", "Failed", "TimedOut", "Missed"]


def _to_text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _to_seconds(value: object) -> object:
    return datetime.fromisoformat(value).timestamp() if isinstance(value, str) else value


Timestamp = Annotated[float, BeforeValidator(_to_seconds), PlainSerializer(_to_text, return_type=str, when_used="json")]
"""Seconds since the epoch; in JSON an RFC 3339 text in UTC, to the microsecond."""


class Value(BaseModel):
    """Base of every value an engine answers with."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


class Application(Value):
    """An application. ``engine`` is ``local`` or ``aws``."""

    name: str
    engine: str
    created_at: Timestamp


class Environment(Value):
    """An environment and where its front door answers. ``runtime`` is ``host`` or ``docker``."""

    app: str
    name: str
    runtime: str
    port: int
    url: str
    created_at: Timestamp


class Workload(Value):
    """A workload known to an application (``type`` is the manifest's)."""

    app: str
    name: str
    type: str


class Task(Value):
    """One running copy of a release, or one that is gone.

    Attributes:
        status: Starting, Healthy, Unhealthy, Stopping, Dead (it starts again) or Ended (it is gone for good).
        started_at: When it started, or was last started again.
        last_exit: Why it last ended, such as ``exit 1``; at ``last_exit_at``. None if it never did.
    """

    id: str
    release: int
    status: str
    port: int | None
    pid: int | None
    started_at: Timestamp
    restarts: int
    last_exit: str | None = None
    last_exit_at: Timestamp | None = None


class TaskLog(Value):
    """Part of what a task printed.

    Attributes:
        cursor: Where to read on.
        complete: Whether that is all there is for now.
        finished: Nothing will be added.
        skipped: Whether lines before it were left out because only the last ones were asked for.
    """

    text: str
    cursor: str
    complete: bool
    finished: bool
    skipped: bool = False


class TaskCommand(Value):
    """How to run a command inside a task, on the machine of the engine.

    ``variables``: to set on top of the caller's own; secrets are among them. ``folder``: where to run it; None: anywhere.
    """

    argv: tuple[str, ...]
    variables: Mapping[str, str]
    folder: str | None


class Release(Value):
    """A release of a service in one environment: a record that never changes, but for its status.

    Attributes:
        number: Counts over all services of the engine.
        trigger: What asked for it.
        execution: Number of the pipeline's execution that deployed it, if one did.
        restores: Number of the release that a rollback brought back with it.
        paused_at: Since when its tasks are stopped on purpose.
        settings: All that it was deployed with.
    """

    number: int
    status: ReleaseStatus
    image: str
    revision: str
    trigger: ReleaseTrigger
    execution: int | None
    restores: int | None
    created_at: Timestamp
    deployed_at: Timestamp | None
    paused_at: Timestamp | None
    settings: ReleaseDescription


class ServiceState(Value):
    """A service in one environment: its current release and its tasks. ``release`` is None if it was never deployed there.

    Attributes:
        execution: Number of the pipeline's execution that deployed it, if one did.
        paused_at: Since when its tasks are stopped on purpose.
        settings: All that the current release was deployed with.
        problem: Why what is said of its tasks may be out of date: what runs them does not answer.
    """

    environment: str
    url: str | None
    release: int | None
    image: str | None
    revision: str | None
    desired_count: int
    deployed_at: Timestamp | None
    tasks: tuple[Task, ...] = ()
    execution: int | None = None
    paused_at: Timestamp | None = None
    settings: ReleaseDescription | None = None
    problem: str | None = None


class ServiceDetail(Value):
    """A service in all environments of its application."""

    app: str
    name: str
    type: str
    environments: tuple[ServiceState, ...]


class Deployment(Value):
    """A deployment asked for directly, without a pipeline. ``error`` is set when it failed."""

    id: str
    app: str
    environment: str
    workload: str
    status: DeploymentStatus
    error: str | None = None
    details: tuple[str, ...] = ()
    url: str | None = None


class JobAttempt(Value):
    """One try of a run. ``reason``: how its task ended. ``started_at`` is None until the task was started."""

    number: int
    task: str
    started_at: Timestamp | None
    ended_at: Timestamp | None
    reason: str | None


class JobRun(Value):
    """A run of a job's release; or, with status Missed, the note that one did not take place.

    Attributes:
        due_at: When the schedule wanted it; None if a person did.
        retry_at: While it waits for its next attempt: when that begins.
        skipped: How many due times passed while it ran.
        reason: How its last attempt ended, or why it did not take place.
    """

    id: int
    app: str
    environment: str
    workload: str
    release: int
    trigger: JobTrigger
    status: JobRunStatus
    due_at: Timestamp | None
    started_at: Timestamp
    ended_at: Timestamp | None
    retry_at: Timestamp | None
    skipped: int
    reason: str | None
    attempts: tuple[JobAttempt, ...] = ()


class JobState(Value):
    """A job in one environment. What is None is so because it was never deployed there, or is never due."""

    environment: str
    release: int | None
    image: str | None
    revision: str | None
    deployed_at: Timestamp | None
    schedule: Schedule | None
    next_run_at: Timestamp | None
    last_run: JobRun | None


class Job(Value):
    """A job in all environments of its application (``type`` is the manifest's)."""

    app: str
    name: str
    type: str
    environments: tuple[JobState, ...]


class PipelineDefinition(Value):
    """What `pipeline update` hands over: the structure, read from the working tree.

    Attributes:
        manifest: Path of the manifest relative to the repository's root, for messages.
        repository: What git fetches: a URL without credentials, or an absolute path on this disk.
    """

    app: str
    name: str
    repository: str
    branch: str
    manifest: str
    plan: Plan


class PipelineChange(Value):
    """What `put_pipeline` did. ``previous`` is the plan it replaced."""

    change: Literal["created", "updated", "unchanged"]
    trigger: str
    previous: Plan | None = None


class PipelineSummary(Value):
    """One line of `pipeline ls`."""

    name: str
    pipeline_name: str
    app: str
    region: str
    account_id: str
    repository: str
    branch: str
    updated_at: Timestamp
    latest: ExecutionSummary | None = None


class PipelineDetail(Value):
    """A pipeline's structure. ``trigger`` says in words how a push is noticed."""

    definition: PipelineDefinition
    region: str
    account_id: str
    trigger: str
    created_at: Timestamp
    updated_at: Timestamp
    disabled_stages: Mapping[str, str] = {}


class Revision(Value):
    """The commit an execution releases."""

    id: str
    summary: str
    author: str
    committed_at: Timestamp


class ExecutionSummary(Value):
    """One line of an execution list. ``number`` counts from 1 in its pipeline; ``trigger`` says what started it."""

    number: int
    status: ExecutionStatus
    trigger: str
    revision: Revision | None
    started_at: Timestamp
    ended_at: Timestamp | None
    rollback_of: str | None = None


class ActionState(Value):
    """An action of an execution.

    Attributes:
        run_order: As in the plan.
        attempt: Counts from 1; a retry makes a new one.
        summary: One line: what came out of it, or why it failed.
        details: When it failed: the tail of what it printed.
        url: Where a person can look at the result, or None.
        expires_at: For an approval that waits: when it lapses.
        images: Digests of the images that it built or deployed, by workload.
    """

    name: str
    kind: str
    run_order: int
    status: ActionStatus
    attempt: int
    started_at: Timestamp | None
    ended_at: Timestamp | None
    summary: str = ""
    details: tuple[str, ...] = ()
    url: str | None = None
    expires_at: Timestamp | None = None
    images: Mapping[str, str] = {}


class StageState(Value):
    """A stage of an execution. ``transition_enabled`` and ``disabled_reason`` are the pipeline's: may executions enter?"""

    stage_name: str
    environment: str | None
    status: StageStatus
    actions: tuple[ActionState, ...]
    transition_enabled: bool = True
    disabled_reason: str | None = None


class ExecutionDetail(Value):
    """An execution with all its stages."""

    app: str
    pipeline_name: str
    summary: ExecutionSummary
    stages: tuple[StageState, ...]
    updated_at: Timestamp


class WorkloadPromotion(Value):
    """What an approval changes for one workload: image digests and changed settings as ``(setting, before, after)``."""

    workload: str
    image_before: str | None
    image_after: str
    settings: tuple[tuple[str, str, str], ...] = ()


class Promotion(Value):
    """What a waiting approval would release to its environment."""

    app: str
    pipeline_name: str
    execution: int
    stage: str
    action: str
    environment: str
    waiting_since: Timestamp
    expires_at: Timestamp
    revision_before: Revision | None
    revision_after: Revision | None
    commits: tuple[Revision, ...]
    workloads: tuple[WorkloadPromotion, ...]
    tested_in: str | None = None
    tested_at: Timestamp | None = None


class LogChunk(Value):
    """Part of a log from a byte offset. ``finished``: nothing will be added after ``next_offset``."""

    text: str
    next_offset: int
    finished: bool


class Engine(Protocol):
    """An engine: where applications live and their pipelines run."""

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

    def create_environment(self, app: str, name: str, runtime: str | None = None, port: int | None = None) -> Environment:
        """Runtime and port None: chosen here. Raises ConflictError if it exists or the port is taken."""
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
        self, app: str, environment: str, workload: str, task: str, argv: tuple[str, ...], interactive: bool
    ) -> TaskCommand:
        """How to run a command inside a task. Raises NotFoundError if the task does not run."""
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

    def put_secret(self, name: str, value: str, overwrite: bool = False) -> None:
        """Keep a secret. Raises ConflictError if it exists and overwrite is false."""
        ...

    def secrets(self, prefix: str = "") -> list[str]:
        """Names only."""
        ...

    def delete_secret(self, name: str) -> None:
        """Raises NotFoundError."""
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

    def pipelines(self, app: str) -> list[PipelineSummary]:
        """By name."""
        ...

    def pipeline(self, app: str, name: str) -> PipelineDetail:
        """Raises NotFoundError."""
        ...

    def delete_pipeline(self, app: str, name: str, delete_secret: bool = False) -> None:
        """Remove the pipeline, its hook and its history; what it deployed stays. Raises ConflictError while an execution runs."""
        ...

    def start_execution(self, app: str, name: str, revision: str | None = None, trigger: str = "run") -> ExecutionSummary:
        """Start an execution of the branch's head, or of a commit of the repository."""
        ...

    def executions(self, app: str, name: str, limit: int = 20) -> list[ExecutionSummary]:
        """Newest first."""
        ...

    def execution(self, app: str, name: str, number: int | None = None) -> ExecutionDetail:
        """None: the newest. Raises NotFoundError."""
        ...

    def log(
        self, app: str, name: str, number: int, stage: str, action: str, attempt: int | None = None, offset: int = 0
    ) -> LogChunk:
        """An action's log from a byte offset; attempt None: the newest."""
        ...

    def promotions(self, app: str, name: str) -> list[Promotion]:
        """The approvals that wait, oldest first."""
        ...

    def decide(
        self, app: str, name: str, number: int, action: str, approve: bool, approver: str, comment: str = ""
    ) -> ExecutionSummary:
        """Approve or reject. Raises ConflictError when that approval does not wait any more."""
        ...

    def retry(self, app: str, name: str, number: int, mode: RetryMode = "failed") -> ExecutionSummary:
        """Retry the failed stage of an execution. Raises ConflictError when a newer execution has entered the stage."""
        ...

    def stop(self, app: str, name: str, number: int, abandon: bool = False) -> ExecutionSummary:
        """Stop an execution: after its in-progress actions, or abandoning them."""
        ...

    def rollback(self, app: str, name: str, stage: str, to: int | None = None) -> ExecutionSummary:
        """Deploy again what an earlier execution deployed in a stage; None: the last but one to pass it."""
        ...

    def set_transition(self, app: str, name: str, stage: str, enabled: bool, reason: str = "") -> None:
        """Allow or forbid executions to enter a stage."""
        ...
