from __future__ import annotations

import pytest

from copilot.aws.templates.workload.ports import Target, exposed_ports, routing_rules, service_target, target
from copilot.errors import UnsupportedError
from copilot.manifest.containers import ExposedPort
from tests.aws.templates.workload.task_manifests import BACKEND, JOB, SILENT, WEB, WORKER, manifest_of

SIDECAR = """
sidecars:
  nginx: {image: nginx, port: 8080}
  statsd: {image: statsd, port: 8125/udp}
  silent: {image: alpine}
"""


def _web(http: str) -> str:
    return WEB.replace("http: {path: /}", f"http: {http}")


@pytest.mark.parametrize(
    ("http", "expected"),
    [
        ("{path: /}", Target("fe", 4000)),
        ("{path: /, target_container: nginx}", Target("nginx", 8080)),
        ("{path: /, target_port: 8080}", Target("nginx", 8080)),
        ("{path: /, target_port: 9000}", Target("fe", 9000)),
        ("{path: /, target_container: silent, target_port: 81}", Target("silent", 81)),
        ("{path: /, target_container: fe}", Target("fe", 4000)),
    ],
)
def test_requests_go_to_the_container_that_listens(http: str, expected: Target) -> None:
    manifest = manifest_of(_web(http), SIDECAR)
    assert target(manifest, routing_rules(manifest)[0]) == expected
    assert service_target(manifest) == expected


def test_requests_without_a_port_to_go_to_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="nothing says on which port"):
        service_target(manifest_of(SILENT, "http: {path: /}\n"))


def test_each_container_exposes_what_it_and_the_rules_name() -> None:
    manifest = manifest_of(_web("{path: /, additional_rules: [{path: /admin, target_port: 3000}]}"), SIDECAR)
    assert exposed_ports(manifest) == {
        "fe": (ExposedPort(3000), ExposedPort(4000)),
        "nginx": (ExposedPort(8080),),
        "statsd": (ExposedPort(8125, "udp"),),
    }


def test_rules_without_their_own_port_expose_none() -> None:
    assert exposed_ports(manifest_of(BACKEND)) == {"api": (ExposedPort(8080),)}
    assert exposed_ports(manifest_of(SILENT)) == {}


@pytest.mark.parametrize("text", [SILENT, WORKER, JOB])
def test_nothing_connects_to_what_has_no_port(text: str) -> None:
    assert service_target(manifest_of(text)) is None
