"""A pipeline's stack from what AWS says, with an emulator of it; it knows no connections, so those have a server of their own."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from copilot.aws.applications import Applications
from copilot.aws.client import Aws, connect
from copilot.aws.environments import Environments
from copilot.aws.pipeline_package import PipelinePackage, check_size, inspect_pipeline, package_pipeline
from copilot.aws.stack_values import StackRequest
from copilot.aws.stacks import Stacks
from copilot.aws.store import Store
from copilot.aws.templates.reading import read_template
from copilot.errors import ManifestError, NotFoundError, UnsupportedError
from copilot.workspace import Workspace
from tests.aws.conftest import ACCOUNT, REGION, empty_account

MANIFEST = """\
name: main
version: 1
source:
  provider: GitHub
  properties:
    repository: https://github.com/ana/shop
    branch: main
stages:
  - name: test
  - name: prod
"""
ARN = f"arn:aws:codeconnections:{REGION}:{ACCOUNT}:connection/2"
STACK = "Resources: {Queue: {Type: 'AWS::SQS::Queue'}}\n"


@pytest.fixture(scope="module")
def aws(emulator: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """An account with an application, which has an environment in this region and another one elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        aws = empty_account(emulator, tmp_path_factory.mktemp("no-aws"), patch)
        Applications(aws, pause=0.01).create("shop", tags={"team": "ana"})
        environments = Environments(aws, pause=0.01)
        environments.init("shop", "test")
        environments.init("shop", "prod", aws.in_region("eu-west-1"))
        yield aws


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace.create(tmp_path, "shop", "aws")
    (workspace.folder / "web").mkdir()
    (workspace.folder / "web" / "manifest.yml").write_text("name: web\ntype: Backend Service\nimage: {location: 'nginx:1'}\n")
    write(workspace, MANIFEST)
    return workspace


def write(workspace: Workspace, manifest: str) -> None:
    files = workspace.pipeline_files("main")
    files.manifest.parent.mkdir(parents=True, exist_ok=True)
    files.manifest.write_text(manifest)
    files.buildspec.write_text("version: 0.2\nphases: {build: {commands: [copilot pipeline build]}}\n")


def package(aws: Aws, workspace: Workspace) -> PipelinePackage:
    return package_pipeline(aws, workspace, workspace.pipeline("main"))


def test_environments_and_resources_are_those_of_the_account(aws: Aws, workspace: Workspace, tmp_path: Path) -> None:
    made = package(aws, workspace)
    assert made.stack_name == "pipeline-shop-main"
    assert made.tags == {"team": "ana", "copilot-application": "shop", "copilot-pipeline": "main"}
    pipeline = read_template(made.template)["Resources"]["Pipeline"]["Properties"]
    assert "Name" not in pipeline
    stores = {each["Region"]: each["ArtifactStore"] for each in pipeline["ArtifactStores"]}
    there = {region: Applications(aws).resources("shop", region) for region in (REGION, "eu-west-1")}
    assert {region: store["Location"] for region, store in stores.items()} == {r: each.bucket for r, each in there.items()}
    assert {region: store["EncryptionKey"]["Id"] for region, store in stores.items()} == {r: e.key_arn for r, e in there.items()}
    deploy = pipeline["Stages"][-1]["Actions"][0]
    record = Store(aws).environment("shop", "prod")
    assert (deploy["Region"], deploy["RoleArn"]) == ("eu-west-1", record.manager_role)
    assert deploy["Configuration"]["RoleArn"] == record.execution_role

    template, configuration = made.write(tmp_path / "out")
    assert (template.name, configuration.name) == ("main.pipeline.stack.yml", "main.pipeline.params.json")
    assert template.read_text() == made.template
    assert json.loads(configuration.read_text()) == {"Parameters": {}, "Tags": dict(made.tags)}
    assert package(aws, workspace) == made


def test_a_pipeline_of_the_oldest_layout_keeps_its_name(aws: Aws, workspace: Workspace) -> None:
    stacks = Stacks(aws, pause=0.01)
    stacks.deploy(StackRequest("main", STACK, {}, {"copilot-application": "another"}))
    assert package(aws, workspace).stack_name == "pipeline-shop-main"
    stacks.delete("main")
    stacks.deploy(StackRequest("main", STACK, {}, {"copilot-application": "shop"}))
    made = package(aws, workspace)
    assert made.stack_name == "main"
    assert "copilot-pipeline" not in made.tags
    assert read_template(made.template)["Resources"]["Pipeline"]["Properties"]["Name"] == {"Ref": "AWS::StackName"}
    stacks.delete("main")


