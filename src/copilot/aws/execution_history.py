"""What CodePipeline knows of a pipeline and of its executions, asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from copilot.aws.client import Aws
from copilot.aws.execution_errors import asking, no_execution
from copilot.aws.execution_values import action_executions
from copilot.aws.pipeline_structure import plan_of
from copilot.aws.pipeline_values import ActionExecution, DeployedPipeline
from copilot.errors import NotFoundError, UsageError
from copilot.release.plan import Plan

if TYPE_CHECKING:
    from mypy_boto3_codepipeline import CodePipelineClient
    from mypy_boto3_codepipeline.type_defs import (
        GetPipelineOutputTypeDef,
        GetPipelineStateOutputTypeDef,
        PipelineExecutionSummaryTypeDef,
    )

_SHORTEST_WORD = 4
"""As many characters of an id at least must be typed."""
_FEW, _PAGE = 20, 100
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class History:
    """The pipelines of an account and region, and their executions. Structures are asked for once."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._structures: dict[tuple[str, int], GetPipelineOutputTypeDef] = {}

    @property
    def client(self) -> CodePipelineClient:
        """What asks CodePipeline."""
        return self._aws.codepipeline

    def structure(self, pipeline: DeployedPipeline, version: int | None = None) -> GetPipelineOutputTypeDef:
        """A pipeline as it is now; or as it was in an earlier version, if AWS still knows that. Raises NotFoundError."""
        name = pipeline.pipeline_name
        if version is not None and (name, version) in self._structures:
            return self._structures[name, version]
        with asking(pipeline):
            try:
                which: Any = {} if version is None else {"version": version}
                found = self.client.get_pipeline(name=name, **which)
            except self.client.exceptions.PipelineVersionNotFoundException:
                found = self.client.get_pipeline(name=name)
        self._structures[name, version or found["pipeline"].get("version", 0)] = found
        return found

    def plan(self, pipeline: DeployedPipeline, version: int) -> Plan:
        """The plan of a version of a pipeline, without what only its CodeBuild projects know."""
        structure = self.structure(pipeline, version)["pipeline"]
        return plan_of(pipeline.app, pipeline.name, structure, (), pipeline.region)

    def state(self, pipeline: DeployedPipeline) -> GetPipelineStateOutputTypeDef:
        """Who is in the stages of a pipeline, and who may enter them. Raises NotFoundError."""
        with asking(pipeline):
            return self.client.get_pipeline_state(name=pipeline.pipeline_name)

    def executions(self, pipeline: DeployedPipeline, limit: int) -> list[PipelineExecutionSummaryTypeDef]:
        """The newest executions of a pipeline, newest first."""
        return list(islice((each for page in self._pages(pipeline, min(limit, _PAGE)) for each in page), limit))

    def newest(self, pipeline: DeployedPipeline) -> PipelineExecutionSummaryTypeDef:
        """The newest execution of a pipeline. Raises NotFoundError if it never ran."""
        for data in self.executions(pipeline, 1):
            return data
        raise NotFoundError(f"pipeline `{pipeline.name}` has no execution yet", hint="start one with `copilot pipeline run`")

    def find(self, pipeline: DeployedPipeline, execution_id: str) -> PipelineExecutionSummaryTypeDef | None:
        """An execution by its id; None if it is not among those that AWS keeps, or not yet."""

        def is_it(data: PipelineExecutionSummaryTypeDef) -> bool:
            return data.get("pipelineExecutionId") == execution_id

        found = next(filter(is_it, self.executions(pipeline, _FEW)), None)
        if found is not None or not self._exists(pipeline, execution_id):
            return found
        return next((data for page in self._pages(pipeline, _PAGE) for data in page if is_it(data)), None)

    def require(self, pipeline: DeployedPipeline, execution_id: str) -> PipelineExecutionSummaryTypeDef:
        """An execution by its id. Raises NotFoundError."""
        data = self.find(pipeline, execution_id)
        if data is None:
            raise no_execution(pipeline, execution_id)
        return data

    def passed(self, pipeline: DeployedPipeline, stage: str) -> Iterator[PipelineExecutionSummaryTypeDef]:
        """The executions that passed a stage since the pipeline was last changed, newest first."""
        for page in self._pages(pipeline, _FEW, filter={"succeededInStage": {"stageName": stage}}):
            yield from page

    def actions(self, pipeline: DeployedPipeline, execution_id: str) -> list[ActionExecution]:
        """All attempts of the actions of an execution, oldest first. Raises NotFoundError if there is no such execution."""
        with asking(pipeline, execution_id):
            pages = self.client.get_paginator("list_action_executions").paginate(
                pipelineName=pipeline.pipeline_name, filter={"pipelineExecutionId": execution_id}
            )
            return action_executions(each for page in pages for each in page["actionExecutionDetails"])

    def resolve(self, pipeline: DeployedPipeline, word: str) -> str:
        """The id of the execution that a person means.

        Args:
            pipeline: The pipeline.
            word: An id, or the beginning of one. Where several begin so, newer executions count first, a hundred at a time.

        Raises:
            NotFoundError: None begins so.
            UsageError: Several do, or the beginning is too short.
        """
        if _ID.fullmatch(word):
            return word
        if len(word) < _SHORTEST_WORD:
            raise UsageError(
                f"`{word}` is too short for the beginning of an execution's id",
                hint=f"give {_SHORTEST_WORD} characters of it at least; `copilot pipeline status` shows the newest",
            )
        for page in self._pages(pipeline, _PAGE):
            found = [id_ for data in page if (id_ := data.get("pipelineExecutionId", "")).startswith(word)]
            if len(found) == 1:
                return found[0]
            if found:
                raise UsageError(f"several executions begin with `{word}`", hint=f"it is one of: {', '.join(found)}")
        raise no_execution(pipeline, word)

    def _exists(self, pipeline: DeployedPipeline, execution_id: str) -> bool:
        with asking(pipeline, execution_id):
            try:
                self.client.get_pipeline_execution(pipelineName=pipeline.pipeline_name, pipelineExecutionId=execution_id)
            except self.client.exceptions.PipelineExecutionNotFoundException:
                return False
        return True

    def _pages(self, pipeline: DeployedPipeline, size: int, **more: Any) -> Iterator[list[PipelineExecutionSummaryTypeDef]]:
        """Executions, newest first, asked for as far as they are looked at."""
        with asking(pipeline):
            pages = self.client.get_paginator("list_pipeline_executions").paginate(
                pipelineName=pipeline.pipeline_name, PaginationConfig={"PageSize": size}, **more
            )
            for page in pages:
                yield page["pipelineExecutionSummaries"]
