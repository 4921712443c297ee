"""The resources that lead requests from the environment's load balancer to a service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from troposphere import Equals, If, Join, Output, Parameter, Ref, Sub, Template, ecs, route53
from troposphere import elasticloadbalancingv2 as elb
from troposphere.validators.route53 import AliasTarget

from copilot.aws import names
from copilot.aws.templates.rendering import described
from copilot.aws.templates.workload.aliases import aliases_to_record, has_subdomain, names_itself
from copilot.aws.templates.workload.network import from_controller, imported
from copilot.aws.templates.workload.parameters import Declared
from copilot.aws.templates.workload.ports import routing_rules
from copilot.aws.templates.workload.routing import (
    RULES_AT_A_PLACE,
    TARGET_GROUPS_OF_A_SERVICE,
    Route,
    is_https,
    is_internal,
    routes,
    zones,
)
from copilot.aws.templates.workload.settings import WorkloadSettings
from copilot.manifest.http import Http, RuleHealthCheck

_TARGET_GROUP = "TargetGroup"
_HTTPS_PORT = 443
_ROOT, _HTTPS, _DOMAIN = "IsDefaultRootPath", "IsHTTPS", "HasAssociatedDomain"
_WILDCARDS = frozenset("*?")
# Where HTTPS comes or goes, rules over HTTP of both kinds are there for a while. They are told apart as far as there is room.
_BESIDE = RULES_AT_A_PLACE - TARGET_GROUPS_OF_A_SERVICE


def add_listeners(template: Template, settings: WorkloadSettings) -> None:
    """Add target groups, listener rules and DNS records of a service that a load balancer sends requests to.

    The template must have, or get, the parameters TargetContainer and TargetPort, and those of `routing_parameters`.

    Raises:
        UnsupportedError: The environment, or a limit of AWS, does not allow what the manifest asks for.
    """
    found = routes(settings)
    if not found:
        return
    _add_address(template, settings, found[0])
    for route in found:
        template.add_resource(_target_group(settings, route))
    if is_https(settings):
        _add_records(template, settings, found)
    elif is_internal(settings):
        template.add_resource(_internal_record(settings))
    for route in found:
        if is_https(settings):
            template.add_resource(_http_rule(settings, route, f"HTTPListenerRuleWithDomain{route.suffix}"))
            template.add_resource(_https_rule(settings, route))
        else:
            template.add_resource(_http_rule(settings, route, f"HTTPListenerRule{route.suffix}"))


def routing_parameters(settings: WorkloadSettings) -> Mapping[str, Declared]:
    """The parameters that routing needs, by name. AWS Copilot reads them back; none where no load balancer sends requests."""
    rules = routing_rules(settings.manifest)
    if not rules:
        return {}
    path = Parameter("RulePath", Type="String")
    declared = {"RulePath": Declared(path, rules[0].path.rstrip("/") or "/"), **_switch("HTTPSEnabled", is_https(settings))}
    return {**declared, **_switch("DNSDelegated", True)} if _named_by_environment(settings) else declared


def listener_rules(settings: WorkloadSettings) -> list[str]:
    """Logical IDs of the listener rules."""
    kinds = ("HTTPListenerRuleWithDomain", "HTTPSListenerRule") if is_https(settings) else ("HTTPListenerRule",)
    return [f"{kind}{route.suffix}" for route in routes(settings) for kind in kinds]


def load_balancers(settings: WorkloadSettings) -> list[ecs.LoadBalancer]:
    """The ports of containers that tasks are registered with, in each target group. The first is told in parameters."""
    return [
        ecs.LoadBalancer(
            ContainerName=route.target.container if route.suffix else Ref("TargetContainer"),
            ContainerPort=route.target.port if route.suffix else Ref("TargetPort"),
            TargetGroupArn=Ref(f"{_TARGET_GROUP}{route.suffix}"),
        )
        for route in routes(settings)
    ]


def grace_period(settings: WorkloadSettings) -> int | None:
    """Seconds for which a new task may fail its health checks; None where no load balancer checks it."""
    main = next((rule for rule in routing_rules(settings.manifest) if isinstance(rule, Http)), None)
    return None if main is None else int(main.healthcheck.grace_period)


def _flag(value: bool) -> str:
    return str(value).lower()


def _switch(name: str, value: bool) -> dict[str, Declared]:
    return {name: Declared(Parameter(name, Type="String", AllowedValues=[_flag(True), _flag(False)]), _flag(value))}


def _prefix(settings: WorkloadSettings) -> str:
    return "Internal" if is_internal(settings) else ""


def _named_by_environment(settings: WorkloadSettings) -> bool:
    """Whether the main rule's host is the service's name below the environment's subdomain."""
    return has_subdomain(settings) and not routing_rules(settings.manifest)[0].alias


