"""The files that `pipeline init` writes, as text a newcomer can edit without the documentation. Pure."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from textwrap import dedent
from textwrap import indent as indent_lines
from typing import Any

from copilot.manifest.names import LONGEST_ACTION_NAME

_PLAIN_SCALAR = re.compile(r"[A-Za-z/][A-Za-z0-9_./@~+-]*(:[A-Za-z0-9_./@~+-]+)*")
_MEANINGS = {"true", "false", "yes", "no", "on", "off", "y", "n", "null"}
"""Words that YAML 1.1 or 1.2 reads as something other than text."""
_UNPRINTABLE = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff]")


@dataclass(frozen=True)
class PipelineAnswers:
    """What a pipeline manifest is made of.

    Attributes:
        environments: At least one, in release order. The last of several waits for approval.
        buildspec: Its path from the repository's root.
        access_token_secret: Name of the secret that holds the access token; None if the repository needs none.
        connection_name: Name of the connection that leads to the repository; None if there is none yet, or none is needed.
    """

    name: str
    environments: Sequence[str]
    provider: str
    repository: str
    branch: str
    buildspec: str
    access_token_secret: str | None = None
    connection_name: str | None = None


@dataclass(frozen=True)
class OwnParts:
    """What a buildspec has besides what every one of ours has; values as YAML has them.

    Attributes:
        keys: Further keys of the file.
        phases: Further keys of phases, by phase.
        before: Commands by phase, to run before ours. ``after`` likewise; in the build phase, where there is none of ours, they
            are one after the other.
        artifacts: Further keys of the artifacts.
        files: Further files among them.
    """

    keys: Mapping[str, Any] = field(default_factory=dict)
    phases: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    before: Mapping[str, Sequence[str]] = field(default_factory=dict)
    after: Mapping[str, Sequence[str]] = field(default_factory=dict)
    artifacts: Mapping[str, Any] = field(default_factory=dict)
    files: Sequence[str] = ()


def pipeline_name(app: str, repository: Sequence[str]) -> str:
    """The name AWS Copilot's oldest layout gives: ``pipeline-<app>-<owner>-<repo>``, as far as it is allowed.

    Args:
        app: The application.
        repository: Owner and name, or only the name of a repository on this disk.
    """
    name = "-".join(["pipeline", app, *repository])
    return re.sub(r"[^A-Za-z0-9.@_-]+", "-", name)[:LONGEST_ACTION_NAME].rstrip("-.")


def scalar(text: str) -> str:
    """The text as a YAML scalar: plain where that says the same, else in double quotes."""
    if _PLAIN_SCALAR.fullmatch(text) and text.lower() not in _MEANINGS:
        return text
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match.group()):04x}", json.dumps(text, ensure_ascii=False))


def manifest_text(answers: PipelineAnswers) -> str:
    """The pipeline manifest: every key, those not needed as comments."""
    last = answers.environments[-1]
    stages = [
        _stage(environment, approval=environment == last and len(answers.environments) > 1, explain=index == 0)
        for index, environment in enumerate(answers.environments)
    ]
    secret, connection = answers.access_token_secret, answers.connection_name
    return _MANIFEST.format(
        name=scalar(answers.name),
        provider=answers.provider,
        repository=scalar(answers.repository),
        branch=scalar(answers.branch),
        access=_ACCESS.format(f"access_token_secret: {scalar(secret)}" if secret else "# access_token_secret: my-token"),
        connection=f"connection_name: {scalar(connection)}" if connection else "# connection_name: my-connection",
        buildspec=scalar(answers.buildspec),
        stages="\n".join(stages).rstrip("\n"),
    )


def buildspec_text(version: str, folder: str = ".", own: OwnParts | None = None) -> str:
    """The buildspec.

    Args:
        version: Of this program; the build installs it if it has another one or none.
        folder: The workspace's folder from the repository's root.
        own: What a person has added.
    """
    own = own or OwnParts()
    build = "copilot pipeline build --output-dir infrastructure"
    if folder != ".":
        # What is deployed is looked for at the repository's root.
        build = f'cd {shlex.quote(folder)} && copilot pipeline build --output-dir "$CODEBUILD_SRC_DIR/infrastructure"'
    pre_build = {**own.phases.get("pre_build", {}), **_commands(own, "pre_build")}
    tests = _commands(own, "build").get("commands")
    return _BUILDSPEC.format(
        version=version,
        build=build if folder == "." else scalar(build),
        keys=_yaml(own.keys, 0) + "\n" if own.keys else "",
        install_keys=_yaml(own.phases.get("install", {}), 4),
        before_install=_yaml(own.before.get("install", ()), 6),
        after_install=_yaml(own.after.get("install", ()), 6),
        pre_build=_yaml({"pre_build": pre_build}, 2) + "\n" if pre_build else "",
        build_keys=_yaml(own.phases.get("build", {}), 4),
        tests=_yaml(tests, 6) if tests else _NO_TESTS,
        post_build_keys=_yaml(own.phases.get("post_build", {}), 4),
        before=_yaml(own.before.get("post_build", ()), 6),
        after=_yaml(own.after.get("post_build", ()), 6),
        files=_yaml(own.files, 4),
        artifacts=_yaml(own.artifacts, 2),
    )


def _commands(own: OwnParts, phase: str) -> dict[str, list[str]]:
    commands = [*own.before.get(phase, ()), *own.after.get(phase, ())]
    return {"commands": commands} if commands else {}


def _yaml(value: Mapping[str, Any] | Sequence[str], indent: int) -> str:
    """A value as block YAML, as far to the right; nothing for an empty one."""
    if not value:
        return ""
    from ruamel.yaml import YAML
    from ruamel.yaml.scalarstring import LiteralScalarString

    def readable(item: Any) -> Any:
        if isinstance(item, Mapping):
            return {key: readable(each) for key, each in item.items()}
        if isinstance(item, (list, tuple)):
            return [readable(each) for each in item]
        return LiteralScalarString(item) if isinstance(item, str) and "\n" in item.strip() else item

    yaml, out = YAML(), StringIO()
    yaml.width = 10_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    # A list at the top would be to the right of its place.
    yaml.dump({"x": readable(value)}, out)
    return indent_lines(dedent(out.getvalue().partition("\n")[2]), " " * indent)


def _stage(environment: str, *, approval: bool, explain: bool) -> str:
    lines = [f"  - name: {scalar(environment)}"]
    flag = "requires_approval: true"
    if approval:
        lines.append(f"    {flag}   # a person says yes before anything reaches this environment")
    elif explain:
        lines.append(f"    # {flag}   # a person says yes before anything reaches this environment")
    else:
        lines.append(f"    # {flag}")
    lines.append(_STAGE_EXPLAINED if explain else _STAGE_SHORT)
    return "\n".join(lines)


_MANIFEST = """\
# A pipeline: a push to the branch below is built once and released to the environments, in the order of `stages`.
# Lines that begin with `#` and a key show what else can be said; remove the `#` to use them.
# After editing:  copilot pipeline validate   then   copilot pipeline update

