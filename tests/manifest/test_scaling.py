"""`count`: numbers, spare capacity and scaling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.manifest.scaling import Cooldown, Count
from tests.manifest.parsing import API, WEB, WORKER, parsed, read_again, said

HTTP = "http: {path: /}\n"
FULL = """\
count:
  range: {min: 2, max: 10, spot_from: 4}
  cooldown: {in: 30s, out: 1m}
  cpu_percentage: 70
  memory_percentage: {value: 80, cooldown: {in: 80s}}
  requests: 100
  response_time: 2s
"""


def test_every_key() -> None:
    count = parsed(WEB + HTTP + FULL).count
    assert (count.range.min, count.range.max, count.range.spot_from) == (2, 10, 4)
    assert count.cooldown == Cooldown.model_validate({"in": "30s", "out": "1m"})
    assert (count.cpu_percentage.value, count.cpu_percentage.cooldown) == (70, None)
    assert (count.memory_percentage.value, count.memory_percentage.cooldown.in_) == (80, 80.0)
    assert (count.requests.value, count.response_time.value, count.queue_delay) == (100, 2.0, None)
    assert (count.desired, len(count.targets), count.tasks, count.spot) == (2, 4, None, None)


def test_by_the_queue() -> None:
    delay = "  queue_delay: {acceptable_latency: 10m, msg_processing_time: 250ms, cooldown: {out: 1s}}\n"
    count = parsed(WORKER + "count:\n  range: 0-3\n" + delay).count
    assert (count.queue_delay.backlog, count.queue_delay.cooldown.out, count.desired) == (2400, 1.0, 0)


@pytest.mark.parametrize(
    ("written", "desired", "targets"), [("3", 3, 0), ("0", 0, 0), ("{spot: 5}", 5, 0), ("{range: 2-4, requests: 9}", 2, 1)]
)
def test_how_many_run_at_first(written: str, desired: int, targets: int) -> None:
    count = parsed(f"{WEB}{HTTP}count: {written}\n").count
    assert (count.desired, len(count.targets)) == (desired, targets)
    assert parsed(WEB + HTTP).count == Count.of(1)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 100))
def test_a_range_is_two_numbers_with_a_hyphen_or_a_mapping(one: int, other: int, percent: int) -> None:
    least, most = sorted((one, other))
    short = parsed(f"{API}count: {{range: {least}-{most}, cpu_percentage: {percent}}}\n")
    long = parsed(f"{API}count: {{range: {{min: {least}, max: {most}}}, cpu_percentage: {{value: {percent}}}}}\n")
    assert short.count == long.count
    assert read_again(short).count == short.count


@pytest.mark.parametrize("text", [API + "count: 3\n", API + "count: {spot: 2}\n", WEB + HTTP + FULL])
def test_what_is_printed_can_be_read(text: str) -> None:
    assert read_again(parsed(text)).count == parsed(text).count


@pytest.mark.parametrize(
    ("base", "override", "desired", "targets"),
    [
        ("3", "{range: 2-4, cpu_percentage: 70}", 2, 1),
        ("{range: 2-4, cpu_percentage: 70}", "3", 3, 0),
        ("{range: 2-4, cpu_percentage: 70}", "{range: {min: 1, max: 2}}", 1, 1),
        ("{range: 2-4, cpu_percentage: 70}", "{requests: 10}", 2, 2),
        ("{range: 2-4, cpu_percentage: 70}", "{spot: 6}", 6, 0),
        ("{spot: 6}", "{range: 2-4, cpu_percentage: {value: 5}}", 2, 1),
        ("{range: {min: 2, max: 3}, cpu_percentage: 70}", "{range: {max: 9}}", 2, 1),
    ],
)
def test_overrides(base: str, override: str, desired: int, targets: int) -> None:
    text = f"{WEB}{HTTP}count: {base}\nenvironments: {{prod: {{count: {override}}}}}\n"
    count = parsed(text).resolved("prod").count
    assert (count.desired, len(count.targets)) == (desired, targets)


@pytest.mark.parametrize(
    ("count", "place", "message", "hint"),
    [
        ("-1", "4:8+2", "`count` must be at least 0, not -1", None),
        ("1-5", "4:8+3", "`count` must be a whole number, not text", "did you mean `range: 1-5`?"),
        ("[2]", "4:8+3", "`count` must be a whole number, not a list", None),
        ("{}", "4:8+2", "`count` has no value", "give it one, or remove the line"),
        ("{range: 1-5}", "4:9+5", "`range` needs something to scale by", "such as `cpu_percentage: 70`"),
        ("{cooldown: {in: 5s}}", "4:9+8", "`cooldown` needs something to scale by", "such as `cpu_percentage: 70`"),
        ("{cpu_percentage: 70}", "4:1+5", "`range` is missing in `count`", "such as `range: 1-10`"),
        ("{range: 5-1, cpu_percentage: 70}", "4:16+3",
         "`count.range` must not begin with more than it ends with: 5 and 1", None),
        ("{range: {min: 2, max: 1}, cpu_percentage: 70}", "4:16+16",
         "`count.range` must not begin with more than it ends with: 2 and 1", None),
        ("{range: 5, cpu_percentage: 70}", "4:16+1",
         "`count.range` must be two whole numbers with a hyphen between, or a mapping with `min` and `max`",
         "such as `range: 1-10`"),
        ("{range: {min: 2}, cpu_percentage: 70}", "4:9+5", "`max` is missing in `count.range`", None),
        ("{range: {min: 2, max: -3}, cpu_percentage: 70}", "4:30+2", "`count.range.max` must be at least 0, not -3", None),
        ("{range: 1-5, cpu_percentage: 101}", "4:37+3", "`count.cpu_percentage.value` must be at most 100, not 101", None),
        ("{range: 1-5, cpu_percentage: {valu: 1}}", "4:38+4", "unknown key `valu` in `count.cpu_percentage`",
         "did you mean `value`?"),
        ("{range: 1-5, response_time: 5}", "4:36+1",
         "`count.response_time.value` must be a duration, such as `10s` or `1m30s`", "did you mean `5s`?"),
        ("{spot: 2, range: 1-5}", "4:18+5", "`spot` is a fixed number of tasks and does not go with `range`",
         "write `spot_from` under `range` to scale onto spare capacity"),
        ("{range: 1-5, queue_delay: {acceptable_latency: 1s, msg_processing_time: 1s}}", "4:21+11",
         "`queue_delay` is for a worker service, which has a queue", "use `cpu_percentage`"),
        ("{rnage: 1-5}", "4:9+5", "unknown key `rnage` in `count`", "did you mean `range`?"),
    ],
)  # fmt: skip
def test_mistakes(count: str, place: str, message: str, hint: str | None) -> None:
    assert (place, message, hint) in said(f"{WEB}count: {count}\n{HTTP}")


def test_what_it_is_scaled_by_must_be_there() -> None:
    of_http = "is for a service behind a load balancer, which has `http`"
    assert [m for _, m, _ in said(API + "count: {range: 1-2, requests: 3}\n")] == [f"`requests` {of_http}"]
    assert [m for _, m, _ in said(WORKER + "count: {range: 1-2, response_time: 3s}\n")] == [f"`response_time` {of_http}"]
    with_http = API.replace("}", ", port: 80}") + HTTP
    assert parsed(with_http + "count: {range: 1-2, requests: 3}\n").count.requests.value == 3


def test_an_override_that_leaves_nothing_to_scale_by() -> None:
    text = API + "count: 2\nenvironments:\n  prod:\n    count: {range: 1-2}\n"
    assert said(text) == [("7:13+5", "`range` needs something to scale by", "such as `cpu_percentage: 70`")]
