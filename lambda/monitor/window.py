"""Spans of whole hours, in which captured traffic, labels and reports are kept. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Window:
    """A span of whole hours, ``start`` included and ``end`` not."""

    start: datetime
    end: datetime

    def hours(self) -> Iterator[datetime]:
        """The beginning of every hour in the window."""
        hour = self.start
        while hour < self.end:
            yield hour
            hour += HOUR

    def to_json(self) -> dict[str, str]:
        """The window as events show it."""
        return {"start": timestamp(self.start), "end": timestamp(self.end)}


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC with seconds and Z, as AWS writes times."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
