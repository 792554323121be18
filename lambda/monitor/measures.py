"""A run's results as CloudWatch metrics. Pure.

Two namespaces: the run itself in our own, and the analysis' numbers where Model Monitor publishes them, under its names
and dimensions, so that alarms and dashboards made for it keep working.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from monitor.analysis import LabelCounts, Point
from monitor.run import Run
from monitor.settings import Settings
from shared.metrics import Metric

RUN_NAMESPACE = "SageMakerMLOps/Monitoring"


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


def traffic(
    settings: Settings, run: Run, records: int, violations: int | None, labels: LabelCounts | None
) -> list[Metric]:
    """How much was read and how much is wrong, dated as `Run` says; ``violations`` is None if unchecked."""
    counts = {"Records": records}
    if labels is not None:
        counts |= {
            "LabelledRecords": labels.matched,
            "UnlabelledRecords": labels.unlabelled,
            "LateLabels": labels.late,
            "DuplicateLabels": labels.duplicates,
        }
    if violations is not None:
        counts["Violations"] = violations
    dimensions = _dimensions(settings)
    return [Metric(name, float(value), run.dated, dimensions, "Count") for name, value in counts.items()]


def analysed(settings: Settings, run: Run, points: Iterable[Point]) -> list[Metric]:
    """The analysis' own metrics. Windows that end at the run are dated at their start, as Model Monitor dates them."""
    own = _dimensions(settings)
    return [Metric(point.name, point.value, run.dated, {**own, **point.dimensions}) for point in points]


def _dimensions(settings: Settings) -> dict[str, str]:
    return {**settings.source.dimensions, "MonitoringSchedule": settings.schedule_name}
