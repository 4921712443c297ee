from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from copilot.aws.templates.workload.schedules import eventbridge_schedule
from copilot.errors import UnsupportedError
from copilot.release.schedule import ScheduleError, next_run, parse_schedule

START = datetime(2024, 2, 27, 13, 37, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "expression"),
    [
        ("@hourly", "cron(0 * * * ? *)"),
        ("@daily", "cron(0 0 * * ? *)"),
        ("@midnight", "cron(0 0 * * ? *)"),
        ("@weekly", "cron(0 0 ? * 1 *)"),
        ("@monthly", "cron(0 0 1 * ? *)"),
        ("@yearly", "cron(0 0 1 1 ? *)"),
        ("@annually", "cron(0 0 1 1 ? *)"),
        ("@every 1m", "rate(1 minute)"),
        ("@every 1h30m", "rate(90 minutes)"),
        ("* * * * *", "cron(* * * * ? *)"),
        ("0 9 3 * *", "cron(0 9 3 * ? *)"),
        ("0 9 * * 1-5", "cron(0 9 ? * 2-6 *)"),
        ("0 9 * * MON-FRI", "cron(0 9 ? * MON-FRI *)"),
        ("0  9 ? * mon", "cron(0 9 ? * MON *)"),
        ("*/15 0-6 * JAN,jul *", "cron(*/15 0-6 * JAN,JUL ? *)"),
        ("0 0 * * 0,6", "cron(0 0 ? * 1,7 *)"),
        ("0 0 * * 5-7", "cron(0 0 ? * 1,6,7 *)"),
        ("0 0 * * */2", "cron(0 0 ? * 1,3,5,7 *)"),
        ("0 0 * * 1-5/2", "cron(0 0 ? * 2,4,6 *)"),
        ("0 0 * * 7", "cron(0 0 ? * 1 *)"),
        ("0 0 * * 5#2", "cron(0 0 ? * 6#2 *)"),
        ("0 0 * * FRI#2", "cron(0 0 ? * 6#2 *)"),
        ("0 0 * * 5L", "cron(0 0 ? * 6L *)"),
        ("0 0 L * *", "cron(0 0 L * ? *)"),
        ("rate(5 minutes)", "rate(5 minutes)"),
        (" cron(0 9 ? * MON-FRI *) ", "cron(0 9 ? * MON-FRI *)"),
        ("none", "none"),
    ],
)
def test_expressions(written: str, expression: str) -> None:
    assert eventbridge_schedule(written) == expression


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("@every 90s", "is not a whole number of minutes"),
        ("@every 1s", "is not a whole number of minutes"),
        ("0 0 1 * 1", "names days of the month and days of the week"),
        ("0 0 */2 * 1", "names days of the month and days of the week"),
        ("0 0 LW * *", "has `LW`"),
    ],
)
def test_what_eventbridge_cannot_say(written: str, problem: str) -> None:
    with pytest.raises(UnsupportedError, match=problem):
        eventbridge_schedule(written)


def test_what_says_no_time() -> None:
    with pytest.raises(ScheduleError):
        eventbridge_schedule("now and then")


def field(first: int, last: int, names: tuple[str, ...] = ()) -> st.SearchStrategy[str]:
    number = st.integers(first, last)
    single = number.map(str) | st.sampled_from(names or (str(first),))
    spans = st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}")
    steps = st.tuples(st.just("*") | spans, st.integers(1, 6)).map(lambda pair: f"{pair[0]}/{pair[1]}")
    return st.just("*") | st.lists(single | spans | steps, min_size=1, max_size=3).map(",".join)


WEEKDAYS = field(0, 7, ("SUN", "MON", "WED", "SAT")) | st.sampled_from(["5#1", "MON#5", "0L", "TUE-FRI", "1-5"])


@given(field(0, 59), field(0, 23), field(1, 28), field(1, 12, ("JAN", "DEC")), WEEKDAYS, st.booleans())
def test_both_name_the_same_times(minute: str, hour: str, day: str, month: str, weekday: str, by_weekday: bool) -> None:
    written = f"{minute} {hour} * {month} {weekday}" if by_weekday else f"{minute} {hour} {day} {month} *"
    try:
        parse_schedule(written)
    except ScheduleError:
        assume(False)
    expression = eventbridge_schedule(written)
    time = START
    for _ in range(4):
        found = next_run(expression, time, START)
        assert found == next_run(written, time, START)
        assert found is not None
        time = found


@given(st.integers(1, 10_000))
def test_rates_name_the_same_times(minutes: int) -> None:
    expression = eventbridge_schedule(f"@every {minutes}m")
    assert next_run(expression, START, START) == START + timedelta(minutes=minutes)
