"""When a monitor runs and how much time one run looks at."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Captured records may arrive in S3 a couple of minutes after the request, so a run waits that long after the hour.
_SETTLING_MINUTES = 5
_DIVISORS_OF_A_DAY = (1, 2, 3, 4, 6, 8, 12, 24)
_CRON = re.compile(r"cron\((.+)\)")


@dataclass(frozen=True, slots=True)
class MonitoringSchedule:
    """When a monitor runs, UTC, and the window that each run analyses.

    A run's window ends at the last full hour before it and is as long as the time between runs, so that every captured
    record is looked at once. Made by the static factories.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html

    :param expression: Cron expression of EventBridge Scheduler.
    :param period_hours: Hours from one run to the next, which is also the window's length; 1 to 24.
    """

    expression: str
    period_hours: int

    def __post_init__(self) -> None:
        match = _CRON.fullmatch(self.expression)
        if match is None or len(match[1].split()) != 6:
            raise ValueError(
                f'schedule is "{self.expression}", allowed are cron expressions of EventBridge Scheduler with six '
                "fields: cron(minutes hours day-of-month month day-of-week year)"
            )
        if not 1 <= self.period_hours <= 24:
            raise ValueError(
                f"period_hours is {self.period_hours}, allowed are 1 to 24; "
                "run daily and compare days where a longer view is wanted"
            )

    @staticmethod
    def hourly(minute: int = _SETTLING_MINUTES) -> MonitoringSchedule:
        """Every hour, about the hour before.

        :param minute: Minute of the hour at which it runs. Default: 5, captured records settle for a couple of minutes
        """
        return MonitoringSchedule.every(hours=1, minute=minute)

    @staticmethod
    def daily(hour: int = 0, minute: int = _SETTLING_MINUTES) -> MonitoringSchedule:
        """Once a day, about the 24 hours before.

        :param hour: Hour of the day, UTC. Default: 0, so that a run looks at one calendar day
        :param minute: Minute of the hour at which it runs. Default: 5
        """
        _check("hour", hour, 0, 23)
        _check("minute", minute, 0, 59)
        return MonitoringSchedule(f"cron({minute} {hour} * * ? *)", 24)

    @staticmethod
    def every(hours: int, minute: int = _SETTLING_MINUTES) -> MonitoringSchedule:
        """Every so many hours from midnight on, about the hours since the run before.

        :param hours: 1, 2, 3, 4, 6, 8, 12 or 24: other numbers do not divide a day, windows would overlap at midnight.
        :param minute: Minute of the hour at which it runs. Default: 5
        """
        if hours not in _DIVISORS_OF_A_DAY:
            raise ValueError(
                f"hours is {hours}, allowed are {', '.join(map(str, _DIVISORS_OF_A_DAY))}: "
                "other numbers do not divide a day, so windows would overlap at midnight"
            )
        _check("minute", minute, 0, 59)
        return MonitoringSchedule(f"cron({minute} {'*' if hours == 1 else f'0/{hours}'} * * ? *)", hours)

    @staticmethod
    def cron(expression: str, period_hours: int | None = None) -> MonitoringSchedule:
        """A cron expression of EventBridge Scheduler.

        :param expression: `cron(…)` or its six fields alone.
        :param period_hours: Length of the window in hours. Default: - the time between runs, where the expression runs
            every day at equal distances; elsewhere it must be given
        """
        text = expression if expression.startswith("cron(") else f"cron({expression})"
        if period_hours is None:
            period_hours = _distance_between_runs(text)
        return MonitoringSchedule(text, period_hours)

    @property
    def period_seconds(self) -> int:
        """Seconds from one run to the next: the natural period of the monitor's alarms."""
        return self.period_hours * 3600

    @property
    def runs_per_month(self) -> float:
        """How many runs a month of 730 hours has."""
        return 730 / self.period_hours


def _check(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} is {value}, allowed are {low} to {high}")


def _distance_between_runs(expression: str) -> int:
    match = _CRON.fullmatch(expression)
    fields = match[1].split() if match else []
    if len(fields) != 6:
        return 24  # not a cron expression at all; the constructor says so
    minute, hour, *days = fields
    if not minute.isdigit() or any(field not in {"*", "?"} for field in days):
        raise ValueError(
            f'"{expression}" does not run once an hour or less on every day, so the window\'s length does not follow '
            "from it; give period_hours"
        )
    hours = _hours(hour)
    if hours is None:
        raise ValueError(f'the hours of "{expression}" are not understood; give period_hours')
    distances = {(after - before - 1) % 24 + 1 for before, after in zip(hours, [*hours[1:], hours[0]], strict=True)}
    if len(distances) != 1:
        apart = " and ".join(map(str, sorted(distances)))
        raise ValueError(
            f'runs of "{expression}" are {apart} hours apart, so windows of one length would overlap or leave gaps; '
            "choose equal distances, or give period_hours"
        )
    return distances.pop()


def _hours(field: str) -> list[int] | None:
    """The hours of the day that a cron hour field names, or None where it is not understood."""
    hours: set[int] = set()
    for part in field.split(","):
        match = re.fullmatch(r"(?:(\*)|(\d+)(?:-(\d+))?)(?:/(\d+))?", part)
        if match is None:
            return None
        star, low, high, step = match.groups()
        start = 0 if star else int(low)
        end = 23 if star or (step and high is None) else int(high or low)
        if end > 23 or start > end or (step and int(step) == 0):
            return None
        hours.update(range(start, end + 1, int(step or 1)))
    return sorted(hours)
