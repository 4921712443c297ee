"""Changes to templates that no manifest has a key for: pipelines, workloads and environments."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from copilot.aws.client import Aws
from copilot.aws.pipeline_lookup import without_aws
from copilot.aws.pipeline_package import inspect_pipeline, override_faults
from copilot.aws.stacks import Stacks
from copilot.aws.templates.reading import read_template
from copilot.errors import ManifestError
from copilot.manifest.loader import load
from copilot.manifest.pipeline import PipelineManifest
from copilot.validation import check_pipeline
from copilot.workspace import Workspace
from tests.cli.aws.conftest import WEB, write_manifest
from tests.cli.aws.test_pipeline_package import add
from tests.cli.conftest import Cli


@pytest.fixture
def folder(shop: Aws) -> Path:
    """The folder ``copilot`` of a repository with a pipeline, a service and a job."""
    del shop
    folder = Path("copilot").absolute()
    write_manifest("web", WEB)
    write_manifest("report", "type: Scheduled Job\nimage: {location: 'nginx:1.27'}\non: {schedule: '@daily'}\n")
    add(folder, "main")
    return folder


def uncomment(path: Path) -> None:
    """Make the example of a file a change."""
    lines = path.read_text().splitlines(keepends=True)
    start = next(i for i, line in enumerate(lines) if line.startswith("# - op"))
    path.write_text("".join([*lines[:start], *(line.removeprefix("# ") for line in lines[start:])]))


@pytest.mark.parametrize(
    ("command", "package", "place", "changed"),
    [
        (
            ("pipeline", "override"),
            ("pipeline", "package"),
            "pipelines/main/overrides",
            ("BuildProject", "QueuedTimeoutInMinutes", 60),
        ),
        (
            ("svc", "override", "--name", "web", "--env", "test"),
            ("svc", "package", "--name", "web", "--env", "test"),
            "web/overrides",
            ("LogGroup", "RetentionInDays", 90),
        ),
        (
            ("job", "override", "--tool", "yamlpatch", "--skip-resources"),
            ("job", "package", "--env", "test"),
            "report/overrides",
            ("LogGroup", "RetentionInDays", 90),
        ),
        (
            ("env", "override", "--name", "test"),
            ("env", "package", "--name", "test"),
            "environments/overrides",
            ("Cluster", "Tags", [{"Key": "team", "Value": "web"}]),
        ),
    ],
    ids=["pipeline", "svc", "job", "env"],
)
def test_the_example_in_the_files_is_a_change_that_works(
    cli: Cli, folder: Path, command: tuple[str, ...], package: tuple[str, ...], place: str, changed: tuple[str, str, object]
) -> None:
    if command[0] == "env":
        path = folder / "environments/test/manifest.yml"
        path.parent.mkdir(parents=True)
        path.write_text("name: test\ntype: Environment\n")
    before = cli.ok(*package).stdout
    written = cli.ok(*command).stderr
    assert f"wrote copilot/{place}/cfn.patches.yml" in written
    assert f"wrote copilot/{place}/README.md" in written
    assert cli.ok(*package).stdout == before

    uncomment(folder / place / "cfn.patches.yml")
    assert "kept" in cli.ok(*command).stderr
    after = read_template(cli.ok(*package).stdout)
    logical_id, key, value = changed
    assert after["Resources"][logical_id]["Properties"].pop(key) == value
    was = read_template(before)
    was["Resources"][logical_id]["Properties"].pop(key, None)
    assert after == was


def test_a_pipeline_is_packaged_and_compared_with_its_patches(cli: Cli, shop: Aws, folder: Path) -> None:
    cli.ok("pipeline", "override", "--name", "main")
    patches = folder / "pipelines/main/overrides/cfn.patches.yml"
    patches.write_text("- op: remove\n  path: /Resources/BuildProject/Properties/Descripton\n")
    refused = cli("pipeline", "package")
    assert refused.exit_code == 1
    assert "copilot/pipelines/main/overrides/cfn.patches.yml:2:3: there is no `Descripton` in" in refused.stderr
    assert "did you mean `Description`?" in refused.stderr

    patches.write_text("- {op: add, path: /Resources/BuildProject/Properties/QueuedTimeoutInMinutes, value: 60}\n")
    new = cli("pipeline", "package", "--diff")
    assert new.exit_code == 1
    assert re.search(r"^\+ .*BuildProject", new.stdout, re.MULTILINE)
    assert Stacks(shop).find("pipeline-shop-main") is None


def test_patches_are_checked_before_anything_is_made_for_a_pipeline(shop: Aws, folder: Path) -> None:
    workspace = Workspace.find(folder.parent)
    files = workspace.pipeline("main")
    _, plan = check_pipeline(workspace, files, ["test"])
    manifest = load(files.manifest, PipelineManifest).model
    patches = folder / "pipelines/main/overrides/cfn.patches.yml"
    patches.parent.mkdir()
    settings = without_aws(manifest, plan, None)
    for text, messages in (
        ("- {op: remove, path: /Resources/BuildProject/Properties/Cache}\n", []),
        ("- {op: remove, path: /Resources/Build/Properties/Cache}\n", ["there is no `Build` in `/Resources`"]),
        ("- {op: remove}\n", ["`path` is missing in this patch"]),
    ):
        patches.write_text(text)
        assert [fault.message for fault in override_faults(workspace, files, settings)] == messages
    with pytest.raises(ManifestError, match=r"in copilot/pipelines/main/overrides/cfn\.patches\.yml"):
        inspect_pipeline(shop, workspace, files, to_run=False)


def test_programs_of_the_cdk_are_refused_by_name(cli: Cli, folder: Path) -> None:
    for command in (("pipeline", "override"), ("svc", "override", "--name", "web")):
        refused = cli(*command, "--tool", "cdk", "--cdk-language", "typescript")
        assert (refused.exit_code, "AWS CDK are not supported" in refused.stderr) == (1, True)
    unknown = cli("pipeline", "override", "--tool", "pulumi")
    assert (unknown.exit_code, "`pulumi` is unknown" in unknown.stderr) == (2, True)

    for place in ("web", "pipelines/main"):
        (folder / place / "overrides").mkdir()
        (folder / place / "overrides/cdk.json").write_text(json.dumps({"app": "npx ts-node bin/override.ts"}))
    for words in (
        ("svc", "package", "--name", "web", "--env", "test"),
        ("svc", "override", "--name", "web"),
        ("pipeline", "package"),
        ("pipeline", "override"),
    ):
        refused = cli(*words)
        assert refused.exit_code == 1
        assert "overrides/cdk.json:1:1: overrides that are a program of the AWS CDK are not supported" in refused.stderr


def test_the_local_engine_has_nothing_to_override(cli: Cli, folder: Path) -> None:
    (folder / ".workspace").write_text("application: shop\nengine: local\n")
    for noun in ("pipeline", "svc", "job", "env"):
        refused = cli(noun, "override")
        assert (refused.exit_code, "the local engine makes no templates" in refused.stderr) == (1, True)
