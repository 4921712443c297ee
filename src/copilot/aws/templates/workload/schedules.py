"""Schedules of jobs as Amazon EventBridge writes them.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
"""

from __future__ import annotations

import re

from copilot.errors import UnsupportedError
from copilot.manifest.schedule import NEVER, PRESETS, Every, parse_schedule

_MINUTE = 60
_ANY = frozenset({"*", "?"})
_WEEK = 7
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_ONE_DAY = re.compile(r"(?P<day>[0-7]|[A-Z]{3})(?P<which>#[1-5]|L)")
_DAYS = re.compile(r"(?:\*|(?P<first>[0-7]|[A-Z]{3})(?:-(?P<last>[0-7]|[A-Z]{3}))?)(?:/(?P<step>[0-9]{1,2}))?")


def eventbridge_schedule(text: str) -> str:
    """What ``on.schedule`` says, in EventBridge's words; ``none`` stays.

    Raises:
        ScheduleError: It says no time.
        UnsupportedError: EventBridge has no expression for it.
    """
    text = text.strip()
    schedule = parse_schedule(text)
    if schedule is None:
        return NEVER
    if text.startswith(("rate(", "cron(")):
        return text
    return _rate(text, schedule) if isinstance(schedule, Every) else _cron(text)


def _rate(text: str, every: Every) -> str:
    minutes, rest = divmod(every.seconds, _MINUTE)
    if rest:
        raise UnsupportedError(
            f"the schedule `{text}` is not a whole number of minutes, which Amazon EventBridge counts in",
            hint="such as `@every 1m`",
        )
    return f"rate({minutes} minute{'' if minutes == 1 else 's'})"


def _cron(text: str) -> str:
    minute, hour, day, month, weekday = PRESETS.get(text, text).upper().split()
    if day not in _ANY and weekday not in _ANY:
        raise UnsupportedError(
            f"the schedule `{text}` names days of the month and days of the week, and Amazon EventBridge takes one of them",
            hint="make two jobs of it",
        )
    if day == "LW":
        raise UnsupportedError(f"the schedule `{text}` has `LW`, which Amazon EventBridge does not know", hint="write `L`")
    if weekday in _ANY:
        return f"cron({minute} {hour} {'*' if day in _ANY else day} {month} ? *)"
    return f"cron({minute} {hour} ? {month} {_weekdays(weekday)} *)"


def _weekdays(field: str) -> str:
    """Days of the week counted from 1, which is Sunday. Names stay, and so do ranges that EventBridge reads as cron does."""
    return ",".join(dict.fromkeys(_weekday(part) for part in field.split(",")))


def _weekday(part: str) -> str:
    if match := _ONE_DAY.fullmatch(part):
        return f"{_number(match['day']) + 1}{match['which']}"
    match = _DAYS.fullmatch(part)
    if match is None:
        raise UnsupportedError(f"Amazon EventBridge has no expression for `{part}` as days of the week", hint="list the days")
    first = match["first"]
    if match["step"] is None and first is not None and "7" not in part:
        if match["last"] is None:
            return first if first in _WEEKDAYS else str(_number(first) + 1)
        if first in _WEEKDAYS and match["last"] in _WEEKDAYS:
            return part
        return f"{_number(first) + 1}-{_number(match['last']) + 1}"
    start = 0 if first is None else _number(first)
    end = _last(match["last"], start, stepped=match["step"] is not None)
    days = {number % _WEEK for number in range(start, end + 1, int(match["step"] or 1))}
    return ",".join(str(number + 1) for number in sorted(days))


def _last(last: str | None, start: int, *, stepped: bool) -> int:
    if last is not None:
        return _number(last)
    return _WEEK - 1 if stepped else start


def _number(day: str) -> int:
    return _WEEKDAYS.index(day) if day in _WEEKDAYS else int(day)
