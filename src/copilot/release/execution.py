"""The states of an execution, and the rules by which executions move through the stages of a pipeline.

``decide`` looks at every active execution of one pipeline and says what happens next; ``apply`` gives the execution after a
decision. Both are pure. An engine repeats: decide, write the decisions down, carry them out.

The states of an execution (its stage in brackets)::

    waiting to enter [Pending] ──▶ in the stage [InProgress] ──▶ passed [Succeeded] ──▶ next stage, or Succeeded
        │ newer one arrives            │ an action failed
        ▼                              ▼
    Superseded                     Failed [Failed] ──retry──▶ in the stage

Rules are CodePipeline's: https://docs.aws.amazon.com/codepipeline/latest/userguide/concepts-how-it-works.html
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from copilot.errors import ConflictError
from copilot.release.plan import Plan, Stage

ActionStatus = Literal["Pending", "InProgress", "Succeeded", "Failed", "Abandoned"]
StageStatus = Literal["Pending", "InProgress", "Succeeded", "Failed", "Stopped", "Skipped"]
ExecutionStatus = Literal["InProgress", "Succeeded", "Failed", "Stopping", "Stopped", "Superseded"]
RetryMode = Literal["failed", "all"]

MOST_AUTOMATIC_RETRIES = 1
"""How often ``on_failure: retry`` retries a stage of one execution, as CodePipeline does."""


@dataclass(frozen=True)
class StageRun:
    """A stage of one execution: its status, its actions' statuses by name, and how often it was retried automatically."""

    actions: Mapping[str, ActionStatus]
    status: StageStatus = "Pending"
    retries: int = 0


@dataclass(frozen=True)
class Execution:
    """One execution of a pipeline.

    Attributes:
        id: Ordered: a newer execution has a larger one.
        position: Index of the stage it is in or waits to enter.
        stages: One for each stage of the plan, in order.
        abandon: While Stopping: whether in-progress actions are abandoned.
    """

    id: int
    plan: Plan
    stages: tuple[StageRun, ...]
    position: int = 0
    status: ExecutionStatus = "InProgress"
    abandon: bool = False

    @classmethod
    def begin(cls, id: int, plan: Plan) -> Execution:  # noqa: A002 - what it is
        """An execution that waits to enter the first stage."""
        return cls(id, plan, tuple(StageRun({a.name: "Pending" for a in stage.actions}) for stage in plan.stages))

    @property
    def stage(self) -> Stage:
        """The stage it is in or waits to enter."""
        return self.plan.stages[self.position]

    @property
    def run(self) -> StageRun:
        """The state of that stage."""
        return self.stages[self.position]

    @property
    def active(self) -> bool:
        """Whether anything can still happen to it by itself."""
        return self.status in {"InProgress", "Stopping"}

    def with_run(self, run: StageRun) -> Execution:
        """The same execution with another state of its current stage."""
        stages = (*self.stages[: self.position], run, *self.stages[self.position + 1 :])
        return replace(self, stages=stages)


@dataclass(frozen=True)
class EnterStage:
    """The execution enters the stage it waits for."""

    execution: int


@dataclass(frozen=True)
class StartAction:
    """An action of the current stage starts."""

    execution: int
    action: str


@dataclass(frozen=True)
class AbandonAction:
    """An action in progress is given up."""

    execution: int
    action: str


@dataclass(frozen=True)
class FinishStage:
    """The current stage ends. After Succeeded the execution waits for the next stage, if there is one."""

    execution: int
    status: Literal["Succeeded", "Failed", "Stopped"]


@dataclass(frozen=True)
class RetryStage:
    """The failed actions of the current stage are tried once more, automatically."""

    execution: int


@dataclass(frozen=True)
class FinishExecution:
    """The execution ends."""

    execution: int
    status: Literal["Succeeded", "Failed", "Stopped", "Superseded"]


Decision = EnterStage | StartAction | AbandonAction | FinishStage | RetryStage | FinishExecution


def decide(executions: Sequence[Execution], disabled: Collection[str] = ()) -> Decision | None:
    """The next thing that happens to the active executions of one pipeline, or None while there is only waiting to do.

    Apply it and ask again until it is None: each answer is small, so that a rule reads as one condition.

    Args:
        executions: The active executions of the pipeline, oldest first.
        disabled: Names of the stages that may not be entered.
    """
    active = [execution for execution in executions if execution.active]
    for execution in active:
        decision = _decide_one(execution, active, disabled)
        if decision is not None:
            return decision
    return None


