"""The network of an environment: its VPC, subnets, and the gateways by which they reach the internet.

NAT gateways cost money by the hour, so they exist only while a workload asks for them (condition `CreateNATGateways`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from troposphere import AWSObject, GetAtt, GetAZs, Ref, Select, Sub, Tag, ec2

from copilot.aws.templates.environment.settings import EnvironmentSettings, NetworkPlan, SubnetPlan, planned_network
from copilot.aws.templates.rendering import described

_EVERYWHERE = "0.0.0.0/0"
_ATTACHMENT = "InternetGatewayAttachment"
_ON_DEMAND = "CreateNATGateways"


@dataclass(frozen=True)
class Network:
    """What the rest of the template needs of the network.

    Attributes:
        vpc: ID of the VPC. Likewise the lists of IDs of subnets.
        imported: Whether it existed before the environment.
        resources: What makes it; empty for one that existed.
    """

    vpc: Any
    public_subnets: tuple[Any, ...]
    private_subnets: tuple[Any, ...]
    imported: bool
    resources: tuple[AWSObject, ...]


def network(settings: EnvironmentSettings) -> Network:
    """The network that the manifest names, or the one to make."""
    vpc = settings.manifest.network.vpc
    if vpc.imported:
        public, private = (tuple(str(subnet.id) for subnet in kind) for kind in (vpc.subnets.public, vpc.subnets.private))
        return Network(vpc.id, public, private, imported=True, resources=())
    plan = planned_network(settings.manifest)
    public_subnets = tuple(Ref(f"PublicSubnet{number}") for number in range(1, len(plan.public) + 1))
    private_subnets = tuple(Ref(f"PrivateSubnet{number}") for number in range(1, len(plan.private) + 1))
    return Network(
        Ref("VPC"), public_subnets, private_subnets, imported=False, resources=tuple(_resources(plan, settings.region))
    )


def _resources(plan: NetworkPlan, region: str) -> list[AWSObject]:
    public = [_subnet("Public", index, subnet, region) for index, subnet in enumerate(plan.public)]
    private = [_subnet("Private", index, subnet, region) for index, subnet in enumerate(plan.private)]
    associations = [
        ec2.SubnetRouteTableAssociation(
            f"{subnet.title}RouteTableAssociation",
            RouteTableId=Ref("PublicRouteTable"),
            SubnetId=Ref(subnet.title),
            Metadata=described(f"The tie between public subnet {number} and its ways out"),
        )
        for number, subnet in enumerate(public, start=1)
    ]
    gateways = [resource for number in range(1, len(private) + 1) for resource in _nat_gateway(number)]
    return [*_internet(plan.cidr), *public, *private, *associations, *gateways]


def _internet(cidr: str) -> list[AWSObject]:
    return [
        ec2.VPC(
            "VPC",
            CidrBlock=cidr,
            EnableDnsHostnames=True,
            EnableDnsSupport=True,
            InstanceTenancy="default",
            Tags=[_name()],
            Metadata=described("A private network (VPC) for all that belongs to the environment"),
        ),
        ec2.RouteTable(
            "PublicRouteTable",
            VpcId=Ref("VPC"),
            Tags=[_name()],
            Metadata=described("The ways out of the public subnets"),
        ),
        ec2.Route(
            "DefaultPublicRoute",
            DependsOn=_ATTACHMENT,
            RouteTableId=Ref("PublicRouteTable"),
            DestinationCidrBlock=_EVERYWHERE,
            GatewayId=Ref("InternetGateway"),
            Metadata=described("The way from the public subnets to the internet"),
        ),
        ec2.InternetGateway(
            "InternetGateway", Tags=[_name()], Metadata=described("A gateway between the network and the internet")
        ),
        ec2.VPCGatewayAttachment(
            _ATTACHMENT,
            InternetGatewayId=Ref("InternetGateway"),
            VpcId=Ref("VPC"),
            Metadata=described("The tie between the gateway and the network"),
        ),
    ]


def _subnet(kind: str, index: int, plan: SubnetPlan, region: str) -> ec2.Subnet:
    public = kind == "Public"
    text = "that the internet reaches" if public else "that the internet does not reach"
    return ec2.Subnet(
        f"{kind}Subnet{index + 1}",
        CidrBlock=plan.cidr,
        VpcId=Ref("VPC"),
        AvailabilityZone=_zone(region, plan.zone) if plan.zone else Select(index, GetAZs("")),
        MapPublicIpOnLaunch=public,
        Tags=[_name(f"-{'pub' if public else 'priv'}{index}")],
        Metadata=described(f"A {kind.lower()} subnet ({index + 1}), {text}"),
    )


def _nat_gateway(number: int) -> list[AWSObject]:
    table, gateway = f"PrivateRouteTable{number}", f"NatGateway{number}"
    return [
        ec2.EIP(
            f"{gateway}Attachment",
            Condition=_ON_DEMAND,
            DependsOn=_ATTACHMENT,
            Domain="vpc",
            Metadata=described(f"An IP address for NAT gateway {number}"),
        ),
        ec2.NatGateway(
            gateway,
            Condition=_ON_DEMAND,
            AllocationId=GetAtt(f"{gateway}Attachment", "AllocationId"),
            SubnetId=Ref(f"PublicSubnet{number}"),
            Tags=[_name(f"-{number - 1}")],
            Metadata=described(f"NAT gateway {number}, by which private subnet {number} reaches the internet"),
        ),
        ec2.RouteTable(
            table, Condition=_ON_DEMAND, VpcId=Ref("VPC"), Metadata=described(f"The ways out of private subnet {number}")
        ),
        ec2.Route(
            f"PrivateRoute{number}",
            Condition=_ON_DEMAND,
            RouteTableId=Ref(table),
            DestinationCidrBlock=_EVERYWHERE,
            NatGatewayId=Ref(gateway),
            Metadata=described(f"The way from private subnet {number} to the internet"),
        ),
        ec2.SubnetRouteTableAssociation(
            f"{table}Association",
            Condition=_ON_DEMAND,
            RouteTableId=Ref(table),
            SubnetId=Ref(f"PrivateSubnet{number}"),
            Metadata=described(f"The tie between private subnet {number} and its ways out"),
        ),
    ]


def _zone(region: str, zone: str) -> Any:
    return Sub(f"${{AWS::Region}}{zone.removeprefix(region)}") if zone.startswith(region) else zone


def _name(end: str = "") -> Tag:
    return Tag("Name", Sub(f"copilot-${{AppName}}-${{EnvironmentName}}{end}"))
