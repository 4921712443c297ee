"""What CodePipeline says of executions, as the values that an engine answers with. Pure."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from copilot.aws.pipeline_structure import environment_of
from copilot.aws.pipeline_values import ActionExecution, Place
from copilot.engine import ActionState, ExecutionSummary, Revision, StageState
from copilot.release.execution import ActionStatus, ExecutionStatus, StageStatus
from copilot.release.plan import Action, ApprovalAction, Plan, Stage

if TYPE_CHECKING:
    from mypy_boto3_codepipeline.type_defs import (
        ActionExecutionDetailTypeDef,
        ArtifactDetailTypeDef,
        PipelineExecutionSummaryTypeDef,
        StageExecutionTypeDef,
        StageStateTypeDef,
    )

SHORT = 8
"""As many characters of an execution's id people are shown."""

_EXECUTION: Mapping[str, ExecutionStatus] = {
    "InProgress": "InProgress",
    "Succeeded": "Succeeded",
    "Failed": "Failed",
    "Stopping": "Stopping",
    "Stopped": "Stopped",
    # The pipeline was changed while the execution ran.
    "Cancelled": "Stopped",
    "Superseded": "Superseded",
}
_STAGE: Mapping[str, StageStatus] = {
    "InProgress": "InProgress",
    "Stopping": "InProgress",
    "Succeeded": "Succeeded",
    "Failed": "Failed",
    "Stopped": "Stopped",
    "Cancelled": "Stopped",
    "Skipped": "Skipped",
}
_TRIGGERS = {"CreatePipeline": "creation", "StartPipelineExecution": "run"}
"""The others mean that something was pushed."""
_ROLLBACKS = {"ManualRollback": "rollback", "AutomatedRollback": "automatic rollback"}
_KINDS = {"Source": "source", "Approval": "approval", "Deploy": "deploy", "Test": "commands", "Build": "build"}
_NOT_A_REASON = re.compile(r"[^a-zA-Z0-9!@ ().*?-]+")
_LONGEST_REASON = 300
_NO_REASON = "no reason given"


@dataclass(frozen=True)
class Failure:
    """Why an action failed: in a line, and what else is worth seeing."""

    summary: str
    details: tuple[str, ...] = ()


def action_executions(details: Iterable[ActionExecutionDetailTypeDef]) -> list[ActionExecution]:
    """All attempts of the actions of an execution, from ``ListActionExecutions``, oldest first."""
    ordered = sorted(details, key=lambda each: (_seconds(each.get("startTime")), each.get("actionExecutionId", "")))
    counts: dict[tuple[str, str], int] = {}
    found = []
    for each in ordered:
        key = each.get("stageName", ""), each.get("actionName", "")
        counts[key] = counts.get(key, 0) + 1
        found.append(_action_execution(each, counts[key]))
    return found


def summary_of(
    data: PipelineExecutionSummaryTypeDef, actions: Sequence[ActionExecution] = (), rollback_of: str | None = None
) -> ExecutionSummary:
    """An execution, from ``ListPipelineExecutions``.

    Args:
        data: The answer.
        actions: Its actions, if they are known: they know when the commit was written.
        rollback_of: The stage that it brings back, if it does so and that is known.
    """
    status = _EXECUTION.get(data.get("status", ""), "InProgress")
    started = _seconds(data.get("startTime"))
    ended = None if status in {"InProgress", "Stopping"} else _seconds(data.get("lastUpdateTime")) or started
    return ExecutionSummary(
        id=data.get("pipelineExecutionId", ""),
        status=status,
        trigger=_trigger(data),
        revision=_revision(data, actions),
        started_at=started,
        ended_at=ended,
        rollback_of=rollback_of,
    )


def is_rollback(data: PipelineExecutionSummaryTypeDef) -> bool:
    """Whether an execution brings a stage back."""
    return data.get("executionType") == "ROLLBACK"


def rolled_back_stage(id_: str, actions: Sequence[ActionExecution], states: Iterable[StageStateTypeDef] = ()) -> str | None:
    """The stage that a rollback is about: the only one that it works in, or is to enter. None if it has not come so far."""
    if actions:
        return actions[0].stage
    for state in states:
        inside = state.get("latestExecution", {}).get("pipelineExecutionId") == id_
        if inside or id_ in _waiting(state):
            return state.get("stageName")
    return None


