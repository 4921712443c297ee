"""`copilot pipeline validate` on AWS: with all that is there, and with as much as can be asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from copilot.aws.client import Aws
from copilot.aws.store import Store
from copilot.workspace import Workspace
from tests.cli.aws.conftest import APP, write_manifest
from tests.cli.conftest import Cli

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
"""
PLACE = "account 123456789012, region us-east-1"
UNCHECKED = "Its environments, and what else it needs on AWS, were not checked: "


def write(text: str, name: str = "main") -> None:
    folder = Path("copilot", "pipelines", name)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.yml").write_text(text)
    (folder / "buildspec.yml").write_text("version: 0.2\nphases: {build: {commands: [make]}}\n")


def places(cli: Cli, *more: str) -> list[tuple[int, int, str]]:
    answer: dict[str, Any] = json.loads(cli("pipeline", "validate", "--json", *more).stdout)
    assert answer["valid"] is not answer["problems"]
    return [(each["line"], each["column"], each["message"]) for each in answer["problems"]]


@pytest.fixture
def web(home: Path) -> None:
    """A workspace with a service, whose application is nowhere."""
    del home
    Workspace.create(Path.cwd(), APP, "aws")
    write_manifest("web", "type: Backend Service\nimage: {location: 'nginx:1.27'}\n")
    write(MANIFEST)


def test_a_good_pipeline(shop: Aws, web: None, cli: Cli) -> None:
    result = cli.ok("pipeline", "validate")
    assert result.stdout == "copilot/pipelines/main/manifest.yml is valid: Source → Build → test\n"
    assert "not checked" not in result.stderr
    answer = json.loads(cli.ok("pipeline", "validate", "--json").stdout)
    assert (answer["valid"], answer["environmentsChecked"], answer["notChecked"]) == (True, True, [])


def test_all_that_aws_does_not_have_at_once(shop: Aws, web: None, cli: Cli) -> None:
    store = Store(shop)
    test = store.environment(APP, "test")
    store.create_environment(replace(test, name="bare", manager_role=""))
    text = MANIFEST.replace("branch: main", "branch: main\n    access_token_secret: github-token-shop")
    write(text + "  - name: bare\n  - name: nowhere\n    on_failure: retry\n")
    write_manifest("web", "type: Backend Service\nimage: {location: 'nginx:1.27'}\ncpu: 7\n")
    result = cli("pipeline", "validate")
    assert (result.exit_code, result.stdout) == (1, "")
    assert [line for line in result.stderr.splitlines() if line.startswith("error: ")] == [
        f"error: copilot/pipelines/main/manifest.yml:8:26: there is no secret `github-token-shop` in {PLACE}",
        "error: copilot/pipelines/main/manifest.yml:11:11: environment `bare` has no roles that a pipeline could take",
        "error: copilot/pipelines/main/manifest.yml:12:11: environment `nowhere` does not exist in application `shop`",
        "error: copilot/web/manifest.yml:4:6: `cpu` of a task on AWS cannot be 7",
    ]
    assert result.stderr.endswith("nothing was changed\n")


def test_a_secret_that_is_there(shop: Aws, web: None, cli: Cli) -> None:
    shop.secretsmanager.create_secret(Name="github-token-shop", SecretString="ghp_1")
    write(MANIFEST.replace("branch: main", "branch: main\n    access_token_secret: github-token-shop"))
    cli.ok("pipeline", "validate")


