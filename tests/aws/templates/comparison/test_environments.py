from __future__ import annotations

import json
from typing import Any

import pytest

from copilot.aws.templates.environment.settings import ON_DEMAND
from copilot.aws.templates.environment.stack import environment_stack
from copilot.aws.templates.rendering import render
from tests.aws.replacement import assert_updates_in_place
from tests.aws.templates.comparison.differences import alike
from tests.aws.templates.comparison.environments import DOMAIN_EXPORTS, EXPORTS, ORIGINALS, OUTPUTS, STACK
from tests.aws.templates.comparison.resolving import resolved
from tests.aws.templates.environment.variants import VARIANTS


def _ours(name: str) -> dict[str, Any]:
    stack = environment_stack(VARIANTS[name])
    asked = {**dict.fromkeys(ON_DEMAND, "something"), "AWS::StackName": STACK}
    return resolved(render(stack.template), {**stack.parameters, **asked})


@pytest.mark.parametrize("name", ORIGINALS)
def test_resources_are_those_of_aws_copilot_property_by_property(name: str) -> None:
    ours, theirs = alike(_ours(name)["Resources"]), ORIGINALS[name]
    assert ours.keys() == theirs.keys()
    for logical_id, resource in theirs.items():
        assert ours[logical_id] == resource, logical_id


@pytest.mark.parametrize("name", ORIGINALS)
def test_nothing_is_replaced(name: str) -> None:
    assert_updates_in_place(json.dumps({"Resources": ORIGINALS[name]}), json.dumps({"Resources": _ours(name)["Resources"]}))


@pytest.mark.parametrize(("name", "more"), [("default", {}), ("domain", DOMAIN_EXPORTS)])
def test_outputs_and_exports_have_the_same_names(name: str, more: dict[str, str]) -> None:
    outputs = _ours(name)["Outputs"]
    exports = {key: each["Export"]["Name"] for key, each in outputs.items() if "Export" in each}
    assert exports == {key: f"{STACK}-{end}" for key, end in (EXPORTS | more).items()}
    assert outputs.keys() - exports.keys() == OUTPUTS
