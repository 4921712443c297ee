"""`copilot pipeline init` on AWS: how CodePipeline reaches the repository, and what is written."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from copilot.aws.client import Aws
from copilot.aws.records import ApplicationRecord, EnvironmentRecord
from copilot.aws.store import Store
from copilot.workspace import Workspace
from tests import aws_copilot, gitrepo
from tests.aws.conftest import ACCOUNT, REGION
from tests.cli.conftest import Cli, Terminals

GITHUB = "https://github.com/kohidave/demo-api-frontend"
SECRET = "github-token-shop-demo-api-frontend"
TOKEN = "ghp_do_not_write_me_down"
MANIFEST = Path("copilot/pipeline.yml")
BUILDSPEC = Path("copilot/buildspec.yml")
INIT = ("pipeline", "init", "--environments", "test,prod")


@pytest.fixture
def shop(aws: Aws, home: Path) -> Aws:
    """Application `shop` with two environments, of which AWS has no more than the records, and a repository that is on GitHub."""
    del home
    store = Store(aws)
    store.create_application(ApplicationRecord("shop", ACCOUNT))
    for name in ("prod", "test"):
        role = f"arn:aws:iam::{ACCOUNT}:role/shop-{name}"
        store.create_environment(EnvironmentRecord("shop", name, REGION, ACCOUNT, execution_role=role, manager_role=role))
    Workspace.create(Path.cwd(), "shop", "aws")
    Path("copilot/web").mkdir()
    Path("copilot/web/manifest.yml").write_text("name: web\ntype: Backend Service\nimage: {location: 'nginx:1'}\n")
    gitrepo.run(Path.cwd(), "init", ".")
    gitrepo.run(Path.cwd(), "remote", "add", "origin", f"{GITHUB}.git")
    return aws


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """A server of AWS; the answer is its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def answer(handler: BaseHTTPRequestHandler, code: int, body: Any) -> None:
    content = json.dumps(body).encode()
    handler.send_response(code)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


class Connections(BaseHTTPRequestHandler):
    """Answers as CodeConnections does."""

    known: tuple[tuple[str, str, str], ...] = ()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        assert self.headers["X-Amz-Target"].endswith(".ListConnections")
        listed = [
            {
                "ConnectionName": name,
                "ConnectionArn": f"arn:aws:codeconnections:{REGION}:{ACCOUNT}:connection/{number}",
                "ProviderType": provider,
                "ConnectionStatus": status,
            }
            for number, (name, provider, status) in enumerate(self.known)
        ]
        answer(self, 200, {"Connections": listed})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's own name
        """Nothing."""


