from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from copilot.aws.connections import AVAILABLE, Connection
from copilot.aws.pipeline_structure import (
    connection_arn,
    definition_of,
    environment_of,
    plan_of,
    project_names,
    trigger_in_words,
)
from copilot.aws.templates.pipeline.checks import problems
from copilot.aws.templates.pipeline.projects import DEFAULT_COMPUTE, DEFAULT_IMAGE
from copilot.aws.templates.pipeline.settings import PipelineSettings
from copilot.aws.templates.pipeline.stack import pipeline_stack
from copilot.aws.templates.rendering import render
from copilot.release.plan import (
    Action,
    ApprovalAction,
    BuildAction,
    CommandsAction,
    DeployAction,
    OtherAction,
    Plan,
    ProjectAction,
    SourceAction,
)
from tests.aws.pipelines.declarations import project_of, structure_of
from tests.aws.templates.comparison.resolving import resolved
from tests.aws.templates.pipeline.pipelines import BUILD, REGION, STAGES, settings_of, source
from tests.aws.templates.pipeline.test_any import pipelines

LINKED = Connection("arn:aws:codestar-connections:us-east-1:123456789012:connection/5f0d", "ours", "GitHub", AVAILABLE)


def deployed(pipeline: PipelineSettings) -> tuple[Any, list[Any]]:
    """The structure and the projects that AWS has of a pipeline."""
    resources = resolved(render(pipeline_stack(pipeline).template), {})["Resources"]
    projects = [
        {**project_of(resource["Properties"]), "name": f"{{{name}}}"}
        for name, resource in resources.items()
        if resource["Type"] == "AWS::CodeBuild::Project"
    ]
    return structure_of(resources["Pipeline"]["Properties"], "shop-main-Pipeline-1"), projects


def as_known(plan: Plan) -> Plan:
    """A plan without what AWS does not tell, and with the defaults that it has instead of nothing."""

    def known(action: Action) -> Action:
        if isinstance(action, SourceAction):
            through = action.access_token_secret is None and action.provider != "CodeCommit"
            return replace(action, access_token_secret=None, connection_name="ours" if through else None)
        if isinstance(action, BuildAction):
            return replace(action, image=action.image or DEFAULT_IMAGE, compute=action.compute or DEFAULT_COMPUTE)
        return action

    return replace(plan, stages=tuple(replace(stage, actions=tuple(map(known, stage.actions))) for stage in plan.stages))


def read(pipeline: PipelineSettings) -> Plan:
    structure, projects = deployed(pipeline)
    connection = replace(LINKED, provider=pipeline.plan.source.provider) if connection_arn(structure) else None
    return plan_of("shop", "main", structure, projects, REGION, connection)


@settings(max_examples=30, deadline=None)
@given(pipelines())
def test_the_plan_of_any_pipeline_comes_back(pipeline: PipelineSettings) -> None:
    if not problems(pipeline):
        assert read(pipeline) == as_known(pipeline.plan)


def test_the_plan_of_a_pipeline_with_everything() -> None:
    pipeline = settings_of(source("GitHubV1") + BUILD + STAGES)
    assert read(pipeline) == as_known(pipeline.plan)


def test_its_definition() -> None:
    pipeline = settings_of(source("GitHub", paths=["api/**"]) + STAGES)
    structure, projects = deployed(pipeline)
    assert set(project_names(structure)) == {project["name"] for project in projects}
    definition = definition_of("shop", "main", structure, projects, REGION, LINKED)
    assert (definition.app, definition.name) == ("shop", "main")
    assert definition.repository == "https://github.com/ana/shop"
    assert definition.branch == "main"
    assert definition.manifest == "copilot/pipelines/main/manifest.yml"
    assert definition.plan.source.paths == ("api/**",)


@pytest.mark.parametrize(
    ("buildspec", "manifest"),
    [
        ("copilot/buildspec.yml", "copilot/pipeline.yml"),
        ("copilot/pipelines/a/buildspec.yml", "copilot/pipelines/a/manifest.yml"),
        ("ci/build.yml", ""),
        ("buildspec.yml", ""),
        ("version: 0.2\nphases: {}\n", ""),
    ],
)
def test_where_its_manifest_is(buildspec: str, manifest: str) -> None:
    structure, projects = deployed(settings_of(source("CodeCommit") + STAGES))
    for project in projects:
        project["source"]["buildspec"] = buildspec if project["name"] == "{BuildProject}" else "x.yml"
    assert definition_of("shop", "main", structure, projects, REGION).manifest == manifest


