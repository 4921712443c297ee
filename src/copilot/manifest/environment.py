"""The environment manifest: ``copilot/environments/<env>/manifest.yml``. It is about AWS; the local engine does not read it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    WithJsonSchema,
    model_serializer,
)

from copilot.manifest.faults import Fault, bad_value
from copilot.manifest.http import IpRange
from copilot.manifest.loader import Document, read, tree_of, validate
from copilot.manifest.overrides import filled, placeholder_faults
from copilot.manifest.scalars import Flag, Name, Or, Text, Word
from copilot.manifest.section import Section, checked
from copilot.manifest.values import plain, shown

_ARN = re.compile(r"arn:[^:]+:acm:[^:]*:[^:]*:certificate/[^:\s]+")
_PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
_LARGEST_PORT = 65535
_FLAG: TypeAdapter[bool] = TypeAdapter(Flag)
_TYPE_HINT = "write `type: Environment`"


class PortRange(NamedTuple):
    """Ports from one to another; -1 and -1 are all of them, for protocols without ports."""

    first: int
    last: int


def _type(value: Any) -> Any:
    if value != "Environment":
        raise bad_value("has no value" if plain(value) is None else f"must be `Environment`, not {shown(value)}", _TYPE_HINT)
    return value


def _ports(value: Any) -> PortRange:
    if isinstance(value, PortRange):
        return value
    if plain(value) == -1:
        return PortRange(-1, -1)
    number = plain(value)
    match = _PORTS.fullmatch(str(value)) if isinstance(number, (int, str)) and not isinstance(number, bool) else None
    if match is None:
        raise bad_value("must be a port or two with a hyphen between", "such as `80` or `8000-8080`")
    first, last = int(match[1]), int(match[2] or match[1])
    if first > last or last > _LARGEST_PORT:
        raise bad_value(f"must be ports from 0 to {_LARGEST_PORT}, the smaller one first, not {shown(value)}")
    return PortRange(first, last)


def _written_ports(ports: PortRange) -> Any:
    return ports.first if ports.first == ports.last else f"{ports.first}-{ports.last}"


def _cidr(value: str) -> str:
    try:
        IPv4Network(value)
    except ValueError as error:
        hint = "such as `10.0.0.0/16`"
        raise bad_value(f"must be a range of IPv4 addresses, not {shown(value)}: {_reason(error)}", hint) from None
    return value


def _ipv4(value: str) -> str:
    if ":" in value:
        raise bad_value(f"must be a range of IPv4 addresses, not {shown(value)}", "such as `10.0.0.0/16`")
    return value


def _reason(error: ValueError) -> str:
    return "it begins inside of the range" if "host bits" in str(error) else "it cannot be read"


def _certificate(value: str) -> str:
    if not _ARN.fullmatch(value):
        hint = "such as `arn:aws:acm:us-east-1:123456789012:certificate/0123abcd`"
        raise bad_value(f"must be the ARN of a certificate, not {shown(value)}", hint)
    return value


def _access_logs(value: Any) -> Any:
    if isinstance(value, (Mapping, AccessLogs)) or value is None:
        return value
    return AccessLogs.model_construct() if checked(_FLAG, value) else None


def _public(value: Any) -> Any:
    """With the section's older spelling, ``security_groups.ingress.restrict_to.source_ips``, as it is spelt today."""
    old = _at(value, "security_groups", "ingress", "restrict_to")
    return _respelt(value, old, "source_ips", "source_ips")


def _private(value: Any) -> Any:
    """With the section's older spelling, ``security_groups.ingress.from_vpc``, as it is spelt today."""
    return _respelt(value, _at(value, "security_groups", "ingress"), "from_vpc", "vpc")


def _respelt(value: Any, old: Any, key: str, today: str) -> Any:
    if not isinstance(old, Mapping) or old.keys() != {key} or "ingress" in value:
        return value
    return {**{k: v for k, v in value.items() if k != "security_groups"}, "ingress": {today: old[key]}}


def _at(data: Any, *path: str) -> Any:
    for key in path:
        data = data.get(key) if isinstance(data, Mapping) else None
    return data


Ipv4Range = Annotated[Text, AfterValidator(_cidr)]
RuleRange = Annotated[IpRange, AfterValidator(_ipv4)]
Ports = Annotated[
    PortRange,
    BeforeValidator(_ports),
    PlainSerializer(_written_ports, when_used="json"),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": -1, "maximum": _LARGEST_PORT}, {"type": "string"}]}),
]
Certificates = tuple[Annotated[Text, AfterValidator(_certificate)], ...]


