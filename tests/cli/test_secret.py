"""``copilot secret``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from copilot.cli.secret import _parse_values
from copilot.errors import UsageError
from tests.cli.conftest import Cli, LocalEngine, Terminals


@pytest.fixture(autouse=True)
def environments(cli: Cli, app: str) -> None:
    cli.ok("env", "init", "-n", "test")
    cli.ok("env", "init", "-n", "prod")


def test_init_keeps_a_value_for_each_environment(cli: Cli, app: str, local: LocalEngine) -> None:
    result = cli.ok("secret", "init", "--name", "DB_PASSWORD", "--values", "test=hunter2,prod=hunter3")
    assert local.engine.secrets(f"/copilot/{app}/") == [f"/copilot/{app}/{e}/secrets/DB_PASSWORD" for e in ("prod", "test")]
    assert result.stdout == (
        "secrets:\n  DB_PASSWORD: /copilot/${COPILOT_APPLICATION_NAME}/${COPILOT_ENVIRONMENT_NAME}/secrets/DB_PASSWORD\n"
    )
    assert "hunter" not in result.stderr + result.stdout


def test_an_existing_value_is_kept_unless_told(cli: Cli) -> None:
    cli.ok("secret", "init", "-n", "KEY", "--values", "test=one")
    result = cli("secret", "init", "-n", "KEY", "--values", "prod=new,test=two")
    assert result.exit_code == 1
    assert "there is a value already: KEY in test" in result.stderr
    assert json.loads(cli.ok("secret", "ls", "--json").stdout) == {"secrets": [{"name": "KEY", "environments": ["test"]}]}
    cli.ok("secret", "init", "-n", "KEY", "--values", "prod=new,test=two", "--overwrite")
    assert json.loads(cli.ok("secret", "ls", "--json").stdout) == {"secrets": [{"name": "KEY", "environments": ["prod", "test"]}]}


def test_values_are_asked_for_hidden(cli: Cli, terminal: Terminals) -> None:
    screen = terminal("secret", "init")
    screen.wait_for("What is the secret called?")
    screen.type("TOKEN\r")
    screen.wait_for("TOKEN in test (empty: none):")
    screen.type("hunter2\r")
    screen.wait_for("TOKEN in prod (empty: none):")
    screen.type("\r")
    assert screen.finish() == 0
    assert "hunter2" not in screen.raw
    assert json.loads(cli.ok("secret", "ls", "--json").stdout) == {"secrets": [{"name": "TOKEN", "environments": ["test"]}]}


def test_many_from_a_file(cli: Cli) -> None:
    Path("secrets.yml").write_text("KEY:\n  test: 0123\n  prod: yes\nOTHER:\n  test: a,b=c\n")
    result = cli.ok("secret", "init", "--cli-input-yaml", "secrets.yml")
    assert "Keeping secret KEY for test, prod" in result.stderr
    assert "Keeping secret OTHER for test" in result.stderr
    assert [s["name"] for s in json.loads(cli.ok("secret", "ls", "--json").stdout)["secrets"]] == ["KEY", "OTHER"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "KEY\n",
        "KEY: secret-word\n",
        "KEY: {test: }\n",
        "KEY: {test: [secret-word]}\n",
        "a: b: secret-word\n",
        "'a b': {test: secret-word}\n",
    ],
)
def test_a_bad_file_says_so_without_its_values(cli: Cli, text: str) -> None:
    Path("secrets.yml").write_text(text)
    result = cli("secret", "init", "--cli-input-yaml", "secrets.yml")
    assert result.exit_code == 1
    assert "`secrets.yml`" in result.stderr
    assert "secret-word" not in result.stderr
    assert cli.ok("secret", "ls").stdout == ""


def test_bad_answers(cli: Cli) -> None:
    for args, part, code in (
        ((), "`--name` is missing", 2),
        (("-n", "KEY"), "`--values` is missing", 2),
        (("-n", "a b", "--values", "test=x"), "`--name`", 2),
        (("-n", "../x", "--values", "test=x"), "`--name`", 2),
        (("-n", "KEY", "--values", "nonsense"), "`--values` must be like", 2),
        (("-n", "KEY", "--values", "staging=x"), "environment `staging` does not exist", 1),
        (("-n", "KEY", "--cli-input-yaml", "x"), "cannot be used together", 2),
        (("--cli-input-yaml", "nothing.yml"), "`nothing.yml` cannot be read", 1),
    ):
        result = cli("secret", "init", *args)
        assert (result.exit_code, part in result.stderr) == (code, True), result.stderr


def test_delete_from_one_environment_and_from_all(cli: Cli) -> None:
    cli.ok("secret", "init", "-n", "KEY", "--values", "test=one,prod=two")
    assert cli("secret", "delete", "-n", "KEY").exit_code == 2
    cli.ok("secret", "delete", "-n", "KEY", "--env", "prod", "--yes")
    result = cli("secret", "delete", "-n", "KEY", "--env", "prod", "--yes")
    assert result.exit_code == 1
    assert "it has one in: test" in result.stderr
    cli.ok("secret", "delete", "-n", "KEY", "--yes")
    assert "has no secrets yet" in cli.ok("secret", "ls").stderr


def test_values_with_commas_and_equals_signs() -> None:
    assert _parse_values("test=a,b=c==,prod=x") == {"test": "a", "b": "c==", "prod": "x"}
    assert _parse_values("test=a,B,c d,prod=1=2") == {"test": "a,B,c d", "prod": "1=2"}
    with pytest.raises(UsageError):
        _parse_values("test=")
