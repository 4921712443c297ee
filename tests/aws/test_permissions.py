"""Whether the roles of a pipeline may do what CodePipeline, CodeBuild and CloudFormation do with them.

What that is, is written here from AWS's user guides: "CodePipeline service role policy", the action references, "Create a
pipeline that uses resources from another account" and "Allow CodeBuild to interact with other AWS services".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest

from copilot.aws.templates.environment.stack import environment_stack
from copilot.aws.templates.infrastructure import Infrastructure, infrastructure_template
from copilot.aws.templates.pipeline.settings import ArtifactStore, PipelineSettings
from copilot.aws.templates.pipeline.stack import pipeline_stack
from copilot.aws.templates.rendering import render
from tests.aws.granted import place, role_policies
from tests.aws.iam import Need, missing
from tests.aws.templates.comparison.resolving import resolved
from tests.aws.templates.environment.variants import VARIANTS
from tests.aws.templates.pipeline.pipelines import ACCOUNT, CONNECTION, REGION, STAGES, settings_of, source

FULL_CLONE = "output_artifact_format: CODEBUILD_CLONE_REF"
NEW_CONNECTION = CONNECTION.replace("codestar-connections", "codeconnections")
PIPELINES: Mapping[str, PipelineSettings] = {
    "token": settings_of(source("GitHubV1") + STAGES),
    "its own connection": settings_of(source("GitHub") + STAGES, regions={"prod": "eu-west-1"}),
    "a connection that was there": settings_of(source("GitHub", FULL_CLONE) + STAGES, connection_arn=CONNECTION),
    "a connection of today": settings_of(source("Bitbucket", FULL_CLONE) + STAGES, connection_arn=NEW_CONNECTION),
    "CodeCommit": settings_of(source("CodeCommit") + STAGES),
    "CodeCommit with its history": settings_of(source("CodeCommit", FULL_CLONE) + STAGES, regions={"test": "eu-west-1"}),
}
pipelines = pytest.mark.parametrize("settings", PIPELINES.values(), ids=PIPELINES.keys())
REPOSITORY = f"arn:aws:codecommit:{REGION}:{ACCOUNT}:shop"


def policies(settings: PipelineSettings, role: str) -> list[Mapping[str, Any]]:
    return role_policies(render(pipeline_stack(settings).template), role, place(settings.stack_name, REGION, ACCOUNT))


def each(actions: str, *resources: str) -> Iterator[Need]:
    return (Need(action, resource) for action in actions.split() for resource in resources)


def handling_artifacts(stores: Iterable[ArtifactStore]) -> Iterator[Need]:
    for store in stores:
        bucket = f"arn:aws:s3:::{store.bucket}"
        yield from each("s3:GetBucketVersioning s3:GetBucketAcl s3:GetBucketLocation", bucket)
        yield from each("s3:PutObject s3:PutObjectAcl s3:GetObject s3:GetObjectVersion", f"{bucket}/shop/BuildOutp/a.zip")
        yield from each("s3:PutObjectTagging s3:GetObjectTagging s3:GetObjectVersionTagging", f"{bucket}/shop/BuildOutp/a.zip")
        yield from each("kms:DescribeKey kms:GenerateDataKey kms:Encrypt kms:ReEncryptFrom kms:Decrypt", store.key_arn)


def fetching(settings: PipelineSettings) -> Iterator[Need]:
    kind, arn = settings.source_kind, settings.connection_arn
    if kind == "connection" and arn is None:
        # Its ARN can be of the old kind or of the new one; the action's name follows it.
        yield from each("codestar-connections:UseConnection codeconnections:UseConnection", "{SourceConnection}")
    elif arn is not None:
        yield Need(f"{arn.split(':')[2]}:UseConnection", arn)
    elif kind == "codecommit":
        upload = "codecommit:UploadArchive codecommit:GetUploadArchiveStatus codecommit:CancelUploadArchive"
        yield from each(f"codecommit:GetBranch codecommit:GetCommit codecommit:GetRepository {upload}", REPOSITORY)


@pipelines
def test_a_pipeline_may_do_what_codepipeline_does_with_its_role(settings: PipelineSettings) -> None:
    projects = [f"{{{name}.Arn}}" for name in ("BuildProject", *settings.projects.values())]
    needs = [
        *fetching(settings),
        *handling_artifacts(settings.stores.values()),
        *each("codebuild:StartBuild codebuild:BatchGetBuilds", *projects),
        *each("sts:AssumeRole", *(environment.manager_role for environment in settings.environments.values())),
    ]
    assert missing(needs, policies(settings, "PipelineRole")) == []


def test_a_push_to_codecommit_starts_the_pipeline() -> None:
    settings = PIPELINES["CodeCommit"]
    started = f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:{{Pipeline}}"
    assert missing([Need("codepipeline:StartPipelineExecution", started)], policies(settings, "SourceChangeRole")) == []


def building(settings: PipelineSettings, project: str) -> Iterator[Need]:
    """What CodeBuild does with the role of a project, whatever is in its buildspec."""
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/codebuild/{project}"
    yield from each("logs:CreateLogGroup logs:CreateLogStream logs:PutLogEvents", f"{group}:log-stream:0a1b")
    yield Need("logs:CreateLogGroup", group)
    reports = "codebuild:CreateReportGroup codebuild:CreateReport codebuild:UpdateReport codebuild:BatchPutTestCases"
    yield from each(
        f"{reports} codebuild:BatchPutCodeCoverages", f"arn:aws:codebuild:{REGION}:{ACCOUNT}:report-group/{project}-units"
    )
    store = settings.stores[REGION]
    yield from each("s3:GetObject s3:GetObjectVersion", f"arn:aws:s3:::{store.bucket}/shop/SCCheckou/a.zip")
    yield Need("s3:GetBucketLocation", f"arn:aws:s3:::{store.bucket}")
    yield from each("kms:Decrypt kms:DescribeKey", store.key_arn)
    if settings.plan.source.full_clone and settings.source_kind == "codecommit":
        yield Need("codecommit:GitPull", REPOSITORY)
    elif settings.plan.source.full_clone and settings.connection_arn:
        yield Need(f"{settings.connection_arn.split(':')[2]}:UseConnection", settings.connection_arn)


@pipelines
def test_the_build_may_do_what_codebuild_does_with_its_role(settings: PipelineSettings) -> None:
    store = settings.stores[REGION]
    needs = [
        *building(settings, f"{settings.stack_name}-BuildProject"),
        Need("s3:PutObject", f"arn:aws:s3:::{store.bucket}/shop/BuildOutp/b.zip"),
        *each("kms:GenerateDataKey kms:Encrypt kms:ReEncryptFrom kms:ReEncryptTo", store.key_arn),
    ]
    assert missing(needs, policies(settings, "BuildProjectRole")) == []


@pipelines
def test_projects_of_environments_may_do_what_codebuild_does_with_their_roles(settings: PipelineSettings) -> None:
    for action, project in settings.projects.items():
        environment = settings.environments[action.environment]
        needs = [*building(settings, f"{{{project}}}"), Need("sts:AssumeRole", environment.manager_role)]
        assert missing(needs, policies(settings, f"{project}BuildProjectRole")) == []
        others = [each.manager_role for each in settings.environments.values() if each != environment]
        assert len(missing(each("sts:AssumeRole", *others), policies(settings, f"{project}BuildProjectRole"))) == len(others)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_manager_role_may_do_what_codepipeline_does_to_deploy(name: str) -> None:
    settings = VARIANTS[name]
    made = environment_stack(settings)
    stack = f"{settings.application}-{settings.environment}"
    around = {**made.parameters, **place(stack, settings.region, settings.account)}
    template = render(made.template)
    workload = f"arn:aws:cloudformation:{settings.region}:{settings.account}:stack/{stack}-web/0a1b2c3d"
    passed = {"iam:PassedToService": "cloudformation.amazonaws.com"}
    needs = [
        *each("s3:GetObject s3:GetObjectVersion", f"{settings.bucket_arn}/shop/BuildOutp/a.zip"),
        Need("s3:GetBucketLocation", settings.bucket_arn),
        Need("kms:Decrypt", settings.key_arn),
        *each("cloudformation:DescribeStacks cloudformation:CreateStack cloudformation:UpdateStack", workload),
        *each("cloudformation:CreateChangeSet cloudformation:DescribeChangeSet cloudformation:ExecuteChangeSet", workload),
        # Tags of the template configuration need this since 2024, and the first cause of a failure is asked for as events.
        *each("cloudformation:TagResource cloudformation:UntagResource cloudformation:DescribeStackEvents", workload),
        Need("cloudformation:ValidateTemplate"),
        Need("iam:PassRole", "{CloudformationExecutionRole.Arn}", passed),
        # The tests ask where the load balancer is; `copilot pipeline` commands read stacks and templates.
        *each("cloudformation:DescribeStacks cloudformation:GetTemplate", workload.replace(f"{stack}-web", stack)),
        Need("cloudformation:GetTemplate", workload),
    ]
    assert missing(needs, role_policies(template, "EnvironmentManagerRole", around)) == []
    trust = resolved(template, around)["Resources"]["EnvironmentManagerRole"]["Properties"]["AssumeRolePolicyDocument"]
    (statement,) = trust["Statement"]
    assert (statement["Action"], statement["Principal"]) == (
        ["sts:AssumeRole"],
        {"AWS": f"arn:aws:iam::{settings.application_account}:root"},
    )


def test_other_accounts_get_at_artifacts() -> None:
    """IAM in the other account is not enough: the bucket and the key must say so, too."""
    other = "210987654321"
    template = infrastructure_template(Infrastructure("shop").with_accounts([ACCOUNT, other]))
    resources = resolved(template, place("StackSet-shop", "eu-west-1", ACCOUNT))["Resources"]
    bucket = "{PipelineBuiltArtifactBucket.Arn}"
    found = []
    for document in (
        resources["PipelineBuiltArtifactBucketPolicy"]["Properties"]["PolicyDocument"],
        resources["KMSKey"]["Properties"]["KeyPolicy"],
    ):
        allowing = [
            statement
            for statement in document["Statement"]
            if statement["Effect"] == "Allow" and f"arn:aws:iam::{other}:root" in statement["Principal"]["AWS"]
        ]
        found.append([{"Statement": allowing}])
    of_bucket, of_key = found
    objects = "s3:GetObject s3:GetObjectVersion s3:PutObject s3:PutObjectAcl"
    assert missing([*each(objects, f"{bucket}/a.zip"), *each("s3:GetBucketLocation", bucket)], of_bucket) == []
    assert missing(each("kms:Decrypt kms:GenerateDataKey kms:DescribeKey", "key"), of_key) == []