class Subnet(Section):
    """A subnet: one that exists, or one to make."""

    id: Word | None = Field(None, description="ID of an existing subnet, in an existing VPC.")
    cidr: Ipv4Range | None = Field(None, description="Range of IP addresses of a subnet to make.")
    az: Word | None = Field(None, description="Availability zone of a subnet to make. Default: one after the other.")

    @classmethod
    def rules(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """An existing subnet has its addresses already."""
        if "id" in data:
            for key in ("cidr", "az"):
                if key in data:
                    yield Fault(
                        (key,), "sentence", f"`{key}` does not go with `id`: the subnet exists", "remove one of them", "key"
                    )
        elif "cidr" not in data:
            yield Fault(("cidr",), "missing", hint="or `id` for an existing subnet", at="key")


class Subnets(Section):
    """The subnets of the network."""

    public: tuple[Subnet, ...] = Field((), description="Subnets that the internet reaches.")
    private: tuple[Subnet, ...] = Field((), description="Subnets that reach the internet through a gateway, if at all.")


class SecurityGroupRule(Section):
    """Traffic that is let through."""

    ip_protocol: Text = Field(description="Protocol: `tcp`, `udp`, `icmp`, a number, or `-1` for all.")
    ports: Ports = Field(description="Port or ports, such as `80` or `8000-8080`.")
    cidr: RuleRange = Field(description="Range of IPv4 addresses on the other side.")


class SecurityGroup(Section):
    """Traffic that the environment's security group lets through, besides what services need."""

    ingress: tuple[SecurityGroupRule, ...] = Field((), description="Traffic that comes in.")
    egress: tuple[SecurityGroupRule, ...] = Field((), description="Traffic that goes out. Default: all.")


class EnvironmentVpc(Section):
    """The network (VPC): one that exists, or one to make."""

    unsupported: ClassVar[frozenset[str]] = frozenset({"flow_logs"})

    id: Word | None = Field(None, description="ID of an existing VPC.")
    cidr: Ipv4Range | None = Field(None, description="Range of IP addresses of a VPC to make. Default: `10.0.0.0/16`.")
    subnets: Subnets = Field(default_factory=Subnets, description="The subnets of the network.")
    security_group: SecurityGroup = Field(
        default_factory=SecurityGroup, description="Traffic that the environment's security group lets through."
    )

    @property
    def imported(self) -> bool:
        """Whether it exists already."""
        return self.id is not None

    @classmethod
    def rules(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """Subnets belong to the network: all exist with it, or all are made with it."""
        subnets = data.get("subnets")
        kinds = {k: v for k, v in subnets.items() if isinstance(v, list) and v} if isinstance(subnets, Mapping) else {}
        if "id" in data and "cidr" in data:
            yield Fault(("cidr",), "sentence", "`cidr` does not go with `id`: the VPC exists", "remove one of them", "key")
        elif "id" in data:
            yield from _imported_faults(kinds)
        else:
            yield from _made_faults(kinds, "cidr" in data)


def _imported_faults(kinds: Mapping[str, list[Any]]) -> Iterable[Fault]:
    if not kinds:
        yield Fault(("subnets",), "missing", hint="an existing VPC needs those that are to be used", at="key")
    for kind, subnets in kinds.items():
        for index, subnet in enumerate(subnets):
            if isinstance(subnet, Mapping) and "cidr" in subnet and "id" not in subnet:
                text = "a subnet of an existing VPC needs its `id`, not a `cidr`"
                yield Fault(("subnets", kind, index, "cidr"), "sentence", text, at="key")
        if len(subnets) == 1:
            yield Fault(("subnets", kind), "value", "must have at least two subnets, in different availability zones")


def _made_faults(kinds: Mapping[str, list[Any]], with_range: bool) -> Iterable[Fault]:
    for kind, subnets in kinds.items():
        for index, subnet in enumerate(subnets):
            if isinstance(subnet, Mapping) and "id" in subnet:
                text = "a subnet that exists needs the `id` of its VPC"
                yield Fault(("subnets", kind, index, "id"), "sentence", text, "write `id` beside `subnets`", "key")
                return
    if not kinds:
        if with_range:
            yield Fault(("subnets",), "missing", hint="`cidr` needs the subnets to be made in it", at="key")
        return
    if not with_range:
        yield Fault(("cidr",), "missing", hint="subnets to be made need the range of the whole network", at="key")
    few = next((kind for kind in ("public", "private") if len(kinds.get(kind, ())) < 2), None)
    if few is not None:
        yield Fault(("subnets", few), "value", "must have at least two subnets, in different availability zones")
    elif len(kinds["public"]) != len(kinds["private"]):
        yield Fault(("subnets", "private"), "value", f"must have as many subnets as `public`, {len(kinds['public'])}")
    else:
        yield from _zone_faults([_zone(subnet) for subnet in kinds["public"]], [_zone(subnet) for subnet in kinds["private"]])


def _zone_faults(public: list[str], private: list[str]) -> Iterable[Fault]:
    if sorted(public) != sorted(private):
        yield Fault(("subnets", "private"), "value", "must be in the same availability zones as `public`")
    elif any(public) and (not all(public) or len(set(public)) < len(public)):
        yield Fault(("subnets", "public"), "value", "must each have their own `az`, or none of them")


def _zone(subnet: Any) -> str:
    return str(subnet.get("az", "")) if isinstance(subnet, Mapping) else ""


class EnvironmentNetwork(Section):
    """The network of the environment."""

    vpc: EnvironmentVpc = Field(default_factory=EnvironmentVpc, description="The network (VPC): one that exists, or one to make.")


class AccessLogs(Section):
    """Where a load balancer writes down its requests."""

    bucket_name: Word | None = Field(None, description="Name of an existing bucket. Default: one is made.")
    prefix: Text | None = Field(None, description="What the names of the files begin with.")

    @model_serializer(mode="wrap")
    def _short(self, handler: SerializerFunctionWrapHandler) -> Any:
        return handler(self) if any(value is not None for _, value in self) else True


class PublicIngress(Section):
    """Who reaches the public load balancer."""

    unsupported: ClassVar[frozenset[str]] = frozenset({"cdn"})

    source_ips: tuple[IpRange, ...] = Field((), description="Only these ranges of IP addresses. Default: everyone.")


class PublicLoadBalancer(Section):
    """The load balancer that the internet reaches."""

    unsupported: ClassVar[frozenset[str]] = frozenset({"security_groups"})

    certificates: Certificates = Field((), description="ARNs of existing certificates for HTTPS.")
    access_logs: Annotated[
        AccessLogs | None, BeforeValidator(_access_logs), Or({"enum": [True, False, "yes", "no", "on", "off"]})
    ] = Field(None, description="Write down its requests in a bucket: `true`, or where.")
    ingress: PublicIngress = Field(default_factory=PublicIngress, description="Who reaches it.")
    ssl_policy: Word | None = Field(None, description="Name of the policy for HTTPS. Default: that of AWS.")


class PrivateIngress(Section):
    """Who reaches the internal load balancer."""

    vpc: Flag = Field(False, description="Everything in the VPC reaches it, not only what is in the environment.")


class PrivateLoadBalancer(Section):
    """The load balancer that only the environment reaches."""

    unsupported: ClassVar[frozenset[str]] = frozenset({"security_groups"})

    certificates: Certificates = Field((), description="ARNs of existing certificates for HTTPS.")
    subnets: tuple[Word, ...] = Field((), description="IDs of the existing subnets that it is in. Default: the private ones.")
    ingress: PrivateIngress = Field(default_factory=PrivateIngress, description="Who reaches it.")
    ssl_policy: Word | None = Field(None, description="Name of the policy for HTTPS. Default: that of AWS.")


class EnvironmentHttp(Section):
    """The load balancers of the environment, which are made when a service needs them."""

    public: Annotated[PublicLoadBalancer, BeforeValidator(_public)] = Field(
        default_factory=PublicLoadBalancer, description="The one that the internet reaches."
    )
    private: Annotated[PrivateLoadBalancer, BeforeValidator(_private)] = Field(
        default_factory=PrivateLoadBalancer, description="The one that only the environment reaches."
    )


class EnvironmentObservability(Section):
    """What is measured."""

    container_insights: Flag = Field(False, description="Measure tasks and services more closely (CloudWatch, at a price).")


class EnvironmentManifest(Section):
    """What an environment on AWS is made of."""

    unsupported: ClassVar[frozenset[str]] = frozenset({"cdn"})
    hints: ClassVar[Mapping[str, str]] = {"type": _TYPE_HINT}

    name: Name = Field(description="Name of the environment.")
    type: Annotated[Literal["Environment"], BeforeValidator(_type)] = Field(description="What the file is about.")
    network: EnvironmentNetwork = Field(default_factory=EnvironmentNetwork, description="The network of the environment.")
    http: EnvironmentHttp = Field(default_factory=EnvironmentHttp, description="The load balancers of the environment.")
    observability: EnvironmentObservability = Field(default_factory=EnvironmentObservability, description="What is measured.")

    @classmethod
    def rules(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """Placeholders are known, and the internal load balancer is in subnets that were named."""
        yield from placeholder_faults(data)
        wanted = _at(data, "http", "private", "subnets")
        if not isinstance(wanted, list):
            return
        kinds = _at(data, "network", "vpc", "subnets")
        lists = [each for each in kinds.values() if isinstance(each, list)] if isinstance(kinds, Mapping) else []
        known = {subnet.get("id") for each in lists for subnet in each if isinstance(subnet, Mapping)}
        for index, subnet in enumerate(wanted):
            if isinstance(subnet, str) and subnet not in known:
                text = f"the environment has no existing subnet {shown(subnet)}"
                yield Fault(("http", "private", "subnets", index), "sentence", text, "name it in `network.vpc.subnets`")


def load_environment(path: Path, *, shown_as: str | None = None, application: str | None = None) -> Document[EnvironmentManifest]:
    """Read and check the manifest of an environment.

    Args:
        path: The file.
        shown_as: Its path as messages show it; None: relative to the working directory where it lies below that.
        application: The application. Given it, placeholders are filled in.

    Raises:
        ManifestError: It cannot be read, or something is wrong in it; all that is wrong, in the order of the file.
    """
    source = read(path, shown_as)
    tree = tree_of(source)
    if application is not None:
        data = filled(tree.root.data, application, str(tree.root.data.get("name")))
        tree = replace(tree, root=replace(tree.root, data=data))
    return validate(source, tree, EnvironmentManifest)
