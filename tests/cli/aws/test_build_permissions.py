"""Whether the roles of a pipeline allow every request that `copilot pipeline build` makes in CodeBuild."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from copilot.aws.applications import Applications
from copilot.aws.client import Aws
from copilot.aws.pipeline_package import package_pipeline
from copilot.aws.stacks import Stacks
from copilot.aws.store import Store
from copilot.workspace import Workspace
from tests.aws.conftest import ACCOUNT, REGION
from tests.aws.granted import place, role_policies
from tests.aws.iam import Need, missing
from tests.aws.requests import Request, recorded_requests
from tests.cli.aws import test_build as building
from tests.cli.aws.test_build import APP, COMMIT, WEB, write
from tests.cli.conftest import Cli
from tests.docker import DockerEngine, context
from tests.docs.ecr import lead_to
from tests.registry import serve

account = building.account
shop = building.shop
aws = building.aws

PUSH = ("BatchCheckLayerAvailability", "InitiateLayerUpload", "UploadLayerPart", "CompleteLayerUpload", "PutImage")
"""What ECR must allow for `docker push` (its user guide: "IAM permissions for pushing an image")."""
PULL = ("BatchGetImage", "GetDownloadUrlForLayer")
"""What it must allow for layers that are taken from an earlier image."""


def needs(requests: Sequence[Request], keys: Mapping[str, str]) -> Iterator[Need]:
    """What IAM must allow for requests. ``keys``: ARN of the key that each bucket is encrypted with."""
    for request in requests:
        name = f"{request.service}:{request.operation}"
        assert name in NEEDS, f"nothing is known here of what {name} needs"
        for action, resource in NEEDS[name](request.arguments, f"{request.region}:{ACCOUNT}"):
            yield Need(action, resource)
        if request.service == "s3":
            yield Need(
                "kms:GenerateDataKey" if request.operation == "PutObject" else "kms:Decrypt", keys[request.arguments["Bucket"]]
            )


_Found = Sequence[tuple[str, str]]


def _parameter(action: str, key: str = "Name") -> Callable[[Mapping[str, Any], str], _Found]:
    return lambda arguments, here: [(f"ssm:{action}", f"arn:aws:ssm:{here}:parameter{arguments[key]}")]


def _put_parameter(arguments: Mapping[str, Any], here: str) -> _Found:
    actions = ["ssm:PutParameter", *(["ssm:AddTagsToResource"] if arguments.get("Tags") else [])]
    return [(action, f"arn:aws:ssm:{here}:parameter{arguments['Name']}") for action in actions]


def _stack(action: str) -> Callable[[Mapping[str, Any], str], _Found]:
    def found(arguments: Mapping[str, Any], here: str) -> _Found:
        name = arguments["StackName"]
        return [
            (f"cloudformation:{action}", name if name.startswith("arn:") else f"arn:aws:cloudformation:{here}:stack/{name}/0a1b")
        ]

    return found


def _stack_set(action: str) -> Callable[[Mapping[str, Any], str], _Found]:
    return lambda arguments, here: [
        (f"cloudformation:{action}", f"arn:aws:cloudformation:{here}:stackset/{arguments['StackSetName']}:0a1b")
    ]


def _object(action: str) -> Callable[[Mapping[str, Any], str], _Found]:
    return lambda arguments, _: [(f"s3:{action}", f"arn:aws:s3:::{arguments['Bucket']}/{arguments['Key']}")]


def _repository(action: str) -> Callable[[Mapping[str, Any], str], _Found]:
    return lambda arguments, here: [(f"ecr:{action}", f"arn:aws:ecr:{here}:repository/{arguments['repositoryName']}")]


NEEDS: Mapping[str, Callable[[Mapping[str, Any], str], _Found]] = {
    "cloudformation:DescribeStackSet": _stack_set("DescribeStackSet"),
    "cloudformation:DescribeStacks": _stack("DescribeStacks"),
    "cloudformation:DescribeStackInstance": _stack_set("DescribeStackInstance"),
    "cloudformation:ListStackInstances": _stack_set("ListStackInstances"),
    "ecr:BatchGetImage": _repository("BatchGetImage"),
    "ecr:GetAuthorizationToken": lambda *_: [("ecr:GetAuthorizationToken", "*")],
    "ecr:PutImage": _repository("PutImage"),
    "s3:PutObject": _object("PutObject"),
    "ssm:GetParameter": _parameter("GetParameter"),
    "ssm:GetParametersByPath": _parameter("GetParametersByPath", "Path"),
    "ssm:PutParameter": _put_parameter,
    "sts:AssumeRole": lambda arguments, _: [("sts:AssumeRole", arguments["RoleArn"])],
    "sts:GetCallerIdentity": lambda *_: [],  # anybody may ask who they are
}
"""Actions and resources for requests, by the Service Authorization Reference."""


def check(aws: Aws, requests: Sequence[Request], *more: Need) -> None:
    """The build's role allows what was asked for as the build, an environment's manager role what was asked for with that."""
    workspace = Workspace.find(Path.cwd())
    (files,) = workspace.pipelines()
    package = package_pipeline(aws, workspace, files)
    stores = [Applications(aws).resources(APP, region) for region in (REGION, "eu-west-1")]
    keys = {each.bucket: each.key_arn for each in stores}
    own = [request for request in requests if not request.role]
    policies = role_policies(package.template, "BuildProjectRole", place(package.stack_name, REGION, ACCOUNT))
    assert missing([*needs(own, keys), *more], policies) == []
    assert {request.role for request in requests} - {""} == {record.manager_role for record in Store(aws).environments(APP)}
    for record in Store(aws).environments(APP):
        stacks = Stacks(aws.in_region(record.region))
        stack = stacks.require(f"{APP}-{record.name}")
        around = {**stack.parameters, **place(stack.name, record.region, ACCOUNT)}
        documents = role_policies(stacks.template(stack.name), "EnvironmentManagerRole", around)
        inside = [request for request in requests if request.role == record.manager_role]
        assert inside
        assert missing(needs(inside, keys), documents) == []


def test_a_build_that_uploads_and_claims(aws: Aws, cli: Cli) -> None:
    write("web.env", "COLOR=blue\n")
    write("copilot/web/manifest.yml", WEB + "env_file: web.env\n")
    write("copilot/web/addons/queue.yml", "Resources:\n  Queue:\n    Type: AWS::SQS::Queue\n")
    with recorded_requests() as requests:
        cli.ok("pipeline", "build")
    assert {"PutObject", "AssumeRole", "GetParametersByPath"} <= {request.operation for request in requests}
    check(aws, requests)


def test_a_build_that_pushes(aws: Aws, cli: Cli, docker: DockerEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context(Path("web"))
    write("copilot/web/manifest.yml", WEB.replace("location: 'nginx:1'", "build: {dockerfile: web/Dockerfile, context: web}"))
    monkeypatch.setenv("CODEBUILD_RESOLVED_SOURCE_VERSION", COMMIT)
    with serve(tmp_path / "registry") as registry:
        monkeypatch.setenv("PATH", f"{lead_to(registry.host, tmp_path / 'bin')}:{os.environ['PATH']}")
        with recorded_requests() as requests:
            result = cli("pipeline", "build")
        docker.ask("image", "rm", "--force", f"copilot/{APP}/web:latest")
    assert result.exit_code == 0, result.stderr
    repositories = [f"arn:aws:ecr:{region}:{ACCOUNT}:repository/{APP}/web" for region in (REGION, "eu-west-1")]
    pushing = [Need(f"ecr:{action}", repository) for action in (*PUSH, *PULL) for repository in repositories]
    check(aws, requests, *pushing)
