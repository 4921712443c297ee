"""The ``network`` section of a workload manifest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, SerializerFunctionWrapHandler, TypeAdapter, model_serializer

from copilot.manifest.faults import Fault, bad_value
from copilot.manifest.scalars import Flag, Or, Text, Word
from copilot.manifest.section import NoKey, Section, checked
from copilot.manifest.values import plain, shown
from copilot.manifest.variables import TextOrImport

_FLAG: TypeAdapter[bool] = TypeAdapter(Flag)
_GROUPS: TypeAdapter[tuple[Any, ...]] = TypeAdapter(tuple[TextOrImport, ...])
_KINDS = ("public", "private")
_KINDS_HINT = "it is `public`, `private` or a mapping with `subnets`"


def _connect(value: Any) -> Any:
    if isinstance(value, (Mapping, Connect)) or value is None:
        return value
    return Connect.model_construct() if checked(_FLAG, value) else None


def _placement(value: Any) -> Any:
    if isinstance(value, (Mapping, Placement)):
        return value
    if plain(value) is None:
        raise bad_value("has no value", _KINDS_HINT)
    if value not in _KINDS:
        raise bad_value(f"is unknown: {shown(value)}", _KINDS_HINT)
    return Placement.model_construct(kind=value, subnets=())


def _subnets(value: Any) -> Any:
    if isinstance(value, Mapping):
        key = next((str(k) for k in value), "{}")
        raise bad_value(f"with `{key}` is not supported yet", "list the IDs of the subnets")
    return value


def _security_groups(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return SecurityGroups.model_construct(groups=checked(_GROUPS, value))
    return value


class Connect(Section):
    """Service Connect, by which services reach each other on AWS."""

    alias: Word | None = Field(None, description="Name that other services reach this one by. Default: the service's name.")

    @classmethod
    def rules(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """A mapping says something."""
        if not data:
            yield Fault((), "value", "has no value", "write `connect: true`")

    @model_serializer(mode="wrap")
    def _short(self, handler: SerializerFunctionWrapHandler) -> Any:
        return handler(self) if self.alias is not None else True


class Placement(Section):
    """Which subnets tasks run in: those of a kind, or those that are named."""

    hints: ClassVar[Mapping[str, str]] = {"subnets": "such as `subnets: [subnet-0123456789abcdef0]`"}

    kind: Annotated[Literal["public", "private"] | None, NoKey()] = None
    subnets: Annotated[tuple[Text, ...], Field(min_length=1), BeforeValidator(_subnets)] = Field(
        description="IDs of the subnets that tasks run in."
    )

    @model_serializer(mode="wrap")
    def _short(self, handler: SerializerFunctionWrapHandler) -> Any:
        return handler(self) if self.kind is None else self.kind


class SecurityGroups(Section):
    """Security groups that tasks have."""

    groups: tuple[TextOrImport, ...] = Field((), description="IDs of security groups that tasks have besides the environment's.")
    deny_default: Flag = Field(False, description="Tasks do not have the environment's security group.")


class Vpc(Section):
    """Where tasks are in the environment's network on AWS."""

    placement: Annotated[Placement, BeforeValidator(_placement), Or({"enum": list(_KINDS)})] = Field(
        default_factory=lambda: Placement.model_construct(kind="public", subnets=()),
        description="`public` or `private` subnets, or a mapping that names them. Default: `public`.",
    )
    security_groups: Annotated[
        SecurityGroups, BeforeValidator(_security_groups), Or({"type": "array", "items": {"type": "string"}})
    ] = Field(default_factory=SecurityGroups, description="IDs of security groups that tasks have too, or more about them.")


class Network(Section):
    """How a workload reaches others, and where it is on AWS."""

    connect: Annotated[Connect | None, BeforeValidator(_connect), Or({"enum": [True, False, "yes", "no", "on", "off"]})] = Field(
        None,
        description="Service Connect on AWS; `alias` is the name that others reach it by. "
        "On this machine services always reach each other by their names.",
    )
    vpc: Vpc = Field(default_factory=Vpc, description="Where tasks are in the environment's network on AWS.")
