"""What people and scripts typed at AWS Copilot 1.34."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from copilot.cli._commands import AWS_COPILOT, find
from copilot.cli._root import load
from tests.cli.conftest import Cli

FLAGS = {
    "app init": "--domain --permissions-boundary --resource-tags",
    "app ls": "",
    "app show": "--json --name -n",
    "app delete": "--name -n --yes",
    "env init": "--allow-downgrade --app -a --aws-access-key-id --aws-secret-access-key --aws-session-token --default-config"
    " --name -n --profile --region --import-cert-arns --import-private-subnets --import-public-subnets --import-vpc-id"
    " --internal-alb-allow-vpc-ingress --internal-alb-subnets --override-az-names --override-private-cidrs"
    " --override-public-cidrs --override-vpc-cidr --container-insights",
    "env deploy": "--allow-downgrade --app -a --detach --diff --diff-yes --force --name -n --no-rollback",
    "env override": "--app -a --cdk-language --name -n --skip-resources --tool",
    "env ls": "--app -a --json",
    "env show": "--app -a --json --name -n --resources",
    "env delete": "--app -a --name -n --yes",
    "svc init": "--allow-downgrade --app -a --dockerfile -d --image -i --ingress-type --name -n --no-subscribe --port --sources"
    " --subscribe-topics --svc-type -t",
    "svc ls": "--app -a --json --local",
    "svc show": "--app -a --json --manifest --name -n --resources",
    "svc deploy": "--allow-downgrade --app -a --detach --diff --diff-yes --env -e --force --name -n --no-rollback --resource-tags"
    " --tag",
    "svc package": "--allow-downgrade --app -a --diff --env -e --name -n --output-dir --tag --upload-assets",
    "svc override": "--app -a --cdk-language --env -e --name -n --skip-resources --tool",
    "svc status": "--app -a --env -e --json --name -n",
    "svc logs": "--app -a --container --end-time --env -e --follow --json --limit --log-group --name -n --previous -p --since"
    " --start-time --tasks",
    "svc exec": "--app -a --command -c --container --env -e --name -n --task-id --yes",
    "svc pause": "--app -a --env -e --name -n --yes",
    "svc resume": "--app -a --env -e --name -n",
    "svc delete": "--app -a --env -e --name -n --yes",
    "job init": "--allow-downgrade --app -a --dockerfile -d --image -i --job-type -t --name -n --retries --schedule -s --timeout",
    "job deploy": "--allow-downgrade --app -a --detach --diff --env -e --name -n --no-rollback --resource-tags --tag",
    "job package": "--allow-downgrade --app -a --diff --env -e --name -n --output-dir --tag --upload-assets",
    "job override": "--app -a --cdk-language --env -e --name -n --skip-resources --tool",
    "job ls": "--app -a --json --local",
    "job run": "--app -a --env -e --name -n",
    "job logs": "--app -a --end-time --env -e --follow --include-state-machine --json --last --limit --name -n --since"
    " --start-time --tasks",
    "job delete": "--app -a --env -e --name -n --yes",
    "deploy": "--all --allow-downgrade --app -a --aws-access-key-id --aws-secret-access-key --aws-session-token --deploy-env"
    " --detach --env -e --force --init-env --init-wkld --name -n --no-rollback --profile --region --resource-tags --tag",
    "pipeline init": "--app -a --environments -e --git-branch -b --name -n --pipeline-type -p --url -u"
    " --github-url --github-access-token -t",
    "pipeline deploy": "--allow-downgrade --app -a --diff --name -n --yes",
    "pipeline update": "--allow-downgrade --app -a --diff --name -n --yes",
    "pipeline override": "--app -a --cdk-language --name -n --skip-resources --tool",
    "pipeline ls": "--app -a --json --local",
    "pipeline show": "--app -a --json --name -n --resources",
    "pipeline status": "--app -a --json --name -n",
    "pipeline delete": "--app -a --delete-secret --name -n --yes",
    "secret init": "--app -a --cli-input-yaml --name -n --overwrite --values",
}
"""By command: the flags that the released program has."""


@pytest.mark.parametrize("path", FLAGS)
def test_its_flags_are_taken(path: str) -> None:
    entry = find(path)
    assert entry is not None
    taken = {name for p in load(entry).params if isinstance(p, click.Option) for name in p.opts}
    assert set(FLAGS[path].split()) <= taken


@pytest.mark.parametrize("path", sorted(AWS_COPILOT))
def test_a_command_that_is_not_here_says_what_to_do_instead(cli: Cli, path: str) -> None:
    assert find(path) is None
    result = cli(*path.split(), "--name", "api")
    assert result.exit_code == 2
    assert f"`copilot {path}` of AWS Copilot is not part of this release" in result.stderr
    assert AWS_COPILOT[path] in result.stderr


def test_deploying_an_environment_has_nothing_to_do(cli: Cli, app: str) -> None:
    cli.ok("env", "init", "--name", "test", "--profile", "default", "--region", "eu-west-1", "--default-config")
    result = cli.ok("env", "deploy", "--name", "test", "--force", "--no-rollback", "--detach=false")
    assert "is ready at http://localhost:" in result.stderr
    assert "There was nothing to do" in result.stderr
    missing = cli("env", "deploy", "--name", "prod", "--app", app)
    assert missing.exit_code == 1
    assert "environment `prod` does not exist" in missing.stderr


def test_what_only_aws_shows_is_refused_on_this_machine(cli: Cli, app: str) -> None:
    del app
    Path("copilot/api").mkdir()
    Path("copilot/api/manifest.yml").write_text("name: api\ntype: Backend Service\nimage: {build: Dockerfile}\n")
    cli.ok("env", "init", "--name", "test", "--runtime", "host")
    package = cli("svc", "package", "--name", "api", "--env", "test")
    assert package.exit_code == 1
    assert "the local engine has no templates to look at" in package.stderr
    assert "`copilot svc show --manifest <env>`" in package.stderr
    deploy = cli("svc", "deploy", "--name", "api", "--env", "test", "--diff")
    assert deploy.exit_code == 1
    assert "the local engine has no stacks whose changes `--diff` could show" in deploy.stderr
