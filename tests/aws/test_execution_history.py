"""What is asked of CodePipeline, and what its refusals become."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from copilot.aws.client import Aws, connect
from copilot.aws.execution_failures import Failures
from copilot.aws.execution_history import History
from copilot.aws.executions import Executions
from copilot.aws.pipeline_logs import PipelineLogs
from copilot.aws.pipeline_values import DeployedPipeline
from copilot.errors import ConflictError, CopilotError, UsageError
from tests.aws.recorded_json import JsonRecording, Refusal, recorded_json

PIPELINE = DeployedPipeline("shop", "main", "shop-1", "pipeline-shop-main", "us-east-1", "123456789012", "arn:p")
ID, OTHER = "0a1b2c3d-0000-4000-8000-000000000001", "0a1b2c3d-0000-4000-8000-000000000002"
METADATA = {"created": 1_800_000_000, "updated": 1_800_000_000}


@pytest.fixture
def codepipeline(aws_environment: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[JsonRecording]:
    del aws_environment
    with recorded_json() as recording:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CODEPIPELINE", recording.url)
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        yield recording


@pytest.fixture
def aws(codepipeline: JsonRecording) -> Iterator[Aws]:
    del codepipeline
    made = connect()
    yield made
    made.client("codepipeline").close()


@pytest.fixture
def executions(aws: Aws) -> Executions:
    return Executions(aws, Failures(aws, PipelineLogs(aws), lambda _app, _environment: aws))


def execution(id_: str, status: str = "InProgress", **more: Any) -> dict[str, Any]:
    return {"pipelineExecutionId": id_, "status": status, "startTime": 1_800_000_000, "lastUpdateTime": 1_800_000_060, **more}


def structure(version: int, *stages: str) -> dict[str, Any]:
    def action(name: str, category: str) -> dict[str, Any]:
        type_ = {"category": category, "owner": "AWS", "provider": "Manual", "version": "1"}
        return {"name": f"{name}-action", "actionTypeId": type_}

    declared = [{"name": name, "actions": [action(name, "Approval" if index else "Source")]} for index, name in enumerate(stages)]
    return {"pipeline": {"name": "shop-1", "roleArn": "r", "version": version, "stages": declared}, "metadata": METADATA}


def test_an_execution_is_shown_with_the_structure_that_it_ran_with(codepipeline: JsonRecording, executions: Executions) -> None:
    codepipeline.on("ListPipelineExecutions", {"pipelineExecutionSummaries": [execution(ID, "Cancelled")]})
    ran = {"stageName": "Source", "actionName": "Source-action", "status": "Succeeded", "pipelineVersion": 3}
    codepipeline.on("ListActionExecutions", {"actionExecutionDetails": [ran]})
    codepipeline.on("GetPipelineState", {"pipelineVersion": 4, "stageStates": []})
    old, new = structure(3, "Source", "DeployTo-old"), structure(4, "Source", "DeployTo-new")
    codepipeline.on("GetPipeline", lambda asked: old if asked.get("version") == 3 else new)
    for _ in range(3):
        assert [stage.stage_name for stage in executions.detail(PIPELINE, ID).stages] == ["Source", "DeployTo-old"]
    looks = [name for name in codepipeline.operations() if name == "GetPipeline"]
    assert len(looks) == 1
    codepipeline.asked.clear()
    executions.detail(PIPELINE, ID)
    assert sorted(codepipeline.operations()) == ["GetPipelineState", "ListActionExecutions", "ListPipelineExecutions"]


def test_beginnings_of_ids(codepipeline: JsonRecording, aws: Aws) -> None:
    history = History(aws)
    older = "0a1bffff-0000-4000-8000-000000000003"
    pages: dict[str | None, dict[str, Any]] = {
        None: {"pipelineExecutionSummaries": [execution(ID), execution(OTHER)], "nextToken": "2"},
        "2": {"pipelineExecutionSummaries": [execution(older)]},
    }
    codepipeline.on("ListPipelineExecutions", lambda asked: pages[asked.get("nextToken")])
    assert history.resolve(PIPELINE, "0a1bf") == older
    assert history.resolve(PIPELINE, ID[:-1] + "1") == ID
    with pytest.raises(UsageError, match="several executions begin with `0a1b2`") as several:
        history.resolve(PIPELINE, "0a1b2")
    assert several.value.hint == f"it is one of: {ID}, {OTHER}"


def test_an_execution_that_is_in_no_list_yet_is_waited_for(codepipeline: JsonRecording, executions: Executions) -> None:
    codepipeline.on("StartPipelineExecution", {"pipelineExecutionId": ID})
    nothing: dict[str, Any] = {"pipelineExecutionSummaries": []}
    codepipeline.on("ListPipelineExecutions", nothing, nothing, {"pipelineExecutionSummaries": [execution(ID)]})
    assert executions.start(PIPELINE).id == ID


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        ("ConflictException", ConflictError, "CodePipeline is busy with pipeline `main`"),
        ("ConcurrentPipelineExecutionsLimitExceededException", ConflictError, "as many executions under way as AWS allows"),
        ("ValidationException", CopilotError, r"AWS refused StartPipelineExecution \(ValidationException\): so it is"),
    ],
)
def test_refusals(codepipeline: JsonRecording, executions: Executions, code: str, kind: type[CopilotError], words: str) -> None:
    codepipeline.on("StartPipelineExecution", Refusal(code, "so it is."))
    with pytest.raises(kind, match=words):
        executions.start(PIPELINE)


def test_sources_that_are_no_repositories(codepipeline: JsonRecording, executions: Executions) -> None:
    codepipeline.on("GetPipeline", structure(1, "Source", "DeployTo-test"))
    with pytest.raises(CopilotError, match="takes its code from no git repository"):
        executions.start(PIPELINE, "a" * 40)


def test_a_retry_that_aws_refuses_for_now(codepipeline: JsonRecording, executions: Executions) -> None:
    codepipeline.on("ListPipelineExecutions", {"pipelineExecutionSummaries": [execution(ID, "Failed")]})
    codepipeline.on("ListActionExecutions", {"actionExecutionDetails": []})
    codepipeline.on("GetPipeline", structure(1, "Source", "DeployTo-test"))
    failed = {"stageName": "Source", "latestExecution": {"pipelineExecutionId": ID, "status": "Failed"}}
    codepipeline.on("GetPipelineState", {"pipelineVersion": 1, "stageStates": [failed]})
    codepipeline.on("RetryStageExecution", Refusal("ConflictException", "busy"))
    with pytest.raises(ConflictError, match="CodePipeline is busy with pipeline `main`"):
        executions.retry(PIPELINE, ID, "all")
    assert codepipeline.asked[-1] == (
        "RetryStageExecution",
        {"pipelineName": "shop-1", "stageName": "Source", "pipelineExecutionId": ID, "retryMode": "ALL_ACTIONS"},
    )
