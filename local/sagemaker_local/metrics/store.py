"""The data points of one account and region.

moto keeps points in one flat list and aligns periods with the first point it finds; alarms need periods that end at a
given moment, exact dimensions and percentiles, so points live here.
"""

from __future__ import annotations

import bisect
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .statistics import Datum, statistic


@dataclass(frozen=True)
class MetricKey:
    """A metric is its namespace, name and exact set of dimensions."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, namespace: str, name: str, dimensions: Iterable[Mapping[str, str]] = ()) -> MetricKey:
        """Return the key for dimensions as the API gives them, in any order."""
        return cls(namespace, name, tuple(sorted((item["Name"], item["Value"]) for item in dimensions)))

    def as_metric(self) -> dict[str, object]:
        """Return the API's `Metric` structure."""
        return {
            "Namespace": self.namespace,
            "MetricName": self.name,
            "Dimensions": [{"Name": name, "Value": value} for name, value in self.dimensions],
        }


class MetricStore:
    """Data points by metric, in order of time."""

    def __init__(self) -> None:
        self._series: dict[MetricKey, list[Datum]] = {}
        self._lock = threading.Lock()

    def add(self, key: MetricKey, datum: Datum) -> None:
        with self._lock:
            bisect.insort(self._series.setdefault(key, []), datum, key=lambda item: item.at)

    def metrics(self) -> list[MetricKey]:
        """Return every metric that has data."""
        with self._lock:
            return list(self._series)

    def between(self, key: MetricKey, start: float, end: float, unit: str | None = None) -> list[Datum]:
        """Return the points with start <= time < end (epoch seconds)."""
        with self._lock:
            series = self._series.get(key, [])
            low = bisect.bisect_left(series, start, key=lambda item: item.at)
            high = bisect.bisect_left(series, end, key=lambda item: item.at)
            found = series[low:high]
        return [item for item in found if unit is None or item.unit == unit]

    def aggregate(
        self, key: MetricKey, stat: str, start: float, end: float, period: int, unit: str | None = None
    ) -> dict[float, float]:
        """Return one value for each period that has data, by the period's start; periods begin at `start`.

        Raises:
            ValueError: if `stat` is not a statistic of CloudWatch.
        """
        buckets: dict[float, list[Datum]] = {}
        for item in self.between(key, start, end, unit):
            buckets.setdefault(start + (item.at - start) // period * period, []).append(item)
        values = ((begin, statistic(items, stat)) for begin, items in buckets.items())
        return {begin: value for begin, value in values if value is not None}
