"""The load balancers of an environment, which exist only while a service asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from troposphere import AWSObject, GetAtt, If, NoValue, Ref, Sub, route53
from troposphere import elasticloadbalancingv2 as elb

from copilot.aws.templates.environment import security_groups
from copilot.aws.templates.environment.access_logs import BUCKET_POLICY, log_attributes, makes_bucket
from copilot.aws.templates.environment.domain import CERTIFICATE
from copilot.aws.templates.environment.network import Network
from copilot.aws.templates.environment.settings import EnvironmentSettings
from copilot.aws.templates.rendering import described

_PUBLIC, _INTERNAL = "CreateALB", "CreateInternalALB"
_PUBLIC_HTTPS, _INTERNAL_HTTPS = "ExportHTTPSListener", "ExportInternalHTTPSListener"
_FAST_HEALTH_CHECK: dict[str, Any] = {
    "HealthCheckIntervalSeconds": 10,
    "HealthCheckTimeoutSeconds": 5,
    "HealthyThresholdCount": 2,
}


def public_load_balancer(settings: EnvironmentSettings, network: Network) -> list[AWSObject]:
    """The load balancer that the internet reaches; what services answer at comes with their own stacks."""
    http = settings.manifest.http.public
    groups: list[Any] = [GetAtt(security_groups.PUBLIC_HTTP, "GroupId")]
    if settings.public_https:
        groups.append(If(_PUBLIC_HTTPS, GetAtt(security_groups.PUBLIC_HTTPS, "GroupId"), NoValue))
    waiting: dict[str, Any] = {"DependsOn": BUCKET_POLICY} if makes_bucket(settings) else {}
    resources: list[AWSObject] = [
        elb.LoadBalancer(
            "PublicLoadBalancer",
            Condition=_PUBLIC,
            LoadBalancerAttributes=log_attributes(settings),
            Scheme="internet-facing",
            SecurityGroups=groups,
            Subnets=list(network.public_subnets),
            Type="application",
            Metadata=described("A load balancer between the internet and your services"),
            **waiting,
        ),
        _default_target_group("DefaultHTTPTargetGroup", _PUBLIC, network),
        _listener("HTTPListener", "PublicLoadBalancer", "DefaultHTTPTargetGroup", _PUBLIC),
    ]
    if settings.public_https:
        certificates = http.certificates or (Ref(CERTIFICATE),)
        resources += _https("HTTPS", "PublicLoadBalancer", "DefaultHTTPTargetGroup", certificates, http.ssl_policy, _PUBLIC_HTTPS)
    return resources


def internal_load_balancer(settings: EnvironmentSettings, network: Network) -> list[AWSObject]:
    """The load balancer that only the network reaches, and the zone for the names of services behind it."""
    http = settings.manifest.http.private
    resources: list[AWSObject] = [
        elb.LoadBalancer(
            "InternalLoadBalancer",
            Condition=_INTERNAL,
            Scheme="internal",
            SecurityGroups=[GetAtt(security_groups.INTERNAL, "GroupId")],
            Subnets=list(http.subnets or network.private_subnets),
            Type="application",
            Metadata=described("A load balancer that only the network reaches"),
        ),
        _default_target_group("DefaultInternalHTTPTargetGroup", _INTERNAL, network),
        _listener("InternalHTTPListener", "InternalLoadBalancer", "DefaultInternalHTTPTargetGroup", _INTERNAL),
    ]
    if settings.private_https:
        target = "DefaultInternalHTTPTargetGroup"
        resources += _https("InternalHTTPS", "InternalLoadBalancer", target, http.certificates, http.ssl_policy, _INTERNAL_HTTPS)
    else:
        resources.append(_internal_zone(network))
    return resources


def _default_target_group(logical_id: str, condition: str, network: Network) -> elb.TargetGroup:
    return elb.TargetGroup(
        logical_id,
        Condition=condition,
        Port=80,
        Protocol="HTTP",
        TargetGroupAttributes=[elb.TargetGroupAttribute(Key="deregistration_delay.timeout_seconds", Value="60")],
        TargetType="ip",
        VpcId=network.vpc,
        Metadata=described("An empty group, for requests that are for no service"),
        **_FAST_HEALTH_CHECK,
    )


def _listener(logical_id: str, load_balancer: str, target_group: str, condition: str) -> elb.Listener:
    return elb.Listener(
        logical_id,
        Condition=condition,
        DefaultActions=[elb.Action(Type="forward", TargetGroupArn=Ref(target_group))],
        LoadBalancerArn=Ref(load_balancer),
        Port=80,
        Protocol="HTTP",
        Metadata=described("A listener for HTTP"),
    )


def _https(
    name: str, load_balancer: str, target_group: str, certificates: Sequence[Any], ssl_policy: str | None, condition: str
) -> list[AWSObject]:
    policy: dict[str, Any] = {"SslPolicy": ssl_policy} if ssl_policy else {}
    listener = elb.Listener(
        f"{name}Listener",
        Condition=condition,
        Certificates=[elb.Certificate(CertificateArn=certificates[0])],
        DefaultActions=[elb.Action(Type="forward", TargetGroupArn=Ref(target_group))],
        LoadBalancerArn=Ref(load_balancer),
        Port=443,
        Protocol="HTTPS",
        Metadata=described("A listener for HTTPS"),
        **policy,
    )
    others = [
        elb.ListenerCertificate(
            f"{name}ImportCertificate{number}",
            Condition=condition,
            ListenerArn=Ref(listener.title),
            Certificates=[elb.Certificate(CertificateArn=arn)],
            Metadata=described(f"Certificate {number} of the listener for HTTPS"),
        )
        for number, arn in enumerate(certificates[1:], start=2)
    ]
    return [listener, *others]


def _internal_zone(network: Network) -> route53.HostedZone:
    return route53.HostedZone(
        "InternalWorkloadsHostedZone",
        Condition=_INTERNAL,
        Name=Sub("${EnvironmentName}.${AppName}.internal"),
        VPCs=[route53.HostedZoneVPCs(VPCId=network.vpc, VPCRegion=Ref("AWS::Region"))],
        Metadata=described("A private zone for the names of services behind the internal load balancer"),
    )
