"""The executions of pipelines on CodePipeline: looking at them and working on them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from copilot.aws import execution_errors as errors
from copilot.aws import rollbacks
from copilot.aws.client import Aws
from copilot.aws.execution_errors import asking
from copilot.aws.execution_failures import Failures
from copilot.aws.execution_history import History
from copilot.aws.execution_values import Failure, disabling_reason, is_rollback, rolled_back_stage, stages_of, summary_of
from copilot.aws.pipeline_structure import THROUGH_CONNECTION, plan_of
from copilot.aws.pipeline_values import ActionExecution, DeployedPipeline
from copilot.aws.waiting import Pauses
from copilot.engine import ExecutionDetail, ExecutionSummary
from copilot.errors import UnsupportedError, UsageError
from copilot.release.execution import RetryMode
from copilot.release.plan import Plan

if TYPE_CHECKING:
    from mypy_boto3_codepipeline.literals import StageRetryModeType
    from mypy_boto3_codepipeline.type_defs import PipelineExecutionSummaryTypeDef

_AT_ONCE = 8
"""How many questions are asked at once."""
_SETTLES = 10.0
"""Seconds after which CodePipeline's answers surely tell of what it was asked to do."""
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_TAKE_COMMITS = frozenset({THROUGH_CONNECTION, "CodeCommit", "GitHub"})
"""Providers of sources that can be told which commit to release: those of git repositories."""
_Actions = list[ActionExecution]
_Reasons = Callable[[DeployedPipeline, _Actions], Mapping[str, Failure]]
"""Why actions of a pipeline failed, by the ids of the attempts."""
_RETRY: dict[RetryMode, StageRetryModeType] = {"failed": "FAILED_ACTIONS", "all": "ALL_ACTIONS"}


