"""Whole stacks of workloads for tests of services and jobs: from a manifest as people write it to a template."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from copilot.aws.templates.reading import read_template
from copilot.aws.templates.rendering import render
from copilot.aws.templates.workload.settings import EnvironmentFacts, WorkloadSettings
from copilot.aws.templates.workload.stack import workload_stack
from copilot.manifest.loader import SourceText
from copilot.manifest.workload import Workload, parse_workload

ACCOUNT = "123456789012"
FACTS = EnvironmentFacts(account=ACCOUNT, region="us-west-2")
WITH_DOMAIN = replace(FACTS, domain="example.com")
OF_AWS_COPILOT = replace(WITH_DOMAIN, makes_aliases=True)
WITH_CERTIFICATES = replace(FACTS, public_certificates=True, private_certificates=True)

WEB = """
name: fe
type: Load Balanced Web Service
image: {location: nginx, port: 4000}
"""
BACKEND = """
name: api
type: Backend Service
image: {location: nginx, port: 8080}
"""
WORKER = """
name: dogworker
type: Worker Service
image: {location: nginx}
"""
JOB = """
name: report
type: Scheduled Job
image: {location: nginx}
"""


def manifest_of(text: str) -> Workload:
    return _parsed(textwrap.dedent(text)).resolved("test", "my-app")


@cache
def _parsed(text: str) -> Workload:
    return parse_workload(SourceText(Path("manifest.yml"), "manifest.yml", text)).model


def settings_of(kind: str, more: str = "", facts: EnvironmentFacts = FACTS, **settings: Any) -> WorkloadSettings:
    """A workload of a kind, whose manifest says more, as it is to be in an environment."""
    key = f"arn:aws:kms:us-west-2:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
    manifest = manifest_of(kind + textwrap.dedent(more))
    return WorkloadSettings("my-app", "test", manifest, facts, artifact_key=key, **settings)


def stack_of(kind: str, more: str = "", facts: EnvironmentFacts = FACTS, **settings: Any) -> str:
    """The text of a workload's whole template."""
    return text_of(settings_of(kind, more, facts, **settings))


def text_of(settings: WorkloadSettings) -> str:
    return render(workload_stack(settings).template)


def resources_of(kind: str, more: str = "", facts: EnvironmentFacts = FACTS, **settings: Any) -> dict[str, Any]:
    """The resources of a workload's template, as plain data with the long forms of functions."""
    resources: dict[str, Any] = read_template(stack_of(kind, more, facts, **settings))["Resources"]
    return resources


def properties_of(logical_id: str, kind: str, more: str = "", facts: EnvironmentFacts = FACTS, **settings: Any) -> dict[str, Any]:
    """The properties of one resource of a workload's template."""
    properties: dict[str, Any] = resources_of(kind, more, facts, **settings)[logical_id]["Properties"]
    return properties
