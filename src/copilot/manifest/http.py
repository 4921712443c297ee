"""The ``http`` section of a workload manifest."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from copilot.manifest.faults import bad_value
from copilot.manifest.image import Port
from copilot.manifest.scalars import AnyText, Duration, OrText, Text, Whole
from copilot.manifest.section import Section
from copilot.manifest.values import shown

Threshold = Annotated[Whole, Field(ge=1, le=10)]
_ROUTE = re.compile(r"[A-Za-z0-9_\-.$/~\"'@:+&{}]*")
_SUCCESS_CODES = re.compile(r"[2-4]\d\d(-[2-4]\d\d)?(,[2-4]\d\d(-[2-4]\d\d)?)*")


def _healthcheck(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


def _success_codes(value: str) -> str:
    if not _SUCCESS_CODES.fullmatch(value):
        raise bad_value("must be HTTP status codes from 200 to 499, such as `200`, `200,301` or `200-299`")
    return value


def _route(value: str) -> str:
    wrong = _ROUTE.match(value)
    end = wrong.end() if wrong else 0
    if end < len(value):
        raise bad_value("must not contain a space" if value[end] == " " else f"must not contain {shown(value[end])}")
    if len(value) > 128:
        raise bad_value(f"must have at most 128 characters, not {len(value)}")
    return value


def _check_path(value: str) -> str:
    if not value.startswith("/") or not value.isprintable() or " " in value:
        raise bad_value("must be a path that begins with `/` and has no spaces", "such as `/health`")
    return value


class HealthCheckSettings(Section):
    """When a task counts as healthy."""

    path: Annotated[Text, AfterValidator(_check_path)] = Field("/", description="Path to ask for.")
    port: Port | None = Field(None, description="Port to ask. Default: the image's.")
    success_codes: Annotated[AnyText, AfterValidator(_success_codes)] = Field(
        "200", description="HTTP status codes of a healthy task."
    )
    healthy_threshold: Threshold = Field(2, description="So many good answers in a row make a task healthy.")
    unhealthy_threshold: Threshold = Field(2, description="So many bad answers in a row make it unhealthy.")
    interval: Annotated[Duration, Field(gt=0, le=300)] = Field(10.0, description="Time between two questions.")
    timeout: Annotated[Duration, Field(gt=0, le=120)] = Field(5.0, description="How long to wait for an answer.")
    grace_period: Annotated[Duration, Field(ge=0, le=86400)] = Field(
        60.0, description="How long a new task may take before bad answers count."
    )


class Http(Section):
    """How requests reach the service."""

    unsupported = frozenset(
        {
            "additional_rules",
            "alb",
            "alias",
            "allowed_source_ips",
            "hosted_zone",
            "redirect_to_https",
            "ssl_policy",
            "stickiness",
            "target_container",
            "targetContainer",
            "version",
        }
    )

    path: Annotated[Text, AfterValidator(_route)] = Field(
        description="Requests for this path and all below it reach the service; `/` is every path that no other service has."
    )
    healthcheck: Annotated[HealthCheckSettings, BeforeValidator(_healthcheck), OrText()] = Field(
        default_factory=HealthCheckSettings, description="The path to ask for, or more about it."
    )
    deregistration_delay: Annotated[Duration, Field(ge=0, le=3600)] = Field(
        60.0, description="How long a task may finish its requests before it is stopped."
    )