@pytest.fixture
def connections(shop: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    del shop  # first AWS as a whole, then this in a part of its place
    known = (
        ("ours", "GitHub", "AVAILABLE"),
        ("waiting", "GitHub", "PENDING"),
        ("twice", "Bitbucket", "AVAILABLE"),
        ("twice", "GitHub", "ERROR"),
        ("twice", "GitHub", "AVAILABLE"),
        ("broken", "GitLab", "ERROR"),
        ("office", "GitHubEnterpriseServer", "AVAILABLE"),
        ("cellar", "GitLabSelfManaged", "AVAILABLE"),
        ("azure", "AzureDevOps", "AVAILABLE"),
    )
    with serving(type("Handler", (Connections,), {"known": known})) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CODECONNECTIONS", url)
        yield


def source() -> Any:
    return YAML(typ="safe").load(MANIFEST)["source"]


def token_of(aws: Aws) -> str:
    return aws.secretsmanager.get_secret_value(SecretId=SECRET)["SecretString"]


def test_the_guides_own_flow(shop: Aws, cli: Cli) -> None:
    result = cli.ok(*INIT, "--github-url", GITHUB, "--github-access-token", TOKEN)
    assert result.stdout == ""
    for line in (
        "Release order   test → prod",
        f"Repository      {GITHUB}   (remote origin)",
        "Branch          main   (the one you are on)",
        f"Token           kept in Secrets Manager as {SECRET}",
        "Wrote copilot/pipeline.yml    where a push goes, in which order",
        'git add copilot && git commit -m "Adding Pipeline Buildspec" && git push --set-upstream origin main',
    ):
        assert line in result.stderr
    properties = {"repository": GITHUB, "branch": "main", "access_token_secret": SECRET}
    assert source() == {"provider": "GitHub", "properties": properties}
    assert YAML(typ="safe").load(MANIFEST)["name"] == "pipeline-shop-kohidave-demo-api-frontend"
    assert token_of(shop) == TOKEN
    tags = shop.secretsmanager.describe_secret(SecretId=SECRET)["Tags"]
    assert tags == [{"Key": "copilot-application", "Value": "shop"}]
    assert TOKEN not in result.stderr
    assert not any(TOKEN in path.read_text() for path in Path("copilot").rglob("*") if path.is_file())


def test_a_token_that_is_there_is_used_and_one_that_is_given_replaces_it(shop: Aws, cli: Cli) -> None:
    shop.secretsmanager.create_secret(Name=SECRET, SecretString="ghp_old")
    assert f"there already, in Secrets Manager as {SECRET}" in cli.ok(*INIT).stderr
    assert token_of(shop) == "ghp_old"
    replaced = cli.ok(*INIT, "-t", "ghp_new")
    assert f"kept in Secrets Manager as {SECRET}   (in place of the one that was there)" in replaced.stderr
    assert "Kept  copilot/pipeline.yml" in replaced.stderr
    assert token_of(shop) == "ghp_new"

    shop.secretsmanager.delete_secret(SecretId=SECRET)
    assert "it was scheduled for deletion, and is restored" in cli.ok(*INIT, "-t", "ghp_newest").stderr
    assert token_of(shop) == "ghp_newest"


def test_the_token_of_another_application_is_left_alone(shop: Aws, cli: Cli) -> None:
    tags = [{"Key": "copilot-application", "Value": "shop-demo"}]
    shop.secretsmanager.create_secret(Name=SECRET, SecretString="ghp_theirs", Tags=tags)  # type: ignore[arg-type]  # literal keys
    refused = cli(*INIT, "-t", TOKEN)
    assert (refused.exit_code, "belongs to application `shop-demo`" in refused.stderr) == (1, True)
    assert token_of(shop) == "ghp_theirs"
    assert not MANIFEST.exists()
    assert "a new one to GitHub" in cli.ok(*INIT, "-t", "").stderr


def test_without_a_token_a_connection_will_be_made(shop: Aws, cli: Cli) -> None:
    for url, provider in (
        (f"{GITHUB}.git", "GitHub"),
        ("git@gitlab.com:shops/ana/shop.git", "GitLab"),
        ("https://bitbucket.org/ana/shop", "Bitbucket"),
    ):
        gitrepo.run(Path.cwd(), "remote", "set-url", "origin", url)
        result = cli.ok(*INIT, "--overwrite")
        assert f"Connection      a new one to {provider}, which `copilot pipeline update` makes" in result.stderr
        assert "a person allows it once in the console" in result.stderr
        assert source()["provider"] == provider
        assert set(source()["properties"]) == {"repository", "branch"}
        cli.ok("pipeline", "validate")


CODECOMMIT = (
    f"codecommit::{REGION}://shop",
    "codecommit://shop",
    "codecommit://ana@shop",
    f"https://git-codecommit.{REGION}.amazonaws.com/v1/repos/shop",
    f"ssh://APKAEXAMPLE@git-codecommit.{REGION}.amazonaws.com/v1/repos/shop",
    f"https://{REGION}.console.aws.amazon.com/codesuite/codecommit/repositories/shop/browse",
)


@pytest.mark.usefixtures("shop")
def test_codecommit_needs_nothing(cli: Cli) -> None:
    repository = f"https://git-codecommit.{REGION}.amazonaws.com/v1/repos/shop"
    for url in CODECOMMIT:
        for flags in ([], ["--url", url]):
            gitrepo.run(Path.cwd(), "remote", "set-url", "origin", GITHUB if flags else url)
            result = cli.ok(*INIT, "--overwrite", *flags)
            assert ("(remote origin)" in result.stderr) == (not flags)
            assert "Token" not in result.stderr
            assert source() == {"provider": "CodeCommit", "properties": {"repository": repository, "branch": "main"}}
    cli.ok("pipeline", "validate")


@pytest.mark.usefixtures("shop", "connections")
def test_a_connection_that_exists_is_named(cli: Cli) -> None:
    for url, name, provider in (
        (GITHUB, "ours", "GitHub"),
        (GITHUB, "waiting", "GitHub"),
        (GITHUB, "twice", "GitHub"),
        ("https://git.ana.example/ana/shop", "office", "GitHub"),
        ("ssh://git@git.ana.example:2222/team/ana/shop.git", "cellar", "GitLab"),
    ):
        result = cli.ok(*INIT, "--overwrite", "--url", url, "--connection-name", name)
        assert f"Connection      {name}" in result.stderr
        assert ("it waits until a person allows it" in result.stderr) == (name == "waiting")
        assert source()["provider"] == provider
        assert source()["properties"]["connection_name"] == name
        cli.ok("pipeline", "validate")


@pytest.mark.usefixtures("connections")
def test_what_cannot_be_is_refused_before_anything_is_written(shop: Aws, cli: Cli) -> None:
    codecommit = f"codecommit::{REGION}://shop"
    for arguments, code, message in (
        (["-t", TOKEN, "--connection-name", "ours"], 2, "cannot be used together"),
        (["-t", f"{TOKEN} x"], 2, "characters that no token has"),
        (["--connection-name", "theirs"], 1, "there is no connection `theirs` in account"),
        (
            ["--connection-name", "office"],
            1,
            "connection `office` is to GitHubEnterpriseServer, and the repository is `https://g",
        ),
        (["--url", "https://gitlab.com/a/b", "--connection-name", "broken"], 1, "connection `broken` is broken"),
        (["--url", "https://dev.azure.com/a/b", "--connection-name", "azure"], 1, "connection `azure` is to AzureDevOps"),
        (["--url", "https://gitlab.com/a/b", "-t", TOKEN], 2, "uses an access token only for GitHub"),
        (["--url", codecommit, "-t", TOKEN], 2, "uses an access token only for GitHub"),
        (["--url", codecommit, "--connection-name", "ours"], 2, "CodeCommit needs no connection"),
        (["--url", "codecommit::eu-west-1://shop"], 1, f"the repository is in eu-west-1, and the pipeline in {REGION}"),
        (["--url", "."], 1, "which is on this disk"),
        (["--url", "https://git.ana.example/ana/shop"], 1, "AWS does not know `git.ana.example`"),
        (["--environments", "staging"], 1, "application `shop` has no environment `staging`"),
        (["--pipeline-type", "Environments"], 1, "not supported yet"),
    ):
        result = cli(*INIT, *arguments)
        assert (result.exit_code, message in result.stderr) == (code, True), result.stderr
        assert TOKEN not in result.stderr
    assert not MANIFEST.exists()
    assert not BUILDSPEC.exists()
    assert shop.secretsmanager.list_secrets()["SecretList"] == []


class Refusing(BaseHTTPRequestHandler):
    """Secrets Manager that lets nobody make a secret."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        making = self.headers["X-Amz-Target"].endswith(".CreateSecret")
        error = "AccessDeniedException" if making else "ResourceNotFoundException"
        answer(self, 400, {"__type": error, "message": "no"})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's own name
        """Nothing."""


@pytest.mark.usefixtures("shop")
def test_files_are_as_they_were_when_the_token_cannot_be_kept(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    BUILDSPEC.write_text("version: 0.2\nphases: {build: {commands: [make]}}\n")
    before = BUILDSPEC.read_bytes()
    with serving(Refusing) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", url)
        for name in ((), ("--name", "new")):
            result = cli(*INIT, "--overwrite", "-t", TOKEN, *name)
            assert result.exit_code == 1
            assert TOKEN not in result.stderr
            assert "Wrote" not in result.stderr
    assert sorted(str(path) for path in Path("copilot").rglob("*") if path.is_file()) == [
        "copilot/.workspace",
        "copilot/buildspec.yml",
        "copilot/web/manifest.yml",
    ]
    assert not Path("copilot/pipelines").exists()
    assert BUILDSPEC.read_bytes() == before


def test_the_questions_are_answered_on_a_terminal(shop: Aws, terminal: Terminals) -> None:
    session = terminal("pipeline", "init")
    session.wait_for("Which environments should a push release to, in order?")
    session.wait_for("» prod")
    session.type("\x1b[B\r")
    session.wait_for("(that is all)")
    session.type("\r")
    session.wait_for("Release order   test → prod")
    session.wait_for("GitHub personal access token (repo, admin:repo_hook); enter: a connection:")
    session.type(f"{TOKEN}\r")
    session.wait_for(f"kept in Secrets Manager as {SECRET}")
    session.wait_for("Next")
    assert session.finish() == 0
    assert TOKEN not in session.raw
    assert token_of(shop) == TOKEN


@pytest.mark.usefixtures("shop", "connections")
def test_a_connection_is_picked_on_a_terminal(terminal: Terminals) -> None:
    session = terminal("pipeline", "init", "-e", "test")
    session.wait_for("enter: a connection:")
    session.type("\r")
    session.wait_for("Which connection leads to it?")
    session.wait_for("(a new one)")
    session.type("\r")
    session.wait_for("Connection      ours")
    session.wait_for("Next")
    assert session.finish() == 0
    assert source()["properties"]["connection_name"] == "ours"


@pytest.mark.usefixtures("shop")
def test_ctrl_c_leaves_nothing(terminal: Terminals) -> None:
    session = terminal("pipeline", "init", "-e", "test")
    session.wait_for("enter: a connection:")
    session.type("\x03")
    assert session.finish() == 130
    assert not MANIFEST.exists()
    assert not BUILDSPEC.exists()


def test_pipelines_of_aws_copilot_are_gone_on_with(shop: Aws, cli: Cli) -> None:
    Path("copilot/.workspace").write_text("application: shop\n")
    MANIFEST.write_text(
        aws_copilot.MANIFEST.format(name="pipeline-shop").replace("main\n", f"main\n    access_token_secret: {SECRET}\n")
    )
    BUILDSPEC.write_text(aws_copilot.BUILDSPEC)
    missing = cli("pipeline", "init")
    assert missing.exit_code == 1
    assert f"copilot/pipeline.yml:7:26: there is no secret `{SECRET}`" in missing.stderr

    fine = cli.ok("pipeline", "init", "-t", TOKEN)
    assert f"Token kept as {SECRET}" in fine.stderr
    assert token_of(shop) == TOKEN
    assert "copilot/buildspec.yml was made by AWS Copilot, and builds with AWS Copilot 1.34.1." in fine.stderr
    assert "It keeps working on AWS." in fine.stderr
    assert "The pipeline is valid; nothing to write." in fine.stderr
    assert fine.stderr.endswith("Next   copilot pipeline update\n")
    assert BUILDSPEC.read_text() == aws_copilot.BUILDSPEC

    refreshed = cli.ok("pipeline", "init", "--overwrite")
    assert "The pipeline is valid; wrote copilot/buildspec.yml." in refreshed.stderr
    assert "copilot-linux" not in BUILDSPEC.read_text()

    BUILDSPEC.write_text(aws_copilot.EARLY_BUILDSPEC)
    MANIFEST.write_text(MANIFEST.read_text() + "build: {image: 'aws/codebuild/amazonlinux2-x86_64-standard:3.0'}\n")
    old = cli.ok("pipeline", "init", "--overwrite").stderr
    assert "which do not know the runtime `docker`" in old
    assert "needs Python 3.11 or newer in its image, aws/codebuild/amazonlinux2-x86_64-standard:3.0" in old


@pytest.mark.usefixtures("shop")
def test_without_aws_what_needs_none_is_checked(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    MANIFEST.write_text(aws_copilot.MANIFEST.format(name="p").replace("requires_approval", "require_approval"))
    BUILDSPEC.write_text(aws_copilot.BUILDSPEC)
    result = cli("pipeline", "init")
    assert result.exit_code == 1
    assert "has released to `prod` without an approval" in result.stderr
    assert "were not checked" in result.stderr
