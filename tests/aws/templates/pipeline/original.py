"""What AWS Copilot 1.34 deployed for a pipeline: resources with what CloudFormation keeps for their lives, and outputs."""

from __future__ import annotations

from collections.abc import Sequence

from copilot.aws.templates.pipeline.settings import PipelineSettings
from copilot.release.plan import CommandsAction

_ROLE = "{Type: AWS::IAM::Role, Properties: {Path: /}}"


def original(settings: PipelineSettings, connection_name: str | None = None) -> str:
    """Its template. ``connection_name``: of the connection that it makes, if it makes one."""
    lines = ["AWSTemplateFormatVersion: '2010-09-09'", "Resources:"]
    if connection_name is not None:
        provider = settings.plan.source.provider
        properties = f"{{ConnectionName: {connection_name}, ProviderType: {provider}}}"
        lines += _resource("SourceConnection", f"{{Type: AWS::CodeStarConnections::Connection, Properties: {properties}}}")
    lines += _resource("BuildProjectRole", _ROLE)
    lines += _resource("BuildProjectPolicy", _policy("CodeBuildPolicy"))
    if settings.manifest.build and settings.manifest.build.additional_policy:
        lines += _resource("BuildProjectAdditionalPolicy", _policy("BuildProjectAdditionalPolicy"))
    lines += _resource(
        "BuildProject", "{Type: AWS::CodeBuild::Project, Properties: {Name: !Sub '${AWS::StackName}-BuildProject'}}"
    )
    for stage in settings.manifest.stages:
        hooks = {"Pre": stage.pre_deployments or {}, "Post": stage.post_deployments or {}}
        environment = "".join(filter(str.isalnum, stage.name))
        for place, named_hooks in hooks.items():
            for name in named_hooks:
                project = f"{place}{environment}DeploymentAction{''.join(filter(str.isalnum, name))}"
                lines += _resource(f"{project}BuildProjectRole", _ROLE)
                lines += _resource(project, "{Type: AWS::CodeBuild::Project, Properties: {}}")
        if any(isinstance(action, CommandsAction) for action in settings.plan.stage(f"DeployTo-{stage.name}").actions):
            name = f"BuildTestCommands{stage.name.replace('-', 'DASH')}"
            lines += _resource(name, "{Type: AWS::CodeBuild::Project, Properties: {}}")
    lines += _resource("PipelineRole", _ROLE)
    lines += _resource("PipelineRolePolicy", _policy("CodepipelinePolicy"))
    named = "Name: !Ref AWS::StackName" if settings.oldest_layout else ""
    lines += _resource("Pipeline", f"{{Type: AWS::CodePipeline::Pipeline, Properties: {{{named}}}}}")
    if settings.plan.source.provider in ("GitHub", "GitLab", "Bitbucket") and not settings.plan.source.access_token_secret:
        lines += ["Outputs:", "  PipelineConnectionARN: {Value: there}"]
    return "\n".join(lines) + "\n"


def _resource(name: str, text: str) -> Sequence[str]:
    return [f"  {name}: {text}"]


def _policy(end: str) -> str:
    return f"{{Type: AWS::IAM::Policy, Properties: {{PolicyName: !Sub '${{AWS::StackName}}-{end}'}}}}"
