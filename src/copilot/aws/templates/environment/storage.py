"""The file system of an environment, which exists only while a workload asks for it."""

from __future__ import annotations

from troposphere import AWSObject, Ref, Sub, Tag, ec2, efs

from copilot.aws.names import APPLICATION_TAG, ENVIRONMENT_TAG
from copilot.aws.templates.environment.network import Network
from copilot.aws.templates.environment.security_groups import ENVIRONMENT
from copilot.aws.templates.policies import VERSION
from copilot.aws.templates.rendering import described

FILE_SYSTEM = "FileSystem"
_GROUP = "EFSSecurityGroup"
_ON_DEMAND = "CreateEFS"


def storage(network: Network) -> list[AWSObject]:
    """The file system, and a way to it from each private subnet (or public one, where there are no others)."""
    group = ec2.SecurityGroup(
        _GROUP,
        Condition=_ON_DEMAND,
        GroupDescription=Sub(f"${{AppName}}-${{EnvironmentName}}{_GROUP}"),
        VpcId=network.vpc,
        Tags=[Tag("Name", Sub("copilot-${AppName}-${EnvironmentName}-efs"))],
        Metadata=described("A security group of the file system"),
    )
    rule = ec2.SecurityGroupIngress(
        "EFSSecurityGroupIngressFromEnvironment",
        Condition=_ON_DEMAND,
        Description="Ingress from containers in the Environment Security Group.",
        GroupId=Ref(_GROUP),
        IpProtocol="-1",
        SourceSecurityGroupId=Ref(ENVIRONMENT),
        Metadata=described("A rule that lets tasks reach the file system"),
    )
    targets = [
        efs.MountTarget(
            f"MountTarget{number}",
            Condition=_ON_DEMAND,
            FileSystemId=Ref(FILE_SYSTEM),
            SubnetId=subnet,
            SecurityGroups=[Ref(_GROUP)],
            Metadata=described(f"The way to the file system from subnet {number}"),
        )
        for number, subnet in enumerate(network.private_subnets or network.public_subnets, start=1)
    ]
    return [_file_system(), group, rule, *targets]


def _file_system() -> efs.FileSystem:
    mounted = {
        "Sid": "AllowIAMFromTaggedRoles",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"],
        "Condition": {
            "Bool": {"elasticfilesystem:AccessedViaMountTarget": "true"},
            "StringEquals": {
                f"iam:ResourceTag/{APPLICATION_TAG}": Ref("AppName"),
                f"iam:ResourceTag/{ENVIRONMENT_TAG}": Ref("EnvironmentName"),
            },
        },
    }
    unencrypted = {
        "Sid": "DenyUnencryptedAccess",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "elasticfilesystem:*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return efs.FileSystem(
        FILE_SYSTEM,
        Condition=_ON_DEMAND,
        BackupPolicy=efs.BackupPolicy(Status="ENABLED"),
        Encrypted=True,
        FileSystemPolicy={"Version": VERSION, "Id": "CopilotEFSPolicy", "Statement": [mounted, unencrypted]},
        LifecyclePolicies=[efs.LifecyclePolicy(TransitionToIA="AFTER_30_DAYS")],
        PerformanceMode="generalPurpose",
        ThroughputMode="bursting",
        DeletionPolicy="Delete",
        UpdateReplacePolicy="Delete",
        Metadata=described("A file system for what your workloads store"),
    )
