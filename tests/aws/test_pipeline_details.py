from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from copilot.aws.client import Aws, connect
from copilot.aws.execution_failures import Failures
from copilot.aws.executions import Executions
from copilot.aws.pipeline_details import PipelineDetails
from copilot.aws.pipeline_logs import PipelineLogs
from copilot.aws.pipeline_values import DeployedPipeline
from copilot.errors import NotFoundError
from tests.aws.recorded_json import JsonRecording, Refusal, recorded_json

CONNECTION = "arn:aws:codestar-connections:us-east-1:123456789012:connection/5f0d"
BEGAN = 1_800_000_000.0


def pipeline(name: str) -> DeployedPipeline:
    return DeployedPipeline("shop", name, f"shop-{name}-1", f"pipeline-shop-{name}", "us-east-1", "123456789012", f"arn:{name}")


def action(name: str, category: str, provider: str, **configuration: str) -> dict[str, Any]:
    type_ = {"category": category, "owner": "AWS", "provider": provider, "version": "1"}
    return {"name": name, "actionTypeId": type_, "configuration": configuration}


SOURCE = action(
    "Code", "Source", "CodeStarSourceConnection", ConnectionArn=CONNECTION, FullRepositoryId="ana/shop", BranchName="main"
)
STRUCTURE = {
    "pipeline": {
        "name": "shop-main-1",
        "roleArn": "r",
        "version": 2,
        "stages": [
            {"name": "Source", "actions": [SOURCE]},
            {"name": "Build", "actions": [action("Build", "Build", "CodeBuild", ProjectName="b")]},
        ],
    },
    "metadata": {"created": BEGAN, "updated": BEGAN + 60},
}
PROJECT = {
    "name": "b",
    "source": {"type": "CODEPIPELINE", "buildspec": "copilot/buildspec.yml"},
    "environment": {"type": "LINUX_CONTAINER", "image": "i", "computeType": "c", "environmentVariables": []},
    "timeoutInMinutes": 30,
}


@pytest.fixture
def services(aws_environment: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[JsonRecording]:
    del aws_environment
    with recorded_json() as recording:
        for service in ("CODEPIPELINE", "CODEBUILD", "CODECONNECTIONS"):
            monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", recording.url)
        recording.on("GetPipeline", STRUCTURE)
        recording.on("BatchGetProjects", {"projects": [PROJECT]})
        known = {"ConnectionArn": CONNECTION, "ConnectionName": "ours", "ProviderType": "GitHub", "ConnectionStatus": "AVAILABLE"}
        recording.on("GetConnection", {"Connection": known})
        held = {"stageName": "Build", "inboundTransitionState": {"enabled": False, "disabledReason": "freeze"}}
        times = {"created": BEGAN, "updated": BEGAN + 60}
        recording.on("GetPipelineState", {"pipelineVersion": 2, "stageStates": [{"stageName": "Source"}, held], **times})
        recording.on("ListPipelineExecutions", {"pipelineExecutionSummaries": []})
        yield recording


@pytest.fixture
def details(services: JsonRecording) -> Iterator[PipelineDetails]:
    del services
    aws: Aws = connect()
    yield PipelineDetails(aws, Executions(aws, Failures(aws, PipelineLogs(aws), lambda _app, _environment: aws)))
    aws.client("codepipeline").close()
    aws.client("codebuild").close()
    aws.client("codeconnections").close()


def test_a_pipeline_in_full(details: PipelineDetails) -> None:
    found = details.detail(pipeline("main"))
    assert (found.pipeline_name, found.region, found.account_id) == ("shop-main-1", "us-east-1", "123456789012")
    assert found.definition.repository == "https://github.com/ana/shop"
    assert found.definition.manifest == "copilot/pipeline.yml"
    assert found.definition.plan.stage("Build").actions[0].kind == "build"
    assert found.definition.plan.source.connection_name == "ours"
    assert found.trigger == "the connection tells of each push"
    assert (found.created_at, found.updated_at) == (BEGAN, BEGAN + 60)
    assert found.disabled_stages == {"Build": "freeze"}


def test_pipelines_in_a_line_each(services: JsonRecording, details: PipelineDetails) -> None:
    latest = {"pipelineExecutionId": "e1", "status": "Succeeded", "startTime": BEGAN, "lastUpdateTime": BEGAN + 9}

    def structure(asked: dict[str, Any]) -> Any:
        return STRUCTURE if asked["name"] != "shop-gone-1" else Refusal("PipelineNotFoundException")

    services.on("GetPipeline", structure)
    services.on(
        "ListPipelineExecutions",
        lambda asked: {"pipelineExecutionSummaries": [latest] if asked["pipelineName"] == "shop-main-1" else []},
    )
    found = details.summaries([pipeline("gone"), pipeline("main"), pipeline("other")])
    assert [(each.name, each.pipeline_name) for each in found] == [("main", "shop-main-1"), ("other", "shop-other-1")]
    main, other = found
    assert (main.repository, main.branch, main.updated_at) == ("https://github.com/ana/shop", "main", BEGAN + 60)
    assert main.latest is not None
    assert (main.latest.id, main.latest.ended_at) == ("e1", BEGAN + 9)
    assert other.latest is None


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "AccessDeniedException"])
def test_a_connection_that_cannot_be_seen(services: JsonRecording, details: PipelineDetails, code: str) -> None:
    services.on("GetConnection", Refusal(code, "no"))
    found = details.detail(pipeline("main"))
    assert found.definition.repository == "ana/shop"
    assert found.definition.branch == "main"


def test_a_pipeline_that_is_gone(services: JsonRecording, details: PipelineDetails) -> None:
    services.on("GetPipeline", Refusal("PipelineNotFoundException"))
    with pytest.raises(NotFoundError, match="pipeline `main` is not on AWS any more"):
        details.detail(pipeline("main"))
