"""The emulator of pipelines, as boto3 sees it."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import psutil
import pytest

from copilot.aws.applications import Applications
from copilot.aws.client import Aws, connect
from copilot.aws.environments import Environments
from copilot.aws.stacks import Stacks
from copilot.errors import DeploymentError
from tests.aws.conftest import running
from tests.aws.pipelines.conftest import APP, Repositories, allow_connection, reset, wait_for
from tests.aws.pipelines.project import BROKEN, CONNECTION, Project

__all__ = ["BROKEN", "CONNECTION", "Project"]  # other tests take them from here

PENDING = """\
(trap '' TERM; sleep 300) &
echo $! > FILE
sleep 300 &
echo $! >> FILE
wait
"""


@pytest.fixture
def project(quick_shop: Aws, repositories: Repositories) -> Project:
    return Project(quick_shop, repositories.create())


def test_a_release_from_the_connection_to_production(project: Project, emulator: str) -> None:
    aws, pipelines = project.aws, project.aws.codepipeline
    project.write("[{name: test, test_commands: [test -e stack.yml]}, {name: prod, requires_approval: true}]")
    project.repository.push("Begin\n\nWith a body")
    project.deploy()
    wait_for(lambda: project.status() == "Failed")
    first = project.executions()[0]
    assert first["trigger"]["triggerType"] == "CreatePipeline"
    source = project.actions(first["pipelineExecutionId"])["SourceCodeFor-shop"]
    assert "is not available" in source["output"]["executionResult"]["errorDetails"]["message"]

    allow_connection(emulator, CONNECTION)
    execution = first["pipelineExecutionId"]
    pipelines.retry_stage_execution(
        pipelineName=project.name, stageName="Source", pipelineExecutionId=execution, retryMode="FAILED_ACTIONS"
    )
    approval = wait_for(lambda: project.waiting("DeployTo-prod", "ApprovePromotionTo-prod"))
    answer = pipelines.get_pipeline_execution(pipelineName=project.name, pipelineExecutionId=execution)
    revision: Any = answer["pipelineExecution"]["artifactRevisions"][0]
    message = "Begin\n\nWith a body"
    assert json.loads(revision["revisionSummary"]) == {"ProviderType": "GitHub", "CommitMessage": message}
    actions = project.actions(execution)
    assert actions["SourceCodeFor-shop"]["output"]["outputVariables"]["CommitId"] == revision["revisionId"]
    custom = actions["ApprovePromotionTo-prod"]["input"]["resolvedConfiguration"]["CustomData"]
    assert revision["revisionId"] in custom
    assert message in custom
    with pytest.raises(pipelines.exceptions.InvalidApprovalTokenException):
        put_approval(project, "0" * 8 + "-0000-0000-0000-" + "0" * 12)
    put_approval(project, approval["token"])
    with pytest.raises(pipelines.exceptions.ApprovalAlreadyCompletedException):
        put_approval(project, approval["token"])
    wait_for(lambda: project.status() == "Succeeded")

    assert aws.cloudformation.describe_stacks(StackName="shop-prod-web")["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
    build = project.actions(execution)["Build"]["output"]
    place = build["outputArtifacts"][0]["s3location"]
    with zipfile.ZipFile(io.BytesIO(aws.s3.get_object(Bucket=place["bucket"], Key=place["key"])["Body"].read())) as archive:
        assert "infrastructure/web-prod.stack.yml" in archive.namelist()
    found: Any = aws.codebuild.batch_get_builds(ids=[build["executionResult"]["externalExecutionId"]])["builds"][0]
    assert found["buildStatus"] == "SUCCEEDED"
    logs = found["logs"]
    events = aws.logs.get_log_events(logGroupName=logs["groupName"], logStreamName=logs["streamName"], startFromHead=True)
    printed = [each["message"] for each in events["events"]]
    assert f"building {revision['revisionId']}\n" in printed
    assert any("Running command sh build.sh" in line for line in printed)
    tagged = aws.tagging.get_resources(
        ResourceTypeFilters=["codepipeline:pipeline"], TagFilters=[{"Key": "copilot-application", "Values": [APP]}]
    )
    assert [each["ResourceARN"].rpartition(":")[2] for each in tagged["ResourceTagMappingList"]] == [project.name]


def put_approval(project: Project, token: str) -> None:
    project.aws.codepipeline.put_approval_result(
        pipelineName=project.name,
        stageName="DeployTo-prod",
        actionName="ApprovePromotionTo-prod",
        result={"summary": "good", "status": "Approved"},
        token=token,
    )


def test_a_deployment_that_fails_is_rolled_back_and_says_why(project: Project, emulator: str) -> None:
    project.write()
    project.repository.write("stack.yml", BROKEN)
    execution = project.run(emulator)
    wait_for(lambda: project.status() == "Failed")
    error = project.actions(execution)["CreateOrUpdate-web-test"]["output"]["executionResult"]["errorDetails"]
    assert error["code"] == "JobFailed"
    assert "ROLLBACK_COMPLETE. The following resource(s) failed to create: [Value]" in error["message"]
    events = project.aws.cloudformation.describe_stack_events(StackName="shop-test-web")["StackEvents"]
    assert [e["LogicalResourceId"] for e in events if e["ResourceStatus"] == "CREATE_FAILED"] == ["Value"]
    project.aws.codepipeline.retry_stage_execution(
        pipelineName=project.name, stageName="DeployTo-test", pipelineExecutionId=execution, retryMode="FAILED_ACTIONS"
    )
    wait_for(lambda: project.status() == "Failed")
    error = project.actions(execution)["CreateOrUpdate-web-test"]["output"]["executionResult"]["errorDetails"]
    assert "is in ROLLBACK_COMPLETE state and can not be updated" in error["message"]


def test_an_update_cancels_what_runs_and_keeps_the_pipeline(project: Project, emulator: str) -> None:
    pipelines = project.aws.codepipeline
    project.write("[{name: test}, {name: prod, requires_approval: true}]")
    project.run(emulator)
    wait_for(lambda: project.waiting("DeployTo-prod", "ApprovePromotionTo-prod"))
    name, execution = project.name, project.executions()[0]["pipelineExecutionId"]
    project.write("[{name: test}, {name: prod}]")
    project.deploy()
    assert (project.name, project.status()) == (name, "Cancelled")
    answer = pipelines.get_pipeline(name=name)
    assert answer["pipeline"]["version"] == 2
    assert answer["metadata"]["created"] < answer["metadata"]["updated"]
    with pytest.raises(pipelines.exceptions.PipelineExecutionOutdatedException):
        pipelines.rollback_stage(pipelineName=name, stageName="DeployTo-test", targetPipelineExecutionId=execution)
    with pytest.raises(pipelines.exceptions.PipelineExecutionNotStoppableException):
        pipelines.stop_pipeline_execution(pipelineName=name, pipelineExecutionId=execution)

    Stacks(project.aws, pause=0.01).delete("pipeline-shop-main")
    with pytest.raises(pipelines.exceptions.PipelineNotFoundException):
        pipelines.get_pipeline(name=name)
    assert project.aws.codebuild.list_projects()["projects"] == []
    assert project.aws.codeconnections.list_connections()["Connections"] == []


def test_a_push_counts_if_it_changes_the_right_files(project: Project, emulator: str) -> None:
    project.write(paths=["src/**"])
    project.run(emulator)
    wait_for(lambda: project.status() == "Succeeded")
    before = len(project.executions())
    project.repository.push("Elsewhere", **{"docs/read.md": "x"})
    commit = project.repository.push("There", **{"src/a/b.py": "x"})
    wait_for(lambda: project.status() == "Succeeded" and len(project.executions()) > before)
    newest = project.executions()[0]
    assert len(project.executions()) == before + 1
    assert newest["trigger"]["triggerType"] == "WebhookV2"
    assert newest["sourceRevisions"][0]["revisionId"] == commit


def test_a_pipeline_with_a_token(project: Project) -> None:
    project.write(access_token_secret="token")
    project.repository.push("Begin")
    with pytest.raises(DeploymentError, match="can't find the specified secret"):
        project.deploy()
    Stacks(project.aws, pause=0.01).delete("pipeline-shop-main")
    project.aws.secretsmanager.create_secret(Name="token", SecretString="not-a-secret")
    project.deploy()
    wait_for(lambda: project.status() == "Succeeded")
    source = project.aws.codepipeline.get_pipeline(name=project.name)["pipeline"]["stages"][0]["actions"][0]
    assert source["configuration"]["OAuthToken"] == "****"
    project.repository.push("Again")
    wait_for(lambda: len(project.executions()) == 2)
    assert project.executions()[0]["trigger"]["triggerType"] == "Webhook"


def test_a_pipeline_of_codecommit(quick_shop: Aws, repositories: Repositories) -> None:
    project = Project(quick_shop, repositories.create(owner=""))
    project.write(provider="CodeCommit", repository="codecommit::us-east-1://shop")
    project.repository.push("Begin")
    project.deploy()
    wait_for(lambda: project.status() == "Succeeded")
    project.repository.push("Again")
    wait_for(lambda: len(project.executions()) == 2)
    assert project.executions()[0]["trigger"]["triggerType"] == "CloudWatchEvent"
    wait_for(lambda: project.status() == "Succeeded")


def test_nothing_goes_on_when_the_account_is_reset_or_the_emulator_ends(
    aws_environment: str, repositories: Repositories, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begin(url: str, name: str) -> list[psutil.Process]:
        """The processes of a build, of which one does not listen to SIGTERM."""
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        aws, pids = connect(), tmp_path / name
        Applications(aws, pause=0.01).create(APP)
        Environments(aws, pause=0.01).init(APP, "test")
        project = Project(aws, repositories.create(name))
        project.write()
        project.repository.write("build.sh", PENDING.replace("FILE", str(pids)))
        project.repository.push("Begin")
        project.deploy()
        allow_connection(url, f"copilot-ana-{name}")
        aws.codepipeline.start_pipeline_execution(name=project.name)
        wait_for(lambda: pids.exists() and len(pids.read_text().split()) == 2)
        return [psutil.Process(int(pid)) for pid in pids.read_text().split()]

    ended = begin(aws_environment, "first")
    reset(aws_environment)
    assert [process for process in ended if lives(process)] == []
    with running() as url:
        ended = begin(url, "second")
        folder = Path(ended[0].cwd())
    assert [process for process in ended if lives(process)] == []
    assert not folder.exists()


def lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
