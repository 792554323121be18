"""The metrics of one embedded AWS, by account and region."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from .statistics import Datum
from .store import MetricKey, MetricStore

if TYPE_CHECKING:
    from sagemaker_local.server import LocalAws

Listener = Callable[[str, str, set[MetricKey]], None]


class Metrics:
    """Where all data points go; listeners hear `(account, region, keys)` after points were added."""

    def __init__(self) -> None:
        self._stores: dict[tuple[str, str], MetricStore] = {}
        self._listeners: list[Listener] = []
        self._lock = threading.Lock()

    def store(self, account: str, region: str) -> MetricStore:
        with self._lock:
            return self._stores.setdefault((account, region), MetricStore())

    def on_data(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def add(self, account: str, region: str, points: Iterable[tuple[MetricKey, Datum]]) -> None:
        store = self.store(account, region)
        changed = set()
        for key, datum in points:
            store.add(key, datum)
            changed.add(key)
        for listener in self._listeners:
            listener(account, region, changed)


_metrics: WeakKeyDictionary[LocalAws, Metrics] = WeakKeyDictionary()


def of(aws: LocalAws) -> Metrics:
    """Return the metrics of an embedded AWS; they end with its state when it stops."""
    found = _metrics.get(aws)
    if found is None:
        found = _metrics[aws] = Metrics()
        aws.on_stop(lambda: _metrics.__delitem__(aws))
    return found


def publish(
    aws: LocalAws,
    account: str,
    region: str,
    namespace: str,
    name: str,
    value: float,
    *,
    dimensions: Mapping[str, str] | None = None,
    unit: str = "None",
    at: datetime | None = None,
) -> None:
    """Publish one value as an AWS service does: no API call, no caller. `at` defaults to now on the clock."""
    key = MetricKey(namespace, name, tuple(sorted((dimensions or {}).items())))
    moment = (at or aws.clock.now()).timestamp()
    of(aws).add(account, region, [(key, Datum(moment, 1.0, value, value, value, ((value, 1.0),), unit))])


def publish_embedded(aws: LocalAws, account: str, region: str, lines: Iterable[str]) -> None:
    """Publish the metrics in log lines of the embedded metric format; other lines are ignored.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    for line in lines:
        if not line.lstrip().startswith("{") or '"_aws"' not in line:
            continue
        try:
            document = json.loads(line)
            points = list(_embedded(document))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # CloudWatch skips malformed documents as well
        of(aws).add(account, region, points)


def _embedded(document: dict[str, Any]) -> Iterable[tuple[MetricKey, Datum]]:
    at = document["_aws"]["Timestamp"] / 1000
    for directive in document["_aws"]["CloudWatchMetrics"]:
        for names in directive.get("Dimensions") or [[]]:
            dimensions = tuple(sorted((name, str(document[name])) for name in names))
            for metric in directive["Metrics"]:
                found = document[metric["Name"]]
                values = [float(item) for item in (found if isinstance(found, list) else [found])]
                if values:
                    key = MetricKey(directive["Namespace"], metric["Name"], dimensions)
                    yield key, from_values(at, values, [1.0] * len(values), metric.get("Unit", "None"))


def from_values(at: float, values: list[float], counts: list[float], unit: str) -> Datum:
    """Return one point for values and how often each occurred."""
    total = sum(value * count for value, count in zip(values, counts, strict=True))
    pairs = tuple(zip(values, counts, strict=True))
    return Datum(at, sum(counts), total, min(values), max(values), pairs, unit)
