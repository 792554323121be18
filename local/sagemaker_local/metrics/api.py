"""PutMetricData, GetMetricData, GetMetricStatistics and ListMetrics."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sagemaker_local.errors import AwsError

from . import queries, statistics
from .service import Metrics, from_values
from .store import MetricKey

if TYPE_CHECKING:
    from sagemaker_local.front import Context, Handler

Json = dict[str, Any]
_STATISTIC_SET = ("SampleCount", "Sum", "Minimum", "Maximum")
_PAGE = 500


class Api:
    """Handlers of the operations."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by operation."""
        return {
            "PutMetricData": self.put_metric_data,
            "GetMetricData": self.get_metric_data,
            "GetMetricStatistics": self.get_metric_statistics,
            "ListMetrics": self.list_metrics,
        }

    def put_metric_data(self, context: Context, params: Json) -> Json:
        if not params.get("Namespace"):
            raise AwsError("MissingParameter", "The parameter Namespace is required.")
        now = context.clock.now()
        data = list(params.get("MetricData") or [])
        for group in params.get("EntityMetricData") or []:
            data += group.get("MetricData") or []
        points = []
        for number, item in enumerate(data, start=1):
            key = MetricKey.of(params["Namespace"], item["MetricName"], item.get("Dimensions") or ())
            at = (item.get("Timestamp") or now).timestamp()
            points.append((key, _datum(item, at, f"MetricData.member.{number}")))
        self._metrics.add(context.account, context.region, points)
        return {}

    def get_metric_data(self, context: Context, params: Json) -> Json:
        start, end = _range(params)
        wanted = params.get("MetricDataQueries") or []
        store = self._metrics.store(context.account, context.region)
        try:
            series = queries.run(store, wanted, start, end)
        except ValueError as error:
            raise AwsError("ValidationError", str(error)) from error
        newest_first = params.get("ScanBy", "TimestampDescending") == "TimestampDescending"
        results = []
        for query in wanted:
            if query.get("ReturnData", True) is False:
                continue
            values = series[query["Id"]]
            times = sorted(values, reverse=newest_first)
            stat = query.get("MetricStat")
            results.append(
                {
                    "Id": query["Id"],
                    "Label": query.get("Label") or (stat["Metric"]["MetricName"] if stat else query["Id"]),
                    "Timestamps": [datetime.fromtimestamp(time, UTC) for time in times],
                    "Values": [values[time] for time in times],
                    "StatusCode": "Complete",
                }
            )
        return {"MetricDataResults": results, "Messages": []}

    def get_metric_statistics(self, context: Context, params: Json) -> Json:
        start, end = _range(params)
        period = int(params["Period"])
        plain, extended = params.get("Statistics") or [], params.get("ExtendedStatistics") or []
        if not plain and not extended:
            raise AwsError("InvalidParameterCombination", "Must specify either Statistics or ExtendedStatistics")
        key = MetricKey.of(params["Namespace"], params["MetricName"], params.get("Dimensions") or ())
        store = self._metrics.store(context.account, context.region)
        points: dict[float, Json] = {}
        for stat in [*plain, *extended]:
            try:
                values = store.aggregate(key, stat, start, end, period, params.get("Unit"))
            except ValueError as error:
                raise AwsError("InvalidParameterValue", str(error)) from error
            for time, value in values.items():
                stamp = {"Timestamp": datetime.fromtimestamp(time, UTC), "Unit": self._unit(context, key, time, period)}
                point = points.setdefault(time, stamp)
                if stat in plain:
                    point[stat] = value
                else:
                    point.setdefault("ExtendedStatistics", {})[stat] = value
        return {"Label": params["MetricName"], "Datapoints": [points[time] for time in sorted(points)]}

    def list_metrics(self, context: Context, params: Json) -> Json:
        filters = params.get("Dimensions") or []

        def fits(key: MetricKey) -> bool:
            dimensions = dict(key.dimensions)
            return (
                params.get("Namespace") in (None, key.namespace)
                and params.get("MetricName") in (None, key.name)
                and all(
                    item["Name"] in dimensions and item.get("Value") in (None, dimensions[item["Name"]])
                    for item in filters
                )
            )

        store = self._metrics.store(context.account, context.region)
        found = sorted((key for key in store.metrics() if fits(key)), key=repr)
        begin = int(params.get("NextToken") or 0)
        result: Json = {"Metrics": [key.as_metric() for key in found[begin : begin + _PAGE]]}
        if begin + _PAGE < len(found):
            result["NextToken"] = str(begin + _PAGE)
        return result

    def _unit(self, context: Context, key: MetricKey, start: float, period: int) -> str:
        store = self._metrics.store(context.account, context.region)
        return store.between(key, start, start + period)[0].unit


def _datum(item: Json, at: float, where: str) -> statistics.Datum:
    unit = item.get("Unit") or "None"
    found = item.get("StatisticValues")
    if found:
        missing = [name for name in _STATISTIC_SET if name not in found]
        if missing:
            raise AwsError("MissingParameter", f"The parameter {where}.StatisticValues.{missing[0]} is required.")
        count, total, low, high = (float(found[name]) for name in _STATISTIC_SET)
        _finite([count, total, low, high], f"{where}.StatisticValues")
        return statistics.Datum(at, count, total, low, high, None, unit)
    values = [float(value) for value in item.get("Values") or []]
    if values and item.get("Value") is not None:
        raise AwsError(
            "InvalidParameterCombination", f"The parameters {where}.Value and {where}.Values are mutually exclusive."
        )
    if not values and item.get("Value") is None:
        raise AwsError("MissingParameter", f"At least one of {where}.Value, Values or StatisticValues must be given.")
    values = values or [float(item["Value"])]
    counts = [float(count) for count in item.get("Counts") or []] or [1.0] * len(values)
    if len(counts) != len(values):
        raise AwsError(
            "InvalidParameterValue", f"The parameters {where}.Values and {where}.Counts must be of the same size."
        )
    _finite(values, f"{where}.Value")
    return from_values(at, values, counts, unit)


def _finite(values: list[float], where: str) -> None:
    for value in values:
        if not math.isfinite(value) or abs(value) > 2.0**360:
            raise AwsError("InvalidParameterValue", f"The value {value} for parameter {where} is invalid.")


def _range(params: Json) -> tuple[float, float]:
    start, end = params["StartTime"].timestamp() // 60 * 60, params["EndTime"].timestamp()
    if start >= end:
        raise AwsError("ValidationError", "The parameter StartTime must be less than the parameter EndTime.")
    return start, end
