"""Where a pipeline's code comes from, and what starts an execution."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from troposphere import AWSObject, GetAtt, Ref, Sub, events, iam
from troposphere import codepipeline as pipelines

from copilot.aws import names
from copilot.aws.templates.pipeline.settings import PipelineSettings
from copilot.aws.templates.policies import allow, policy, trusted
from copilot.aws.templates.rendering import described
from copilot.release.plan import SOURCE_ARTIFACT, SourceAction
from copilot.repository import host_of, owner_and_name

NAMESPACE = "SourceVariables"
"""Under which actions find what the source says of a commit: ``#{SourceVariables.CommitId}``."""

CONNECTION = "SourceConnection"
_RULE, _RULE_ROLE = "SourceChangeRule", "SourceChangeRole"

_OWNER_LETTERS, _REPOSITORY_LETTERS = 5, 18
"""Of the owner and of the repository in the name of a connection. It may have 32 letters, and cannot be changed later."""

_COMMIT_PAGES = {"GitHub": "commit", "GitHubV1": "commit", "GitLab": "-/commit", "Bitbucket": "commits"}


class _Connection(AWSObject):
    """Troposphere's own knows fewer providers than AWS."""

    resource_type = "AWS::CodeStarConnections::Connection"
    props = {"ConnectionName": (str, True), "ProviderType": (str, True)}  # noqa: RUF012 - troposphere's own way


def source_resources(settings: PipelineSettings) -> Iterator[AWSObject]:
    """The connection, unless there is one already; for CodeCommit what starts an execution at a push."""
    if settings.source_kind == "connection" and settings.connection_arn is None:
        owner, name = owner_and_name(settings.plan.source.repository)
        yield _Connection(
            CONNECTION,
            ConnectionName=f"copilot-{owner[:_OWNER_LETTERS]}-{name[:_REPOSITORY_LETTERS]}",
            ProviderType=settings.plan.source.provider,
            Metadata=described(f"A connection to {settings.plan.source.provider}; it waits until a person allows it"),
        )
    if settings.source_kind == "codecommit":
        yield from _change_rule(settings)


def connection(settings: PipelineSettings) -> Any:
    """The ARN of the connection."""
    return settings.connection_arn or Ref(CONNECTION)


def codecommit_arn(settings: PipelineSettings) -> Sub:
    """The ARN of a CodeCommit repository; it is in the pipeline's region and account."""
    _, name = owner_and_name(settings.plan.source.repository)
    return Sub(f"arn:${{AWS::Partition}}:codecommit:${{AWS::Region}}:${{AWS::AccountId}}:{name}")


def source_action(settings: PipelineSettings, action: SourceAction) -> pipelines.Actions:
    """The action that fetches a commit."""
    owner, provider, configuration = {
        "token": ("ThirdParty", "GitHub", _token),
        "connection": ("AWS", "CodeStarSourceConnection", _connection),
        "codecommit": ("AWS", "CodeCommit", _codecommit),
    }[settings.source_kind]
    return pipelines.Actions(
        Name=action.name,
        ActionTypeId=pipelines.ActionTypeId(Category="Source", Owner=owner, Provider=provider, Version="1"),
        Configuration=configuration(settings, action),
        Namespace=NAMESPACE,
        OutputArtifacts=[pipelines.OutputArtifacts(Name=SOURCE_ARTIFACT)],
        RunOrder=action.run_order,
    )


def triggers(settings: PipelineSettings) -> list[pipelines.PipelineTriggerDeclaration]:
    """With ``source.paths``: which pushes start an execution. Nothing else does then."""
    source = settings.plan.source
    if not source.paths:
        return []
    pushes = pipelines.GitPushFilter(
        Branches=pipelines.GitBranchFilterCriteria(Includes=[source.branch]),
        FilePaths=pipelines.GitFilePathFilterCriteria(Includes=list(source.paths)),
    )
    git = pipelines.GitConfiguration(SourceActionName=source.name, Push=[pushes])
    return [pipelines.PipelineTriggerDeclaration(ProviderType="CodeStarSourceConnection", GitConfiguration=git)]


def commit_page(settings: PipelineSettings) -> str:
    """The address at which a person sees what a commit changes."""
    source = settings.plan.source
    commit = f"#{{{NAMESPACE}.CommitId}}"
    if settings.source_kind == "codecommit":
        _, name = owner_and_name(source.repository)
        page = f"codesuite/codecommit/repositories/{name}/commit/{commit}?region={settings.region}"
        return f"https://{settings.region}.console.{names.console_host(settings.region)}/{page}"
    # An address for git may have a port, which is that of ssh and not of the pages.
    host = host_of(source.repository)
    host = host if source.repository.startswith("http") else host.partition(":")[0]
    return f"https://{host}/{'/'.join(owner_and_name(source.repository))}/{_COMMIT_PAGES[source.provider]}/{commit}"


def _token(settings: PipelineSettings, action: SourceAction) -> dict[str, Any]:
    del settings
    owner, name = owner_and_name(action.repository)
    # CloudFormation puts the token in: it is in no file and in no answer of AWS.
    token = f"{{{{resolve:secretsmanager:{action.access_token_secret}}}}}"
    return {"Owner": owner, "Repo": name, "Branch": action.branch, "OAuthToken": token}


def _connection(settings: PipelineSettings, action: SourceAction) -> dict[str, Any]:
    return {
        "ConnectionArn": connection(settings),
        "FullRepositoryId": "/".join(owner_and_name(action.repository)),
        "BranchName": action.branch,
        **_format(action),
        # A push starts an execution by itself, unless there are triggers that say which do.
        **({"DetectChanges": "false"} if action.paths else {}),
    }


def _codecommit(settings: PipelineSettings, action: SourceAction) -> dict[str, Any]:
    del settings
    _, name = owner_and_name(action.repository)
    return {
        "RepositoryName": name,
        "BranchName": action.branch,
        **_format(action),
        # Events come at once. CodePipeline looks only every minute, and gives up on pipelines that nobody uses.
        "PollForSourceChanges": "false",
    }


def _format(action: SourceAction) -> dict[str, str]:
    return {"OutputArtifactFormat": "CODEBUILD_CLONE_REF"} if action.full_clone else {}


def _change_rule(settings: PipelineSettings) -> Iterator[AWSObject]:
    pipeline = Sub("arn:${AWS::Partition}:codepipeline:${AWS::Region}:${AWS::AccountId}:${Pipeline}")
    statement = allow(["codepipeline:StartPipelineExecution"], pipeline)
    yield iam.Role(
        _RULE_ROLE,
        AssumeRolePolicyDocument=trusted({"Service": "events.amazonaws.com"}),
        Policies=[iam.Policy(PolicyName="StartPipeline", PolicyDocument=policy(statement))],
        Metadata=described("An IAM role for Amazon EventBridge to start the pipeline"),
        **settings.role_bounds,
    )
    yield events.Rule(
        _RULE,
        Description="Starts the pipeline when its branch changes",
        EventPattern={
            "source": ["aws.codecommit"],
            "detail-type": ["CodeCommit Repository State Change"],
            "resources": [codecommit_arn(settings)],
            "detail": {
                "event": ["referenceCreated", "referenceUpdated"],
                "referenceType": ["branch"],
                "referenceName": [settings.plan.source.branch],
            },
        },
        Targets=[events.Target(Id="Pipeline", Arn=pipeline, RoleArn=GetAtt(_RULE_ROLE, "Arn"))],
        Metadata=described("A rule to start the pipeline at a push"),
    )
