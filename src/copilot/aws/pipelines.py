"""The pipelines of applications that are deployed on AWS, ours and those that AWS Copilot has made: finding and deleting them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from copilot.aws import names
from copilot.aws import stack_states as states
from copilot.aws.client import Aws
from copilot.aws.environment_values import stack_resources
from copilot.aws.errors import code_of, explained
from copilot.aws.pipeline_values import DeployedPipeline
from copilot.aws.secrets import ManagedSecrets
from copilot.aws.stack_lookup import is_oldest_layout
from copilot.aws.stack_values import StackRequest, Watch, unwatched
from copilot.aws.stacks import Stacks
from copilot.aws.templates.reading import read_template
from copilot.errors import ConflictError, NotFoundError

if TYPE_CHECKING:
    from copilot.aws.pipeline_package import PipelinePackage

PIPELINE = "Pipeline"
"""The logical ID of the pipeline in its stack."""

_PIPELINE_TYPE, _PROJECT_TYPE = "AWS::CodePipeline::Pipeline", "AWS::CodeBuild::Project"
_MOST_PROJECTS = 100
"""How many projects one question may be about (BatchGetProjects)."""

_STACK_OF = "aws:cloudformation:stack-name"
"""The tag by which CloudFormation marks what it makes."""

_AT_REST = states.SUCCEEDED | {"UPDATE_ROLLBACK_COMPLETE"}
"""States of a stack in which all is there that it says is there."""
_UNDER_WAY = frozenset({"InProgress", "Stopping"})
_TOKEN = re.compile(r"\{\{resolve:secretsmanager:(?P<id>arn:(?:[^:}]+:){5}[^:}]+|[^:}]+)")


class Pipelines:
    """The pipelines of an account in a region.

    Args:
        aws: The account and region.
        pause: Seconds between two looks at what CloudFormation is doing, at most.
    """

    def __init__(self, aws: Aws, *, pause: float = 3.0) -> None:
        self._aws = aws
        self._stacks = Stacks(aws, pause=pause)

    def deployed(self, app: str) -> list[DeployedPipeline]:
        """The pipelines of an application, by name.

        They are known by their tags, which AWS is slow to forget: those that do not exist any more are left out.
        """
        filters: Any = [{"Key": names.APPLICATION_TAG, "Values": [app]}]
        with explained():
            pages = self._aws.tagging.get_paginator("get_resources").paginate(
                TagFilters=filters, ResourceTypeFilters=["codepipeline:pipeline"]
            )
            tagged = [each for page in pages for each in page["ResourceTagMappingList"]]
            found = [_of_tags(app, each["ResourceARN"], {t["Key"]: t["Value"] for t in each["Tags"]}) for each in tagged]
            existing = self._existing() if found else set()
        return sorted((each for each in found if each.pipeline_name in existing), key=lambda each: each.name)

    def find(self, app: str, name: str) -> DeployedPipeline:
        """The pipeline that its manifest calls so, also one that was made this moment. Raises NotFoundError."""
        pipelines = self.deployed(app)
        found = next((each for each in pipelines if each.name == name), None) or self._untagged(app, name)
        if found is None:
            known = ", ".join(f"`{each.name}`" for each in pipelines)
            raise NotFoundError(
                f"application `{app}` has no pipeline `{name}` in {self._aws.region}",
                hint=f"it has: {known}" if known else "it has none there; `copilot pipeline update` makes one",
            )
        return found

    def in_stack(self, app: str, name: str, stack_name: str) -> DeployedPipeline | None:
        """The pipeline of a stack; None if there is no such stack, or no pipeline in it yet."""
        with explained():
            try:
                answer = self._aws.cloudformation.describe_stack_resource(StackName=stack_name, LogicalResourceId=PIPELINE)
            except ClientError as error:
                if code_of(error) == "ValidationError":  # no such stack, or no such resource in it
                    return None
                raise
        resource = answer["StackResourceDetail"]
        pipeline = resource.get("PhysicalResourceId", "")
        if not pipeline or resource["ResourceStatus"] == "DELETE_COMPLETE":
            return None
        region, account = self._aws.region, self._aws.account
        arn = f"arn:{self._aws.identity.partition}:codepipeline:{region}:{account}:{pipeline}"
        return DeployedPipeline(app, name, pipeline, stack_name, region, account, arn)

    def deploying_to(self, app: str, environment: str) -> list[DeployedPipeline]:
        """The pipelines of an application that deploy to an environment, by name."""
        return [each for each in self.deployed(app) if f"DeployTo-{environment}" in self._stages(each)]

    def resources(self, pipeline: DeployedPipeline) -> list[dict[str, str]]:
        """What a pipeline's stack is made of, with the keys of AWS Copilot's JSON."""
        found = stack_resources(self._aws, pipeline.stack_name)
        return [{"type": each.type, "physicalID": each.physical_id, "logicalID": each.logical_id} for each in found]

    def token_secret(self, pipeline: DeployedPipeline) -> str | None:
        """The secret with the access token that a pipeline fetches code with; None if it does so through something else.

        Its stack's template says it: CodePipeline does not.
        """
        return token_secret(self._stacks.template(pipeline.stack_name))

    def check_name(self, app: str, stack_name: str) -> None:
        """Raises ConflictError if there is a stack of that name that is no pipeline of the application.

        ``pipeline-a-b-c`` may be that of pipeline ``b-c`` of application ``a``, or of ``c`` of ``a-b``.
        """
        stack = self._stacks.find(stack_name)
        if stack is None or states.is_new(stack):
            return
        owner = stack.tags.get(names.APPLICATION_TAG)
        if owner != app:
            what = f"a pipeline of application `{owner}`" if owner else "something else"
            raise ConflictError(
                f"there is a stack `{stack_name}` in {self._aws.region} already, which is {what}",
                hint="give the pipeline another name in its manifest",
            )

    def check_whole(self, name: str, stack_name: str) -> None:
        """Raises ConflictError if a pipeline, or a project of it, was deleted by hand: CloudFormation does not notice that."""
        stack = self._stacks.find(stack_name)
        if stack is None or stack.status not in _AT_REST:
            return
        made: dict[str, list[str]] = {_PIPELINE_TYPE: [], _PROJECT_TYPE: []}
        for each in stack_resources(self._aws, stack_name):
            if each.type in made and each.physical_id:
                made[each.type].append(each.physical_id)
        gone = [f"pipeline `{each}`" for each in sorted({*made[_PIPELINE_TYPE]} - self._existing())]
        gone += [f"CodeBuild project `{each}`" for each in self._projects_not_found(made[_PROJECT_TYPE])]
        if gone:
            raise ConflictError(
                f"stack `{stack_name}` lacks what was deleted by hand, which CloudFormation does not notice: {', '.join(gone)}",
                hint=f"delete the rest with `copilot pipeline delete --name {name}`, then run this again",
            )

    def request(self, package: PipelinePackage) -> StackRequest:
        """What the stack of a pipeline is to be."""
        return StackRequest(package.stack_name, package.template, package.parameters, package.tags, bucket=package.bucket)

    def delete(
        self, pipeline: DeployedPipeline, secret: str | None = None, watch: Watch = unwatched, *, abandon: bool = False
    ) -> None:
        """Deletes a pipeline with all of its stack; what it deployed stays.

        Args:
            pipeline: The pipeline. That its stack is gone already is no error.
            secret: A secret that is deleted after it, if there is one of that name.
            watch: Is told each event.
            abandon: Whether it is deleted also while an execution is under way. What that has begun, goes on.

        Raises:
            ConflictError: An execution is under way, and is not to be abandoned; or the stack is protected from being deleted.
            DeploymentError: AWS could not delete something.
        """
        if not abandon:
            self.check_at_rest(pipeline)
        self._stacks.delete(pipeline.stack_name, watch=watch)
        if secret is not None:
            with suppress(NotFoundError):
                ManagedSecrets(self._aws).delete(secret)

    def _untagged(self, app: str, name: str) -> DeployedPipeline | None:
        """A pipeline that AWS does not know by its tags: not yet, or not any more while its stack is still there."""
        stack_name = names.pipeline_stack(app, name)
        stack = self._stacks.find(stack_name)
        if stack is None and is_oldest_layout(self._aws, app, name):
            return self.in_stack(app, name, name)
        if states.is_new(stack) or (stack and stack.status in states.NEVER_SUCCEEDED):
            return None
        return self.in_stack(app, name, stack_name)

    def check_at_rest(self, pipeline: DeployedPipeline) -> None:
        """Raises ConflictError if an execution is under way."""
        client = self._aws.codepipeline
        with explained():
            try:
                pages = client.get_paginator("list_pipeline_executions").paginate(pipelineName=pipeline.pipeline_name)
                busy = [e for page in pages for e in page["pipelineExecutionSummaries"] if e["status"] in _UNDER_WAY]
            except client.exceptions.PipelineNotFoundException:
                return
        if busy:
            execution = busy[0]["pipelineExecutionId"]
            raise ConflictError(
                f"execution {execution[:8]} of pipeline `{pipeline.name}` is under way",
                hint=f"wait for it, or stop it first: `copilot pipeline stop {execution[:8]} --name {pipeline.name}`",
            )

    def _existing(self) -> set[str]:
        pages = self._aws.codepipeline.get_paginator("list_pipelines").paginate()
        return {each["name"] for page in pages for each in page["pipelines"]}

    def _projects_not_found(self, projects: list[str]) -> list[str]:
        found: list[str] = []
        for start in range(0, len(projects), _MOST_PROJECTS):
            with explained():
                answer = self._aws.codebuild.batch_get_projects(names=projects[start : start + _MOST_PROJECTS])
            found += [each["name"] for each in answer["projects"]]
        return sorted({*projects} - {*found})

    def _stages(self, pipeline: DeployedPipeline) -> set[str]:
        client = self._aws.codepipeline
        with explained():
            try:
                structure = client.get_pipeline(name=pipeline.pipeline_name)["pipeline"]
            except client.exceptions.PipelineNotFoundException:
                return set()
        return {stage["name"] for stage in structure["stages"]}


def _of_tags(app: str, arn: str, tags: Mapping[str, str]) -> DeployedPipeline:
    _, _, _, region, account, pipeline = arn.split(":", 5)
    # A pipeline of the oldest layout is called like its stack and in its manifest, and no tag says so.
    name = tags.get(names.PIPELINE_TAG, pipeline)
    made = names.pipeline_stack(app, name) if names.PIPELINE_TAG in tags else pipeline
    return DeployedPipeline(app, name, pipeline, tags.get(_STACK_OF, made), region, account, arn)


def token_secret(template: str) -> str | None:
    """Name, or ARN, of the secret that a pipeline's template takes an access token from, with ``Fn::Sub`` or without."""
    pipeline = read_template(template).get("Resources", {}).get(PIPELINE, {})
    for stage in pipeline.get("Properties", {}).get("Stages", []):
        for action in stage["Actions"]:
            match = _TOKEN.search(_substituted(action.get("Configuration", {}).get("OAuthToken", "")))
            if match is not None:
                return match["id"]
    return None


def _substituted(value: Any) -> str:
    if not isinstance(value, dict):
        return str(value)
    text, variables = value.get("Fn::Sub", ""), {}
    if not isinstance(text, str):
        text, variables = text
    for name, filled in variables.items():
        text = text.replace(f"${{{name}}}", str(filled))
    return str(text)
