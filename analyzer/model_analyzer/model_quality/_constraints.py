"""constraints.json and constraint_violations.json of model quality.

Format: https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-baseline.html
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args, overload

from ._statistics import SECTIONS, QualityStatistics
from ._task import ProblemType

Operator = Literal["LessThanThreshold", "GreaterThanThreshold"]

LOWER_IS_BETTER = frozenset({"mae", "mse", "rmse", "false_positive_rate", "false_negative_rate"})


@dataclass(frozen=True)
class Threshold:
    """When a metric is a violation: below the threshold, or above it."""

    threshold: float
    comparison_operator: Operator

    def broken_by(self, value: float) -> bool:
        below = self.comparison_operator == "LessThanThreshold"
        return value < self.threshold if below else value > self.threshold


@dataclass(frozen=True)
class QualityConstraints:
    """A constraints.json of model quality."""

    problem_type: ProblemType
    metrics: Mapping[str, Threshold]

    def to_dict(self) -> dict[str, Any]:
        entries = {
            name: {"threshold": entry.threshold, "comparison_operator": entry.comparison_operator}
            for name, entry in self.metrics.items()
        }
        return {"version": 0.0, f"{SECTIONS[self.problem_type]}_constraints": entries}

    def to_json(self, indent: int | None = 2) -> str:
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> QualityConstraints:
        """Parse a file of ours or of Model Monitor's.

        Raises:
            ValueError: It is no constraints.json of model quality, or holds values that are not allowed.
        """
        return cls.from_dict(json.loads(text))

    @classmethod
    def from_dict(cls, body: Any) -> QualityConstraints:
        """The same from a parsed file."""
        sections = {f"{name}_constraints": kind for kind, name in SECTIONS.items()}
        found = [key for key in sections if isinstance(body, Mapping) and isinstance(body.get(key), Mapping)]
        if not found:
            raise ValueError(f"model quality constraints: expected an object with one of {', '.join(sections)}")
        problems: list[str] = []
        metrics: dict[str, Threshold] = {}
        for name, entry in body[found[0]].items():
            entry = entry if isinstance(entry, Mapping) else {}
            threshold, operator = entry.get("threshold"), entry.get("comparison_operator")
            if isinstance(threshold, bool) or not isinstance(threshold, int | float):
                problems.append(f"{name}: threshold is {threshold!r}: use a number")
            elif operator not in get_args(Operator):
                problems.append(f"{name}: comparison_operator is {operator!r}: use {' or '.join(get_args(Operator))}")
            else:
                metrics[str(name)] = Threshold(float(threshold), cast("Operator", operator))
        if problems:
            raise ValueError("model quality constraints: " + "; ".join(problems))
        return cls(sections[found[0]], metrics)


@dataclass(frozen=True)
class QualityViolation:
    """A metric on the wrong side of its threshold."""

    metric_name: str
    value: float
    standard_deviation: float
    threshold: Threshold

    @property
    def constraint_check_type(self) -> Operator:
        return self.threshold.comparison_operator

    @property
    def description(self) -> str:
        spread = "" if math.isnan(self.standard_deviation) else f" +/- {self.standard_deviation!r}"
        return (
            f"Metric {self.metric_name} with {self.value!r}{spread} was "
            f"{self.constraint_check_type} {self.threshold.threshold!r}"
        )

    def to_dict(self) -> dict[str, str]:
        return {
            "constraint_check_type": self.constraint_check_type,
            "description": self.description,
            "metric_name": self.metric_name,
        }


@dataclass(frozen=True)
class QualityViolations(Sequence[QualityViolation]):
    """The violations of a check, and the metrics that could not be checked because they have no value."""

    items: tuple[QualityViolation, ...] = ()
    not_computable: tuple[str, ...] = ()

    @overload
    def __getitem__(self, index: int) -> QualityViolation: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[QualityViolation]: ...
    def __getitem__(self, index: int | slice) -> QualityViolation | Sequence[QualityViolation]:
        return self.items[index]

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[QualityViolation]:
        return iter(self.items)

    def to_dict(self) -> dict[str, Any]:
        return {"violations": [violation.to_dict() for violation in self.items]}

    def to_json(self, indent: int | None = 2) -> str:
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)


def suggest(statistics: QualityStatistics | Mapping[str, Any], tolerance: float = 0.0) -> QualityConstraints:
    """Constraints that a baseline satisfies.

    The figures of constant classifiers describe the labels, not the model, and get no constraint.

    Args:
        statistics: The baseline's statistics.json.
        tolerance: How much worse than the baseline a metric may be, as a share of the baseline's value. Default: 0, as
            Model Monitor suggests.

    Raises:
        ValueError: The tolerance is negative.
    """
    if not tolerance >= 0:
        raise ValueError(f"tolerance is {tolerance!r}: use 0 or a positive share such as 0.05")
    baseline = statistics if isinstance(statistics, QualityStatistics) else QualityStatistics(statistics)
    chosen: dict[str, Threshold] = {}
    for name, metric in baseline.metrics.items():
        if name.endswith("_best_constant_classifier") or not math.isfinite(metric.value):
            continue
        slack = abs(metric.value) * tolerance
        if name in LOWER_IS_BETTER:
            chosen[name] = Threshold(metric.value + slack, "GreaterThanThreshold")
        else:
            chosen[name] = Threshold(metric.value - slack, "LessThanThreshold")
    return QualityConstraints(baseline.problem_type, chosen)


def check(statistics: QualityStatistics | Mapping[str, Any], constraints: QualityConstraints) -> QualityViolations:
    """Compare metrics with their thresholds.

    A metric without a value (`NaN`: a window without positive labels has no recall) is no violation; its name is in
    `not_computable`.

    Raises:
        ValueError: Statistics and constraints are of different problem types.
    """
    current = statistics if isinstance(statistics, QualityStatistics) else QualityStatistics(statistics)
    if current.problem_type != constraints.problem_type:
        raise ValueError(
            f"statistics are of {current.problem_type}, constraints of {constraints.problem_type}: "
            "make the baseline with the same problem type"
        )
    found: list[QualityViolation] = []
    missing: list[str] = []
    for name, threshold in constraints.metrics.items():
        metric = current.metrics.get(name)
        if metric is None or math.isnan(metric.value):
            missing.append(name)
        elif threshold.broken_by(metric.value):
            found.append(QualityViolation(name, metric.value, metric.standard_deviation, threshold))
    return QualityViolations(tuple(found), tuple(missing))