def stages_of(
    plan: Plan,
    summary: ExecutionSummary,
    actions: Sequence[ActionExecution],
    states: Sequence[StageStateTypeDef],
    failures: Mapping[str, Failure],
) -> tuple[StageState, ...]:
    """The stages of an execution.

    Args:
        plan: Of the pipeline's structure that the execution ran with, or of the nearest that is known.
        summary: The execution.
        actions: All its attempts of actions, oldest first. Those that the plan does not have are shown, too.
        states: From ``GetPipelineState``: of the stages as they are now, whoever is in them.
        failures: Why actions failed, by the id of the attempt.
    """
    newest = {(each.stage, each.action): each for each in actions}
    now = {state.get("stageName", ""): state for state in states}
    known = [stage for stage in plan.stages if summary.rollback_of in {None, stage.name}]
    names = {stage.name for stage in known}
    gone = dict.fromkeys(each.stage for each in actions if each.stage not in names)
    stages = [*known, *(Stage(name, (), environment_of(name)) for name in gone)]
    found = []
    for stage in stages:
        runs = {each.action: each for each in newest.values() if each.stage == stage.name}
        state = now.get(stage.name, {})
        shown = _actions(stage, runs, failures)
        transition = state.get("inboundTransitionState", {})
        enabled = transition.get("enabled", True)
        found.append(
            StageState(
                stage_name=stage.name,
                environment=stage.environment,
                status=_stage_status(summary, shown, state),
                actions=shown,
                transition_enabled=enabled,
                disabled_reason=None if enabled else transition.get("disabledReason", ""),
            )
        )
    return tuple(found)


def disabled_stages(states: Iterable[StageStateTypeDef]) -> dict[str, str]:
    """The stages that no execution may enter, with the reasons; from ``GetPipelineState``."""
    found = {}
    for state in states:
        transition = state.get("inboundTransitionState", {})
        if not transition.get("enabled", True):
            found[state.get("stageName", "")] = transition.get("disabledReason", "")
    return found


def disabling_reason(text: str) -> str:
    """A reason in characters that CodePipeline takes for one; it takes few, and wants at least one of them."""
    ascii_ = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().replace("'", "")
    return " ".join(_NOT_A_REASON.sub(" ", ascii_).split())[:_LONGEST_REASON].rstrip() or _NO_REASON


def _seconds(moment: datetime | None) -> float:
    return moment.timestamp() if moment is not None else 0.0


def _action_execution(data: ActionExecutionDetailTypeDef, attempt: int) -> ActionExecution:
    given, made = data.get("input", {}), data.get("output", {})
    result, type_ = made.get("executionResult", {}), given.get("actionTypeId")
    error = result.get("errorDetails", {})
    statuses: Mapping[str, ActionStatus] = {
        "InProgress": "InProgress",
        "Succeeded": "Succeeded",
        "Failed": "Failed",
        "Abandoned": "Abandoned",
    }
    started = _seconds(data.get("startTime"))
    return ActionExecution(
        id=data.get("actionExecutionId", ""),
        execution=data.get("pipelineExecutionId", ""),
        stage=data.get("stageName", ""),
        action=data.get("actionName", ""),
        attempt=attempt,
        category=type_["category"] if type_ else "",
        provider=type_["provider"] if type_ else "",
        status=statuses.get(data.get("status", ""), "InProgress"),
        started_at=started,
        updated_at=_seconds(data.get("lastUpdateTime")) or started,
        external_id=result.get("externalExecutionId", ""),
        external_url=result.get("externalExecutionUrl", ""),
        summary=result.get("externalExecutionSummary", ""),
        error=error.get("message", ""),
        variables=made.get("outputVariables", {}),
        # What was put in for variables of other actions counts.
        configuration={**given.get("configuration", {}), **given.get("resolvedConfiguration", {})},
        outputs=dict(_places(made.get("outputArtifacts", []))),
        by=data.get("updatedBy", ""),
        version=data.get("pipelineVersion", 0),
    )


def _places(artifacts: Iterable[ArtifactDetailTypeDef]) -> Iterable[tuple[str, Place]]:
    for artifact in artifacts:
        place = artifact.get("s3location", {})
        yield artifact.get("name", ""), Place(place.get("bucket", ""), place.get("key", ""))


def _trigger(data: PipelineExecutionSummaryTypeDef) -> str:
    type_ = data.get("trigger", {}).get("triggerType", "")
    if type_ in _ROLLBACKS or is_rollback(data):
        target = data.get("rollbackMetadata", {}).get("rollbackTargetPipelineExecutionId", "")
        return _ROLLBACKS.get(type_, "rollback") + (f" to {target[:SHORT]}" if target else "")
    return _TRIGGERS.get(type_, "push")


def _revision(data: PipelineExecutionSummaryTypeDef, actions: Sequence[ActionExecution]) -> Revision | None:
    source = next((each for each in actions if each.category == "Source" and "CommitId" in each.variables), None)
    variables = source.variables if source is not None else {}
    given = next((each for each in data.get("sourceRevisions", []) if each.get("revisionId")), None)
    id_ = variables.get("CommitId") or (given.get("revisionId", "") if given else "")
    if not id_:
        return None
    message = variables.get("CommitMessage") or (message_in(given.get("revisionSummary", "")) if given else "")
    return Revision(
        id=id_,
        summary=_first_line(message),
        author="",
        committed_at=_moment(variables.get("CommitterDate") or variables.get("AuthorDate", "")),
    )


