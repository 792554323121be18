"""Schedule expressions of EventBridge rules and EventBridge Scheduler: `rate(...)`, `cron(...)`, `at(...)`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .cron import Cron

_UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}


@dataclass(frozen=True)
class Rate:
    """Every `period` from `base` on."""

    base: datetime
    period: timedelta
    includes_base: bool

    def next_after(self, moment: datetime) -> datetime:
        first = self.base if self.includes_base else self.base + self.period
        if moment < first:
            return first
        return first + ((moment - first) // self.period + 1) * self.period


@dataclass(frozen=True)
class At:
    """One run at `moment`."""

    moment: datetime

    def next_after(self, moment: datetime) -> datetime | None:
        return self.moment if self.moment > moment else None


@dataclass(frozen=True)
class ZonedCron:
    """A cron expression in its time zone."""

    cron: Cron
    zone: ZoneInfo

    def next_after(self, moment: datetime) -> datetime | None:
        return self.cron.next_after(moment, self.zone)


Expression = Rate | At | ZonedCron


def parse(text: str, *, base: datetime, timezone: str = "UTC", rate_includes_base: bool = False) -> Expression:
    """Parses `text`; `base` is the moment that a rate counts from.

    EventBridge Scheduler runs a rate at once (`rate_includes_base`), a rule's rate runs one period after its creation.
    Raises ValueError that says what is wrong and what is allowed.
    """
    match = re.fullmatch(r"\s*(rate|cron|at)\((.*)\)\s*", text)
    if not match:
        raise ValueError(
            f"schedule expression {text!r} is not valid; "
            "use rate(5 minutes), cron(0 * * * ? *) or at(2030-01-31T12:00:00)"
        )
    kind, body = match[1], match[2].strip()
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(
            f"time zone {timezone!r} is not known; use a name of the IANA database such as Europe/Berlin"
        ) from error
    if kind == "rate":
        return Rate(base, _period(text, body), rate_includes_base)
    if kind == "cron":
        return ZonedCron(Cron.parse(body), zone)
    try:
        moment = datetime.strptime(body, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=zone)
    except ValueError as error:
        raise ValueError(f"{text!r} is not valid; use at(yyyy-mm-ddThh:mm:ss)") from error
    return At(moment.astimezone(UTC))


def _period(text: str, body: str) -> timedelta:
    match = re.fullmatch(r"(\d+)\s+(minute|hour|day)(s?)", body)
    if not match or int(match[1]) < 1:
        raise ValueError(f"{text!r} is not valid; use rate(<positive number> minutes|hours|days)")
    value, unit, plural = int(match[1]), match[2], match[3]
    if (value == 1) == bool(plural):
        raise ValueError(f"{text!r} is not valid; write rate({value} {unit}{'' if value == 1 else 's'})")
    return value * _UNITS[unit]
