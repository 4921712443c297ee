from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.manifest.schedule import Cron, Every, ScheduleError, parse_schedule


@pytest.mark.parametrize(
    ("text", "schedule"),
    [
        ("none", None),
        ("@hourly", Cron("0 * * * *")),
        ("@daily", Cron("0 0 * * *")),
        ("@midnight", Cron("0 0 * * *")),
        ("@weekly", Cron("0 0 * * 0")),
        ("@monthly", Cron("0 0 1 * *")),
        ("@yearly", Cron("0 0 1 1 *")),
        ("@annually", Cron("0 0 1 1 *")),
        ("@every 5m", Every(300)),
        ("@every 1h30m10s", Every(5410)),
        ("rate(1 minute)", Every(60)),
        ("rate(5 minutes)", Every(300)),
        ("rate(12 hours)", Every(43200)),
        ("rate(1 day)", Every(86400)),
        ("*/15 9-17 1,15 jan-mar mon", Cron("*/15 9-17 1,15 1-3 1")),
        ("0 9 ? * 1", Cron("0 9 * * 1")),
        ("0 9 * * ?", Cron("0 9 * * *")),
        ("0 9 * * 1/2", Cron("0 9 * * 1-6/2")),
        ("0 9 * * sat/2", Cron("0 9 * * 6")),
        ("5-5/2,0/20 9 * * *", Cron("5,0-59/20 9 * * *")),
        ("cron(0 9 ? * MON-FRI *)", Cron("0 9 * * 1-5")),
        ("cron(0 9 ? * 1-7 *)", Cron("0 9 * * 0-6")),
        ("cron(0 9 ? * 1,3,5 *)", Cron("0 9 * * 0,2,4")),
        ("cron(0 9 ? * 2/2 *)", Cron("0 9 * * 1-6/2")),
        ("cron(0 9 ? * 6L *)", Cron("0 9 * * 5L")),
        ("cron(0 9 ? * L *)", Cron("0 9 * * 6")),
        ("cron(0 9 ? * 3#2 *)", Cron("0 9 * * 2#2")),
        ("cron(0 9 ? * TUE#2 *)", Cron("0 9 * * 2#2")),
        ("cron(0 9 L * ? *)", Cron("0 9 L * *")),
        ("cron(0 9 LW * ? *)", Cron("0 9 LW * *")),
        ("cron(0 9 1 * ? 2027)", Cron("0 9 1 * *", frozenset({2027}))),
        ("cron(0 9 1 * ? 2027-2029,2031)", Cron("0 9 1 * *", frozenset({2027, 2028, 2029, 2031}))),
        ("cron(0 9 1 * ? 2190/4)", Cron("0 9 1 * *", frozenset({2190, 2194, 2198}))),
        ("cron(0 9 1 * ? 2020-2026/3)", Cron("0 9 1 * *", frozenset({2020, 2023, 2026}))),
        ("cron(0 0 29 2 ? 2027-2028)", Cron("0 0 29 2 *", frozenset({2027, 2028}))),
    ],
)
def test_what_is_understood(text: str, schedule: object) -> None:
    assert parse_schedule(text) == schedule
    assert parse_schedule(f" {text} ") == schedule


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("@dayly", "is no schedule that is known", "did you mean `@daily`?"),
        ("@Daily", "is no schedule that is known", "did you mean `@daily`?"),
        ("@every", "is no schedule that is known", "such as `@daily`"),
        ("daily", "is no schedule that is known", "such as `@daily`"),
        ("rate(5 minutes", "must have five fields, not 2", "minute, hour"),
        ("@every five", "has no duration after `@every`", "such as `@every 5m`"),
        ("@every 0s", "must be a whole number of seconds, at least one", "such as `@every 5m`"),
        ("@every 1500ms", "must be a whole number of seconds, at least one", "such as `@every 5m`"),
        ("rate(1 minutes)", "must have the unit in the singular with 1 only, as EventBridge has it", "write `rate(1 minute)`"),
        ("rate(5 minute)", "must have the unit in the singular with 1 only, as EventBridge has it", "write `rate(5 minutes)`"),
        ("rate(0 minutes)", "must have a number of minutes, hours or days in `rate( )`", "such as `rate(5 minutes)`"),
        ("rate(5 weeks)", "must have a number of minutes, hours or days in `rate( )`", "such as `rate(5 minutes)`"),
        ("60 * * * *", "cannot have `60` for the minute", "it takes 0-59"),
        ("* 24 * * *", "cannot have `24` for the hour", "it takes 0-23"),
        ("* * 0 * *", "cannot have `0` for the day of the month", "it takes 1-31"),
        ("* * * foo *", "cannot have `foo` for the month", "it takes 1-12 or JAN-DEC"),
        ("* * * * 8", "cannot have `8` for the day of the week", "it takes 0-7 or SUN-SAT"),
        ("*/0 * * * *", "cannot have `*/0` for the minute", "it takes 0-59"),
        ("? * * * *", "cannot have `?` for the minute", "it takes 0-59"),
        ("5-1 * * * *", "cannot have `5-1` for the minute", "it takes 0-59"),
        ("0 0 30 2 *", "names a day that none of its months has", None),
        ("0 0 31 4,6,9,11 *", "names a day that none of its months has", None),
        ("0 0 0 9 * *", "must have five fields, not 6", "minute, hour"),
        ("cron(0 9 * * MON)", "must have six fields in `cron( )`, not 5", "minute, hour"),
        ("cron(0 9 * * * *)", "must have `?` for either the day of the month or the day of the week in `cron( )`", "such as"),
        ("cron(0 9 ? * ? *)", "must have `?` for either the day of the month or the day of the week in `cron( )`", "such as"),
        ("cron(0 9 ? * 0 *)", "cannot have `0` for the day of the week", "it takes 1-7, where 1 is Sunday, or SUN-SAT"),
        ("cron(0 9 ? * 8 *)", "cannot have `8` for the day of the week", "it takes 1-7, where 1 is Sunday, or SUN-SAT"),
        ("cron(0 9 15W * ? *)", "uses `15W` for the day of the month, which is not supported", "name the day itself"),
        ("cron(0 9 1 * ? 1969)", "cannot have `1969` for the year", "it takes `*` or years from 1970 to 2199"),
        ("cron(0 9 1 * ? 2030-2029)", "cannot have `2030-2029` for the year", "it takes `*` or years from 1970 to 2199"),
        ("cron(0 9 1 * ? */0)", "cannot have `*/0` for the year", "it takes `*` or years from 1970 to 2199"),
        ("cron(0 0 29 2 ? 2027)", "names a day that none of its years has", None),
    ],
)  # fmt: skip
def test_what_is_not(text: str, message: str, hint: str | None) -> None:
    with pytest.raises(ScheduleError) as caught:
        parse_schedule(text)
    assert caught.value.text == message
    assert (caught.value.hint or "").startswith(hint or "")
    assert (caught.value.hint is None) == (hint is None)


_pieces = st.sampled_from(
    ["*", "?", "L", "W", "#", "/", "-", ",", " ", "0", "7", "31", "99999999999999999999", "MON", "cron(", ")", "٣"]
)


@given(st.text() | st.lists(_pieces, max_size=20).map("".join))
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    with suppress(ScheduleError):
        parse_schedule(text)
