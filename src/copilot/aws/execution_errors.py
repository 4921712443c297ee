"""What CodePipeline refuses, in sentences that say what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from botocore.exceptions import ClientError

from copilot.aws.errors import code_of, explained
from copilot.aws.execution_values import SHORT
from copilot.aws.pipeline_values import DeployedPipeline
from copilot.errors import ConflictError, CopilotError, NotFoundError

Refusals = Mapping[str, Callable[[], CopilotError]]
"""What is raised for an answer of AWS, by its code."""


@contextmanager
def asking(pipeline: DeployedPipeline, execution: str = "", stage: str = "", refusals: Refusals | None = None) -> Iterator[None]:
    """Turns what boto3 raises inside into a `CopilotError`.

    Args:
        pipeline: That is asked about.
        execution: The id of the execution, if it is about one.
        stage: The stage, likewise.
        refusals: Of this operation.
    """
    known: Refusals = {
        "PipelineNotFoundException": lambda: NotFoundError(
            f"pipeline `{pipeline.name}` is not on AWS any more: CodePipeline does not know `{pipeline.pipeline_name}`",
            hint=f"`copilot pipeline update` makes it again; if it refuses, delete what is left in stack `{pipeline.stack_name}`",
        ),
        "PipelineExecutionNotFoundException": lambda: no_execution(pipeline, execution),
        "StageNotFoundException": lambda: NotFoundError(
            f"pipeline `{pipeline.name}` has no stage `{stage}`", hint="see `copilot pipeline show`"
        ),
        "ConflictException": lambda: ConflictError(
            f"CodePipeline is busy with pipeline `{pipeline.name}`", hint="run this again in a moment"
        ),
        "ConcurrentPipelineExecutionsLimitExceededException": lambda: ConflictError(
            f"pipeline `{pipeline.name}` has as many executions under way as AWS allows",
            hint="wait until one has ended, or stop one with `copilot pipeline stop`",
        ),
        **(refusals or {}),
    }
    with explained():
        try:
            yield
        except ClientError as error:
            refusal = known.get(code_of(error))
            if refusal is None:
                raise
            raise refusal() from error


def no_execution(pipeline: DeployedPipeline, word: str) -> NotFoundError:
    """There is no execution of that id, or with an id that begins so."""
    return NotFoundError(
        f"pipeline `{pipeline.name}` has no execution `{short(word)}`",
        hint="AWS keeps executions for a year; `copilot pipeline status` shows the newest",
    )


def nothing_to_retry(status: str) -> ConflictError:
    """An execution has no stage that could be tried again."""
    return ConflictError(f"there is nothing to retry: the execution is {status}, and no stage of it failed")


def retry_refusals(execution: str, stage: str) -> Refusals:
    """Of ``RetryStageExecution``."""
    return {
        "NotLatestPipelineExecutionException": lambda: ConflictError(
            f"a newer execution has entered stage `{stage}`, so this one cannot be retried there any more",
            hint="retry the newest one, or start another with `copilot pipeline run`",
        ),
        "StageNotRetryableException": lambda: ConflictError(
            f"stage `{stage}` of execution {short(execution)} cannot be retried any more: the pipeline was updated since, "
            "or no action of the stage has failed",
            hint="start another execution with `copilot pipeline run`",
        ),
    }


def stop_refusals(execution: str, status: Callable[[], str]) -> Refusals:
    """Of ``StopPipelineExecution``; ``status`` is asked for if it is over."""
    return {
        "PipelineExecutionNotStoppableException": lambda: ConflictError(f"there is nothing to stop: the execution is {status()}"),
        "DuplicatedStopRequestException": lambda: ConflictError(
            f"execution {short(execution)} is being stopped already",
            hint=f"`copilot pipeline stop {short(execution)} --abandon` does not wait for its actions in progress",
        ),
    }


def short(execution: str) -> str:
    """An execution's id, as people are shown it."""
    return execution[:SHORT]
