"""Which requests the environment's load balancer sends to a service: the rules as the manifest and the environment make them.

The resources made of them are in `listeners`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from copilot.aws.templates.workload.aliases import check_aliases, has_subdomain
from copilot.aws.templates.workload.ports import Target, routing_rules, target
from copilot.aws.templates.workload.settings import WorkloadSettings
from copilot.errors import UnsupportedError
from copilot.manifest.http import RoutingRule, RuleHealthCheck
from copilot.manifest.workload import BackendService

PLACES = 362
"""How many services of an application can have a place for the priorities of their rules."""

RULES_AT_A_PLACE = 8
"""How many priorities a service has for paths of one length."""

TARGET_GROUPS_OF_A_SERVICE = 5
"""How many Amazon ECS takes (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/register-multiple-targetgroups.html).

Each rule has one of its own, so a service has no more rules than that.
"""

_FIRST_PRIORITY = 1000
_LONGEST = 15
_PER_LENGTH = 2900

# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
_VALUES_OF_A_RULE = 5

# What load balancers take for health checks, and what they take it for where nothing is said, in seconds
# (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html).
_HEALTH_CHECKS = {"healthy_threshold": (2, 10), "unhealthy_threshold": (2, 10), "interval": (5, 300), "timeout": (2, 120)}
_INTERVAL, _TIMEOUT = 30, 5


@dataclass(frozen=True)
class Route:
    """Some requests, and where they go.

    Attributes:
        suffix: Ends the logical IDs of its resources: nothing for the main rule, then 1, 2 and so on.
        path: Begins with a slash and does not end with one, but for ``/`` itself.
        hosts: Names of hosts that the manifest lists; none: the name the environment gives.
        priority: The smallest number is asked first.
    """

    suffix: str
    rule: RoutingRule
    path: str
    target: Target
    hosts: tuple[str, ...]
    priority: int


def rule_priority(path: str, place: int, index: int) -> int:
    """The priority of a listener rule, unlike that of any other rule of the application's environments.

    Of two paths one of which is inside the other, the longer one is asked first. AWS Copilot's own priorities begin at 1, for
    ``/`` at 48000; none of these meets them.

    Args:
        path: What the rule is for.
        place: The service's own, from 0 to `PLACES` - 1.
        index: Tells apart the service's rules, from 0 to `RULES_AT_A_PLACE` - 1.

    Raises:
        ValueError: There is no such place or index.
    """
    if not 0 <= place < PLACES or not 0 <= index < RULES_AT_A_PLACE:
        raise ValueError(f"there is no place {place} with index {index}")
    return _FIRST_PRIORITY + (_LONGEST - min(_segments(path), _LONGEST)) * _PER_LENGTH + place * RULES_AT_A_PLACE + index


def is_internal(settings: WorkloadSettings) -> bool:
    """Whether it is the internal load balancer that sends the requests."""
    return isinstance(settings.manifest, BackendService)


def is_https(settings: WorkloadSettings) -> bool:
    """Whether requests come over HTTPS: with the application's domain, or certificates that were imported."""
    facts = settings.facts
    if isinstance(settings.manifest, BackendService):
        return facts.private_certificates
    return facts.domain is not None or facts.public_certificates


def normal_path(path: str) -> str:
    """A path as it is matched: with one slash in front, and none at the end."""
    return "/" + path.strip("/")


def routes(settings: WorkloadSettings) -> list[Route]:
    """The routes to the service, in the order of its manifest; none where no load balancer sends requests.

    Raises:
        UnsupportedError: The environment, or a limit of AWS, does not allow what the manifest asks for.
    """
    rules = routing_rules(settings.manifest)
    if len(rules) > TARGET_GROUPS_OF_A_SERVICE:
        raise UnsupportedError(
            f"`{settings.manifest.name}` has {len(rules)} routing rules, and Amazon ECS takes {TARGET_GROUPS_OF_A_SERVICE}",
            hint="remove some of `http.additional_rules`, or make another service of them",
        )
    found = []
    for number, rule in enumerate(rules):
        _check(settings, rule)
        _check_health_check(settings, rule.healthcheck)
        path = normal_path(rule.path)
        found.append(
            Route(
                suffix=str(number) if number else "",
                rule=rule,
                path=path,
                target=target(settings.manifest, rule),
                hosts=tuple(alias.name for alias in rule.alias),
                # Counted through all rules: when one is added or removed, none takes a priority that another still has.
                priority=rule_priority(path, settings.rule_place, number),
            )
        )
    return found