def _add_address(template: Template, settings: WorkloadSettings, main: Route) -> None:
    template.add_condition(_ROOT, Equals(Ref("RulePath"), "/"))
    template.add_condition(_HTTPS, Equals(Ref("HTTPSEnabled"), _flag(True)))
    if _named_by_environment(settings):
        template.add_condition(_DOMAIN, Equals(Ref("DNSDelegated"), _flag(True)))
    address = Sub(f"${{Scheme}}://${{Host}}{main.path}", {"Scheme": If(_HTTPS, "https", "http"), "Host": _host(settings, main)})
    template.add_output(Output("URL", Description="Where the service answers requests.", Value=address))


def _host(settings: WorkloadSettings, main: Route) -> Any:
    load_balancer = from_controller(f"{'Internal' if is_internal(settings) else 'Public'}LoadBalancerDNSName")
    if main.hosts:
        return next((host for host in main.hosts if not _WILDCARDS & set(host)), load_balancer)
    if _named_by_environment(settings):
        # An output cannot tell what another stack exports, so the subdomain is spelt out.
        subdomain = f"{settings.environment}.{settings.application}.{settings.facts.domain}"
        return If(_DOMAIN, Sub(f"${{WorkloadName}}.{subdomain}"), load_balancer)
    return _internal_name() if is_internal(settings) else load_balancer


def _subdomain(settings: WorkloadSettings, *end: str) -> Join:
    return Join(".", [Ref("WorkloadName"), imported(settings, "SubDomain"), *end])


def _internal_name() -> Join:
    return Join(".", [Ref("WorkloadName"), from_controller("InternalWorkloadsHostedZoneName")])


def _target_group(settings: WorkloadSettings, route: Route) -> elb.TargetGroup:
    rule = route.rule
    # Port, protocol and version cannot change without replacing the group: they are said exactly where AWS Copilot says them.
    version: dict[str, Any] = {"ProtocolVersion": rule.version.upper()} if "version" in rule.model_fields_set else {}
    attributes = {
        "deregistration_delay.timeout_seconds": str(int(rule.deregistration_delay)),
        "stickiness.enabled": _flag(rule.stickiness),
    }
    return elb.TargetGroup(
        f"{_TARGET_GROUP}{route.suffix}",
        **_health_check(rule.healthcheck, route, grpc=rule.version == "grpc"),
        Port=route.target.port,
        Protocol="HTTPS" if route.target.port == _HTTPS_PORT else "HTTP",
        **version,
        TargetGroupAttributes=[elb.TargetGroupAttribute(Key=key, Value=value) for key, value in attributes.items()],
        TargetType="ip",
        VpcId=imported(settings, "VpcId"),
        Metadata=described(f"A target group for port {route.target.port} of your tasks"),
    )


def _health_check(check: RuleHealthCheck, route: Route, *, grpc: bool) -> dict[str, Any]:
    """What the manifest says of health checks. For the rest the load balancer has values of its own."""
    said = check.model_fields_set
    properties: dict[str, Any] = {"HealthCheckPath": check.path}
    if check.port is not None:
        properties["HealthCheckPort"] = str(check.port)
    if "success_codes" in said:
        properties["Matcher"] = elb.Matcher(**{"GrpcCode" if grpc else "HttpCode": check.success_codes})
    for key, name in (
        ("healthy_threshold", "HealthyThresholdCount"),
        ("unhealthy_threshold", "UnhealthyThresholdCount"),
        ("interval", "HealthCheckIntervalSeconds"),
        ("timeout", "HealthCheckTimeoutSeconds"),
    ):
        if key in said:
            properties[name] = int(getattr(check, key))
    if (check.port or route.target.port) == _HTTPS_PORT:
        properties["HealthCheckProtocol"] = "HTTPS"
    elif route.target.port == _HTTPS_PORT:
        properties["HealthCheckProtocol"] = "HTTP"
    return properties


def _http_rule(settings: WorkloadSettings, route: Route, logical_id: str) -> elb.ListenerRule:
    redirected = is_https(settings) and route.rule.redirect_to_https
    what = "redirects requests to HTTPS" if redirected else "sends requests to your tasks"
    return elb.ListenerRule(
        logical_id,
        Actions=[_redirection() if redirected else _forwarding(route)],
        Conditions=_conditions(settings, route),
        ListenerArn=from_controller(f"{_prefix(settings)}HTTPListenerArn"),
        Priority=route.priority + (_BESIDE if is_https(settings) else 0),
        Metadata=described(f"A rule that {what}, for the path {route.path} over HTTP"),
    )


