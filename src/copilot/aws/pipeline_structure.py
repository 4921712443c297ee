"""From a pipeline as CodePipeline has it back to its plan. Pure.

Nothing is refused: also a pipeline that AWS Copilot made, or that a person has changed in the console, has a plan. What no
manifest asks for is an `OtherAction` in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import yaml

from copilot.aws.connections import Connection
from copilot.engine import PipelineDefinition
from copilot.release.plan import (
    RELEASE_FOLDER,
    Action,
    ApprovalAction,
    BuildAction,
    CommandsAction,
    DeployAction,
    ExecutionMode,
    OnFailure,
    OtherAction,
    Plan,
    ProjectAction,
    SourceAction,
    Stage,
)
from copilot.release.planner import APPROVAL_TIMEOUT, PROJECT_TIMEOUT

if TYPE_CHECKING:
    from mypy_boto3_codebuild.type_defs import ProjectTypeDef
    from mypy_boto3_codepipeline.type_defs import (
        ActionDeclarationOutputTypeDef,
        PipelineDeclarationOutputTypeDef,
        PipelineMetadataTypeDef,
        StageDeclarationOutputTypeDef,
    )

THROUGH_CONNECTION = "CodeStarSourceConnection"
"""The provider of source actions that go through a connection."""

_DEPLOYS_TO = "DeployTo-"
_GITHUB = "https://github.com"
_HOSTS = {"GitHub": _GITHUB, "GitLab": "https://gitlab.com", "Bitbucket": "https://bitbucket.org"}
"""Where the repositories of a connection are, by its provider; those on servers of one's own are not among them."""
_TEMPLATE = re.compile(r"\w+::(?P<path>.+)", re.DOTALL)
_WORKLOAD = re.compile(r"CreateOrUpdate-(?P<workload>.+)")
_OURS = frozenset({"AWS_ACCOUNT_ID", "PARTITION"})
"""Variables that every project has, whatever the manifest says."""
_ON_FAILURE: Mapping[str, OnFailure] = {"ROLLBACK": "rollback", "RETRY": "retry"}
_MODES: Mapping[str, ExecutionMode] = {"QUEUED": "queued", "PARALLEL": "parallel"}


def definition_of(
    app: str,
    name: str,
    structure: PipelineDeclarationOutputTypeDef,
    projects: Iterable[ProjectTypeDef],
    region: str,
    connection: Connection | None = None,
) -> PipelineDefinition:
    """A pipeline as its manifest would define it. Arguments are those of `plan_of`; see there for what is not known."""
    plan = plan_of(app, name, structure, projects, region, connection)
    source = next((a for stage in plan.stages for a in stage.actions if isinstance(a, SourceAction)), None)
    build = next((a for stage in plan.stages for a in stage.actions if isinstance(a, BuildAction)), None)
    return PipelineDefinition(
        app=app,
        name=name,
        repository=source.repository if source else "",
        branch=source.branch if source else "",
        manifest=_manifest(build.buildspec) if build else "",
        plan=plan,
    )


def plan_of(
    app: str,
    name: str,
    structure: PipelineDeclarationOutputTypeDef,
    projects: Iterable[ProjectTypeDef],
    region: str,
    connection: Connection | None = None,
) -> Plan:
    """The plan of a pipeline that is there.

    AWS does not tell the name of an access token's secret. What the manifest left out has the value that it came to.

    Args:
        app: The application.
        name: What the pipeline's manifest calls it.
        structure: From ``GetPipeline``.
        projects: From ``BatchGetProjects``, those that are still there of `project_names`.
        region: The pipeline's.
        connection: Of the source action, if it has one that is known.
    """
    reader = _Reader(structure, {each["name"]: each for each in projects}, region, connection)
    return Plan(app, name, tuple(reader.stage(each) for each in structure["stages"]), _mode(structure))


def project_names(structure: PipelineDeclarationOutputTypeDef) -> list[str]:
    """The CodeBuild projects that a pipeline runs."""
    actions = [action for stage in structure["stages"] for action in stage["actions"]]
    found = [_configuration(a).get("ProjectName", "") for a in actions if _provider(a) == "CodeBuild"]
    return list(dict.fromkeys(name for name in found if name))


