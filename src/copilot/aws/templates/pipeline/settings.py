"""All that the stack of a pipeline is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from troposphere import Sub

from copilot.aws import names
from copilot.manifest.pipeline import PipelineManifest, Source
from copilot.release.plan import CommandsAction, Plan, ProjectAction

SourceKind = Literal["token", "connection", "codecommit"]
"""How CodePipeline gets at the repository: with a personal access token, through a connection, or as AWS's own."""


@dataclass(frozen=True)
class PipelineEnvironment:
    """An environment that a pipeline deploys to.

    Attributes:
        name: Its name.
        region: Where it is. Likewise ``account``, by its number.
        manager_role: ARN of the role that the pipeline takes there.
        execution_role: ARN of the role that CloudFormation gets from it.
    """

    name: str
    region: str
    account: str
    manager_role: str
    execution_role: str


@dataclass(frozen=True)
class ArtifactStore:
    """Where artifacts are in a region. ``bucket`` is a name, ``key_arn`` that of the key they are encrypted with."""

    region: str
    bucket: str
    key_arn: str


@dataclass(frozen=True)
class PipelineSettings:
    """A pipeline, as it is to be.

    Attributes:
        plan: Its stages and actions. Every environment in it is in ``environments``, with its region in ``stores``.
        manifest: What the plan was made from.
        region: Where the pipeline is.
        environments: By name.
        stores: By region; that of the pipeline is among them.
        connection_arn: Of the connection that the manifest names; None if it names none.
        oldest_layout: Whether the stack has the name that the manifest says, as those have that early versions of AWS Copilot
            made; the pipeline is then called so too.
        permissions_boundary: Name of the policy that bounds every role that is made; None without.
        tags: Those of the application that go on everything.
        account: Where the pipeline is, by its number; None if that is not known.
    """

    plan: Plan
    manifest: PipelineManifest
    region: str
    environments: Mapping[str, PipelineEnvironment]
    stores: Mapping[str, ArtifactStore]
    connection_arn: str | None = None
    oldest_layout: bool = False
    permissions_boundary: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    account: str | None = None

    @property
    def stack_name(self) -> str:
        """The name of the pipeline's stack."""
        if self.oldest_layout:
            return self.plan.pipeline
        return names.pipeline_stack(self.plan.application, self.plan.pipeline)

    @property
    def source_kind(self) -> SourceKind:
        """See `source_kind`."""
        return source_kind(self.manifest.source)

    def project_id(self, action: ProjectAction | CommandsAction) -> str:
        """The logical ID of the CodeBuild project of an action: AWS Copilot's."""
        if isinstance(action, CommandsAction):
            return f"BuildTestCommands{names.logical_id(action.environment)}"
        stage = next(stage for stage in self.manifest.stages if stage.name == action.environment)
        place = "Pre" if action.name in (stage.pre_deployments or {}) else "Post"
        return f"{place}{names.alphanumeric(action.environment)}DeploymentAction{names.alphanumeric(action.name)}"

    @property
    def role_bounds(self) -> dict[str, Any]:
        """The property of a role that bounds it, if the application has such a policy."""
        if self.permissions_boundary is None:
            return {}
        arn = f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:policy/{self.permissions_boundary}"
        return {"PermissionsBoundary": Sub(arn)}

    def in_network(self, environment: str) -> bool:
        """Whether what runs around the deployments to an environment runs inside of its network."""
        return any(stage.vpc is not None for stage in self.manifest.stages if stage.name == environment)

    @cached_property
    def projects(self) -> dict[ProjectAction | CommandsAction, str]:
        """The actions that run projects of their own, in the plan's order, each with its project's logical ID."""
        actions = (action for stage in self.plan.stages for action in stage.actions)
        return {action: self.project_id(action) for action in actions if isinstance(action, (ProjectAction, CommandsAction))}


def source_kind(source: Source) -> SourceKind:
    """How CodePipeline gets at a repository.

    GitHub with the name of a token's secret is version 1 of that action, whatever the manifest calls it: manifests of before
    there were connections say ``GitHub``.
    """
    if source.provider == "CodeCommit":
        return "codecommit"
    if source.provider == "GitHubV1" or (source.provider == "GitHub" and source.properties.access_token_secret is not None):
        return "token"
    return "connection"
