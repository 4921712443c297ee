"""How new releases replace old ones, and changes to a task definition that no other key makes."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SerializerFunctionWrapHandler, TypeAdapter, model_serializer

from copilot.manifest.faults import bad_value
from copilot.manifest.scalars import Choice, Or, Text, Whole
from copilot.manifest.section import NoKey, Section, checked
from copilot.manifest.values import kind_of, plain

_FIXED_PATH = re.compile(r"Family|ContainerDefinitions\[\d+\]\.Name")
_NAMES: TypeAdapter[tuple[str, ...]] = TypeAdapter(Annotated[tuple[Text, ...], Field(min_length=1)])


def _percent(value: Any) -> Any:
    number = plain(value)
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise bad_value(f"must be a number, not {kind_of(value)}")
    return float(number)


def _alarms(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return RollbackAlarms.model_construct(names=checked(_NAMES, value))
    return value


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _override_path(value: str) -> str:
    if _FIXED_PATH.fullmatch(value):
        raise bad_value("names something that cannot be changed: releases are found by it")
    return value


Percent = Annotated[float, BeforeValidator(_percent), Field(gt=0, le=100)]


class RollbackAlarms(Section):
    """Alarms that end a deployment and bring the last release back."""

    names: Annotated[tuple[str, ...], NoKey()] = ()
    cpu_utilization: Percent | None = Field(None, description="Roll back when tasks use more CPU than this, in percent.")
    memory_utilization: Percent | None = Field(None, description="Roll back when tasks use more memory than this, in percent.")
    messages_delayed: Annotated[Whole, Field(ge=0)] | None = Field(
        None, description="Roll back when more messages than this wait in the queue (worker services)."
    )

    @model_serializer(mode="wrap")
    def _short(self, handler: SerializerFunctionWrapHandler) -> Any:
        if self.names:
            return list(self.names)
        return {key: value for key, value in handler(self).items() if key != "names"}


class Deployment(Section):
    """How new releases replace old ones on AWS."""

    rolling: Annotated[Literal["default", "recreate"], Choice, BeforeValidator(_lower)] = Field(
        "default", description="`default` starts new tasks before old ones stop; `recreate` stops the old ones first."
    )
    rollback_alarms: (
        Annotated[RollbackAlarms, BeforeValidator(_alarms), Or({"type": "array", "items": {"type": "string"}})] | None
    ) = Field(None, description="Names of existing CloudWatch alarms, or limits to make alarms for, that roll a deployment back.")


class TaskdefChange(Section):
    """A change to the task definition."""

    path: Annotated[Text, AfterValidator(_override_path)] = Field(
        description="Where, such as `ContainerDefinitions[0].Ulimits[-].HardLimit`; `[-]` adds an item."
    )
    value: Annotated[Any, AfterValidator(plain)] = Field(description="What to write there.")
