"""A repository of the local engine moves to AWS; what is written in it stays as it is."""

from __future__ import annotations

import json
from pathlib import Path

from copilot.aws.client import Aws
from tests import gitrepo
from tests.cli.conftest import Cli, LocalEngine


def test_nothing_but_the_engine_changes(cli: Cli, local: LocalEngine, aws: Aws) -> None:
    app = "moving"
    gitrepo.run(Path.cwd(), "init")
    gitrepo.run(Path.cwd(), "remote", "add", "origin", "https://github.com/kohidave/moving")
    Path("api").mkdir()
    Path("api/Dockerfile").write_text('FROM busybox:1.36\nEXPOSE 8080\nCMD ["httpd"]\n')
    cli.ok("app", "init", app)
    cli.ok("env", "init", "--name", "test", "--runtime", "host")
    cli.ok("env", "init", "--name", "prod", "--runtime", "host")
    kind = ("--svc-type", "Load Balanced Web Service", "--dockerfile", "api/Dockerfile")
    cli.ok("svc", "init", "--name", "api", *kind)
    cli.ok("job", "init", "--name", "report", "--schedule", "@daily", "--dockerfile", "api/Dockerfile")
    # Nothing is pushed in this test: what was built before is named.
    for name in ("api", "report"):
        manifest = Path("copilot", name, "manifest.yml")
        manifest.write_text(manifest.read_text().replace("build: api/Dockerfile", "location: busybox:1.36"))
    gitrepo.commit(Path.cwd(), "README", "x")
    cli.ok(
        "pipeline", "init", "--environments", "test,prod", "--git-branch", "main", "--url", "https://github.com/kohidave/moving"
    )
    before = files()
    assert {Path("copilot/pipeline.yml"), Path("copilot/buildspec.yml"), Path("copilot/api/manifest.yml")} <= before.keys()

    moved = cli.ok("app", "init", "--engine", "aws")
    assert "added api, report, whose manifests are here" in moved.stderr
    for environment in ("test", "prod"):
        cli.ok("env", "init", "--name", environment)
        cli.ok("env", "deploy", "--name", environment)
    deployed = cli.ok("deploy", "--all", "--env", "test")
    assert "Deployed api to test" in deployed.stderr
    assert "Deployed report to test" in deployed.stderr
    assert deployed.stdout.startswith("http://")

    after = files()
    assert {path: after[path] for path in before} == before
    assert sorted(str(path) for path in after.keys() - before.keys()) == [
        "copilot/environments/prod/manifest.yml",
        "copilot/environments/test/manifest.yml",
    ]
    assert Path("copilot/.workspace").read_text() == f"application: {app}\n"
    assert json.loads(cli.ok("env", "ls", "--json").stdout)["environments"][0]["accountID"] == "123456789012"
    stack = aws.cloudformation.describe_stacks(StackName="moving-test-api")["Stacks"][0]
    assert stack["StackStatus"] == "CREATE_COMPLETE"

    # What ran on this machine is still there.
    cli.ok("app", "init", "--engine", "local")
    assert {each["name"] for each in json.loads(cli.ok("env", "ls", "--json").stdout)["environments"]} == {"test", "prod"}
    assert app in {each.name for each in local.engine.applications()}


def files() -> dict[Path, bytes]:
    """What is in the folder `copilot`, but for the file that names the engine."""
    found = (path for path in Path("copilot").rglob("*") if path.is_file() and path.name != ".workspace")
    return {path: path.read_bytes() for path in found}
