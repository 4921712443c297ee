"""What a pipeline and its projects may do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from troposphere import GetAtt, Sub

from copilot.aws import names
from copilot.aws.templates.pipeline.settings import ArtifactStore, PipelineEnvironment, PipelineSettings
from copilot.aws.templates.pipeline.source import codecommit_arn, connection
from copilot.aws.templates.policies import allow, policy

_PUSH = (
    "BatchCheckLayerAvailability BatchGetImage CompleteLayerUpload DescribeImages DescribeRepositories GetDownloadUrlForLayer"
    " InitiateLayerUpload ListImages ListTagsForResource PutImage UploadLayerPart"
)
_REPORTS = "BatchPutCodeCoverages BatchPutTestCases CreateReport CreateReportGroup UpdateReport"
_READ_OBJECTS, _WRITE_OBJECTS = ["s3:GetObject", "s3:GetObjectVersion"], ["s3:PutObject"]
# CodePipeline itself does more with artifacts, by its user guide ("CodePipeline service role policy"). A connection uploads what
# it has fetched with an ACL: without that permission, no source action with one succeeds.
_HANDLE_OBJECTS = ["s3:GetObjectTagging", "s3:GetObjectVersionTagging", "s3:PutObjectAcl", "s3:PutObjectTagging"]
_BUCKET = ["s3:GetBucketLocation", "s3:GetBucketVersioning", "s3:ListBucket"]
_HANDLE_BUCKET = ["s3:GetBucketAcl"]
_DECRYPT = ["kms:Decrypt", "kms:DescribeKey"]
_ENCRYPT = ["kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"]


def build_policy(settings: PipelineSettings, project: str) -> dict[str, Any]:
    """Of the build: it reads what the application is made of, pushes images, and uploads what templates name.

    AWS Copilot lets it read every parameter and every stack of the account instead. What is of an environment, the build gets at
    with the environment's manager role.
    """
    application = settings.plan.application
    return policy(
        *_output(f"${{AWS::StackName}}-{project}"),
        *_artifacts(settings.stores.values(), write=True),
        *_reading(application),
        # Services with listener rules have places, which are claimed when their templates are made for the first time.
        allow(
            ["ssm:AddTagsToResource", "ssm:DeleteParameter", "ssm:PutParameter"],
            _here("ssm", f"parameter{names.rules_path(application)}*"),
        ),
        allow(["ecr:GetAuthorizationToken"], "*"),
        allow(
            _of("ecr", _PUSH),
            Sub(f"arn:${{AWS::Partition}}:ecr:*:${{AWS::AccountId}}:repository/{names.repository(application, '*')}"),
        ),
        *_clone(settings),
        allow(["sts:AssumeRole"], _manager_roles(settings)),
    )


def project_policy(settings: PipelineSettings, project: str, place: PipelineEnvironment) -> dict[str, Any]:
    """Of a project that runs before or after deployments, or the tests: it reads the code and may work on its environment."""
    return policy(
        *_output(f"${{{project}}}"),
        *_artifacts([settings.stores[settings.region]], write=False),
        *_reading(settings.plan.application),
        *_clone(settings),
        allow(["sts:AssumeRole"], place.manager_role),
    )


def pipeline_policy(settings: PipelineSettings, build: str) -> dict[str, Any]:
    """Of the pipeline. What it deploys, it deploys with the manager roles of the environments."""
    projects = [GetAtt(name, "Arn") for name in (build, *settings.projects.values())]
    return policy(
        *_source(settings),
        allow(["codebuild:BatchGetBuilds", "codebuild:StartBuild", "codebuild:StopBuild"], projects),
        *_artifacts(settings.stores.values(), write=True, handle=True),
        allow(["sts:AssumeRole"], _manager_roles(settings)),
    )


def _reading(application: str) -> Iterator[dict[str, Any]]:
    """What every command of ours and of AWS Copilot's reads of an application: they run in buildspecs."""
    parameters = f"parameter{names.application_parameter(application)}"
    reading = ["ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath"]
    yield allow(reading, [_here("ssm", parameters), _here("ssm", f"{parameters}/*")])
    # The StackSet's stacks are in each region with an environment.
    anywhere, stack_set = "arn:${AWS::Partition}:cloudformation:*:${AWS::AccountId}", names.stack_set(application)
    yield allow(_of("cloudformation", "DescribeStackSet ListStackInstances"), Sub(f"{anywhere}:stackset/{stack_set}:*"))
    yield allow(
        _of("cloudformation", "DescribeStackResources DescribeStacks GetTemplate GetTemplateSummary ListStackResources"),
        [Sub(f"{anywhere}:stack/{name}/*") for name in (f"StackSet-{stack_set}-*", names.roles_stack(application))],
    )


def _source(settings: PipelineSettings) -> Iterator[dict[str, Any]]:
    if settings.source_kind == "connection":
        yield _use_connection(settings)
    elif settings.source_kind == "codecommit":
        actions = "CancelUploadArchive GetBranch GetCommit GetRepository GetUploadArchiveStatus UploadArchive"
        yield allow(_of("codecommit", actions), codecommit_arn(settings))


def _clone(settings: PipelineSettings) -> Iterator[dict[str, Any]]:
    """With the whole history each project fetches the repository itself: the artifact only says what to fetch."""
    if not settings.plan.source.full_clone:
        return
    if settings.source_kind == "connection":
        yield _use_connection(settings)
    else:
        yield allow(["codecommit:GitPull"], codecommit_arn(settings))


def _use_connection(settings: PipelineSettings) -> dict[str, Any]:
    # Connections were renamed: what a connection's ARN begins with, and the action with it, depends on when it was made.
    arn = settings.connection_arn
    services = ["codeconnections", "codestar-connections"] if arn is None else [arn.split(":")[2]]
    return allow([f"{service}:UseConnection" for service in services], connection(settings))


def _output(name: str) -> Iterator[dict[str, Any]]:
    """Logs and reports, which are called after their project; its name is as `Sub` takes it."""
    group = f"log-group:/aws/codebuild/{name}"
    yield allow(
        ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], [_here("logs", group), _here("logs", f"{group}:*")]
    )
    yield allow(_of("codebuild", _REPORTS), _here("codebuild", f"report-group/{name}-*"))


def _artifacts(stores: Iterable[ArtifactStore], *, write: bool, handle: bool = False) -> Iterator[dict[str, Any]]:
    stores = sorted(stores, key=lambda store: store.region)
    buckets = [f"arn:${{AWS::Partition}}:s3:::{store.bucket}" for store in stores]
    objects = [*_READ_OBJECTS, *(_WRITE_OBJECTS if write else ()), *(_HANDLE_OBJECTS if handle else ())]
    yield allow(objects, [Sub(f"{bucket}/*") for bucket in buckets])
    yield allow([*_BUCKET, *(_HANDLE_BUCKET if handle else ())], [Sub(bucket) for bucket in buckets])
    yield allow([*_DECRYPT, *(_ENCRYPT if write else ())], [store.key_arn for store in stores])


def _manager_roles(settings: PipelineSettings) -> list[str]:
    return [settings.environments[name].manager_role for name in settings.plan.environments]


def _of(service: str, actions: str) -> list[str]:
    return [f"{service}:{action}" for action in actions.split()]


def _here(service: str, end: str) -> Sub:
    return Sub(f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{end}")
