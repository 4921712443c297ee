"""Pipelines on AWS as an engine describes them."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from copilot.aws.client import Aws
from copilot.aws.connections import Connection, Connections
from copilot.aws.errors import explained
from copilot.aws.execution_values import disabled_stages
from copilot.aws.executions import Executions
from copilot.aws.pipeline_structure import connection_arn, definition_of, project_names, trigger_in_words
from copilot.aws.pipeline_values import DeployedPipeline
from copilot.engine import PipelineDetail, PipelineSummary
from copilot.errors import CopilotError, NotFoundError

if TYPE_CHECKING:
    from mypy_boto3_codebuild.type_defs import ProjectTypeDef
    from mypy_boto3_codepipeline.type_defs import PipelineDeclarationOutputTypeDef

_AT_ONCE = 8
_MOST_PROJECTS = 100
"""How many projects one question may be about (BatchGetProjects)."""


class PipelineDetails:
    """Asks what pipelines are made of.

    Args:
        aws: Their account and region.
        executions: Their executions.
    """

    def __init__(self, aws: Aws, executions: Executions) -> None:
        self._aws = aws
        self._executions = executions

    def summaries(self, pipelines: Iterable[DeployedPipeline]) -> list[PipelineSummary]:
        """A line for each pipeline, but those that are gone by now."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return [summary for summary in pool.map(self._summary, pipelines) if summary is not None]

    def detail(self, pipeline: DeployedPipeline) -> PipelineDetail:
        """A pipeline's structure. Raises NotFoundError if it is gone by now."""
        with ThreadPoolExecutor(2) as pool:
            asked = pool.submit(self._executions.history.state, pipeline)
            answer = self._executions.history.structure(pipeline)
            structure, metadata = answer["pipeline"], answer["metadata"]
            asked_connection = pool.submit(self._connection, structure)
            projects = self._projects(project_names(structure))
            connection, state = asked_connection.result(), asked.result()
        return PipelineDetail(
            definition=definition_of(pipeline.app, pipeline.name, structure, projects, pipeline.region, connection),
            pipeline_name=pipeline.pipeline_name,
            region=pipeline.region,
            account_id=pipeline.account,
            trigger=trigger_in_words(structure, metadata),
            created_at=state["created"].timestamp(),
            updated_at=state["updated"].timestamp(),
            disabled_stages=disabled_stages(state["stageStates"]),
        )

    def _summary(self, pipeline: DeployedPipeline) -> PipelineSummary | None:
        try:
            answer = self._executions.history.structure(pipeline)
            structure = answer["pipeline"]
            latest = next(iter(self._executions.list(pipeline, 1)), None)
        except NotFoundError:
            return None
        definition = definition_of(pipeline.app, pipeline.name, structure, (), pipeline.region, self._connection(structure))
        return PipelineSummary(
            name=pipeline.name,
            pipeline_name=pipeline.pipeline_name,
            app=pipeline.app,
            region=pipeline.region,
            account_id=pipeline.account,
            repository=definition.repository,
            branch=definition.branch,
            updated_at=answer["metadata"]["updated"].timestamp(),
            latest=latest,
        )

    def _projects(self, names: list[str]) -> list[ProjectTypeDef]:
        found: list[ProjectTypeDef] = []
        for start in range(0, len(names), _MOST_PROJECTS):
            with explained():
                found += self._aws.codebuild.batch_get_projects(names=names[start : start + _MOST_PROJECTS])["projects"]
        return found

    def _connection(self, structure: PipelineDeclarationOutputTypeDef) -> Connection | None:
        """The connection of a pipeline; None if it has none, or one that is gone or not for our eyes."""
        arn = connection_arn(structure)
        try:
            return Connections(self._aws).get(arn) if arn is not None else None
        except CopilotError:
            return None
