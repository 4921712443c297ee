"""What CloudFormation may do besides, for resources that only addons have.

All that AWS Copilot's ``storage init`` writes is allowed, and a few more types that addons commonly have; what the templates of
workloads have too is in `execution_permissions`, and narrowed down as it is there. It is a policy of its own, since those of the
role have no room left. The names that CloudFormation gives to databases begin with the stack's, those of secrets do not: secrets,
caches and parameters are told by their tags.
"""

from __future__ import annotations

from typing import Any

from troposphere import Ref, iam

from copilot.aws.templates.environment.execution_permissions import HERE, NAMED, Grant, statements
from copilot.aws.templates.policies import policy
from copilot.aws.templates.rendering import described

ADDON_POLICY = "AddonsExecutionPolicy"

_LINKED = ("dynamodb.application-autoscaling", "elasticache", "rds")


def _here(*ends: str) -> tuple[str, ...]:
    return tuple(f"{HERE}:{end}" for end in ends)


_GROUPS = _here("*pg:*", "og:*")
_LOOKS = (
    # Of what there is: CloudFormation asks which databases use a group of parameters.
    Grant(
        "rds",
        "Describe*",
        (
            *_GROUPS,
            *_here("*snapshot:*", "cluster:*", "db:*", "subgrp:*"),
            ":${AWS::AccountId}:global-cluster:*",
        ),
    ),
    Grant("elasticache", "Describe* ListTagsForResource", _here("cluster:*", "replicationgroup:*", "subnetgroup:*")),
)
_USES = (
    # The groups that AWS has for whoever names none, and those that are there already.
    Grant("rds", "CreateDBCluster CreateDBInstance ModifyDBCluster ModifyDBInstance", _GROUPS),
)
_CHANGES = (
    Grant("rds", "DescribeDBEngineVersions DescribeEngineDefault* DescribeEvents"),
    Grant(
        "rds",
        "*DBSubnetGroup *HttpEndpoint CreateDBCluster CreateDBClusterSnapshot CreateDBInstance CreateDBSnapshot DeleteDBCluster"
        " DeleteDBInstance ModifyDBCluster ModifyDBInstance RebootDBInstance",
        _here(*(f"{kind}:{NAMED}" for kind in ("*snapshot", "cluster", "db", "subgrp"))),
    ),
    Grant("rds", "AddTagsToResource CreateDBClusterParameterGroup CreateDBParameterGroup", tags="new"),
    Grant(
        "rds",
        "*DBClusterParameterGroup *DBParameterGroup AddTagsToResource ListTagsForResource RemoveTagsFromResource",
        tags="own",
    ),
    Grant("secretsmanager", "GetRandomPassword"),
    Grant("secretsmanager", "CreateSecret TagResource", tags="new"),
    # What a template takes from a secret, such as a database's password, CloudFormation reads as this role.
    Grant(
        "secretsmanager",
        "DeleteSecret DescribeSecret GetSecretValue PutSecretValue TagResource UntagResource UpdateSecret",
        tags="own",
    ),
    Grant("ssm", "AddTagsToResource PutParameter", tags="new"),
    Grant("ssm", "AddTagsToResource DeleteParameter GetParameters PutParameter RemoveTagsFromResource", tags="own"),
    Grant("elasticache", "AddTagsToResource CreateCacheCluster CreateCacheSubnetGroup CreateReplicationGroup", tags="new"),
    Grant(
        "elasticache",
        "*ReplicaCount AddTagsToResource DeleteCacheCluster DeleteCacheSubnetGroup DeleteReplicationGroup ModifyCacheCluster"
        " ModifyCacheSubnetGroup ModifyReplicationGroup* RebootCacheCluster RemoveTagsFromResource",
        tags="own",
    ),
    Grant("lambda", "AddPermission RemovePermission", _here(f"function:{NAMED}")),
    Grant(
        "iam",
        "CreateServiceLinkedRole",
        (":${AWS::AccountId}:role/aws-service-role/*",),
        condition={"StringEquals": {"iam:AWSServiceName": [f"{service}.amazonaws.com" for service in _LINKED]}},
    ),
)


def addon_statements(named: str = NAMED) -> list[dict[str, Any]]:
    """The statements of the policy; ``named`` is of `generated_names`.

    Each group is by itself: what may be looked at may not be changed for that.
    """
    return [statement for group in (_LOOKS, _USES, _CHANGES) for statement in statements(group, named)]


def addon_policy(role: str, named: str) -> iam.ManagedPolicy:
    """The policy, of the role with this logical ID; ``named`` is of `generated_names`."""
    return iam.ManagedPolicy(
        ADDON_POLICY,
        PolicyDocument=policy(*addon_statements(named)),
        Roles=[Ref(role)],
        Metadata=described("A policy that lets CloudFormation make what addons have"),
    )
