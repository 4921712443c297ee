"""CloudFormation's role against what CloudFormation's registry says that each type of resource needs."""

from __future__ import annotations

import fnmatch
import json
from functools import cache
from pathlib import Path
from typing import Any

import cfnlint  # type: ignore[import-untyped] # annotated, but it says so nowhere
import pytest

from copilot.aws.templates.environment.execution_permissions import GRANTS, execution_statements, role_grants, statements
from copilot.aws.templates.environment.stack import environment_stack
from copilot.aws.templates.reading import read_template
from copilot.aws.templates.rendering import render
from tests.aws.templates.environment.variants import VARIANTS

# What workloads' templates contain besides, and the addons that they may bring.
OF_WORKLOADS = {
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::CloudFormation::Stack",
    "AWS::CloudWatch::Alarm",
    "AWS::DynamoDB::Table",
    "AWS::EFS::AccessPoint",
    "AWS::ECS::Service",
    "AWS::ECS::TaskDefinition",
    "AWS::ElasticLoadBalancingV2::ListenerRule",
    "AWS::ElasticLoadBalancingV2::TargetGroup",
    "AWS::Events::Rule",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Role",
    "AWS::KMS::Key",
    "AWS::Lambda::Function",
    "AWS::Logs::LogGroup",
    "AWS::Route53::RecordSetGroup",
    "AWS::S3::Bucket",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::Queue",
    "AWS::SQS::QueuePolicy",
    "AWS::ServiceDiscovery::Service",
    "AWS::StepFunctions::StateMachine",
}

# What the registry lists for properties that none of our templates has, by property.
UNUSED = {
    "addresses that are moved between accounts": {"ec2:AcceptAddressTransfer", "ec2:AssociateAddress"},
    "addresses by IPAM": {"ec2:ModifyIpPools", "elasticloadbalancing:ModifyIpPools"},
    "backups of another region": {
        "elasticfilesystem:CreateReplicationConfiguration",
        "elasticfilesystem:DeleteReplicationConfiguration",
    },
    "bucket settings": {
        "iam:PassRole",
        "s3:CreateBucketMetadataTableConfiguration",
        "s3:DeleteBucketAnalyticsConfiguration",
        "s3:DeleteBucketCors",
        "s3:DeleteBucketEncryption",
        "s3:DeleteBucketLifecycle",
        "s3:DeleteBucketMetadataTableConfiguration",
        "s3:DeleteBucketMetricsConfiguration",
        "s3:DeleteBucketReplication",
        "s3:DeleteBucketWebsite",
        "s3:DeleteObject",
        "s3:PutAccelerateConfiguration",
        "s3:PutAnalyticsConfiguration",
        "s3:PutIntelligentTieringConfiguration",
        "s3:PutInventoryConfiguration",
        "s3:PutMetricsConfiguration",
        "s3:PutObjectAcl",
        "s3:PutObjectLockConfiguration",
        "s3:PutReplicationConfiguration",
        "s3:UpdateBucketMetadataAnnotationTableConfiguration",
        "s3:UpdateBucketMetadataInventoryTableConfiguration",
        "s3:UpdateBucketMetadataJournalTableConfiguration",
    },
    "capacity": {"elasticloadbalancing:ModifyCapacityReservation"},
    "certificates of a private authority": {"acm-pca:GetCertificate", "acm-pca:IssueCertificate"},
    "encryption of VPCs, their tenancy and second addresses": {
        "ec2:AssignPrivateNatGatewayAddress",
        "ec2:AssociateNatGatewayAddress",
        "ec2:AssociateSubnetCidrBlock",
        "ec2:CreateVpcEncryptionControl",
        "ec2:DisassociateNatGatewayAddress",
        "ec2:DisassociateSubnetCidrBlock",
        "ec2:ModifyVpcTenancy",
        "ec2:UnassignPrivateNatGatewayAddress",
    },
    "function settings": {
        "elasticfilesystem:DescribeMountTargets",
        "lambda:AssociateRuntimeAlias",
        "lambda:DeleteFunctionCodeSigningConfig",
        "lambda:DeleteFunctionConcurrency",
        "lambda:DeleteProvisionedConcurrencyConfig",
        "lambda:GetProvisionedConcurrencyConfig",
        "lambda:PassCapacityProvider",
        "lambda:PublishVersion",
        "lambda:PutFunctionCodeSigningConfig",
        "lambda:PutFunctionConcurrency",
        "lambda:PutFunctionRecursionConfig",
        "lambda:PutFunctionScalingConfig",
        "lambda:PutProvisionedConcurrencyConfig",
        "lambda:PutRuntimeManagementConfig",
        "s3files:ListMountTargets",
    },
    "groups and users": {
        "iam:AttachGroupPolicy",
        "iam:AttachUserPolicy",
        "iam:DetachGroupPolicy",
        "iam:DetachUserPolicy",
    },
    "keys of one's own": {
        "kms:CreateGrant",
        "kms:DescribeKey",
        "kms:Encrypt",
        "kms:GenerateDataKey",
        "kms:GenerateDataKeyWithoutPlaintext",
        "logs:AssociateKmsKey",
        "logs:DisassociateKmsKey",
    },
    "lasting settings of the account": {"ecs:PutAccountSetting", "ecs:PutAccountSettingDefault"},
    "log groups: indexes, data protection, delivery, bearer tokens": {
        "firehose:TagDeliveryStream",
        "logs:CreateLogDelivery",
        "logs:DeleteDataProtectionPolicy",
        "logs:DeleteIndexPolicy",
        "logs:PutBearerTokenAuthentication",
        "logs:PutDataProtectionPolicy",
        "logs:PutIndexPolicy",
        "logs:PutLogGroupDeletionProtection",
        "s3:REST.PUT.OBJECT",
    },
    "logs of DNS queries": {"route53:CreateQueryLoggingConfig", "route53:DeleteQueryLoggingConfig"},
    "metrics as thresholds": {"cloudwatch:GetMetricData"},
    "names of zones in place of their numbers": {"route53:ListHostedZones"},
    "protection of file systems from being overwritten": {"elasticfilesystem:UpdateFileSystemProtection"},
    "scheduled scaling": {
        "application-autoscaling:DeleteScheduledAction",
        "application-autoscaling:PutScheduledAction",
    },
    "sign-in at load balancers": {"cognito-idp:DescribeUserPoolClient"},
    "stack policies and protection of nested stacks": {
        "cloudformation:GetStackPolicy",
        "cloudformation:SetStackPolicy",
        "cloudformation:UpdateTerminationProtection",
    },
    "tags of file systems, in the words of before 2019": {"elasticfilesystem:DeleteTags"},
    "topics: data protection": {"sns:PutDataProtectionPolicy"},
    "attributes of Cloud Map's services": {
        "servicediscovery:DeleteServiceAttributes",
        "servicediscovery:UpdateServiceAttributes",
    },
    "transit to other networks": {"ec2:AttachVpnGateway", "ec2:DetachVpnGateway"},
    "new kinds of zones": {"route53:UpdateHostedZoneFeatures"},
    "state machines kept in a bucket": {"s3:GetObject", "s3:GetObjectVersion"},
}
_UNUSED = set().union(*UNUSED.values())