def test_all_that_is_wrong_has_its_place(aws: Aws, workspace: Workspace) -> None:
    write(workspace, MANIFEST.replace("- name: prod", "- name: prood"))
    with pytest.raises(ManifestError) as unknown:
        package(aws, workspace)
    (diagnostic,) = unknown.value.diagnostics
    assert (diagnostic.line, "environment `prood` does not exist" in diagnostic.message) == (10, True)

    token = "  paths: [a]\n  properties:\n    access_token_secret: github-token\n"
    write(workspace, MANIFEST.replace("  properties:\n", token) + "build: {image: aws/codebuild/windows-base}\n")
    with pytest.raises(ManifestError) as refused:
        package(aws, workspace)
    assert [diagnostic.line for diagnostic in refused.value.diagnostics] == [5, 13]


def test_what_aws_does_not_have(aws: Aws, workspace: Workspace) -> None:
    with pytest.raises(NotFoundError, match="no application `shop` in account"):
        package(aws.in_region("us-west-2"), workspace)
    record = Store(aws).environment("shop", "test")
    Store(aws).create_environment(replace(record, name="bare", manager_role=""))
    write(workspace, MANIFEST.replace("name: prod", "name: bare"))
    with pytest.raises(ManifestError) as bare:
        package(aws, workspace)
    (diagnostic,) = bare.value.diagnostics
    assert (diagnostic.line, "environment `bare` has no roles" in diagnostic.message) == (10, True)


def test_a_token_must_be_there_for_a_pipeline_that_is_to_run(aws: Aws, workspace: Workspace) -> None:
    write(workspace, MANIFEST.replace("branch: main", "branch: main\n    access_token_secret: github-token-of-ana"))
    package(aws, workspace)
    files = workspace.pipeline("main")
    with pytest.raises(ManifestError) as missing:
        inspect_pipeline(aws, workspace, files, to_run=True)
    (diagnostic,) = missing.value.diagnostics
    assert (diagnostic.line, "there is no secret `github-token-of-ana`" in diagnostic.message) == (8, True)
    aws.secretsmanager.create_secret(Name="github-token-of-ana", SecretString="ghp_1")
    inspect_pipeline(aws, workspace, files, to_run=True)


def test_a_template_may_be_too_big_for_cloudformation() -> None:
    check_size("pipeline-shop-main", "x" * 1_000_000)
    with pytest.raises(UnsupportedError, match="has 1,000,001 bytes; CloudFormation takes at most 1,000,000"):
        check_size("pipeline-shop-main", "x" * 1_000_001)
    resources = "Resources:\n" + "".join(f"  Queue{n}:\n    Type: AWS::SQS::Queue\n" for n in range(500))
    check_size("pipeline-shop-main", resources)
    with pytest.raises(UnsupportedError, match="has 501 resources; CloudFormation takes at most 500") as refused:
        check_size("pipeline-shop-main", resources + "  One:\n    Type: AWS::SQS::Queue\n")
    assert refused.value.hint == "divide the pipeline into several, each with some of the environments or workloads"


class Connections(BaseHTTPRequestHandler):
    """Answers as CodeConnections does: here, one connection on each page."""

    def do_POST(self) -> None:
        asked: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.headers["X-Amz-Target"].endswith(".ListConnections")
        number = int(asked.get("NextToken", "1"))
        name, arn = f"ours-{number}", f"{ARN[:-1]}{number}"
        connection = {"ConnectionName": name, "ConnectionArn": arn, "ProviderType": "GitHub", "ConnectionStatus": "AVAILABLE"}
        answer = {"Connections": [connection], **({"NextToken": str(number + 1)} if number < 3 else {})}
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's own name
        """Nothing."""


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Connections) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_CODECONNECTIONS", f"http://127.0.0.1:{server.server_port}")
        yield
        server.shutdown()
        thread.join()


@pytest.mark.usefixtures("aws", "connections")
def test_a_connection_is_found_by_its_name(workspace: Workspace) -> None:
    write(workspace, MANIFEST.replace("branch: main", "branch: main\n    connection_name: ours-2"))
    template = read_template(package(connect(), workspace).template)
    assert "SourceConnection" not in template["Resources"]
    assert template["Outputs"]["PipelineConnectionARN"]["Value"] == ARN

    write(workspace, MANIFEST.replace("branch: main", "branch: main\n    connection_name: theirs"))
    with pytest.raises(ManifestError) as missing:
        package(connect(), workspace)
    (diagnostic,) = missing.value.diagnostics
    assert diagnostic.line == 8
    assert "there is no connection `theirs`" in diagnostic.message
    assert diagnostic.hint == "there is: ours-1, ours-2, ours-3"