def _https_rule(settings: WorkloadSettings, route: Route) -> elb.ListenerRule:
    return elb.ListenerRule(
        f"HTTPSListenerRule{route.suffix}",
        Actions=[_forwarding(route)],
        Conditions=_conditions(settings, route),
        ListenerArn=from_controller(f"{_prefix(settings)}HTTPSListenerArn"),
        Priority=route.priority,
        Metadata=described(f"A rule that sends requests to your tasks, for the path {route.path} over HTTPS"),
    )


def _forwarding(route: Route) -> elb.ListenerRuleAction:
    return elb.ListenerRuleAction(Type="forward", TargetGroupArn=Ref(f"{_TARGET_GROUP}{route.suffix}"))


def _redirection() -> elb.ListenerRuleAction:
    to = elb.RedirectConfig(
        Protocol="HTTPS", Port=str(_HTTPS_PORT), Host="#{host}", Path="/#{path}", Query="#{query}", StatusCode="HTTP_301"
    )
    return elb.ListenerRuleAction(Type="redirect", RedirectConfig=to)


def _conditions(settings: WorkloadSettings, route: Route) -> list[elb.Condition]:
    conditions = []
    sources = route.rule.allowed_source_ips
    if sources:
        conditions.append(elb.Condition(Field="source-ip", SourceIpConfig=elb.SourceIpConfig(Values=list(sources))))
    hosts: list[Any] = list(route.hosts)
    if not hosts and is_https(settings):
        hosts = [_subdomain(settings)]
    elif not hosts and is_internal(settings):
        hosts = [from_controller("InternalLoadBalancerDNSName"), _internal_name()]
    if hosts:
        conditions.append(elb.Condition(Field="host-header", HostHeaderConfig=elb.HostHeaderConfig(Values=hosts)))
    conditions.append(elb.Condition(Field="path-pattern", PathPatternConfig=elb.PathPatternConfig(Values=_patterns(route))))
    return conditions


def _patterns(route: Route) -> Any:
    everything = ["/*"]
    if route.suffix:
        return everything if route.path == "/" else [route.path, f"{route.path}/*"]
    # The main path is told in a parameter, as it is written in the manifest.
    slash = "" if route.rule.path.startswith("/") else "/"
    return If(_ROOT, everything, [Sub(f"{slash}${{RulePath}}"), Sub(f"{slash}${{RulePath}}/*")])


def _add_records(template: Template, settings: WorkloadSettings, found: list[Route]) -> None:
    target = _record_target(settings)
    if any(not route.hosts for route in found) or names_itself(settings):
        template.add_resource(
            route53.RecordSetGroup(
                "LoadBalancerDNSAlias",
                HostedZoneId=imported(settings, "HostedZone"),
                Comment=Sub("Leads to the load balancer of ${WorkloadName}"),
                RecordSets=[route53.RecordSet(Name=_subdomain(settings, ""), Type="A", AliasTarget=target)],
                Metadata=described("The name of your service, which leads to the load balancer"),
            )
        )
    for logical_id, host in aliases_to_record(settings).items():
        template.add_resource(
            route53.RecordSetType(
                logical_id,
                HostedZoneId=imported(settings, "HostedZone"),
                Name=host,
                Type="A",
                AliasTarget=target,
                Metadata=described(f"The name {host}, which leads to the load balancer"),
            )
        )
    for zone, hosts in zones(found).items():
        template.add_resource(
            route53.RecordSetGroup(
                f"LoadBalancerDNSAlias{names.alphanumeric(zone)}",
                HostedZoneId=zone,
                Comment=Sub(f"Lead to the load balancer of ${{WorkloadName}}, in zone {zone}"),
                RecordSets=[route53.RecordSet(Name=host, Type="A", AliasTarget=target) for host in hosts],
                Metadata=described(f"Names in zone {zone} that lead to the load balancer"),
            )
        )


def _internal_record(settings: WorkloadSettings) -> route53.RecordSetGroup:
    return route53.RecordSetGroup(
        "LoadBalancerInternalDNSAlias",
        HostedZoneId=from_controller("InternalWorkloadsHostedZone"),
        Comment=Sub("Leads to the internal load balancer of ${WorkloadName}"),
        RecordSets=[route53.RecordSet(Name=_internal_name(), Type="A", AliasTarget=_record_target(settings))],
        Metadata=described("The name of your service, which leads to the internal load balancer"),
    )


def _record_target(settings: WorkloadSettings) -> AliasTarget:
    which = "Internal" if is_internal(settings) else "Public"
    return AliasTarget(  # type: ignore[no-untyped-call] # the one class of troposphere whose arguments have no types
        HostedZoneId=from_controller(f"{which}LoadBalancerHostedZone"), DNSName=from_controller(f"{which}LoadBalancerDNSName")
    )
