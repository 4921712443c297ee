"""A push goes through the whole pipeline, driven by the commands alone."""

from __future__ import annotations

import json
import urllib.request

import pytest

from copilot.local.client import connect
from copilot.local.home import Home
from tests import gitrepo
from tests.cli.conftest import Cli, Terminals
from tests.cli.pipeline.conftest import Shop, action_of


def served(shop: Shop, environment: str) -> str:
    url = connect(Home.default()).environment(shop.app, environment).url
    assert url is not None
    with urllib.request.urlopen(url, timeout=5) as response:
        return str(response.read().decode())


def test_a_push_is_built_deployed_tested_approved_and_promoted(cli: Cli, shop: Shop) -> None:
    cli.ok("pipeline", "init", "--environments", "test,prod")
    shop.edit(
        "  - name: test\n", '  - name: test\n    test_commands: ["test -n \\"$COPILOT_LB_DNS\\" && grep -qv broken version"]\n'
    )
    shop.push("1", "Adding Pipeline Buildspec")
    updated = cli.ok("pipeline", "update")
    assert "DeployTo-prod   approval → web" in updated.stdout
    assert f"Created pipeline {shop.pipeline}" in updated.stderr
    assert "Started execution #1" in updated.stderr
    assert "copilot pipeline status --watch" in updated.stderr

    shop.wait_for_approval("1")
    waiting = cli.ok("pipeline", "status").stdout
    assert "→ copilot pipeline approve" in waiting
    approved = cli.ok("pipeline", "approve", "--yes", "--comment", "Looks good")
    assert "its first release" in approved.stderr
    watched = cli.ok("pipeline", "status", "--watch", "1")
    assert watched.stdout.splitlines()[-1].startswith(f"{shop.pipeline}  #1  succeeded after")
    assert served(shop, "test") == served(shop, "prod") == "1"
    images = {a["name"]: a["images"] for stage in shop.status("1")["stageStates"] for a in stage["actions"]}
    assert images["CreateOrUpdate-web-test"] == images["CreateOrUpdate-web-prod"] == images["Build"]
    services = json.loads(cli.ok("svc", "show", "--name", "web", "--json").stdout)["environments"]
    assert [(s["image"], s["execution"]) for s in services] == [(images["Build"]["web"], 1)] * 2

    broken = shop.push("broken", "Break it")
    failed = cli("pipeline", "status", "--watch", "2")
    assert failed.exit_code == 1
    assert "✗ TestCommands in DeployTo-test" in failed.stdout
    assert "prod still runs" in failed.stdout
    assert "(#1); nothing was promoted" in failed.stdout
    assert "copilot pipeline retry" in failed.stdout
    assert served(shop, "prod") == "1"
    assert shop.status("2")["execution"]["revision"]["id"] == broken

    assert "grep" in cli.ok("pipeline", "logs").stdout
    assert "main @ " in cli.ok("pipeline", "logs", f"sourcecodefor-{shop.app}", "--execution", "1").stdout
    assert cli("pipeline", "logs", "Biuld").exit_code == 1
    retried = cli.ok("pipeline", "retry")
    assert "Retrying execution #2" in retried.stderr
    again = shop.wait_for_end("2")
    assert action_of(again, "TestCommands")["attempt"] == 2

    listed = json.loads(cli.ok("pipeline", "ls", "--json").stdout)["pipelines"]
    assert {"name", "pipelineName", "region", "accountId"} <= listed[0].keys()
    shown = json.loads(cli.ok("pipeline", "show", "--json", "--resources").stdout)
    assert {"name", "pipelineName", "region", "accountId", "stages", "createdAt", "updatedAt", "resources"} <= shown.keys()
    assert [stage["name"] for stage in shown["stages"]] == ["Source", "Build", "DeployTo-test", "DeployTo-prod"]
    assert set(shown["resources"][0]) == {"type", "physicalID", "logicalID"}
    assert shop.pipeline in cli.ok("pipeline", "ls").stdout
    assert "CreateOrUpdate-web-prod" in cli.ok("pipeline", "show", "--resources").stdout
    cli.ok("pipeline", "delete", "--yes")
    assert served(shop, "prod") == "1"
    assert json.loads(cli.ok("pipeline", "ls", "--json").stdout) == {"pipelines": []}


def test_a_person_watches_and_approves_on_a_terminal(cli: Cli, shop: Shop, terminal: Terminals) -> None:
    cli.ok("pipeline", "init", "--environments", "test,prod")
    shop.push("1")
    cli.ok("pipeline", "update")
    view = terminal("pipeline", "status", "--watch", columns=60)
    view.wait_for("→ copilot pipeline approve")
    view.interrupt()
    view.wait_for("goes on; see it with `copilot pipeline status`")
    assert view.finish() == 130
    assert shop.status()["execution"]["status"] == "InProgress"

    session = terminal("pipeline", "approve")
    session.wait_for("Release this to prod?")
    session.type("\x1b[B\x1b[B\r")
    session.wait_for("Comment:")
    session.type("Looks good\r")
    session.wait_for("Release this to prod?")
    session.type("\r")
    session.wait_for("Approved")
    assert session.finish() == 0
    assert "approved by Ana: Looks good" in action_of(shop.wait_for_end(), "ApprovePromotionTo-prod")["summary"]


def test_a_workspace_in_a_folder_of_the_repository(cli: Cli, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = shop.folder / "the apps"
    inner.mkdir()
    for name in ("copilot", "Dockerfile", "server.py", "version"):
        (shop.folder / name).rename(inner / name)
    monkeypatch.chdir(inner)
    cli.ok("pipeline", "init", "--environments", "test")
    assert 'buildspec: "the apps/copilot/buildspec.yml"' in (inner / "copilot" / "pipeline.yml").read_text()
    (inner / "version").write_text("inner")
    gitrepo.run(shop.folder, "add", "--all")
    gitrepo.run(shop.folder, "commit", "--message", "Move")
    gitrepo.push(shop.folder, "main")
    cli.ok("pipeline", "update")
    assert cli("pipeline", "status", "--watch").exit_code == 0
    assert served(shop, "test") == "inner"
