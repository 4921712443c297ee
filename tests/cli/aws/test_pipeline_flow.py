"""A release on AWS from the push to production, with the commands alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from copilot.aws.client import Aws
from tests import gitrepo
from tests.aws.pipelines import conftest as with_pipelines
from tests.aws.pipelines.conftest import Repositories, wait_for
from tests.cli.conftest import Cli

repositories = with_pipelines.repositories
aws_environment = with_pipelines.aws_environment
aws = with_pipelines.aws
shop = with_pipelines.shop

WEB = "name: web\ntype: Backend Service\nimage: {location: 'nginx:1'}\ncount: 1\n"
BUILDSPEC = """\
version: 0.2
phases: {build: {commands: [copilot pipeline build --output-dir infrastructure]}}
artifacts: {files: ['infrastructure/**/*']}
"""
MANIFEST = """\
name: main
source: {provider: GitHub, properties: {repository: "https://github.com/ana/shop", branch: main, access_token_secret: token}}
stages:
  - {name: test, test_commands: ['test ! -f broken']}
  - {name: prod, requires_approval: true}
"""


def action(cli: Cli, name: str, execution: str = "") -> dict[str, Any]:
    """An action of an execution, the newest by itself."""
    found = json.loads(cli.ok("pipeline", "status", "--json", *filter(None, [execution])).stdout)
    (one,) = (a for stage in found["stageStates"] for a in stage["actions"] if a["name"] == name)
    return {**one, "execution": found["execution"]["id"]}


def reaches(cli: Cli, name: str, status: str, execution: str = "") -> dict[str, Any]:
    """Wait until an action of an execution has a status."""
    return wait_for(lambda: found if (found := action(cli, name, execution))["status"] == status else None, 60.0) or {}


def test_from_a_push_to_production_and_back(
    cli: Cli, shop: Aws, repositories: Repositories, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del home
    repository = repositories.create()
    files = {
        "copilot/.workspace": "application: shop\nengine: aws\n",
        "copilot/web/manifest.yml": WEB,
        "copilot/pipelines/main/manifest.yml": MANIFEST,
        "copilot/pipelines/main/buildspec.yml": BUILDSPEC,
    }
    first = repository.push("Begin the shop", **files)
    monkeypatch.chdir(repository.work)
    shop.secretsmanager.create_secret(Name="token", SecretString="ghp_1")
    made = cli.ok("pipeline", "update")
    assert "Created pipeline main" in made.stderr

    waiting = reaches(cli, "ApprovePromotionTo-prod", "InProgress")
    approved = cli.ok("pipeline", "approve", "--yes", "--comment", "go")
    assert "its first release" in approved.stderr
    assert reaches(cli, "CreateOrUpdate-web-prod", "Succeeded")["execution"] == waiting["execution"]
    assert action(cli, "ApprovePromotionTo-prod")["summary"].endswith(": go")

    repository.commit("Fix the cart total", cart="1")
    third = repository.push("Count to two", **{"copilot/web/manifest.yml": WEB.replace("count: 1", "count: 2")})
    reaches(cli, "ApprovePromotionTo-prod", "InProgress")
    rejected = cli.ok("pipeline", "reject", "--yes")
    # CodePipeline has released only the second: this checkout knows both.
    for seen in ("Fix the cart total", "Count to two", "count 1 → 2", f"https://github.com/ana/shop/compare/{first}...{third}"):
        assert seen in rejected.stderr
    assert reaches(cli, "ApprovePromotionTo-prod", "Failed")["summary"].startswith("rejected by ")
    shown = cli.ok("pipeline", "status").stdout
    assert f"prod still runs {first[:7]} ({waiting['execution'][:8]}); nothing was promoted" in shown

    assert "It keeps" not in cli.ok("pipeline", "disable", "prod", "--reason", "for a while").stderr
    assert (
        "It keeps: frozen until May (ops)"
        in cli.ok("pipeline", "disable", "prod", "--reason", "frozen: until “May” (ops)").stderr
    )
    assert "nothing to do" in cli.ok("pipeline", "disable", "prod", "--reason", "frozen: until “May” (ops)").stderr
    cli.ok("pipeline", "enable", "prod")

    gitrepo.run(repository.work, "tag", "v1", first)
    started = cli.ok("pipeline", "run", "--revision", "v1")
    assert "Started execution" in started.stderr
    again = reaches(cli, "ApprovePromotionTo-prod", "InProgress")
    cli.ok("pipeline", "stop", "--abandon", again["execution"][:8])
    assert action(cli, "Build", again["execution"][:8])["status"] == "Succeeded"
    assert json.loads(cli.ok("pipeline", "status", "--json").stdout)["execution"]["revision"]["id"] == first

    back = cli.ok("pipeline", "rollback", "--environment", "prod", "--yes")
    assert f"of {first[:7]}" in back.stderr
    busy = cli("pipeline", "delete", "--yes")
    assert busy.exit_code == 1
    assert busy.stderr.startswith("error: execution ")
    assert "is under way" in busy.stderr
    cli.ok("pipeline", "stop", "--abandon")
    listed = json.loads(cli.ok("pipeline", "ls", "--json").stdout)["pipelines"]
    assert [each["name"] for each in listed] == ["main"]
    cli.ok("pipeline", "delete", "--yes", "--delete-secret")
    assert json.loads(cli.ok("pipeline", "ls", "--json").stdout) == {"pipelines": []}
    assert shop.secretsmanager.list_secrets()["SecretList"] == []
