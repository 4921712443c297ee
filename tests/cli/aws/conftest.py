"""An application on the emulator, and commands that work on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from copilot.aws.applications import Applications
from copilot.aws.client import Aws
from copilot.aws.environments import Environments
from copilot.manifest.environment import EnvironmentManifest
from copilot.workspace import Workspace
from tests.aws import conftest as on_aws

APP = "shop"

aws_environment = on_aws.aws_environment
aws = on_aws.aws


@pytest.fixture
def shop(aws: Aws, home: Path) -> Aws:
    """Application `shop` with environment `test`, which the current folder belongs to."""
    del home  # the current folder is the test's own
    Workspace.create(Path.cwd(), APP, "aws")
    Applications(aws, pause=0.01).create(APP)
    make_environment(aws, "test")
    return aws


def make_environment(aws: Aws, name: str, region: str | None = None) -> None:
    """Make and deploy an environment."""
    environments = Environments(aws, pause=0.01)
    environments.init(APP, name, aws.in_region(region) if region else None)
    manifest = EnvironmentManifest.model_validate({"name": name, "type": "Environment"})
    environments.deploy(APP, name, manifest, f"name: {name}\ntype: Environment\n")


def write_manifest(name: str, text: str) -> Path:
    """Write the manifest of a workload into the current folder's workspace."""
    path = Path("copilot", name, "manifest.yml")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"name: {name}\n{text}")
    return path


WEB = """\
type: Load Balanced Web Service
image: {location: 'nginx:1.27', port: 80}
http: {path: /}
"""
WORKER = """\
type: Worker Service
image: {location: 'busybox:1.36'}
subscribe:
  topics:
    - {name: orders, service: web}
"""
JOB = """\
type: Scheduled Job
image: {location: 'busybox:1.36'}
on: {schedule: '@daily'}
"""
