from __future__ import annotations

import time

import pytest

from copilot.aws.client import Aws
from copilot.aws.logs import LogLine, LogQuery, all_lines, follow, last_lines
from copilot.errors import NotFoundError

GROUP = "/copilot/shop-test-api"
NOW = float(int(time.time()))


@pytest.fixture
def group(aws: Aws) -> str:
    aws.logs.create_log_group(logGroupName=GROUP)
    return GROUP


def put(aws: Aws, container: str, task: str, *lines: tuple[float, str]) -> None:
    stream = f"copilot/{container}/{task}"
    known = aws.logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=stream)["logStreams"]
    if not known:
        aws.logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)
    events = [{"timestamp": int((NOW + at) * 1000), "message": text} for at, text in lines]
    aws.logs.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=events)  # type: ignore[arg-type]


def test_the_last_lines_of_all_tasks_by_time(aws: Aws, group: str) -> None:
    put(aws, "api", "1111", (-3, "one"), (-1, "three"))
    put(aws, "api", "2222", (-2, "two"), (0, "four\n"))
    assert [line.message for line in last_lines(aws, LogQuery(group), 3)] == ["two", "three", "four"]


def test_a_line_knows_its_container_and_task() -> None:
    line = LogLine(0.0, "copilot/api/1111", "x")
    assert (line.container, line.task) == ("api", "1111")


def test_of_one_task_and_of_one_container(aws: Aws, group: str) -> None:
    put(aws, "api", "1111", (-3, "one"))
    put(aws, "proxy", "1111", (-2, "two"))
    put(aws, "api", "2222", (-1, "three"))
    assert [line.message for line in all_lines(aws, LogQuery(group, tasks=("11",)))] == ["one", "two"]
    assert [line.message for line in all_lines(aws, LogQuery(group, container="api"))] == ["one", "three"]
    assert list(all_lines(aws, LogQuery(group, tasks=("3",)))) == []


def test_of_a_span_of_time(aws: Aws, group: str) -> None:
    put(aws, "api", "1111", (-30, "one"), (-20, "two"), (-10, "three"))
    assert [line.message for line in all_lines(aws, LogQuery(group, begin=NOW - 25, end=NOW - 15))] == ["two"]


def test_following_prints_each_line_once_and_those_that_come(aws: Aws, group: str) -> None:
    put(aws, "api", "1111", (-3, "one"))
    lines = follow(aws, LogQuery(group, begin=NOW - 60), every=0.0)
    assert [line and line.message for line in (next(lines), next(lines))] == ["one", None]
    assert next(lines) is None
    put(aws, "api", "1111", (-2, "two"))
    put(aws, "api", "2222", (-2.5, "late"))
    found = {line.message for line in (next(lines), next(lines)) if line is not None}
    assert found == {"two", "late"}
    assert next(lines) is None


def test_no_such_group(aws: Aws) -> None:
    with pytest.raises(NotFoundError, match="there is no log group `/copilot/shop-test-api`"):
        last_lines(aws, LogQuery(GROUP), 10)
