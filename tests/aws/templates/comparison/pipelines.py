"""What AWS Copilot makes of pipelines: for each of its sources and layouts, with all that their manifests can have.

Values are as `resolving` writes them. What differs on purpose is left out of both sides; docs/aws-differences.md tells why.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from copilot.aws.templates.pipeline.settings import PipelineSettings
from tests.aws.templates.comparison.parts import Resources, one
from tests.aws.templates.pipeline.pipelines import ACCOUNT, CONNECTION, REGION, settings_of, source, store

IMAGE = "aws/codebuild/amazonlinux2-x86_64-standard:5.0"
MANIFEST = f"""\
build:
  image: {IMAGE}
  buildspec: copilot/build.yml
  additional_policy:
    PolicyDocument:
      Version: 2012-10-17
      Statement: [{{Effect: Allow, Action: "s3:GetObject", Resource: "arn:aws:s3:::models/*"}}]
stages:
  - name: test
    test_commands: [make test]
  - name: prod-eu
    requires_approval: true
    pre_deployments:
      migrate: {{buildspec: copilot/migrate.yml}}
    deployments:
      api: {{depends_on: [db], stack_name: other-api, template_path: other/api.yml, template_config: other/api.json}}
      db:
    post_deployments:
      tell-us: {{buildspec: copilot/tell.yml}}
