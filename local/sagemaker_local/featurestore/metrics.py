"""The feature store's own metrics in CloudWatch: calls, errors and latency per feature group and operation.

AWS's page lists metrics and dimensions but not the namespace; the constructs choose the same. Records that go to the
offline store alone are not counted there, and not here. Request units are not published.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

NAMESPACE = "AWS/SageMaker/FeatureStore"
_MOST_PER_CALL = 1000
_MOST_VALUES = 150


@dataclass
class _Counts:
    invocations: int = 0
    client_errors: int = 0
    server_errors: int = 0
    microseconds: list[float] = field(default_factory=list)


Key = tuple[str, str, str, str, datetime]
"""Account, region, feature group, operation, minute."""


class Metrics:
    """Counts calls and publishes the counts.

    Args:
        client: gives a client of a service by account and region.
    """

    def __init__(self, client: Callable[[str, str, str], Any]) -> None:
        self._client = client
        self._counts: dict[Key, _Counts] = defaultdict(_Counts)
        self._lock = threading.Lock()

    def count(self, key: Key, microseconds: float, status: int) -> None:
        """Count one call, with its duration and HTTP status."""
        with self._lock:
            counts = self._counts[key]
            counts.invocations += 1
            counts.client_errors += 400 <= status < 500
            counts.server_errors += status >= 500
            counts.microseconds.append(microseconds)

    def flush(self) -> None:
        """Publish what has been counted."""
        with self._lock:
            counted, self._counts = dict(self._counts), defaultdict(_Counts)
        places: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        for (account, region, group, operation, minute), counts in counted.items():
            places[account, region] += _data(group, operation, minute, counts)
        for (account, region), data in places.items():
            cloudwatch = self._client("cloudwatch", account, region)
            for start in range(0, len(data), _MOST_PER_CALL):
                cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data[start : start + _MOST_PER_CALL])


def _data(group: str, operation: str, minute: datetime, counts: _Counts) -> list[dict[str, Any]]:
    dimensions = [{"Name": "FeatureGroupName", "Value": group}, {"Name": "OperationName", "Value": operation}]
    common = {"Dimensions": dimensions, "Timestamp": minute}
    number = counts.invocations
    data: list[dict[str, Any]] = [
        {**common, "MetricName": "Invocations", "Unit": "Count", "Values": [1.0], "Counts": [float(number)]}
    ]
    for name, errors in (("Operation4XXErrors", counts.client_errors), ("Operation5XXErrors", counts.server_errors)):
        # Calls without an error count as zero, so that the average is a rate.
        parts = [(0.0, number - errors), (1.0, errors)]
        values = {"Values": [value for value, times in parts if times], "Counts": [float(n) for _, n in parts if n]}
        data.append({**common, "MetricName": name, "Unit": "Count", **values})
    times = counts.microseconds
    data += [
        {**common, "MetricName": "Latency", "Unit": "Microseconds", "Values": times[start : start + _MOST_VALUES]}
        for start in range(0, len(times), _MOST_VALUES)
    ]
    return data
