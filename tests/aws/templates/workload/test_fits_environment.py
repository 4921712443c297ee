"""Workloads take from their environment only what its stack has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from copilot.aws.templates.environment.settings import EnvironmentSettings
from copilot.aws.templates.environment.stack import environment_stack
from copilot.aws.templates.reading import read_template
from copilot.aws.templates.rendering import render
from tests.aws.templates.environment.variants import CERTIFICATE
from tests.aws.templates.environment.variants import settings as environment_of
from tests.aws.templates.workload.test_matrix import KINDS, rows, template

CERTIFICATES = {"public": {"certificates": [f"{CERTIFICATE}1"]}, "private": {"certificates": [f"{CERTIFICATE}2"]}}
ENVIRONMENTS = {
    "web with a domain": environment_of(domain="example.com", domain_zone="Z0123456789ABC"),
    "web with certificates": environment_of(http=CERTIFICATES),
    "backend with certificates": environment_of(http=CERTIFICATES),
}


def named(data: Any, function: str) -> Iterator[Any]:
    if isinstance(data, dict):
        for key, value in data.items():
            if key == function:
                yield value
            yield from named(value, function)
    elif isinstance(data, list):
        for item in data:
            yield from named(item, function)


def offered(environment: EnvironmentSettings) -> tuple[set[str], set[str]]:
    """Names of the outputs, and of the exports without the stack's name in front."""
    outputs = read_template(render(environment_stack(environment).template))["Outputs"]
    exports = [each["Export"]["Name"]["Fn::Sub"] for each in outputs.values() if "Export" in each]
    return set(outputs), {name.removeprefix("${AWS::StackName}-") for name in exports}


@pytest.mark.parametrize("kind", KINDS)
def test_a_workload_finds_all_it_takes(kind: str) -> None:
    outputs, exports = offered(ENVIRONMENTS.get(kind, environment_of()))
    for keys in rows(kind):
        resources = read_template(template(kind, *keys))["Resources"]
        taken = {attribute for name, attribute in named(resources, "Fn::GetAtt") if name == "EnvControllerAction"}
        assert taken <= outputs
        imported = {name for name in named(resources, "Fn::ImportValue") if name.startswith("my-app-test-")}
        assert imported
        assert {name.removeprefix("my-app-test-") for name in imported} <= exports
