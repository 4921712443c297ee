"""What a stage of a pipeline on CodePipeline can go back to, and why it sometimes cannot.

The rules are CodePipeline's: https://docs.aws.amazon.com/codepipeline/latest/userguide/stage-rollback.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot.aws.execution_errors import asking, short
from copilot.aws.execution_history import History
from copilot.aws.execution_values import is_rollback
from copilot.aws.pipeline_values import DeployedPipeline
from copilot.errors import ConflictError, NotFoundError, UnsupportedError

if TYPE_CHECKING:
    from mypy_boto3_codepipeline.type_defs import StageExecutionTypeDef


def check_can_roll_back(history: History, pipeline: DeployedPipeline, stage: str) -> None:
    """Raises UnsupportedError if CodePipeline never rolls this stage back, NotFoundError if there is no such stage."""
    structure = history.structure(pipeline)["pipeline"]
    names = [each["name"] for each in structure["stages"]]
    if stage not in names:
        raise NotFoundError(f"pipeline `{pipeline.name}` has no stage `{stage}`", hint=f"it has: {', '.join(names)}")
    if stage == names[0]:
        raise UnsupportedError(f"stage `{stage}` only fetches code, so there is nothing to go back to")
    if structure.get("executionMode") == "PARALLEL":
        raise UnsupportedError(
            f"pipeline `{pipeline.name}` runs executions in parallel; CodePipeline rolls nothing back then",
            hint=_RELEASE_AGAIN,
        )
    if structure.get("pipelineType") != "V2":
        raise UnsupportedError(
            f"pipeline `{pipeline.name}` is of CodePipeline's first type, in which nothing can be rolled back",
            hint="`copilot pipeline update` makes it one of the second type",
        )


def previous(history: History, pipeline: DeployedPipeline, stage: str) -> str:
    """The last execution to pass a stage before what is there now. After a rollback, what it went back to is there.

    Raises:
        NotFoundError: None has passed it since the pipeline was last changed.
    """
    latest = _latest(history, pipeline, stage)
    if latest is not None:
        current = history.require(pipeline, latest["pipelineExecutionId"])
        target = current.get("rollbackMetadata", {}).get("rollbackTargetPipelineExecutionId")
        if target is not None:
            current = history.require(pipeline, target)
        for each in history.passed(pipeline, stage):
            if not is_rollback(each) and each["startTime"] < current["startTime"]:
                return each["pipelineExecutionId"]
    raise NotFoundError(
        f"no earlier execution has passed stage `{stage}` of pipeline `{pipeline.name}`, so there is nothing to go back to",
        hint=f"CodePipeline forgets them when a pipeline is updated; {_RELEASE_AGAIN}",
    )


def refusal(history: History, pipeline: DeployedPipeline, stage: str, target: str) -> ConflictError:
    """Why a stage cannot go back to an execution, although CodePipeline could roll the stage back."""
    with asking(pipeline, target):
        found = history.client.get_pipeline_execution(pipelineName=pipeline.pipeline_name, pipelineExecutionId=target)
    execution = found["pipelineExecution"]
    message = f"stage `{stage}` cannot go back to execution {short(target)}"
    if execution.get("executionType") == "ROLLBACK":
        before = execution.get("rollbackMetadata", {}).get("rollbackTargetPipelineExecutionId", "")
        return ConflictError(f"{message}: it is a rollback itself", hint=f"go back to what that went back to: {short(before)}")
    state = history.state(pipeline)
    if execution.get("pipelineVersion") != state["pipelineVersion"]:
        return ConflictError(
            f"{message}: the pipeline was updated since, and CodePipeline does not go back behind that", hint=_RELEASE_AGAIN
        )
    latest = _latest(history, pipeline, stage)
    if latest is not None and latest["status"] in {"InProgress", "Stopping"}:
        return ConflictError(
            f"{message} now: execution {short(latest['pipelineExecutionId'])} is in the stage",
            hint="wait until it has left the stage, or stop it with `copilot pipeline stop`",
        )
    return ConflictError(
        f"{message}: it has not passed the stage", hint="leave out `--to` to go back to the last but one that has"
    )


_RELEASE_AGAIN = "`copilot pipeline run` with a commit builds and releases that one again"


def _latest(history: History, pipeline: DeployedPipeline, stage: str) -> StageExecutionTypeDef | None:
    """The last execution to enter a stage."""
    states = history.state(pipeline)["stageStates"]
    return next((each.get("latestExecution") for each in states if each.get("stageName") == stage), None)
