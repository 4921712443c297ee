"""What tasks printed, from CloudWatch Logs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import ClientError

from copilot.aws.client import Aws
from copilot.aws.errors import code_of, explained
from copilot.errors import NotFoundError

_NEWEST_STREAMS = 10
"""How many streams the last lines are looked for in: those that were written to last."""
_MOST_STREAMS = 100
"""How many streams one request may name (CloudWatch Logs FilterLogEvents)."""
_MOST_LINES = 10_000
_MACHINE = "states/"
"""How streams of state machines begin."""
_OVERLAP = 10.0
"""Seconds that following looks back at: lines of several tasks arrive out of order."""


@dataclass(frozen=True)
class LogLine:
    """A line that a task printed, ``at`` seconds since the epoch. ``stream`` is ``copilot/<container>/<task>``."""

    at: float
    stream: str
    message: str
    id: str = ""

    @property
    def container(self) -> str:
        """The container that printed it."""
        return self._part(-2)

    @property
    def task(self) -> str:
        """The task's ID."""
        return self._part(-1)

    def _part(self, index: int) -> str:
        parts = self.stream.split("/")
        return parts[index] if len(parts) >= 3 else self.stream


@dataclass(frozen=True)
class LogQuery:
    """Which lines are wanted: of a log group, in a span of time (seconds since the epoch), of some tasks or one container.

    ``machine``: also what the state machine of a job says of itself.
    """

    group: str
    begin: float | None = None
    end: float | None = None
    tasks: Sequence[str] = ()
    container: str | None = None
    machine: bool = False

    def wants(self, stream: str) -> bool:
        """Whether lines of a stream are wanted. Tasks may be named by how their IDs begin."""
        if stream.startswith(_MACHINE):
            return self.machine
        line = LogLine(0.0, stream, "")
        return (not self.tasks or any(line.task.startswith(task) for task in self.tasks)) and self.container in (
            None,
            line.container,
        )


def last_lines(aws: Aws, query: LogQuery, limit: int) -> list[LogLine]:
    """The last lines that a query wants, oldest first. Raises NotFoundError if there is no such log group."""
    lines: list[LogLine] = []
    with _found(query.group):
        for stream in _streams(aws, query, _NEWEST_STREAMS):
            arguments: dict[str, Any] = {"limit": min(limit, _MOST_LINES), **_span(query)}
            answer = aws.logs.get_log_events(logGroupName=query.group, logStreamName=stream, startFromHead=False, **arguments)
            lines += [LogLine(e["timestamp"] / 1000, stream, e["message"].rstrip("\n")) for e in answer["events"]]
    return sorted(lines, key=lambda line: line.at)[-limit:]


def last_tasks(aws: Aws, query: LogQuery, count: int) -> tuple[str, ...]:
    """The IDs of the tasks that a query wants and that printed last, newest first. None if there is no such log group."""
    tasks: dict[str, None] = {}
    try:
        with _found(query.group):
            for stream in _streams(aws, query, _MOST_STREAMS):
                if not stream.startswith(_MACHINE):
                    tasks[LogLine(0.0, stream, "").task] = None
                if len(tasks) == count:
                    break
    except NotFoundError:
        return ()
    return tuple(tasks)


def all_lines(aws: Aws, query: LogQuery) -> Iterator[LogLine]:
    """All lines that a query wants, oldest first. Raises NotFoundError if there is no such log group."""
    with _found(query.group):
        yield from _filtered(aws, query)


def follow(aws: Aws, query: LogQuery, *, every: float = 1.0) -> Iterator[LogLine | None]:
    """Lines as they come, from now on or from the query's beginning. None after each look, so that a caller can stop.

    Does not end by itself. Raises NotFoundError if there is no such log group.
    """
    begin = time.time() if query.begin is None else query.begin
    seen: dict[str, float] = {}
    while True:
        window = replace(query, begin=begin)
        with _found(query.group):
            for line in _filtered(aws, window):
                if line.id not in seen:
                    seen[line.id] = line.at
                    yield line
        latest = max(seen.values(), default=begin)
        begin = max(begin, latest - _OVERLAP)
        seen = {id_: at for id_, at in seen.items() if at >= begin}
        yield None
        time.sleep(every)


def _filtered(aws: Aws, query: LogQuery) -> Iterator[LogLine]:
    request: dict[str, Any] = {"logGroupName": query.group, **_span(query)}
    if query.tasks or query.container:
        streams = list(_streams(aws, query, _MOST_STREAMS))
        if not streams:
            return
        request["logStreamNames"] = streams
    for page in aws.logs.get_paginator("filter_log_events").paginate(**request):
        for event in page["events"]:
            stream = event.get("logStreamName", "")
            if not query.wants(stream):
                continue
            yield LogLine(event["timestamp"] / 1000, stream, event["message"].rstrip("\n"), event.get("eventId", ""))


def _streams(aws: Aws, query: LogQuery, most: int) -> Iterator[str]:
    """The streams that a query wants, those first that were written to last."""
    pages = aws.logs.get_paginator("describe_log_streams").paginate(
        logGroupName=query.group, orderBy="LastEventTime", descending=True
    )
    found = 0
    for page in pages:
        for stream in page["logStreams"]:
            name = stream["logStreamName"]
            if query.wants(name):
                yield name
                found += 1
                if found == most:
                    return


def _span(query: LogQuery) -> dict[str, int]:
    begin = {"startTime": int(query.begin * 1000)} if query.begin is not None else {}
    return begin | ({"endTime": int(query.end * 1000)} if query.end is not None else {})


@contextmanager
def _found(group: str) -> Iterator[None]:
    with explained():
        try:
            yield
        except ClientError as error:
            if code_of(error) != "ResourceNotFoundException":
                raise
            raise NotFoundError(
                f"there is no log group `{group}`", hint="nothing was deployed there, or it was deleted"
            ) from error
