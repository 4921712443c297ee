"""The two roles of an environment: one for people and pipelines, one for CloudFormation.

Both outlive the stack (``Retain``): CloudFormation needs the one to delete the stack, and we need the other to ask it to.
"""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Ref, Sub, iam

from copilot.aws.templates.environment.execution_permissions import execution_statements, generated_names
from copilot.aws.templates.environment.manager_permissions import manager_statements
from copilot.aws.templates.environment.settings import EnvironmentSettings
from copilot.aws.templates.policies import policy, trusted
from copilot.aws.templates.rendering import described

EXECUTION_ROLE = "CloudformationExecutionRole"
MANAGER_ROLE = "EnvironmentManagerRole"


def roles(settings: EnvironmentSettings) -> list[iam.Role]:
    """The roles of an environment, with AWS Copilot's logical IDs and names."""
    bounds: dict[str, Any] = {}
    if settings.permissions_boundary:
        arn = f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:policy/{settings.permissions_boundary}"
        bounds = {"PermissionsBoundary": Sub(arn)}
    named = generated_names(settings.application, settings.environment)
    permissions = execution_statements(settings.bucket_arn, settings.key_arn, settings.permissions_boundary, named)
    execution = iam.Role(
        EXECUTION_ROLE,
        RoleName=Sub("${AWS::StackName}-CFNExecutionRole"),
        AssumeRolePolicyDocument=trusted({"Service": "cloudformation.amazonaws.com"}),
        Path="/",
        Policies=[_policy("executeCfn", permissions)],
        DeletionPolicy="Retain",
        UpdateReplacePolicy="Retain",
        Metadata=described("An IAM role for CloudFormation to make what belongs to the environment"),
        **bounds,
    )
    manager = iam.Role(
        MANAGER_ROLE,
        RoleName=Sub("${AWS::StackName}-EnvManagerRole"),
        AssumeRolePolicyDocument=trusted({"AWS": Ref("ToolsAccountPrincipalARN")}),
        Path="/",
        Policies=[_policy("root", manager_statements(settings, GetAtt(EXECUTION_ROLE, "Arn")))],
        DeletionPolicy="Retain",
        UpdateReplacePolicy="Retain",
        Metadata=described("An IAM role for people and pipelines to work on the environment"),
        **bounds,
    )
    return [execution, manager]


def _policy(name: str, statements: list[dict[str, Any]]) -> iam.Policy:
    return iam.Policy(PolicyName=name, PolicyDocument=policy(*statements))
