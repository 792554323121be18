"""What one run is about: its window, its version, its baseline and where its report goes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from monitor.settings import MAX_PERIOD_HOURS, Settings
from monitor.window import HOUR, Window, timestamp
from shared.s3 import S3Uri


class EventError(ValueError):
    """The event that started the run is wrong; names every mistake in it."""


@dataclass(frozen=True)
class Run:
    """One run.

    ``scheduled`` is the hour for which it was scheduled, which names its report and dates its health. Labels count that
    were uploaded before ``labels_until``. With ``baseline_missing`` not everything can be checked; with
    ``baseline_optional`` files that do not exist are no failure but a missing baseline. ``dated`` is the
    time of its findings in CloudWatch: the window's start, but never more than the time between two runs ago. Alarms do
    not look back further, and CloudWatch takes two days to show what is older than one.
    """

    window: Window
    scheduled: datetime
    labels_until: datetime
    dated: datetime
    model_package_arn: str
    constraints: S3Uri | None
    statistics: S3Uri | None
    baseline_missing: bool
    report: S3Uri
    baseline_optional: bool = False

    @property
    def label_hours(self) -> Window:
        """When the labels of the window's traffic were uploaded. It ends at a fixed hour: a rerun finds the same."""
        return Window(self.window.start, self.labels_until)

    @classmethod
    def parse(cls, event: Mapping[str, Any], settings: Settings) -> Run:
        """Read the event of EventBridge Scheduler or of a person; raises :class:`EventError` listing all mistakes.

        The window ends at the scheduled hour (less the offset) however late the run starts, so that a retry looks at
        the same traffic.
        """
        mistakes: list[str] = []
        window, scheduled = _window(event, settings, mistakes)
        labels_until = _labels_until(event, window, settings, mistakes)
        baseline = event.get("baseline") or {}
        if not isinstance(baseline, Mapping):
            mistakes.append(f"'baseline' is {baseline!r}; it must hold 'constraints' and 'statistics'")
            baseline = {}
        constraints, statistics = (_uri(baseline, name, mistakes) for name in ("constraints", "statistics"))
        if mistakes or window is None or scheduled is None or labels_until is None:
            raise EventError("the event of the run is wrong: " + "; ".join(mistakes))
        hour = f"{scheduled:%Y/%m/%d/%H}"
        return cls(
            window=window,
            scheduled=scheduled,
            labels_until=labels_until,
            dated=max(window.start, scheduled - settings.interval_hours * HOUR),
            model_package_arn=str(event.get("model_package_arn") or ""),
            constraints=constraints,
            statistics=statistics,
            baseline_missing=constraints is None or (settings.needs_statistics and statistics is None),
            report=settings.place / hour,
            baseline_optional=bool(baseline.get("optional")),
        )


def _window(event: Mapping[str, Any], settings: Settings, mistakes: list[str]) -> tuple[Window | None, datetime | None]:
    if "window" in event:
        return _manual_window(event["window"], mistakes)
    scheduled = _moment(event.get("scheduled_time"), "scheduled_time", mistakes)
    if scheduled is None:
        return None, None
    hour = scheduled.replace(minute=0, second=0, microsecond=0)
    end = hour - settings.offset_hours * HOUR
    return Window(end - settings.period_hours * HOUR, end), hour


def _manual_window(given: Any, mistakes: list[str]) -> tuple[Window | None, datetime | None]:
    if not isinstance(given, Mapping):
        mistakes.append(f"'window' is {given!r}; it must hold 'start' and 'end'")
        return None, None
    start, end = (_moment(given.get(name), f"window.{name}", mistakes) for name in ("start", "end"))
    if start is None or end is None:
        return None, None
    if any((moment.minute, moment.second, moment.microsecond) != (0, 0, 0) for moment in (start, end)):
        mistakes.append("'window' must start and end on a full hour (UTC), because captures are kept by hour")
    if not HOUR <= end - start <= MAX_PERIOD_HOURS * HOUR:
        mistakes.append(f"'window' spans {end - start}; it must span 1 to {MAX_PERIOD_HOURS} hours")
    return Window(start, end), end


def _labels_until(
    event: Mapping[str, Any], window: Window | None, settings: Settings, mistakes: list[str]
) -> datetime | None:
    """The scheduled hour, unless a person says otherwise."""
    if "labels_until" not in event:
        return window.end + settings.offset_hours * HOUR if window else None
    moment = _moment(event["labels_until"], "labels_until", mistakes)
    if moment is None or window is None:
        return None
    if moment != moment.replace(minute=0, second=0, microsecond=0):
        mistakes.append("'labels_until' must be a full hour (UTC), because labels are kept by hour")
    if not window.end <= moment <= window.end + MAX_PERIOD_HOURS * HOUR:
        mistakes.append(
            f"'labels_until' is {timestamp(moment)}; it must be at most {MAX_PERIOD_HOURS} hours after the window's "
            f"end, {timestamp(window.end)}, and not before it"
        )
    return moment


def _moment(text: Any, name: str, mistakes: list[str]) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        mistakes.append(f"'{name}' is {text!r}; it must be an ISO 8601 time such as 2026-11-21T08:00:00Z")
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _uri(baseline: Mapping[str, Any], name: str, mistakes: list[str]) -> S3Uri | None:
    uri = baseline.get(name) or ""
    try:
        return S3Uri.parse(str(uri)) if uri else None
    except ValueError as error:
        mistakes.append(f"'baseline.{name}': {error}")
        return None
