"""AWS cron expressions: six fields, `?`, `L`, `W` and `#`.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

_MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), start=1)}
_LAST_YEAR = 2199


@dataclass(frozen=True)
class Cron:
    """One parsed expression; `next_after` walks its occurrences."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    months: frozenset[int]
    years: frozenset[int]
    day_matches: Callable[[date], bool]

    @classmethod
    def parse(cls, fields: str) -> Cron:
        """Parses what stands between the parentheses of `cron(...)`.

        Raises ValueError that names the field, the value given and what is allowed.
        """
        parts = fields.split()
        if len(parts) != 6:
            raise ValueError(
                f"cron({fields}) has {len(parts)} fields; six are needed: "
                "minutes hours day-of-month month day-of-week year"
            )
        minute, hour, day_of_month, month, day_of_week, year = (part.upper() for part in parts)
        if (day_of_month == "?") == (day_of_week == "?"):
            raise ValueError(
                f"cron({fields}): exactly one of day-of-month ({day_of_month}) and "
                f"day-of-week ({day_of_week}) must be '?'"
            )
        return cls(
            minutes=tuple(sorted(_values("minutes", minute, 0, 59))),
            hours=tuple(sorted(_values("hours", hour, 0, 23))),
            months=frozenset(_values("month", month, 1, 12, _MONTHS)),
            years=frozenset(_values("year", year, 1970, _LAST_YEAR)),
            day_matches=_day_of_week(day_of_week) if day_of_month == "?" else _day_of_month(day_of_month),
        )

    def next_after(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        """The first occurrence later than `moment`, in UTC; None when the years run out.

        A local time that daylight saving skips is left out, one that it repeats counts once, as EventBridge does.
        """
        start = moment.astimezone(zone)
        for day in self._days_from(start.date()):
            for hour in self.hours:
                for minute in self.minutes:
                    occurrence = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone).astimezone(UTC)
                    skipped = occurrence.astimezone(zone).hour != hour
                    if not skipped and occurrence > moment:
                        return occurrence
        return None

    def _days_from(self, first: date) -> Iterator[date]:
        year, month = first.year, first.month
        while year <= _LAST_YEAR:
            if year not in self.years:
                year, month = year + 1, 1
                continue
            if month in self.months:
                for number in range(1, calendar.monthrange(year, month)[1] + 1):
                    day = date(year, month, number)
                    if day >= first and self.day_matches(day):
                        yield day
            year, month = (year + 1, 1) if month == 12 else (year, month + 1)


def _values(name: str, field: str, low: int, high: int, names: dict[str, int] | None = None) -> set[int]:
    result: set[int] = set()
    for item in field.split(","):
        base, _, step_text = item.partition("/")
        step = _number(name, item, step_text, 1, high, {}) if step_text else 1
        if base == "*":
            first, last = low, high
        elif "-" in base:
            left, right = base.split("-", 1)
            first, last = (_number(name, item, part, low, high, names or {}) for part in (left, right))
        else:
            first = _number(name, item, base, low, high, names or {})
            last = high if step_text else first
        if first > last:  # FRI-MON wraps around
            result.update(range(first, high + 1, step))
            first = low
        result.update(range(first, last + 1, step))
    return result


def _number(field: str, item: str, text: str, low: int, high: int, names: dict[str, int]) -> int:
    if text in names:
        return names[text]
    if text.isdigit() and low <= int(text) <= high:
        return int(text)
    allowed = f"{low}-{high}" + (
        f" or {'-'.join((min(names, key=names.__getitem__), max(names, key=names.__getitem__)))}" if names else ""
    )
    raise ValueError(f"cron field {field}: {item!r} is not valid; allowed are {allowed}, lists, ranges and steps")


def _day_of_month(field: str) -> Callable[[date], bool]:
    if field == "L":
        return lambda day: day.day == _last(day)
    if field == "LW":
        return lambda day: day == _nearest_weekday(day.year, day.month, _last(day))
    if match := re.fullmatch(r"(\d{1,2})W", field):
        wanted = _number("day-of-month", field, match[1], 1, 31, {})
        return lambda day: wanted <= _last(day) and day == _nearest_weekday(day.year, day.month, wanted)
    numbers = _values("day-of-month", field, 1, 31)
    return lambda day: day.day in numbers


def _day_of_week(field: str) -> Callable[[date], bool]:
    if field == "L":
        return lambda day: _aws_weekday(day) == 7
    if match := re.fullmatch(r"(\w+)#([1-5])", field):
        weekday, nth = _number("day-of-week", field, match[1], 1, 7, _DAYS), int(match[2])
        return lambda day: _aws_weekday(day) == weekday and (day.day - 1) // 7 + 1 == nth
    if match := re.fullmatch(r"(\w+)L", field):
        weekday = _number("day-of-week", field, match[1], 1, 7, _DAYS)
        return lambda day: _aws_weekday(day) == weekday and day.day + 7 > _last(day)
    numbers = _values("day-of-week", field, 1, 7, _DAYS)
    return lambda day: _aws_weekday(day) in numbers


def _aws_weekday(day: date) -> int:
    return day.isoweekday() % 7 + 1


def _last(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _nearest_weekday(year: int, month: int, number: int) -> date:
    day = date(year, month, number)
    if day.isoweekday() == 6:
        return day - timedelta(days=1) if number > 1 else day + timedelta(days=2)
    if day.isoweekday() == 7:
        return day + timedelta(days=1) if number < _last(day) else day - timedelta(days=2)
    return day
