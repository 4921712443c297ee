"""An environment's stack as AWS Copilot 1.34 makes it: logical IDs, types, and the properties that a resource keeps for its life.

Facts, not its text: of each resource no more than decides whether it can be updated in place, or is kept by us.
"""

from __future__ import annotations

import json
from typing import Any

VPC = {"Ref": "VPC"}
SUBDOMAIN = "${EnvironmentName}.${AppName}.${AppDNSName}"
_FUNCTIONS = {
    "CertificateValidationFunction": "DelegateDNS",
    "CustomDomainFunction": "ManagedAliases",
    "DNSDelegationFunction": "DelegateDNS",
}


def original(*, domain: bool = False, access_logs: bool = False) -> str:
    """The template, in an environment where every workload has asked for everything."""
    resources = {**_always(), **_public(), **_internal(), **_storage()}
    outputs = list(_OUTPUTS)
    parameters = list(_PARAMETERS)
    conditions = dict(_CONDITIONS)
    if domain:
        resources |= _domain()
        outputs += ["EnvironmentHostedZone", "EnvironmentSubdomain", "HTTPSListenerArn"]
        conditions |= _DOMAIN_CONDITIONS
    if access_logs:
        resources |= _access_logs()
    template = {
        "Metadata": {"Version": "v1.34.1", "Manifest": "name: test\n"},
        "Parameters": {name: {"Type": "String"} for name in parameters},
        "Conditions": conditions,
        "Resources": resources,
        "Outputs": {name: {"Value": "x"} for name in outputs},
    }
    return json.dumps(template)


_PARAMETERS = (
    "AppName",
    "EnvironmentName",
    "ALBWorkloads",
    "InternalALBWorkloads",
    "EFSWorkloads",
    "NATWorkloads",
    "AppRunnerPrivateWorkloads",
    "ToolsAccountPrincipalARN",
    "AppDNSName",
    "AppDNSDelegationRole",
    "Aliases",
    "CreateHTTPSListener",
    "CreateInternalHTTPSListener",
    "ServiceDiscoveryEndpoint",
)
_CONDITIONS: dict[str, Any] = {
    "CreateALB": {"Fn::Not": [{"Fn::Equals": [{"Ref": "ALBWorkloads"}, ""]}]},
    "CreateAppRunnerVPCEndpoint": {"Fn::Not": [{"Fn::Equals": [{"Ref": "AppRunnerPrivateWorkloads"}, ""]}]},
}
_DOMAIN_CONDITIONS: dict[str, Any] = {
    "DelegateDNS": {"Fn::Not": [{"Fn::Equals": [{"Ref": "AppDNSName"}, ""]}]},
    "ManagedAliases": {
        "Fn::And": [
            {"Condition": "DelegateDNS"},
            {"Fn::Not": [{"Fn::Equals": [{"Ref": "Aliases"}, ""]}]},
            {"Condition": "CreateALB"},
        ]
    },
}
_OUTPUTS = (
    "CFNExecutionRoleARN",
    "ClusterId",
    "DefaultHTTPTargetGroupArn",
    "EnabledFeatures",
    "EnvironmentManagerRoleARN",
    "EnvironmentSecurityGroup",
    "HTTPListenerArn",
    "InternalHTTPListenerArn",
    "InternalLoadBalancerDNSName",
    "InternalLoadBalancerFullName",
    "InternalLoadBalancerHostedZone",
    "InternalLoadBalancerSecurityGroup",
    "InternalWorkloadsHostedZone",
    "InternalWorkloadsHostedZoneName",
    "InternetGatewayID",
    "LastForceDeployID",
    "ManagedFileSystemID",
    "PrivateRouteTableIDs",
    "PrivateSubnets",
    "PublicALBAccessible",
    "PublicLoadBalancerDNSName",
    "PublicLoadBalancerFullName",
    "PublicLoadBalancerHostedZone",
    "PublicRouteTableID",
    "PublicSubnets",
    "ServiceDiscoveryNamespaceID",
    "VpcId",
)


