"""The roles with which CloudFormation keeps an application's StackSet, and the domain its environments have subdomains of.

Everything in this stack is in the account and region of the application itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from troposphere import Equals, GetAtt, Not, Output, Parameter, Ref, Sub, Template, iam, route53

from copilot.aws import names
from copilot.aws.templates.infrastructure import TEMPLATE_VERSION
from copilot.aws.templates.policies import allow, policy, trusted
from copilot.aws.templates.rendering import described, render

DELEGATED_ACCOUNTS = "AppDNSDelegatedAccounts"
"""The parameter that lists the accounts with environments, separated by commas. AWS Copilot reads it too."""

_STACKS = (
    "cloudformation:CancelUpdateStack",
    "cloudformation:ContinueUpdateRollback",
    "cloudformation:CreateChangeSet",
    "cloudformation:CreateStack",
    "cloudformation:DeleteChangeSet",
    "cloudformation:DeleteStack",
    "cloudformation:DescribeChangeSet",
    "cloudformation:DescribeStackEvents",
    "cloudformation:DescribeStackResource",
    "cloudformation:DescribeStackResources",
    "cloudformation:DescribeStacks",
    "cloudformation:ExecuteChangeSet",
    "cloudformation:GetStackPolicy",
    "cloudformation:GetTemplate",
    "cloudformation:GetTemplateSummary",
    "cloudformation:ListStackResources",
    "cloudformation:RollbackStack",
    "cloudformation:SetStackPolicy",
    "cloudformation:TagResource",
    "cloudformation:UntagResource",
    "cloudformation:UpdateStack",
)
_BUCKET = (
    "s3:CreateBucket",
    "s3:DeleteBucket",
    "s3:DeleteBucketPolicy",
    "s3:GetAccelerateConfiguration",
    "s3:GetAnalyticsConfiguration",
    "s3:GetBucket*",
    "s3:GetEncryptionConfiguration",
    "s3:GetIntelligentTieringConfiguration",
    "s3:GetInventoryConfiguration",
    "s3:GetLifecycleConfiguration",
    "s3:GetMetricsConfiguration",
    "s3:GetReplicationConfiguration",
    "s3:ListBucket",
    "s3:ListTagsForResource",
    "s3:PutBucketOwnershipControls",
    "s3:PutBucketPolicy",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketTagging",
    "s3:PutBucketVersioning",
    "s3:PutEncryptionConfiguration",
    "s3:PutLifecycleConfiguration",
    "s3:TagResource",
    "s3:UntagResource",
)
_KEY = (
    "kms:CancelKeyDeletion",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateKeyDescription",
)
_REPOSITORIES = (
    "ecr:CreateRepository",
    "ecr:DeleteLifecyclePolicy",
    "ecr:DeleteRepository",
    "ecr:DeleteRepositoryPolicy",
    "ecr:DescribeRepositories",
    "ecr:GetLifecyclePolicy",
    "ecr:GetRepositoryPolicy",
    "ecr:ListTagsForResource",
    "ecr:SetRepositoryPolicy",
    "ecr:TagResource",
    "ecr:UntagResource",
)


def roles_template(permissions_boundary: str | None = None) -> str:
    """The stack's template; all else that differs between applications comes in its parameters.

    ``permissions_boundary`` is the name of the policy, in the application's account, that bounds each role.
    """
    template = Template(Description="Roles to keep what an application has in each region")
    template.set_version()
    template.set_metadata({"TemplateVersion": TEMPLATE_VERSION})
    for parameter in _parameters():
        template.add_parameter(parameter)
    template.add_condition("DelegateDNS", Not(Equals(Ref("AppDomainName"), "")))
    bound = {"PermissionsBoundary": _boundary(permissions_boundary)} if permissions_boundary else {}
    for resource in (_administration(bound), _execution(bound), _delegation(bound), _zone(), _delegation_records()):
        template.add_resource(resource)
    for name in ("ExecutionRole", "AdministrationRole"):
        template.add_output(Output(f"{name}ARN", Description=f"ARN of the {name}", Value=GetAtt(name, "Arn")))
    template.add_output(Output("TemplateVersion", Description="Which version this is made after", Value=TEMPLATE_VERSION))
    return render(template)


def roles_parameters(application: str, domain: str, hosted_zone: str, accounts: Sequence[str]) -> dict[str, str]:
    """The stack's parameters. ``domain`` and its ``hosted_zone`` are empty without; ``accounts`` are those with environments."""
    return {
        "AdminRoleName": names.administration_role(application),
        "ExecutionRoleName": names.execution_role(application),
        DELEGATED_ACCOUNTS: ",".join(accounts),
        "AppDomainName": domain,
        "AppDomainHostedZoneID": hosted_zone,
        "AppName": application,
        "DNSDelegationRoleName": names.dns_delegation_role(application),
    }


def _parameters() -> list[Parameter]:
    return [
        Parameter("AdminRoleName", Type="String"),
        Parameter("ExecutionRoleName", Type="String"),
        Parameter("DNSDelegationRoleName", Type="String"),
        Parameter(DELEGATED_ACCOUNTS, Type="CommaDelimitedList", Default=""),
        Parameter("AppDomainName", Type="String", Default=""),
        Parameter("AppDomainHostedZoneID", Type="String", Default=""),
        Parameter("AppName", Type="String"),
    ]


