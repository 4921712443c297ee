from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.release.schedule import ScheduleError, next_run

_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_moments = st.integers(0, 3285 * 86400).map(lambda seconds: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("none", "2026-11-23 10:00", None),
        ("@hourly", "2026-11-23 10:00", "2026-11-23 11:00"),
        ("@daily", "2026-12-31 23:59", "2027-01-01 00:00"),
        ("@weekly", "2026-11-23 00:00", "2026-11-29 00:00"),
        ("@monthly", "2026-11-23 00:00", "2026-12-01 00:00"),
        ("@yearly", "2026-11-23 00:00", "2027-01-01 00:00"),
        ("30 9 * * 1-5", "2026-11-20 09:30", "2026-11-23 09:30"),
        ("0 0 13 * 5", "2026-11-23 00:00", "2026-11-27 00:00"),
        ("0 0 29 2 *", "2026-11-23 00:00", "2028-02-29 00:00"),
        ("cron(0 9 ? * 2 *)", "2026-11-22 00:00", "2026-11-23 09:00"),
        ("cron(0 9 ? * 6L *)", "2026-11-22 00:00", "2026-11-27 09:00"),
        ("cron(0 9 ? * 3#2 *)", "2026-11-22 00:00", "2026-12-08 09:00"),
        ("cron(0 9 L * ? *)", "2026-11-22 00:00", "2026-11-30 09:00"),
        ("cron(0 9 1 6 ? 2030)", "2026-11-22 00:00", "2030-06-01 09:00"),
        ("cron(0 9 1 6 ? 2026-2030/2)", "2026-11-22 00:00", "2028-06-01 09:00"),
        ("cron(0 9 1 6 ? 2025)", "2026-11-22 00:00", None),
        ("@every 5m", "2026-11-22 00:07", "2026-11-22 00:10"),
        ("rate(1 day)", "2026-11-22 00:00", "2026-11-23 00:00"),
    ],
)
def test_next_run(expression: str, after: str, expected: str | None) -> None:
    assert next_run(expression, at(after), at("2026-01-01 00:00")) == (at(expected) if expected else None)


def test_nothing_runs_before_the_schedule_began() -> None:
    first = at("2026-11-23 10:00:30")
    early = at("2026-01-01 00:00")
    assert next_run("@every 1h", early, first) == at("2026-11-23 11:00:30")
    assert next_run("@hourly", early, first) == at("2026-11-23 11:00")


def test_times_of_other_zones_are_understood() -> None:
    berlin = timezone(timedelta(hours=1))
    after = datetime(2026, 11, 23, 0, 30, tzinfo=berlin)
    found = next_run("@daily", after, after)
    assert found == at("2026-11-23 00:00")
    assert found is not None
    assert found.tzinfo is UTC


def test_a_bad_expression() -> None:
    with pytest.raises(ScheduleError):
        next_run("61 * * * *", at("2026-01-01"), at("2026-01-01"))


@given(st.integers(1, 10**6 - 1), _moments, _moments)
def test_every_keeps_its_beat(seconds: int, after: datetime, first: datetime) -> None:
    found = next_run(f"@every {seconds}s", after, first)
    assert found is not None
    period = timedelta(seconds=seconds)
    assert found > max(after, first)
    assert (found - first) % period == timedelta(0)
    assert found - period <= max(after, first)


def _field(low: int, high: int) -> st.SearchStrategy[tuple[str, frozenset[int]]]:
    """A field of a cron expression and the values it stands for."""
    everything = frozenset(range(low, high + 1))
    bounds = st.tuples(st.integers(low, high), st.integers(low, high)).map(sorted)
    single = st.integers(low, high).map(lambda n: (str(n), frozenset({n})))
    several = bounds.map(lambda b: (f"{b[0]}-{b[1]}", frozenset(range(b[0], b[1] + 1))))
    stepped = st.tuples(bounds, st.integers(1, 7)).map(
        lambda given: (f"{given[0][0]}-{given[0][1]}/{given[1]}", frozenset(range(given[0][0], given[0][1] + 1, given[1])))
    )
    on = st.tuples(st.integers(low, high), st.integers(1, 7)).map(
        lambda given: (f"{given[0]}/{given[1]}", frozenset(range(given[0], high + 1, given[1])))
    )
    parts = st.lists(single | several | stepped | on, min_size=1, max_size=3)
    listed = parts.map(lambda given: (",".join(text for text, _ in given), frozenset().union(*(values for _, values in given))))
    starred = st.integers(1, 7).map(lambda n: (f"*/{n}", frozenset(range(low, high + 1, n))))
    return st.just(("*", everything)) | listed | starred


def _brute_force(  # minute by minute within the day, day by day within eight years
    fields: tuple[frozenset[int], ...], either: bool, after: datetime
) -> datetime | None:
    minutes, hours, days, months, weekdays = fields
    day = after.replace(hour=0, minute=0, second=0, microsecond=0)
    for _ in range(366 * 9):
        by_day, by_weekday = day.day in days, (day.weekday() + 1) % 7 in weekdays
        if day.month in months and ((by_day or by_weekday) if either else (by_day and by_weekday)):
            for minute in range(1440):
                moment = day + timedelta(minutes=minute)
                if moment > after and moment.hour in hours and moment.minute in minutes:
                    return moment
        day += timedelta(days=1)
    return None


_MONTH_LENGTHS = [max(calendar.monthrange(year, month)[1] for year in (2024, 2025)) for month in range(1, 13)]


@given(_field(0, 59), _field(0, 23), _field(1, 31), _field(1, 12), _field(0, 6), _moments)
def test_cron_agrees_with_trying_every_minute(
    minute: tuple[str, frozenset[int]],
    hour: tuple[str, frozenset[int]],
    day: tuple[str, frozenset[int]],
    month: tuple[str, frozenset[int]],
    weekday: tuple[str, frozenset[int]],
    after: datetime,
) -> None:
    expression = " ".join(field[0] for field in (minute, hour, day, month, weekday))
    either = not day[0].startswith("*") and not weekday[0].startswith("*")
    expected = _brute_force((minute[1], hour[1], day[1], month[1], weekday[1]), either, after)
    possible = any(d <= _MONTH_LENGTHS[m - 1] for m in month[1] for d in day[1])
    if not possible and not either:
        with pytest.raises(ScheduleError):
            next_run(expression, after, after)
    elif expected is not None:
        assert next_run(expression, after, after) == expected


@given(_field(0, 59), _field(0, 23), st.sets(st.integers(1, 7), min_size=1), _moments)
def test_eventbridge_counts_sunday_as_one(
    minute: tuple[str, frozenset[int]], hour: tuple[str, frozenset[int]], weekdays: set[int], after: datetime
) -> None:
    numbers = ",".join(map(str, sorted(weekdays)))
    names = ",".join(_NAMES[n - 1] for n in sorted(weekdays))
    plain = next_run(f"{minute[0]} {hour[0]} * * {names}", after, after)
    assert next_run(f"cron({minute[0]} {hour[0]} ? * {numbers} *)", after, after) == plain
    assert next_run(f"cron({minute[0]} {hour[0]} ? * {names} *)", after, after) == plain
