"""Endpoint metrics in CloudWatch, one-minute data, gathered here and put together.

See https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

INVOCATIONS = "AWS/SageMaker"
INSTANCES = "/aws/sagemaker/Endpoints"
_MICROSECONDS = {"ModelLatency", "OverheadLatency"}
_MOST_DATA = 500
"""Data that one PutMetricData may carry (1,000 in the service)."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """What a metric is about."""

    account: str
    region: str
    role_arn: str | None
    endpoint: str
    variant: str
    config: str


@dataclass
class Summary:
    """A statistic set: all that CloudWatch keeps of many values."""

    count: float = 0.0
    total: float = 0.0
    least: float = field(default=float("inf"))
    most: float = field(default=float("-inf"))

    def add(self, value: float) -> None:
        """Add one value."""
        self.count += 1
        self.total += value
        self.least = min(self.least, value)
        self.most = max(self.most, value)


@dataclass(frozen=True)
class Outcome:
    """One invocation as the metrics see it."""

    status: int
    model_microseconds: float
    overhead_microseconds: float
    instances: int


class EndpointMetrics:
    """Sums up invocations per minute and writes the sums.

    Every metric is published for EndpointName+VariantName and again with EndpointConfigName, so that alarms can watch
    the new fleet of a deployment alone.

    Args:
        client: `(service, account, region, role_arn)` to a client.
        now: the virtual time.
    """

    def __init__(self, client: Callable[..., Any], now: Callable[[], datetime]) -> None:
        self._client = client
        self._now = now
        self._sums: dict[tuple[Source, datetime], dict[str, Summary]] = {}
        self._lock = threading.Lock()

    def count(self, source: Source, outcome: Outcome) -> None:
        """Count one invocation."""
        minute = self._now().replace(second=0, microsecond=0)
        failed, status = outcome.status >= 300, outcome.status
        values = (
            ("Invocations", 1.0),
            ("InvocationsPerInstance", 1.0 / max(outcome.instances, 1)),
            ("Invocation4XXErrors", float(400 <= status < 500)),
            ("Invocation5XXErrors", float(status >= 500)),
            ("InvocationModelErrors", float(failed)),
            ("ModelLatency", outcome.model_microseconds),
            ("OverheadLatency", outcome.overhead_microseconds),
        )
        with self._lock:
            sums = self._sums.get((source, minute))
            if sums is None:
                sums = self._sums[source, minute] = defaultdict(Summary)
            for name, value in values:
                sums[name].add(value)

    def busy_seconds(self, source: Source) -> float:
        """Return how long the model worked in the minutes that are not written yet."""
        with self._lock:
            return sum(
                sums["ModelLatency"].total / 1e6 for (at, _), sums in self._sums.items() if at == source and sums
            )

    def flush(self) -> None:
        """Write the sums so far. A minute may be written in parts: CloudWatch adds them up."""
        with self._lock:
            sums, self._sums = self._sums, {}
        by_client: dict[tuple[str, str, str | None], list[dict[str, Any]]] = defaultdict(list)
        for (source, minute), metrics in sums.items():
            by_client[source.account, source.region, source.role_arn] += _data(source, minute, metrics)
        for (account, region, role_arn), data in by_client.items():
            self._put(account, region, role_arn, INVOCATIONS, data)

    def put_utilization(self, readings: Iterable[tuple[Source, dict[str, float]]], minute: datetime) -> None:
        """Write CPU, memory and disk use of instances, in percent."""
        by_client: dict[tuple[str, str, str | None], list[dict[str, Any]]] = defaultdict(list)
        for source, values in readings:
            for name, value in values.items():
                by_client[source.account, source.region, source.role_arn] += [
                    {"MetricName": name, "Dimensions": dims, "Timestamp": minute, "Value": value, "Unit": "Percent"}
                    for dims in _dimensions(source)
                ]
        for (account, region, role_arn), data in by_client.items():
            self._put(account, region, role_arn, INSTANCES, data)

    def _put(self, account: str, region: str, role_arn: str | None, namespace: str, data: list[dict[str, Any]]) -> None:
        cloudwatch = self._client("cloudwatch", account, region, role_arn)
        for start in range(0, len(data), _MOST_DATA):
            try:
                cloudwatch.put_metric_data(Namespace=namespace, MetricData=data[start : start + _MOST_DATA])
            except (ClientError, BotoCoreError):
                _log.exception("cannot put metrics of endpoints in %s/%s", account, region)


def _dimensions(source: Source) -> Iterator[list[dict[str, str]]]:
    pair = [
        {"Name": "EndpointName", "Value": source.endpoint},
        {"Name": "VariantName", "Value": source.variant},
    ]
    yield pair
    yield [*pair, {"Name": "EndpointConfigName", "Value": source.config}]


def _data(source: Source, minute: datetime, metrics: dict[str, Summary]) -> list[dict[str, Any]]:
    return [
        {
            "MetricName": name,
            "Dimensions": dimensions,
            "Timestamp": minute,
            "StatisticValues": {
                "SampleCount": summary.count,
                "Sum": summary.total,
                "Minimum": summary.least,
                "Maximum": summary.most,
            },
            "Unit": "Microseconds" if name in _MICROSECONDS else "None",
        }
        for name, summary in metrics.items()
        for dimensions in _dimensions(source)
    ]
