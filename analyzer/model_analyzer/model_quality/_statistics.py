"""statistics.json of model quality: writing a summary as Model Monitor did, and reading either's file.

Format: https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-metrics.html
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np

from model_analyzer._arrays import Floats

from ._classification import binary_metrics, multiclass_metrics
from ._resampling import deviation
from ._summary import Summary
from ._task import ProblemType

SECTIONS: dict[ProblemType, str] = {
    "BinaryClassification": "binary_classification",
    "MulticlassClassification": "multiclass_classification",
    "Regression": "regression",
}
CURVE_POINTS = 500
"""Points of a curve in the file; curves with more are thinned evenly. Areas are computed before."""


def statistics(summary: Summary, evaluation_time: datetime | None = None) -> dict[str, Any]:
    """A summary in the shape of statistics.json.

    Values that do not exist (the precision of a model that predicts no positives) are the text `NaN`, and so are
    standard deviations below 200 rows. `au_prc`, the area under the precision-recall curve, stands beside `auc`.

    Args:
        summary: The predictions.
        evaluation_time: Goes into the file. Default: now.
    """
    kind = summary.task.problem_type
    section: dict[str, Any] = {}
    if kind == "Regression":
        values = summary.errors.metrics()
    else:
        labels = ["0", "1"] if kind == "BinaryClassification" else summary.confusion.labels()
        matrix = summary.confusion.matrix(labels)
        section["confusion_matrix"] = {
            actual: {predicted: int(matrix[0, a, p]) for p, predicted in enumerate(labels)}
            for a, actual in enumerate(labels)
        }
        values = binary_metrics(matrix) if kind == "BinaryClassification" else multiclass_metrics(matrix)
    section |= {name: _metric(per_sample, summary.rows) for name, per_sample in values.items()}
    if kind == "BinaryClassification" and summary.task.probability is not None:
        section |= _curves(summary)
    when = (evaluation_time or datetime.now(UTC)).astimezone(UTC)
    return {
        "version": 0.0,
        "dataset": {
            "item_count": summary.rows,
            "evaluation_time": when.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        },
        f"{SECTIONS[kind]}_metrics": section,
    }


def _metric(per_sample: Floats, rows: int) -> dict[str, Any]:
    return {"value": _number(float(per_sample[0])), "standard_deviation": _number(deviation(per_sample, rows))}


def _number(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _curves(summary: Summary) -> dict[str, Any]:
    scores = summary.scores
    result = {
        "auc": _metric(scores.auc(), summary.rows),
        "au_prc": _metric(scores.area_under_precision_recall(), summary.rows),
    }
    if not math.isnan(float(scores.auc()[0])):
        false_rates, true_rates = _thinned(*scores.roc())
        precisions, recalls = _thinned(*scores.precision_recall())
        result["receiver_operating_characteristic_curve"] = {
            "false_positive_rates": false_rates,
            "true_positive_rates": true_rates,
        }
        result["precision_recall_curve"] = {"precisions": precisions, "recalls": recalls}
    return result


def _thinned(first: Floats, second: Floats) -> tuple[list[float], list[float]]:
    if first.size > CURVE_POINTS:
        chosen = np.linspace(0, first.size - 1, CURVE_POINTS).round().astype(np.int64)
        first, second = first[chosen], second[chosen]
    return first.tolist(), second.tolist()


@dataclass(frozen=True)
class Metric:
    """One number of a statistics.json; NaN where the file has none."""

    value: float
    standard_deviation: float


class QualityStatistics:
    """A statistics.json of model quality, ours or Model Monitor's."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        """Take a parsed file.

        Raises:
            ValueError: The document has no section of metrics.
        """
        sections = {f"{name}_metrics": kind for kind, name in SECTIONS.items()}
        found = [key for key in sections if isinstance(body, Mapping) and isinstance(body.get(key), Mapping)]
        if not found:
            raise ValueError(f"model quality statistics: expected an object with one of {', '.join(sections)}")
        self.body = body
        self.problem_type: ProblemType = sections[found[0]]
        self.section: Mapping[str, Any] = body[found[0]]

    @classmethod
    def from_json(cls, text: str | bytes) -> QualityStatistics:
        """Parse a file.

        Raises:
            ValueError: It is no statistics.json of model quality.
        """
        return cls(json.loads(text))

    @property
    def item_count(self) -> int:
        return int((self.body.get("dataset") or {}).get("item_count", 0))

    @cached_property
    def metrics(self) -> dict[str, Metric]:
        """All metrics that are one number, in the order of the file."""
        return {
            str(name): Metric(_float(entry.get("value")), _float(entry.get("standard_deviation")))
            for name, entry in self.section.items()
            if isinstance(entry, Mapping) and "standard_deviation" in entry
        }

    @property
    def confusion(self) -> Mapping[str, Mapping[str, int]] | None:
        """Counts by actual, then by predicted label."""
        return self.section.get("confusion_matrix")


def _float(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return math.nan
