"""When a job runs next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cronsim import CronSim

from copilot.manifest.schedule import Cron, Every, ScheduleError, parse_schedule

__all__ = ["ScheduleError", "next_run", "parse_schedule"]


def next_run(expression: str, after: datetime, first: datetime) -> datetime | None:
    """The first time after another that a schedule names, in UTC.

    Args:
        expression: As ``on.schedule`` has it.
        after: The answer is later than this. With a time zone.
        first: When the schedule began, with a time zone. Nothing runs before; ``@every`` and ``rate()`` count from here, and
            run for the first time when one period is over.

    Returns:
        The time; None if there is none any more.

    Raises:
        ScheduleError: The expression cannot be read.
    """
    schedule = parse_schedule(expression)
    if schedule is None:
        return None
    after, first = after.astimezone(UTC), first.astimezone(UTC)
    if isinstance(schedule, Every):
        period = timedelta(seconds=schedule.seconds)
        passed = max(0, (after - first) // period)
        return first + (passed + 1) * period
    return _next_of_cron(schedule, max(after, first))


def _next_of_cron(cron: Cron, after: datetime) -> datetime | None:
    found = next(CronSim(cron.expression, after), None)
    if cron.years is None:
        return found
    while found is not None and found.year not in cron.years:
        later = min((year for year in cron.years if year > found.year), default=None)
        if later is None:
            return None
        found = next(CronSim(cron.expression, datetime(later - 1, 12, 31, 23, 59, 59, tzinfo=UTC)), None)
    return found
