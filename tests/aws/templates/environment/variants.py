"""Environments of all kinds that templates can be made for."""

from __future__ import annotations

from typing import Any

from copilot.aws.templates.environment.settings import EnvironmentSettings
from copilot.manifest.environment import EnvironmentManifest

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-4000-8000-00000000000"
KEY = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-4000-8000-000000000000"
BUCKET = "stackset-shop-infrastruc-pipelinebuiltartifactbuc-1a2b3c4d5e6f"
IMPORTED: dict[str, Any] = {
    "id": "vpc-0123456789abcdef0",
    "subnets": {
        "public": [{"id": "subnet-00000000000000001"}, {"id": "subnet-00000000000000002"}],
        "private": [{"id": "subnet-00000000000000003"}, {"id": "subnet-00000000000000004"}],
    },
}
THREE_ZONES: dict[str, Any] = {
    "cidr": "10.1.0.0/16",
    "subnets": {
        "public": [{"cidr": f"10.1.{index}.0/24", "az": f"us-east-1{zone}"} for index, zone in enumerate("cab")],
        "private": [{"cidr": f"10.1.{index + 3}.0/24", "az": f"us-east-1{zone}"} for index, zone in enumerate("abc")],
    },
}


def settings(network: Any = None, *, http: Any = None, observability: Any = None, **given: Any) -> EnvironmentSettings:
    """An environment with these sections in its manifest."""
    sections = {"network": {"vpc": network} if network else None, "http": http, "observability": observability}
    data = {"name": "test", "type": "Environment", **{key: value for key, value in sections.items() if value}}
    values: dict[str, Any] = {
        "application": "shop",
        "environment": "test",
        "application_account": "123456789012",
        "account": "123456789012",
        "region": "us-east-1",
        "bucket_arn": f"arn:aws:s3:::{BUCKET}",
        "key_arn": KEY,
        "source": "name: test\ntype: Environment\n",
        "manifest": EnvironmentManifest.model_validate(data),
    }
    return EnvironmentSettings(**{**values, **given})


RULES = {
    "ingress": [{"ip_protocol": "tcp", "ports": "8000-8080", "cidr": "10.0.0.0/8"}],
    "egress": [{"ip_protocol": "-1", "ports": -1, "cidr": "0.0.0.0/0"}],
}
VARIANTS = {
    "default": settings(),
    "imported": settings(
        IMPORTED,
        http={"private": {"ingress": {"vpc": True}, "subnets": ["subnet-00000000000000003", "subnet-00000000000000004"]}},
    ),
    "imported public only": settings({**IMPORTED, "subnets": {"public": IMPORTED["subnets"]["public"]}}),
    "imported private only": settings({**IMPORTED, "subnets": {"private": IMPORTED["subnets"]["private"]}}),
    "options": settings(
        {**THREE_ZONES, "security_group": RULES},
        http={"public": {"ingress": {"source_ips": ["192.0.2.0/24", "2001:db8::/32"]}}},
        observability={"container_insights": True},
        permissions_boundary="developers",
        tags={"team": "shop"},
        update_token="0123",
    ),
    "certificates": settings(
        http={
            "public": {
                "certificates": [f"{CERTIFICATE}1", f"{CERTIFICATE}2"],
                "ssl_policy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
            },
            "private": {"certificates": [f"{CERTIFICATE}3", f"{CERTIFICATE}4"], "ingress": {"vpc": True}},
        },
        domain="example.com",
        domain_zone="Z0123456789ABC",
    ),
    "access logs": settings(http={"public": {"access_logs": True}}),
    "access logs in a new region": settings(http={"public": {"access_logs": {"prefix": "test"}}}, region="eu-central-2"),
    "access logs elsewhere": settings(http={"public": {"access_logs": {"bucket_name": "logs", "prefix": "test"}}}),
    "domain": settings(domain="example.com", domain_zone="Z0123456789ABC"),
    "domain in another account": settings(domain="example.com", account="210987654321"),
    "domain in another account, delegated": settings(domain="example.com", account="210987654321", delegated=True),
}
