"""Approvals with recorded answers of CodePipeline: what an emulator that runs pipelines does not come to."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from copilot.aws.client import Aws, connect
from copilot.aws.execution_failures import Failures
from copilot.aws.executions import Executions
from copilot.aws.pipeline_logs import PipelineLogs
from copilot.aws.pipeline_values import DeployedPipeline
from copilot.aws.promotions import Promotions
from copilot.errors import ConflictError
from tests.aws.recorded_json import JsonRecording, Refusal, recorded_json

NAME = "pipeline-shop-main-Pipeline-1A2B3C"
ARN = f"arn:aws:codepipeline:us-east-1:123456789012:{NAME}"
PIPELINE = DeployedPipeline("shop", "main", NAME, "pipeline-shop-main", "us-east-1", "123456789012", ARN)
STAGE, APPROVAL, DEPLOY = "DeployTo-prod", "ApprovePromotionTo-prod", "CreateOrUpdate-web-prod"
FIRST, SECOND, THIRD = (f"{n}0000000-0000-4000-8000-000000000000" for n in (1, 2, 3))
BUCKET = "artifacts"
BEGAN = 1_800_000_000
COMMITS = {FIRST: "a" * 40, SECOND: "b" * 40, THIRD: "c" * 40}


def structure(mode: str = "SUPERSEDED") -> dict[str, Any]:
    """What GetPipeline answers."""

    def action(name: str, category: str, provider: str, order: int = 1, **more: Any) -> dict[str, Any]:
        type_ = {"category": category, "owner": "AWS", "provider": provider, "version": "1"}
        return {"name": name, "actionTypeId": type_, "runOrder": order, **more}

    deployed = {"StackName": "shop-prod-web", "TemplateConfiguration": "BuildOutput::infrastructure/web-prod.params.json"}
    stages = {
        "Source": [action("SourceCodeFor-shop", "Source", "CodeCommit", configuration={"RepositoryName": "shop"})],
        "Build": [action("Build", "Build", "CodeBuild", configuration={"ProjectName": "build"})],
        STAGE: [
            action(APPROVAL, "Approval", "Manual", timeoutInMinutes=60),
            action(DEPLOY, "Deploy", "CloudFormation", 2, configuration=deployed),
        ],
    }
    pipeline = {
        "name": NAME,
        "roleArn": "arn:aws:iam::123456789012:role/p",
        "version": 1,
        "executionMode": mode,
        "stages": [{"name": name, "actions": actions} for name, actions in stages.items()],
    }
    return {"pipeline": pipeline, "metadata": {"pipelineArn": ARN, "created": BEGAN, "updated": BEGAN}}


def state(waiting: str | None) -> dict[str, Any]:
    """What GetPipelineState answers while an execution waits for approval."""
    latest = {"status": "InProgress", "token": "t1", "lastStatusChange": BEGAN} if waiting else {}
    found: dict[str, Any] = {"stageName": STAGE, "actionStates": [{"actionName": APPROVAL, "latestExecution": latest}]}
    if waiting:
        found["latestExecution"] = {"pipelineExecutionId": waiting, "status": "InProgress"}
    return {"pipelineName": NAME, "pipelineVersion": 1, "stageStates": [found], "created": BEGAN, "updated": BEGAN}


def run(execution: str, stage: str, name: str, category: str, status: str, at: int = 0, **more: Any) -> dict[str, Any]:
    """One of the actions that ListActionExecutions answers with."""
    type_ = {"category": category, "owner": "AWS", "provider": "Manual" if category == "Approval" else "Any", "version": "1"}
    return {
        "pipelineExecutionId": execution,
        "actionExecutionId": f"{execution}-{name}-{at}",
        "pipelineVersion": 1,
        "stageName": stage,
        "actionName": name,
        "startTime": BEGAN + at,
        "lastUpdateTime": BEGAN + at + 1,
        "status": status,
        "input": {"actionTypeId": type_},
        "output": more,
    }


def executions(*ids: str, status: str = "InProgress") -> dict[str, Any]:
    """What ListPipelineExecutions answers, newest first."""
    return {
        "pipelineExecutionSummaries": [
            {
                "pipelineExecutionId": each,
                "status": status,
                "startTime": BEGAN,
                "lastUpdateTime": BEGAN,
                "sourceRevisions": [{"actionName": "s", "revisionId": COMMITS[each], "revisionSummary": f"Commit {each[0]}"}],
                "trigger": {"triggerType": "Webhook"},
            }
            for each in ids
        ]
    }


def built(execution: str, key: str = "built.zip") -> dict[str, Any]:
    """The build of an execution, with its artifact."""
    place = {"name": "BuildOutput", "s3location": {"bucket": BUCKET, "key": key}}
    return run(execution, "Build", "Build", "Build", "Succeeded", outputArtifacts=[place])


def approval(execution: str, **more: Any) -> dict[str, Any]:
    """An approval that waits."""
    return run(execution, STAGE, APPROVAL, "Approval", "InProgress", 100, **more)


class Recorded:
    """A pipeline of which CodePipeline answers what was recorded."""

    def __init__(self, aws: Aws, recording: JsonRecording) -> None:
        self.aws, self.recording = aws, recording
        logs = PipelineLogs(aws)
        executions = Executions(aws, Failures(aws, logs, lambda *_: aws))
        self.promotions = Promotions(aws, executions, lambda *_: aws)
        recording.on("GetPipeline", structure())

    def acts(self, *pages: list[dict[str, Any]]) -> None:
        """Answer with these actions, newest first, page by page; of one execution all on one page."""

        def answer(request: Mapping[str, Any]) -> dict[str, Any]:
            wanted = request.get("filter", {}).get("pipelineExecutionId")
            if wanted is not None:
                return {"actionExecutionDetails": [a for page in pages for a in page if a["pipelineExecutionId"] == wanted]}
            number = int(request.get("nextToken", 0))
            more = {"nextToken": str(number + 1)} if number + 1 < len(pages) else {}
            return {"actionExecutionDetails": pages[number], **more}

        self.recording.on("ListActionExecutions", answer)

    def has_built(self, files: Mapping[str, str], key: str = "built.zip") -> None:
        """Put an artifact there."""
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in files.items():
                archive.writestr(name, text)
        self.aws.s3.put_object(Bucket=BUCKET, Key=key, Body=file.getvalue())


PARAMS = "infrastructure/web-prod.params.json"
WEB = json.dumps({"Parameters": {"ContainerImage": "r/web@sha256:bb", "TaskCount": "3"}})


@pytest.fixture
def recorded(aws_environment: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    del aws_environment
    with recorded_json() as recording:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CODEPIPELINE", recording.url)
        aws = connect()
        aws.s3.create_bucket(Bucket=BUCKET)
        yield Recorded(aws, recording)
        for service in ("codepipeline", "s3", "cloudformation"):
            aws.client(service).close()


def test_nothing_waits(recorded: Recorded) -> None:
    recorded.recording.on("GetPipelineState", state(None))
    assert recorded.promotions.waiting(PIPELINE) == []


def test_the_last_deployments_count_over_all_pages(recorded: Recorded) -> None:
    """Those of an execution may stand on two pages, and one that failed is no release, unless it was tried again."""
    recorded.recording.on("GetPipelineState", state(THIRD))
    recorded.recording.on("ListPipelineExecutions", executions(THIRD, SECOND, FIRST))

    def deployed(execution: str, workload: str, status: str, at: int) -> dict[str, Any]:
        return run(execution, STAGE, f"CreateOrUpdate-{workload}-prod", "Deploy", status, at)

    recorded.acts(
        [approval(THIRD), built(THIRD), deployed(SECOND, "web", "Succeeded", 61)],
        [deployed(SECOND, "api", "Failed", 60), deployed(FIRST, "api", "Succeeded", 51), deployed(FIRST, "web", "Succeeded", 50)],
        [deployed(FIRST, "api", "Failed", 40)],
    )
    recorded.has_built({PARAMS: WEB})
    (promotion,) = recorded.promotions.waiting(PIPELINE)
    assert promotion.revision_before is not None
    assert promotion.revision_before.id == COMMITS[FIRST]
    assert [each.id for each in promotion.commits] == [COMMITS[THIRD], COMMITS[SECOND]]
    assert promotion.expires_at == BEGAN + 100 + 3600
    assert [(each.workload, each.image_before, each.image_after) for each in promotion.workloads] == [("web", None, "sha256:bb")]


@pytest.mark.parametrize(
    "files",
    [None, {}, {PARAMS: "no JSON"}, {PARAMS: '{"Parameters": {}}'}, {PARAMS: WEB + " " * (1 << 20)}],
    ids=["gone", "empty", "broken", "nothing in it", "huge"],
)
def test_one_can_decide_without_knowing_what_was_built(recorded: Recorded, files: dict[str, str] | None) -> None:
    recorded.recording.on("GetPipelineState", state(FIRST))
    recorded.recording.on("ListPipelineExecutions", executions(FIRST))
    recorded.acts([approval(FIRST), built(FIRST)])
    if files is not None:
        recorded.has_built(files)
    (promotion,) = recorded.promotions.waiting(PIPELINE)
    assert promotion.workloads == ()
    assert promotion.revision_before is None
    recorded.promotions.decide(PIPELINE, FIRST, APPROVAL, approve=False, approver="ana", comment="who knows")
    (decision,) = [arguments for operation, arguments in recorded.recording.asked if operation == "PutApprovalResult"]
    assert decision["result"] == {"summary": "rejected by ana: who knows", "status": "Rejected"}
    assert decision["token"] == "t1"


def test_an_artifact_that_is_no_archive(recorded: Recorded) -> None:
    recorded.recording.on("GetPipelineState", state(FIRST))
    recorded.recording.on("ListPipelineExecutions", executions(FIRST))
    recorded.acts([approval(FIRST), built(FIRST)])
    recorded.aws.s3.put_object(Bucket=BUCKET, Key="built.zip", Body=b"not a zip")
    assert recorded.promotions.waiting(PIPELINE)[0].workloads == ()


def test_a_rollback_waits_with_what_the_execution_had_that_it_goes_back_to(recorded: Recorded) -> None:
    recorded.recording.on("GetPipelineState", state(THIRD))
    recorded.recording.on("ListPipelineExecutions", executions(THIRD, SECOND, FIRST))
    target = {"rollbackMetadata": {"rollbackTargetPipelineExecutionId": FIRST}}
    recorded.recording.on("GetPipelineExecution", {"pipelineExecution": {"pipelineName": NAME, **target}})
    recorded.acts([approval(THIRD), built(SECOND, "second.zip"), built(FIRST, "first.zip")])
    recorded.has_built({PARAMS: WEB}, "first.zip")
    assert [each.image_after for each in recorded.promotions.waiting(PIPELINE)[0].workloads] == ["sha256:bb"]


def test_approvals_of_executions_side_by_side(recorded: Recorded) -> None:
    """GetPipelineState knows nothing of them."""
    recorded.recording.on("GetPipeline", structure("PARALLEL"))
    recorded.recording.on("GetPipelineState", state(None))
    recorded.recording.on("ListPipelineExecutions", executions(SECOND, FIRST))
    tokens = {each: {"executionResult": {"externalExecutionId": f"token-{each[0]}"}} for each in (FIRST, SECOND)}
    recorded.acts([approval(SECOND, **tokens[SECOND]), approval(FIRST, **tokens[FIRST]), built(SECOND), built(FIRST)])
    assert {each.execution for each in recorded.promotions.waiting(PIPELINE)} == {FIRST, SECOND}
    recorded.promotions.decide(PIPELINE, FIRST, APPROVAL, approve=True, approver="ana")
    (decision,) = [arguments for operation, arguments in recorded.recording.asked if operation == "PutApprovalResult"]
    assert (decision["token"], decision["result"]["summary"]) == ("token-1", "approved by ana")


@pytest.mark.parametrize("code", ["InvalidApprovalTokenException", "ApprovalAlreadyCompletedException"])
def test_somebody_was_faster(recorded: Recorded, code: str) -> None:
    recorded.recording.on("GetPipelineState", state(FIRST))
    recorded.recording.on("PutApprovalResult", Refusal(code))
    with pytest.raises(ConflictError, match=f"no approval `{APPROVAL}` of execution 10000000 waits any more"):
        recorded.promotions.decide(PIPELINE, FIRST, APPROVAL, approve=True, approver="ana")
    with pytest.raises(ConflictError, match="of execution 20000000 waits"):
        recorded.promotions.decide(PIPELINE, SECOND, APPROVAL, approve=True, approver="ana")