def connection_arn(structure: PipelineDeclarationOutputTypeDef) -> str | None:
    """The connection that a pipeline fetches code through; None if it does so in another way."""
    for stage in structure["stages"]:
        for action in stage["actions"]:
            if _provider(action) == THROUGH_CONNECTION and "ConnectionArn" in _configuration(action):
                return _configuration(action)["ConnectionArn"]
    return None


def environment_of(stage: str) -> str | None:
    """The environment that a stage deploys to, by the stage's name."""
    return stage.removeprefix(_DEPLOYS_TO) if stage.startswith(_DEPLOYS_TO) else None


def trigger_in_words(structure: PipelineDeclarationOutputTypeDef, metadata: PipelineMetadataTypeDef | None = None) -> str:
    """How a pipeline notices pushes; ``metadata`` is from ``GetPipeline``, too."""
    source = structure["stages"][0]["actions"][0]
    configuration, provider = _configuration(source), _provider(source)
    if provider == THROUGH_CONNECTION:
        if paths := _paths(structure, source["name"]):
            return f"the connection tells of pushes that touch {', '.join(paths)}"
        if structure.get("triggers"):
            return "the connection tells of pushes that the pipeline's triggers let through"
        if configuration.get("DetectChanges", "true").lower() == "false":
            return "not at all: `copilot pipeline run` starts it"
        return "the connection tells of each push"
    if configuration.get("PollForSourceChanges", "true").lower() == "false":
        return {"CodeCommit": "an EventBridge rule tells of each push", "GitHub": "a webhook tells of each push"}.get(
            provider, "an event tells of each change"
        )
    stopped: datetime | None = (metadata or {}).get("pollingDisabledAt")
    if stopped is not None:
        return f"not at all: CodePipeline has stopped looking for changes on {stopped:%Y-%m-%d}, because it was not used"
    return f"CodePipeline looks for changes in {provider} every minute"


@dataclass(frozen=True)
class _Reader:
    structure: PipelineDeclarationOutputTypeDef
    projects: Mapping[str, ProjectTypeDef]
    region: str
    connection: Connection | None

    def stage(self, stage: StageDeclarationOutputTypeDef) -> Stage:
        environment = environment_of(stage["name"])
        actions = [self._action(action, stage["name"], environment) for action in stage["actions"]]
        return Stage(
            name=stage["name"],
            actions=tuple(sorted(actions, key=lambda action: (action.run_order, action.name))),
            environment=environment,
            on_failure=_ON_FAILURE.get(stage.get("onFailure", {}).get("result", ""), "stop"),
        )

    def _action(self, action: ActionDeclarationOutputTypeDef, stage: str, environment: str | None) -> Action:
        name, order = action["name"], action.get("runOrder", 1)
        category, provider = action["actionTypeId"]["category"], _provider(action)
        if category == "Source":
            return self._source(action)
        if category == "Approval":
            return ApprovalAction(name, order, environment or stage, action.get("timeoutInMinutes", APPROVAL_TIMEOUT))
        if provider == "CodeBuild":
            return self._project(action, environment)
        if provider == "CloudFormation" and environment is not None:
            configuration = _configuration(action)
            template = _path(configuration.get("TemplatePath", ""))
            workload = _workload(name, template, environment)
            if workload is not None:
                settings = _path(configuration.get("TemplateConfiguration", ""))
                stack = configuration.get("StackName", "")
                return DeployAction(name, order, environment, workload, stack, template, settings)
        return OtherAction(name, order, category, provider)

    def _source(self, action: ActionDeclarationOutputTypeDef) -> SourceAction:
        configuration, provider = _configuration(action), _provider(action)
        connection = None
        if provider == "GitHub":
            # Version 1 of the action: with a personal access token.
            provider = "GitHubV1"
            repository = f"{_GITHUB}/{configuration.get('Owner', '')}/{configuration.get('Repo', '')}"
        elif provider == THROUGH_CONNECTION:
            provider, connection = (self.connection.provider, self.connection.name) if self.connection else (provider, None)
            repository = configuration.get("FullRepositoryId", "")
            if provider in _HOSTS:
                repository = f"{_HOSTS[provider]}/{repository}"
        elif provider == "CodeCommit":
            domain = "amazonaws.com.cn" if self.region.startswith("cn-") else "amazonaws.com"
            name = configuration.get("RepositoryName", "")
            repository = f"https://git-codecommit.{self.region}.{domain}/v1/repos/{name}"
        elif provider == "S3":
            repository = f"s3://{configuration.get('S3Bucket', '')}/{configuration.get('S3ObjectKey', '')}"
        else:
            repository = configuration.get("RepositoryName", "")
        return SourceAction(
            name=action["name"],
            run_order=action.get("runOrder", 1),
            provider=provider,
            repository=repository,
            branch=configuration.get("BranchName", configuration.get("Branch", "")),
            connection_name=connection,
            full_clone=configuration.get("OutputArtifactFormat") == "CODEBUILD_CLONE_REF",
            paths=_paths(self.structure, action["name"]),
        )

    def _project(self, action: ActionDeclarationOutputTypeDef, environment: str | None) -> Action:
        name, order = action["name"], action.get("runOrder", 1)
        project = self.projects.get(_configuration(action).get("ProjectName", ""))
        buildspec = project["source"].get("buildspec", "") if project else ""
        timeout = project.get("timeoutInMinutes", PROJECT_TIMEOUT) if project else PROJECT_TIMEOUT
        if environment is None:
            machine = project["environment"] if project else None
            variables = machine.get("environmentVariables", []) if machine else []
            return BuildAction(
                name=name,
                run_order=order,
                buildspec=_one_line(buildspec),
                timeout=timeout,
                image=machine["image"] if machine else None,
                compute=machine["computeType"] if machine else None,
                variables={each["name"]: each["value"] for each in variables if each["name"] not in _OURS},
            )
        commands = _commands(buildspec)
        if commands is None and project is None and action["actionTypeId"]["category"] == "Test":
            commands = ()
        if commands is not None:
            return CommandsAction(name, order, environment, commands, timeout)
        return ProjectAction(name, order, environment, _one_line(buildspec), timeout)


