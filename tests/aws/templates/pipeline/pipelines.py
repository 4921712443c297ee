"""Pipelines to make templates of."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import indent

from copilot.aws.templates.pipeline.settings import ArtifactStore, PipelineEnvironment, PipelineSettings
from copilot.manifest.loader import parse
from copilot.manifest.pipeline import PipelineManifest
from copilot.release.planner import plan

REGION = "us-east-1"
ACCOUNT = "123456789012"
REPOSITORIES = {
    "GitHub": "https://github.com/ana/shop",
    "GitHubV1": "https://github.com/ana/shop",
    "GitLab": "https://gitlab.com/shops/ana/shop",
    "Bitbucket": "https://bitbucket.org/ana/shop",
    "CodeCommit": f"https://git-codecommit.{REGION}.amazonaws.com/v1/repos/shop",
}
CONNECTION = f"arn:aws:codestar-connections:{REGION}:{ACCOUNT}:connection/5f0d8fba-4ea6-4d1a-a4f1-9ecb0a5d8a6b"


def source(provider: str, *properties: str, paths: Sequence[str] = ()) -> str:
    """The ``source`` of a manifest."""
    token = ("access_token_secret: github-token-shop",) if provider == "GitHubV1" else ()
    lines = [f"repository: {REPOSITORIES[provider]}", "branch: main", *token, *properties]
    listed = f"  paths: [{', '.join(paths)}]\n" if paths else ""
    return f"source:\n  provider: {provider}\n  properties:\n{indent(chr(10).join(lines), '    ')}\n{listed}"


STAGES = """\
stages:
  - name: test
    test_commands:
      - curl --fail "http://$COPILOT_LB_DNS/"
      - "echo 'it''s: done' | cat"
  - name: prod
    requires_approval: true
    pre_deployments:
      migrate: {buildspec: copilot/migrate.yml}
    deployments:
      api: {depends_on: [db]}
      db:
    post_deployments:
      tell-us: {buildspec: copilot/tell.yml}
"""
BUILD = """\
build:
  image: aws/codebuild/amazonlinux-aarch64-standard:3.0
  compute: BUILD_GENERAL1_LARGE
  timeout: 90
  buildspec: copilot/build.yml
  variables: {LEVEL: "3"}
  additional_policy:
    PolicyDocument:
      Version: 2012-10-17
      Statement:
        - {Effect: Allow, Action: "s3:GetObject", Resource: "arn:aws:s3:::models/*"}
"""


def settings_of(
    text: str,
    *,
    name: str = "main",
    workloads: Sequence[str] = ("api", "db"),
    regions: dict[str, str] | None = None,
    connection_arn: str | None = None,
    oldest_layout: bool = False,
    permissions_boundary: str | None = None,
) -> PipelineSettings:
    """A pipeline as a manifest says. ``regions``: of environments that are not where the pipeline is."""
    manifest = parse(f"name: {name}\nversion: 1\n{text}", PipelineManifest, "manifest.yml").model
    made = plan(manifest, application="shop", workloads=workloads, manifest_folder=f"copilot/pipelines/{name}")
    environments = {each: environment(each, (regions or {}).get(each, REGION)) for each in made.environments}
    stores = {each: store(each) for each in {REGION, *(place.region for place in environments.values())}}
    return PipelineSettings(
        made,
        manifest,
        REGION,
        environments,
        stores,
        connection_arn=connection_arn,
        oldest_layout=oldest_layout,
        permissions_boundary=permissions_boundary,
        tags={"team": "ana"},
        account=ACCOUNT,
    )


def environment(name: str, region: str) -> PipelineEnvironment:
    """An environment of the application ``shop``."""
    roles = [f"arn:aws:iam::{ACCOUNT}:role/shop-{name}-{role}" for role in ("EnvManagerRole", "CFNExecutionRole")]
    return PipelineEnvironment(name, region, ACCOUNT, *roles)


def store(region: str) -> ArtifactStore:
    """What the application ``shop`` has in a region."""
    key = f"arn:aws:kms:{region}:{ACCOUNT}:key/0a1b2c3d-0000-4000-8000-abcdefabcdef"
    return ArtifactStore(region, f"stackset-shop-infrastru-pipelinebuiltartifactbuc-{region}", key)
