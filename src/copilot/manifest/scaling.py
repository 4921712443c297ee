"""How many tasks of a service run: a number, or bounds between which the engine scales."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SerializerFunctionWrapHandler, TypeAdapter, model_serializer

from copilot.manifest.faults import Fault, bad_value
from copilot.manifest.scalars import Duration, Or, OrText, Whole
from copilot.manifest.section import NoKey, Section, checked
from copilot.manifest.values import kind_of, plain

TARGETS = ("cpu_percentage", "memory_percentage", "requests", "response_time", "queue_delay")
"""Keys of what a service may be scaled by."""

_RANGE = re.compile(r"(\d{1,9})-(\d{1,9})")
_RANGE_HINT = "such as `range: 1-10`"

Tasks = Annotated[Whole, Field(ge=0)]
_TASKS: TypeAdapter[int] = TypeAdapter(Tasks)
_OR_TASKS = Or({"type": "integer", "minimum": 0})
Percentage = Annotated[Whole, Field(ge=1, le=100)]


def _range(value: Any) -> Any:
    if isinstance(value, (Mapping, Range)):
        return value
    match = _RANGE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise bad_value("must be two whole numbers with a hyphen between, or a mapping with `min` and `max`", _RANGE_HINT)
    return {"min": int(match[1]), "max": int(match[2])}


def _target(value: Any) -> Any:
    return value if isinstance(value, (Mapping, Target)) else {"value": value}


class Cooldown(Section):
    """How long scaling rests after it changed something."""

    in_: Duration | None = Field(None, alias="in", description="How long after a change before tasks are taken away.")
    out: Duration | None = Field(None, description="How long after a change before tasks are added.")


class Range(Section):
    """The fewest and the most tasks."""

    min: Tasks = Field(description="The fewest tasks.")
    max: Tasks = Field(description="The most tasks.")
    spot_from: Tasks | None = Field(
        None, description="The task with this number and all after it run on spare capacity (Fargate Spot), at a lower price."
    )

    @classmethod
    def rules(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """The fewest are not more than the most."""
        least, most = plain(data.get("min")), plain(data.get("max"))
        if isinstance(least, int) and isinstance(most, int) and least > most:
            yield Fault((), "value", f"must not begin with more than it ends with: {least} and {most}")


class Target(Section):
    """What scaling aims at."""

    cooldown: Cooldown | None = Field(None, description="How long scaling by this rests. Default: `count.cooldown`.")


class PercentageTarget(Target):
    """A share of what tasks have, on average."""

    value: Percentage = Field(description="Percent that tasks should use on average.")


class RequestsTarget(Target):
    """Requests for each task."""

    value: Annotated[Whole, Field(ge=1)] = Field(description="Requests that each task should get.")


class ResponseTimeTarget(Target):
    """How long answers take."""

    value: Annotated[Duration, Field(gt=0)] = Field(description="How long an answer should take on average.")


class QueueDelay(Target):
    """How long messages wait in the queue."""

    acceptable_latency: Annotated[Duration, Field(gt=0)] = Field(
        description="How long a message may wait until it was worked on."
    )
    msg_processing_time: Annotated[Duration, Field(gt=0)] = Field(description="How long a task works on one message on average.")

    @property
    def backlog(self) -> float:
        """How many messages may wait for each task."""
        return self.acceptable_latency / self.msg_processing_time


def _count(value: Any) -> Any:
    if isinstance(value, (Mapping, Count)):
        return value
    if isinstance(value, str):
        raise bad_value(
            f"must be a whole number, not {kind_of(value)}",
            f"did you mean `range: {value}`?" if _RANGE.fullmatch(value) else None,
        )
    return Count.of(checked(_TASKS, value))


class Count(Section):
    """How many tasks run: a fixed number, a number on spare capacity, or what scaling finds right."""

    tasks: Annotated[int | None, NoKey()] = None
    spot: Tasks | None = Field(None, description="So many tasks, all on spare capacity (Fargate Spot), at a lower price.")
    range: Annotated[Range, BeforeValidator(_range), OrText()] | None = Field(
        None, description="The fewest and the most tasks, such as `1-10`; scaling needs at least one target as well."
    )
    cooldown: Cooldown | None = Field(None, description="How long scaling rests after it changed something.")
    cpu_percentage: (
        Annotated[PercentageTarget, BeforeValidator(_target), Or({"type": "integer", "minimum": 1, "maximum": 100})] | None
    ) = Field(None, description="Scale by the CPU that tasks use, in percent.")
    memory_percentage: (
        Annotated[PercentageTarget, BeforeValidator(_target), Or({"type": "integer", "minimum": 1, "maximum": 100})] | None
    ) = Field(None, description="Scale by the memory that tasks use, in percent.")
    requests: Annotated[RequestsTarget, BeforeValidator(_target), Or({"type": "integer", "minimum": 1})] | None = Field(
        None, description="Scale by the requests for each task."
    )
    response_time: Annotated[ResponseTimeTarget, BeforeValidator(_target), OrText()] | None = Field(
        None, description="Scale by how long answers take."
    )
    queue_delay: QueueDelay | None = Field(None, description="Scale by how long messages wait (worker services).")

    @classmethod
    def of(cls, tasks: int) -> Count:
        """A fixed number of tasks."""
        return cls.model_construct(tasks=tasks)

    @property
    def desired(self) -> int:
        """How many tasks run at first, and always where nothing scales."""
        if self.range is not None:
            return self.range.min
        return next((number for number in (self.tasks, self.spot) if number is not None), 1)

    @property
    def targets(self) -> tuple[Target, ...]:
        """What it is scaled by; empty if the number is fixed."""
        found = (self.cpu_percentage, self.memory_percentage, self.requests, self.response_time, self.queue_delay)
        return tuple(target for target in found if target is not None)

    @classmethod
    def rules(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """Scaling needs bounds and a target, and spare capacity alone is a fixed number."""
        targets = [key for key in TARGETS if key in data]
        scaling = [key for key in ("range", "cooldown", *TARGETS) if key in data]
        if "spot" in data:
            for key in scaling:
                text = f"`spot` is a fixed number of tasks and does not go with `{key}`"
                yield Fault((key,), "sentence", text, "write `spot_from` under `range` to scale onto spare capacity", "key")
        elif targets and "range" not in data:
            yield Fault(("range",), "missing", hint=_RANGE_HINT, at="key")
        elif scaling and not targets:
            yield Fault(
                (scaling[0],), "sentence", f"`{scaling[0]}` needs something to scale by", "such as `cpu_percentage: 70`", "key"
            )
        elif not data:
            yield Fault((), "value", "has no value", "give it one, or remove the line")

    @model_serializer(mode="wrap")
    def _short(self, handler: SerializerFunctionWrapHandler) -> Any:
        return handler(self) if self.tasks is None else self.tasks


CountField = Annotated[Count, BeforeValidator(_count), _OR_TASKS]
"""A whole number, or a mapping about scaling."""
