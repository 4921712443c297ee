"""A pipeline that runs: its executions move by CodePipeline's rules, and threads do what their actions say.

The rules themselves are those of `copilot.release.execution`, which are CodePipeline's. What is beside them is here: names,
versions, tokens, how a rollback begins, what is refused.
"""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any
from uuid import uuid4

from moto.core.utils import utcnow

from copilot.errors import ConflictError
from copilot.release.execution import (
    AbandonAction,
    EnterStage,
    Execution,
    FinishStage,
    RetryStage,
    StartAction,
    apply,
    decide,
    retry,
    stop,
    with_action,
)
from copilot.release.plan import Plan
from tests.aws.pipelines import errors
from tests.aws.pipelines.declarations import plan_of, resolved
from tests.aws.pipelines.runs import ActionFailedError, ActionRun, Place, Revision, Run

LOCK = threading.RLock()
"""Held by whoever looks at pipelines or changes them; never while an action works."""

Perform = Callable[["Pipeline", Run, ActionRun], None]
"""What an action does. It writes down what comes of it in the run of the action; raises ActionFailedError."""

_DEFAULT_TIMEOUT = 7 * 24 * 60
"""Minutes that an approval waits."""


class Pipeline:
    """A pipeline, in a region of an account. Every method but `finished` is called with the lock held."""

    def __init__(self, account: str, region: str, structure: Mapping[str, Any], perform: Perform) -> None:
        self.account, self.region, self.structure = account, region, structure
        self.name = str(structure["name"])
        self.version = 1
        self.created = self.updated = utcnow()
        self.disabled: dict[str, tuple[str, datetime]] = {}
        self.runs: list[Run] = []
        self.entered: dict[str, list[Run]] = {}
        self.seen: dict[str, str | None] = {}
        self.closed = False
        self._perform = perform
        self._threads: list[threading.Thread] = []
        self._timers: list[threading.Timer] = []

    @property
    def arn(self) -> str:
        """Its ARN."""
        return f"arn:aws:codepipeline:{self.region}:{self.account}:{self.name}"

    @property
    def by(self) -> str:
        """Who does things by hand."""
        return f"arn:aws:sts::{self.account}:user/moto"

    def store(self, region: str) -> str:
        """The bucket for artifacts in a region. Raises ActionFailedError."""
        stores = self.structure.get("artifactStores", {self.region: self.structure.get("artifactStore")})
        if region not in stores:
            raise ActionFailedError("ConfigurationError", f"There is no artifact store in region {region}")
        return str(stores[region]["location"])

    def actions(self, category: str) -> list[dict[str, Any]]:
        """The declarations of its actions of a category."""
        stages = self.structure["stages"]
        return [action for stage in stages for action in stage["actions"] if action["actionTypeId"]["category"] == category]

    def plan(self) -> Plan:
        """Its structure, for the rules."""
        return plan_of(self.structure)

    # -- what is asked of it -------------------------------------------------------------------------------------

    def start(self, trigger: str, detail: str, overrides: Mapping[str, str] | None = None) -> Run:
        """Start an execution."""
        return self._start(self.plan(), trigger, detail, overrides=overrides or {})

    def update(self, structure: Mapping[str, Any]) -> None:
        """Take another structure. Executions that have not ended are cancelled, as CodePipeline does."""
        self.structure = structure
        self.version += 1
        self.updated = utcnow()
        for run in self.runs:
            if run.active:
                self._cancel(run)
        names = {stage["name"] for stage in structure["stages"]}
        self.disabled = {name: reason for name, reason in self.disabled.items() if name in names}

    def close(self) -> list[threading.Thread]:
        """End everything; the answer is what may take a moment to end."""
        self.closed = True
        for run in self.runs:
            if run.active:
                self._cancel(run)
        for timer in self._timers:
            timer.cancel()
        return [thread for thread in self._threads if thread.is_alive()]

    def find(self, execution: str) -> Run:
        """Raises PipelineExecutionNotFoundError."""
        for run in self.runs:
            if run.id == execution:
                return run
        raise errors.PipelineExecutionNotFoundError(
            f"The pipeline execution with ID '{execution}' does not exist for pipeline '{self.name}'"
        )

    def stage(self, name: str) -> dict[str, Any]:
        """The declaration of a stage. Raises StageNotFoundError."""
        for stage in self.structure["stages"]:
            if stage["name"] == name:
                return stage  # type: ignore[no-any-return]  # the structure is plain data
        raise errors.StageNotFoundError(f"Pipeline '{self.name}' does not contain a stage with name '{name}'")

    def set_transition(self, stage: str, reason: str | None) -> None:
        """Let executions enter a stage, or not for a reason."""
        self.stage(stage)
        if reason is None:
            self.disabled.pop(stage, None)
        else:
            self.disabled[stage] = (reason, utcnow())
        self.advance()

    def retry(self, stage: str, execution: str, mode: str) -> str:
        """Retry a stage; the answer is the execution, the same."""
        self.stage(stage)
        newest = next(iter(reversed(self.entered.get(stage, []))), None)
        run = next((run for run in self.runs if run.id == execution), None)
        if run is None or (newest is not None and run.rules.id < newest.rules.id and run.rules.plan.mode != "parallel"):
            message = f"The execution '{execution}' is not the latest one in stage '{stage}' of pipeline '{self.name}'"
            raise errors.NotLatestPipelineExecutionError(message)
        retryable = not run.cancelled and run.rules.stage.name == stage and run.version == self.version
        try:
            if not retryable:
                raise ConflictError("it is somewhere else")
            run.rules = retry(run.rules, "failed" if mode == "FAILED_ACTIONS" else "all", run.rules.id)
        except ConflictError:
            raise errors.StageNotRetryableError(
                f"The stage named {stage} in the {self.name} pipeline can't be retried now. Either it contains no failed actions,"
                f" the execution '{execution}' is already superseded, or the pipeline definition has changed since the action(s)"
                " failed."
            ) from None
        self._count_retry(run, stage, "ManualStageRetry")
        run.stopped, run.stop_reason = False, None
        self.advance()
        return run.id

    def stop(self, execution: str, reason: str | None, *, abandon: bool) -> None:
        """Stop an execution."""
        run = next((run for run in self.runs if run.id == execution), None)
        if run is None or not run.active:
            raise errors.PipelineExecutionNotStoppableError(
                f"Cannot stop pipeline execution '{execution}' in pipeline '{self.name}': it does not exist or has ended"
            )
        if run.rules.status == "Stopping" and run.rules.abandon >= abandon:
            raise errors.DuplicatedStopRequestError(f"A stop request for pipeline execution '{execution}' was already received")
        run.rules = stop(run.rules, abandon=abandon)
        run.stopped, run.stop_reason = True, reason
        self.advance()

    def roll_back(self, stage: str, target: str) -> Run:
        """Roll a stage back to what an execution brought there."""
        self.stage(stage)
        run = self.find(target)
        if run.version != self.version:
            raise errors.PipelineExecutionOutdatedError(
                f"The pipeline execution '{target}' is of an earlier structure of pipeline '{self.name}'"
            )
        problem = self._cannot_roll_back(stage, run)
        if problem:
            raise errors.UnableToRollbackStageError(f"Stage '{stage}' of pipeline '{self.name}' cannot be rolled back: {problem}")
        return self._roll_back(stage, run, "ManualRollback", self.by)

    def decide(self, stage: str, action: str, token: str, *, approved: bool, summary: str) -> datetime:
        """Approve or reject."""
        if action not in {each["name"] for each in self.stage(stage)["actions"]}:
            raise errors.ActionNotFoundError(f"Stage '{stage}' of pipeline '{self.name}' has no action with name '{action}'")
        for run in self.runs:
            for each in run.actions:
                if each.stage == stage and each.name == action and each.token == token:
                    if each.status != "InProgress":
                        raise errors.ApprovalAlreadyCompletedError("The approval action has already been approved or rejected")
                    each.summary, each.by = summary, self.by
                    self._end(run, each, "Succeeded" if approved else "Failed")
                    return each.updated
        raise errors.InvalidApprovalTokenError("The token provided is not valid for this approval action")

    # -- how it moves --------------------------------------------------------------------------------------------

    def advance(self) -> None:
        """Do all that is due."""
        while not self.closed:
            active = [run for run in self.runs if run.active]
            decision = decide([run.rules for run in active], self.disabled)
            if decision is None:
                return
            run = next(run for run in active if run.rules.id == decision.execution)
            stage = run.rules.stage
            run.rules, run.updated = apply(run.rules, decision), utcnow()
            match decision:
                case EnterStage():
                    self.entered.setdefault(stage.name, []).append(run)
                case StartAction(action=name):
                    self._begin(run, name)
                case AbandonAction(action=name):
                    attempt = run.attempt(name)
                    attempt.end("Abandoned")
                    attempt.cancelled.set()
                case RetryStage():
                    self._count_retry(run, stage.name, "AutomatedStageRetry")
                case FinishStage(status="Failed") if stage.on_failure == "rollback" and not run.rollback_of:
                    self._roll_back_after_failure(run, stage.name)
                case _:
                    pass

    def finished(self, run: Run, action: ActionRun, error: ActionFailedError | None) -> None:
        """What an action did has ended."""
        with LOCK:
            if self.closed or action.status != "InProgress":
                return
            if error is not None:
                action.error = (error.code, error.message)
            self._end(run, action, "Failed" if error else "Succeeded")

    def _end(self, run: Run, action: ActionRun, status: str) -> None:
        action.end(status)
        if status == "Succeeded":
            run.artifacts |= action.outputs
            if "namespace" in action.declaration:
                run.variables[action.declaration["namespace"]] = dict(action.variables)
        run.rules = with_action(run.rules, action.name, "Succeeded" if status == "Succeeded" else "Failed")
        run.updated = action.updated
        self.advance()

    def _start(self, plan: Plan, trigger: str, detail: str, **more: Any) -> Run:
        run = Run(Execution.begin(len(self.runs) + 1, plan), self.structure, self.version, (trigger, detail), **more)
        self.runs.append(run)
        self.advance()
        return run

    def _cancel(self, run: Run) -> None:
        run.cancelled, run.updated = True, utcnow()
        for action in run.actions:
            if action.status == "InProgress":
                action.end("Abandoned")
                action.cancelled.set()

    def _begin(self, run: Run, name: str) -> None:
        stage = run.rules.stage.name
        declaration = next(each for each in self._declared(run, stage)["actions"] if each["name"] == name)
        inputs: dict[str, Place] = {
            each["name"]: run.artifacts[each["name"]] for each in declaration["inputArtifacts"] if each["name"] in run.artifacts
        }
        region = str(declaration.get("region", self.region))
        action = ActionRun(stage, declaration, inputs, self.by, region)
        run.actions.append(action)
        if action.category == "Approval":
            action.token = str(uuid4())
            seconds = 60.0 * int(declaration.get("timeoutInMinutes", _DEFAULT_TIMEOUT))
            expired = ActionFailedError("JobFailed", "The approval action timed out")
            self._later(threading.Timer(min(seconds, threading.TIMEOUT_MAX), partial(self.finished, run, action, expired)))
        try:
            action.resolved = {key: resolved(value, run.namespaces()) for key, value in action.configuration.items()}
        except KeyError as error:
            message = f"The variable {error} of action '{name}' has no value"
            threading.Thread(
                target=self.finished, args=(run, action, ActionFailedError("InvalidVariable", message)), daemon=True
            ).start()
            return
        if action.category != "Approval":
            thread = threading.Thread(target=self._work, args=(run, action), daemon=True, name=f"action {name}")
            self._threads = [each for each in self._threads if each.is_alive()] + [thread]
            thread.start()

    def _later(self, timer: threading.Timer) -> None:
        timer.daemon = True
        self._timers = [each for each in self._timers if each.is_alive()] + [timer]
        timer.start()

    def _declared(self, run: Run, stage: str) -> dict[str, Any]:
        return next(each for each in run.structure["stages"] if each["name"] == stage)

    def _work(self, run: Run, action: ActionRun) -> None:
        error: ActionFailedError | None = None
        try:
            self._perform(self, run, action)
        except ActionFailedError as failed:
            error = failed
        except Exception as bug:  # noqa: BLE001 - whatever it is, the action has failed of it, and the log says where
            if not action.cancelled.is_set():
                traceback.print_exc(file=sys.stderr)
            error = ActionFailedError("InternalError", repr(bug))
        self.finished(run, action, error)

    def _count_retry(self, run: Run, stage: str, trigger: str) -> None:
        counts = run.retries.setdefault(stage, {"autoStageRetryAttempt": 0, "manualStageRetryAttempt": 0})
        counts["autoStageRetryAttempt" if trigger == "AutomatedStageRetry" else "manualStageRetryAttempt"] += 1
        counts["latestRetryTrigger"] = trigger

    def _cannot_roll_back(self, stage: str, run: Run) -> str | None:
        if stage == self.structure["stages"][0]["name"]:
            return "it is the source stage"
        if self.structure["executionMode"] == "PARALLEL":
            return "executions run in parallel"
        if run.rollback_of:
            return "the target is a rollback itself"
        if run.stage_status(stage) != "Succeeded":
            return "the target execution has not succeeded in it"
        if any(each.active and each.stage_status(stage) in {"InProgress", "Stopping"} for each in self.runs):
            return "it is currently running"
        return None

    def _roll_back(self, stage: str, target: Run, trigger: str, detail: str) -> Run:
        plan = target.rules.plan
        only = Plan(plan.application, plan.pipeline, (plan.stage(stage),), plan.mode)
        revisions: dict[str, Revision] = dict(target.revisions)
        copied = {"artifacts": dict(target.artifacts), "variables": dict(target.variables), "revisions": revisions}
        return self._start(only, trigger, detail, rollback_of=target.id, **copied)

    def _roll_back_after_failure(self, failed: Run, stage: str) -> None:
        for run in reversed(self.entered.get(stage, [])):
            if (
                run is not failed
                and run.version == self.version
                and not run.rollback_of
                and run.stage_status(stage) == "Succeeded"
            ):
                self._roll_back(stage, run, "AutomatedRollback", f"{self.arn}/{stage}")
                return
