from __future__ import annotations

import json
import time
from typing import Any

import pytest
import yaml

from copilot.aws.templates.pipeline.settings import PipelineSettings
from copilot.aws.templates.pipeline.stack import pipeline_stack
from copilot.aws.templates.reading import read_template
from copilot.aws.templates.rendering import descriptions, render
from copilot.errors import PlanError
from tests.aws.lint import assert_clean
from tests.aws.policies import assert_least_privilege, statements
from tests.aws.replacement import assert_updates_in_place, replacements
from tests.aws.templates.matrix.authorization import known
from tests.aws.templates.pipeline.original import original
from tests.aws.templates.pipeline.pipelines import ACCOUNT, BUILD, CONNECTION, REPOSITORIES, STAGES, settings_of, source

SMALL = "stages: [{name: test}]\n"
APPROVED = "stages: [{name: prod, requires_approval: true}]\n"
CLONE = "output_artifact_format: CODEBUILD_CLONE_REF"
FAILING = """\
execution_mode: queued
stages:
  - {name: test, on_failure: retry}
  - {name: prod-eu, on_failure: rollback, requires_approval: true, test_commands: [make test]}
"""
CASES = {
    "token": settings_of(source("GitHubV1") + STAGES),
    "token, before connections": settings_of(source("GitHub", "access_token_secret: github-token-shop-shop") + SMALL),
    "token, oldest layout": settings_of(source("GitHubV1") + SMALL, name="pipeline-shop-ana-shop", oldest_layout=True),
    "GitHub": settings_of(source("GitHub", CLONE) + BUILD + STAGES, regions={"prod": "eu-west-1"}),
    "GitHub with paths": settings_of(source("GitHub", paths=["api/**", '"*.md"']) + FAILING, permissions_boundary="bounds"),
    "GitHub with a connection": settings_of(
        source("GitHub", "connection_name: ours", CLONE) + STAGES, connection_arn=CONNECTION, oldest_layout=True
    ),
    "GitLab": settings_of(source("GitLab") + APPROVED, permissions_boundary="bounds"),
    "Bitbucket": settings_of(source("Bitbucket", CLONE) + "execution_mode: parallel\n" + SMALL),
    "CodeCommit": settings_of(source("CodeCommit") + FAILING, permissions_boundary="bounds"),
    "CodeCommit, oldest layout": settings_of(source("CodeCommit", CLONE) + APPROVED, oldest_layout=True),
}
CONNECTIONS = {
    "GitHub": "copilot-ana-shop",
    "GitHub with paths": "copilot-ana-shop",
    "GitLab": "copilot-shops-shop",
    "Bitbucket": "copilot-ana-shop",
}


def template_of(settings: PipelineSettings) -> str:
    return render(pipeline_stack(settings).template)


def properties(settings: PipelineSettings, logical_id: str) -> dict[str, Any]:
    return dict(read_template(template_of(settings))["Resources"][logical_id]["Properties"])


def actions(settings: PipelineSettings) -> dict[str, dict[str, Any]]:
    return {action["Name"]: action for stage in properties(settings, "Pipeline")["Stages"] for action in stage["Actions"]}


@pytest.mark.parametrize("settings", CASES.values(), ids=CASES)
class TestEveryPipeline:
    def test_is_what_cloudformation_takes(self, settings: PipelineSettings) -> None:
        assert_clean(template_of(settings))

    def test_allows_no_more_than_it_must(self, settings: PipelineSettings) -> None:
        assert_least_privilege(template_of(settings))

    def test_is_the_same_each_time_and_says_what_it_holds(self, settings: PipelineSettings) -> None:
        template = template_of(settings)
        assert template == template_of(settings)
        data = read_template(template)
        assert set(descriptions(data)) == set(data["Resources"])

    def test_has_the_stages_and_actions_of_its_plan(self, settings: PipelineSettings) -> None:
        stages = properties(settings, "Pipeline")["Stages"]
        made = [(s["Name"], [(a["Name"], int(a["RunOrder"])) for a in s["Actions"]]) for s in stages]
        assert made == [(s.name, [(a.name, a.run_order) for a in s.actions]) for s in settings.plan.stages]

    def test_bounds_every_role_or_none(self, settings: PipelineSettings) -> None:
        roles = [r for r in read_template(template_of(settings))["Resources"].values() if r["Type"] == "AWS::IAM::Role"]
        assert all(("PermissionsBoundary" in r["Properties"]) == (settings.permissions_boundary is not None) for r in roles)


@pytest.mark.parametrize("case", CASES)
def test_what_aws_copilot_made_stays_in_place(case: str) -> None:
    assert_updates_in_place(original(CASES[case], CONNECTIONS.get(case)), template_of(CASES[case]))


