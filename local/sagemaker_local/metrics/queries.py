"""MetricDataQueries: the same structure in GetMetricData, in alarms and in dashboards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .expressions import Grid, Series, Value, evaluate, names
from .statistics import validate
from .store import MetricKey, MetricStore

Json = dict[str, Any]


def check(queries: Sequence[Json]) -> None:
    """Raise ValueError unless every query is a metric or an expression that can be computed."""
    known = {query["Id"] for query in queries}
    for query in queries:
        if query.get("MetricStat"):
            validate(query["MetricStat"]["Stat"])
        elif query.get("Expression"):
            text = query["Expression"]
            if text.lstrip().upper().startswith(("SELECT ", "SEARCH(")):
                raise ValueError(f"{text!r}: SEARCH and Metrics Insights queries are not supported here")
            missing = names(text) - known
            if missing:
                raise ValueError(f"{text!r} refers to {sorted(missing)}; there are {sorted(known)}")
        else:
            raise ValueError(f"query {query['Id']!r} needs a MetricStat or an Expression")


def metric_keys(queries: Sequence[Json]) -> set[MetricKey]:
    """Return the metrics that queries read."""
    metrics = [query["MetricStat"]["Metric"] for query in queries if query.get("MetricStat")]
    return {MetricKey.of(item["Namespace"], item["MetricName"], item.get("Dimensions") or ()) for item in metrics}


def period_of(queries: Sequence[Json], default: int = 60) -> int:
    """Return the longest period that the queries name, in seconds."""
    periods = [int((query.get("MetricStat") or query).get("Period") or 0) for query in queries]
    return max(periods, default=0) or default


def run(store: MetricStore, queries: Sequence[Json], start: float, end: float) -> Mapping[str, Series]:
    """Return the series of every query by id, from `start` to `end` (epoch seconds).

    Raises:
        ValueError: if a query cannot be computed.
    """
    check(queries)
    results: dict[str, Series] = {}
    for query in queries:
        if stat := query.get("MetricStat"):
            metric = stat["Metric"]
            key = MetricKey.of(metric["Namespace"], metric["MetricName"], metric.get("Dimensions") or ())
            results[query["Id"]] = store.aggregate(key, stat["Stat"], start, end, int(stat["Period"]), stat.get("Unit"))
    waiting = [query for query in queries if not query.get("MetricStat")]
    while waiting:
        ready = [query for query in waiting if names(query["Expression"]) <= results.keys()]
        if not ready:
            raise ValueError(f"the expressions {[query['Id'] for query in waiting]} refer to each other in a circle")
        for query in ready:
            period = int(query.get("Period") or period_of(queries))
            times = [start + index * period for index in range(int((end - start) // period))]
            variables: dict[str, Value] = dict(results)
            results[query["Id"]] = evaluate(query["Expression"], variables, Grid(times, period))
        waiting = [query for query in waiting if query not in ready]
    return results