def _one(kind: str, condition: str | None = None, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::{kind}", "Properties": properties, **({"Condition": condition} if condition else {})}


def _always() -> dict[str, Any]:
    role = "${AWS::StackName}-"
    resources = {
        "CloudformationExecutionRole": _one("IAM::Role", RoleName={"Fn::Sub": f"{role}CFNExecutionRole"}, Path="/"),
        "EnvironmentManagerRole": _one("IAM::Role", RoleName={"Fn::Sub": f"{role}EnvManagerRole"}, Path="/"),
        "VPC": _one("EC2::VPC", CidrBlock="10.0.0.0/16", InstanceTenancy="default"),
        "InternetGateway": _one("EC2::InternetGateway"),
        "InternetGatewayAttachment": _one("EC2::VPCGatewayAttachment", VpcId=VPC, InternetGatewayId={"Ref": "InternetGateway"}),
        "PublicRouteTable": _one("EC2::RouteTable", VpcId=VPC),
        "DefaultPublicRoute": _one(
            "EC2::Route",
            RouteTableId={"Ref": "PublicRouteTable"},
            DestinationCidrBlock="0.0.0.0/0",
            GatewayId={"Ref": "InternetGateway"},
        ),
        "ServiceDiscoveryNamespace": _one(
            "ServiceDiscovery::PrivateDnsNamespace", Name={"Ref": "ServiceDiscoveryEndpoint"}, Vpc=VPC
        ),
        "Cluster": _one("ECS::Cluster"),
        "EnvironmentSecurityGroup": _group("${AppName}-${EnvironmentName}EnvironmentSecurityGroup"),
        "EnvironmentSecurityGroupIngressFromSelf": _rule("EnvironmentSecurityGroup", "EnvironmentSecurityGroup"),
        "LogResourcePolicy": _one(
            "Logs::ResourcePolicy", PolicyName={"Fn::Sub": "${AppName}-${EnvironmentName}-LogResourcePolicy"}
        ),
    }
    for number in (1, 2):
        resources |= _zone(number)
    return resources


def _zone(number: int) -> dict[str, Any]:
    zone = {"Fn::Select": [number - 1, {"Fn::GetAZs": ""}]}
    nat = "CreateNATGateways"
    table, gateway = {"Ref": f"PrivateRouteTable{number}"}, {"Ref": f"NatGateway{number}"}
    public, private = {"Ref": f"PublicSubnet{number}"}, {"Ref": f"PrivateSubnet{number}"}
    address = {"Fn::GetAtt": [f"NatGateway{number}Attachment", "AllocationId"]}
    return {
        f"PublicSubnet{number}": _one("EC2::Subnet", CidrBlock=f"10.0.{number - 1}.0/24", VpcId=VPC, AvailabilityZone=zone),
        f"PrivateSubnet{number}": _one("EC2::Subnet", CidrBlock=f"10.0.{number + 1}.0/24", VpcId=VPC, AvailabilityZone=zone),
        f"PublicSubnet{number}RouteTableAssociation": _one(
            "EC2::SubnetRouteTableAssociation", RouteTableId={"Ref": "PublicRouteTable"}, SubnetId=public
        ),
        f"NatGateway{number}Attachment": _one("EC2::EIP", nat, Domain="vpc"),
        f"NatGateway{number}": _one("EC2::NatGateway", nat, AllocationId=address, SubnetId=public),
        f"PrivateRouteTable{number}": _one("EC2::RouteTable", nat, VpcId=VPC),
        f"PrivateRoute{number}": _one(
            "EC2::Route", nat, RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=gateway
        ),
        f"PrivateRouteTable{number}Association": _one(
            "EC2::SubnetRouteTableAssociation", nat, RouteTableId=table, SubnetId=private
        ),
    }


def _public() -> dict[str, Any]:
    condition = "CreateALB"
    return {
        "PublicHTTPLoadBalancerSecurityGroup": _group("HTTP access to the public facing load balancer", condition),
        "EnvironmentHTTPSecurityGroupIngressFromPublicALB": _rule(
            "EnvironmentSecurityGroup", "PublicHTTPLoadBalancerSecurityGroup", condition
        ),
        "PublicLoadBalancer": _one(
            "ElasticLoadBalancingV2::LoadBalancer", condition, Scheme="internet-facing", Type="application"
        ),
        "DefaultHTTPTargetGroup": _target_group(condition),
        "HTTPListener": _listener("PublicLoadBalancer", condition),
    }


def _internal() -> dict[str, Any]:
    condition, group = "CreateInternalALB", "InternalLoadBalancerSecurityGroup"
    zone_name = {"Fn::Sub": "${EnvironmentName}.${AppName}.internal"}
    return {
        group: _group("Access to the internal load balancer", condition),
        "EnvironmentSecurityGroupIngressFromInternalALB": _rule("EnvironmentSecurityGroup", group, condition),
        "InternalALBIngressFromEnvironmentSecurityGroup": _rule(group, "EnvironmentSecurityGroup", condition),
        "InternalLoadBalancer": _one("ElasticLoadBalancingV2::LoadBalancer", condition, Scheme="internal", Type="application"),
        "DefaultInternalHTTPTargetGroup": _target_group(condition),
        "InternalHTTPListener": _listener("InternalLoadBalancer", condition),
        "InternalWorkloadsHostedZone": _one("Route53::HostedZone", condition, Name=zone_name),
    }


def _storage() -> dict[str, Any]:
    condition = "CreateEFS"
    resources = {
        "FileSystem": _one("EFS::FileSystem", condition, Encrypted=True, PerformanceMode="generalPurpose"),
        "EFSSecurityGroup": _group("${AppName}-${EnvironmentName}EFSSecurityGroup", condition),
        "EFSSecurityGroupIngressFromEnvironment": _rule("EFSSecurityGroup", "EnvironmentSecurityGroup", condition),
    }
    for number in (1, 2):
        subnet = {"Ref": f"PrivateSubnet{number}"}
        target = _one("EFS::MountTarget", condition, FileSystemId={"Ref": "FileSystem"}, SubnetId=subnet)
        resources[f"MountTarget{number}"] = target
    return resources


def _domain() -> dict[str, Any]:
    condition, https = "DelegateDNS", "ExportHTTPSListener"
    functions = {name: _function(name, each, "CustomResourceRole") for name, each in _FUNCTIONS.items()}
    return {
        **functions,
        "CustomResourceRole": _one("IAM::Role", condition, AssumeRolePolicyDocument={}, Path="/"),
        "EnvironmentHostedZone": _one("Route53::HostedZone", condition, Name={"Fn::Sub": SUBDOMAIN}),
        "DelegateDNSAction": _custom(
            "DNSDelegationFunction",
            condition,
            SubdomainName={"Fn::Sub": SUBDOMAIN},
            NameServers={"Fn::GetAtt": ["EnvironmentHostedZone", "NameServers"]},
            RootDNSRole={"Ref": "AppDNSDelegationRole"},
        ),
        "HTTPSCert": _custom(
            "CertificateValidationFunction",
            condition,
            DomainName={"Ref": "AppDNSName"},
            Aliases={"Ref": "Aliases"},
            EnvHostedZoneId={"Ref": "EnvironmentHostedZone"},
        ),
        "CustomDomainAction": _custom(
            "CustomDomainFunction",
            "ManagedAliases",
            Aliases={"Ref": "Aliases"},
            PublicAccessDNS={"Fn::GetAtt": ["PublicLoadBalancer", "DNSName"]},
        ),
        "PublicHTTPSLoadBalancerSecurityGroup": _group("HTTPS access to the public facing load balancer", https),
        "EnvironmentHTTPSSecurityGroupIngressFromPublicALB": _rule(
            "EnvironmentSecurityGroup", "PublicHTTPSLoadBalancerSecurityGroup", https
        ),
        "HTTPSListener": _listener("PublicLoadBalancer", https),
    }


def _access_logs() -> dict[str, Any]:
    return {
        "ELBAccessLogsBucket": _one("S3::Bucket"),
        "ELBAccessLogsBucketPolicy": _one("S3::BucketPolicy", "CreateALB", Bucket={"Ref": "ELBAccessLogsBucket"}),
        "ELBAccessLogsBucketCleanerAction": _custom("BucketCleanerFunction", None, BucketName={"Ref": "ELBAccessLogsBucket"}),
        "BucketCleanerFunction": _function("BucketCleanerFunction", None, "ELBAccessLogsBucketCleanerRole"),
        "ELBAccessLogsBucketCleanerRole": _one("IAM::Role", AssumeRolePolicyDocument={}, Path="/"),
    }


def _group(description: str, condition: str | None = None) -> dict[str, Any]:
    text: Any = {"Fn::Sub": description} if "$" in description else description
    return _one("EC2::SecurityGroup", condition, GroupDescription=text, VpcId=VPC)


def _rule(to: str, source: str, condition: str | None = None) -> dict[str, Any]:
    group = {"Ref": source}
    return _one("EC2::SecurityGroupIngress", condition, GroupId={"Ref": to}, IpProtocol="-1", SourceSecurityGroupId=group)


def _target_group(condition: str) -> dict[str, Any]:
    kind = "ElasticLoadBalancingV2::TargetGroup"
    return _one(kind, condition, Port=80, Protocol="HTTP", TargetType="ip", VpcId=VPC)


def _listener(load_balancer: str, condition: str) -> dict[str, Any]:
    return _one("ElasticLoadBalancingV2::Listener", condition, LoadBalancerArn={"Ref": load_balancer})


def _function(name: str, condition: str | None, role: str) -> dict[str, Any]:
    code = {"S3Bucket": "bucket", "S3Key": f"manual/scripts/custom-resources/{name.lower()}/0123.zip"}
    return _one(
        "Lambda::Function",
        condition,
        Code=code,
        Role={"Fn::GetAtt": [role, "Arn"]},
        Runtime="nodejs20.x",
        Handler="index.handler",
    )


def _custom(function: str, condition: str | None, **properties: Any) -> dict[str, Any]:
    token = {"ServiceToken": {"Fn::GetAtt": [function, "Arn"]}}
    resource = {"Type": f"Custom::{function}", "Properties": {**token, **properties}}
    return {**resource, **({"Condition": condition} if condition else {})}
