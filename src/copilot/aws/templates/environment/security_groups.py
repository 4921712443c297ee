"""Who may talk to whom in an environment: the security groups of its tasks and of its load balancers."""

from __future__ import annotations

from typing import Any

from troposphere import AWSObject, Ref, Sub, Tag, ec2

from copilot.aws.templates.environment.network import Network
from copilot.aws.templates.environment.settings import EnvironmentSettings
from copilot.aws.templates.rendering import described
from copilot.manifest.environment import SecurityGroupRule

ENVIRONMENT = "EnvironmentSecurityGroup"
PUBLIC_HTTP = "PublicHTTPLoadBalancerSecurityGroup"
PUBLIC_HTTPS = "PublicHTTPSLoadBalancerSecurityGroup"
INTERNAL = "InternalLoadBalancerSecurityGroup"
_EVERYWHERE = "0.0.0.0/0"


def public_groups(settings: EnvironmentSettings, network: Network) -> list[AWSObject]:
    """What lets the internet reach the public load balancer, and the load balancer reach tasks."""
    sources = settings.manifest.http.public.ingress.source_ips
    groups: list[AWSObject] = [
        _load_balancer_group(PUBLIC_HTTP, "HTTP", 80, "CreateALB", "-lb-http", sources, network),
        _between(
            "EnvironmentHTTPSecurityGroupIngressFromPublicALB",
            "HTTP ingress from the public ALB",
            ENVIRONMENT,
            PUBLIC_HTTP,
            "CreateALB",
        ),
    ]
    if settings.public_https:
        groups += [
            _load_balancer_group(PUBLIC_HTTPS, "HTTPS", 443, "ExportHTTPSListener", "-lb-https", sources, network),
            _between(
                "EnvironmentHTTPSSecurityGroupIngressFromPublicALB",
                "HTTPS ingress from the public ALB",
                ENVIRONMENT,
                PUBLIC_HTTPS,
                "ExportHTTPSListener",
            ),
        ]
    return groups


def _load_balancer_group(
    logical_id: str, protocol: str, port: int, condition: str, name: str, sources: tuple[str, ...], network: Network
) -> ec2.SecurityGroup:
    return ec2.SecurityGroup(
        logical_id,
        Condition=condition,
        # A description cannot change without another group, so this must be AWS Copilot's.
        GroupDescription=f"{protocol} access to the public facing load balancer",
        SecurityGroupIngress=[_from(source, port) for source in sources or (_EVERYWHERE,)],
        VpcId=network.vpc,
        Tags=[Tag("Name", Sub(f"copilot-${{AppName}}-${{EnvironmentName}}{name}"))],
        Metadata=described(f"A security group that lets {protocol} through to the public load balancer"),
    )


def _from(source: str, port: int) -> ec2.SecurityGroupRule:
    key = "CidrIpv6" if ":" in source else "CidrIp"
    who = "anyone" if source == _EVERYWHERE else source
    addresses: dict[str, Any] = {key: source}
    return ec2.SecurityGroupRule(
        Description=f"From {who} to port {port}", FromPort=port, ToPort=port, IpProtocol="tcp", **addresses
    )


def environment_group(settings: EnvironmentSettings, network: Network) -> list[AWSObject]:
    """What lets tasks reach each other, and what else the manifest lets through."""
    rules = settings.manifest.network.vpc.security_group
    given: dict[str, Any] = {}
    if rules.ingress:
        given["SecurityGroupIngress"] = [_rule(rule) for rule in rules.ingress]
    if rules.egress:
        given["SecurityGroupEgress"] = [_rule(rule) for rule in rules.egress]
    return [
        ec2.SecurityGroup(
            ENVIRONMENT,
            GroupDescription=Sub(f"${{AppName}}-${{EnvironmentName}}{ENVIRONMENT}"),
            VpcId=network.vpc,
            Tags=[Tag("Name", Sub("copilot-${AppName}-${EnvironmentName}-env"))],
            Metadata=described("A security group in which tasks talk to each other"),
            **given,
        ),
        _between(
            "EnvironmentSecurityGroupIngressFromSelf",
            "Ingress from other containers in the same security group",
            ENVIRONMENT,
            ENVIRONMENT,
        ),
    ]


def _rule(rule: SecurityGroupRule) -> ec2.SecurityGroupRule:
    # With all protocols go all ports: EC2 takes no heed of others.
    ports: dict[str, Any] = {} if rule.ip_protocol == "-1" else {"FromPort": rule.ports.first, "ToPort": rule.ports.last}
    return ec2.SecurityGroupRule(IpProtocol=rule.ip_protocol, CidrIp=str(rule.cidr), **ports)


def internal_groups(settings: EnvironmentSettings, network: Network) -> list[AWSObject]:
    """What lets tasks, or all of the network, reach the internal load balancer, and the load balancer reach tasks."""
    groups: list[AWSObject] = [
        ec2.SecurityGroup(
            INTERNAL,
            Condition="CreateInternalALB",
            GroupDescription="Access to the internal load balancer",
            VpcId=network.vpc,
            Tags=[Tag("Name", Sub("copilot-${AppName}-${EnvironmentName}-internal-lb"))],
            Metadata=described("A security group that lets HTTP through to the internal load balancer"),
        ),
        _between(
            "EnvironmentSecurityGroupIngressFromInternalALB",
            "Ingress from the internal ALB",
            ENVIRONMENT,
            INTERNAL,
            "CreateInternalALB",
        ),
        _between(
            "InternalALBIngressFromEnvironmentSecurityGroup",
            "Ingress from the env security group",
            INTERNAL,
            ENVIRONMENT,
            "CreateInternalALB",
        ),
    ]
    if settings.manifest.http.private.ingress.vpc:
        groups.append(_from_network("Http", 80, "CreateInternalALB"))
        if settings.private_https:
            groups.append(_from_network("Https", 443, "ExportInternalHTTPSListener"))
    return groups


def _from_network(protocol: str, port: int, condition: str) -> ec2.SecurityGroupIngress:
    # The internal load balancer has no address outside of the network: from anywhere is from within it.
    return ec2.SecurityGroupIngress(
        f"InternalLoadBalancerSecurityGroupIngressFrom{protocol}",
        Condition=condition,
        Description=f"Allow from within the VPC on port {port}",
        CidrIp=_EVERYWHERE,
        FromPort=port,
        ToPort=port,
        IpProtocol="tcp",
        GroupId=Ref(INTERNAL),
        Metadata=described(f"A rule that lets all of the network reach port {port} of the internal load balancer"),
    )


def _between(logical_id: str, description: str, to: str, source: str, condition: str | None = None) -> ec2.SecurityGroupIngress:
    given: dict[str, Any] = {"Condition": condition} if condition else {}
    return ec2.SecurityGroupIngress(
        logical_id,
        Description=description,
        GroupId=Ref(to),
        IpProtocol="-1",
        SourceSecurityGroupId=Ref(source),
        Metadata=described(_SENTENCES[logical_id]),
        **given,
    )


_SENTENCES = {
    "EnvironmentHTTPSecurityGroupIngressFromPublicALB": "A rule that lets the public load balancer reach tasks",
    "EnvironmentHTTPSSecurityGroupIngressFromPublicALB": "A rule that lets the public load balancer reach tasks after HTTPS",
    "EnvironmentSecurityGroupIngressFromSelf": "A rule that lets tasks reach each other",
    "EnvironmentSecurityGroupIngressFromInternalALB": "A rule that lets the internal load balancer reach tasks",
    "InternalALBIngressFromEnvironmentSecurityGroup": "A rule that lets tasks reach the internal load balancer",
}
