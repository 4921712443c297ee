"""What an application has in each region: a key, a bucket for artifacts, and a repository of images for each workload.

Its template is that of a StackSet. What it was made from stands in its metadata, where AWS Copilot looks for it too: there is no
other place that says which repositories there are and which accounts may use them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import yaml
from troposphere import Export, GetAtt, Output, Ref, Sub, Tags, Template, ecr, kms, s3

from copilot.aws import names
from copilot.aws.templates.policies import VERSION, allow, policy
from copilot.aws.templates.rendering import described, render
from copilot.errors import CopilotError

TEMPLATE_VERSION = "v1.34.1"
"""Whose templates ours match. AWS Copilot refuses to touch what has a later version than its own."""

_ADMINISTRATION = (
    "kms:CancelKeyDeletion",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:RevokeGrant",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateKeyDescription",
)
_ENCRYPTION = (
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)
_PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")


@dataclass(frozen=True)
class WorkloadInfrastructure:
    """A workload. ``repository`` is whether it has one: AWS Copilot gives none to workloads without an image."""

    name: str
    repository: bool = True


@dataclass(frozen=True)
class Infrastructure:
    """What an application's StackSet is made from.

    Attributes:
        application: Its name.
        workloads: By name.
        accounts: Numbers of the accounts with environments, in order.
        version: Grows by one with each change; the first is 0.
        template_version: See `TEMPLATE_VERSION`.
    """

    application: str
    workloads: tuple[WorkloadInfrastructure, ...] = ()
    accounts: tuple[str, ...] = ()
    version: int = 0
    template_version: str = TEMPLATE_VERSION

    def with_workload(self, name: str) -> Infrastructure:
        """The same, with a repository for a workload."""
        others = [each for each in self.workloads if each.name != name]
        return replace(self, workloads=tuple(sorted([*others, WorkloadInfrastructure(name)], key=lambda each: each.name)))

    def without_workload(self, name: str) -> Infrastructure:
        """The same, without a workload's repository."""
        return replace(self, workloads=tuple(each for each in self.workloads if each.name != name))

    def with_accounts(self, accounts: Sequence[str]) -> Infrastructure:
        """The same, for environments in these accounts."""
        return replace(self, accounts=tuple(sorted(set(accounts))))


def infrastructure_template(infrastructure: Infrastructure) -> str:
    """The StackSet's template."""
    template = Template(Description="What an application has in each region, for its releases")
    template.set_version()
    template.set_metadata(_metadata(infrastructure))
    template.add_resource(_key(infrastructure))
    template.add_resource(_bucket_policy(infrastructure))
    template.add_resource(_bucket())
    repositories = [each.name for each in infrastructure.workloads if each.repository]
    for name in repositories:
        template.add_resource(_repository(infrastructure, name))
    for output in _outputs(infrastructure, repositories):
        template.add_output(output)
    return render(template)


def read_infrastructure(application: str, template: str) -> Infrastructure:
    """What the template of an application's StackSet was made from, whoever wrote it.

    Raises:
        CopilotError: It does not say. To go on would mean to delete every repository.
    """
    metadata = _plain_metadata(template)
    # Before version 1.2.0 there was a list of names only, and each of them had a repository.
    workloads, services = metadata.get("Workloads"), metadata.get("Services")
    if not isinstance(workloads, list) and not isinstance(services, list):
        raise CopilotError(
            f"the template of StackSet `{names.stack_set(application)}` does not say which workloads it has repositories for",
            hint="it was changed by something else than Copilot: set it back to the last template that Copilot wrote",
        )
    found = [WorkloadInfrastructure(each["Name"], each.get("WithECR") == "true") for each in workloads or ()]
    found += [WorkloadInfrastructure(name) for name in services or () if isinstance(services, list)]
    return Infrastructure(
        application,
        tuple(sorted(found, key=lambda each: each.name)),
        tuple(sorted(metadata.get("Accounts") or ())),
        int(metadata.get("Version") or 0),
        _later(metadata.get("TemplateVersion") or "", TEMPLATE_VERSION),
    )


class _TextLoader(getattr(yaml, "CBaseLoader", yaml.BaseLoader)):  # type: ignore[misc]  # the quick one, where it was compiled
    """Takes every value for text: AWS Copilot writes account numbers without quotes, and some look like octal numbers."""


