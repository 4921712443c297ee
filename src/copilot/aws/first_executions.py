"""The execution after an update of a pipeline: CodePipeline's own, the one that has waited for a connection, or a new one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

from copilot.aws.client import Aws
from copilot.aws.errors import explained
from copilot.aws.pipeline_values import DeployedPipeline
from copilot.aws.waiting import Pauses

if TYPE_CHECKING:
    from mypy_boto3_codepipeline.type_defs import StageStateTypeDef

Beginning = Literal["started", "retried", "by itself"]

_PATIENCE = 20.0
"""Seconds in which an execution appears that CodePipeline starts by itself, or in which its first stage ends."""


@dataclass(frozen=True)
class FirstExecution:
    """An execution, and how it came about."""

    id: str
    beginning: Beginning


class FirstExecutions:
    """Has a pipeline that was just updated release what is in its repository.

    Args:
        aws: The account and region of the pipeline.
        pause: Seconds between two looks, at most.
        patience: Seconds after which it does not wait any longer for what CodePipeline does by itself.
    """

    def __init__(self, aws: Aws, *, pause: float = 1.0, patience: float = _PATIENCE) -> None:
        self._aws = aws
        self._pause = pause
        self._patience = patience

    def begin(self, pipeline: DeployedPipeline, *, created: bool, allowed: bool) -> FirstExecution:
        """Start an execution, unless there is one that does the same.

        Args:
            pipeline: The pipeline.
            created: Whether it is new: CodePipeline then starts an execution by itself.
            allowed: Whether its connection was allowed just now. Executions from before could not fetch anything: the newest one
                is retried.

        Raises:
            CopilotError: AWS refuses to start it.
        """
        if created or allowed:
            id_, status = self._source(pipeline, expected=created, settled=allowed)
            if id_ and status == "Failed" and allowed and self._retries(pipeline, id_):
                return FirstExecution(id_, "retried")
            if id_ and (created or status == "InProgress"):
                return FirstExecution(id_, "by itself")
        with explained():
            answer = self._aws.codepipeline.start_pipeline_execution(name=pipeline.pipeline_name, clientRequestToken=uuid4().hex)
        return FirstExecution(answer["pipelineExecutionId"], "started")

    def _source(self, pipeline: DeployedPipeline, *, expected: bool, settled: bool) -> tuple[str, str]:
        """The newest execution in the first stage and what became of it there; both empty if there is none.

        Args:
            pipeline: The pipeline.
            expected: Whether there will be one.
            settled: Whether it matters what becomes of it: it may have begun before it could be done.
        """
        pauses, until = Pauses(self._pause), time.monotonic() + self._patience
        while True:
            stage = self._first_stage(pipeline)
            latest = stage.get("latestExecution")
            id_, status = (latest["pipelineExecutionId"], latest["status"]) if latest else ("", "")
            waits = (not id_ and expected) or (settled and status == "InProgress")
            if not waits or time.monotonic() > until:
                return id_, status
            pauses.wait()

    def _first_stage(self, pipeline: DeployedPipeline) -> StageStateTypeDef:
        with explained():
            return self._aws.codepipeline.get_pipeline_state(name=pipeline.pipeline_name)["stageStates"][0]

    def _retries(self, pipeline: DeployedPipeline, execution: str) -> bool:
        """Whether its first stage is retried; not if it cannot be, because the pipeline was changed since for example."""
        client = self._aws.codepipeline
        with explained():
            try:
                client.retry_stage_execution(
                    pipelineName=pipeline.pipeline_name,
                    stageName=self._first_stage(pipeline)["stageName"],
                    pipelineExecutionId=execution,
                    retryMode="FAILED_ACTIONS",
                )
            except (client.exceptions.StageNotRetryableException, client.exceptions.NotLatestPipelineExecutionException):
                return False
        return True
