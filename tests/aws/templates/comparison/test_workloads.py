from __future__ import annotations

import json

import pytest

from copilot.aws.templates.rendering import render
from copilot.aws.templates.workload.stack import WorkloadStack, workload_stack
from tests.aws.replacement import assert_updates_in_place
from tests.aws.templates.comparison.differences import alike
from tests.aws.templates.comparison.resolving import resolved
from tests.aws.templates.comparison.workloads import ORIGINALS, Original
from tests.aws.templates.workload.service_stacks import settings_of

ALWAYS = {
    "AppName": "my-app",
    "EnvName": "test",
    "TaskCPU": "256",
    "TaskMemory": "512",
    "LogRetention": "30",
    "ContainerImage": "nginx",
    "EnvFileARN": "",
}
REACHABLE = ("web", "backend")


def _stack(original: Original) -> WorkloadStack:
    return workload_stack(settings_of(original.manifest, "", original.facts))


@pytest.mark.parametrize("name", ORIGINALS)
def test_resources_are_those_of_aws_copilot_property_by_property(name: str) -> None:
    stack = _stack(ORIGINALS[name])
    ours = alike(resolved(render(stack.template), stack.parameters)["Resources"])
    theirs = ORIGINALS[name].resources
    assert ours.keys() == theirs.keys()
    for logical_id, resource in theirs.items():
        assert ours[logical_id] == resource, logical_id


@pytest.mark.parametrize("name", ORIGINALS)
def test_nothing_is_replaced(name: str) -> None:
    stack = _stack(ORIGINALS[name])
    ours = resolved(render(stack.template), stack.parameters)
    # A task definition is another one with each release.
    before, after = (
        {key: value for key, value in resources.items() if key != "TaskDefinition"}
        for resources in (ORIGINALS[name].resources, ours["Resources"])
    )
    assert_updates_in_place(json.dumps({"Resources": before}), json.dumps({"Resources": after}))


@pytest.mark.parametrize("name", ORIGINALS)
def test_parameters_and_exports_have_the_same_names_and_values(name: str) -> None:
    stack = _stack(ORIGINALS[name])
    assert ALWAYS.items() | ORIGINALS[name].parameters.items() <= stack.parameters.items()
    exports = [
        each["Export"]["Name"]
        for each in resolved(render(stack.template), stack.parameters).get("Outputs", {}).values()
        if "Export" in each
    ]
    assert exports == (["{AWS::StackName}-DiscoveryServiceARN"] if name.startswith(REACHABLE) else [])