_TextLoader.add_multi_constructor("!", lambda loader, suffix, node: None)  # noqa: ARG005 - PyYAML's own signature


def _plain_metadata(template: str) -> Mapping[str, Any]:
    try:
        data = yaml.load(template, Loader=_TextLoader)  # noqa: S506 - a loader of text and nothing else
    except yaml.YAMLError:
        data = None
    return (data.get("Metadata") or {}) if isinstance(data, dict) else {}


def _later(deployed: str, ours: str) -> str:
    """The later of two versions: a version never goes back."""

    def parts(text: str) -> tuple[int, ...]:
        numbers = text.removeprefix("v").split("-")[0].split(".")
        return tuple(int(number) for number in numbers) if all(number.isdecimal() for number in numbers) else ()

    return max(deployed, ours, key=parts)


def _metadata(infrastructure: Infrastructure) -> dict[str, Any]:
    return {
        "TemplateVersion": infrastructure.template_version,
        "Version": infrastructure.version,
        "Workloads": [{"Name": each.name, "WithECR": each.repository} for each in infrastructure.workloads],
        "Accounts": list(infrastructure.accounts),
        # Early versions of AWS Copilot take this for the list of services. They must stop at a text: without any list they would
        # take the application for one without services, and delete every repository.
        "Services": "See Workloads",
    }


def _roots(accounts: Sequence[str]) -> list[Any]:
    """The accounts as such: each decides for itself, in IAM, who in it may do what is allowed to it."""
    return [Sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root")] + [
        Sub(f"arn:${{AWS::Partition}}:iam::{account}:root") for account in accounts
    ]


def _key(infrastructure: Infrastructure) -> kms.Key:
    own, everyone = {"AWS": _roots([])}, {"AWS": _roots(infrastructure.accounts)}
    return kms.Key(
        "KMSKey",
        DeletionPolicy="Delete",
        UpdateReplacePolicy="Retain",
        EnableKeyRotation=True,
        KeyPolicy={
            **policy(
                # This account looks after the key. Without that nobody could, not even its owner.
                allow(_ADMINISTRATION, "*", principal=own, sid="Administration"),
                # AWS services may use the key in the name of somebody in this account who may.
                allow(
                    ["kms:CreateGrant"],
                    "*",
                    principal=own,
                    condition={"Bool": {"kms:GrantIsForAWSResource": True}},
                    sid="AWSServices",
                ),
                # This account and those with environments read and write what is encrypted with it: artifacts and templates.
                allow(_ENCRYPTION, "*", principal=everyone, sid="Encryption"),
            ),
            "Id": Ref("AWS::StackName"),
        },
        Metadata=described("A KMS key to encrypt what goes from one stage of a pipeline to the next"),
    )


def _bucket() -> s3.Bucket:
    return s3.Bucket(
        "PipelineBuiltArtifactBucket",
        VersioningConfiguration=s3.VersioningConfiguration(Status="Enabled"),
        BucketEncryption=s3.BucketEncryption(
            ServerSideEncryptionConfiguration=[
                s3.ServerSideEncryptionRule(
                    ServerSideEncryptionByDefault=s3.ServerSideEncryptionByDefault(
                        SSEAlgorithm="aws:kms", KMSMasterKeyID=GetAtt("KMSKey", "Arn")
                    ),
                    BucketKeyEnabled=True,
                )
            ]
        ),
        PublicAccessBlockConfiguration=s3.PublicAccessBlockConfiguration(
            BlockPublicAcls=True, BlockPublicPolicy=True, IgnorePublicAcls=True, RestrictPublicBuckets=True
        ),
        OwnershipControls=s3.OwnershipControls(Rules=[s3.OwnershipControlsRule(ObjectOwnership="BucketOwnerEnforced")]),
        LifecycleConfiguration=s3.LifecycleConfiguration(
            Rules=[
                # AWS Copilot's static sites are copied from here when they are deployed, and not read again.
                s3.LifecycleRule(
                    Id="ExpireLocalAssets",
                    Status="Enabled",
                    Prefix="local-assets",
                    ExpirationInDays=30,
                    NoncurrentVersionExpirationInDays=1,
                    AbortIncompleteMultipartUpload=s3.AbortIncompleteMultipartUpload(DaysAfterInitiation=1),
                )
            ]
        ),
        Metadata=described("A bucket for artifacts, templates and files of variables"),
    )


