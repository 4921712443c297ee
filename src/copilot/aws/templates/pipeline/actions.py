"""The stages and actions of a pipeline: those of its plan, one to one."""

from __future__ import annotations

from typing import Any

from troposphere import Ref
from troposphere import codepipeline as pipelines

from copilot.aws.templates.pipeline.projects import BUILD
from copilot.aws.templates.pipeline.settings import PipelineSettings
from copilot.aws.templates.pipeline.source import NAMESPACE, commit_page, source_action
from copilot.release.plan import (
    BUILD_ARTIFACT,
    SOURCE_ARTIFACT,
    Action,
    ApprovalAction,
    BuildAction,
    CommandsAction,
    DeployAction,
    OnFailure,
    OtherAction,
    ProjectAction,
    SourceAction,
    Stage,
)

_CAPABILITIES = "CAPABILITY_IAM,CAPABILITY_NAMED_IAM,CAPABILITY_AUTO_EXPAND"
_ON_FAILURE: dict[OnFailure, dict[str, Any]] = {
    "stop": {},
    "rollback": {"OnFailure": pipelines.FailureConditions(Result="ROLLBACK")},
    "retry": {
        "OnFailure": pipelines.FailureConditions(
            Result="RETRY", RetryConfiguration=pipelines.RetryConfiguration(RetryMode="FAILED_ACTIONS")
        )
    },
}


def pipeline_stage(settings: PipelineSettings, stage: Stage) -> pipelines.Stages:
    """A stage."""
    actions = [_action(settings, action) for action in stage.actions]
    return pipelines.Stages(Name=stage.name, Actions=actions, **_ON_FAILURE[stage.on_failure])


def _action(settings: PipelineSettings, action: Action) -> pipelines.Actions:
    if isinstance(action, SourceAction):
        return source_action(settings, action)
    if isinstance(action, BuildAction):
        return _build(action, "Build", BUILD, [BUILD_ARTIFACT])
    if isinstance(action, ApprovalAction):
        return _approval(settings, action)
    if isinstance(action, DeployAction):
        return _deploy(settings, action)
    if isinstance(action, OtherAction):
        raise TypeError(f"no manifest asks for action {action.name}")
    category = "Test" if isinstance(action, CommandsAction) else "Build"
    return _build(action, category, settings.project_id(action), [])


def _build(
    action: BuildAction | ProjectAction | CommandsAction, category: str, project: str, outputs: list[str]
) -> pipelines.Actions:
    # Nothing takes what projects before and after deployments make, so they hand on nothing; nor must their buildspecs say what.
    made: dict[str, Any] = {"OutputArtifacts": [pipelines.OutputArtifacts(Name=name) for name in outputs]} if outputs else {}
    return pipelines.Actions(
        Name=action.name,
        ActionTypeId=pipelines.ActionTypeId(Category=category, Owner="AWS", Provider="CodeBuild", Version="1"),
        Configuration={"ProjectName": Ref(project)},
        InputArtifacts=[pipelines.InputArtifacts(Name=SOURCE_ARTIFACT)],
        RunOrder=action.run_order,
        **made,
    )


def _approval(settings: PipelineSettings, action: ApprovalAction) -> pipelines.Actions:
    # No source action knows who made a commit: that is on the page of the commit, which the link leads to.
    commit = f"#{{{NAMESPACE}.CommitId}} of #{{{NAMESPACE}.BranchName}}, written #{{{NAMESPACE}.AuthorDate}}"
    return pipelines.Actions(
        Name=action.name,
        ActionTypeId=pipelines.ActionTypeId(Category="Approval", Owner="AWS", Provider="Manual", Version="1"),
        Configuration={
            "CustomData": f"Release to {action.environment}? Commit {commit}: #{{{NAMESPACE}.CommitMessage}}",
            "ExternalEntityLink": commit_page(settings),
        },
        RunOrder=action.run_order,
        TimeoutInMinutes=action.timeout,
    )


def _deploy(settings: PipelineSettings, action: DeployAction) -> pipelines.Actions:
    environment = settings.environments[action.environment]
    return pipelines.Actions(
        Name=action.name,
        ActionTypeId=pipelines.ActionTypeId(Category="Deploy", Owner="AWS", Provider="CloudFormation", Version="1"),
        Configuration={
            "ActionMode": "CREATE_UPDATE",
            "StackName": action.stack_name,
            "Capabilities": _CAPABILITIES,
            "TemplatePath": f"{BUILD_ARTIFACT}::{action.template_path}",
            "TemplateConfiguration": f"{BUILD_ARTIFACT}::{action.template_config}",
            "RoleArn": environment.execution_role,
        },
        InputArtifacts=[pipelines.InputArtifacts(Name=BUILD_ARTIFACT)],
        Region=environment.region,
        RoleArn=environment.manager_role,
        RunOrder=action.run_order,
    )
