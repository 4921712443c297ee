from __future__ import annotations

import json
from pathlib import Path

import pytest

from copilot.aws.client import Aws
from copilot.aws.store import Store
from tests.aws.conftest import ACCOUNT
from tests.cli.conftest import Cli


def test_an_application_from_its_beginning_to_its_end(aws: Aws, cli: Cli) -> None:
    made = cli.ok("app", "init", "shop", "--engine", "aws", "--resource-tags", "team=web,stage=one")
    assert f"Created application shop in account {ACCOUNT}, us-east-1" in made.stderr
    assert "copilot env init --name test" in made.stderr
    assert Path("copilot/.workspace").read_text() == "application: shop\n"
    assert Store(aws).application("shop").tags == {"team": "web", "stage": "one"}
    assert cli.ok("app", "ls").stdout == "shop\n"
    shown = json.loads(cli.ok("app", "show", "--json").stdout)
    assert (shown["name"], shown["engine"], shown["account"], shown["environments"]) == ("shop", "aws", ACCOUNT, [])
    assert "Account      123456789012" in cli.ok("app", "show").stdout
    again = cli.ok("app", "init")
    assert "exists in account" in again.stderr
    assert "There was nothing to do" in again.stderr
    assert ".workspace" not in again.stderr
    deleted = cli.ok("app", "delete", "--yes")
    assert "Deleted application shop" in deleted.stderr
    assert not Path("copilot/.workspace").exists()
    assert Store(aws).applications() == []
    assert {found["Status"] for found in aws.cloudformation.list_stack_sets()["Summaries"]} == {"DELETED"}


def test_an_application_of_this_machine_moves(aws: Aws, cli: Cli) -> None:
    Path("copilot/web").mkdir(parents=True)
    Path("copilot/.workspace").write_text("application: shop\nengine: local\n")
    manifest = "name: web\ntype: Backend Service\nimage: {location: 'nginx:1'}\n"
    Path("copilot/web/manifest.yml").write_text(manifest)
    made = cli.ok("app", "init", "--engine", "aws")
    assert "The aws engine runs it from now on" in made.stderr
    assert "added web, whose manifests are here" in made.stderr
    assert Path("copilot/.workspace").read_text() == "application: shop\n"
    assert Path("copilot/web/manifest.yml").read_text() == manifest
    assert [(w.name, w.type) for w in Store(aws).workloads("shop")] == [("web", "Backend Service")]
    cli.ok("env", "init", "--name", "test")
    assert [r["repositoryName"] for r in aws.ecr.describe_repositories()["repositories"]] == ["shop/web"]


def test_what_was_left_of_one_that_was_stopped_can_be_deleted(aws: Aws, cli: Cli) -> None:
    cli.ok("app", "init", "shop", "--engine", "aws")
    aws.ssm.delete_parameter(Name="/copilot/applications/shop")  # it is written last
    assert cli("app", "show").exit_code == 1
    assert "Deleted application shop" in cli.ok("app", "delete", "--yes").stderr
    assert {found["Status"] for found in aws.cloudformation.list_stack_sets()["Summaries"]} == {"DELETED"}


def test_what_was_deleted_by_hand_is_made_again(aws: Aws, cli: Cli) -> None:
    cli.ok("app", "init", "shop", "--engine", "aws")
    aws.cloudformation.delete_stack(StackName="shop-infrastructure-roles")
    again = cli.ok("app", "init").stderr
    assert "shop-infrastructure-roles: create complete" in again
    assert "nothing to do" not in again