def test_another_layout_would_replace_the_pipeline() -> None:
    oldest = original(CASES["token, oldest layout"])
    (problem,) = replacements(oldest, template_of(CASES["token, before connections"]))
    assert problem.startswith("Pipeline: Name would go from")


@pytest.mark.parametrize(
    ("repository", "name"),
    [
        ("https://github.com/ab/a-repository-with-a-long-name", "copilot-ab-a-repository-with-"),
        ("https://github.com/abcdefgh/a-repository-with-a-long-name", "copilot-abcde-a-repository-with-"),
    ],
)
def test_connections_are_called_as_aws_copilot_calls_them(repository: str, name: str) -> None:
    settings = settings_of(source("GitHub").replace(REPOSITORIES["GitHub"], repository) + SMALL)
    assert properties(settings, "SourceConnection")["ConnectionName"] == name


def test_a_token_is_named_and_never_shown() -> None:
    made = actions(CASES["token"])["SourceCodeFor-shop"]
    assert made["ActionTypeId"] == {"Category": "Source", "Owner": "ThirdParty", "Provider": "GitHub", "Version": "1"}
    assert made["Configuration"] == {
        "Owner": "ana",
        "Repo": "shop",
        "Branch": "main",
        "OAuthToken": "{{resolve:secretsmanager:github-token-shop}}",
    }


def test_groups_of_gitlab_are_part_of_the_repositorys_name() -> None:
    assert actions(CASES["GitLab"])["SourceCodeFor-shop"]["Configuration"]["FullRepositoryId"] == "shops/ana/shop"


def test_a_connection_that_exists_is_used() -> None:
    settings = CASES["GitHub with a connection"]
    assert "SourceConnection" not in read_template(template_of(settings))["Resources"]
    assert actions(settings)["SourceCodeFor-shop"]["Configuration"]["ConnectionArn"] == CONNECTION
    users = {s.where.split(".")[0] for s in statements(template_of(settings)) if CONNECTION in s.resources}
    assert {"BuildProjectPolicy", "PipelineRolePolicy", "BuildTestCommandstestBuildProjectPolicy"} <= users


def test_paths_become_triggers() -> None:
    settings = CASES["GitHub with paths"]
    (trigger,) = properties(settings, "Pipeline")["Triggers"]
    (push,) = trigger["GitConfiguration"]["Push"]
    assert push == {"Branches": {"Includes": ["main"]}, "FilePaths": {"Includes": ["api/**", "*.md"]}}
    assert trigger["GitConfiguration"]["SourceActionName"] == "SourceCodeFor-shop"
    assert "Triggers" not in properties(CASES["GitHub"], "Pipeline")


def test_a_push_to_codecommit_starts_the_pipeline() -> None:
    settings = CASES["CodeCommit"]
    assert actions(settings)["SourceCodeFor-shop"]["Configuration"]["PollForSourceChanges"] == "false"
    rule = properties(settings, "SourceChangeRule")
    assert rule["EventPattern"]["detail"]["referenceName"] == ["main"]
    (target,) = rule["Targets"]
    assert target["RoleArn"] == {"Fn::GetAtt": ["SourceChangeRole", "Arn"]}