def _mode(structure: PipelineDeclarationOutputTypeDef) -> ExecutionMode:
    return _MODES.get(structure.get("executionMode", ""), "superseded")


def _provider(action: ActionDeclarationOutputTypeDef) -> str:
    return action["actionTypeId"]["provider"]


def _configuration(action: ActionDeclarationOutputTypeDef) -> Mapping[str, str]:
    return action.get("configuration", {})


def _path(place: str) -> str:
    """The path in ``Artifact::path``."""
    match = _TEMPLATE.fullmatch(place)
    return match["path"] if match else place


def _workload(action: str, template: str, environment: str) -> str | None:
    """The workload that an action deploys, by the action's name, or else by that of its template."""
    named = _WORKLOAD.fullmatch(action)
    if named and named["workload"].endswith(f"-{environment}") and named["workload"] != f"-{environment}":
        return named["workload"].removesuffix(f"-{environment}")
    file = template.removeprefix(f"{RELEASE_FOLDER}/")
    ending = f"-{environment}.stack.yml"
    return file.removesuffix(ending) if file.endswith(ending) and file != ending else None


def _paths(structure: PipelineDeclarationOutputTypeDef, source: str) -> tuple[str, ...]:
    """Which files a push must touch, if only some do."""
    configurations = [trigger["gitConfiguration"] for trigger in structure.get("triggers", [])]
    pushes = [push for each in configurations if each["sourceActionName"] == source for push in each.get("push", [])]
    return tuple(dict.fromkeys(path for push in pushes for path in push.get("filePaths", {}).get("includes", [])))


def _commands(buildspec: str) -> tuple[str, ...] | None:
    """The commands of a buildspec that is in the project itself; None if that names a file, or holds none."""
    if "\n" not in buildspec:
        return None
    try:
        document = yaml.load(buildspec, Loader=yaml.BaseLoader)  # noqa: S506 - it makes nothing but texts
        commands = document["phases"]["build"]["commands"]
    except (yaml.YAMLError, KeyError, TypeError):
        return None
    return tuple(map(str, commands)) if isinstance(commands, list) else None


def _one_line(buildspec: str) -> str:
    """A buildspec's path; one that has no path is in the project itself."""
    return "in the CodeBuild project" if "\n" in buildspec.strip() else buildspec


def _manifest(buildspec: str) -> str:
    """The path of the manifest next to a buildspec; empty if the buildspec is not where `pipeline init` puts it."""
    folder, _, file = buildspec.rpartition("/")
    if file != "buildspec.yml" or not folder:
        return ""
    return f"{folder}/manifest.yml" if folder.rpartition("/")[0].endswith("pipelines") else f"{folder}/pipeline.yml"
