from __future__ import annotations

import pytest

from copilot.aws.templates.pipeline.checks import problems
from copilot.errors import KeyPath
from tests.aws.templates.pipeline.pipelines import BUILD, CONNECTION, REPOSITORIES, STAGES, settings_of, source

SMALL = "stages: [{name: test}]\n"
SECRET = "{Effect: Allow, Action: 's3:GetObject', Resource: 'arn:aws:s3:::{{resolve:ssm:bucket}}/*'}"
PROPERTIES = ("source", "properties")
NOT_OURS = source("GitHub").replace("github.com", "git.ana.example")


def hooks(*names: str) -> str:
    listed = ", ".join(f'"{name}": {{buildspec: copilot/hook.yml}}' for name in names)
    return f"stages: [{{name: test, pre_deployments: {{{listed}}}}}]\n"


@pytest.mark.parametrize("provider", REPOSITORIES)
def test_nothing_is_wrong_with_most_pipelines(provider: str) -> None:
    assert problems(settings_of(source(provider) + BUILD + STAGES)) == []


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        (source("GitHub").replace("GitHub\n", "Git\n") + SMALL, ("source", "provider"), "any git server"),
        (source("GitHubV1", paths=["api/**"]) + SMALL, ("source", "paths"), "only where it has a connection"),
        (source("CodeCommit", paths=["api/**"]) + SMALL, ("source", "paths"), "only where it has a connection"),
        (
            source("GitHubV1", "output_artifact_format: CODEBUILD_CLONE_REF") + SMALL,
            (*PROPERTIES, "output_artifact_format"),
            "not the git history",
        ),
        (source("GitHub").replace("GitHub\n", "GitHubV1\n") + SMALL, PROPERTIES, "there is no `access_token_secret`"),
        (
            source("GitLab", "access_token_secret: ours") + SMALL,
            (*PROPERTIES, "access_token_secret"),
            "does not use an access token for GitLab",
        ),
        (
            source("GitHub", "access_token_secret: a}}b") + SMALL,
            (*PROPERTIES, "access_token_secret"),
            "cannot be a secret in Secrets Manager",
        ),
        (
            source("GitHubV1", "connection_name: ours") + SMALL,
            (*PROPERTIES, "connection_name"),
            "there is an access token already",
        ),
        (source("CodeCommit", "connection_name: ours") + SMALL, (*PROPERTIES, "connection_name"), "in the same account"),
        (NOT_OURS + SMALL, (*PROPERTIES, "repository"), "git.ana.example is not GitHub"),
        (
            source("CodeCommit").replace("us-east-1", "eu-west-1") + SMALL,
            (*PROPERTIES, "repository"),
            "the repository is in eu-west-1, and the pipeline in us-east-1",
        ),
        (
            source("CodeCommit").replace("git-codecommit.us-east-1.amazonaws.com/v1/repos", "github.com/ana") + SMALL,
            (*PROPERTIES, "repository"),
            "is no repository of CodeCommit",
        ),
        (source("GitHub").replace("/ana/shop", "/shop") + SMALL, (*PROPERTIES, "repository"), "an owner and a name"),
        (source("GitHub").replace("main", "/".join(["b" * 200] * 6)) + SMALL, (*PROPERTIES, "branch"), "at most 1000 characters"),
        (
            source("GitLab").replace("shops", "s" * 1000) + SMALL,
            (*PROPERTIES, "repository"),
            "at most 1000 characters here; these are 1065",
        ),
        (
            source("GitHub") + "build: {image: 'aws/codebuild/windows-base:2022-1.0'}\n" + SMALL,
            ("build", "image"),
            "without Docker",
        ),
        (
            source("GitHub") + "build: {image: 'aws/codebuild/amazonlinux-x86_64-lambda-standard:python3.12'}\n" + SMALL,
            ("build", "image"),
            "without Docker",
        ),
        (
            source("GitHub") + "build: {variables: {KEY: '{{resolve:secretsmanager:ours}}'}}\n" + SMALL,
            ("build", "variables", "KEY"),
            "would put a value in place of",
        ),
        (
            source("GitHub") + f"build: {{additional_policy: {{PolicyDocument: {{Statement: [{SECRET}]}}}}}}\n" + SMALL,
            ("build", "additional_policy"),
            "would put a value in place of",
        ),
        (source("GitHub").replace("branch: main", "branch: 'a#{b}'") + SMALL, (*PROPERTIES, "branch"), "one of its variables"),
        (
            source("GitHub").replace("ana/shop", "ana/shop/tree/main") + SMALL,
            (*PROPERTIES, "repository"),
            "an owner and a name, and no more",
        ),
        (
            source("GitHub").replace("ana/shop", "ana/${shop}") + SMALL,
            (*PROPERTIES, "repository"),
            "`ana/${shop}` cannot be a repository of GitHub",
        ),
        (
            source("GitHub") + "execution_mode: parallel\nstages: [{name: test, on_failure: rollback}]\n",
            ("stages", 0, "on_failure"),
            "does not roll back",
        ),
        (
            source("GitHub") + hooks("tell-us", "tellus"),
            ("stages", 0, "pre_deployments", "tellus"),
            "`tellus` and `tell-us` are the same to CloudFormation",
        ),
        (
            source("GitHub") + hooks("x", "xBuildProjectRole"),
            ("stages", 0, "pre_deployments", "xBuildProjectRole"),
            "are the same to CloudFormation",
        ),
        (
            source("CodeCommit").replace("repos/shop", "repos/${shop}") + SMALL,
            (*PROPERTIES, "repository"),
            "is no repository of CodeCommit",
        ),
        (
            source("GitHub") + "stages: [{name: test, deployments: {api: {stack_name: ours}, db: {stack_name: ours}}}]\n",
            ("stages", 0, "deployments", "db", "stack_name"),
            "the stack `ours` is that of `api` of environment `test`",
        ),
        (
            source("GitHub") + "stages: [{name: test, test_commands: ['true', 'echo {{resolve:ssm:a}}']}]\n",
            ("stages", 0, "test_commands", 1),
            "would put a value in place of",
        ),
        (
            source("GitHub") + "stages: [{name: test, deployments: {api: {template_config: 'a#{b.c}'}}}]\n",
            ("stages", 0, "deployments", "api", "template_config"),
            "one of its variables",
        ),
        (
            source("GitHub") + f"stages: [{{name: test, deployments: {{api: {{template_path: {'a' * 990}}}}}}}]\n",
            ("stages", 0, "deployments", "api", "template_path"),
            "at most 1000 characters here; these are 1003",
        ),
    ],
)
def test_what_aws_would_refuse(text: str, place: KeyPath, message: str) -> None:
    (problem,) = problems(settings_of(text))
    assert problem.path == place
    assert message in problem.message


