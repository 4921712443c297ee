"""The stack of a pipeline, put together from its parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from troposphere import GetAtt, Output, Ref, Sub, Template, iam
from troposphere import codepipeline as pipelines

from copilot.aws import names
from copilot.aws.templates.pipeline.actions import pipeline_stage
from copilot.aws.templates.pipeline.checks import problems
from copilot.aws.templates.pipeline.permissions import pipeline_policy
from copilot.aws.templates.pipeline.projects import BUILD, build_project, environment_projects, policy_ids
from copilot.aws.templates.pipeline.settings import PipelineSettings
from copilot.aws.templates.pipeline.source import connection, source_resources, triggers
from copilot.aws.templates.policies import trusted
from copilot.aws.templates.rendering import described
from copilot.errors import PlanError
from copilot.release.plan import BuildAction

VERSION = "v1.34.1"
"""The release of AWS Copilot that the template is laid out as. It refuses to work on templates of later ones."""

_ROLE, _POLICY = "PipelineRole", "PipelineRolePolicy"


@dataclass(frozen=True)
class PipelineStack:
    """A pipeline's stack: its template, the values of the template's parameters, and the tags of all that it holds."""

    template: Template
    parameters: Mapping[str, str]
    tags: Mapping[str, str]


def pipeline_stack(settings: PipelineSettings) -> PipelineStack:
    """The stack of a pipeline. The template has no parameters: as in AWS Copilot's, all values are in it.

    Raises:
        PlanError: AWS cannot do what the manifest asks for; with places in it.
    """
    found = problems(settings)
    if found:
        raise PlanError(found)
    template = Template(Description=f"Pipeline of application {settings.plan.application} on AWS CodePipeline")
    template.set_version()
    template.set_metadata({"Version": VERSION})
    build = next(action for stage in settings.plan.stages for action in stage.actions if isinstance(action, BuildAction))
    resources = [
        *source_resources(settings),
        *build_project(settings, build),
        *environment_projects(settings),
        *_role(settings),
        _pipeline(settings),
    ]
    for resource in resources:
        template.add_resource(resource)
    if settings.source_kind == "connection":
        output = Output("PipelineConnectionARN", Description="The connection to the repository", Value=connection(settings))
        template.add_output(output)
    own = {} if settings.oldest_layout else {names.PIPELINE_TAG: settings.plan.pipeline}
    return PipelineStack(template, {}, {**settings.tags, names.APPLICATION_TAG: settings.plan.application, **own})


def _role(settings: PipelineSettings) -> tuple[iam.Role, iam.PolicyType]:
    role = iam.Role(
        _ROLE,
        AssumeRolePolicyDocument=trusted({"Service": "codepipeline.amazonaws.com"}),
        Path="/",
        Metadata=described("An IAM role for the pipeline"),
        **settings.role_bounds,
    )
    own = iam.PolicyType(
        _POLICY,
        PolicyName=Sub("${AWS::StackName}-CodepipelinePolicy"),
        PolicyDocument=pipeline_policy(settings, BUILD),
        Roles=[Ref(_ROLE)],
        Metadata=described("A policy by which the pipeline fetches code, starts projects and works on environments"),
    )
    return role, own


def _pipeline(settings: PipelineSettings) -> pipelines.Pipeline:
    # With any other name, CloudFormation would make another pipeline in place of it.
    optional: dict[str, Any] = {"Name": Ref("AWS::StackName")} if settings.oldest_layout else {}
    if declared := triggers(settings):
        optional["Triggers"] = declared
    return pipelines.Pipeline(
        "Pipeline",
        DependsOn=[_POLICY, *policy_ids(settings)],
        **optional,
        PipelineType="V2",
        ExecutionMode=settings.plan.mode.upper(),
        RoleArn=GetAtt(_ROLE, "Arn"),
        ArtifactStores=[
            pipelines.ArtifactStoreMap(
                Region=store.region,
                ArtifactStore=pipelines.ArtifactStore(
                    Type="S3", Location=store.bucket, EncryptionKey=pipelines.EncryptionKey(Id=store.key_arn, Type="KMS")
                ),
            )
            for _, store in sorted(settings.stores.items())
        ],
        Stages=[pipeline_stage(settings, stage) for stage in settings.plan.stages],
        Metadata=described("A pipeline on AWS CodePipeline"),
    )
