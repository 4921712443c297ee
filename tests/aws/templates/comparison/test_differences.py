from __future__ import annotations

from pathlib import Path

import pytest

from tests.aws.templates.comparison.differences import ADDED, GONE, OTHERWISE
from tests.aws.templates.comparison.environments import ORIGINALS as ENVIRONMENTS
from tests.aws.templates.comparison.workloads import ORIGINALS as WORKLOADS

DOCUMENT = (Path(__file__).parents[4] / "docs" / "aws-differences.md").read_text(encoding="utf-8")
# What is in every role, and said as such.
IN_OTHER_WORDS = {
    "AssumeRolePolicyDocument": "trust policies",
    "Code": "inside of the template",
    "HostedZoneConfig": "records and zones",
    "ManagedPolicyArns": "policies that AWS looks after",
    "Policies": "policies of roles",
    "Runtime": "runtime",
}


@pytest.mark.parametrize("name", sorted(GONE | ADDED))
def test_each_resource_that_differs_is_explained(name: str) -> None:
    assert f"`{name}`" in DOCUMENT


@pytest.mark.parametrize("name", sorted(set().union(*OTHERWISE.values())))
def test_each_property_that_differs_is_explained(name: str) -> None:
    assert IN_OTHER_WORDS.get(name, f"`{name}`") in DOCUMENT


def test_nothing_that_is_gone_is_also_there() -> None:
    theirs = {name for original in WORKLOADS.values() for name in original.resources}
    theirs |= {name for resources in ENVIRONMENTS.values() for name in resources}
    assert not theirs & (GONE | ADDED)