def test_a_server_of_ones_own_is_reached_through_a_connection_that_exists() -> None:
    assert problems(settings_of(NOT_OURS + SMALL, connection_arn=CONNECTION)) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [("a_b", "cannot be the name of a CloudFormation stack"), ("x" * 99, "of 113 characters; it may have 109")],
)
def test_names_that_no_stack_can_have(name: str, message: str) -> None:
    (problem,) = problems(settings_of(source("GitHub") + SMALL, name=name))
    assert problem.path == ("name",)
    assert message in problem.message


def test_more_projects_than_a_role_can_name() -> None:
    stages = "stages:\n" + "".join(
        f"  - name: env{n}\n    pre_deployments:\n      migrate: {{buildspec: a.yml}}\n      check: {{buildspec: a.yml}}\n"
        for n in range(48)
    )
    (problem,) = problems(settings_of(source("GitHub") + stages))
    assert "IAM takes 10240" in problem.message
    assert problem.path == ("stages",)


def test_a_policy_that_is_longer_than_a_role_can_have() -> None:
    actions = ", ".join(f"'s3:GetObject{n}'" for n in range(800))
    policy = f"{{PolicyDocument: {{Statement: [{{Effect: Allow, Action: [{actions}], Resource: '*'}}]}}}}"
    (problem,) = problems(settings_of(source("GitHub") + f"build: {{additional_policy: {policy}}}\n" + SMALL))
    assert problem.path == ("build", "additional_policy")


def test_all_problems_are_found_at_once() -> None:
    text = source("GitHubV1", paths=["api/**"]) + "build: {image: aws/codebuild/windows-base}\n" + SMALL
    assert [problem.path for problem in problems(settings_of(text))] == [("source", "paths"), ("build", "image")]
