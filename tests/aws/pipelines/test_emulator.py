"""The emulator of pipelines, as boto3 sees it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from copilot.aws.client import Aws
from copilot.aws.pipeline_package import package_pipeline
from copilot.aws.stack_values import StackRequest
from copilot.aws.stacks import Stacks
from copilot.workspace import Workspace
from tests.aws.pipelines.conftest import APP, Repositories, Repository, allow_connection, wait_for

CONNECTION = "copilot-ana-shop"
BUILDSPEC = """\
version: 0.2
phases: {build: {commands: [sh build.sh]}}
artifacts: {files: [infrastructure/*]}
"""
BUILD = """\
echo "building $CODEBUILD_RESOLVED_SOURCE_VERSION"
mkdir infrastructure
for environment in test prod; do
  cp stack.yml infrastructure/web-$environment.stack.yml
  echo '{"Parameters": {"Version": "'"$(cat version)"'"}}' > infrastructure/web-$environment.params.json
done
"""
STACK = """\
Parameters: {Version: {Type: String}}
Resources:
  Value:
    Type: AWS::SSM::Parameter
    Properties: {Name: !Sub '/${AWS::StackName}', Type: String, Value: !Ref Version, Description: VALUE}
"""
BROKEN = STACK.replace("VALUE", "!ImportValue nowhere")
WEB = "name: web\ntype: Backend Service\nimage: {location: 'nginx:1'}\n"


@dataclass
class Project:
    """A repository and its pipeline."""

    aws: Aws
    repository: Repository
    name: str = ""

    def write(self, stages: str, **source: str) -> None:
        """Write what the pipeline is made of."""
        properties = {"repository": self.repository.url, "branch": "main", **source}
        manifest = (
            f"name: main\nversion: 1\nsource: {{provider: GitHub, properties: {json.dumps(properties)}}}\nstages: {stages}\n"
        )
        files = {
            "copilot/.workspace": f"application: {APP}\nengine: aws\n",
            "copilot/web/manifest.yml": WEB,
            "copilot/pipelines/main/manifest.yml": manifest,
            "copilot/pipelines/main/buildspec.yml": BUILDSPEC,
            "build.sh": BUILD,
            "stack.yml": STACK,
            "version": "1",
        }
        for name, text in files.items():
            self.repository.write(name, text)

    def deploy(self) -> None:
        """Create or update the pipeline's stack."""
        workspace = Workspace.find(self.repository.work)
        package = package_pipeline(self.aws, workspace, workspace.pipeline("main"))
        request = StackRequest(package.stack_name, package.template, tags=package.tags)
        stack = Stacks(self.aws, pause=0.01).deploy(request)
        assert stack is not None
        resources = self.aws.cloudformation.list_stack_resources(StackName=package.stack_name)["StackResourceSummaries"]
        self.name = next(each["PhysicalResourceId"] for each in resources if each["LogicalResourceId"] == "Pipeline")

    def executions(self) -> list[dict[str, Any]]:
        """Newest first."""
        return list(self.aws.codepipeline.list_pipeline_executions(pipelineName=self.name)["pipelineExecutionSummaries"])  # type: ignore[arg-type]  # read as plain data

    def status(self, index: int = 0) -> str:
        """Of an execution, by its place in the list."""
        found = self.executions()
        return str(found[index]["status"]) if len(found) > index else ""

    def actions(self, execution: str) -> dict[str, dict[str, Any]]:
        """Newest attempts by the actions' names."""
        answer: Any = self.aws.codepipeline.list_action_executions(
            pipelineName=self.name, filter={"pipelineExecutionId": execution}
        )
        return {each["actionName"]: each for each in reversed(answer["actionExecutionDetails"])}

    def stages(self) -> Mapping[str, dict[str, Any]]:
        """The stages' states by name."""
        answer: Any = self.aws.codepipeline.get_pipeline_state(name=self.name)
        return {each["stageName"]: each for each in answer["stageStates"]}

    def waiting(self, stage: str, action: str) -> dict[str, Any]:
        """The approval that waits; empty if it does not."""
        states = self.stages()[stage]["actionStates"]
        latest: dict[str, Any] = next(each for each in states if each["actionName"] == action).get("latestExecution", {})
        return latest if "token" in latest else {}


@pytest.fixture
def project(shop: Aws, repositories: Repositories) -> Project:
    return Project(shop, repositories.create())


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