def message_in(summary: str) -> str:
    """The commit's message in a revision's summary; that of a connection is JSON."""
    try:
        document = json.loads(summary)
    except ValueError:
        return summary
    message = document.get("CommitMessage") if isinstance(document, dict) else None
    return message if isinstance(message, str) else summary


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _moment(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


def _actions(stage: Stage, runs: Mapping[str, ActionExecution], failures: Mapping[str, Failure]) -> tuple[ActionState, ...]:
    """The actions of a stage: those of the plan, and what ran besides."""
    planned = {action.name: action for action in stage.actions}
    last = max((action.run_order for action in stage.actions), default=0)
    orders = {name: action.run_order for name, action in planned.items()}
    orders |= {name: last + 1 for name in runs if name not in planned}
    found = []
    for name, order in sorted(orders.items(), key=lambda each: (each[1], runs[each[0]].started_at if each[0] in runs else 0.0)):
        run, action = runs.get(name), planned.get(name)
        if run is None or (action is not None and _is_to_run_again(order, run, runs, orders)):
            attempt = run.attempt + 1 if run is not None else 1
            kind = action.kind if action is not None else _kind(run)
            found.append(_pending(name, kind, order, attempt))
        else:
            found.append(_action(run, action, order, failures.get(run.id)))
    return tuple(found)


def _is_to_run_again(order: int, run: ActionExecution, runs: Mapping[str, ActionExecution], orders: Mapping[str, int]) -> bool:
    """Whether an action's last attempt is from before the whole stage was begun again: an action ahead of it began later."""
    return any(orders[name] < order and other.started_at > run.started_at for name, other in runs.items())


def _pending(name: str, kind: str, order: int, attempt: int) -> ActionState:
    return ActionState(name=name, kind=kind, run_order=order, status="Pending", attempt=attempt, started_at=None, ended_at=None)


def _kind(run: ActionExecution | None) -> str:
    return _KINDS.get(run.category, "other") if run is not None else "other"


def _action(run: ActionExecution, action: Action | None, order: int, failure: Failure | None) -> ActionState:
    in_progress = run.status == "InProgress"
    expires = run.started_at + action.timeout * 60 if isinstance(action, ApprovalAction) and in_progress else None
    return ActionState(
        name=run.action,
        kind=action.kind if action is not None else _kind(run),
        run_order=order,
        status=run.status,
        attempt=run.attempt,
        started_at=run.started_at,
        ended_at=None if in_progress else run.updated_at,
        summary=failure.summary if failure is not None else _in_short(run),
        details=failure.details if failure is not None else (),
        url=_page(run),
        expires_at=expires,
    )


def _in_short(run: ActionExecution) -> str:
    """What came of an action, in a line."""
    if run.category == "Approval":
        return decision_of(run)
    if run.status == "Abandoned":
        return "abandoned"
    if run.status == "Failed":
        return _first_line(run.error) or _first_line(run.summary) or "failed"
    if run.category == "Source" and "CommitId" in run.variables:
        commit = run.variables["CommitId"][:7]
        return f"{run.variables['BranchName']} @ {commit}" if "BranchName" in run.variables else commit
    if run.category == "Source":
        return _first_line(message_in(run.summary))
    # Of a stack, AWS only says again that it was created or updated.
    return "" if run.category == "Deploy" or "arn:" in run.summary else _first_line(run.summary)


def decision_of(run: ActionExecution) -> str:
    """What became of an approval: who decided what, and why."""
    if run.status == "InProgress":
        return ""
    if run.status == "Abandoned":
        return "the execution was stopped"
    said = _first_line(run.summary)
    verdict = "approved" if run.status == "Succeeded" else "rejected"
    if said.startswith(verdict):  # by `copilot pipeline approve`, which knows who it was
        return said
    if run.status == "Failed" and not said and (run.error or not run.by):
        return _first_line(run.error) or "nobody approved it in time"
    who = re.split("[/:]", run.by)[-1]
    return f"{verdict}{f' by {who}' if who else ''}{f': {said}' if said else ''}"


def _page(run: ActionExecution) -> str | None:
    """Where a person can look: at what failed, or at what an approval is about."""
    if run.category == "Approval":
        return run.configuration.get("ExternalEntityLink") or None
    return run.external_url or None if run.status == "Failed" else None


def _stage_status(summary: ExecutionSummary, actions: Sequence[ActionState], state: StageStateTypeDef) -> StageStatus:
    latest = state.get("latestExecution")
    if latest is not None and latest.get("pipelineExecutionId") == summary.id and latest.get("status") in _STAGE:
        return _STAGE[latest["status"]]
    active = summary.status in {"InProgress", "Stopping"}
    statuses = {action.status for action in actions}
    if summary.id in _waiting(state) or not statuses - {"Pending"}:
        return "Pending" if active else "Skipped"
    # Another execution has been in the stage since, or many are in it at once: what the actions came to says it.
    if "InProgress" in statuses:
        return "InProgress"
    if "Failed" in statuses:
        return "Failed"
    if "Abandoned" in statuses:
        return "Stopped"
    if "Pending" not in statuses:
        return "Succeeded"
    return "InProgress" if active else "Stopped"


def _waiting(state: StageStateTypeDef) -> set[str]:
    """The executions that wait to enter a stage."""
    inbound: list[StageExecutionTypeDef] = list(state.get("inboundExecutions", []))
    if "inboundExecution" in state:
        inbound.append(state["inboundExecution"])
    return {each["pipelineExecutionId"] for each in inbound}