class Denied(BaseHTTPRequestHandler):
    """Answers as AWS does to those who may not ask."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        content = b'{"__type": "AccessDeniedException", "message": "no"}'
        self.send_response(400)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's own name
        """Nothing."""


@pytest.fixture
def no_connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An identity that may not list connections."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Denied) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_CODECONNECTIONS", f"http://127.0.0.1:{server.server_port}")
        yield
        server.shutdown()
        thread.join()


@pytest.mark.usefixtures("shop", "no_connections", "web")
def test_what_may_not_be_asked_is_said(cli: Cli) -> None:
    write(MANIFEST.replace("branch: main", "branch: main\n    connection_name: ours"))
    answer = json.loads(cli.ok("pipeline", "validate", "--json").stdout)
    assert answer["valid"] is True
    (sentence,) = answer["notChecked"]
    assert sentence == "not all that it needs on AWS was checked: these AWS credentials may not do ListConnections"


@pytest.mark.parametrize(
    ("without", "reason"),
    [
        (("AWS_REGION", "AWS_DEFAULT_REGION"), "no AWS region is set"),
        (("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "there are no AWS credentials"),
        ((), f"there is no application `shop` in {PLACE}"),
    ],
)
def test_without_aws_all_is_checked_that_needs_none(
    aws: Aws, web: None, cli: Cli, monkeypatch: pytest.MonkeyPatch, without: tuple[str, ...], reason: str
) -> None:
    for name in without:
        monkeypatch.delenv(name)
    result = cli.ok("pipeline", "validate")
    assert "is valid" in result.stdout
    assert result.stderr.endswith(f"{UNCHECKED}{reason}.\n")

    write(MANIFEST.replace("name: main", "name: ma.in") + "    on_failure: rollback\nexecution_mode: parallel\n")
    assert [place[:2] for place in places(cli)] == [(1, 7), (10, 17)]
    refused = cli("pipeline", "validate")
    assert refused.exit_code == 1
    assert f"{UNCHECKED}{reason}." in refused.stderr


def test_several_pipelines(shop: Aws, web: None, cli: Cli) -> None:
    write(MANIFEST.replace("name: main", "name: staging").replace("GitHub\n", "Git\n"), "staging")
    (place,) = places(cli)
    assert place == (4, 13, "CodePipeline cannot fetch from any git server")
    assert places(cli, "--name", "main") == []
    write(MANIFEST, "staging")
    (place,) = places(cli)
    assert place == (1, 7, "there is another pipeline `main`, in copilot/pipelines/main/manifest.yml")


@pytest.mark.parametrize("region", ["eu-west-1", ""])
def test_overrides_are_checked_as_well(web: None, cli: Cli, monkeypatch: pytest.MonkeyPatch, region: str) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent/config")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials")
    if region:
        monkeypatch.setenv("AWS_REGION", region)
    folder = Path("copilot", "pipelines", "main", "overrides")
    folder.mkdir()
    patch = "- op: replace\n  path: /Resources/Pipeline/Properties/ExecutionMode\n  value: QUEUED\n"
    (folder / "cfn.patches.yml").write_text(patch)
    assert places(cli) == []
    (folder / "cfn.patches.yml").write_text(patch.replace("Pipeline/", "Pipelines/"))
    (line, _, message) = places(cli)[0]
    assert (line, "Pipelines" in message) == (2, True)
    (folder / "cfn.patches.yml").write_text(patch)
    of_web = Path("copilot", "web", "overrides", "cfn.patches.yml")
    of_web.parent.mkdir()
    of_web.write_text("- op: remove\n")
    assert places(cli) != []


def test_packaging_says_the_same(shop: Aws, web: None, cli: Cli) -> None:
    before = shop.cloudformation.list_stacks()["StackSummaries"]
    write(MANIFEST + "    require_approval: true\n  - name: nowhere\n")
    said = [cli("pipeline", *command) for command in (("validate",), ("package",), ("update", "--yes"))]
    assert [result.exit_code for result in said] == [1, 1, 1]
    assert all("manifest.yml:10:5: unknown key `require_approval` in stage `test`" in result.stderr for result in said)
    write(MANIFEST + "  - name: nowhere\n    on_failure: rollback\nexecution_mode: parallel\n")
    said = [cli("pipeline", *command) for command in (("validate",), ("package",), ("update", "--yes"))]
    assert all("manifest.yml:10:11: environment `nowhere` does not exist" in result.stderr for result in said)
    assert all("manifest.yml:11:17: CodePipeline does not roll back" in result.stderr for result in said)
    assert shop.cloudformation.list_stacks()["StackSummaries"] == before