def test_many_services_come_and_go_at_once(aws: Aws, cli: Cli) -> None:
    for name in ("api", "jobs", "web"):
        path = Path("copilot", name, "manifest.yml")
        path.parent.mkdir(parents=True)
        path.write_text(f"name: {name}\ntype: Backend Service\nimage: {{location: 'nginx:1'}}\n")
    Path("copilot/.workspace").write_text("application: shop\nengine: local\n")
    assert "added api, jobs, web, whose manifests are here" in cli.ok("app", "init", "--engine", "aws").stderr
    operations = aws.cloudformation.list_stack_set_operations(StackSetName="shop-infrastructure")["Summaries"]
    assert [each["Action"] for each in operations] == ["UPDATE"]
    cli.ok("env", "init", "--name", "test")
    assert len(aws.ecr.describe_repositories()["repositories"]) == 3
    cli.ok("app", "delete", "--yes")
    assert aws.ecr.describe_repositories()["repositories"] == []
    assert aws.ssm.describe_parameters()["Parameters"] == []


def test_a_manifest_that_is_wrong_is_found_before_anything_is_made(aws: Aws, cli: Cli) -> None:
    Path("copilot/web").mkdir(parents=True)
    Path("copilot/.workspace").write_text("application: shop\n")
    Path("copilot/web/manifest.yml").write_text("name: web\ntype: Backend Servce\n")
    result = cli("app", "init")
    assert (result.exit_code, "copilot/web/manifest.yml:2:7" in result.stderr) == (1, True)
    assert Store(aws).applications() == []
    assert aws.cloudformation.list_stacks()["StackSummaries"] == []


def test_a_flag_of_the_local_engine_is_refused(aws_environment: str, cli: Cli) -> None:
    cli.ok("app", "init", "shop", "--engine", "aws")
    result = cli("app", "delete", "--yes", "--keep-volumes")
    assert (result.exit_code, "`--keep-volumes` is for the local engine" in result.stderr) == (2, True)


def test_an_application_of_another_region(aws: Aws, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    cli.ok("app", "init", "shop", "--engine", "aws")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    result = cli("app", "init")
    assert result.exit_code == 1
    assert "there is an application `shop` in another region" in result.stderr
    assert aws.in_region("eu-west-1").cloudformation.list_stacks()["StackSummaries"] == []


def test_what_cannot_be_changed_later(aws_environment: str, cli: Cli) -> None:
    cli.ok("app", "init", "shop", "--engine", "aws")
    result = cli("app", "init", "--domain", "example.com")
    assert result.exit_code == 1
    assert "its domain and permissions boundary cannot be changed" in result.stderr


def test_bad_answers(aws: Aws, cli: Cli) -> None:
    for line, said in (
        (["--domain", "example.com"], "example.com"),
        (["--permissions-boundary", "nowhere"], "nowhere"),
        (["--resource-tags", "team"], "`team` must be a key and a value"),
        (["--resource-tags", "aws:team=web"], "such tags are AWS's own"),
        (["--resource-tags", "team=web,team=api"], "`team` is there twice"),
        (["--resource-tags", "team=web!"], "must not contain `!`"),
        (["--resource-tags", f"team={'x' * 257}"], "is too long"),
    ):
        result = cli("app", "init", "shop", "--engine", "aws", *line)
        assert result.exit_code in (1, 2), line
        assert said in result.stderr
        assert not Path("copilot").exists()
    assert Store(aws).applications() == []


def test_an_application_that_is_not_there(aws_environment: str, cli: Cli) -> None:
    Path("copilot").mkdir()
    Path("copilot/.workspace").write_text("application: shop\n")
    for line in (["app", "show"], ["app", "delete", "--yes"], ["env", "ls"], ["svc", "ls"]):
        result = cli(*line)
        assert result.exit_code == 1, line
        assert f"there is no application `shop` in account {ACCOUNT}, region us-east-1" in result.stderr, line


def test_outside_of_a_workspace_an_environment_variable_chooses_the_engine(
    aws_environment: str, cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cli.ok("app", "init", "shop", "--engine", "aws")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COPILOT_ENGINE", "aws")
    assert cli.ok("app", "ls").stdout == "shop\n"
    assert "Application  shop" in cli.ok("app", "show").stdout
    monkeypatch.setenv("COPILOT_ENGINE", "moon")
    result = cli("app", "ls")
    assert (result.exit_code, "COPILOT_ENGINE is `moon`, which is no engine" in result.stderr) == (2, True)
