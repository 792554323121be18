"""Metrics of a training job, found in its log by regular expressions."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

_NUMBER = r"([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?|[-+]?inf|nan)"
Listener = Callable[[str, float, int], None]
"""Gets the metric's name, its value and how many values there have been, counted from one."""


@dataclass(frozen=True)
class Point:
    """One value of a metric."""

    name: str
    value: float
    at: datetime


def pattern(text: str) -> re.Pattern[str] | None:
    """Return the regular expression of a MetricDefinition, or None if it is not valid or has no group."""
    try:
        compiled = re.compile(text)
    except re.error:
        return None
    return compiled if compiled.groups else None


class Metrics:
    """The values that a job's log has had so far.

    Args:
        definitions: MetricDefinitions, each with a Name and a Regex.
        now: the virtual time.
        listener: told about every value.
    """

    def __init__(
        self, definitions: list[dict[str, str]], now: Callable[[], datetime], listener: Listener | None = None
    ) -> None:
        self._patterns = [(item["Name"], compiled) for item in definitions if (compiled := pattern(item["Regex"]))]
        self._now = now
        self._listener = listener
        self._points: list[Point] = []
        self._lock = threading.Lock()

    def read(self, line: str) -> None:
        """Look for metrics in a line."""
        for name, expression in self._patterns:
            match = expression.search(line)
            if match is None:
                continue
            try:
                value = float(match.group(1))
            except (TypeError, ValueError):
                continue
            with self._lock:
                self._points.append(Point(name, value, self._now()))
                count = sum(point.name == name for point in self._points)
            if self._listener is not None:
                self._listener(name, value, count)

    def points(self) -> list[Point]:
        """Return every value, oldest first."""
        with self._lock:
            return list(self._points)

    def final(self) -> list[dict[str, Any]]:
        """Return FinalMetricDataList: the last value of each metric."""
        last = {point.name: point for point in self.points()}
        return [{"MetricName": item.name, "Value": item.value, "Timestamp": item.at} for item in last.values()]


def xgboost_definitions() -> list[dict[str, str]]:
    """Return the metrics that SageMaker's own XGBoost algorithm publishes without being asked."""
    names = (
        *("accuracy", "auc", "aucpr", "balanced_accuracy", "error", "f1", "f1_binary", "f1_macro", "gamma-deviance"),
        *("logloss", "mae", "map", "merror", "mlogloss", "mse", "ndcg", "poisson-nloglik", "precision", "r2", "recall"),
        *("rmse", "rmsle", "tweedie-nloglik"),
    )
    return [
        {"Name": f"{side}:{name}", "Regex": rf".*\[[0-9]+\].*#011{side}-{name}:{_NUMBER}.*"}
        for side in ("train", "validation")
        for name in names
    ]
