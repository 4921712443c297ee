"""The values an engine answers with: immutable, and JSON with camelCase keys.

Times are seconds since the epoch (RFC 3339 in JSON); durations are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer
from pydantic.alias_generators import to_camel

from copilot.release.description import ReleaseDescription, Schedule

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

    # Most commands use few of the values: each is made ready when it is first used.
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, defer_build=True)


class Application(Value):
    """An application. ``engine`` is ``local`` or ``aws``; ``created_at`` is None if the engine does not know."""

    name: str
    engine: str
    created_at: Timestamp | None


class Environment(Value):
    """An environment and where it answers.

    Attributes:
        runtime: What runs its tasks: ``host``, ``docker`` or ``fargate``.
        port: Of its front door on this machine; None on AWS.
        url: None while nothing there answers requests.
        created_at: None if the engine does not know.
    """

    app: str
    name: str
    runtime: str
    port: int | None
    url: str | None
    created_at: Timestamp | None


class LocalEnvironment(Environment):
    """An environment of the local engine: it always has its front door."""

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


class LogChunk(Value):
    """Part of a log from a byte offset. ``finished``: nothing will be added after ``next_offset``."""

    text: str
    next_offset: int
    finished: bool