def _bucket_policy(infrastructure: Infrastructure) -> s3.BucketPolicy:
    bucket, objects = GetAtt("PipelineBuiltArtifactBucket", "Arn"), Sub("${PipelineBuiltArtifactBucket.Arn}/*")
    denied = {"Effect": "Deny", "Principal": "*"}
    statements: list[dict[str, Any]] = [
        {
            **denied,
            "Sid": "ForceHTTPS",
            "Action": "s3:*",
            "Resource": [bucket, objects],
            "Condition": {"Bool": {"aws:SecureTransport": False}},
        },
        {
            **denied,
            "Sid": "ForceEncryption",
            "Action": "s3:PutObject",
            "Resource": objects,
            "Condition": {
                "StringNotEqualsIfExists": {"s3:x-amz-server-side-encryption": "aws:kms"},
                "Null": {"s3:x-amz-server-side-encryption": False},
            },
        },
    ]
    if infrastructure.accounts:
        # The bucket's own account needs no word here: what IAM allows in it is enough. Accounts with environments read artifacts,
        # templates and files of variables, and write what their part of a pipeline hands on. They delete nothing.
        accounts = {"AWS": _roots(infrastructure.accounts)[1:]}
        statements += [
            allow(
                [
                    "s3:AbortMultipartUpload",
                    "s3:GetObject",
                    "s3:GetObjectTagging",
                    "s3:GetObjectVersion",
                    "s3:GetObjectVersionTagging",
                    "s3:ListMultipartUploadParts",
                    "s3:PutObject",
                    # Without effect, as the bucket has no ACLs; but who uploads for another account says it may read the object.
                    "s3:PutObjectAcl",
                ],
                objects,
                principal=accounts,
                sid="EnvironmentObjects",
            ),
            allow(
                [
                    "s3:GetBucketLocation",
                    "s3:GetBucketVersioning",
                    "s3:GetEncryptionConfiguration",
                    "s3:ListBucket",
                    "s3:ListBucketMultipartUploads",
                    "s3:ListBucketVersions",
                ],
                bucket,
                principal=accounts,
                sid="EnvironmentBucket",
            ),
        ]
    return s3.BucketPolicy(
        "PipelineBuiltArtifactBucketPolicy",
        Bucket=Ref("PipelineBuiltArtifactBucket"),
        PolicyDocument={"Version": VERSION, "Statement": statements},
        Metadata=described("A policy by which the accounts with environments use the bucket"),
    )


def _repository(infrastructure: Infrastructure, workload: str) -> ecr.Repository:
    # No lifecycle policy: no rule of one can tell an image that a task or a rollback needs from one that is not needed any more.
    return ecr.Repository(
        names.repository_output(workload),
        RepositoryName=names.repository(infrastructure.application, workload),
        Tags=Tags({names.SERVICE_TAG: workload}),
        # Images are pushed from this account; the accounts with environments only pull them.
        RepositoryPolicyText=policy(allow(_PULL, principal={"AWS": _roots(infrastructure.accounts)}, sid="AllowPull")),
        Metadata=described(f'An ECR repository for the images of "{workload}"'),
    )


def _outputs(infrastructure: Infrastructure, repositories: Sequence[str]) -> list[Output]:
    return [
        Output(
            "KMSKeyARN",
            Description="The key that artifacts are encrypted with",
            Value=GetAtt("KMSKey", "Arn"),
            Export=Export(f"{infrastructure.application}-ArtifactKey"),
        ),
        Output("PipelineBucket", Description="The bucket of artifacts", Value=Ref("PipelineBuiltArtifactBucket")),
        *(
            Output(
                names.repository_output(name),
                Description=f"The repository for the images of {name}",
                Value=GetAtt(names.repository_output(name), "Arn"),
            )
            for name in repositories
        ),
        Output("TemplateVersion", Description="Which version this is made after", Value=infrastructure.template_version),
        # AWS Copilot waits for an update of each stack after each operation, so every operation must make one.
        Output("StackSetOpId", Description="How many times this was changed", Value=str(infrastructure.version)),
    ]