@cache
def _schemas() -> dict[str, dict[str, Any]]:
    folder = Path(cfnlint.__file__).parent / "data/schemas/resources"
    schemas = (json.loads(path.read_text()) for path in folder.glob("*.json"))
    return {schema["typeName"]: schema for schema in schemas}


def needed(resource_type: str) -> set[str]:
    """The actions by which CloudFormation makes, changes and deletes a resource of a type."""
    handlers = _schemas()[resource_type].get("handlers", {})
    return {action for kind in ("create", "update", "delete") for action in handlers.get(kind, {}).get("permissions", [])}


def _types() -> list[str]:
    found = {
        resource["Type"]
        for settings in VARIANTS.values()
        for resource in read_template(render(environment_stack(settings).template))["Resources"].values()
    }
    return sorted(found | OF_WORKLOADS)


def _allowed(action: str) -> bool:
    granted = [allowed for statement in execution_statements("b", "k", None) for allowed in statement["Action"]]
    return any(fnmatch.fnmatchcase(action, allowed) for allowed in granted)


@pytest.mark.parametrize("resource_type", _types())
def test_all_that_a_type_of_resource_needs_is_allowed(resource_type: str) -> None:
    missing = {action for action in needed(resource_type) - _UNUSED if not _allowed(action)}
    missing = {action for action in missing if not action.startswith("s3tables:")}  # of buckets' metadata, which are not kept
    if resource_type == "AWS::DynamoDB::Table":  # of a table, no more than `storage init` of AWS Copilot makes
        missing &= {"dynamodb:CreateTable", "dynamodb:UpdateTable", "dynamodb:DeleteTable", "dynamodb:DescribeTable"}
    assert missing == set()


@pytest.mark.parametrize(
    "action",
    [
        # Types whose handlers the registry does not describe.
        "elasticloadbalancing:AddListenerCertificates",
        "elasticloadbalancing:RemoveListenerCertificates",
        "route53:ChangeResourceRecordSets",
        # CloudFormation calls the function behind a custom resource as this role.
        "lambda:InvokeFunction",
        # Mount targets: https://docs.aws.amazon.com/efs/latest/ug/API_CreateMountTarget.html
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
    ],
)
def test_what_the_registry_does_not_say(action: str) -> None:
    assert _allowed(action)


@pytest.mark.parametrize(
    "action", ["iam:CreateUser", "s3:GetObjectAcl", "ec2:RunInstances", "organizations:ListRoots", "sts:AssumeRole"]
)
def test_what_no_template_needs_is_not_allowed(action: str) -> None:
    assert not _allowed(action)


def test_a_boundary_cannot_be_got_round() -> None:
    bound = statements(role_grants("developers"))
    creating = next(each for each in bound if "iam:CreateRole" in each["Action"])
    assert creating["Condition"]["StringEquals"]["iam:PermissionsBoundary"].data == {
        "Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/developers"
    }
    assert {"iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:PutRolePermissionsBoundary"} <= set(creating["Action"])
    assert not any("iam:DeleteRolePermissionsBoundary" in each["Action"] for each in bound)
    free = statements(role_grants(None))
    assert any("iam:DeleteRolePermissionsBoundary" in each["Action"] for each in free)


def test_grants_that_become_one_statement_allow_no_more() -> None:
    """Resources of a service that are narrowed down are not put beside actions that its other grants have on more."""
    plain = [grant for grant in GRANTS if grant.resources and not grant.tags and not grant.condition]
    named = {grant.service for grant in plain if all("${AppName}" in end for end in grant.resources)}
    wide = {grant.service for grant in plain if not all("${AppName}" in end for end in grant.resources)}
    assert named & wide == set()
