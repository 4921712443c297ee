from __future__ import annotations

import json
import shutil

import pytest

from copilot.local.client import connect
from copilot.local.home import Home
from tests import gitrepo
from tests.cli.conftest import Cli, Terminals
from tests.cli.pipeline.conftest import Shop, action_of


def pipelines(shop: Shop) -> list[str]:
    return [pipeline.name for pipeline in connect(Home.default()).pipelines(shop.app)]


def test_everything_wrong_is_told_at_once_and_nothing_is_changed(cli: Cli, shop: Shop) -> None:
    cli.ok("pipeline", "init", "--environments", "test,prod")
    shop.edit("requires_approval: true   #", "require_approval: true   #")
    shop.edit("  - name: prod", "  - name: staging")
    for arguments in (("pipeline", "update"), ("pipeline", "validate")):
        result = cli(*arguments)
        assert result.exit_code == 1
        assert "unknown key `require_approval`" in result.stderr
        assert "nothing was changed" in result.stderr
    shop.edit("require_approval: true   #", "requires_approval: true   #")
    assert "environment `staging` does not exist" in cli("pipeline", "update").stderr
    answer = cli("pipeline", "validate", "--json")
    assert answer.exit_code == 1
    document = json.loads(answer.stdout)
    assert not document["valid"]
    assert {"file", "line", "column", "message", "hint", "severity"} <= document["problems"][0].keys()
    assert pipelines(shop) == []


def test_what_the_execution_will_not_see_is_said(cli: Cli, shop: Shop) -> None:
    cli.ok("pipeline", "init", "--environments", "test")
    said = cli.ok("pipeline", "update").stderr
    assert "copilot/pipeline.yml is not committed; this update takes it as it is here" in said
    assert "not committed: copilot/buildspec.yml" in said
    shop.wait_for_end()
    gitrepo.run(shop.folder, "add", "--all")
    gitrepo.run(shop.folder, "commit", "--message", "Not pushed")
    said = cli.ok("pipeline", "update").stderr
    assert "not committed" not in said
    assert "not pushed: 1 commit of branch main" in said
    assert "Nothing to change in pipeline" in said


def test_diff_shows_the_changes_and_needs_a_yes(cli: Cli, shop: Shop) -> None:
    cli.ok("pipeline", "init", "--environments", "test")
    refused = cli("pipeline", "update", "--diff")
    assert refused.exit_code == 2
    assert "`--yes` is missing" in refused.stderr
    assert "DeployTo-test   web" in refused.stdout
    assert pipelines(shop) == []
    shop.push("1")
    cli.ok("pipeline", "deploy", "--diff", "--yes", "--allow-downgrade")
    shop.edit("    # requires_approval: true ", "    requires_approval: true ")
    assert "+ DeployTo-test / ApprovePromotionTo-test (approval)" in cli("pipeline", "update", "--diff").stdout
    assert "ApprovePromotionTo-test" not in cli.ok("pipeline", "show").stdout


def test_a_difference_of_nothing_says_so(cli: Cli, shop: Shop, terminal: Terminals) -> None:
    cli.ok("pipeline", "init", "--environments", "test")
    cli.ok("pipeline", "update")
    screen = terminal("pipeline", "update", "--diff")
    screen.wait_for("Nothing changes. Start an execution?")
    screen.type("n")
    assert screen.finish() == 0
    assert "Nothing was changed" in screen.screen
    assert shop.status()["execution"]["number"] == 1


def test_a_repository_that_cannot_be_fetched_changes_nothing(cli: Cli, shop: Shop) -> None:
    cli.ok("pipeline", "init", "--environments", "test")
    shutil.rmtree(shop.remote)
    result = cli("pipeline", "update")
    assert result.exit_code == 1
    assert "error:" in result.stderr
    assert pipelines(shop) == []


def test_a_person_steers_executions(cli: Cli, shop: Shop) -> None:
    nothing = cli("pipeline", "status")
    assert nothing.exit_code == 1
    assert "has no pipeline yet" in nothing.stderr
    assert "`copilot pipeline init`" in nothing.stderr
    cli.ok("pipeline", "init", "--environments", "test,prod")
    assert "its files are here; `copilot pipeline update` makes it" in cli("pipeline", "status").stderr
    first = shop.push("1")
    cli.ok("pipeline", "update")
    cli.ok("pipeline", "disable", "Test", "--reason", "holidays")
    assert "There was nothing to do" in cli.ok("pipeline", "disable", "test", "--reason", "holidays").stderr
    shop.wait(lambda status: action_of(status, "Build")["status"] == "Succeeded")
    waiting = shop.status()
    assert [stage["transition"] for stage in waiting["stageStates"]] == ["ENABLED", "ENABLED", "DISABLED", "ENABLED"]
    assert "disabled: holidays" in cli.ok("pipeline", "status").stdout
    cli.ok("pipeline", "enable", "test")
    shop.wait_for_approval()
    early = cli("pipeline", "approve", "--environment", "test", "--yes")
    assert early.exit_code == 1
    cli.ok("pipeline", "approve", "--environment", "prod", "--yes")
    assert shop.wait_for_end()["execution"]["status"] == "Succeeded"

    shop.push("2")
    shop.wait_for_approval("2")
    rejected = cli.ok("pipeline", "reject", "--yes", "--comment", "Wrong day")
    assert "1 commit" in rejected.stderr
    assert "Wrong day" in cli.ok("pipeline", "status", "2").stdout
    cli.ok("pipeline", "retry")
    shop.wait_for_approval("2")
    cli.ok("pipeline", "approve", "--yes")
    assert shop.wait_for_end("2")["execution"]["status"] == "Succeeded"

    cli.ok("pipeline", "rollback", "--environment", "prod", "--yes")
    rolled_back = shop.wait_for_end("3")
    assert rolled_back["execution"]["rollbackOf"] == "DeployTo-prod"
    assert rolled_back["execution"]["revision"]["id"] == first

    cli.ok("pipeline", "run", "--revision", first)
    shop.wait_for_approval("4")
    assert "Stopped execution #4" in cli.ok("pipeline", "stop", "--abandon").stderr
    assert cli("pipeline", "stop").exit_code == 1
    assert cli("pipeline", "approve", "--yes").exit_code == 1


def test_build_by_hand_and_after_a_failed_build_phase(cli: Cli, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    cli.ok("pipeline", "init", "--environments", "test,prod")
    cli.ok("pipeline", "build", "--output-dir", "out")
    names = sorted(path.name for path in (shop.folder / "out").iterdir())
    assert names == ["web-prod.release.json", "web-test.release.json"]
    description = json.loads((shop.folder / "out" / names[0]).read_text())
    assert description["revision"].endswith("-dirty")
    monkeypatch.setenv("CODEBUILD_BUILD_SUCCEEDING", "0")
    refused = cli("pipeline", "build", "--output-dir", "other")
    assert refused.exit_code == 1
    assert "the build phase failed; nothing is published" in refused.stderr
    assert not (shop.folder / "other").exists()
