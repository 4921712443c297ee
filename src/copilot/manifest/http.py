"""The ``http`` section of a workload manifest: which requests reach a service, and how."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter

from copilot.manifest.faults import Fault, bad_value
from copilot.manifest.image import Port
from copilot.manifest.scalars import AnyText, Duration, Flag, OrText, Text, Whole, Word
from copilot.manifest.section import Section, checked
from copilot.manifest.storage import PartName
from copilot.manifest.values import plain, shown

Threshold = Annotated[Whole, Field(ge=1, le=10)]
Version = Literal["http1", "http2", "grpc"]
_ROUTE = re.compile(r"[A-Za-z0-9_\-.$/~\"'@:+&{}]*")
_STATUS = r"[2-4]\d\d(-[2-4]\d\d)?"
_GRPC_STATUS = r"\d\d?(-\d\d?)?"
_SUCCESS_CODES = re.compile(rf"{_STATUS}(,{_STATUS})*|{_GRPC_STATUS}(,{_GRPC_STATUS})*")
_HOST = re.compile(r"[A-Za-z0-9*?.\-_${}\\]{1,253}")
_OLD_SPELLING = {"targetContainer": "target_container"}


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


def _host(value: str) -> str:
    if not _HOST.fullmatch(value):
        raise bad_value(f"must be the name of a host, not {shown(value)}", "such as `shop.example.com`")
    return value


def _alias(value: Any) -> Any:
    return value if isinstance(value, (Mapping, Alias)) else Alias.model_construct(name=checked(_HOST_NAME, value))


def _aliases(value: Any) -> Any:
    if isinstance(value, Mapping):
        raise bad_value("must be text or a list, not a mapping", "such as `alias: [{name: shop.example.com}]`")
    return value if isinstance(value, (list, tuple)) else (_alias(value),)


def _version(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else plain(value)


def _network(value: str) -> str:
    try:
        ip_network(value, strict=False)
    except ValueError:
        raise bad_value(f"must be a range of IP addresses, not {shown(value)}", "such as `192.0.2.0/24`") from None
    if "/" not in value:
        raise bad_value(f"must be a range of IP addresses, not {shown(value)}", f"did you mean `{value}/32`?")
    return value


def http_section(value: Any) -> Any:
    """The section with keys as they are spelt today. ``false`` is refused: it needs ``nlb``."""
    if plain(value) is False:
        raise bad_value("must not be false: the service would not be reachable, because `nlb` is not supported yet")
    if isinstance(value, Mapping):
        return {_OLD_SPELLING.get(str(key), key): item for key, item in value.items() if _OLD_SPELLING.get(str(key)) not in value}
    return value


Host = Annotated[Text, AfterValidator(_host)]
"""The name of a host, with ``*`` and ``?`` for any characters."""

_HOST_NAME: TypeAdapter[str] = TypeAdapter(Host)

IpRange = Annotated[Text, AfterValidator(_network)]
"""A range of IP addresses, such as ``192.0.2.0/24``."""


class RuleHealthCheck(Section):
    """When a task counts as healthy."""

    path: Annotated[Text, AfterValidator(_check_path)] = Field("/", description="Path to ask for.")
    port: Port | None = Field(None, description="Port to ask. Default: `target_port`, or the port requests go to.")
    success_codes: Annotated[AnyText, AfterValidator(_success_codes)] = Field(
        "200", description="HTTP status codes of a healthy task; of gRPC with `version: grpc`."
    )
    healthy_threshold: Threshold = Field(2, description="So many good answers in a row make a task healthy.")
    unhealthy_threshold: Threshold = Field(2, description="So many bad answers in a row make it unhealthy.")
    interval: Annotated[Duration, Field(gt=0, le=300)] = Field(10.0, description="Time between two questions.")
    timeout: Annotated[Duration, Field(gt=0, le=120)] = Field(5.0, description="How long to wait for an answer.")

    @classmethod
    def _unknown(cls, key: Any) -> Fault:
        if key == "grace_period":
            text = "`grace_period` holds for the whole service and cannot differ between rules"
            return Fault((key,), "sentence", text, "write it in `http.healthcheck`", "key")
        return super()._unknown(key)


class HealthCheckSettings(RuleHealthCheck):
    """When a task counts as healthy, and how long a new one may take for it."""

    grace_period: Annotated[Duration, Field(ge=0, le=86400)] = Field(
        60.0, description="How long a new task may take before bad answers count."
    )


class Alias(Section):
    """A name that the service is reached by over HTTPS."""

    name: Host = Field(description="The name, such as `shop.example.com`.")
    hosted_zone: Word | None = Field(None, description="ID of the Route 53 zone to write the name to. Default: `hosted_zone`.")


AliasField = Annotated[Alias, BeforeValidator(_alias), OrText()]


class RoutingRule(Section):
    """Which requests reach the service, and how."""

    path: Annotated[Text, AfterValidator(_route)] = Field(
        description="Requests for this path and all below it reach the service; `/` is every path that no other service has."
    )
    healthcheck: Annotated[RuleHealthCheck, BeforeValidator(_healthcheck), OrText()] = Field(
        default_factory=RuleHealthCheck, description="The path to ask for, or more about it."
    )
    deregistration_delay: Annotated[Duration, Field(ge=0, le=3600)] = Field(
        60.0, description="How long a task may finish its requests before it is stopped."
    )
    stickiness: Flag = Field(False, description="Requests of one visitor go to the same task as long as it runs.")
    alias: Annotated[tuple[AliasField, ...], BeforeValidator(_aliases), OrText()] = Field(
        (), description="Names that the service is reached by over HTTPS: one, or a list of names or mappings."
    )
    hosted_zone: Word | None = Field(None, description="ID of the Route 53 zone to write the names of `alias` to.")
    allowed_source_ips: tuple[IpRange, ...] = Field(
        (), description="Only requests from these ranges of IP addresses are answered."
    )
    redirect_to_https: Flag = Field(True, description="With an `alias`, requests over HTTP are redirected to HTTPS.")
    target_container: PartName | None = Field(None, description="Container that gets the requests. Default: the main one.")
    target_port: Port | None = Field(
        None, description="Port of the container that gets the requests. Default: the one it listens on."
    )
    version: Annotated[Version, BeforeValidator(_version)] = Field(
        "http1", description="Protocol between the load balancer and the tasks."
    )

    @classmethod
    def rules(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """A zone is for names, and the status codes are the protocol's."""
        if "hosted_zone" in data and not data.get("alias"):
            yield Fault(("alias",), "missing", hint="`hosted_zone` needs it", at="key")
        check = data.get("healthcheck")
        codes = check.get("success_codes") if isinstance(check, Mapping) else None
        if codes is not None and _SUCCESS_CODES.fullmatch(str(codes)):
            of_grpc = int(re.split("[-,]", str(codes))[0]) < 100
            if of_grpc and str(data.get("version", "")).lower() != "grpc":
                text = "must be HTTP status codes from 200 to 499, such as `200`, `200,301` or `200-299`"
                yield Fault(("healthcheck", "success_codes"), "value", text)
            if not of_grpc and str(data.get("version", "")).lower() == "grpc":
                yield Fault(
                    ("healthcheck", "success_codes"), "value", "must be status codes of gRPC from 0 to 99, such as `0` or `0-12`"
                )


class Http(RoutingRule):
    """How requests reach the service."""

    unsupported: ClassVar[frozenset[str]] = frozenset({"alb"})

    healthcheck: Annotated[HealthCheckSettings, BeforeValidator(_healthcheck), OrText()] = Field(
        default_factory=HealthCheckSettings, description="The path to ask for, or more about it."
    )
    additional_rules: tuple[RoutingRule, ...] = Field(
        (), description="Further requests that reach the service; each has the keys above."
    )

    @property
    def routing_rules(self) -> tuple[RoutingRule, ...]:
        """The main rule, then the additional ones."""
        return (self, *self.additional_rules)


HttpField = Annotated[Http, BeforeValidator(http_section)]
"""The section, with old spellings of keys."""