def environment_aliases(settings: WorkloadSettings) -> list[str]:
    """The names of hosts that the environment is to make certificates for, each once."""
    if is_internal(settings) or not is_https(settings):
        return []
    return list(dict.fromkeys(alias.name for rule in routing_rules(settings.manifest) for alias in rule.alias))


def zones(found: Sequence[Route]) -> dict[str, list[str]]:
    """The names of hosts that are to be written to Route 53 zones, by the zone's ID."""
    names: dict[str, list[str]] = {}
    for route in found:
        for alias in route.rule.alias:
            zone = alias.hosted_zone or route.rule.hosted_zone
            if zone is not None and alias.name not in names.setdefault(zone, []):
                names[zone].append(alias.name)
    return dict(sorted(names.items()))


def _segments(path: str) -> int:
    return len([part for part in path.split("/") if part])


def _check(settings: WorkloadSettings, rule: RoutingRule) -> None:
    name, environment = settings.manifest.name, settings.environment
    if rule.alias and not is_https(settings):
        raise UnsupportedError(
            f"`{name}` has `http.alias`, but environment `{environment}` answers no HTTPS requests to it",
            hint="names of hosts need the application's domain, or certificates in the environment's manifest",
        )
    if not rule.alias and is_https(settings) and not has_subdomain(settings):
        raise UnsupportedError(
            f"`{name}` has no `http.alias` for `{rule.path}`, which environment `{environment}` needs: it has certificates",
            hint="such as `alias: shop.example.com`, a name that one of them is for",
        )
    check_aliases(settings, rule)
    if rule.version == "grpc" and not is_https(settings):
        raise UnsupportedError(
            f"`{name}` has `version: grpc`, but environment `{environment}` answers no HTTPS requests to it",
            hint="load balancers take gRPC over HTTPS only: give the application a domain, or the environment certificates",
        )
    hosts = len(rule.alias) or int(is_https(settings)) + 2 * int(is_internal(settings) and not is_https(settings))
    values = hosts + len(rule.allowed_source_ips) + (1 if normal_path(rule.path) == "/" else 2)
    if values > _VALUES_OF_A_RULE:
        raise UnsupportedError(
            f"the routing rule of `{name}` for `{rule.path}` has {values} values, and load balancers take {_VALUES_OF_A_RULE}: "
            "each name in `alias` and each range in `allowed_source_ips` is one, and a path is two (`/` is one)",
            hint="divide them among several of `http.additional_rules`",
        )


def _check_health_check(settings: WorkloadSettings, check: RuleHealthCheck) -> None:
    said = {key: getattr(check, key) for key in _HEALTH_CHECKS if key in check.model_fields_set}
    for key, value in said.items():
        least, most = _HEALTH_CHECKS[key]
        if not least <= value <= most or value != int(value):
            unit = "" if key.endswith("threshold") else " whole seconds"
            raise UnsupportedError(
                f"`{settings.manifest.name}` has {value:g}{unit.removeprefix(' whole')} for `{key}` of its health checks",
                hint=f"load balancers take {least} to {most}{unit}",
            )
    interval, timeout = said.get("interval", _INTERVAL), said.get("timeout", _TIMEOUT)
    if interval <= timeout:
        raise UnsupportedError(
            f"`{settings.manifest.name}` has health checks every {interval:g} seconds that may take {timeout:g}",
            hint="write a `timeout` that is shorter than the `interval`",
        )
