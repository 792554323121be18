"""CloudWatch metrics, published in as few calls as the service allows.

Limits: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html (1000 metrics and 1 MB a
call, timestamps at most two weeks old).
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from shared.clients import is_transient
from shared.log import Logger

MAX_METRICS = 1000
# The wire form of a metric is not larger than its JSON form; a tenth of the megabyte is left for the request around it.
MAX_BYTES = 900_000
MAX_DIMENSION = 1024
MAX_AGE = timedelta(days=14)
#: The largest number that CloudWatch takes, 2 to the 360th; SageMaker Clarify publishes infinite metrics as this.
LARGEST = 2.0**360
ATTEMPTS = 5

log = Logger("metrics")


@dataclass(frozen=True)
class StatisticSet:
    """A summary of many values: what ``Sum``, ``Average``, ``Minimum`` and ``Maximum`` are computed from."""

    count: float
    total: float
    minimum: float
    maximum: float


@dataclass(frozen=True)
class Metric:
    """One data point. ``timestamp`` is aware; ``unit`` is one of CloudWatch's."""

    name: str
    value: float | StatisticSet
    timestamp: datetime
    dimensions: Mapping[str, str] = field(default_factory=dict)
    unit: str = "None"

    def problem(self, now: datetime) -> str | None:
        """Why CloudWatch would refuse it (and the whole call with it), or None."""
        values = (
            (self.value.count, self.value.total, self.value.minimum, self.value.maximum)
            if isinstance(self.value, StatisticSet)
            else (self.value,)
        )
        if not all(math.isfinite(value) for value in values):
            return "its value is not finite"
        if isinstance(self.value, StatisticSet) and self.value.count <= 0:
            return "its sample count is not positive"
        if not self.name.isascii() or not self.name.isprintable() or not 1 <= len(self.name) <= 255:
            return "its name is not 1 to 255 printable ASCII characters"
        for name, value in self.dimensions.items():
            if not value.isascii() or not value.isprintable() or not value.strip() or value[0] == ":":
                return f"its dimension {name} is {value!r}, not printable ASCII that begins with no colon"
            if len(value) > MAX_DIMENSION:
                return f"its dimension {name} has more than {MAX_DIMENSION} characters"
        if now - self.timestamp > MAX_AGE:
            return "it is more than two weeks old"
        return None

    def datum(self) -> dict[str, Any]:
        """The ``MetricDatum`` of the API."""
        datum: dict[str, Any] = {
            "MetricName": self.name,
            "Dimensions": [{"Name": name, "Value": value} for name, value in sorted(self.dimensions.items())],
            "Timestamp": self.timestamp,
            "Unit": self.unit,
        }
        if isinstance(self.value, StatisticSet):
            datum["StatisticValues"] = {
                "SampleCount": self.value.count,
                "Sum": self.value.total,
                "Minimum": self.value.minimum,
                "Maximum": self.value.maximum,
            }
        else:
            datum["Value"] = self.value
        return datum


def within_limits(value: float) -> float:
    """The value; a larger or infinite one becomes the largest number that CloudWatch takes, with its sign."""
    return max(-LARGEST, min(LARGEST, value))


def publish(
    cloudwatch: Any, namespace: str, metrics: Iterable[Metric], *, sleep: Callable[[float], None] = time.sleep
) -> int:
    """Put ``metrics`` into ``namespace``; returns how many were put.

    A metric that CloudWatch would refuse is left out and logged, because one such metric makes the service refuse the
    whole call. Throttled calls are repeated with growing pauses (on top of the client's own retries, because a run with
    thousands of features outlasts them). Raises the service's error when it persists.
    """
    now = datetime.now(tz=UTC)
    accepted: list[Metric] = []
    for metric in metrics:
        problem = metric.problem(now)
        if problem is None:
            accepted.append(metric)
        else:
            log.warning("metric left out", metric=metric.name, namespace=namespace, reason=problem)
    for batch in batches([metric.datum() for metric in accepted]):
        _put(cloudwatch, namespace, batch, sleep)
    return len(accepted)


def batches(data: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Split metric data into lists within the limits of one call."""
    batch: list[dict[str, Any]] = []
    size = 0
    for datum in data:
        length = len(json.dumps(datum, default=str))
        if batch and (len(batch) == MAX_METRICS or size + length > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(datum)
        size += length
    if batch:
        yield batch


def _put(cloudwatch: Any, namespace: str, batch: list[dict[str, Any]], sleep: Callable[[float], None]) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            cloudwatch.put_metric_data(Namespace=namespace, MetricData=batch)
        except ClientError as error:
            if not is_transient(error) or attempt == ATTEMPTS:
                raise
            sleep(0.2 * 2**attempt)
        else:
            return