def test_the_build_is_as_the_manifest_says() -> None:
    project = properties(CASES["GitHub"], "BuildProject")
    environment = project["Environment"]
    assert environment["Type"] == "ARM_CONTAINER"
    assert environment["ComputeType"] == "BUILD_GENERAL1_LARGE"
    assert {"Name": "LEVEL", "Value": "3"} in environment["EnvironmentVariables"]
    assert int(project["TimeoutInMinutes"]) == 90
    assert project["Source"]["BuildSpec"] == "copilot/build.yml"
    policy = properties(CASES["GitHub"], "BuildProjectAdditionalPolicy")["PolicyDocument"]
    assert policy == {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::models/*"}],
    }


def test_commands_arrive_as_they_are_written() -> None:
    commands = ["true", "echo 'a: b' # c", 'echo "ä \\"', "first\n  second \n\n#{x}", "{a: b}", "- x", "*y", "!z", "a" * 5000]
    text = source("GitHub") + f"stages: [{{name: test, test_commands: {json.dumps(commands)}}}]\n"
    buildspec = properties(settings_of(text), "BuildTestCommandstest")["Source"]["BuildSpec"]
    assert yaml.safe_load(buildspec)["phases"]["build"]["commands"] == commands


def test_an_approval_tells_what_it_is_about() -> None:
    configuration = actions(CASES["GitHub"])["ApprovePromotionTo-prod"]["Configuration"]
    for variable in ("CommitId", "CommitMessage", "AuthorDate", "BranchName"):
        assert f"#{{SourceVariables.{variable}}}" in configuration["CustomData"]
    assert configuration["ExternalEntityLink"] == "https://github.com/ana/shop/commit/#{SourceVariables.CommitId}"
    assert actions(CASES["GitHub"])["SourceCodeFor-shop"]["Namespace"] == "SourceVariables"


@pytest.mark.parametrize(
    ("case", "page"),
    [
        ("GitLab", "https://gitlab.com/shops/ana/shop/-/commit/#{SourceVariables.CommitId}"),
        ("token", "https://github.com/ana/shop/commit/#{SourceVariables.CommitId}"),
        (
            "CodeCommit, oldest layout",
            (
                "https://us-east-1.console.aws.amazon.com/codesuite/codecommit/repositories/shop/commit/"
                "#{SourceVariables.CommitId}?region=us-east-1"
            ),
        ),
    ],
)
def test_the_page_of_a_commit(case: str, page: str) -> None:
    assert actions(CASES[case])["ApprovePromotionTo-prod"]["Configuration"]["ExternalEntityLink"] == page


@pytest.mark.parametrize(
    ("repository", "page"),
    [
        ("git@github.com:ana/shop.git", "https://github.com/ana/shop/commit"),
        ("ssh://git@git.ana.example:2222/ana/shop.git", "https://git.ana.example/ana/shop/commit"),
        ("https://git.ana.example:8443/ana/shop", "https://git.ana.example:8443/ana/shop/commit"),
    ],
)
def test_the_page_of_a_commit_is_no_address_for_git(repository: str, page: str) -> None:
    text = source("GitHub").replace(REPOSITORIES["GitHub"], repository) + APPROVED
    configuration = actions(settings_of(text, connection_arn=CONNECTION))["ApprovePromotionTo-prod"]["Configuration"]
    assert configuration["ExternalEntityLink"] == f"{page}/#{{SourceVariables.CommitId}}"


def test_a_policy_names_only_actions_there_are() -> None:
    allowed = {a for settings in CASES.values() for s in statements(template_of(settings)) for a in s.actions}
    assert [action for action in allowed if not known(action)] == []


def test_deployments_take_the_environments_roles_where_it_is() -> None:
    made = actions(CASES["GitHub"])["CreateOrUpdate-api-prod"]
    assert made["Region"] == "eu-west-1"
    assert made["RoleArn"] == f"arn:aws:iam::{ACCOUNT}:role/shop-prod-EnvManagerRole"
    assert made["Configuration"] == {
        "ActionMode": "CREATE_UPDATE",
        "StackName": "shop-prod-api",
        "Capabilities": "CAPABILITY_IAM,CAPABILITY_NAMED_IAM,CAPABILITY_AUTO_EXPAND",
        "TemplatePath": "BuildOutput::infrastructure/api-prod.stack.yml",
        "TemplateConfiguration": "BuildOutput::infrastructure/api-prod.params.json",
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/shop-prod-CFNExecutionRole",
    }
    assert [s["Region"] for s in properties(CASES["GitHub"], "Pipeline")["ArtifactStores"]] == ["eu-west-1", "us-east-1"]


def test_failures_and_modes() -> None:
    pipeline = properties(CASES["CodeCommit"], "Pipeline")
    assert pipeline["ExecutionMode"] == "QUEUED"
    assert [s.get("OnFailure") for s in pipeline["Stages"]] == [
        None,
        None,
        {"Result": "RETRY", "RetryConfiguration": {"RetryMode": "FAILED_ACTIONS"}},
        {"Result": "ROLLBACK"},
    ]


def test_tags_say_which_pipeline_it_is_but_not_in_the_oldest_layout() -> None:
    own = {"team": "ana", "copilot-application": "shop"}
    assert pipeline_stack(CASES["token"]).tags == {**own, "copilot-pipeline": "main"}
    assert pipeline_stack(CASES["token, oldest layout"]).tags == own


def test_what_aws_cannot_do_is_no_template() -> None:
    with pytest.raises(PlanError):
        pipeline_stack(settings_of(source("GitHubV1", paths=["api/**"]) + SMALL))


def test_many_workloads_take_no_time() -> None:
    stages = [f"  - {{name: env{n}, test_commands: [make], requires_approval: true}}\n" for n in range(10)]
    settings = settings_of(source("GitHub") + "stages:\n" + "".join(stages), workloads=[f"workload{n}" for n in range(50)])
    begin = time.perf_counter()
    template = template_of(settings)
    assert time.perf_counter() - begin < 2
    assert len(template) < 1_000_000
