"""What is stored, as the values that an engine answers with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from copilot.engine import (
    ActionState,
    Deployment,
    ExecutionDetail,
    ExecutionSummary,
    LocalEnvironment,
    PipelineDetail,
    PipelineSummary,
    Release,
    ReleaseTrigger,
    ServiceState,
    StageState,
    Task,
)
from copilot.errors import CopilotError, UnsupportedError
from copilot.local.frontdoor.config import normal_path
from copilot.local.runtime import Runtime
from copilot.local.store.catalog import PipelineRecord
from copilot.local.store.executions import ExecutionRecord
from copilot.local.store.releases import DeploymentRecord, EndedTask, ReleaseRecord, TaskRecord
from copilot.release.description import ReleaseDescription
from copilot.release.plan import Action, Stage

REGION = "local"
ACCOUNT = "local"
"""What stands where an aws engine has its region and account."""


def execution_summary(record: ExecutionRecord) -> ExecutionSummary:
    """One line of an execution."""
    return ExecutionSummary(
        id=str(record.number),
        number=record.number,
        status=record.state.status,
        trigger=record.trigger,
        revision=record.revision,
        started_at=record.started_at,
        ended_at=record.ended_at,
        rollback_of=record.rollback_of,
    )


def execution_detail(record: ExecutionRecord, disabled: Mapping[str, str]) -> ExecutionDetail:
    """An execution with its stages. ``disabled``: stage to reason, of the pipeline."""
    stages = [_stage(record, index, disabled) for index in range(len(record.state.stages))]
    times = [t for stage in stages for a in stage.actions for t in (a.started_at, a.ended_at) if t is not None]
    return ExecutionDetail(
        app=record.app,
        name=record.pipeline,
        pipeline_name=record.pipeline,
        summary=execution_summary(record),
        stages=tuple(stages),
        updated_at=max([record.started_at, record.ended_at or 0.0, *times]),
    )


def _stage(record: ExecutionRecord, index: int, disabled: Mapping[str, str]) -> StageState:
    stage = record.state.plan.stages[index]
    run = record.state.stages[index]
    never = run.status == "Pending" and not record.state.active
    return StageState(
        stage_name=stage.name,
        environment=stage.environment,
        status="Skipped" if never else run.status,
        actions=tuple(_action(record, stage, action) for action in stage.actions),
        transition_enabled=stage.name not in disabled,
        disabled_reason=disabled.get(stage.name),
    )


def _action(record: ExecutionRecord, stage: Stage, action: Action) -> ActionState:
    attempt = record.attempts[stage.name, action.name]
    result = attempt.result
    return ActionState(
        name=action.name,
        kind=action.kind,
        run_order=action.run_order,
        status=attempt.status,
        attempt=attempt.number,
        started_at=attempt.started_at,
        ended_at=attempt.ended_at,
        summary=result.summary if result else "",
        details=result.details if result else (),
        url=result.url if result else None,
        expires_at=attempt.expires_at,
        images=dict(result.images) if result else {},
    )


def pipeline_summary(record: PipelineRecord, latest: ExecutionRecord | None) -> PipelineSummary:
    """One line of a pipeline."""
    definition = record.definition
    return PipelineSummary(
        name=definition.name,
        pipeline_name=definition.name,
        app=definition.app,
        region=REGION,
        account_id=ACCOUNT,
        repository=definition.repository,
        branch=definition.branch,
        updated_at=record.updated_at,
        latest=execution_summary(latest) if latest else None,
    )


def pipeline_detail(record: PipelineRecord, disabled: Mapping[str, str]) -> PipelineDetail:
    """A pipeline's structure."""
    return PipelineDetail(
        definition=record.definition,
        pipeline_name=record.definition.name,
        region=REGION,
        account_id=ACCOUNT,
        trigger=record.trigger,
        created_at=record.created_at,
        updated_at=record.updated_at,
        disabled_stages=dict(disabled),
    )


def service_url(environment: LocalEnvironment, description: ReleaseDescription) -> str | None:
    """Where a service answers in an environment; None if no request is routed to it."""
    if description.routing is None:
        return None
    path = normal_path(description.routing.path)
    return environment.url if path == "/" else environment.url + path


def service_state(
    environment: LocalEnvironment, release: ReleaseRecord | None, tasks: Sequence[TaskRecord], runtime: Runtime | None
) -> ServiceState:
    """A service in one environment. ``runtime``: the environment's; None if this engine does not have it."""
    if release is None:
        return ServiceState(
            environment=environment.name, url=None, release=None, image=None, revision=None, desired_count=0, deployed_at=None
        )
    description = release.description
    pids: dict[str, int | None] = {}
    problem: CopilotError | None = UnsupportedError(f"runtime `{environment.runtime}` is not available here")
    if runtime is not None:
        problem = runtime.unavailable()
        pids = {task.id: runtime.pid(task.id) for task in tasks}
    return ServiceState(
        environment=environment.name,
        url=service_url(environment, description),
        release=release.id,
        image=description.image,
        revision=description.revision,
        desired_count=0 if release.paused_at is not None else description.count,
        deployed_at=release.deployed_at,
        tasks=tuple(running_task(task, pids.get(task.id)) for task in tasks),
        execution=release.execution,
        paused_at=release.paused_at,
        settings=description,
        problem=problem.message if problem is not None else None,
    )


def running_task(task: TaskRecord, pid: int | None) -> Task:
    """A task that is there."""
    return Task(
        id=task.id,
        release=task.release,
        status=task.status,
        port=task.port,
        pid=pid,
        started_at=task.started_at,
        restarts=task.restarts,
        last_exit=task.last_exit,
        last_exit_at=task.last_exit_at,
    )


def ended_task(task: EndedTask) -> Task:
    """A task that is gone."""
    return Task(
        id=task.id,
        release=task.release,
        status="Ended",
        port=None,
        pid=None,
        started_at=task.started_at,
        restarts=task.restarts,
        last_exit=task.reason,
        last_exit_at=task.ended_at,
    )


def release(record: ReleaseRecord) -> Release:
    """A release. Its origin says what asked for it: ``attempt:<id>``, ``deploy:<id>`` or ``rollback:<release>:<id>``."""
    kind, _, of = record.origin.partition(":")
    triggers: dict[str, ReleaseTrigger] = {"attempt": "pipeline", "rollback": "rollback"}
    trigger = triggers.get(kind, "deploy")
    return Release(
        number=record.id,
        status=record.status,  # type: ignore[arg-type] # the database's text; pydantic checks it
        image=record.description.image,
        revision=record.description.revision,
        trigger=trigger,
        execution=record.execution,
        restores=int(of.partition(":")[0]) if trigger == "rollback" else None,
        created_at=record.created_at,
        deployed_at=record.deployed_at,
        paused_at=record.paused_at if record.status == "Current" else None,
        settings=record.description,
    )


def deployment(record: DeploymentRecord, url: str | None) -> Deployment:
    """A deployment asked for directly."""
    description = record.description
    return Deployment(
        id=record.id,
        app=description.application,
        environment=description.environment,
        workload=description.workload,
        status=record.status,  # type: ignore[arg-type] # the database's text; pydantic checks it
        error=record.error,
        details=record.details,
        url=url,
    )
