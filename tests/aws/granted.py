"""The policies that roles have in a template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.aws.templates.comparison.resolving import resolved


def role_policies(template: str, role: str, parameters: Mapping[str, str]) -> list[Mapping[str, Any]]:
    """The policy documents of a role, by its logical ID. Other resources are named as in ``{BuildProject.Arn}``."""
    resources = resolved(template, parameters)["Resources"]
    found = [each["PolicyDocument"] for each in resources[role]["Properties"].get("Policies", [])]
    policies = [resource["Properties"] for resource in resources.values() if resource["Type"] == "AWS::IAM::Policy"]
    found += [policy["PolicyDocument"] for policy in policies if f"{{{role}}}" in policy["Roles"]]
    assert found, f"the role {role} may do nothing at all"
    return found


def place(stack: str, region: str, account: str) -> dict[str, str]:
    """The pseudo parameters of a stack."""
    return {"AWS::StackName": stack, "AWS::Region": region, "AWS::AccountId": account, "AWS::Partition": "aws"}
