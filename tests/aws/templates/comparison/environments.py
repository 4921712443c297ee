"""What AWS Copilot makes of some environments when workloads ask for everything.

Values are as `resolving` writes them. What is in `differences.OTHERWISE` is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.aws.templates.comparison.parts import Resources, one
from tests.aws.templates.environment.variants import CERTIFICATE

PUBLIC, PRIVATE = "CreateALB", "CreateInternalALB"
PUBLIC_HTTPS, PRIVATE_HTTPS = "ExportHTTPSListener", "ExportInternalHTTPSListener"
STORED, NATTED = "CreateEFS", "CreateNATGateways"
STACK = "shop-test"


def named(end: str = "") -> list[dict[str, str]]:
    """The tags of a resource that has a name."""
    return [{"Key": "Name", "Value": f"copilot-{STACK}{end}"}]


def only(condition: str, resource: dict[str, Any]) -> dict[str, Any]:
    """A resource that is there under a condition."""
    return {"Type": resource["Type"], "Condition": condition, "Properties": resource["Properties"]}


def group(name: str, vpc: str, description: str) -> dict[str, Any]:
    """A security group."""
    return one("EC2::SecurityGroup", GroupDescription=description, VpcId=vpc, Tags=named(name))


def between(to: str, source: str, description: str) -> dict[str, Any]:
    """A rule that lets one group reach another."""
    ends = {"GroupId": f"{{{to}}}", "SourceSecurityGroupId": f"{{{source}}}"}
    return one("EC2::SecurityGroupIngress", Description=description, IpProtocol="-1", **ends)


def from_vpc(port: int) -> dict[str, Any]:
    """A rule that lets the network reach the internal load balancer."""
    return one(
        "EC2::SecurityGroupIngress",
        Description=f"Allow from within the VPC on port {port}",
        CidrIp="0.0.0.0/0",
        FromPort=str(port),
        ToPort=str(port),
        IpProtocol="tcp",
        GroupId="{InternalLoadBalancerSecurityGroup}",
    )


def always(vpc: str) -> Resources:
    """What every environment has."""
    roles = {"CloudformationExecutionRole": "CFNExecutionRole", "EnvironmentManagerRole": "EnvManagerRole"}
    return {
        **{logical_id: one("IAM::Role", RoleName=f"{STACK}-{name}", Path="/") for logical_id, name in roles.items()},
        "ServiceDiscoveryNamespace": one("ServiceDiscovery::PrivateDnsNamespace", Name="test.shop.local", Vpc=vpc),
        "Cluster": one(
            "ECS::Cluster",
            CapacityProviders=["FARGATE", "FARGATE_SPOT"],
            Configuration={"ExecuteCommandConfiguration": {"Logging": "DEFAULT"}},
        ),
        "EnvironmentSecurityGroup": group("-env", vpc, f"{STACK}EnvironmentSecurityGroup"),
        "EnvironmentSecurityGroupIngressFromSelf": between(
            "EnvironmentSecurityGroup", "EnvironmentSecurityGroup", "Ingress from other containers in the same security group"
        ),
        "LogResourcePolicy": one("Logs::ResourcePolicy", PolicyName=f"{STACK}-LogResourcePolicy"),
    }


def made_network() -> Resources:
    """A network of its own."""
    found: Resources = {
        "VPC": one(
            "EC2::VPC",
            CidrBlock="10.0.0.0/16",
            EnableDnsHostnames="true",
            EnableDnsSupport="true",
            InstanceTenancy="default",
            Tags=named(),
        ),
        "PublicRouteTable": one("EC2::RouteTable", VpcId="{VPC}", Tags=named()),
        "DefaultPublicRoute": one(
            "EC2::Route",
            RouteTableId="{PublicRouteTable}",
            DestinationCidrBlock="0.0.0.0/0",
            GatewayId="{InternetGateway}",
        ),
        "InternetGateway": one("EC2::InternetGateway", Tags=named()),
        "InternetGatewayAttachment": one("EC2::VPCGatewayAttachment", InternetGatewayId="{InternetGateway}", VpcId="{VPC}"),
    }
    for number in (1, 2):
        found |= _subnets(number) | _gateway(number)
    return found


def _subnets(number: int) -> Resources:
    zone = {"Fn::Select": [str(number - 1), {"Fn::GetAZs": ""}]}
    return {
        **{
            f"{kind}Subnet{number}": one(
                "EC2::Subnet",
                CidrBlock=f"10.0.{first + number - 1}.0/24",
                VpcId="{VPC}",
                AvailabilityZone=zone,
                MapPublicIpOnLaunch=open_,
                Tags=named(f"-{short}{number - 1}"),
            )
            for kind, short, first, open_ in (("Public", "pub", 0, "true"), ("Private", "priv", 2, "false"))
        },
        f"PublicSubnet{number}RouteTableAssociation": one(
            "EC2::SubnetRouteTableAssociation", RouteTableId="{PublicRouteTable}", SubnetId=f"{{PublicSubnet{number}}}"
        ),
    }


def _gateway(number: int) -> Resources:
    table, gateway = f"PrivateRouteTable{number}", f"NatGateway{number}"
    found = {
        f"{gateway}Attachment": one("EC2::EIP", Domain="vpc"),
        gateway: one(
            "EC2::NatGateway",
            AllocationId=f"{{{gateway}Attachment.AllocationId}}",
            SubnetId=f"{{PublicSubnet{number}}}",
            Tags=named(f"-{number - 1}"),
        ),
        table: one("EC2::RouteTable", VpcId="{VPC}"),
        f"PrivateRoute{number}": one(
            "EC2::Route", RouteTableId=f"{{{table}}}", DestinationCidrBlock="0.0.0.0/0", NatGatewayId=f"{{{gateway}}}"
        ),
        f"{table}Association": one(
            "EC2::SubnetRouteTableAssociation", RouteTableId=f"{{{table}}}", SubnetId=f"{{PrivateSubnet{number}}}"
        ),
    }
    return {name: only(NATTED, resource) for name, resource in found.items()}


def _default_target_group(vpc: str) -> dict[str, Any]:
    return one(
        "ElasticLoadBalancingV2::TargetGroup",
        HealthCheckIntervalSeconds="10",
        HealthyThresholdCount="2",
        HealthCheckTimeoutSeconds="5",
        Port="80",
        Protocol="HTTP",
        TargetGroupAttributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "60"}],
        TargetType="ip",
        VpcId=vpc,
    )


def _listener(load_balancer: str, target: str, certificate: str = "", **more: Any) -> dict[str, Any]:
    secure = {"Port": "443", "Protocol": "HTTPS", "Certificates": [{"CertificateArn": certificate}]}
    return one(
        "ElasticLoadBalancingV2::Listener",
        DefaultActions=[{"Type": "forward", "TargetGroupArn": f"{{{target}}}"}],
        LoadBalancerArn=f"{{{load_balancer}}}",
        **(secure if certificate else {"Port": "80", "Protocol": "HTTP"}),
        **more,
    )


def public(vpc: str, subnets: Sequence[str], *, https: bool = False, logs: Sequence[dict[str, str]] = ()) -> Resources:
    """The load balancer that the internet reaches."""
    name = "PublicHTTPLoadBalancerSecurityGroup"
    groups = [f"{{{name}.GroupId}}", *(["{PublicHTTPSLoadBalancerSecurityGroup.GroupId}"] if https else [])]
    off = [{"Key": "access_logs.s3.enabled", "Value": "false"}]
    found = {
        name: group("-lb-http", vpc, "HTTP access to the public facing load balancer"),
        "EnvironmentHTTPSecurityGroupIngressFromPublicALB": between(
            "EnvironmentSecurityGroup", name, "HTTP ingress from the public ALB"
        ),
        "PublicLoadBalancer": one(
            "ElasticLoadBalancingV2::LoadBalancer",
            LoadBalancerAttributes=list(logs) or off,
            Scheme="internet-facing",
            SecurityGroups=groups,
            Subnets=list(subnets),
            Type="application",
        ),
        "DefaultHTTPTargetGroup": _default_target_group(vpc),
        "HTTPListener": _listener("PublicLoadBalancer", "DefaultHTTPTargetGroup"),
    }
    return {logical_id: only(PUBLIC, resource) for logical_id, resource in found.items()}


def internal(vpc: str, subnets: Sequence[str], *, open_to_all: bool = False, named_by_zone: bool = True) -> Resources:
    """The load balancer that only the network reaches."""
    name = "InternalLoadBalancerSecurityGroup"
    found = {
        name: group("-internal-lb", vpc, "Access to the internal load balancer"),
        "EnvironmentSecurityGroupIngressFromInternalALB": between(
            "EnvironmentSecurityGroup", name, "Ingress from the internal ALB"
        ),
        "InternalALBIngressFromEnvironmentSecurityGroup": between(
            name, "EnvironmentSecurityGroup", "Ingress from the env security group"
        ),
        "InternalLoadBalancer": one(
            "ElasticLoadBalancingV2::LoadBalancer",
            Scheme="internal",
            SecurityGroups=[f"{{{name}.GroupId}}"],
            Subnets=list(subnets),
            Type="application",
        ),
        "DefaultInternalHTTPTargetGroup": _default_target_group(vpc),
        "InternalHTTPListener": _listener("InternalLoadBalancer", "DefaultInternalHTTPTargetGroup"),
    }
    if open_to_all:
        found["InternalLoadBalancerSecurityGroupIngressFromHttp"] = from_vpc(80)
    if named_by_zone:
        vpcs = [{"VPCId": vpc, "VPCRegion": "{AWS::Region}"}]
        found["InternalWorkloadsHostedZone"] = one("Route53::HostedZone", Name="test.shop.internal", VPCs=vpcs)
    return {logical_id: only(PRIVATE, resource) for logical_id, resource in found.items()}


_MOUNTED = {
    "Sid": "AllowIAMFromTaggedRoles",
    "Effect": "Allow",
    "Principal": {"AWS": "*"},
    "Action": ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"],
    "Condition": {
        "Bool": {"elasticfilesystem:AccessedViaMountTarget": "true"},
        "StringEquals": {"iam:ResourceTag/copilot-application": "shop", "iam:ResourceTag/copilot-environment": "test"},
    },
}
_UNENCRYPTED = {
    "Sid": "DenyUnencryptedAccess",
    "Effect": "Deny",
    "Principal": "*",
    "Action": "elasticfilesystem:*",
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


def storage(vpc: str, subnets: Sequence[str]) -> Resources:
    """The file system."""
    found = {
        "FileSystem": one(
            "EFS::FileSystem",
            BackupPolicy={"Status": "ENABLED"},
            Encrypted="true",
            FileSystemPolicy={"Version": "2012-10-17", "Id": "CopilotEFSPolicy", "Statement": [_MOUNTED, _UNENCRYPTED]},
            LifecyclePolicies=[{"TransitionToIA": "AFTER_30_DAYS"}],
            PerformanceMode="generalPurpose",
            ThroughputMode="bursting",
        ),
        "EFSSecurityGroup": group("-efs", vpc, f"{STACK}EFSSecurityGroup"),
        "EFSSecurityGroupIngressFromEnvironment": between(
            "EFSSecurityGroup", "EnvironmentSecurityGroup", "Ingress from containers in the Environment Security Group."
        ),
        **{
            f"MountTarget{number}": one(
                "EFS::MountTarget", FileSystemId="{FileSystem}", SubnetId=subnet, SecurityGroups=["{EFSSecurityGroup}"]
            )
            for number, subnet in enumerate(subnets, start=1)
        },
    }
    return {logical_id: only(STORED, resource) for logical_id, resource in found.items()}


def https(vpc: str) -> Resources:
    """What imported certificates add: two for each load balancer, and the network may reach the internal one."""
    public_group = "PublicHTTPSLoadBalancerSecurityGroup"
    policy = {"SslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06"}
    return {
        public_group: only(PUBLIC_HTTPS, group("-lb-https", vpc, "HTTPS access to the public facing load balancer")),
        "EnvironmentHTTPSSecurityGroupIngressFromPublicALB": only(
            PUBLIC_HTTPS, between("EnvironmentSecurityGroup", public_group, "HTTPS ingress from the public ALB")
        ),
        "HTTPSListener": only(
            PUBLIC_HTTPS, _listener("PublicLoadBalancer", "DefaultHTTPTargetGroup", f"{CERTIFICATE}1", **policy)
        ),
        "HTTPSImportCertificate2": only(PUBLIC_HTTPS, _certificate("HTTPSListener", f"{CERTIFICATE}2")),
        "InternalHTTPSListener": only(
            PRIVATE_HTTPS, _listener("InternalLoadBalancer", "DefaultInternalHTTPTargetGroup", f"{CERTIFICATE}3")
        ),
        "InternalHTTPSImportCertificate2": only(PRIVATE_HTTPS, _certificate("InternalHTTPSListener", f"{CERTIFICATE}4")),
        "InternalLoadBalancerSecurityGroupIngressFromHttps": only(PRIVATE_HTTPS, from_vpc(443)),
    }


def _certificate(listener: str, arn: str) -> dict[str, Any]:
    certificates = [{"CertificateArn": arn}]
    return one("ElasticLoadBalancingV2::ListenerCertificate", ListenerArn=f"{{{listener}}}", Certificates=certificates)


def log_bucket() -> Resources:
    """A bucket for access logs."""
    encryption = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    closed = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    return {
        "ELBAccessLogsBucket": one(
            "S3::Bucket",
            VersioningConfiguration={"Status": "Enabled"},
            BucketEncryption={"ServerSideEncryptionConfiguration": [encryption]},
            PublicAccessBlockConfiguration=dict.fromkeys(closed, "true"),
        ),
        "ELBAccessLogsBucketPolicy": only(PUBLIC, one("S3::BucketPolicy", Bucket="{ELBAccessLogsBucket}")),
    }


_VPC, _EXISTING = "{VPC}", "vpc-0123456789abcdef0"
_OPEN, _CLOSED = ("{PublicSubnet1}", "{PublicSubnet2}"), ("{PrivateSubnet1}", "{PrivateSubnet2}")
_EXISTING_OPEN, _EXISTING_CLOSED = (
    tuple(f"subnet-0000000000000000{number}" for number in numbers) for numbers in ((1, 2), (3, 4))
)
_LOGGED = [
    {"Key": "access_logs.s3.enabled", "Value": "true"},
    {"Key": "access_logs.s3.bucket", "Value": "{ELBAccessLogsBucket}"},
]
_OWN: Resources = {**always(_VPC), **made_network(), **storage(_VPC, _CLOSED)}

ORIGINALS: dict[str, Resources] = {
    "default": {**_OWN, **public(_VPC, _OPEN), **internal(_VPC, _CLOSED)},
    "imported": {
        **always(_EXISTING),
        **public(_EXISTING, _EXISTING_OPEN),
        **internal(_EXISTING, _EXISTING_CLOSED, open_to_all=True),
        **storage(_EXISTING, _EXISTING_CLOSED),
    },
    "certificates": {
        **_OWN,
        **public(_VPC, _OPEN, https=True),
        **internal(_VPC, _CLOSED, open_to_all=True, named_by_zone=False),
        **https(_VPC),
    },
    "access logs": {**_OWN, **public(_VPC, _OPEN, logs=_LOGGED), **internal(_VPC, _CLOSED), **log_bucket()},
}
"""By the names of `variants.VARIANTS`."""

EXPORTS = {
    "CFNExecutionRoleARN": "CFNExecutionRoleARN",
    "ClusterId": "ClusterId",
    "DefaultHTTPTargetGroupArn": "DefaultHTTPTargetGroup",
    "EnvironmentManagerRoleARN": "EnvironmentManagerRoleARN",
    "EnvironmentSecurityGroup": "EnvironmentSecurityGroup",
    "HTTPListenerArn": "HTTPListenerArn",
    "InternalHTTPListenerArn": "InternalHTTPListenerArn",
    "InternalLoadBalancerDNSName": "InternalLoadBalancerDNS",
    "InternalLoadBalancerFullName": "InternalLoadBalancerFullName",
    "InternalLoadBalancerHostedZone": "InternalLoadBalancerCanonicalHostedZoneID",
    "InternalLoadBalancerSecurityGroup": "InternalLoadBalancerSecurityGroup",
    "InternalWorkloadsHostedZone": "InternalWorkloadsHostedZoneID",
    "InternalWorkloadsHostedZoneName": "InternalWorkloadsHostedZoneName",
    "InternetGatewayID": "InternetGatewayID",
    "ManagedFileSystemID": "FilesystemID",
    "PrivateRouteTableIDs": "PrivateRouteTableIDs",
    "PrivateSubnets": "PrivateSubnets",
    "PublicLoadBalancerDNSName": "PublicLoadBalancerDNS",
    "PublicLoadBalancerFullName": "PublicLoadBalancerFullName",
    "PublicLoadBalancerHostedZone": "CanonicalHostedZoneID",
    "PublicRouteTableID": "PublicRouteTableID",
    "PublicSubnets": "PublicSubnets",
    "ServiceDiscoveryNamespaceID": "ServiceDiscoveryNamespaceID",
    "VpcId": "VpcId",
}
"""Output to the end of the export's name, in an environment with a network of its own and without HTTPS."""

DOMAIN_EXPORTS = {
    "EnvironmentHostedZone": "HostedZone",
    "EnvironmentSubdomain": "SubDomain",
    "HTTPSListenerArn": "HTTPSListenerArn",
}
"""Those that the application's domain adds."""

OUTPUTS = {"EnabledFeatures", "LastForceDeployID", "PublicALBAccessible"}
"""Outputs that are not exported."""
