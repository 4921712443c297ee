"""What waiting approvals on AWS would release, and deciding about them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from copilot.aws import stack_states as states
from copilot.aws.artifacts import read_files
from copilot.aws.client import Aws
from copilot.aws.errors import explained
from copilot.aws.execution_errors import asking
from copilot.aws.execution_values import SHORT, summary_of
from copilot.aws.executions import Executions
from copilot.aws.pipeline_values import ActionExecution, DeployedPipeline, Place
from copilot.aws.promotion_values import (
    WorkloadState,
    commits_between,
    decision_summary,
    last_tests,
    newest,
    parameters_in,
    workload_promotion,
)
from copilot.aws.stacks import Stacks
from copilot.aws.templates.reading import read_template
from copilot.engine import Promotion, WorkloadPromotion
from copilot.errors import ConflictError, CopilotError, NotFoundError
from copilot.release.plan import BUILD_ARTIFACT, ApprovalAction, DeployAction, Plan, Stage
from copilot.release.planner import APPROVAL_TIMEOUT

if TYPE_CHECKING:
    from mypy_boto3_codepipeline.type_defs import PipelineExecutionSummaryTypeDef

Inside = Callable[[str, str], Aws]
"""An identity that may work on an environment of an application, in its region."""

_EXECUTIONS = 100
_PAGES = 5
_AT_ONCE = 8


@dataclass(frozen=True)
class _Waiting:
    """An approval that waits. ``token`` shows that a decision is about this one."""

    execution: str
    stage: str
    action: str
    token: str


class Promotions:
    """The approvals of pipelines.

    Args:
        aws: The account and region of the pipelines.
        executions: What they did.
        inside: Gives access to environments.
    """

    def __init__(self, aws: Aws, executions: Executions, inside: Inside) -> None:
        self._aws = aws
        self._executions = executions
        self._inside = inside

    def waiting(self, pipeline: DeployedPipeline) -> list[Promotion]:
        """The approvals that wait, oldest first. Raises EngineUnavailableError if AWS refuses, or does not answer."""
        waiting = self._waiting(pipeline)
        if not waiting:
            return []
        plan = self._executions.plan(pipeline)
        history = {each["pipelineExecutionId"]: each for each in self._executions.history.executions(pipeline, _EXECUTIONS)}
        found = [self._promotion(pipeline, plan, history, each) for each in waiting]
        return sorted(found, key=lambda promotion: promotion.waiting_since)

    def decide(
        self, pipeline: DeployedPipeline, execution: str, action: str, *, approve: bool, approver: str, comment: str = ""
    ) -> None:
        """Approve or reject.

        Args:
            pipeline: Of the approval.
            execution: Whole id of the execution that waits.
            action: Name of the approval.
            approve: What is decided.
            approver: Who decided; AWS itself knows only whose credentials are used.
            comment: Why.

        Raises:
            ConflictError: That approval does not wait any more.
            EngineUnavailableError: AWS refuses, or does not answer.
        """
        gone = ConflictError(
            f"no approval `{action}` of execution {execution[:SHORT]} waits any more", hint="see `copilot pipeline status`"
        )
        found = [each for each in self._waiting(pipeline) if (each.execution, each.action) == (execution, action)]
        if not found:
            raise gone
        client = self._aws.codepipeline
        with asking(pipeline):
            try:
                client.put_approval_result(
                    pipelineName=pipeline.pipeline_name,
                    stageName=found[0].stage,
                    actionName=action,
                    result={
                        "summary": decision_summary(approver, comment, approve=approve),
                        "status": "Approved" if approve else "Rejected",
                    },
                    token=found[0].token,
                )
            except (
                client.exceptions.InvalidApprovalTokenException,
                client.exceptions.ApprovalAlreadyCompletedException,
                client.exceptions.ActionNotFoundException,
                client.exceptions.StageNotFoundException,
            ) as error:
                raise gone from error

    def _waiting(self, pipeline: DeployedPipeline) -> list[_Waiting]:
        state = self._executions.history.state(pipeline)
        found = [
            _Waiting(stage["latestExecution"]["pipelineExecutionId"], stage.get("stageName", ""), action["actionName"], token)
            for stage in state.get("stageStates", [])
            if "latestExecution" in stage
            for action in stage.get("actionStates", [])
            if action.get("latestExecution", {}).get("status") == "InProgress"
            and (token := action.get("latestExecution", {}).get("token", ""))
        ]
        return found or list(self._waiting_side_by_side(pipeline))

    def _waiting_side_by_side(self, pipeline: DeployedPipeline) -> Iterator[_Waiting]:
        """Where executions run in parallel, a pipeline has no one state (PutApprovalResult: ``token``)."""
        if self._executions.plan(pipeline).mode != "parallel":
            return
        for summary in self._executions.list(pipeline, _EXECUTIONS):
            if summary.status == "InProgress":
                for each in self._executions.actions(pipeline, summary.id):
                    if each.category == "Approval" and each.status == "InProgress":
                        yield _Waiting(each.execution, each.stage, each.action, each.external_id)

    def _promotion(
        self, pipeline: DeployedPipeline, plan: Plan, history: Mapping[str, PipelineExecutionSummaryTypeDef], waiting: _Waiting
    ) -> Promotion:
        actions = self._executions.actions(pipeline, waiting.execution)
        stage = next((each for each in plan.stages if each.name == waiting.stage), Stage(waiting.stage, ()))
        approval = next((a for a in stage.actions if isinstance(a, ApprovalAction) and a.name == waiting.action), None)
        attempt = newest(actions, waiting.stage, waiting.action)
        began = attempt.started_at if attempt else 0.0
        own, before = summary_of(history.get(waiting.execution, {}), actions), self._released(pipeline, waiting)
        was = summary_of(history.get(before, {}), self._executions.actions(pipeline, before)) if before else None
        tested_in, tested_at = last_tests(plan, waiting.stage, actions)
        workloads, unseen = self._seen(pipeline, stage, self._built(pipeline, waiting.execution, actions))
        return Promotion(
            app=pipeline.app,
            pipeline_name=pipeline.name,
            execution=waiting.execution,
            stage=waiting.stage,
            action=waiting.action,
            environment=stage.environment or waiting.stage,
            waiting_since=began,
            expires_at=began + 60 * (approval.timeout if approval else APPROVAL_TIMEOUT),
            revision_before=was.revision if was else None,
            revision_after=own.revision,
            commits=tuple(commits_between([summary_of(data) for data in history.values()], was, own)),
            workloads=workloads,
            tested_in=tested_in,
            tested_at=tested_at,
            unseen=unseen,
        )

    def _seen(
        self, pipeline: DeployedPipeline, stage: Stage, built: Place | None
    ) -> tuple[tuple[WorkloadPromotion, ...], str | None]:
        """What changes, or why that cannot be seen: one can still decide about an environment that is gone, or hidden."""
        try:
            return tuple(self._workloads(pipeline, stage, built)), None
        except CopilotError as error:
            return (), error.message

    def _released(self, pipeline: DeployedPipeline, waiting: _Waiting) -> str | None:
        """The execution that deployed to the stage last; None if that is very long ago, or never was."""
        pages = self._aws.codepipeline.get_paginator("list_action_executions").paginate(pipelineName=pipeline.pipeline_name)
        # By execution, both as they come: the newest one first, and of each action the newest attempt.
        deployed: dict[str, dict[str, str]] = {}
        with explained():
            for page in islice(pages, _PAGES):
                for each in page["actionExecutionDetails"]:
                    type_: Any = each.get("input", {}).get("actionTypeId", {})
                    if type_.get("category") == "Deploy" and each.get("stageName") == waiting.stage:
                        statuses = deployed.setdefault(each.get("pipelineExecutionId", ""), {})
                        statuses.setdefault(each.get("actionName", ""), each.get("status", ""))
                # The last one that was begun on may go on on the next page.
                known = list(deployed)[:-1] if "nextToken" in page else list(deployed)
                for execution in known:
                    if execution != waiting.execution and set(deployed[execution].values()) == {"Succeeded"}:
                        return execution
        return None

    def _built(self, pipeline: DeployedPipeline, execution: str, actions: Sequence[ActionExecution]) -> Place | None:
        """The artifact that an execution deploys. A rollback has that of the execution that it goes back to."""
        places = [each.outputs[BUILD_ARTIFACT] for each in actions if BUILD_ARTIFACT in each.outputs]
        if places:
            return places[-1]
        with explained():
            found = self._aws.codepipeline.get_pipeline_execution(
                pipelineName=pipeline.pipeline_name, pipelineExecutionId=execution
            )["pipelineExecution"]
        target = found.get("rollbackMetadata", {}).get("rollbackTargetPipelineExecutionId")
        return self._built(pipeline, target, self._executions.actions(pipeline, target)) if target else None

    def _workloads(self, pipeline: DeployedPipeline, stage: Stage, built: Place | None) -> list[WorkloadPromotion]:
        """What the deployments of the stage change. What is wrong with one, its deployment will say: deciding needs no more."""
        deployments = [action for action in stage.actions if isinstance(action, DeployAction)]
        if built is None or not deployments:
            return []
        paths = [path for action in deployments for path in (action.template_config, action.template_path)]
        try:
            files = read_files(self._aws, built, paths)
        except NotFoundError:
            return []
        wanted = {
            action: WorkloadState(parameters, _template(files.get(action.template_path, b"")))
            for action in deployments
            if (parameters := parameters_in(files.get(action.template_config)))
        }
        stacks = {name: Stacks(self._inside(pipeline.app, name)) for name in {action.environment for action in wanted}}
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            running = list(pool.map(lambda action: _running(stacks[action.environment], action.stack_name), wanted))
        return [
            workload_promotion(action.workload, after, before)
            for (action, after), before in zip(wanted.items(), running, strict=True)
        ]


def _running(stacks: Stacks, name: str) -> WorkloadState | None:
    stack = stacks.find(name)
    if stack is None or states.is_new(stack):
        return None
    return WorkloadState(stack.parameters, _template(stacks.template(stack.id).encode()))


def _template(content: bytes) -> dict[str, Any]:
    try:
        return read_template(content.decode())
    except (CopilotError, ValueError):
        return {}
