"""`copilot svc` on AWS, from init to delete."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from copilot.aws import names
from copilot.aws.client import Aws
from copilot.aws.store import Store
from tests.cli.aws.conftest import APP, WEB, WORKER, make_environment, write_manifest
from tests.cli.conftest import Cli, Terminals


def test_init_writes_a_manifest_and_makes_a_repository(cli: Cli, shop: Aws) -> None:
    result = cli.ok(
        "svc", "init", "--name", "web", "--svc-type", "Load Balanced Web Service", "--image", "nginx:1.27", "--port", "80"
    )
    assert "Added service web to application shop" in result.stderr
    assert "copilot deploy --name web --env test" in result.stderr
    text = Path("copilot/web/manifest.yml").read_text()
    assert "location: nginx:1.27" in text
    assert "path: '/'" in text
    assert shop.ecr.describe_repositories(repositoryNames=["shop/web"])["repositories"]
    assert json.loads(cli.ok("svc", "ls", "--json").stdout) == {
        "services": [{"app": "shop", "name": "web", "type": "Load Balanced Web Service"}]
    }
    again = cli.ok("svc", "init", "--name", "web")
    assert "There was nothing to do" in again.stderr


def test_a_worker_subscribes_to_topics(cli: Cli, shop: Aws) -> None:
    del shop
    kind = ("--svc-type", "Worker Service", "--image", "busybox:1.36")
    cli.ok("svc", "init", "--name", "mailer", *kind, "--subscribe-topics", "web:orders,web:returns")
    text = Path("copilot/mailer/manifest.yml").read_text()
    assert text.count("service: web") == 2
    cli.ok("svc", "init", "--name", "idle", *kind, "--no-subscribe")
    assert "# subscribe:" in Path("copilot/idle/manifest.yml").read_text()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--svc-type", "Web"), "`--svc-type` must be `Load Balanced Web Service`, `Backend Service` or `Worker Service`"),
        (("--svc-type", "Static Site"), "`Static Site` is not part of this release yet"),
        (("--image", "a", "--dockerfile", "b"), "cannot be used together"),
        (("--svc-type", "Worker Service", "--port", "80"), "nothing connects to a Worker Service"),
        (("--subscribe-topics", "web:orders"), "`--subscribe-topics` is for a Worker Service"),
        (("--svc-type", "Worker Service", "--subscribe-topics", "orders"), "must be a service and a topic of it"),
        (("--svc-type", "Worker Service", "--subscribe-topics", "a:b", "--no-subscribe"), "cannot be used together"),
    ],
)
def test_flags_of_init_that_do_not_fit_are_refused_before_aws_is_asked(
    cli: Cli, home: Path, flags: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    del home
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    Path("copilot").mkdir()
    Path("copilot/.workspace").write_text("application: shop\n")
    result = cli("svc", "init", "--name", "web", *flags)
    assert result.exit_code != 0
    assert message in result.stderr
    assert not Path("copilot/web").exists()


def test_a_service_is_deployed_shown_changed_and_deleted(cli: Cli, shop: Aws) -> None:
    manifest = write_manifest("web", WEB + "variables: {GREETING: hello}\n")
    deployed = cli.ok("svc", "deploy", "--env", "test")
    assert "Deployed web to test in" in deployed.stderr
    assert "copilot svc status --name web --env test" in deployed.stderr
    (url,) = deployed.stdout.split()
    assert url.startswith("http://shop-test-PublicLoa")

    shown = json.loads(cli.ok("svc", "show", "--json", "--resources").stdout)
    assert shown["configurations"] == [
        {"environment": "test", "port": "80", "cpu": "256", "memory": "512", "platform": "LINUX/X86_64", "tasks": "1"}
    ]
    assert shown["routes"] == [{"environment": "test", "url": url.rstrip("/"), "ingress": "internet"}]
    assert shown["serviceDiscovery"] == [{"environment": ["test"], "endpoint": "web.test.shop.local:80"}]
    assert {"environment": "test", "name": "GREETING", "value": "hello", "container": "web"} in shown["variables"]
    assert "secrets" not in shown
    assert {"type", "physicalID", "logicalID"} == set(shown["resources"]["test"][0])
    assert "Service" in {each["logicalID"] for each in shown["resources"]["test"]}
    text = cli.ok("svc", "show").stdout
    assert "web.test.shop.local:80" in text
    assert "AWS::ECS::Service" not in text
    assert cli.ok("svc", "show", "--manifest", "test").stdout == manifest.read_text()

    status = json.loads(cli.ok("svc", "status", "--json").stdout)
    assert status["Service"]["desiredCount"] == 1
    assert status["Service"]["status"] == "ACTIVE"
    assert status["alarms"] == []
    assert "nginx:1.27" in cli.ok("svc", "status").stdout
    assert "Nothing was printed" in cli.ok("svc", "logs").stderr
    assert "shop/web" in shop.ecr.describe_repositories()["repositories"][0]["repositoryName"]
    assert Store(shop).claim_rule_place(APP, "web") == 0

    nothing = cli.ok("svc", "deploy", "--name", "web", "--env", "test")
    assert "web in test is up to date. There was nothing to do." in nothing.stderr
    assert "Started new tasks of web in test" in cli.ok("svc", "deploy", "--env", "test", "--force").stderr

    manifest.write_text(manifest.read_text().replace("hello", "good day"))
    declined = cli("svc", "deploy", "--env", "test", "--diff")
    assert declined.exit_code == 2
    assert "`--diff-yes` is missing" in declined.stderr
    changed = cli.ok("svc", "deploy", "--env", "test", "--diff-yes")
    assert "good day" in changed.stdout
    assert "Updated web to test in" in changed.stderr

    gone = cli.ok("svc", "delete", "--yes")
    assert "Deleted service web from environment test" in gone.stderr
    assert "Deleted service web from application shop, with its images" in gone.stderr
    assert json.loads(cli.ok("svc", "ls", "--json").stdout) == {"services": []}
    assert shop.ecr.describe_repositories()["repositories"] == []
    environment = shop.cloudformation.describe_stacks(StackName="shop-test")["Stacks"][0]
    assert {"ParameterKey": "ALBWorkloads", "ParameterValue": ""} in environment["Parameters"]
    assert Store(shop).claim_rule_place(APP, "other") == 0


def test_packages_are_what_a_pipeline_deploys(cli: Cli, shop: Aws, tmp_path: Path) -> None:
    manifest = write_manifest("web", WEB)
    cli.ok("svc", "init", "--name", "web")
    printed = cli.ok("svc", "package", "--env", "test").stdout
    assert printed.startswith("AWSTemplateFormatVersion") or "Resources:" in printed
    cli.ok("svc", "package", "--name", "web", "--env", "test", "--output-dir", str(tmp_path / "infrastructure"))
    assert (tmp_path / "infrastructure/web-test.stack.yml").read_text() == printed
    configuration = json.loads((tmp_path / "infrastructure/web-test.params.json").read_text())
    assert configuration["Parameters"]["ContainerImage"] == "nginx:1.27"
    assert configuration["Tags"] == {"copilot-application": "shop", "copilot-environment": "test", "copilot-service": "web"}

    new = cli("svc", "package", "--env", "test", "--diff")
    assert new.exit_code == 1
    assert "+ Service (AWS::ECS::Service)" in new.stdout
    assert shop.ssm.get_parameters_by_path(Path=names.rules_path(APP))["Parameters"] == []
    cli.ok("svc", "deploy", "--env", "test")
    same = cli("svc", "package", "--env", "test", "--diff")
    assert (same.exit_code, same.stdout) == (0, "")
    assert "Nothing would change" in same.stderr
    manifest.write_text(manifest.read_text() + "cpu: 512\nmemory: 1024\n")
    differs = cli("svc", "package", "--env", "test", "--diff")
    assert differs.exit_code == 1
    assert "TaskCPU: 256 → 512" in differs.stdout


def test_each_environment_is_told_apart(cli: Cli, shop: Aws) -> None:
    make_environment(shop, "prod", "eu-west-1")
    write_manifest("web", WEB + "environments: {prod: {count: 3}}\n")
    cli.ok("deploy", "--env", "test")
    unknown = cli("svc", "status", "--env", "prod")
    assert unknown.exit_code == 1
    assert "service `web` was never deployed to environment `prod`" in unknown.stderr
    cli.ok("deploy", "--env", "prod")
    shown = json.loads(cli.ok("svc", "show", "--json").stdout)
    assert [(c["environment"], c["tasks"]) for c in shown["configurations"]] == [("test", "1"), ("prod", "3")]
    assert "eu-west-1" in next(route["url"] for route in shown["routes"] if route["environment"] == "prod")
    which = cli("svc", "status")
    assert which.exit_code == 2
    assert "`--env` is missing" in which.stderr
    cli.ok("svc", "delete", "--env", "prod", "--yes")
    shown = json.loads(cli.ok("svc", "show", "--json").stdout)
    assert [c["environment"] for c in shown["configurations"]] == ["test"]
    again = cli.ok("svc", "delete", "--env", "prod", "--yes")
    assert "Service web is not deployed to environment prod. There was nothing to do." in again.stderr


def test_all_of_a_repository_are_deployed_publishers_first(cli: Cli, shop: Aws) -> None:
    del shop
    write_manifest("mailer", WORKER)
    write_manifest("web", WEB + "publish: {topics: [{name: orders}]}\n")
    result = cli.ok("deploy", "--all", "--env", "test")
    assert result.stderr.index("Deployed web to test") < result.stderr.index("Deployed mailer to test")
    assert json.loads(cli.ok("svc", "ls", "--json").stdout)["services"][0]["type"] == "Worker Service"


def test_an_environment_is_made_on_the_way(cli: Cli, shop: Aws) -> None:
    del shop
    write_manifest("web", WEB)
    result = cli.ok("deploy", "--name", "web", "--env", "prod", "--init-env", "--deploy-env", "--region", "eu-west-1")
    assert "Created the roles of environment prod in account 123456789012, eu-west-1" in result.stderr
    assert "Deployed web to prod" in result.stderr
    assert Path("copilot/environments/prod/manifest.yml").exists()


@pytest.mark.parametrize("words", ["pause", "resume", "rollback"])
def test_what_aws_has_not_is_refused_with_a_way_out(cli: Cli, home: Path, words: str) -> None:
    del home
    Path("copilot").mkdir()
    Path("copilot/.workspace").write_text("application: shop\n")
    result = cli("svc", words, "--name", "web", "--env", "test")
    assert result.exit_code == 1
    message, hint, *rest = result.stderr.splitlines()
    assert message.startswith("error: ")
    assert hint.startswith("  ")
    assert not rest


def test_mistakes_are_told_before_anything_is_made(cli: Cli, shop: Aws) -> None:
    write_manifest("web", WEB + "cpuu: 3\n")
    result = cli("deploy", "--env", "test")
    assert result.exit_code == 1
    assert "copilot/web/manifest.yml:5:1: unknown key `cpuu`" in result.stderr
    assert not Store(shop).workloads(APP)
    write_manifest("web", WEB)
    for flags, message in {
        ("--env", "nope"): "there is no environment `nope`",
        ("--env", "a b"): "environment `a b` does not exist",
        ("--env", "test", "--name", "nope"): "service `nope` does not exist in this repository",
        ("--env", "test", "--app", "other"): "this repository belongs to application `shop`, not `other`",
        ("--env", "test", "--resource-tags", "x"): "must be a key and a value",
        ("--init-env",): "`--env` is missing",
    }.items():
        result = cli("deploy", *flags)
        assert result.exit_code != 0
        assert message in result.stderr


def test_a_person_watches_and_agrees(cli: Cli, shop: Aws, terminal: Terminals) -> None:
    del shop
    write_manifest("web", WEB)
    cli.ok("svc", "init", "--name", "web")
    screen = terminal("svc", "deploy", "--env", "test", "--diff", columns=160)
    screen.wait_for("Change shop-test-web like this?")
    screen.type("y")
    screen.wait_for("Deployed web to test")
    assert screen.finish() == 0
    screen = terminal("svc", "delete")
    screen.wait_for("Delete service web from environment test, and application shop")
    screen.type("n")
    screen.finish()
    assert json.loads(cli.ok("svc", "ls", "--json").stdout)["services"]
