from __future__ import annotations

from ruamel.yaml import YAML

from copilot.local.client import connect
from copilot.local.home import Home
from tests import gitrepo
from tests.cli.conftest import Cli, Terminals
from tests.cli.pipeline.conftest import Shop


def test_what_can_be_found_out_is_said_with_where_it_came_from(cli: Cli, shop: Shop) -> None:
    result = cli.ok("pipeline", "init", "--environments", "test,prod")
    assert result.stdout == ""
    assert "Release order   test → prod" in result.stderr
    assert f"{shop.remote}   (remote origin)" in result.stderr
    assert "Branch          main   (the one you are on)" in result.stderr
    assert "Wrote copilot/pipeline.yml    where a push goes" in result.stderr
    assert 'git add copilot && git commit -m "Adding Pipeline Buildspec" && git push' in result.stderr
    document = YAML(typ="safe").load(shop.manifest)
    assert document["name"] == shop.pipeline
    assert document["source"] == {"provider": "Git", "properties": {"repository": str(shop.remote), "branch": "main"}}
    assert "is valid" in cli.ok("pipeline", "validate").stdout

    assert "Kept  copilot/pipeline.yml" in cli.ok("pipeline", "init", "-e", "test", "-e", "prod").stderr
    refused = cli("pipeline", "init", "--environments", "prod")
    assert refused.exit_code == 1
    assert "copilot/pipeline.yml already says something else; nothing was changed" in refused.stderr
    assert YAML(typ="safe").load(shop.manifest) == document
    assert "Wrote copilot/pipeline.yml" in cli.ok("pipeline", "init", "--environments", "prod", "--overwrite").stderr
    assert YAML(typ="safe").load(shop.manifest)["stages"] == [{"name": "prod"}]

    named = cli.ok("pipeline", "init", "--name", "nightly", "-e", "test", "--git-branch", "nightly")
    assert "Wrote copilot/pipelines/nightly/manifest.yml" in named.stderr
    several = cli("pipeline", "update")
    assert several.exit_code == 2
    assert "--name" in several.stderr


def test_a_token_is_kept_in_the_secret_store_and_nowhere_else(cli: Cli, shop: Shop) -> None:
    secret = "ghp_do_not_write_me_down"
    url = "git@github.com:kohidave/demo-api-frontend.git"
    result = cli.ok("pipeline", "init", "-e", "test", "--github-url", url, "--github-access-token", secret)
    assert f"kept in the secret store as github-token-{shop.app}-demo-api-frontend" in result.stderr
    source = YAML(typ="safe").load(shop.manifest)["source"]
    assert source == {
        "provider": "GitHub",
        "properties": {
            "repository": "https://github.com/kohidave/demo-api-frontend",
            "branch": "main",
            "access_token_secret": f"github-token-{shop.app}-demo-api-frontend",
        },
    }
    assert YAML(typ="safe").load(shop.manifest)["name"] == f"pipeline-{shop.app}-kohidave-demo-api-frontend"
    assert secret not in result.stderr
    assert not any(secret in path.read_text() for path in (shop.folder / "copilot").rglob("*") if path.is_file())
    assert connect(Home.default()).secrets(f"github-token-{shop.app}-") == [f"github-token-{shop.app}-demo-api-frontend"]
    assert "there already" in cli.ok("pipeline", "init", "-e", "test", "--url", url).stderr


def test_a_public_repository_is_reached_without_a_connection(cli: Cli, shop: Shop) -> None:
    cli.ok("pipeline", "init", "-e", "test", "--url", "https://github.com/o/r", "-t", "")
    assert YAML(typ="safe").load(shop.manifest)["source"]["provider"] == "Git"


def test_of_several_pipelines_the_next_command_names_the_one(cli: Cli, shop: Shop) -> None:
    assert cli.ok("pipeline", "init", "-e", "test").stderr.endswith("copilot pipeline update\n")
    assert cli.ok("pipeline", "init", "-e", "test", "-n", "two").stderr.endswith("copilot pipeline update --name two\n")


def test_bad_answers_change_nothing(cli: Cli, shop: Shop) -> None:
    for arguments, message, code in (
        (["-e", "staging"], f"application `{shop.app}` has no environment `staging`", 1),
        (["-e", ","], "`--environments` is empty", 2),
        (["-e", "test", "--url", "/nowhere/shop.git"], "the repository `/nowhere/shop.git` does not exist", 1),
        (["-e", "test,test"], "environment `test` is there twice", 2),
        (["-e", "test", "--git-branch", "--upload-pack=x"], "cannot be the name of a branch", 1),
        (["-e", "test", "--url", "ext::sh -c x"], "cannot be used as a repository", 1),
        (["-e", "test", "--name", "../x"], "the pipeline name must not contain `/`", 2),
        (["-e", "test", "--name", ".."], "the pipeline name must begin with a letter or a digit", 2),
        (["-e", "test", "--pipeline-type", "Environments"], "not supported yet", 1),
        (["-e", "test", "--app", "other"], f"this repository belongs to application `{shop.app}`", 1),
        ([], "`--environments` is missing", 2),
    ):
        result = cli("pipeline", "init", *arguments)
        assert result.exit_code == code, result.stderr
        assert message in result.stderr
    gitrepo.run(shop.folder, "remote", "add", "fork", "https://example.com/fork.git")
    several = cli("pipeline", "init", "-e", "test")
    assert several.exit_code == 2
    assert "the remotes are: origin" in several.stderr
    gitrepo.run(shop.folder, "remote", "remove", "origin")
    gitrepo.run(shop.folder, "remote", "remove", "fork")
    without = cli("pipeline", "init", "-e", "test")
    assert without.exit_code == 1
    assert "has no remote to push to" in without.stderr
    assert not shop.manifest.exists()


def test_the_questions_are_answered_on_a_terminal(terminal: Terminals, shop: Shop) -> None:
    gitrepo.run(shop.folder, "remote", "set-url", "origin", "https://github.com/kohidave/demo-api-frontend.git")
    session = terminal("pipeline", "init")
    session.wait_for("Which environments should a push release to, in order?")
    session.wait_for("prod")
    session.type("\r")
    session.wait_for("(that is all)")
    session.type("\r")
    session.wait_for("Release order")
    session.wait_for("personal access token (repo, admin:repo_hook)")
    session.type("ghp_secret\r")
    session.wait_for(f"kept in the secret store as github-token-{shop.app}-demo-api-frontend")
    session.wait_for("Next")
    assert session.finish() == 0
    assert "ghp_secret" not in session.screen
    assert shop.manifest.exists()
