"""Environments with every option of their manifests, and of the application and account that they are in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from copilot.aws.templates.environment.settings import EnvironmentSettings
from tests.aws.templates.environment.variants import CERTIFICATE, IMPORTED, THREE_ZONES, VARIANTS, settings
from tests.aws.templates.matrix.covering import covering

_PUBLIC, _PRIVATE = IMPORTED["subnets"]["public"], IMPORTED["subnets"]["private"]
_INGRESS = {"ip_protocol": "tcp", "ports": "8000-8080", "cidr": "10.0.0.0/8"}
_EGRESS = {"ip_protocol": "-1", "ports": -1, "cidr": "0.0.0.0/0"}

FACTORS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "network": {
        "default": {},
        "zones": {"network": {**THREE_ZONES, "security_group": {"ingress": [_INGRESS], "egress": [_EGRESS]}}},
        "imported": {"network": IMPORTED},
        "public": {"network": {**IMPORTED, "subnets": {"public": _PUBLIC}}},
        "private": {"network": {**IMPORTED, "subnets": {"private": _PRIVATE}}},
    },
    "public": {
        "open": {},
        "certificates": {
            "public": {"certificates": [f"{CERTIFICATE}1", f"{CERTIFICATE}2"], "ssl_policy": "ELBSecurityPolicy-2016-08"}
        },
        "logs": {"public": {"access_logs": True, "ingress": {"source_ips": ["192.0.2.0/24", "2001:db8::/32"]}}},
    },
    "private": {
        "tasks": {},
        "certificates": {"private": {"certificates": [f"{CERTIFICATE}3", f"{CERTIFICATE}4"], "ingress": {"vpc": True}}},
    },
    "domain": {
        "none": {},
        "here": {"domain": "example.com", "domain_zone": "Z0123456789ABC"},
        "delegated": {"domain": "example.com", "account": "210987654321", "delegated": True},
    },
    "around": {
        "": {},
        "bounded": {
            "permissions_boundary": "developers",
            "tags": {"team": "shop"},
            "update_token": "0123",
            "observability": {"container_insights": True},
        },
    },
}


def environments() -> Iterator[tuple[str, Callable[[], EnvironmentSettings]]]:
    """Settings of environments, by a name that tells the options."""
    for row in covering({factor: list(options) for factor, options in FACTORS.items()}):
        yield f"environment-{'-'.join(filter(None, row.values()))}", _maker(row)


# Those that workloads are in, by the same names.
HOSTS: Mapping[str, EnvironmentSettings] = {
    "plain": VARIANTS["default"],
    "domain": VARIANTS["domain"],
    "original": VARIANTS["domain"],
    "certificates": VARIANTS["certificates"],
    "both": VARIANTS["certificates"],
    "gov": VARIANTS["default"],
}


def _maker(row: Mapping[str, str]) -> Callable[[], EnvironmentSettings]:
    return lambda: _settings(row)


def _settings(row: Mapping[str, str]) -> EnvironmentSettings:
    given: dict[str, Any] = {}
    for factor, option in row.items():
        given |= FACTORS[factor][option]
    http = {kind: given.pop(kind) for kind in ("public", "private") if kind in given}
    return settings(given.pop("network", None), http=http or None, **given)