"""
CLONE = "output_artifact_format: CODEBUILD_CLONE_REF"
_TOKEN = {
    "Owner": "ana",
    "Repo": "shop",
    "Branch": "main",
    "OAuthToken": "{{resolve:secretsmanager:github-token-shop}}",
}


class Original:
    """A pipeline of AWS Copilot.

    Attributes:
        settings: What ours is made from for the same manifest.
        resources: What it has.
        outputs: Likewise.
    """

    def __init__(
        self,
        provider: str,
        properties: tuple[str, ...],
        action: tuple[str, str],
        configuration: Mapping[str, str],
        *,
        makes: str | None = None,
        connection: str | None = None,
        oldest: bool = False,
    ) -> None:
        self.settings: PipelineSettings = settings_of(
            source(provider, *properties) + MANIFEST,
            regions={"prod-eu": "eu-west-1"},
            connection_arn=connection,
            oldest_layout=oldest,
        )
        self.stack = "main" if oldest else "pipeline-shop-main"
        owner, named = action
        fetch = {
            "Name": "SourceCodeFor-shop",
            "ActionTypeId": {"Category": "Source", "Owner": owner, "Provider": named, "Version": "1"},
            "Configuration": dict(configuration),
            "OutputArtifacts": [{"Name": "SCCheckoutArtifact"}],
            "RunOrder": "1",
        }
        made = {"ConnectionName": makes, "ProviderType": provider} if makes else None
        self.resources: Resources = {
            **({"SourceConnection": one("CodeStarConnections::Connection", **made)} if made else {}),
            **_projects(self.stack),
            "PipelineRole": one("IAM::Role", Path="/"),
            "PipelineRolePolicy": _policy(self.stack, "CodepipelinePolicy", "PipelineRole"),
            "Pipeline": _pipeline(fetch, {"Name": self.stack} if oldest else {}),
        }
        used = "{SourceConnection}" if makes else connection
        self.outputs = {"PipelineConnectionARN": used} if used else {}


def _projects(stack: str) -> Resources:
    """The build, the tests, and what runs around deployments."""
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::models/*"}],
    }
    build = _project("BuildProjectRole", "copilot/build.yml", Name=f"{stack}-BuildProject")
    additional = one("IAM::Policy", PolicyName=f"{stack}-BuildProjectAdditionalPolicy", PolicyDocument=document)
    found: Resources = {
        "BuildProjectRole": one("IAM::Role", Path="/"),
        "BuildProjectPolicy": _policy(stack, "CodeBuildPolicy", "BuildProjectRole"),
        "BuildProjectAdditionalPolicy": additional,
        "BuildProject": build,
        "BuildTestCommandstest": one(
            "CodeBuild::Project", EncryptionKey="<shop-ArtifactKey>", Environment=_environment(with_image=False)
        ),
    }
    for project, buildspec in (
        ("PreprodeuDeploymentActionmigrate", "copilot/migrate.yml"),
        ("PostprodeuDeploymentActiontellus", "copilot/tell.yml"),
    ):
        found[f"{project}BuildProjectRole"] = one("IAM::Role", Path="/")
        found[project] = _project(f"{project}BuildProjectRole", buildspec, with_image=False)
    return found


def _project(role: str, buildspec: str, *, with_image: bool = True, **more: str) -> dict[str, Any]:
    return one(
        "CodeBuild::Project",
        **more,
        EncryptionKey="<shop-ArtifactKey>",
        ServiceRole=f"{{{role}.Arn}}",
        Artifacts={"Type": "CODEPIPELINE"},
        Cache={"Type": "LOCAL", "Modes": ["LOCAL_DOCKER_LAYER_CACHE"]},
        Environment=_environment(with_image=with_image),
        Source={"Type": "CODEPIPELINE", "BuildSpec": buildspec},
        TimeoutInMinutes="60",
    )


def _environment(*, with_image: bool) -> dict[str, Any]:
    variables = [
        {"Name": "AWS_ACCOUNT_ID", "Value": "{AWS::AccountId}"},
        {"Name": "PARTITION", "Value": "{AWS::Partition}"},
    ]
    own = {"Image": IMAGE, "EnvironmentVariables": variables} if with_image else {}
    return {"Type": "LINUX_CONTAINER", "ComputeType": "BUILD_GENERAL1_SMALL", "PrivilegedMode": "true", **own}


def _policy(stack: str, end: str, role: str) -> dict[str, Any]:
    return one("IAM::Policy", PolicyName=f"{stack}-{end}", Roles=[f"{{{role}}}"])


def _pipeline(fetch: dict[str, Any], named: dict[str, str]) -> dict[str, Any]:
    regions = ("eu-west-1", REGION)
    stages = [
        ("Source", [fetch]),
        ("Build", [_run("Build", "Build", "BuildProject", 1, OutputArtifacts=[{"Name": "BuildOutput"}])]),
        (
            "DeployTo-test",
            [
                _deploy("api", "test", 1),
                _deploy("db", "test", 1),
                _run("TestCommands", "Test", "BuildTestCommandstest", 2),
            ],
        ),
        (
            "DeployTo-prod-eu",
            [
                {
                    "Name": "ApprovePromotionTo-prod-eu",
                    "ActionTypeId": {"Category": "Approval", "Owner": "AWS", "Provider": "Manual", "Version": "1"},
                    "RunOrder": "1",
                },
                _run("migrate", "Build", "PreprodeuDeploymentActionmigrate", 2),
                _deploy("db", "prod-eu", 3),
                _deploy("api", "prod-eu", 4, stack="other-api", template="other/api.yml", parameters="other/api.json"),
                _run("tell-us", "Build", "PostprodeuDeploymentActiontellus", 5),
            ],
        ),
    ]
    return one(
        "CodePipeline::Pipeline",
        **named,
        ArtifactStores=[
            {
                "Region": region,
                "ArtifactStore": {
                    "Type": "S3",
                    "Location": store(region).bucket,
                    "EncryptionKey": {"Id": store(region).key_arn, "Type": "KMS"},
                },
            }
            for region in regions
        ],
        RoleArn="{PipelineRole.Arn}",
        Stages=[{"Name": name, "Actions": actions} for name, actions in stages],
    )


def _run(name: str, category: str, project: str, order: int, **more: Any) -> dict[str, Any]:
    return {
        "Name": name,
        "ActionTypeId": {"Category": category, "Owner": "AWS", "Provider": "CodeBuild", "Version": "1"},
        "Configuration": {"ProjectName": f"{{{project}}}"},
        "InputArtifacts": [{"Name": "SCCheckoutArtifact"}],
        "RunOrder": str(order),
        **more,
    }


def _deploy(
    workload: str, environment: str, order: int, *, stack: str = "", template: str = "", parameters: str = ""
) -> dict[str, Any]:
    role = f"arn:aws:iam::{ACCOUNT}:role/shop-{environment}"
    stem = f"infrastructure/{workload}-{environment}"
    return {
        "Name": f"CreateOrUpdate-{workload}-{environment}",
        "ActionTypeId": {"Category": "Deploy", "Owner": "AWS", "Provider": "CloudFormation", "Version": "1"},
        "Configuration": {
            "ActionMode": "CREATE_UPDATE",
            "StackName": stack or f"shop-{environment}-{workload}",
            "Capabilities": "CAPABILITY_IAM,CAPABILITY_NAMED_IAM,CAPABILITY_AUTO_EXPAND",
            "TemplatePath": f"BuildOutput::{template or f'{stem}.stack.yml'}",
            "TemplateConfiguration": f"BuildOutput::{parameters or f'{stem}.params.json'}",
            "RoleArn": f"{role}-CFNExecutionRole",
        },
        "InputArtifacts": [{"Name": "BuildOutput"}],
        "Region": REGION if environment == "test" else "eu-west-1",
        "RoleArn": f"{role}-EnvManagerRole",
        "RunOrder": str(order),
    }


def _connected(arn: str, repository: str, *, clone: bool = False) -> dict[str, str]:
    format_ = {"OutputArtifactFormat": "CODEBUILD_CLONE_REF"} if clone else {}
    return {"ConnectionArn": arn, "FullRepositoryId": repository, "BranchName": "main", **format_}


_GITHUB, _CODESTAR, _CODECOMMIT = ("ThirdParty", "GitHub"), ("AWS", "CodeStarSourceConnection"), ("AWS", "CodeCommit")
_REPOSITORY = {"RepositoryName": "shop", "BranchName": "main"}
_NEW = "{SourceConnection}"

ORIGINALS: Mapping[str, Original] = {
    "token": Original("GitHubV1", (), _GITHUB, _TOKEN),
    "token of a manifest before connections": Original(
        "GitHub", ("access_token_secret: github-token-shop",), _GITHUB, _TOKEN, oldest=True
    ),
    "token, oldest layout": Original("GitHubV1", (), _GITHUB, _TOKEN, oldest=True),
    "GitHub": Original("GitHub", (), _CODESTAR, _connected(_NEW, "ana/shop"), makes="copilot-ana-shop"),
    "GitHub with the history, oldest layout": Original(
        "GitHub", (CLONE,), _CODESTAR, _connected(_NEW, "ana/shop", clone=True), makes="copilot-ana-shop", oldest=True
    ),
    "GitHub with a connection": Original(
        "GitHub", ("connection_name: ours",), _CODESTAR, _connected(CONNECTION, "ana/shop"), connection=CONNECTION
    ),
    "Bitbucket": Original("Bitbucket", (), _CODESTAR, _connected(_NEW, "ana/shop"), makes="copilot-ana-shop"),
    "Bitbucket with the history, oldest layout": Original(
        "Bitbucket", (CLONE,), _CODESTAR, _connected(_NEW, "ana/shop", clone=True), makes="copilot-ana-shop", oldest=True
    ),
    "CodeCommit": Original("CodeCommit", (), _CODECOMMIT, _REPOSITORY),
    "CodeCommit with the history, oldest layout": Original(
        "CodeCommit", (CLONE,), _CODECOMMIT, {**_REPOSITORY, "OutputArtifactFormat": "CODEBUILD_CLONE_REF"}, oldest=True
    ),
}

ADDED = frozenset({"SourceChangeRole", "SourceChangeRule"})
"""Logical IDs of resources that only ours have; and each project besides the build has a policy, and the tests a role."""

OTHERWISE: Mapping[str, frozenset[str]] = {
    "AWS::CodeBuild::Project": frozenset({"Description"}),
    "AWS::CodePipeline::Pipeline": frozenset({"ExecutionMode", "PipelineType"}),
    "AWS::IAM::Policy": frozenset({"PolicyDocument"}),
    "AWS::IAM::Role": frozenset({"AssumeRolePolicyDocument", "ManagedPolicyArns", "Policies"}),
}
"""Properties whose values differ, by the type of the resource. Policies are there for what they allow."""

OF_TESTS = frozenset({"Artifacts", "ServiceRole", "Source", "TimeoutInMinutes"})
"""Properties of the projects of tests whose values differ too."""

OF_ENVIRONMENT_PROJECTS = frozenset({"EnvironmentVariables", "Image"})
"""What differs in the ``Environment`` of all projects besides the build."""

OF_ACTIONS: Mapping[str, frozenset[str]] = {
    "Approval": frozenset({"Configuration", "TimeoutInMinutes"}),
    "Source": frozenset({"Namespace"}),
}
"""Properties of actions that only ours have, by category."""


def alike(resources: Mapping[str, Any]) -> Resources:
    """Our resources, with the properties that are the same in AWS Copilot's."""
    return {name: _alike(name, each) for name, each in resources.items() if name not in ADDED and not _is_of_projects(name)}


