from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from copilot.aws.templates.pipeline.stack import pipeline_stack
from copilot.aws.templates.rendering import render
from tests.aws.replacement import assert_updates_in_place
from tests.aws.templates.comparison.pipelines import (
    ADDED,
    OF_ACTIONS,
    OF_ENVIRONMENT_PROJECTS,
    OF_TESTS,
    ORIGINALS,
    OTHERWISE,
    alike,
)
from tests.aws.templates.comparison.resolving import resolved

DOCUMENT = (Path(__file__).parents[4] / "docs" / "aws-differences.md").read_text(encoding="utf-8")
SECTION = DOCUMENT.partition("## Pipelines\n")[2].partition("\n## ")[0]
IN_OTHER_WORDS = {
    "AssumeRolePolicyDocument": "trust policies",
    "Description": "descriptions of resources",
    "ManagedPolicyArns": "policies that AWS looks after",
    "Policies": "policies of roles",
}


def _ours(name: str) -> dict[str, Any]:
    original = ORIGINALS[name]
    return resolved(render(pipeline_stack(original.settings).template), {"AWS::StackName": original.stack})


@pytest.mark.parametrize("name", ORIGINALS)
def test_resources_are_those_of_aws_copilot_property_by_property(name: str) -> None:
    ours, theirs = alike(_ours(name)["Resources"]), ORIGINALS[name].resources
    assert ours.keys() == theirs.keys()
    for logical_id, resource in theirs.items():
        assert ours[logical_id] == resource, logical_id


@pytest.mark.parametrize("name", ORIGINALS)
def test_nothing_is_replaced_and_outputs_stay(name: str) -> None:
    original, ours = ORIGINALS[name], _ours(name)
    assert_updates_in_place(json.dumps({"Resources": original.resources}), json.dumps({"Resources": ours["Resources"]}))
    assert {key: output["Value"] for key, output in ours.get("Outputs", {}).items()} == original.outputs
    assert original.settings.stack_name == original.stack


@pytest.mark.parametrize(
    "name", sorted({*ADDED, *OF_TESTS, *OF_ENVIRONMENT_PROJECTS, *set().union(*OTHERWISE.values(), *OF_ACTIONS.values())})
)
def test_each_difference_is_explained(name: str) -> None:
    assert IN_OTHER_WORDS[name] in DOCUMENT if name in IN_OTHER_WORDS else f"`{name}`" in SECTION