def action(name: str, category: str, provider: str, **more: Any) -> Any:
    owner = more.pop("owner", "AWS")
    type_ = {"category": category, "owner": owner, "provider": provider, "version": "1"}
    return {"name": name, "actionTypeId": type_, "inputArtifacts": [], "outputArtifacts": [], **more}


def structure(*stages: tuple[str, list[Any]], source: Any = None, **more: Any) -> Any:
    configuration = {"Owner": "ana", "Repo": "shop", "Branch": "main", "OAuthToken": "****"}
    token = action("SourceCodeFor-shop", "Source", "GitHub", owner="ThirdParty", configuration=configuration)
    named = [("Source", [source or token]), *stages]
    return {"name": "p", "roleArn": "r", "stages": [{"name": name, "actions": actions} for name, actions in named], **more}


def test_a_pipeline_that_aws_copilot_made() -> None:
    """Without types, modes and time limits; its tests have no source."""
    stages = [
        ("Build", [action("Build", "Build", "CodeBuild", configuration={"ProjectName": "b"}, runOrder=1)]),
        (
            "DeployTo-test",
            [
                action("ApprovePromotionTo-test", "Approval", "Manual", runOrder=1),
                action(
                    "CreateOrUpdate-api-front-test",
                    "Deploy",
                    "CloudFormation",
                    runOrder=2,
                    region=REGION,
                    configuration={
                        "ChangeSetName": "shop-test-api-front",
                        "StackName": "shop-test-api-front",
                        "TemplatePath": "BuildOutput::infrastructure/api-front-test.stack.yml",
                        "TemplateConfiguration": "BuildOutput::infrastructure/api-front-test.params.json",
                    },
                ),
                action("TestCommands", "Test", "CodeBuild", configuration={"ProjectName": "t"}, runOrder=3),
            ],
        ),
    ]
    phases = "  install:\n    runtime-versions: {docker: 18}\n  build:\n    commands:\n      - yes\n      - curl x\n"
    tests = f"version: 0.2\nphases:\n{phases}"
    environment = {"type": "LINUX_CONTAINER", "image": "old:3.0", "computeType": "BUILD_GENERAL1_SMALL"}
    projects: Any = [
        {"name": "b", "source": {"type": "CODEPIPELINE", "buildspec": "copilot/buildspec.yml"}, "environment": environment},
        {"name": "t", "source": {"type": "NO_SOURCE", "buildspec": tests}, "environment": environment},
    ]
    plan = plan_of("shop", "main", structure(*stages), projects, REGION)
    assert plan.mode == "superseded"
    assert plan.source == SourceAction("SourceCodeFor-shop", 1, "GitHubV1", "https://github.com/ana/shop", "main")
    assert plan.stage("Build").actions[0] == BuildAction(
        "Build", 1, "copilot/buildspec.yml", 60, "old:3.0", "BUILD_GENERAL1_SMALL"
    )
    stage = plan.stage("DeployTo-test")
    assert stage.environment == "test"
    assert stage.actions == (
        ApprovalAction("ApprovePromotionTo-test", 1, "test", 7 * 24 * 60),
        DeployAction(
            "CreateOrUpdate-api-front-test",
            2,
            "test",
            "api-front",
            "shop-test-api-front",
            "infrastructure/api-front-test.stack.yml",
            "infrastructure/api-front-test.params.json",
        ),
        CommandsAction("TestCommands", 3, "test", ("yes", "curl x"), 60),
    )


def test_what_a_person_added_in_the_console() -> None:
    stages = [
        (
            "DeployTo-test",
            [
                action("Warm-up", "Invoke", "Lambda", configuration={"FunctionName": "f"}, runOrder=2),
                action("Bucket", "Deploy", "S3", configuration={"BucketName": "b"}),
                action("Network", "Deploy", "CloudFormation", configuration={"StackName": "net"}),
                action(
                    "renamed",
                    "Deploy",
                    "CloudFormation",
                    configuration={"TemplatePath": "BuildOutput::infrastructure/w-test.stack.yml"},
                ),
                action("Lint", "Test", "CodeBuild", configuration={"ProjectName": "gone"}),
                action("Script", "Compute", "Commands"),
            ],
        ),
        ("Announce", [action("Ask", "Approval", "Manual", timeoutInMinutes=60), action("Tell", "Deploy", "CloudFormation")]),
    ]
    plan = plan_of("shop", "main", structure(*stages, executionMode="QUEUED"), (), REGION)
    assert plan.mode == "queued"
    by_name = {action.name: action for stage in plan.stages for action in stage.actions}
    assert by_name["Warm-up"] == OtherAction("Warm-up", 2, "Invoke", "Lambda")
    assert by_name["Bucket"] == OtherAction("Bucket", 1, "Deploy", "S3")
    assert by_name["Network"] == OtherAction("Network", 1, "Deploy", "CloudFormation")
    assert by_name["renamed"].kind == "deploy"
    assert by_name["Lint"] == CommandsAction("Lint", 1, "test", (), 60)
    assert by_name["Script"].kind == "other"
    assert by_name["Ask"] == ApprovalAction("Ask", 1, "Announce", 60)
    assert by_name["Tell"].kind == "other"
    assert plan.environments == ("test",)