def _is_of_projects(name: str) -> bool:
    of_tests = name.startswith("BuildTestCommands")
    return (name.endswith("BuildProjectPolicy") and name != "BuildProjectPolicy") or (
        of_tests and name.endswith("BuildProjectRole")
    )


def _alike(name: str, resource: Mapping[str, Any]) -> dict[str, Any]:
    without = set(OTHERWISE.get(resource["Type"], frozenset()))
    if name == "BuildProjectAdditionalPolicy":
        without = {"Roles"}
    if name.startswith("BuildTestCommands"):
        without |= OF_TESTS
    properties = {key: value for key, value in resource["Properties"].items() if key not in without}
    if resource["Type"] == "AWS::CodeBuild::Project" and name != "BuildProject":
        kept = {key: value for key, value in properties["Environment"].items() if key not in OF_ENVIRONMENT_PROJECTS}
        properties["Environment"] = kept
    if resource["Type"] == "AWS::CodePipeline::Pipeline":
        stages = properties["Stages"]
        properties["Stages"] = [{**stage, "Actions": [_action(action) for action in stage["Actions"]]} for stage in stages]
    return {"Type": resource["Type"], "Properties": properties}


def _action(action: Mapping[str, Any]) -> dict[str, Any]:
    without = OF_ACTIONS.get(action["ActionTypeId"]["Category"], frozenset())
    found = {key: value for key, value in action.items() if key not in without}
    if found["ActionTypeId"]["Provider"] == "CodeCommit":
        found["Configuration"] = {key: value for key, value in found["Configuration"].items() if key != "PollForSourceChanges"}
    return found
