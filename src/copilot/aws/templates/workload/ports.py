"""Which container of a task listens on which port, and where requests go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from copilot.errors import UnsupportedError
from copilot.manifest.containers import ExposedPort
from copilot.manifest.http import RoutingRule
from copilot.manifest.workload import BackendService, LoadBalancedWebService, ReachableService, Workload

TARGET = "target"
"""Name of the port that requests of other workloads go to, as Service Connect knows it."""


class Target(NamedTuple):
    """A port of a container."""

    container: str
    port: int


def main_port(manifest: Workload) -> int | None:
    """The port that the main container listens on; None if there is none."""
    return manifest.image.port if isinstance(manifest, ReachableService) else None


def routing_rules(manifest: Workload) -> tuple[RoutingRule, ...]:
    """The rules by which a load balancer sends requests; none where it sends none."""
    if isinstance(manifest, (LoadBalancedWebService, BackendService)) and manifest.http is not None:
        return manifest.http.routing_rules
    return ()


def exposed_ports(manifest: Workload) -> Mapping[str, tuple[ExposedPort, ...]]:
    """The ports of each container that has any, in the order of their numbers."""
    owners: dict[ExposedPort, str] = {}
    port = main_port(manifest)
    if port is not None:
        owners[ExposedPort(port)] = manifest.name
    for name, sidecar in sorted(manifest.sidecars.items()):
        if sidecar.port is not None:
            owners.setdefault(sidecar.port, name)
    for rule in routing_rules(manifest):
        if rule.target_port is not None:
            owners.setdefault(ExposedPort(rule.target_port), rule.target_container or manifest.name)
    containers: dict[str, tuple[ExposedPort, ...]] = {}
    for exposed, container in sorted(owners.items()):
        containers[container] = (*containers.get(container, ()), exposed)
    return containers


def target(manifest: Workload, rule: RoutingRule) -> Target:
    """Where the requests of a rule go.

    A port alone means the container that listens on it, a container alone its own port, and neither the main container.

    Raises:
        UnsupportedError: Nothing says which port the main container listens on.
    """
    container = rule.target_container or manifest.name
    if rule.target_port is not None:
        if rule.target_container is None:
            container = next(
                (name for name, ports in exposed_ports(manifest).items() if ExposedPort(rule.target_port) in ports), container
            )
        return Target(container, rule.target_port)
    sidecar = manifest.sidecars.get(container)
    port = main_port(manifest) if sidecar is None else sidecar.port.number if sidecar.port else None
    if port is None:
        raise UnsupportedError(
            f"`{manifest.name}` gets requests from a load balancer, but nothing says on which port it listens",
            hint="write `port` in `image`, or `target_port` in `http`",
        )
    return Target(container, port)


def service_target(manifest: Workload) -> Target | None:
    """Where the requests of other workloads go; None if nothing connects to it."""
    rules = routing_rules(manifest)
    if rules:
        return target(manifest, rules[0])
    port = main_port(manifest)
    return Target(manifest.name, port) if port is not None else None