def test_projects_that_cannot_be_read() -> None:
    stages = [("DeployTo-test", [action("Migrate", "Build", "CodeBuild", configuration={"ProjectName": "m"})])]
    for buildspec in ("version: 0.2\nphases: {build: [", "- a\n- b\n", "version: 0.2\nphases: {build: {commands: one}}\n"):
        project: Any = {"name": "m", "source": {"type": "CODEPIPELINE", "buildspec": buildspec}}
        plan = plan_of("shop", "main", structure(*stages), [project], REGION)
        assert plan.stage("DeployTo-test").actions == (ProjectAction("Migrate", 1, "test", "in the CodeBuild project", 60),)


@pytest.mark.parametrize(
    ("provider", "configuration", "repository", "branch"),
    [
        ("S3", {"S3Bucket": "code", "S3ObjectKey": "shop.zip"}, "s3://code/shop.zip", ""),
        ("ECR", {"RepositoryName": "base"}, "base", ""),
        (
            "CodeCommit",
            {"RepositoryName": "shop", "BranchName": "m"},
            f"https://git-codecommit.{REGION}.amazonaws.com/v1/repos/shop",
            "m",
        ),
        ("CodeStarSourceConnection", {"FullRepositoryId": "ana/shop", "BranchName": "m"}, "ana/shop", "m"),
    ],
)
def test_sources(provider: str, configuration: dict[str, str], repository: str, branch: str) -> None:
    definition = definition_of(
        "shop", "main", structure(source=action("Code", "Source", provider, configuration=configuration)), (), REGION
    )
    assert (definition.repository, definition.branch) == (repository, branch)


def test_a_connection_to_a_server_of_ones_own() -> None:
    configuration = {"FullRepositoryId": "ana/shop", "BranchName": "main", "ConnectionArn": "arn:c"}
    made = structure(source=action("Code", "Source", "CodeStarSourceConnection", configuration=configuration))
    assert connection_arn(made) == "arn:c"
    plan = plan_of("shop", "main", made, (), REGION, replace(LINKED, provider="GitLabSelfManaged"))
    assert (plan.source.provider, plan.source.repository) == ("GitLabSelfManaged", "ana/shop")


def test_codecommit_in_china() -> None:
    made = structure(source=action("Code", "Source", "CodeCommit", configuration={"RepositoryName": "shop"}))
    assert plan_of("shop", "main", made, (), "cn-north-1").source.repository.endswith(
        ".cn-north-1.amazonaws.com.cn/v1/repos/shop"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (source("GitHub"), "the connection tells of each push"),
        (source("GitHub", paths=["api/**", "'*.md'"]), "the connection tells of pushes that touch api/**, *.md"),
        (source("GitHubV1"), "CodePipeline looks for changes in GitHub every minute"),
        (source("CodeCommit"), "an EventBridge rule tells of each push"),
    ],
)
def test_how_pushes_are_noticed(text: str, words: str) -> None:
    made, _ = deployed(settings_of(text + STAGES))
    assert trigger_in_words(made) == words


def test_pushes_that_are_not_noticed() -> None:
    unlinked = action("Code", "Source", "CodeStarSourceConnection", configuration={"DetectChanges": "false"})
    assert trigger_in_words(structure(source=unlinked)) == "not at all: `copilot pipeline run` starts it"
    tags = [
        {"providerType": "CodeStarSourceConnection", "gitConfiguration": {"sourceActionName": "Code", "push": [{"tags": {}}]}}
    ]
    assert "triggers" in trigger_in_words(structure(source=unlinked, triggers=tags))
    stopped = trigger_in_words(structure(), {"pollingDisabledAt": datetime(2026, 3, 1, tzinfo=UTC)})
    assert stopped == "not at all: CodePipeline has stopped looking for changes on 2026-03-01, because it was not used"


def test_the_environment_of_a_stage() -> None:
    assert environment_of("DeployTo-prod-eu") == "prod-eu"
    assert environment_of("Build") is None
