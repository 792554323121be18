"""CloudWatch's statistics over the points of one period.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

SIMPLE = ("SampleCount", "Sum", "Average", "Minimum", "Maximum")
_PERCENTILE = re.compile(r"p(\d{1,3}(?:\.\d{1,10})?)")
_SHORT_RANGE = re.compile(r"(tm|wm|tc|ts)(\d{1,2}(?:\.\d{1,10})?)", re.IGNORECASE)
_RANGE = re.compile(r"(TM|WM|TC|TS|PR)\(([\d.]*)(%?):([\d.]*)(%?)\)")


@dataclass(frozen=True, slots=True)
class Datum:
    """One PutMetricData point: a set of values with counts, or a statistic set without its distribution."""

    at: float
    """Epoch seconds."""
    count: float
    total: float
    minimum: float
    maximum: float
    values: tuple[tuple[float, float], ...] | None
    """(value, count) pairs; None for a statistic set."""
    unit: str = "None"

    def distribution(self) -> tuple[tuple[float, float], ...]:
        """Return value and count pairs; a statistic set has them only if all its samples are equal."""
        if self.values is not None:
            return self.values
        return ((self.minimum, self.count),) if self.count == 1 or self.minimum == self.maximum else ()


def validate(stat: str) -> None:
    """Raise ValueError, naming what is allowed, unless `stat` is a statistic that can be computed."""
    if stat in SIMPLE or stat == "IQM" or _RANGE.fullmatch(stat) or _SHORT_RANGE.fullmatch(stat):
        return
    match = _PERCENTILE.fullmatch(stat)
    if match and 0 <= float(match[1]) <= 100:
        return
    raise ValueError(
        f"statistic {stat!r} is not valid; use {', '.join(SIMPLE)}, p0-p100, IQM, tm, wm, tc, ts or PR(a:b)"
    )


def statistic(data: Sequence[Datum], stat: str) -> float | None:
    """Return the statistic, or None if the data cannot give it."""
    if not data:
        return None
    if stat in SIMPLE:
        return _simple(data, stat)
    validate(stat)
    pairs = sorted(pair for item in data for pair in item.distribution())
    if not pairs:
        return None
    if match := _PERCENTILE.fullmatch(stat):
        return _percentile(pairs, float(match[1]))
    return _trimmed(pairs, stat)


def _simple(data: Sequence[Datum], stat: str) -> float | None:
    count = sum(item.count for item in data)
    if stat == "SampleCount":
        return count
    if stat == "Sum":
        return sum(item.total for item in data)
    if stat == "Average":
        return sum(item.total for item in data) / count if count else None
    return min(item.minimum for item in data) if stat == "Minimum" else max(item.maximum for item in data)


def _percentile(pairs: Sequence[tuple[float, float]], percent: float) -> float:
    """Return the value below which `percent` of the samples lie, between neighbours linearly."""
    expanded = [(value, count) for value, count in pairs if count > 0]
    rank = percent / 100 * (sum(count for _, count in expanded) - 1)
    return _at_rank(expanded, math.floor(rank)) + (rank - math.floor(rank)) * (
        _at_rank(expanded, math.ceil(rank)) - _at_rank(expanded, math.floor(rank))
    )


def _at_rank(pairs: Sequence[tuple[float, float]], rank: float) -> float:
    seen = 0.0
    for value, count in pairs:
        seen += count
        if rank < seen:
            return value
    return pairs[-1][0]


def _trimmed(pairs: Sequence[tuple[float, float]], stat: str) -> float | None:
    kind, low, high = _bounds(pairs, stat)
    inside = [(value, count) for value, count in pairs if low <= value <= high]
    count = sum(number for _, number in inside)
    total = sum(number for _, number in pairs)
    if kind == "WM":
        return sum(min(max(value, low), high) * number for value, number in pairs) / total
    if kind == "TC":
        return count
    if kind == "TS":
        return sum(value * number for value, number in inside)
    if kind == "PR":
        return 100 * count / total
    return sum(value * number for value, number in inside) / count if count else None


def _bounds(pairs: Sequence[tuple[float, float]], stat: str) -> tuple[str, float, float]:
    if stat == "IQM":
        return "TM", _percentile(pairs, 25), _percentile(pairs, 75)
    if match := _SHORT_RANGE.fullmatch(stat):
        return match[1].upper(), -math.inf, _percentile(pairs, float(match[2]))
    match = _RANGE.fullmatch(stat)
    if match is None:
        raise ValueError(f"statistic {stat!r} is not valid")
    kind, low, low_percent, high, high_percent = match.groups()
    lower = -math.inf if not low else _percentile(pairs, float(low)) if low_percent else float(low)
    upper = math.inf if not high else _percentile(pairs, float(high)) if high_percent else float(high)
    return kind, lower, upper
