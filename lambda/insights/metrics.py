"""CloudWatch: what endpoint and monitors published over the period. Read-only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from insights.facts import Series

RUN_NAMESPACE = "SageMakerMLOps/Monitoring"
#: Where the analyses publish, by SageMaker's name of their kind.
ANALYSIS_NAMESPACES: Mapping[str, str] = {
    "DataQuality": "aws/sagemaker/Endpoints/data-metrics",
    "ModelQuality": "aws/sagemaker/Endpoints/model-metrics",
    "ModelBias": "aws/sagemaker/Endpoints/bias-metrics",
    "ModelExplainability": "aws/sagemaker/Endpoints/explainability-metrics",
}
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
_QUERIES_PER_CALL = 500
#: Metrics of one monitor that are looked at: a table of a thousand columns is no report.
_MOST_METRICS = 1000


@dataclass(frozen=True)
class Query:
    """One line to ask for. ``dimensions`` are (name, value) pairs."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str


class Metrics:
    """Reader of one period in steps of ``step_seconds``."""

    def __init__(self, cloudwatch: Any, since: datetime, until: datetime, step_seconds: int) -> None:
        self._cloudwatch = cloudwatch
        self._since, self._until, self._step = since, until, step_seconds

    def monitors(self, endpoint: str) -> dict[str, list[Query]]:
        """Monitors that published about the endpoint: name to the metrics of runs that it has."""
        found: dict[str, list[Query]] = {}
        for query in self._list(RUN_NAMESPACE, endpoint):
            found.setdefault(dict(query.dimensions)["MonitoringSchedule"], []).append(query)
        return found

    def analyses(self, endpoint: str) -> dict[tuple[str, str], list[Query]]:
        """Metrics of the analyses by (monitor, kind)."""
        found: dict[tuple[str, str], list[Query]] = {}
        for kind, namespace in ANALYSIS_NAMESPACES.items():
            for query in self._list(namespace, endpoint):
                found.setdefault((dict(query.dimensions)["MonitoringSchedule"], kind), []).append(query)
        return found

    def read(self, queries: Sequence[Query]) -> dict[Query, Series]:
        """The series of all queries; a metric without values has an empty one."""
        found: dict[Query, Series] = {}
        for start in range(0, len(queries), _QUERIES_PER_CALL):
            found |= self._read(queries[start : start + _QUERIES_PER_CALL])
        return found

    def _read(self, queries: Sequence[Query]) -> dict[Query, Series]:
        points: dict[str, list[tuple[datetime, float]]] = {}
        pages = self._cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=[
                {
                    "Id": f"q{number}",
                    "MetricStat": {
                        "Metric": {
                            "Namespace": query.namespace,
                            "MetricName": query.name,
                            "Dimensions": [{"Name": name, "Value": value} for name, value in query.dimensions],
                        },
                        "Period": self._step,
                        "Stat": query.statistic,
                    },
                }
                for number, query in enumerate(queries)
            ],
            StartTime=self._since,
            EndTime=self._until,
            ScanBy="TimestampAscending",
        )
        for page in pages:
            for result in page["MetricDataResults"]:
                points.setdefault(result["Id"], []).extend(zip(result["Timestamps"], result["Values"], strict=True))
        return {
            query: Series(query.name, tuple(sorted(points.get(f"q{number}", ()))))
            for number, query in enumerate(queries)
        }

    def _list(self, namespace: str, endpoint: str) -> Iterator[Query]:
        pages = self._cloudwatch.get_paginator("list_metrics").paginate(
            Namespace=namespace, Dimensions=[{"Name": "Endpoint", "Value": endpoint}]
        )
        count = 0
        for page in pages:
            for metric in page["Metrics"]:
                dimensions = tuple(sorted((item["Name"], item["Value"]) for item in metric["Dimensions"]))
                # Per-hour sums of counts; distances and other numbers as they are.
                statistic = "Sum" if namespace == RUN_NAMESPACE else "Maximum"
                if "MonitoringSchedule" in dict(dimensions):
                    yield Query(namespace, metric["MetricName"], dimensions, statistic)
                    count += 1
                if count >= _MOST_METRICS:
                    return


def total(series: Iterable[Series], name: str) -> Series:
    """The sum of several series, point by point."""
    sums: dict[datetime, float] = {}
    for line in series:
        for moment, value in line.points:
            sums[moment] = sums.get(moment, 0.0) + value
    return Series(name, tuple(sorted(sums.items())))


def largest(series: Iterable[Series], name: str) -> Series:
    """The largest of several series, point by point."""
    tops: dict[datetime, float] = {}
    for line in series:
        for moment, value in line.points:
            tops[moment] = max(tops.get(moment, value), value)
    return Series(name, tuple(sorted(tops.items())))
