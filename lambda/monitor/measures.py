"""A run's results as CloudWatch metrics. Pure.

Two namespaces: the run itself in our own, and every feature's numbers where Model Monitor publishes them, under its
names and dimensions, so that alarms and dashboards made for it keep working.
https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-interpreting-cloudwatch.html
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from monitor.analysis import Outcome
from monitor.run import Run
from monitor.settings import Settings
from shared.metrics import Metric, StatisticSet

RUN_NAMESPACE = "SageMakerMLOps/Monitoring"
FEATURE_NAMESPACE = "aws/sagemaker/Endpoints/data-metrics"


def health(
    settings: Settings,
    at: datetime,
    *,
    completed: bool = False,
    failed: bool = False,
    without_data: bool = False,
    baseline_missing: bool | None,
    seconds: float,
) -> list[Metric]:
    """How the run went, dated at the time for which it was scheduled, so that alarms on it are about now.

    ``baseline_missing`` is None when the run failed before that was known. Every run publishes zeros as well as ones: a
    metric that never had a value cannot be told from one of a monitor that does not run.
    """
    counts = {"RunsCompleted": completed, "RunsFailed": failed, "RunsWithoutData": without_data}
    if baseline_missing is not None:
        counts["BaselineMissing"] = baseline_missing
    points = [Metric(name, float(value), at, _dimensions(settings), "Count") for name, value in counts.items()]
    return [*points, Metric("RunSeconds", seconds, at, _dimensions(settings), "Seconds")]


def traffic(settings: Settings, run: Run, records: int, violations: int | None) -> list[Metric]:
    """How much was read and how much is wrong, dated at the window's start; ``violations`` is None if unchecked."""
    start = run.window.start
    points = [Metric("Records", float(records), start, _dimensions(settings), "Count")]
    if violations is not None:
        points.append(Metric("Violations", float(violations), start, _dimensions(settings), "Count"))
    return points


def features(settings: Settings, run: Run, outcome: Outcome) -> list[Metric]:
    """Every feature's drift, presence and values, dated at the window's start as Model Monitor dates them."""
    if not settings.publish_feature_metrics or not outcome.emit_metrics:
        return []
    return [Metric(name, value, run.window.start, _dimensions(settings)) for name, value in _features(outcome)]


def _features(outcome: Outcome) -> Iterator[tuple[str, float | StatisticSet]]:
    for feature in outcome.statistics["features"]:
        name = feature["name"]
        numbers = feature.get("numerical_statistics")
        common = (numbers or feature.get("string_statistics") or {}).get("common", {})
        present, missing = int(common.get("num_present", 0)), int(common.get("num_missing", 0))
        if present + missing:
            # One value per row, 1 if it is there: Sum counts the values, Average is the completeness.
            yield (
                f"feature_non_null_{name}",
                StatisticSet(present + missing, present, 0.0 if missing else 1.0, 1.0 if present else 0.0),
            )
        if numbers and present and all(_is_number(numbers.get(key)) for key in ("sum", "min", "max")):
            yield f"feature_data_{name}", StatisticSet(present, numbers["sum"], numbers["min"], numbers["max"])
        if name in outcome.distances:
            yield f"feature_baseline_drift_{name}", outcome.distances[name]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _dimensions(settings: Settings) -> dict[str, str]:
    return {"Endpoint": settings.endpoint_name, "MonitoringSchedule": settings.schedule_name}
