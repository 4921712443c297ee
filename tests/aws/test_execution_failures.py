from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from copilot.aws.client import Aws, connect
from copilot.aws.execution_failures import Failures, reason_of
from copilot.aws.execution_values import Failure
from copilot.aws.pipeline_logs import PipelineLogs
from copilot.aws.pipeline_values import ActionExecution
from copilot.errors import NotFoundError
from tests.aws.recorded import Happening as Event
from tests.aws.recorded import Recording, arn, own, recorded, stack
from tests.aws.recorded_json import JsonRecording, Refusal, recorded_json

BEGAN = 1_800_000_000.0
BUILD = ActionExecution(
    id="a1",
    execution="e1",
    stage="DeployTo-test",
    action="TestCommands",
    attempt=1,
    category="Test",
    provider="CodeBuild",
    status="Failed",
    started_at=BEGAN,
    updated_at=BEGAN + 60,
    external_id="tests:1",
    error="Build terminated with state: FAILED",
)
DEPLOY = replace(
    BUILD,
    id="a2",
    action="CreateOrUpdate-api-test",
    provider="CloudFormation",
    external_id=arn("shop-test-api"),
    configuration={"StackName": "shop-test-api"},
)
COMMAND = "Error while executing command: make test. Reason: exit status 2"
FAILED: Any = {
    "id": "tests:1",
    "buildComplete": True,
    "buildStatus": "FAILED",
    "timeoutInMinutes": 60,
    "phases": [
        {"phaseType": "INSTALL", "phaseStatus": "SUCCEEDED", "contexts": [{"statusCode": "", "message": ""}]},
        {
            "phaseType": "BUILD",
            "phaseStatus": "FAILED",
            "contexts": [{"statusCode": "COMMAND_EXECUTION_ERROR", "message": COMMAND}],
        },
        {"phaseType": "POST_BUILD", "phaseStatus": "FAILED", "contexts": [{"message": "no such artifact"}]},
        {"phaseType": "COMPLETED"},
    ],
}


@pytest.fixture
def codebuild(aws_environment: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[JsonRecording]:
    del aws_environment
    with recorded_json() as recording:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CODEBUILD", recording.url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_CODECONNECTIONS", recording.url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", recording.url)
        yield recording


@pytest.fixture
def cloudformation(aws_environment: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recording]:
    del aws_environment
    with recorded() as recording:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", recording.url)
        yield recording


@pytest.fixture
def aws(codebuild: JsonRecording, cloudformation: Recording) -> Iterator[Aws]:
    del codebuild, cloudformation
    made = connect()
    yield made
    for service in ("codebuild", "codeconnections", "logs", "cloudformation"):
        made.client(service).close()


@pytest.fixture
def failures(aws: Aws) -> Failures:
    return Failures(aws, PipelineLogs(aws, grace=0.0), lambda _app, _environment: aws)


def phase(status: str, message: str = "") -> Any:
    contexts = [{"statusCode": "X", "message": message}] if message else []
    return {"timeoutInMinutes": 30, "phases": [{"phaseType": "PRE_BUILD", "phaseStatus": status, "contexts": contexts}]}


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (FAILED, "`make test` in phase build: exit 2"),
        (phase("FAILED", "Error while executing command: a\nb. Reason: exit status 1"), "`a …` in phase pre_build: exit 1"),
        (phase("FAILED", "Error while executing command: a. Reason: it is gone."), "`a` in phase pre_build: it is gone"),
        (
            phase("FAILED", "YAML_FILE_ERROR: stat buildspec.yml:\n no such file."),
            "phase pre_build: YAML_FILE_ERROR: stat buildspec.yml: no such file",
        ),
        (phase("TIMED_OUT", "BUILD_TIMED_OUT"), "phase pre_build took longer than the 30 minutes that a build may"),
        (phase("FAULT"), "phase pre_build fault"),
        (
            phase("FAILED", f"Error while executing command: {'a' * 99}. Reason: exit status 1"),
            f"`{'a' * 59}…` in phase pre_build: exit 1",
        ),
        (phase("SUCCEEDED"), None),
        ({}, None),
    ],
)
def test_reasons_of_builds(build: Any, reason: str | None) -> None:
    assert reason_of(build) == reason


