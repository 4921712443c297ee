"""``copilot app``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, LocalEngine, Terminals


def test_init_makes_an_application_and_says_what_next(cli: Cli, local: LocalEngine) -> None:
    result = cli.ok("app", "init", "first-shop")
    assert "Created application first-shop" in result.stderr
    assert "copilot/.workspace" in result.stderr
    assert "Next   copilot env init --name test" in result.stderr
    assert result.stdout == ""
    assert Path("copilot/.workspace").read_text().splitlines()[-2:] == ["application: first-shop", "engine: local"]
    assert "first-shop" in [a.name for a in local.engine.applications()]


def test_init_again_has_nothing_to_do(cli: Cli, app: str) -> None:
    assert "nothing to do" in cli.ok("app", "init").stderr
    assert "nothing to do" in cli.ok("app", "init", app).stderr


def test_a_second_checkout_joins_an_existing_application(
    cli: Cli, app: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "second").mkdir()
    monkeypatch.chdir(tmp_path / "second")
    assert f"Registered this repository with the existing application {app}" in cli.ok("app", "init", app).stderr
    assert Path("copilot/.workspace").exists()


def test_a_clone_on_a_new_machine_makes_the_application_it_names(cli: Cli, app: str, local: LocalEngine) -> None:
    local.engine.delete_application(app)
    assert f"Created application {app}" in cli.ok("app", "init").stderr


def test_a_repository_belongs_to_one_application(cli: Cli, app: str) -> None:
    result = cli("app", "init", "other")
    assert result.exit_code == 1
    assert f"belongs to application `{app}`, not `other`" in result.stderr


@pytest.mark.parametrize("name", ["", "Shop", "a" * 41, "a b", "-x", "shop_1", "../x", "$(id)"])
def test_bad_names_change_nothing(cli: Cli, name: str) -> None:
    result = cli("app", "init", "--", name)
    assert result.exit_code == 2
    assert "the application name" in result.stderr
    assert not Path("copilot").exists()


def test_without_a_name_and_a_terminal(cli: Cli) -> None:
    result = cli("app", "init")
    assert result.exit_code == 2
    assert "`NAME` is missing" in result.stderr


def test_the_name_is_asked_with_the_folder_as_suggestion(local: LocalEngine, terminal: Terminals) -> None:
    screen = terminal("app", "init")
    screen.wait_for("What is the application called? repository")
    screen.type("\x15asked-shop\r")
    assert screen.finish() == 0
    assert "asked-shop" in [a.name for a in local.engine.applications()]


def test_on_aws_without_a_region(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    assert "no AWS region is set" in cli("app", "init", "shop", "--engine", "aws").stderr
    assert not Path("copilot").exists()
    Path("copilot").mkdir()
    Path("copilot/.workspace").write_text("application: shop\n")
    for line in (["app", "init"], ["env", "ls"], ["svc", "ls"], ["app", "show"]):
        assert "no AWS region is set" in cli(*line).stderr


@pytest.mark.parametrize(
    ("verb", "why"),
    [
        ("pause", "a service on AWS cannot be paused"),
        ("resume", "a service on AWS is never paused"),
        ("rollback", "the aws engine keeps no earlier releases"),
    ],
)
def test_what_only_the_local_engine_does_is_refused_on_aws(cli: Cli, verb: str, why: str) -> None:
    Path("copilot").mkdir()
    Path("copilot/.workspace").write_text("application: shop\n")
    result = cli("svc", verb, "--name", "web", "--env", "test")
    assert result.exit_code == 1
    assert why in result.stderr


def test_ls_prints_one_name_a_line(cli: Cli, app: str) -> None:
    assert app in cli.ok("app", "ls").stdout.splitlines()
    listed = json.loads(cli.ok("app", "ls", "--json").stdout)["applications"]
    assert {"name", "engine", "createdAt"} == set(listed[0])
    assert app in [a["name"] for a in listed]


def test_show_has_everything_it_holds(cli: Cli, app: str) -> None:
    empty = cli.ok("app", "show").stdout
    assert app in empty
    assert empty.count("none") == 3
    cli.ok("env", "init", "--name", "test")
    shown = json.loads(cli.ok("app", "show", "--name", app, "--json").stdout)
    assert shown["name"] == app
    assert [e["name"] for e in shown["environments"]] == ["test"]
    assert shown["services"] == shown["pipelines"] == []


def test_show_of_another_one(cli: Cli, app: str) -> None:
    result = cli("app", "show", "--name", "nonsense")
    assert result.exit_code == 1
    assert "application `nonsense` does not exist" in result.stderr
    assert app in result.stderr


def test_delete_needs_a_yes(cli: Cli, app: str, terminal: Terminals) -> None:
    result = cli("app", "delete")
    assert result.exit_code == 2
    assert "`--yes` is missing" in result.stderr
    screen = terminal("app", "delete")
    screen.wait_for(f"Delete application {app}?")
    screen.type("n")
    assert screen.finish() == 130
    assert app in cli.ok("app", "ls").stdout


def test_delete_takes_the_workspace_file_along(cli: Cli, app: str) -> None:
    cli.ok("env", "init", "--name", "test")
    Path("copilot/api").mkdir()
    result = cli.ok("app", "delete", "--yes")
    assert f"Deleted application {app} with 1 environment" in result.stderr
    assert not Path("copilot/.workspace").exists()
    assert Path("copilot/api").exists()
    assert app not in cli.ok("app", "ls").stdout
