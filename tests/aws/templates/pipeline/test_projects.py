"""The tests' buildspec, in a shell, with an AWS CLI that answers as AWS's does."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from copilot.aws.templates.pipeline.projects import environment_type
from copilot.aws.templates.pipeline.stack import pipeline_stack
from tests.aws.templates.pipeline.pipelines import STAGES, settings_of, source

AWS = """\
#!/bin/sh
echo "$@" >> "$CALLS"
case "$1 $2" in
  "sts assume-role") {assume} ;;
  "cloudformation describe-stacks")
    [ "$AWS_ACCESS_KEY_ID/$AWS_SECRET_ACCESS_KEY/$AWS_SESSION_TOKEN" = id/se+cr/et/to=ken ] || exit 7
    printf '{address}' ;;
esac
"""
ASSUMED = r"printf 'id\tse+cr/et\tto=ken\n'"


def run(tmp_path: Path, then: str, *, assume: str = ASSUMED, address: str = "") -> subprocess.CompletedProcess[str]:
    """Run the commands that come before the tests, and one more, in one shell as CodeBuild does."""
    settings = settings_of(source("GitHub") + STAGES, regions={"test": "eu-west-1"})
    project = pipeline_stack(settings).template.to_dict()["Resources"]["BuildTestCommandstest"]["Properties"]
    buildspec = yaml.safe_load(project["Source"]["BuildSpec"])
    assert buildspec["phases"]["build"]["commands"] == ['curl --fail "http://$COPILOT_LB_DNS/"', "echo 'it''s: done' | cat"]
    program = tmp_path / "aws"
    program.write_text(AWS.replace("{assume}", assume).replace("{address}", address))
    program.chmod(0o755)
    variables = {v["Name"]: v["Value"] for v in project["Environment"]["EnvironmentVariables"] if isinstance(v["Value"], str)}
    script = "".join(f"{command} || exit\n" for command in map(str.strip, buildspec["phases"]["pre_build"]["commands"]))
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "CALLS": str(tmp_path / "calls"), **variables}
    return subprocess.run(["sh", "-c", script + then], env=environment, capture_output=True, text=True, check=False)


def test_tests_know_where_they_are_and_what_answers_there(tmp_path: Path) -> None:
    then = "sh -c 'echo \"$COPILOT_APPLICATION_NAME $COPILOT_ENVIRONMENT_NAME $COPILOT_LB_DNS\"'"
    assert run(tmp_path, then, address=r"lb-1.elb.amazonaws.com\n").stdout == "shop test lb-1.elb.amazonaws.com\n"
    assume, describe = (tmp_path / "calls").read_text().splitlines()
    assert "--role-arn arn:aws:iam::123456789012:role/shop-test-EnvManagerRole" in assume
    assert "--region eu-west-1 --stack-name shop-test " in describe


def test_without_a_load_balancer_its_address_is_empty(tmp_path: Path) -> None:
    assert run(tmp_path, 'echo "[$COPILOT_LB_DNS]"').stdout == "[]\n"


def test_keys_are_in_no_argument_and_not_left_to_the_tests(tmp_path: Path) -> None:
    assert "AWS_SECRET" not in run(tmp_path, "env").stdout
    assert "se+cr" not in (tmp_path / "calls").read_text()


def test_tests_do_not_run_when_the_environment_cannot_be_asked(tmp_path: Path) -> None:
    result = run(tmp_path, "echo tested", assume="echo AccessDenied >&2; exit 254")
    assert result.returncode != 0
    assert result.stdout == ""
    assert "AccessDenied" in result.stderr


@pytest.mark.parametrize(
    ("image", "type_"),
    [
        ("aws/codebuild/amazonlinux-aarch64-standard:3.0", "ARM_CONTAINER"),
        ("aws/codebuild/amazonlinux-x86_64-standard:5.0", "LINUX_CONTAINER"),
        ("ghcr.io/ana/builder:1", "LINUX_CONTAINER"),
    ],
)
def test_the_machine_suits_the_image(image: str, type_: str) -> None:
    assert environment_type(image) == type_
