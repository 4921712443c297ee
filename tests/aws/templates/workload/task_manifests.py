"""Manifests for tests of the task side, and settings made from them."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

from copilot.aws.templates.workload.containers import containers
from copilot.aws.templates.workload.settings import EnvironmentFacts, WorkloadSettings
from copilot.manifest.loader import SourceText
from copilot.manifest.workload import Workload, parse_workload

ACCOUNT = "123456789012"
KEY = f"arn:aws:kms:us-west-2:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
FACTS = EnvironmentFacts(account=ACCOUNT, region="us-west-2")

WEB = """
name: fe
type: Load Balanced Web Service
image: {location: nginx, port: 4000}
http: {path: /}
"""
BACKEND = """
name: api
type: Backend Service
image: {location: nginx, port: 8080}
"""
SILENT = """
name: api
type: Backend Service
image: {location: nginx}
"""
WORKER = """
name: dogworker
type: Worker Service
image: {location: nginx}
"""
JOB = """
name: job
type: Scheduled Job
image: {location: nginx}
on: {schedule: '@daily'}
"""
KINDS = {"web": WEB, "backend": BACKEND, "silent": SILENT, "worker": WORKER, "job": JOB}


def manifest_of(*texts: str) -> Workload:
    """The manifest that a few texts make together, for the environment `test` of `my-app`."""
    text = "".join(textwrap.dedent(each) for each in texts)
    return parse_workload(SourceText(Path("manifest.yml"), "manifest.yml", text)).model.resolved("test", "my-app")


def settings_of(*texts: str, **more: Any) -> WorkloadSettings:
    """The settings of a workload whose manifest a few texts make together."""
    given: dict[str, Any] = {"application": "my-app", "environment": "test", "facts": FACTS, "artifact_key": KEY, **more}
    return WorkloadSettings(manifest=manifest_of(*texts), **given)


def main_container(*texts: str, **more: Any) -> dict[str, Any]:
    """The main container of a workload, as plain data."""
    plain: dict[str, Any] = containers(settings_of(*texts, **more))[0].to_dict()
    return plain


def variables_of(container: dict[str, Any]) -> dict[str, Any]:
    """The environment variables of a container that is plain data."""
    return {each["Name"]: each["Value"] for each in container["Environment"]}
