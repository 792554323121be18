"""Endpoint metrics in CloudWatch, one-minute data, gathered here and put together.

See https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

INVOCATIONS = "AWS/SageMaker"
INSTANCES = "/aws/sagemaker/Endpoints"
COMPONENTS = "/aws/sagemaker/InferenceComponents"
_UNITS = {
    **dict.fromkeys(
        (
            "ModelLatency",
            "OverheadLatency",
            "ModelSetupTime",
            "ModelLoadingWaitTime",
            "ModelUnloadingTime",
            "ModelDownloadingTime",
            "ModelLoadingTime",
            "RequestDownloadLatency",
            "ResponseUploadLatency",
        ),
        "Microseconds",
    ),
    **dict.fromkeys(("TimeInBacklog", "TotalProcessingTime"), "Milliseconds"),
    "ApproximateAgeOfOldestRequest": "Seconds",
    **dict.fromkeys(
        (
            "ApproximateBacklogSize",
            "ApproximateBacklogSizePerInstance",
            "HasBacklogWithoutCapacity",
            "RequestDownloadFailures",
            "ResponseUploadFailures",
            "NotificationFailures",
            "ExpiredRequests",
            "InvocationFailures",
            "InvocationsProcesssed",
            "NoCapacityInvocationFailures",
            "ServerlessProvisionedConcurrencyExecutions",
            "ServerlessProvisionedConcurrencyInvocations",
            "ServerlessProvisionedConcurrencySpilloverInvocations",
        ),
        "Count",
    ),
    **dict.fromkeys(
        (
            "CPUUtilization",
            "CPUUtilizationNormalized",
            "MemoryReservation",
            "MemoryUtilization",
            "MemoryUtilizationNormalized",
            "DiskUtilization",
        ),
        "Percent",
    ),
}
_MOST_DATA = 500
"""Data that one PutMetricData carries here (1,000 in the service)."""
_MOST_VALUES = 150
"""Distinct values that one datum may carry."""

Values = Counter[float]
"""How often each value occurred."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """What a metric is about: a variant of an endpoint, an inference component, or (without a variant) an endpoint."""

    account: str
    region: str
    role_arn: str | None
    endpoint: str
    variant: str = ""
    config: str = ""
    component: str | None = None


class EndpointMetrics:
    """Gathers invocations per minute and writes them as values with counts, so that percentiles work.

    Every metric is published for EndpointName+VariantName and again with EndpointConfigName, so that alarms can watch
    the new fleet of a deployment alone.

    Args:
        client: `(service, account, region, role_arn)` to a client.
        now: the virtual time.
    """

    def __init__(self, client: Callable[..., Any], now: Callable[[], datetime]) -> None:
        self._client = client
        self._now = now
        self._minutes: dict[tuple[Source, datetime], dict[str, Values]] = {}
        self._lock = threading.Lock()

    def add(self, source: Source, values: Iterable[tuple[str, float]]) -> None:
        """Count values of one moment, by metric name."""
        minute = self._now().replace(second=0, microsecond=0)
        with self._lock:
            sums = self._minutes.get((source, minute))
            if sums is None:
                sums = self._minutes[source, minute] = defaultdict(Counter)
            for name, value in values:
                sums[name][_rounded(value)] += 1

    def busy_seconds(self, source: Source) -> float:
        """Return how long the model worked in the minutes that are not written yet."""
        with self._lock:
            latencies = [sums["ModelLatency"] for (at, _), sums in self._minutes.items() if at == source]
        return sum(value * count for latency in latencies for value, count in latency.items()) / 1e6

    def flush(self) -> None:
        """Write what there is so far. A minute may be written in parts: CloudWatch adds them up."""
        with self._lock:
            minutes, self._minutes = self._minutes, {}
        by_client: dict[tuple[str, str, str | None], list[dict[str, Any]]] = defaultdict(list)
        for (source, minute), metrics in minutes.items():
            by_client[source.account, source.region, source.role_arn] += _data(source, minute, metrics)
        for (account, region, role_arn), data in by_client.items():
            self._put(account, region, role_arn, INVOCATIONS, data)

    def put_readings(
        self, readings: Iterable[tuple[Source, dict[str, float]]], minute: datetime, namespace: str = INSTANCES
    ) -> None:
        """Write what is measured once a minute, such as the use of instances or the length of a queue."""
        by_client: dict[tuple[str, str, str | None], list[dict[str, Any]]] = defaultdict(list)
        for source, values in readings:
            for name, value in values.items():
                by_client[source.account, source.region, source.role_arn] += [
                    {"MetricName": name, "Dimensions": dims, "Timestamp": minute, "Value": value, "Unit": _unit(name)}
                    for dims in _dimensions(source)
                ]
        for (account, region, role_arn), data in by_client.items():
            self._put(account, region, role_arn, namespace, data)

    def _put(self, account: str, region: str, role_arn: str | None, namespace: str, data: list[dict[str, Any]]) -> None:
        cloudwatch = self._client("cloudwatch", account, region, role_arn)
        for start in range(0, len(data), _MOST_DATA):
            try:
                cloudwatch.put_metric_data(Namespace=namespace, MetricData=data[start : start + _MOST_DATA])
            except (ClientError, BotoCoreError):
                _log.exception("cannot put metrics of endpoints in %s/%s", account, region)


def _dimensions(source: Source) -> Iterator[list[dict[str, str]]]:
    if source.component is not None:
        yield [{"Name": "InferenceComponentName", "Value": source.component}]
        return
    endpoint = {"Name": "EndpointName", "Value": source.endpoint}
    if not source.variant:
        yield [endpoint]
        return
    pair = [endpoint, {"Name": "VariantName", "Value": source.variant}]
    yield pair
    yield [*pair, {"Name": "EndpointConfigName", "Value": source.config}]


def _data(source: Source, minute: datetime, metrics: dict[str, Values]) -> Iterator[dict[str, Any]]:
    for name, values in metrics.items():
        pairs = sorted(values.items())
        for dimensions in _dimensions(source):
            for start in range(0, len(pairs), _MOST_VALUES):
                part = pairs[start : start + _MOST_VALUES]
                yield {
                    "MetricName": name,
                    "Dimensions": dimensions,
                    "Timestamp": minute,
                    "Values": [value for value, _ in part],
                    "Counts": [float(count) for _, count in part],
                    "Unit": _unit(name),
                }


def _unit(name: str) -> str:
    return _UNITS.get(name, "None")


def _rounded(value: float) -> float:
    # Three digits keep percentiles and still let thousands of latencies share a few hundred values.
    return float(f"{value:.3g}")
