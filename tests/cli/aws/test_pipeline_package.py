"""`copilot pipeline package`, on AWS and on the local engine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from copilot.aws.applications import Applications
from copilot.aws.client import Aws
from copilot.aws.environments import Environments
from copilot.aws.templates.reading import read_template
from tests.cli.conftest import Cli

MANIFEST = """\
name: {name}
version: 1
source:
  provider: GitHub
  properties: {{repository: 'https://github.com/ana/shop', branch: {name}}}
stages: [{{name: test}}]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository's folder ``copilot``."""
    monkeypatch.chdir(tmp_path)
    folder = Path("copilot")
    (folder / "web").mkdir(parents=True)
    (folder / "web" / "manifest.yml").write_text("name: web\ntype: Backend Service\nimage: {location: 'nginx:1'}\n")
    (folder / ".workspace").write_text("application: shop\nengine: aws\n")
    add(folder, "main")
    return folder


def add(folder: Path, name: str) -> None:
    place = folder / "pipelines" / name
    place.mkdir(parents=True)
    (place / "manifest.yml").write_text(MANIFEST.format(name=name))
    (place / "buildspec.yml").write_text("version: 0.2\nphases: {build: {commands: [copilot pipeline build]}}\n")


def test_the_template_is_printed_or_written(aws: Aws, cli: Cli, folder: Path) -> None:
    Applications(aws, pause=0.01).create("shop")
    Environments(aws, pause=0.01).init("shop", "test")
    printed = cli.ok("pipeline", "package").stdout
    assert read_template(printed)["Resources"]["Pipeline"]["Properties"]["PipelineType"] == "V2"

    written = cli.ok("pipeline", "package", "--output-dir", "out")
    assert written.stdout == ""
    assert "wrote out/main.pipeline.stack.yml" in written.stderr
    assert Path("out/main.pipeline.stack.yml").read_text() == printed
    assert json.loads(Path("out/main.pipeline.params.json").read_text())["Tags"]["copilot-pipeline"] == "main"

    add(folder, "staging")
    several = cli("pipeline", "package")
    assert (several.exit_code, "`--name` is missing" in several.stderr) == (2, True)
    staging = cli.ok("pipeline", "package", "--name", "staging").stdout
    assert "BranchName: staging" in staging

    manifest = folder / "pipelines" / "main" / "manifest.yml"
    manifest.write_text(manifest.read_text().replace("provider: GitHub", "provider: GitHubV1"))
    refused = cli("pipeline", "package", "--name", "main")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "copilot/pipelines/main/manifest.yml:5:3: version 1 of GitHub's action takes a personal access token" in refused.stderr


def test_the_local_engine_has_no_template(cli: Cli, folder: Path) -> None:
    (folder / ".workspace").write_text("application: shop\nengine: local\n")
    refused = cli("pipeline", "package")
    assert refused.exit_code == 1
    assert "the local engine has no template of a pipeline" in refused.stderr