def _decide_one(execution: Execution, active: Sequence[Execution], disabled: Collection[str]) -> Decision | None:
    if execution.run.status == "InProgress":
        return _decide_inside(execution)
    if execution.run.status == "Succeeded":
        return FinishExecution(execution.id, "Succeeded")
    if execution.status == "Stopping":
        return FinishExecution(execution.id, "Stopped")
    if execution.run.status in {"Failed", "Stopped"}:
        return FinishExecution(execution.id, "Failed")
    if _may_enter(execution, active, disabled):
        return EnterStage(execution.id)
    if execution.plan.mode == "superseded" and any(
        other.id > execution.id and other.run.status == "Pending" and other.stage.name == execution.stage.name for other in active
    ):
        return FinishExecution(execution.id, "Superseded")
    return None


def _decide_inside(execution: Execution) -> Decision | None:
    statuses = execution.run.actions
    in_progress = [name for name, status in statuses.items() if status == "InProgress"]
    if execution.status == "Stopping" and execution.abandon and in_progress:
        return AbandonAction(execution.id, in_progress[0])
    failed = any(status in {"Failed", "Abandoned"} for status in statuses.values())
    pending = [a for a in execution.stage.actions if statuses[a.name] == "Pending"]
    if not failed and execution.status == "InProgress" and pending:
        # Actions come sorted by run order; those of one run order start together, once all earlier ones are done.
        order = pending[0].run_order
        running = {execution.stage.action(name).run_order for name in in_progress}
        if running <= {order}:
            return StartAction(execution.id, pending[0].name)
    if in_progress:
        return None
    if execution.status == "Stopping":
        return FinishStage(execution.id, "Succeeded" if not failed and not pending else "Stopped")
    if not failed:
        return FinishStage(execution.id, "Succeeded")
    if execution.stage.on_failure == "retry" and execution.run.retries < MOST_AUTOMATIC_RETRIES:
        return RetryStage(execution.id)
    return FinishStage(execution.id, "Failed")


def _may_enter(execution: Execution, active: Sequence[Execution], disabled: Collection[str]) -> bool:
    name = execution.stage.name
    if name in disabled:
        return False
    if execution.plan.mode == "parallel":
        return True
    return not any(
        other.id != execution.id
        and other.stage.name == name
        and (other.run.status == "InProgress" or (other.run.status == "Pending" and other.id < execution.id))
        for other in active
    )


def apply(execution: Execution, decision: Decision) -> Execution:
    """The execution after a decision about it."""
    run = execution.run
    match decision:
        case EnterStage():
            return execution.with_run(replace(run, status="InProgress"))
        case StartAction(action=name):
            return with_action(execution, name, "InProgress")
        case AbandonAction(action=name):
            return with_action(execution, name, "Abandoned")
        case RetryStage():
            return execution.with_run(_again(replace(run, retries=run.retries + 1), "failed"))
        case FinishStage(status=status):
            finished = execution.with_run(replace(run, status=status))
            last = execution.position + 1 == len(execution.stages)
            return finished if status != "Succeeded" or last else replace(finished, position=execution.position + 1)
        case FinishExecution(status=status):
            return replace(execution, status=status)


def with_action(execution: Execution, name: str, status: ActionStatus) -> Execution:
    """The execution after an action of its current stage came to a status."""
    return execution.with_run(replace(execution.run, actions={**execution.run.actions, name: status}))


def retry(execution: Execution, mode: RetryMode, newest_in_stage: int) -> Execution:
    """The execution after a person asked to retry its failed stage.

    Args:
        execution: One that ended Failed or Stopped inside a stage.
        mode: Only the actions that failed (and those that never started), or all of the stage.
        newest_in_stage: Id of the newest execution that has entered the stage.

    Raises:
        ConflictError: If it has not failed, or a newer execution has entered the stage since.
    """
    if execution.active or execution.run.status not in {"Failed", "Stopped"}:
        raise ConflictError(f"there is nothing to retry: the execution is {execution.status}, and no stage of it failed")
    if newest_in_stage > execution.id and execution.plan.mode != "parallel":
        raise ConflictError(
            f"a newer execution has entered stage `{execution.stage.name}`, so this one cannot be retried there any more",
            hint="Retry the newest one, or start another with `copilot pipeline run`",
        )
    again = execution.with_run(_again(execution.run, mode))
    return replace(again, status="InProgress", abandon=False)


def stop(execution: Execution, *, abandon: bool) -> Execution:
    """The execution after a person asked to stop it. Raises ConflictError if it has ended."""
    if not execution.active:
        raise ConflictError(f"there is nothing to stop: the execution is {execution.status}")
    return replace(execution, status="Stopping", abandon=abandon or execution.abandon)


def _again(run: StageRun, mode: RetryMode) -> StageRun:
    def status(current: ActionStatus) -> ActionStatus:
        return current if mode == "failed" and current == "Succeeded" else "Pending"

    return replace(run, status="InProgress", actions={name: status(current) for name, current in run.actions.items()})
