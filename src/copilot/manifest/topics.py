"""Messages between workloads: topics that they publish, and the queues of those that subscribe."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SerializerFunctionWrapHandler, TypeAdapter, model_serializer

from copilot.manifest.faults import Fault, bad_value
from copilot.manifest.scalars import Choice, Duration, Flag, Name, Or, Text, Whole, flag_of
from copilot.manifest.section import Section, checked
from copilot.manifest.values import kind_of, plain, shown

FIFO_SUFFIX = ".fifo"
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,256}")
_FLAG: TypeAdapter[bool] = TypeAdapter(Flag)
_OR_FLAG = Or({"enum": [True, False, "yes", "no", "on", "off"]})


def _topic_name(value: str) -> str:
    if value.endswith(FIFO_SUFFIX):
        raise bad_value(f"must not end in `{FIFO_SUFFIX}`", f"write `{value.removesuffix(FIFO_SUFFIX)}`; `fifo` adds the rest")
    if not _TOPIC.fullmatch(value):
        raise bad_value("must have letters, digits, `-` and `_` only, at most 256")
    return value


def _policy(value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise bad_value(f"must be a mapping of keys to values, not {kind_of(value)}", "such as `store: [example_corp]`")
    return plain(value)


def _switch(model: type[Section]) -> BeforeValidator:
    """``true`` is the mapping with its defaults, ``false`` is none."""

    def settle(value: Any) -> Any:
        if isinstance(value, (Mapping, model)) or value is None:
            return value
        return model() if checked(_FLAG, value) else None

    return BeforeValidator(settle)


TopicName = Annotated[Text, AfterValidator(_topic_name)]
"""The name of a topic, as workloads call it."""


class TopicFifo(Section):
    """How a topic keeps messages in order."""

    content_based_deduplication: Flag = Field(False, description="Two messages with the same text are one.")


class Topic(Section):
    """A topic that the workload publishes messages to."""

    name: TopicName = Field(description="Name of the topic; it is unique within the workload.")
    fifo: Annotated[TopicFifo | None, _switch(TopicFifo), _OR_FLAG] = Field(
        None, description="Messages keep their order, and none comes twice."
    )

    @property
    def full_name(self) -> str:
        """The name with the suffix that AWS asks of ordered topics."""
        return self.name + (FIFO_SUFFIX if self.fifo is not None else "")


class Publish(Section):
    """What the workload publishes."""

    topics: tuple[Topic, ...] = Field(
        (), description="Topics (SNS) that are made for it; their ARNs are in `COPILOT_SNS_TOPIC_ARNS`."
    )

    @classmethod
    def rules(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """Each topic is there once."""
        names: set[str] = set()
        topics = data.get("topics")
        for index, topic in enumerate(topics if isinstance(topics, list) else ()):
            name = topic.get("name") if isinstance(topic, Mapping) else None
            if isinstance(name, str):
                if name in names:
                    yield Fault(
                        ("topics", index, "name"), "sentence", f"the topic {shown(name)} is there twice", "remove one of them"
                    )
                names.add(name)


class DeadLetter(Section):
    """Where messages go that could not be worked on."""

    tries: Annotated[Whole, Field(ge=1, le=1000)] = Field(description="How often a message is handed out before it is put aside.")


class QueueFifo(Section):
    """How a queue keeps messages in order."""

    content_based_deduplication: Flag = Field(False, description="Two messages with the same text are one.")
    deduplication_scope: Annotated[Literal["queue", "messageGroup"], Choice] | None = Field(
        None, description="Where the same message is one: in the queue, or in each message group."
    )
    throughput_limit: Annotated[Literal["perQueue", "perMessageGroupId"], Choice] | None = Field(
        None, description="Whether the limit of messages a second holds for the queue or for each message group."
    )
    high_throughput: Flag = Field(
        False, description="More messages a second: deduplication and limit by message group. Not with the two keys above."
    )

    @classmethod
    def rules(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """High throughput is made of the two others, which fit each other."""
        if flag_of(data.get("high_throughput")):
            for key in ("deduplication_scope", "throughput_limit"):
                if key in data:
                    text = f"`{key}` does not go with `high_throughput`, which sets it"
                    yield Fault((key,), "sentence", text, "remove one of them", "key")
        elif data.get("throughput_limit") == "perMessageGroupId" and data.get("deduplication_scope") == "queue":
            yield Fault(("throughput_limit",), "value", "must be `perQueue` with `deduplication_scope: queue`")


class Queue(Section):
    """A queue (SQS) that messages wait in."""

    retention: Annotated[Duration, Field(ge=60, le=336 * 3600)] | None = Field(
        None, description="How long a message is kept, 1m to 336h. Default: four days."
    )
    delay: Annotated[Duration, Field(ge=0, le=900)] | None = Field(
        None, description="How long each message is held back, up to 15m. Default: not at all."
    )
    timeout: Annotated[Duration, Field(ge=0, le=12 * 3600)] | None = Field(
        None, description="How long a message that was handed out stays hidden, up to 12h. Default: 30s."
    )
    dead_letter: DeadLetter | None = Field(None, description="Put messages aside that fail again and again.")
    fifo: Annotated[QueueFifo | None, _switch(QueueFifo), _OR_FLAG] = Field(
        None, description="Messages keep their order, and none comes twice; the topics must be `fifo` too."
    )

    @model_serializer(mode="wrap")
    def _short(self, handler: SerializerFunctionWrapHandler) -> Any:
        return handler(self) if any(value is not None for _, value in self) else True


class ServiceQueue(Queue):
    """The queue of the service, for all topics that have none of their own."""

    @model_serializer(mode="wrap")
    def _short(self, handler: SerializerFunctionWrapHandler) -> Any:
        return handler(self)


class Subscription(Section):
    """A topic of another workload that the service gets messages from."""

    name: TopicName = Field(description="Name of the topic, without `.fifo`.")
    service: Name = Field(description="The workload that publishes it.")
    filter_policy: Annotated[dict[str, Any], BeforeValidator(_policy)] | None = Field(
        None, description="Only messages whose attributes fit, as a filter policy of SNS."
    )
    queue: Annotated[Queue | None, _switch(Queue), _OR_FLAG] = Field(
        None, description="A queue of its own for this topic; `true`, or a mapping as `subscribe.queue`."
    )


class Subscribe(Section):
    """Where a worker service gets its messages from."""

    topics: tuple[Subscription, ...] = Field((), description="Topics that it subscribes to.")
    queue: ServiceQueue = Field(
        default_factory=ServiceQueue, description="The queue for messages of all topics that have no queue of their own."
    )

    def full_name(self, subscription: Subscription) -> str:
        """A subscribed topic's name with the suffix of ordered ones: it is ordered as the queue that gets its messages is."""
        queue = subscription.queue or self.queue
        return subscription.name + (FIFO_SUFFIX if queue.fifo is not None else "")

    @classmethod
    def rules(cls, data: Mapping[str, Any]) -> Iterable[Fault]:
        """Each topic is there once."""
        seen: set[tuple[str, str]] = set()
        topics = data.get("topics")
        for index, topic in enumerate(topics if isinstance(topics, list) else ()):
            if isinstance(topic, Mapping):
                pair = (str(topic.get("service")), str(topic.get("name")))
                if pair in seen:
                    text = f"the topic {shown(pair[1])} of {shown(pair[0])} is there twice"
                    yield Fault(("topics", index, "name"), "sentence", text, "remove one of them")
                seen.add(pair)
