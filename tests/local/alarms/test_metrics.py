"""Metric storage, statistics and metric math."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from sagemaker_local.metrics.expressions import Grid, Value, evaluate
from sagemaker_local.metrics.service import from_values
from sagemaker_local.metrics.statistics import statistic

A = {0.0: 1.0, 60.0: 2.0, 120.0: 3.0}
B = {0.0: 4.0, 120.0: 0.0}
GRID = Grid([0.0, 60.0, 120.0, 180.0], 60)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b", {0.0: 5.0, 120.0: 3.0}),
        ("2 * (a - 1) ^ 2", {0.0: 0.0, 60.0: 2.0, 120.0: 8.0}),
        ("-a / b", {0.0: -0.25}),
        ("100 * SUM([a, b])", {0.0: 500.0, 60.0: 200.0, 120.0: 300.0}),
        ("MAX(METRICS())", {0.0: 4.0, 60.0: 2.0, 120.0: 3.0}),
        ("AVG(a)", {0.0: 2.0, 60.0: 2.0, 120.0: 2.0, 180.0: 2.0}),
        ("FILL(b, 7)", {0.0: 4.0, 60.0: 7.0, 120.0: 0.0, 180.0: 7.0}),
        ("FILL(b, REPEAT)", {0.0: 4.0, 60.0: 4.0, 120.0: 0.0, 180.0: 0.0}),
        ("FILL(b, LINEAR)", {0.0: 4.0, 60.0: 2.0, 120.0: 0.0}),
        ("IF(a > 1 AND FILL(b, 0) < 4, a, 0)", {0.0: 0.0, 60.0: 2.0, 120.0: 3.0}),
        ("IF(b == 0, 1)", {120.0: 1.0}),
        ("DIFF(a)", {60.0: 1.0, 120.0: 1.0}),
        ("RATE(a) * PERIOD(a)", {60.0: 1.0, 120.0: 1.0}),
        ("RUNNING_SUM(a)", {0.0: 1.0, 60.0: 3.0, 120.0: 6.0}),
        ("CEIL(LOG10(b))", {0.0: 1.0}),
    ],
)
def test_expressions(text: str, expected: dict[float, float]) -> None:
    variables: dict[str, Value] = {"a": A, "b": B}
    found = evaluate(text, variables, GRID)
    assert found.keys() == expected.keys()
    assert all(math.isclose(found[at], value) for at, value in expected.items())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a +", "ends too early"),
        ("a ? b", "cannot read"),
        ("c", "no query with the id 'c'; there are \\['a'\\]"),
        ("ANOMALY_DETECTION_BAND(a)", "not supported"),
        ("[a, a]", "single time series"),
    ],
)
def test_expression_refusals(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        evaluate(text, {"a": A}, GRID)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.floats(0, 100))
def test_percentiles_agree_with_numpy(values: list[float], percent: float) -> None:
    percent = round(percent, 2)
    data = [from_values(0.0, values[: len(values) // 2 + 1], [1.0] * (len(values) // 2 + 1), "None")]
    if rest := values[len(values) // 2 + 1 :]:
        data.append(from_values(1.0, rest, [1.0] * len(rest), "None"))
    found = statistic(data, f"p{percent:g}" if percent >= 0.01 else "p0")
    assert found is not None
    assert math.isclose(found, numpy.percentile(values, percent if percent >= 0.01 else 0), rel_tol=1e-6, abs_tol=1e-6)


def test_trimmed_statistics() -> None:
    data = [from_values(0.0, [float(value) for value in range(1, 101)], [1.0] * 100, "None")]
    assert statistic(data, "TM(10%:90%)") == pytest.approx(50.5)
    assert statistic(data, "tm99") == pytest.approx(50.0)
    assert statistic(data, "PR(:50)") == pytest.approx(50.0)
    assert statistic(data, "TC(11:20)") == 10
    assert statistic(data, "TS(11:20)") == 155
    assert statistic(data, "IQM") == pytest.approx(50.5)


def test_put_and_get(bench: Any) -> None:
    client = bench.client("cloudwatch")
    start = datetime(2026, 11, 1, 12, tzinfo=UTC)
    dimensions = [{"Name": "Endpoint", "Value": "churn"}]

    def datum(minutes: int, **value: Any) -> dict[str, Any]:
        return {
            "MetricName": "Drift",
            "Dimensions": dimensions,
            "Timestamp": start + timedelta(minutes=minutes),
            **value,
        }

    client.put_metric_data(
        Namespace="Test",
        MetricData=[
            datum(0, Value=1.0),
            datum(3, Values=[2.0, 4.0], Counts=[1, 3]),
            datum(7, StatisticValues={"SampleCount": 2, "Sum": 10, "Minimum": 4, "Maximum": 6}),
            {"MetricName": "Drift", "Value": 99.0, "Timestamp": start},
        ],
    )
    stats = client.get_metric_statistics(
        Namespace="Test",
        MetricName="Drift",
        Dimensions=dimensions,
        StartTime=start,
        EndTime=start + timedelta(minutes=10),
        Period=300,
        Statistics=["Sum", "Average", "Minimum", "Maximum", "SampleCount"],
        ExtendedStatistics=["p50"],
    )["Datapoints"]
    assert [(point["Sum"], point["SampleCount"], point["Maximum"]) for point in stats] == [(15, 5, 4), (10, 2, 6)]
    assert stats[0]["ExtendedStatistics"] == {"p50": 4.0}
    metric = {"Namespace": "Test", "MetricName": "Drift", "Dimensions": dimensions}
    answer = client.get_metric_data(
        StartTime=start,
        EndTime=start + timedelta(minutes=10),
        ScanBy="TimestampAscending",
        MetricDataQueries=[
            {"Id": "m", "MetricStat": {"Metric": metric, "Period": 300, "Stat": "Average"}, "ReturnData": False},
            {"Id": "e", "Expression": "m * 100", "Label": "Percent"},
        ],
    )["MetricDataResults"]
    assert [(item["Id"], item["Label"], item["Values"]) for item in answer] == [("e", "Percent", [300.0, 500.0])]
    assert answer[0]["Timestamps"] == [start, start + timedelta(minutes=5)]
    listed = client.list_metrics(Namespace="Test", Dimensions=[{"Name": "Endpoint"}])["Metrics"]
    assert listed == [{"Namespace": "Test", "MetricName": "Drift", "Dimensions": dimensions}]


def test_bad_data_is_refused(bench: Any) -> None:
    client = bench.client("cloudwatch")
    with pytest.raises(ClientError, match="same size"):
        client.put_metric_data(Namespace="Bad", MetricData=[{"MetricName": "m", "Values": [1.0, 2.0], "Counts": [1.0]}])
    with pytest.raises(ClientError, match="inf"):
        client.put_metric_data(Namespace="Bad", MetricData=[{"MetricName": "m", "Value": math.inf}])
    assert client.list_metrics(Namespace="Bad")["Metrics"] == []