# What the pipeline is called. Another name makes another pipeline.
name: {name}

# The version of this file's format.
version: 1

# Where the code comes from.
source:
  # GitHub, GitHubV1, GitLab, Bitbucket, CodeCommit; or Git: anything that git can fetch.
  provider: {provider}
  properties:
    # A URL, or the path of a repository on this disk.
    repository: {repository}
    # A push to this branch starts an execution.
    branch: {branch}
{access}
    # An existing AWS connection to the repository's host.
    {connection}
    # CODEBUILD_CLONE_REF gives the build the whole git history, CODE_ZIP only the files.
    # output_artifact_format: CODEBUILD_CLONE_REF
  # Only pushes that touch one of these files start an execution.
  # paths: ["src/**", "copilot/**"]

# When pushes arrive faster than they are released: superseded (the newest overtakes those that wait),
# queued (one after the other), or parallel (side by side).
# execution_mode: superseded

# How the code is built. The commands are in the buildspec.
build:
  buildspec: {buildspec}
  # Minutes after which a build is stopped.
  # timeout: 60
  # Environment variables for the build.
  # variables:
  #   LOG_LEVEL: info
  # On AWS: the build's image, its size, and what else it may do.
  # image: aws/codebuild/amazonlinux-x86_64-standard:5.0
  # compute: BUILD_GENERAL1_SMALL
  # additional_policy:
  #   PolicyDocument:
  #     Version: "2012-10-17"
  #     Statement:
  #       - Effect: Allow
  #         Action: s3:GetObject
  #         Resource: arn:aws:s3:::my-bucket/*

# Where a release goes, in this order. Each stage begins only when the one before it has succeeded.
stages:
{stages}
"""

_ACCESS = """\
    # The name of the stored secret that holds the access token; the token itself never stands here.
    {}"""

_STAGE_EXPLAINED = """\
    # Shell commands that test what was just deployed; COPILOT_LB_DNS is where it answers.
    # test_commands:
    #   - curl --fail "http://$COPILOT_LB_DNS/"
    # Which services to deploy, and what each waits for. Left out: all of them, side by side.
    # deployments:
    #   api:
    #   web:
    #     depends_on: [api]
    # Buildspecs to run before, or after, the deployments (instead of test_commands).
    # pre_deployments:
    #   migrate:
    #     buildspec: copilot/migrate.yml
    # post_deployments:
    #   smoke-test:
    #     buildspec: copilot/smoke-test.yml
    # On AWS: run these commands and buildspecs inside of the environment's network.
    # vpc:
    #   placement: private
    # When something of this stage fails: stop, rollback (back to what ran before), or retry (once).
    # on_failure: stop
"""

_STAGE_SHORT = """\
    # test_commands:
    #   - curl --fail "http://$COPILOT_LB_DNS/"
    # on_failure: stop
"""

_NO_TESTS = """\
      # - make test
      - echo "There are no tests in copilot's build phase yet"
"""

# The images of CodeBuild have Python 3.11 from pyenv, whose commands are found only after a `rehash`; `python3 -m pip` does none.
# https://github.com/aws/aws-codebuild-docker-images, https://github.com/pyenv/pyenv/issues/2243
_BUILDSPEC = """\
# How a push is built: the commands of each phase run one after the other, in the repository's folder.
version: 0.2

{keys}phases:
  install:
{install_keys}    commands:
{before_install}      # The program that builds the images, at the version this pipeline was made with.
      - |
        test "$(copilot --version 2>/dev/null)" = "copilot {version}" || {{
          python3 -m pip install "copilot-pipelines=={version}" &&
          if command -v pyenv >/dev/null; then pyenv rehash; fi
        }}
{after_install}
{pre_build}  build:
{build_keys}    commands:
      # Your own tests go here. When a command fails, nothing is published and nothing is deployed.
{tests}
  post_build:
{post_build_keys}    commands:
{before}      # Builds every service's image once, and writes what to deploy for each environment.
      - {build}
{after}
artifacts:
  files:
    - infrastructure/**/*
{files}{artifacts}"""
