"""A repository with a pipeline, for tests that look at what AWS does with it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from copilot.aws.client import Aws
from copilot.aws.pipeline_package import package_pipeline
from copilot.aws.pipelines import Pipelines
from copilot.aws.stacks import Stacks
from copilot.workspace import Workspace
from tests.aws.pipelines.conftest import APP, Repository, allow_connection

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

    def write(self, stages: str = "[{name: test}]", provider: str = "GitHub", paths: Sequence[str] = (), **source: str) -> None:
        """Write what the pipeline is made of; ``source`` is of its properties."""
        properties = {"repository": self.repository.url, "branch": "main", **source}
        described = {"provider": provider, "properties": properties, **({"paths": list(paths)} if paths else {})}
        manifest = f"name: main\nversion: 1\nsource: {json.dumps(described)}\nstages: {stages}\n"
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
        stack = Stacks(self.aws, pause=0.01).deploy(Pipelines(self.aws).request(package))
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

    def run(self, emulator: str) -> str:
        """Push what is written and make the pipeline, with its connection allowed; the answer is the execution that goes on."""
        self.repository.push("Begin")
        self.deploy()
        allow_connection(emulator, CONNECTION)
        return str(self.aws.codepipeline.start_pipeline_execution(name=self.name)["pipelineExecutionId"])

    def stages(self) -> Mapping[str, dict[str, Any]]:
        """The stages' states by name."""
        answer: Any = self.aws.codepipeline.get_pipeline_state(name=self.name)
        return {each["stageName"]: each for each in answer["stageStates"]}

    def waiting(self, stage: str, action: str) -> dict[str, Any]:
        """The approval that waits; empty if it does not."""
        states = self.stages()[stage]["actionStates"]
        latest: dict[str, Any] = next(each for each in states if each["actionName"] == action).get("latestExecution", {})
        return latest if "token" in latest else {}
