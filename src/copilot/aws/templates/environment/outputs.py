"""What the stack of an environment tells others: workloads' stacks import it by the names that AWS Copilot gives."""

from __future__ import annotations

from typing import Any

from troposphere import Export, GetAtt, Join, Output, Ref, Sub

from copilot.aws.templates.environment.domain import NAME_SERVERS, SUBDOMAIN, ZONE
from copilot.aws.templates.environment.network import Network
from copilot.aws.templates.environment.roles import EXECUTION_ROLE, MANAGER_ROLE
from copilot.aws.templates.environment.settings import ON_DEMAND, EnvironmentSettings, planned_network
from copilot.aws.templates.environment.storage import FILE_SYSTEM


def role_outputs() -> list[Output]:
    """The roles: all that there is to tell before the environment is deployed."""
    return [
        _output("EnvironmentManagerRoleARN", GetAtt(MANAGER_ROLE, "Arn")),
        _output("CFNExecutionRoleARN", GetAtt(EXECUTION_ROLE, "Arn")),
    ]


def outputs(settings: EnvironmentSettings, network: Network) -> list[Output]:
    """All outputs of a deployed environment, with AWS Copilot's keys and export names."""
    return [
        *_network(settings, network),
        _output("ServiceDiscoveryNamespaceID", GetAtt("ServiceDiscoveryNamespace", "Id")),
        _output("EnvironmentSecurityGroup", Ref("EnvironmentSecurityGroup")),
        *(_public_load_balancer(settings) if network.public_subnets else ()),
        *(_internal_load_balancer(settings) if has_internal(settings, network) else ()),
        _output("ClusterId", Ref("Cluster")),
        *role_outputs(),
        *_domain(settings),
        # CloudFormation refuses to update a stack of which nothing changes but a parameter that nothing refers to yet.
        Output("EnabledFeatures", Value=Sub(",".join(f"${{{name}}}" for name in ON_DEMAND))),
        _output("ManagedFileSystemID", Ref(FILE_SYSTEM), "CreateEFS", export="FilesystemID"),
        Output("LastForceDeployID", Value=settings.update_token),
    ]


def has_internal(settings: EnvironmentSettings, network: Network) -> bool:
    """Whether there are subnets that an internal load balancer can be in."""
    return bool(network.private_subnets or settings.manifest.http.private.subnets)


def _network(settings: EnvironmentSettings, network: Network) -> list[Output]:
    outputs = [_output("VpcId", network.vpc)]
    if network.public_subnets:
        outputs.append(_output("PublicSubnets", Join(",", list(network.public_subnets))))
    if network.private_subnets:
        outputs.append(_output("PrivateSubnets", Join(",", list(network.private_subnets))))
    if not network.imported:
        tables = [Ref(f"PrivateRouteTable{number}") for number in range(1, len(planned_network(settings.manifest).private) + 1)]
        outputs += [
            _output("InternetGatewayID", Ref("InternetGateway")),
            _output("PublicRouteTableID", Ref("PublicRouteTable")),
            _output("PrivateRouteTableIDs", Join(",", tables), "CreateNATGateways"),
        ]
    return outputs


def _public_load_balancer(settings: EnvironmentSettings) -> list[Output]:
    name, condition = "PublicLoadBalancer", "CreateALB"
    outputs = [
        _output("PublicLoadBalancerDNSName", GetAtt(name, "DNSName"), condition, export="PublicLoadBalancerDNS"),
        _output("PublicLoadBalancerFullName", GetAtt(name, "LoadBalancerFullName"), condition),
        _output("PublicLoadBalancerHostedZone", GetAtt(name, "CanonicalHostedZoneID"), condition, export="CanonicalHostedZoneID"),
        _output("HTTPListenerArn", Ref("HTTPListener"), condition),
        _output("DefaultHTTPTargetGroupArn", Ref("DefaultHTTPTargetGroup"), condition, export="DefaultHTTPTargetGroup"),
        Output("PublicALBAccessible", Value="true", Condition=condition),
    ]
    if settings.public_https:
        outputs.append(_output("HTTPSListenerArn", Ref("HTTPSListener"), "ExportHTTPSListener"))
    return outputs


def _internal_load_balancer(settings: EnvironmentSettings) -> list[Output]:
    name, condition, zone = "InternalLoadBalancer", "CreateInternalALB", "InternalWorkloadsHostedZone"
    canonical = "InternalLoadBalancerCanonicalHostedZoneID"
    outputs = [
        _output("InternalLoadBalancerDNSName", GetAtt(name, "DNSName"), condition, export="InternalLoadBalancerDNS"),
        _output("InternalLoadBalancerFullName", GetAtt(name, "LoadBalancerFullName"), condition),
        _output("InternalLoadBalancerHostedZone", GetAtt(name, "CanonicalHostedZoneID"), condition, export=canonical),
        _output("InternalHTTPListenerArn", Ref("InternalHTTPListener"), condition),
        _output("InternalLoadBalancerSecurityGroup", Ref("InternalLoadBalancerSecurityGroup"), condition),
    ]
    if settings.private_https:
        return [*outputs, _output("InternalHTTPSListenerArn", Ref("InternalHTTPSListener"), "ExportInternalHTTPSListener")]
    zone_name = Sub("${EnvironmentName}.${AppName}.internal")
    return [
        *outputs,
        _output(zone, Ref(zone), condition, export=f"{zone}ID"),
        _output(f"{zone}Name", zone_name, condition),
    ]


def _domain(settings: EnvironmentSettings) -> list[Output]:
    if not settings.own_domain:
        return []
    return [
        _output("EnvironmentHostedZone", Ref(ZONE), export="HostedZone"),
        _output("EnvironmentSubdomain", Sub(SUBDOMAIN), export="SubDomain"),
        *([] if settings.domain_zone else [Output(NAME_SERVERS, Value=Join(",", GetAtt(ZONE, "NameServers")))]),
    ]


def _output(key: str, value: Any, condition: str | None = None, export: str | None = None) -> Output:
    given = {"Condition": condition} if condition else {}
    return Output(key, Value=value, Export=Export(Sub(f"${{AWS::StackName}}-{export or key}")), **given)
