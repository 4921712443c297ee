"""What the aws engine does with pipelines."""

from __future__ import annotations

from collections.abc import Callable

from copilot.aws.client import Aws
from copilot.aws.execution_errors import short
from copilot.aws.execution_failures import Failures
from copilot.aws.executions import Executions
from copilot.aws.pipeline_details import PipelineDetails
from copilot.aws.pipeline_logs import PipelineLogs
from copilot.aws.pipeline_structure import environment_of
from copilot.aws.pipeline_values import ActionExecution, DeployedPipeline
from copilot.aws.pipelines import Pipelines
from copilot.aws.promotions import Promotions
from copilot.engine import ExecutionDetail, ExecutionSummary, LogChunk, PipelineDetail, PipelineSummary, Promotion
from copilot.errors import NotFoundError
from copilot.release.execution import RetryMode


class PipelineOperations:
    """The operations on pipelines, and on their executions, in one account and region.

    Args:
        aws: The account and region.
        inside: An identity that may work on an environment, by the names of the application and of the environment.
    """

    def __init__(self, aws: Aws, inside: Callable[[str, str], Aws]) -> None:
        self._pipelines = Pipelines(aws)
        self._logs = PipelineLogs(aws)
        self._executions = Executions(aws, Failures(aws, self._logs, inside))
        self._promotions = Promotions(aws, self._executions, inside)
        self._details = PipelineDetails(aws, self._executions)
        self._found: dict[tuple[str, str], DeployedPipeline] = {}
        self._aws_of_pipelines = aws
        self._inside_environment = inside

    def pipelines(self, app: str) -> list[PipelineSummary]:
        """See `Engine`."""
        return self._details.summaries(self._pipelines.deployed(app))

    def pipeline(self, app: str, name: str) -> PipelineDetail:
        """See `Engine`. What AWS does not tell is empty: the name of a token's secret, and what is on servers of one's own."""
        self._found.pop((app, name), None)
        return self._details.detail(self._find(app, name))

    def pipeline_resources(self, app: str, name: str) -> list[dict[str, str]]:
        """What the stack of a pipeline is made of: ``type``, ``physicalID`` and ``logicalID`` of each. Raises NotFoundError."""
        return self._pipelines.resources(self._find(app, name))

    def delete_pipeline(self, app: str, name: str, delete_secret: bool = False) -> None:
        """See `Engine`. Raises ConflictError while an execution runs, or if the stack is protected from being deleted."""
        pipeline = self._found.pop((app, name), None) or self._pipelines.find(app, name)
        self._pipelines.delete(pipeline, self._pipelines.token_secret(pipeline) if delete_secret else None)

    def start_execution(self, app: str, name: str, revision: str | None = None, trigger: str = "run") -> ExecutionSummary:
        """See `Engine`. The revision is the whole id of a commit."""
        del trigger  # CodePipeline knows what started an execution
        return self._executions.start(self._find(app, name), revision)

    def executions(self, app: str, name: str, limit: int = 20) -> list[ExecutionSummary]:
        """See `Engine`."""
        return self._executions.list(self._find(app, name), limit)

    def execution(self, app: str, name: str, execution: str | None = None) -> ExecutionDetail:
        """See `Engine`."""
        return self._executions.detail(self._find(app, name), execution)

    def log(
        self, app: str, name: str, execution: str, stage: str, action: str, attempt: int | None = None, offset: int = 0
    ) -> LogChunk:
        """See `Engine`."""
        pipeline = self._find(app, name)
        id_ = self._executions.resolve(pipeline, execution)
        runs = [run for run in self._executions.actions(pipeline, id_) if (run.stage, run.action) == (stage, action)]
        chosen = [run for run in runs if attempt is None or run.attempt == attempt]
        if chosen:
            return self._logs.read(chosen[-1], self._deployed_in(app, chosen[-1]), offset)
        planned = [(each.name, a.name) for each in self._executions.plan(pipeline).stages for a in each.actions]
        if (stage, action) not in planned or (attempt or 1) > len(runs) + 1:
            raise NotFoundError(
                f"execution {short(id_)} has no action `{action}` in stage `{stage}`", hint="see `copilot pipeline status`"
            )
        ended = self._executions.summary(pipeline, id_).ended_at is not None
        return LogChunk(text="", next_offset=offset, finished=ended)

    def promotions(self, app: str, name: str) -> list[Promotion]:
        """See `Engine`."""
        return self._promotions.waiting(self._find(app, name))

    def decide(
        self, app: str, name: str, execution: str, action: str, approve: bool, approver: str, comment: str = ""
    ) -> ExecutionSummary:
        """See `Engine`."""
        pipeline = self._find(app, name)
        id_ = self._executions.resolve(pipeline, execution)
        self._promotions.decide(pipeline, id_, action, approve=approve, approver=approver, comment=comment)
        return self._executions.summary(pipeline, id_)

    def retry(self, app: str, name: str, execution: str, mode: RetryMode = "failed") -> ExecutionSummary:
        """See `Engine`."""
        return self._executions.retry(self._find(app, name), execution, mode)

    def stop(self, app: str, name: str, execution: str, abandon: bool = False) -> ExecutionSummary:
        """See `Engine`."""
        return self._executions.stop(self._find(app, name), execution, abandon=abandon)

    def rollback(self, app: str, name: str, stage: str, to: str | None = None) -> ExecutionSummary:
        """See `Engine`. CodePipeline goes back only to executions since the pipeline was last updated."""
        return self._executions.rollback(self._find(app, name), stage, to)

    def set_transition(self, app: str, name: str, stage: str, enabled: bool, reason: str = "") -> None:
        """See `Engine`. Of the reason, characters are left out that CodePipeline does not take."""
        self._executions.set_transition(self._find(app, name), stage, enabled=enabled, reason=reason)

    def _find(self, app: str, name: str) -> DeployedPipeline:
        """Asked for once: whoever watches an execution asks about its pipeline again and again."""
        if (app, name) not in self._found:
            self._found[app, name] = self._pipelines.find(app, name)
        return self._found[app, name]

    def _deployed_in(self, app: str, run: ActionExecution) -> Aws:
        environment = environment_of(run.stage)
        if run.provider != "CloudFormation" or environment is None:
            return self._aws_of_pipelines
        return self._inside_environment(app, environment)
