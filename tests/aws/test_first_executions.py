"""The execution after an update of a pipeline, with answers of CodePipeline that are given here, as it takes its time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from copilot.aws.client import connect
from copilot.aws.first_executions import FirstExecution, FirstExecutions
from copilot.aws.pipeline_values import DeployedPipeline
from copilot.errors import EngineUnavailableError
from tests.aws.recorded_json import JsonRecording, Refusal, recorded_json

MAIN = DeployedPipeline("shop", "main", "pipeline-shop-main-Pipeline-1", "pipeline-shop-main", "us-east-1", "123456789012", "arn")
OLD, NEW = "11111111-0000-4000-8000-000000000000", "22222222-0000-4000-8000-000000000000"


@pytest.fixture
def codepipeline(monkeypatch: pytest.MonkeyPatch) -> Iterator[JsonRecording]:
    with recorded_json() as recording:
        settings = {
            "AWS_ENDPOINT_URL_CODEPIPELINE": recording.url,
            "AWS_ACCESS_KEY_ID": "AKIAEMULATED",
            "AWS_SECRET_ACCESS_KEY": "not-a-secret",
            "AWS_REGION": "us-east-1",
        }
        monkeypatch.delenv("AWS_PROFILE", raising=False)
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        recording.on("StartPipelineExecution", {"pipelineExecutionId": NEW})
        yield recording


@pytest.fixture
def firsts(codepipeline: JsonRecording) -> Iterator[FirstExecutions]:
    del codepipeline
    aws = connect()
    yield FirstExecutions(aws, pause=0.01, patience=0.3)
    aws.codepipeline.close()


def state(*latest: str) -> dict[str, Any]:
    """An answer to GetPipelineState; ``latest``: the newest execution in the first stage and its status there, if any."""
    found = {"latestExecution": dict(zip(("pipelineExecutionId", "status"), latest, strict=True))} if latest else {}
    return {"stageStates": [{"stageName": "Source", **found}, {"stageName": "Build"}]}


def begun(codepipeline: JsonRecording) -> list[str]:
    return [operation for operation in codepipeline.operations() if not operation.startswith("Get")]


def test_one_that_was_updated_starts(codepipeline: JsonRecording, firsts: FirstExecutions) -> None:
    assert firsts.begin(MAIN, created=False, allowed=False) == FirstExecution(NEW, "started")
    ((_, arguments),) = codepipeline.asked
    assert arguments["name"] == MAIN.pipeline_name


def test_a_new_one_starts_by_itself_after_a_while(codepipeline: JsonRecording, firsts: FirstExecutions) -> None:
    codepipeline.on("GetPipelineState", state(), state(), state(OLD, "InProgress"))
    assert firsts.begin(MAIN, created=True, allowed=False) == FirstExecution(OLD, "by itself")
    assert begun(codepipeline) == []


def test_a_new_one_that_does_not_is_started(codepipeline: JsonRecording, firsts: FirstExecutions) -> None:
    codepipeline.on("GetPipelineState", state())
    assert firsts.begin(MAIN, created=True, allowed=False) == FirstExecution(NEW, "started")


@pytest.mark.parametrize("created", [True, False])
def test_what_could_not_be_fetched_is_fetched_again(codepipeline: JsonRecording, firsts: FirstExecutions, created: bool) -> None:
    codepipeline.on("GetPipelineState", state(OLD, "InProgress"), state(OLD, "Failed"))
    codepipeline.on("RetryStageExecution", {"pipelineExecutionId": OLD})
    assert firsts.begin(MAIN, created=created, allowed=True) == FirstExecution(OLD, "retried")
    (arguments,) = [arguments for operation, arguments in codepipeline.asked if operation == "RetryStageExecution"]
    assert arguments == {
        "pipelineName": MAIN.pipeline_name,
        "stageName": "Source",
        "pipelineExecutionId": OLD,
        "retryMode": "FAILED_ACTIONS",
    }


def test_what_was_fetched_just_in_time_is_not_fetched_again(codepipeline: JsonRecording, firsts: FirstExecutions) -> None:
    codepipeline.on("GetPipelineState", state(OLD, "InProgress"), state(OLD, "Succeeded"))
    assert firsts.begin(MAIN, created=True, allowed=True) == FirstExecution(OLD, "by itself")
    assert begun(codepipeline) == []


def test_what_is_being_fetched_for_long_is_left_alone(codepipeline: JsonRecording, firsts: FirstExecutions) -> None:
    codepipeline.on("GetPipelineState", state(OLD, "InProgress"))
    assert firsts.begin(MAIN, created=False, allowed=True) == FirstExecution(OLD, "by itself")
    assert begun(codepipeline) == []


def test_an_older_one_that_succeeded_says_nothing(codepipeline: JsonRecording, firsts: FirstExecutions) -> None:
    codepipeline.on("GetPipelineState", state(OLD, "Succeeded"))
    assert firsts.begin(MAIN, created=False, allowed=True) == FirstExecution(NEW, "started")


@pytest.mark.parametrize("code", ["StageNotRetryableException", "NotLatestPipelineExecutionException"])
def test_one_that_cannot_be_retried_any_more(codepipeline: JsonRecording, firsts: FirstExecutions, code: str) -> None:
    codepipeline.on("GetPipelineState", state(OLD, "Failed"))
    codepipeline.on("RetryStageExecution", Refusal(code, "the pipeline was changed"))
    assert firsts.begin(MAIN, created=False, allowed=True) == FirstExecution(NEW, "started")


def test_who_may_not_start_it_is_told(codepipeline: JsonRecording, firsts: FirstExecutions) -> None:
    codepipeline.on("StartPipelineExecution", Refusal("AccessDeniedException", "no"))
    with pytest.raises(EngineUnavailableError, match="may not do StartPipelineExecution"):
        firsts.begin(MAIN, created=False, allowed=False)
