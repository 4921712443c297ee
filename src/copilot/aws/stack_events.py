"""Following what happens in a stack and in the stacks nested in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from copilot.aws.errors import text_of
from copilot.aws.stack_values import STACK_TYPE, StackEvent, event_of

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackEventTypeDef


class EventFeed:
    """The events of a stack and of those nested in it, each told once.

    AWS's clock alone counts, never ours: an operation begins after the event that was the newest before it.

    Args:
        client: Asks AWS; what it raises is raised here.
        stack_id: The stack's ARN: its name can be another stack's by tomorrow.
        since: Events before that are left out, in seconds since the epoch.
    """

    def __init__(self, client: CloudFormationClient, stack_id: str, since: float = 0.0) -> None:
        self._client = client
        self._id = stack_id
        self._since = since
        self._newest: str | None = None
        self._nested: dict[str, EventFeed] = {}

    def skip(self) -> None:
        """Leave out all events there are by now."""
        answer = self._client.describe_stack_events(StackName=self._id)
        for event in answer["StackEvents"][:1]:
            self._newest = event["EventId"]

    def read(self) -> list[StackEvent]:
        """The events that came since the last time, oldest first."""
        unread = list(self._unread())
        if unread:
            self._newest = unread[0]["EventId"]
        events = [event_of(data) for data in reversed(unread)]
        if events and not self._since:
            self._since = events[0].at
        for event in events:
            # CloudFormation may name a nested stack only after the first events in it: they count from our beginning.
            if event.type == STACK_TYPE and event.physical_id.startswith("arn:") and event.physical_id != self._id:
                self._nested.setdefault(event.physical_id, EventFeed(self._client, event.physical_id, self._since))
        for feed in self._nested.values():
            events += feed._read_nested()  # noqa: SLF001 - of its own kind
        return sorted(events, key=lambda event: event.at)

    def _unread(self) -> Iterator[StackEventTypeDef]:
        for page in self._client.get_paginator("describe_stack_events").paginate(StackName=self._id):
            for event in page["StackEvents"]:
                if event["EventId"] == self._newest or event["Timestamp"].timestamp() < self._since:
                    return
                yield event

    def _read_nested(self) -> list[StackEvent]:
        try:
            return self.read()
        except ClientError as error:
            # CloudFormation names a nested stack a moment before it can be asked about.
            if "does not exist" in text_of(error):
                return []
            raise
