"""`copilot secret` on AWS."""

from __future__ import annotations

import json
from pathlib import Path

from copilot.aws.client import Aws
from tests.cli.aws.conftest import WEB, write_manifest
from tests.cli.conftest import Cli


def test_a_secret_is_kept_given_to_a_service_and_deleted(cli: Cli, shop: Aws) -> None:
    Path("secrets.yml").write_text("DB_PASSWORD:\n  test: open sesame\n")
    made = cli.ok("secret", "init", "--cli-input-yaml", "secrets.yml")
    assert "open sesame" not in made.stdout + made.stderr
    name = "/copilot/shop/test/secrets/DB_PASSWORD"
    kept = shop.ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]
    assert (kept["Type"], kept["Value"]) == ("SecureString", "open sesame")
    tags = shop.ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"copilot-application": "shop", "copilot-environment": "test"}
    assert json.loads(cli.ok("secret", "ls", "--json").stdout) == {"secrets": [{"name": "DB_PASSWORD", "environments": ["test"]}]}
    taken = cli("secret", "init", "--name", "DB_PASSWORD", "--values", "test=other")
    assert taken.exit_code == 1
    assert "`--overwrite`" in taken.stderr
    cli.ok("secret", "init", "--name", "DB_PASSWORD", "--values", "test=other", "--overwrite")

    write_manifest("web", WEB + made.stdout)
    cli.ok("deploy", "--env", "test")
    shown = json.loads(cli.ok("svc", "show", "--json").stdout)
    assert shown["secrets"] == [{"environment": "test", "name": "DB_PASSWORD", "container": "web", "valueFrom": name}]
    assert "other" not in cli.ok("svc", "show").stdout

    cli.ok("secret", "delete", "--name", "DB_PASSWORD", "--yes")
    assert "has no secrets yet" in cli.ok("secret", "ls").stderr