class Executions:
    """The executions of pipelines in an account and region.

    Wherever an execution is asked for, its id will do, or the beginning of one: see `History.resolve`.

    Args:
        aws: The account and region.
        failures: Asks why actions failed.
    """

    def __init__(self, aws: Aws, failures: Failures) -> None:
        self.history = History(aws)
        self._failures = failures
        self._plans: dict[str, Plan] = {}
        self._rolled_back: dict[str, str] = {}

    # -- looking -----------------------------------------------------------------------------------------------

    def list(self, pipeline: DeployedPipeline, limit: int = 20) -> list[ExecutionSummary]:
        """The executions of a pipeline, newest first; without the times of their commits, which only their actions know."""
        found = self.history.executions(pipeline, limit)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            stages = pool.map(lambda data: self._stage_rolled_back(pipeline, data), found)
            return [summary_of(data, rollback_of=stage) for data, stage in zip(found, stages, strict=True)]

    def detail(self, pipeline: DeployedPipeline, execution: str | None = None) -> ExecutionDetail:
        """An execution with its stages; None: the newest. Raises NotFoundError."""
        return self._detail(pipeline, execution, self._why_failed)

    def summary(self, pipeline: DeployedPipeline, execution: str) -> ExecutionSummary:
        """One line of an execution. Raises NotFoundError."""
        data = self.history.require(pipeline, self.resolve(pipeline, execution))
        return summary_of(data, rollback_of=self._stage_rolled_back(pipeline, data))

    def plan(self, pipeline: DeployedPipeline) -> Plan:
        """The plan of a pipeline as it is now, without what only its CodeBuild projects know. Raises NotFoundError."""
        if pipeline.pipeline_name not in self._plans:
            structure = self.history.structure(pipeline)["pipeline"]
            self._plans[pipeline.pipeline_name] = plan_of(pipeline.app, pipeline.name, structure, (), pipeline.region)
        return self._plans[pipeline.pipeline_name]

    def actions(self, pipeline: DeployedPipeline, execution_id: str) -> _Actions:
        """All attempts of the actions of an execution, oldest first. Raises NotFoundError if there is no such execution."""
        return self.history.actions(pipeline, execution_id)

    def resolve(self, pipeline: DeployedPipeline, word: str) -> str:
        """The id of the execution that a person means. See `History.resolve`."""
        return self.history.resolve(pipeline, word)

    # -- working -----------------------------------------------------------------------------------------------

    def start(self, pipeline: DeployedPipeline, revision: str | None = None) -> ExecutionSummary:
        """Start an execution of the branch's head, or of a commit.

        Args:
            pipeline: The pipeline.
            revision: The whole id of a commit.

        Raises:
            UsageError: The revision is no whole id of a commit: AWS cannot look up other names.
            UnsupportedError: The pipeline cannot be told which commit to release.
        """
        overrides: dict[str, Any] = {}
        if revision is not None:
            source = self._source_of_commits(pipeline, revision)
            revisions = [{"actionName": source, "revisionType": "COMMIT_ID", "revisionValue": revision}]
            overrides = {"sourceRevisions": revisions}
        with asking(pipeline):
            answer = self.history.client.start_pipeline_execution(name=pipeline.pipeline_name, **overrides)
        return self._once(pipeline, answer["pipelineExecutionId"], lambda _: True)

    def stop(self, pipeline: DeployedPipeline, execution: str, *, abandon: bool = False) -> ExecutionSummary:
        """Stop an execution: after its actions in progress, or abandoning them. Raises ConflictError if it has ended."""
        id_ = self.resolve(pipeline, execution)

        def status() -> str:
            return summary_of(self.history.require(pipeline, id_)).status

        with asking(pipeline, id_, refusals=errors.stop_refusals(id_, status)):
            self.history.client.stop_pipeline_execution(
                pipelineName=pipeline.pipeline_name, pipelineExecutionId=id_, abandon=abandon, reason="copilot pipeline stop"
            )
        return self._once(pipeline, id_, lambda summary: summary.status != "InProgress")

    def retry(self, pipeline: DeployedPipeline, execution: str, mode: RetryMode = "failed") -> ExecutionSummary:
        """Retry the failed stage of an execution. Raises ConflictError if none failed, or it cannot be retried any more."""
        detail = self._detail(pipeline, execution, lambda _pipeline, _actions: {})
        status = detail.summary.status
        failed = [stage.stage_name for stage in detail.stages if stage.status in {"Failed", "Stopped"}]
        if status in {"InProgress", "Stopping"} or not failed:
            raise errors.nothing_to_retry(status)
        return self._retry(pipeline, detail.summary.id, failed[0], mode)

    def rollback(self, pipeline: DeployedPipeline, stage: str, to: str | None = None) -> ExecutionSummary:
        """Run a stage again with what an earlier execution had.

        Args:
            pipeline: The pipeline.
            stage: The stage.
            to: The execution; None: the last one to pass the stage before what is there now.

        Raises:
            NotFoundError: There is no such execution, or no such stage.
            UnsupportedError: CodePipeline rolls nothing back there.
            ConflictError: It cannot go back to that execution; the message says why.
        """
        history = self.history
        rollbacks.check_can_roll_back(history, pipeline, stage)
        target = rollbacks.previous(history, pipeline, stage) if to is None else self.resolve(pipeline, to)
        refusals: errors.Refusals = dict.fromkeys(
            ("UnableToRollbackStageException", "PipelineExecutionOutdatedException"),
            lambda: rollbacks.refusal(history, pipeline, stage, target),
        )
        with asking(pipeline, target, stage, refusals):
            answer = history.client.rollback_stage(
                pipelineName=pipeline.pipeline_name, stageName=stage, targetPipelineExecutionId=target
            )
        self._rolled_back[answer["pipelineExecutionId"]] = stage
        return self._once(pipeline, answer["pipelineExecutionId"], lambda _: True)

    def set_transition(self, pipeline: DeployedPipeline, stage: str, *, enabled: bool, reason: str = "") -> None:
        """Allow or forbid executions to enter a stage. Raises NotFoundError if there is no such stage."""
        client, name = self.history.client, pipeline.pipeline_name
        with asking(pipeline, stage=stage):
            if enabled:
                client.enable_stage_transition(pipelineName=name, stageName=stage, transitionType="Inbound")
            else:
                client.disable_stage_transition(
                    pipelineName=name, stageName=stage, transitionType="Inbound", reason=disabling_reason(reason)
                )

    # -- inside ------------------------------------------------------------------------------------------------

    def _detail(self, pipeline: DeployedPipeline, execution: str | None, reasons: _Reasons) -> ExecutionDetail:
        # First the execution, then its actions: when the one has ended, the others have.
        if execution is None:
            data = self.history.newest(pipeline)
        else:
            data = self.history.require(pipeline, self.resolve(pipeline, execution))
        id_ = data["pipelineExecutionId"]
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(self.history.state, pipeline)
            actions = self.actions(pipeline, id_)
            state = asked.result()
        states = state["stageStates"]
        stage = rolled_back_stage(id_, actions, states) if is_rollback(data) else None
        summary = summary_of(data, actions, stage)
        version = max((action.version for action in actions), default=0) or state["pipelineVersion"]
        times = [summary.started_at, summary.ended_at or 0.0, *(action.updated_at for action in actions)]
        return ExecutionDetail(
            app=pipeline.app,
            name=pipeline.name,
            pipeline_name=pipeline.pipeline_name,
            summary=summary,
            stages=stages_of(self.history.plan(pipeline, version), summary, actions, states, reasons(pipeline, actions)),
            updated_at=max(times),
        )

    def _why_failed(self, pipeline: DeployedPipeline, actions: _Actions) -> dict[str, Failure]:
        newest = {(action.stage, action.action): action for action in actions}
        failed = [action for action in newest.values() if action.status == "Failed"]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            reasons = pool.map(lambda action: self._failures.of(pipeline.app, action), failed)
            return {action.id: reason for action, reason in zip(failed, reasons, strict=True) if reason is not None}

    def _stage_rolled_back(self, pipeline: DeployedPipeline, data: PipelineExecutionSummaryTypeDef) -> str | None:
        if not is_rollback(data):
            return None
        id_ = data["pipelineExecutionId"]
        if id_ not in self._rolled_back:
            stage = rolled_back_stage(id_, self.actions(pipeline, id_), ())
            if stage is None:
                return None
            self._rolled_back[id_] = stage
        return self._rolled_back[id_]

    def _source_of_commits(self, pipeline: DeployedPipeline, revision: str) -> str:
        """The action that is to be told which commit to fetch."""
        structure = self.history.structure(pipeline)["pipeline"]
        sources = [a for a in structure["stages"][0]["actions"] if a["actionTypeId"]["provider"] in _TAKE_COMMITS]
        if not sources:
            raise UnsupportedError(
                f"pipeline `{pipeline.name}` takes its code from no git repository, so it cannot be told which commit to release"
            )
        if structure.get("pipelineType") != "V2":
            raise UnsupportedError(
                f"pipeline `{pipeline.name}` is of CodePipeline's first type, which always releases the newest commit",
                hint="`copilot pipeline update` makes it one of the second type",
            )
        if not _COMMIT.fullmatch(revision):
            raise UsageError(
                f"`{revision}` is no whole id of a commit, and CodePipeline looks up nothing else",
                hint=f"`git rev-parse {revision}` may know it",
            )
        return sources[0]["name"]

    def _retry(self, pipeline: DeployedPipeline, id_: str, stage: str, mode: RetryMode) -> ExecutionSummary:
        with asking(pipeline, id_, stage, errors.retry_refusals(id_, stage)):
            self.history.client.retry_stage_execution(
                pipelineName=pipeline.pipeline_name, stageName=stage, pipelineExecutionId=id_, retryMode=_RETRY[mode]
            )
        return self._once(pipeline, id_, lambda summary: summary.ended_at is None)

    def _once(self, pipeline: DeployedPipeline, id_: str, told: Callable[[ExecutionSummary], bool]) -> ExecutionSummary:
        """The execution as soon as CodePipeline tells of what it was asked to do; if it does not in time, as it says it is."""
        pauses, deadline = Pauses(1.0), time.monotonic() + _SETTLES
        while True:
            late = time.monotonic() > deadline
            data = self.history.require(pipeline, id_) if late else self.history.find(pipeline, id_)
            if data is not None:
                summary = summary_of(data, rollback_of=self._stage_rolled_back(pipeline, data))
                if late or told(summary):
                    return summary
            pauses.wait()
