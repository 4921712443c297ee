"""What CloudFormation's registry says that resources of addons need, against what CloudFormation may do."""

from __future__ import annotations

import fnmatch

import pytest

from copilot.aws.templates.environment.addon_permissions import addon_statements
from copilot.aws.templates.environment.execution_permissions import execution_statements
from tests.aws.templates.environment.test_execution_permissions import UNUSED, needed

OF_STORAGE_INIT = (
    "AWS::DynamoDB::Table",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::IAM::ManagedPolicy",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBClusterParameterGroup",
    "AWS::RDS::DBInstance",
    "AWS::RDS::DBSubnetGroup",
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::SecretsManager::Secret",
    "AWS::SecretsManager::SecretTargetAttachment",
)
OTHERS = (
    "AWS::ElastiCache::CacheCluster",
    "AWS::ElastiCache::ReplicationGroup",
    "AWS::ElastiCache::SubnetGroup",
    "AWS::Lambda::Permission",
    "AWS::RDS::DBParameterGroup",
    "AWS::SSM::Parameter",
)
# What the registry lists for properties that are not supported in addons, by property.
LEFT_OUT = {
    "databases of several regions": {"rds:RemoveFromGlobalCluster"},
    "databases that are restored, or copies of others": {
        "rds:CreateDBInstanceReadReplica",
        "rds:PromoteReadReplica",
        "rds:RestoreDBClusterFromSnapshot",
        "rds:RestoreDBClusterToPointInTime",
        "rds:RestoreDBInstanceFromDBSnapshot",
        "rds:RestoreDBInstanceToPointInTime",
        "rds:StartDBInstanceAutomatedBackupsReplication",
        "rds:StopDBInstanceAutomatedBackupsReplication",
    },
    "delivery of logs of caches": {
        "firehose:PutRecord",
        "firehose:PutRecordBatch",
        "firehose:TagDeliveryStream",
        "logs:DeleteLogDelivery",
        "logs:GetLogDelivery",
        "logs:ListLogDeliveries",
        "logs:UpdateLogDelivery",
    },
    "keys of one's own": {"kms:Decrypt"},
    "log groups of caches": {"logs:CreateLogStream", "logs:PutLogEvents"},
    "roles of databases": {
        "iam:PassRole",
        "rds:AddRoleToDBCluster",
        "rds:AddRoleToDBInstance",
        "rds:RemoveRoleFromDBCluster",
        "rds:RemoveRoleFromDBInstance",
    },
    "secrets of several regions": {
        "secretsmanager:RemoveRegionsFromReplication",
        "secretsmanager:ReplicateSecretToRegions",
    },
    "snapshots of caches": {"elasticache:CreateSnapshot", "s3:GetObject"},
    "other kinds of databases that a secret can be for": {
        "docdb-elastic:GetCluster",
        "redshift-serverless:GetNamespace",
        "redshift-serverless:ListWorkgroups",
        "redshift:DescribeClusters",
    },
}
_NOT_NEEDED = set().union(*UNUSED.values(), *LEFT_OUT.values())


def _allowed(action: str) -> bool:
    found = [*execution_statements("b", "k", None), *addon_statements()]
    return any(fnmatch.fnmatchcase(action, allowed) for statement in found for allowed in statement["Action"])


@pytest.mark.parametrize("resource_type", [*OF_STORAGE_INIT, *OTHERS])
def test_all_that_a_type_of_resource_needs_is_allowed(resource_type: str) -> None:
    missing = {action for action in needed(resource_type) - _NOT_NEEDED if not _allowed(action)}
    if resource_type == "AWS::DynamoDB::Table":  # no imports, streams and replicas
        missing &= {"dynamodb:CreateTable", "dynamodb:UpdateTable", "dynamodb:DeleteTable", "dynamodb:DescribeTable"}
    assert {action for action in missing if not action.startswith("s3tables:")} == set()


def test_what_may_be_looked_at_may_not_be_changed() -> None:
    """Only databases with the environment's name are, though CloudFormation looks at others and uses their parameters."""
    for statement in addon_statements():
        ends = [str(resource.data) if hasattr(resource, "data") else str(resource) for resource in statement["Resource"]]
        databases = [end for end in ends if ":cluster:*" in end or ":db:*" in end]
        assert not databases or all(":Describe" in action or ":List" in action for action in statement["Action"])
        parameters = [end for end in ends if "pg:*" in end]
        assert not parameters or not any("ParameterGroup" in action for action in statement["Action"])


@pytest.mark.parametrize(
    "action", ["rds:DeleteGlobalCluster", "secretsmanager:PutResourcePolicy", "ssm:SendCommand", "kms:Decrypt"]
)
def test_nothing_else_is_allowed(action: str) -> None:
    assert not any(fnmatch.fnmatchcase(action, allowed) for each in addon_statements() for allowed in each["Action"])
