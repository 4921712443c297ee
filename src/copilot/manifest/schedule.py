"""When a job runs: the expressions that ``on.schedule`` takes, which are AWS Copilot's. All times are UTC.

Cron expressions are evaluated by cronsim, which follows Debian's cron. What EventBridge writes in another way, in
``cron(...)``, is turned into that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from cronsim import CronSim, CronSimError

from copilot.manifest.faults import suggestion
from copilot.manifest.scalars import parse_duration

PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
"""The short names of cron expressions."""

NEVER = "none"
FIRST_YEAR, LAST_YEAR = 1970, 2199
"""The years an EventBridge expression may name."""

_KINDS_HINT = "such as `@daily`, `@every 5m`, `0 9 * * 1-5`, `rate(5 minutes)`, `cron(0 9 ? * MON-FRI *)` or `none`"
_RATE = re.compile(r"([0-9]{1,6}) (minute|hour|day)(s?)")
_UNITS = {"minute": 60, "hour": 3600, "day": 86400}
_FIELDS = ("minute", "hour", "day-of-month", "month", "day-of-week")
_RANGES = ("0-59", "0-23", "1-31", "1-12 or JAN-DEC", "0-7 or SUN-SAT")
_LASTS = (59, 23, 31, 12, 6)
_AWS_DAYS_OF_WEEK = "1-7, where 1 is Sunday, or SUN-SAT"
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_YEAR = re.compile(r"(?:\*|([0-9]{4})(?:-([0-9]{4}))?)(?:/([0-9]{1,3}))?")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_STEPS = re.compile(r"([0-9]{1,2})(?:-([0-9]{1,2}))?/([0-9]{1,2})")


class ScheduleError(ValueError):
    """An expression that says no time.

    Attributes:
        text: What follows the name of the key in a sentence.
        hint: What to write instead.
    """

    def __init__(self, text: str, hint: str | None = _KINDS_HINT) -> None:
        super().__init__(text)
        self.text = text
        self.hint = hint


@dataclass(frozen=True)
class Every:
    """Again and again after so many seconds."""

    seconds: int


@dataclass(frozen=True)
class Cron:
    """At the times of a cron expression.

    Attributes:
        expression: Five fields, as cronsim reads them.
        years: Only in these years; None: in all.
    """

    expression: str
    years: frozenset[int] | None = None


def parse_schedule(text: str) -> Every | Cron | None:
    """What an expression says; None for ``none``, which is never.

    Raises:
        ScheduleError: It cannot be read, or no time ever fits it.
    """
    text = text.strip()
    if text == NEVER:
        return None
    if text.startswith("@every "):
        return _every(text.removeprefix("@every ").strip())
    if text in PRESETS:
        return Cron(PRESETS[text])
    for name, parse in (("rate", _rate), ("cron", _aws_cron)):
        if text.startswith(f"{name}(") and text.endswith(")"):
            return parse(text[len(name) + 1 : -1].strip())
    if text.startswith("@"):
        meant = suggestion(text, PRESETS)
        raise ScheduleError("is no schedule that is known", f"did you mean `{meant}`?" if meant else _KINDS_HINT)
    return _cron(text)


def _every(text: str) -> Every:
    seconds = parse_duration(text)
    if seconds is None:
        raise ScheduleError("has no duration after `@every`", "such as `@every 5m` or `@every 1h30m`")
    if seconds < 1 or seconds != int(seconds):
        raise ScheduleError("must be a whole number of seconds, at least one", "such as `@every 5m`")
    return Every(int(seconds))


def _rate(text: str) -> Every:
    match = _RATE.fullmatch(text)
    if match is None or int(match[1]) == 0:
        raise ScheduleError("must have a number of minutes, hours or days in `rate( )`", "such as `rate(5 minutes)`")
    number, unit = int(match[1]), match[2]
    if (number == 1) == bool(match[3]):
        raise ScheduleError(
            "must have the unit in the singular with 1 only, as EventBridge has it",
            f"write `rate({number} {unit}{'' if number == 1 else 's'})`",
        )
    return Every(number * _UNITS[unit])


def _cron(text: str) -> Cron:
    fields = text.upper().split()
    if len(fields) != len(_FIELDS):
        if len(fields) == 1:
            raise ScheduleError("is no schedule that is known")
        raise ScheduleError(
            f"must have five fields, not {len(fields)}",
            "minute, hour, day of the month, month and day of the week: `0 9 * * 1-5`",
        )
    fields = ["*" if name.startswith("day") and field == "?" else field for name, field in zip(_FIELDS, fields, strict=True)]
    return _checked(fields, text.split(), _RANGES)


def _aws_cron(text: str) -> Cron:
    """EventBridge's form: a year as sixth field, Sunday is 1, and one of the fields for days is ``?``.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
    """
    written = text.split()
    fields = text.upper().split()
    if len(fields) != len(_FIELDS) + 1:
        raise ScheduleError(
            f"must have six fields in `cron( )`, not {len(fields)}",
            "minute, hour, day of the month, month, day of the week and year: `cron(0 9 ? * MON-FRI *)`",
        )
    day, weekday = fields[2], fields[4]
    if (day == "?") == (weekday == "?"):
        raise ScheduleError(
            "must have `?` for either the day of the month or the day of the week in `cron( )`",
            "such as `cron(0 9 ? * MON-FRI *)` or `cron(0 9 1 * ? *)`",
        )
    if day.endswith("W") and day != "LW":
        raise ScheduleError(f"uses `{day}` for the day of the month, which is not supported", "name the day itself")
    fields[2] = "*" if day == "?" else day
    fields[4] = "*" if weekday == "?" else ",".join(_from_one(part) for part in weekday.split(","))
    checked = _checked(fields[:5], written, (*_RANGES[:4], _AWS_DAYS_OF_WEEK))
    cron = Cron(checked.expression, _years(fields[5]))
    if cron.years is not None and not any(_fits_year(cron.expression, year) for year in cron.years):
        raise ScheduleError("names a day that none of its years has", None)
    return cron


def _from_one(part: str) -> str:
    """Part of a day of the week that counts Sunday as 1, with Sunday as 0: ``2-6`` is ``1-5``, and ``L`` alone is Saturday."""
    if part == "L":
        return "6"
    days, rest = re.fullmatch(r"([^/#]*)(.*)", part, re.DOTALL).groups()  # type: ignore[union-attr] # it fits any text
    numbers = re.findall(r"[0-9]+", days)
    if any(not 1 <= int(number) <= 7 for number in numbers if len(number) < 3) or any(len(number) > 2 for number in numbers):
        return "8"  # refused with the other values out of range
    return re.sub(r"[0-9]+", lambda match: str(int(match[0]) - 1), days) + rest


def _checked(fields: list[str], written: list[str], ranges: tuple[str, ...]) -> Cron:
    fields = [*fields[:3], _numbered(fields[3], _MONTHS, 1), _numbered(fields[4], _WEEKDAYS, 0)]
    expression = " ".join(_plain_steps(field, last) for field, last in zip(fields, _LASTS, strict=True))
    try:
        CronSim(expression, datetime(FIRST_YEAR, 1, 1, tzinfo=UTC))
    except (CronSimError, ValueError, AssertionError) as error:
        wrong = next((i for i, name in enumerate(_FIELDS) if str(error) == f"Bad {name}"), None)
        if wrong is None:
            raise ScheduleError("is no cron expression") from None
        name = _FIELDS[wrong].replace("-of-", " of the ")
        if wrong == _FIELDS.index("day-of-month") and re.fullmatch(r"[0-9,\-]+", fields[2]) and _is_field(fields[2]):
            raise ScheduleError("names a day that none of its months has", None) from None
        raise ScheduleError(f"cannot have `{written[wrong]}` for the {name}", f"it takes {ranges[wrong]}") from None
    return Cron(expression)


def _numbered(field: str, names: tuple[str, ...], first: int) -> str:
    """A field with numbers for the names of months or days."""
    return re.sub(r"[A-Z]{3}", lambda match: str(names.index(match[0]) + first) if match[0] in names else match[0], field)


def _plain_steps(field: str, last: int) -> str:
    """A field whose steps cronsim reads as everybody else does.

    After `1/2` in the days of the week it goes on to 7, which is Sunday once more, and it takes `5-5/2` for `5/2`.
    """

    def plain(part: str) -> str:
        match = _STEPS.fullmatch(part)
        if match is None or int(match[1]) > last or int(match[3]) == 0:
            return part
        end = int(match[2] or last)
        return match[1] if int(match[1]) == end else f"{match[1]}-{end}/{match[3]}"

    return ",".join(map(plain, field.split(",")))


def _is_field(days: str) -> bool:
    try:
        CronSim(f"0 0 {days} 1 *", datetime(FIRST_YEAR, 1, 1, tzinfo=UTC))
    except CronSimError:
        return False
    return True


def _years(text: str) -> frozenset[int] | None:
    if text == "*":
        return None
    years: set[int] = set()
    for part in text.split(","):
        match = _YEAR.fullmatch(part)
        step = int((match and match[3]) or 1)
        if match is None or step == 0:
            raise _bad_year(text)
        first = int(match[1] or FIRST_YEAR)
        last = int(match[2] or (match[1] if not match[3] else 0) or LAST_YEAR)
        if not FIRST_YEAR <= first <= last <= LAST_YEAR:
            raise _bad_year(text)
        years.update(range(first, last + 1, step))
    return frozenset(years)


def _bad_year(text: str) -> ScheduleError:
    return ScheduleError(f"cannot have `{text}` for the year", f"it takes `*` or years from {FIRST_YEAR} to {LAST_YEAR}")


def _fits_year(expression: str, year: int) -> bool:
    first = next(CronSim(expression, datetime(year - 1, 12, 31, 23, 59, 59, tzinfo=UTC)), None)
    return first is not None and first.year == year
