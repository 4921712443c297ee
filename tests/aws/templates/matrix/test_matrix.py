"""Everything that is said of all our templates, shown for each of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest
from hypothesis import Phase, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from copilot.aws.templates.environment.stack import environment_stack
from copilot.aws.templates.policies import EXCEPTIONS
from copilot.aws.templates.reading import read_template
from copilot.aws.templates.rendering import DESCRIPTION, render
from tests.aws.lint import assert_clean
from tests.aws.policies import assert_least_privilege, excesses, statements
from tests.aws.templates.matrix.authorization import known, limitable
from tests.aws.templates.matrix.cases import Case, Made, cases, workload
from tests.aws.templates.matrix.covering import covering
from tests.aws.templates.matrix.environments import HOSTS
from tests.aws.templates.matrix.workloads import KINDS, settings

CASES: Mapping[str, Case] = dict(cases())
WORKLOADS = {name: kind for kind in sorted(KINDS, key=len) for name in CASES if name.startswith(f"{kind}-")}

# In bytes, of CloudFormation: of a template as it is, and of one that is uploaded to S3 first.
LARGEST, LARGEST_UPLOADED = 51_200, 1_000_000
# What a workload imports of its environment; all else that it imports is named in its manifest.
OF_ENVIRONMENT = re.compile(r"my-app-test-(.+)")
# Actions that AWS could limit to resources, and that are allowed on all nevertheless; the reasons are in `EXCEPTIONS`.
UNLIMITED = {"cloudwatch:DescribeAlarms", "ec2:Describe*", "servicediscovery:GetOperation"}


@pytest.mark.parametrize("name", CASES)
def test_a_template_is_clean_narrow_described_small_complete_and_the_same_each_time(name: str) -> None:
    made = template(name)
    assert_clean(made.text)
    assert_least_privilege(made.text)
    # Environments are large where many of their options come together.
    assert len(made.text.encode()) < (LARGEST_UPLOADED if name.startswith("environment-") else LARGEST)
    assert CASES[name]() == made
    data = read_template(made.text)
    assert [each for each, resource in data["Resources"].items() if not resource.get("Metadata", {}).get(DESCRIPTION)] == []
    assert_complete(made, data.get("Parameters", {}))


@cache
def template(name: str) -> Made:
    """A template, made once for all tests."""
    return CASES[name]()


def assert_complete(made: Made, parameters: Mapping[str, Any]) -> None:
    """Each parameter has a value or a default, each value a parameter, and a tag is text within the limits of AWS."""
    assert {name for name, parameter in parameters.items() if "Default" not in parameter} <= made.parameters.keys()
    assert made.parameters.keys() <= parameters.keys()
    assert all(isinstance(value, str) for value in made.parameters.values())
    for name, value in made.parameters.items():
        allowed = parameters[name].get("AllowedValues", [value])
        assert value in allowed
        assert parameters[name]["Type"] != "Number" or value.lstrip("-").isdecimal()
    if made.tags is not None:
        assert {"copilot-application", "copilot-environment"} <= made.tags.keys()


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_workload_takes_only_what_its_environment_has(name: str) -> None:
    made = template(name)
    exports, outputs = offered(KINDS[WORKLOADS[name]].environment)
    resources = read_template(made.text)["Resources"]
    imported = [match[1] for value in named(resources, "Fn::ImportValue") if (match := OF_ENVIRONMENT.fullmatch(str(value)))]
    assert imported
    assert set(imported) <= exports
    assert {attribute for resource, attribute in named(resources, "Fn::GetAtt") if resource == "EnvControllerAction"} <= outputs
    assert made.tags is not None
    assert made.tags["copilot-service"] == made.parameters["WorkloadName"]


@cache
def offered(host: str) -> tuple[frozenset[str], frozenset[str]]:
    """What the environment exports whoever asks for it, and the outputs that it has when everything is asked for."""
    outputs = read_template(render(environment_stack(HOSTS[host]).template))["Outputs"]
    always = [each["Export"]["Name"]["Fn::Sub"] for each in outputs.values() if "Export" in each and "Condition" not in each]
    return frozenset(name.removeprefix("${AWS::StackName}-") for name in always), frozenset(outputs)


def named(data: Any, function: str) -> Iterator[Any]:
    """What a function is called with, anywhere in plain data."""
    if isinstance(data, Mapping):
        for key, value in data.items():
            if key == function:
                yield value
            yield from named(value, function)
    elif isinstance(data, list):
        for item in data:
            yield from named(item, function)


@st.composite
def combinations(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    kind = draw(st.sampled_from(sorted(KINDS)))
    return kind, {factor: draw(st.sampled_from(sorted(options))) for factor, options in KINDS[kind].factors.items()}


@examples(max_examples=20, phases=[Phase.explicit, Phase.generate])
@given(combinations())
def test_any_combination_is_narrow_complete_and_the_same_each_time(combination: tuple[str, dict[str, str]]) -> None:
    kind, row = combination
    made = workload(settings(KINDS[kind], row))
    assert_least_privilege(made.text)
    assert_complete(made, read_template(made.text).get("Parameters", {}))
    assert workload(settings(KINDS[kind], row)) == made


def test_actions_exist_and_each_exception_is_needed() -> None:
    allowed = [each for name in CASES for each in statements(template(name).text) if each.allows]
    assert {action for each in allowed for action in each.actions if not known(action)} == set()
    without_exceptions = {
        action for each in allowed for action in each.actions if action in EXCEPTIONS and _on_everything(each.resources, each)
    }
    assert without_exceptions == set(EXCEPTIONS)


def _on_everything(resources: list[Any], statement: Any) -> bool:
    return "*" in resources and not statement.conditioned and excesses(statement) == []


def test_exceptions_are_for_what_aws_cannot_limit() -> None:
    assert {action for action in EXCEPTIONS if limitable(action)} == UNLIMITED


def test_every_pair_of_options_is_there() -> None:
    factors = {"a": ["1", "2", "3"], "b": ["x", "y"], "c": ["p", "q", "r"]}
    rows = covering(factors)
    assert rows[0] == {"a": "1", "b": "x", "c": "p"}
    assert len({(row["a"], row["c"]) for row in rows}) == 9
    assert len({(row["a"], row["b"]) for row in rows}) == len({(row["b"], row["c"]) for row in rows}) == 6
    assert len(rows) < 3 * 2 * 3