def test_a_build_that_failed(codebuild: JsonRecording, failures: Failures) -> None:
    logs = {"groupName": "/aws/codebuild/tests", "streamName": "1"}
    codebuild.on("BatchGetBuilds", {"builds": [{**FAILED, "logs": logs}]})
    lines = [
        "[Container] 2026/03/01 12:00:00 Running command make test\n",
        "1 failed\n",
        "[Container] 2026/03/01 12:00:01 Phase complete: BUILD State: FAILED\n",
        "[Container] 2026/03/01 12:00:01 Phase context status code: COMMAND_EXECUTION_ERROR Message: " + COMMAND + "\n",
        "a second failure\n",
    ]
    events = [{"timestamp": 1_800_000_000_000, "message": line} for line in lines]
    codebuild.on("GetLogEvents", {"events": events, "nextForwardToken": "f", "nextBackwardToken": "b"})
    for _ in range(2):
        assert failures.of("shop", BUILD) == Failure("`make test`: exit 2", ("$ make test", "1 failed"))
    assert codebuild.operations().count("GetLogEvents") == 1
    hook = failures.of("shop", replace(BUILD, id="a3", category="Build"))
    assert hook is not None
    assert hook.summary == "`make test` in phase build: exit 2"


def test_a_build_that_aws_has_forgotten(codebuild: JsonRecording, failures: Failures) -> None:
    codebuild.on("BatchGetBuilds", {"builds": []})
    assert failures.of("shop", BUILD) == Failure("Build terminated with state: FAILED")
    assert failures.of("shop", replace(BUILD, id="a3", error="")) == Failure("the build failed")


def test_a_build_that_may_not_be_looked_at(codebuild: JsonRecording, failures: Failures) -> None:
    codebuild.on("BatchGetBuilds", Refusal("AccessDeniedException", "no"))
    assert failures.of("shop", BUILD) is None
    codebuild.on("BatchGetBuilds", {"builds": []})
    assert failures.of("shop", BUILD) is not None


def test_a_deployment_that_failed(cloudformation: Recording, failures: Failures) -> None:
    cloudformation.happens(
        "shop-test-api",
        [
            own("shop-test-api", "UPDATE_IN_PROGRESS", 1),
            Event("Service", "UPDATE_FAILED", 2, "no such image"),
            Event("Rule", "UPDATE_FAILED", 3, "Resource update cancelled"),
            Event("Alarm", "UPDATE_FAILED", 3, "too many alarms"),
            own("shop-test-api", "UPDATE_ROLLBACK_COMPLETE", 4),
        ],
    )
    assert failures.of("shop", DEPLOY) == Failure(
        "`Service` (AWS::ECS::Service) could not be updated: no such image",
        ("`Alarm` (AWS::ECS::Service) could not be updated: too many alarms",),
    )


def test_a_stack_that_cannot_be_updated(cloudformation: Recording, failures: Failures) -> None:
    cloudformation.happens("shop-test-api", [])
    cloudformation.on("DescribeStacks", stack("shop-test-api", "ROLLBACK_COMPLETE"))
    refused = replace(DEPLOY, error="Stack:arn is in ROLLBACK_COMPLETE state and can not be updated.")
    found = failures.of("shop", refused)
    assert found is not None
    assert found.summary == "stack `shop-test-api` cannot be updated: it could not be created (ROLLBACK_COMPLETE)"
    assert "aws cloudformation delete-stack --stack-name shop-test-api" in found.details[0]
    assert failures.of("shop", replace(DEPLOY, id="a9", error="something else")) is None


def test_a_deployment_to_an_environment_that_is_gone(aws: Aws) -> None:
    def inside(app: str, environment: str) -> Aws:
        raise NotFoundError(f"application `{app}` has no environment `{environment}`")

    assert Failures(aws, PipelineLogs(aws), inside).of("shop", DEPLOY) is None


def test_code_that_could_not_be_fetched(codebuild: JsonRecording, failures: Failures) -> None:
    arn_ = "arn:aws:codestar-connections:us-east-1:123456789012:connection/5f0d"
    fetch = replace(BUILD, category="Source", provider="CodeStarSourceConnection", configuration={"ConnectionArn": arn_})
    known = {"ConnectionArn": arn_, "ConnectionName": "ours", "ProviderType": "GitHub"}
    codebuild.on("GetConnection", {"Connection": {**known, "ConnectionStatus": "PENDING"}})
    found = failures.of("shop", fetch)
    assert found is not None
    assert found.summary == "connection `ours` to GitHub is not allowed yet"
    assert "https://us-east-1.console.aws.amazon.com/codesuite/settings/123456789012/us-east-1" in found.details[0]
    codebuild.on("GetConnection", {"Connection": {**known, "ConnectionStatus": "AVAILABLE"}})
    assert failures.of("shop", replace(fetch, id="a4")) is None


def test_other_actions_say_themselves_why_they_failed(failures: Failures) -> None:
    assert failures.of("shop", replace(BUILD, provider="Lambda")) is None