def _boundary(name: str) -> Sub:
    return Sub(f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:policy/{name}")


def _administration(bound: dict[str, Any]) -> iam.Role:
    return iam.Role(
        "AdministrationRole",
        RoleName=Ref("AdminRoleName"),
        Path="/",
        # Only for the StackSet of this application, and not in the name of somebody else's.
        AssumeRolePolicyDocument=trusted(
            {"Service": "cloudformation.amazonaws.com"},
            {
                "StringEquals": {"aws:SourceAccount": Ref("AWS::AccountId")},
                "ArnLike": {
                    "aws:SourceArn": Sub(
                        "arn:${AWS::Partition}:cloudformation:*:${AWS::AccountId}:stackset/${AppName}-infrastructure:*"
                    )
                },
            },
        ),
        Policies=[
            iam.Policy(
                PolicyName="AssumeRole-AWSCloudFormationStackSetExecutionRole",
                PolicyDocument=policy(
                    allow(["sts:AssumeRole"], Sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${ExecutionRoleName}"))
                ),
            )
        ],
        Metadata=described("A role for CloudFormation to work in each region"),
        **bound,
    )


def _execution(bound: dict[str, Any]) -> iam.Role:
    elsewhere = {"StringNotEquals": {"aws:ResourceAccount": Ref("AWS::AccountId")}}
    return iam.Role(
        "ExecutionRole",
        RoleName=Ref("ExecutionRoleName"),
        Path="/",
        AssumeRolePolicyDocument=trusted({"AWS": GetAtt("AdministrationRole", "Arn")}),
        Policies=[
            iam.Policy(
                PolicyName="ExecutionRolePolicy",
                PolicyDocument=policy(
                    allow(
                        _STACKS,
                        Sub(
                            "arn:${AWS::Partition}:cloudformation:*:${AWS::AccountId}:stack/StackSet-${AppName}-infrastructure-*/*"
                        ),
                        sid="Stacks",
                    ),
                    allow(["cloudformation:ValidateTemplate"], "*", sid="Templates"),
                    # CloudFormation keeps templates, and topics to hear how a stack fares, in accounts of its own.
                    allow(
                        ["s3:GetObject"], Sub("arn:${AWS::Partition}:s3:::*/*"), condition=elsewhere, sid="CloudFormationsBuckets"
                    ),
                    allow(
                        ["sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic", "sns:Publish"],
                        Sub("arn:${AWS::Partition}:sns:*:*:*"),
                        condition=elsewhere,
                        sid="CloudFormationsTopics",
                    ),
                    # CloudFormation names the bucket after the stack, cut short.
                    allow(_BUCKET, Sub("arn:${AWS::Partition}:s3:::stackset-*"), sid="ArtifactBucket"),
                    allow(
                        ["kms:CreateKey"],
                        "*",
                        condition={
                            "StringEqualsIfExists": {"kms:KeySpec": "SYMMETRIC_DEFAULT", "kms:KeyUsage": "ENCRYPT_DECRYPT"}
                        },
                        sid="NewKey",
                    ),
                    # A key's name is a number that AWS chooses, and its tags do not count for minutes after it is made.
                    allow(_KEY, Sub("arn:${AWS::Partition}:kms:*:${AWS::AccountId}:key/*"), sid="Key"),
                    allow(
                        _REPOSITORIES,
                        Sub("arn:${AWS::Partition}:ecr:*:${AWS::AccountId}:repository/${AppName}/*"),
                        sid="Repositories",
                    ),
                ),
            )
        ],
        Metadata=described("A role to make the key, the bucket and the repositories of a region"),
        **bound,
    )


def _delegation(bound: dict[str, Any]) -> iam.Role:
    zones = [
        Sub(f"arn:${{AWS::Partition}}:route53:::hostedzone/${{{zone}}}") for zone in ("AppHostedZone", "AppDomainHostedZoneID")
    ]
    return iam.Role(
        "DNSDelegationRole",
        Condition="DelegateDNS",
        RoleName=Ref("DNSDelegationRoleName"),
        Path="/",
        AssumeRolePolicyDocument=trusted({"AWS": Ref(DELEGATED_ACCOUNTS)}),
        Policies=[
            iam.Policy(
                PolicyName="DNSDelegationPolicy",
                PolicyDocument=policy(
                    allow(["route53:ListHostedZonesByName"], "*", sid="FindZone"),
                    allow(
                        ["route53:ChangeResourceRecordSets", "route53:GetHostedZone", "route53:ListResourceRecordSets"],
                        zones,
                        sid="Records",
                    ),
                    allow(["route53:GetChange"], Sub("arn:${AWS::Partition}:route53:::change/*"), sid="Changes"),
                ),
            )
        ],
        Metadata=described("A role for the accounts of environments to have subdomains"),
        **bound,
    )


def _zone() -> route53.HostedZone:
    return route53.HostedZone(
        "AppHostedZone",
        Condition="DelegateDNS",
        HostedZoneConfig=route53.HostedZoneConfiguration(Comment=Sub("The domain of application ${AppName}")),
        Name=Sub("${AppName}.${AppDomainName}"),
        Metadata=described("A hosted zone for the application's domain"),
    )


def _delegation_records() -> route53.RecordSetType:
    return route53.RecordSetType(
        "AppDomainDelegationRecordSet",
        Condition="DelegateDNS",
        HostedZoneId=Ref("AppDomainHostedZoneID"),
        Comment=Sub("The name servers of application ${AppName}"),
        Name=Sub("${AppName}.${AppDomainName}."),
        Type="NS",
        TTL="900",
        ResourceRecords=GetAtt("AppHostedZone", "NameServers"),
        Metadata=described("The records by which the domain leads to the application's"),
    )
