from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from copilot.aws.templates.environment.stack import environment_stack
from copilot.aws.templates.rendering import render
from tests.aws.templates.comparison.differences import ADDED, GONE, OTHERWISE, VARIABLES
from tests.aws.templates.comparison.environments import ORIGINALS as ENVIRONMENTS
from tests.aws.templates.comparison.environments import STACK
from tests.aws.templates.comparison.resolving import resolved
from tests.aws.templates.comparison.workloads import ORIGINALS as WORKLOADS
from tests.aws.templates.environment.variants import VARIANTS

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


@pytest.mark.parametrize("name", sorted(GONE | ADDED | VARIABLES))
def test_each_resource_that_differs_is_explained(name: str) -> None:
    assert f"`{name}`" in DOCUMENT


@pytest.mark.parametrize("name", sorted(set().union(*OTHERWISE.values())))
def test_each_property_that_differs_is_explained(name: str) -> None:
    assert IN_OTHER_WORDS.get(name, f"`{name}`") in DOCUMENT


def test_nothing_that_is_gone_is_also_there() -> None:
    theirs = {name for original in WORKLOADS.values() for name in original.resources}
    theirs |= {name for resources in ENVIRONMENTS.values() for name in resources}
    assert not theirs & (GONE | ADDED)


HERE = "{AWS::Region}:{AWS::AccountId}"
# What CloudFormation names them, and does to them as the environment's role, when they go from the stack of a workload.
REMOVALS = [
    ("lambda:InvokeFunction", f"lambda:{HERE}:function:{STACK}-api-RulePriorityFunction-a1"),
    ("lambda:DeleteFunction", f"lambda:{HERE}:function:{STACK}-api-DynamicDesiredCountFunction-a1"),
    ("lambda:RemovePermission", f"lambda:{HERE}:function:{STACK}-api-BacklogPerTaskCalculatorFunction-a1"),
    ("iam:DetachRolePolicy", f"iam::{{AWS::AccountId}}:role/{STACK}-api-RulePriorityFunctionRole-a1"),
    ("iam:DeleteRolePolicy", f"iam::{{AWS::AccountId}}:role/{STACK}-api-RulePriorityFunctionRole-a1"),
    ("iam:DeleteRole", f"iam::{{AWS::AccountId}}:role/{STACK}-api-AutoScalingRole-a1"),
    ("events:RemoveTargets", f"events:{HERE}:rule/{STACK}-api-BacklogPerTaskScheduledRule-a1"),
    ("events:DeleteRule", f"events:{HERE}:rule/{STACK}-api-BacklogPerTaskScheduledRule-a1"),
    ("logs:DeleteLogGroup", f"logs:{HERE}:log-group:/aws/lambda/{STACK}-api-BacklogPerTaskCalculatorFunction-a1"),
]


@pytest.mark.parametrize("variant", ["default", "options"])
@pytest.mark.parametrize(("action", "resource"), REMOVALS)
def test_what_is_gone_can_be_removed(action: str, resource: str, variant: str) -> None:
    stack = environment_stack(VARIANTS[variant])
    resources = resolved(render(stack.template), {**stack.parameters, "AWS::StackName": STACK})["Resources"]
    (policy,) = resources["CloudformationExecutionRole"]["Properties"]["Policies"]
    assert any(
        any(fnmatchcase(action, allowed) for allowed in statement["Action"])
        and any(fnmatchcase(f"arn:{{AWS::Partition}}:{resource}", named) for named in statement["Resource"])
        for statement in policy["PolicyDocument"]["Statement"]
        if "Condition" not in statement
    )
