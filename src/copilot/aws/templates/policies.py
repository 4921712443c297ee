"""IAM policy documents as plain data, and the few permissions that cannot be narrowed down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

_DELIVERY = "lets a service deliver its logs, which is set up for the account as a whole: there is no resource to name"

EXCEPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "application-autoscaling:Describe*": "Application Auto Scaling lists without regard to resources",
        "application-autoscaling:DescribeScalableTargets": "Application Auto Scaling lists without regard to resources",
        "application-autoscaling:DescribeScalingPolicies": "Application Auto Scaling lists without regard to resources",
        "cloudformation:ValidateTemplate": "checks a text: there is no resource yet, and no condition to set",
        "cloudwatch:DescribeAlarms": "CloudWatch lists alarms only to those who may see all of them",
        "ec2:Describe*": "EC2 lists what we make without regard to resources, and has no condition but the region",
        "ec2:DescribeDhcpOptions": "EC2 lists without regard to resources, and has no condition but the region",
        "ec2:DescribeNetworkInterfaces": "EC2 lists without regard to resources, and has no condition but the region",
        "ec2:DescribeRouteTables": "EC2 lists without regard to resources, and has no condition but the region",
        "ec2:DescribeSecurityGroups": "EC2 lists without regard to resources, and has no condition but the region",
        "ec2:DescribeSubnets": "EC2 lists without regard to resources, and has no condition but the region",
        "ec2:DescribeVpcs": "EC2 lists without regard to resources, and has no condition but the region",
        "ecr:GetAuthorizationToken": "signs in to the registry as a whole; each repository says who may do what in it",
        "ecs:DeregisterTaskDefinition": "knows no resources and no condition; what is left out of lists by it can still be run",
        "ecs:DescribeTaskDefinition": "knows no resources and no condition",
        "elasticloadbalancing:Describe*": "Elastic Load Balancing lists without regard to resources",
        "elasticloadbalancing:DescribeListeners": "Elastic Load Balancing lists without regard to resources",
        "elasticloadbalancing:DescribeLoadBalancers": "Elastic Load Balancing lists without regard to resources",
        "elasticloadbalancing:DescribeRules": "Elastic Load Balancing lists without regard to resources",
        "elasticloadbalancing:DescribeTags": "Elastic Load Balancing lists without regard to resources",
        "elasticloadbalancing:DescribeTargetGroups": "Elastic Load Balancing lists without regard to resources",
        "elasticloadbalancing:DescribeTargetHealth": "Elastic Load Balancing lists without regard to resources",
        "logs:CreateLogDelivery": _DELIVERY,
        "logs:DeleteLogDelivery": _DELIVERY,
        "logs:DeleteResourcePolicy": "the policies of CloudWatch Logs belong to a whole account and region",
        "logs:DescribeLogGroups": "CloudWatch Logs lists by prefixes, without regard to resources",
        "logs:DescribeResourcePolicies": _DELIVERY,
        "logs:GetLogDelivery": _DELIVERY,
        "logs:ListLogDeliveries": _DELIVERY,
        "logs:PutResourcePolicy": _DELIVERY,
        "logs:UpdateLogDelivery": _DELIVERY,
        "rds:DescribeDBEngineVersions": "knows no resources: what engines there are is the same for everyone",
        "rds:DescribeEngineDefault*": "knows no resources: what an engine does by itself is the same for everyone",
        "rds:DescribeEvents": "RDS lists events without regard to resources",
        "route53:CreateHostedZone": "a zone has no ARN before it is made, and there is no condition on its name",
        "route53:ListHostedZonesByName": "finds a zone by its name, before its number is known",
        "secretsmanager:GetRandomPassword": "makes up a text: there is no resource, and no condition to set",
        "servicediscovery:GetOperation": "what is asked for may be about a namespace or service that is not there any more",
        "servicediscovery:ListServices": "Cloud Map lists without regard to resources",
        "ssmmessages:CreateControlChannel": "opens a task's own session; the service knows no resources",
        "ssmmessages:CreateDataChannel": "opens a task's own session; the service knows no resources",
        "ssmmessages:OpenControlChannel": "opens a task's own session; the service knows no resources",
        "ssmmessages:OpenDataChannel": "opens a task's own session; the service knows no resources",
        "tag:GetResources": "finds resources of all kinds by their tags; what it answers is what the caller may see",
    }
)
"""Actions that may be allowed on ``*``, each with the reason: AWS lets them be limited neither to a resource nor by a condition.

The source is the Service Authorization Reference. A test holds every statement of every template against this table.
"""

VERSION = "2012-10-17"


def policy(*statements: Mapping[str, Any]) -> dict[str, Any]:
    """A policy document."""
    return {"Version": VERSION, "Statement": [dict(statement) for statement in statements]}


def allow(
    actions: Sequence[str],
    resources: Any = None,
    *,
    principal: Any = None,
    condition: Mapping[str, Any] | None = None,
    sid: str | None = None,
) -> dict[str, Any]:
    """A statement that allows; what is None is left out, as trust policies leave out the resource.

    Actions are sorted, so that equal permissions make equal templates.
    """
    parts = {"Sid": sid, "Effect": "Allow", "Principal": principal, "Action": sorted(actions), "Resource": resources}
    return {key: value for key, value in {**parts, "Condition": condition}.items() if value is not None}


def trusted(principal: Mapping[str, Any], condition: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A trust policy: who may take a role."""
    return policy(allow(["sts:AssumeRole"], principal=principal, condition=condition))
