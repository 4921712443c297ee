"""What becomes of pipelines when what they belong to is deleted."""

from __future__ import annotations

from pathlib import Path

import pytest

from copilot.aws.applications import Applications
from copilot.aws.client import Aws
from copilot.aws.pipelines import Pipelines
from copilot.aws.stack_values import StackRequest
from copilot.aws.stacks import Stacks
from copilot.aws.store import Store
from copilot.workspace import Workspace
from tests.aws.pipelines import conftest as with_pipelines
from tests.aws.pipelines.conftest import APP, make_environment
from tests.aws.test_pipelines import template
from tests.cli.conftest import Cli

aws = with_pipelines.aws
aws_environment = with_pipelines.aws_environment


@pytest.fixture
def shop(aws: Aws, home: object) -> Aws:
    """Application `shop` with environments `test` and `spare`, and two pipelines to `test`."""
    Workspace.create(Path.cwd(), APP, "aws")
    Applications(aws, pause=0.01).create(APP)
    for name in ("test", "spare"):
        make_environment(aws, name)
    aws.s3.create_bucket(Bucket="artifacts")
    tags = [{"Key": "copilot-application", "Value": APP}]
    aws.secretsmanager.create_secret(Name="own", SecretString="ghp_1", Tags=tags)  # type: ignore[arg-type]  # literal keys
    aws.secretsmanager.create_secret(Name="shared", SecretString="ghp_2")
    for name in ("own", "shared"):
        text = template(f"'{{{{resolve:secretsmanager:{name}}}}}'")
        tags_ = {"copilot-application": APP, "copilot-pipeline": name}
        Stacks(aws, pause=0.01).deploy(StackRequest(f"pipeline-shop-{name}", text, tags=tags_))
    return aws


def test_an_environment_stays_while_a_pipeline_deploys_to_it_and_an_application_takes_its_pipelines_along(
    shop: Aws, cli: Cli
) -> None:
    cli.ok("env", "delete", "--name", "spare", "--yes")
    refused = cli("env", "delete", "--name", "test", "--yes")
    assert refused.exit_code == 1
    assert "pipeline `own` deploys to environment `test`" in refused.stderr
    assert "`copilot pipeline delete` first" in refused.stderr
    assert [each.name for each in Store(shop).environments(APP)] == ["test"]
    assert Stacks(shop).require("shop-test").status == "UPDATE_COMPLETE"

    deleted = cli.ok("app", "delete", "--yes").stderr
    for line in (
        "Deleted pipeline own",
        "Deleted pipeline shared",
        "Its access token shared is kept",
        "Deleted environment test",
    ):
        assert line in deleted
    assert deleted.index("Deleted pipeline") < deleted.index("Deleted environment")
    assert Pipelines(shop).deployed(APP) == []
    assert [each["Name"] for each in shop.secretsmanager.list_secrets()["SecretList"]] == ["shared"]
    assert Store(shop).applications() == []
