"""Drift of bias against a baseline; constraint_violations.json.

Rule: https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-model-monitor-bias-drift-violations.html: a metric that is
farther from its neutral value than the baseline's is a violation. With confidence intervals it is one only if the whole
interval is farther, so that small samples do not cry wolf.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

from ._analysis import BiasAnalysis, BiasEntry
from ._intervals import Interval, Key


@dataclass(frozen=True)
class BiasViolation:
    """A metric that is farther from its neutral value than the baseline's, with its interval if there is one."""

    entry: BiasEntry
    baseline: float
    interval: Interval | None = None

    @property
    def value(self) -> float:
        assert self.entry.value is not None  # noqa: S101 - a violation has a value
        return self.entry.value

    def to_dict(self) -> dict[str, str]:
        return {
            "facet": self.entry.facet,
            "facet_value": self.entry.group,
            "metric_name": self.entry.name,
            "constraint_check_type": "bias_drift_check",
            "description": (
                f"Metric value {self.value!r} doesn't meet the baseline constraint requirement {self.baseline!r}"
                + (f" with confidence interval ({i.low!r}, {i.high!r})" if (i := self.interval) is not None else "")
            ),
        }


@dataclass(frozen=True)
class BiasViolations(Sequence[BiasViolation]):
    """The violations of a check, and the metrics of the baseline that have no value in this data."""

    items: tuple[BiasViolation, ...] = ()
    not_computable: tuple[BiasEntry, ...] = ()

    @overload
    def __getitem__(self, index: int) -> BiasViolation: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[BiasViolation]: ...
    def __getitem__(self, index: int | slice) -> BiasViolation | Sequence[BiasViolation]:
        return self.items[index]

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[BiasViolation]:
        return iter(self.items)

    def to_dict(self) -> dict[str, Any]:
        return {"version": "1.0", "violations": [violation.to_dict() for violation in self.items]}

    def to_json(self, indent: int | None = 2) -> str:
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)


def check(
    current: BiasAnalysis | Mapping[str, Any],
    baseline: BiasAnalysis | Mapping[str, Any],
    tolerance: float = 0.0,
    intervals: Mapping[Key, Interval] | None = None,
) -> BiasViolations:
    """Compare an analysis with the baseline's.

    Args:
        current: The analysis.json of the data.
        baseline: The analysis.json of the baseline. Metrics that it has no value for are not checked.
        tolerance: How much farther from neutral a metric may be. Default: 0, as Clarify has it.
        intervals: Confidence intervals of the current metrics, from `bias.intervals`. A metric that has one is in
            violation only if all of it is farther than the baseline. Default: values are compared.

    Raises:
        ValueError: The tolerance is negative, or a document is no analysis.json with bias metrics.
    """
    if not tolerance >= 0:
        raise ValueError(f"tolerance is {tolerance!r}: use 0 or a positive number such as 0.05")
    now = current if isinstance(current, BiasAnalysis) else BiasAnalysis(current)
    then = baseline if isinstance(baseline, BiasAnalysis) else BiasAnalysis(baseline)
    observed = {entry.key: entry for entry in now.entries}
    found: list[BiasViolation] = []
    missing: list[BiasEntry] = []
    for expected in then.entries:
        if expected.value is None:
            continue
        entry = observed.get(expected.key)
        if entry is None or entry.value is None:
            missing.append(entry or expected)
        else:
            interval = intervals.get(entry.key) if intervals is not None else None
            if _distance(entry, interval) > abs(expected.value - expected.neutral) + tolerance:
                found.append(BiasViolation(entry, expected.value, interval))
    return BiasViolations(tuple(found), tuple(missing))


def _distance(entry: BiasEntry, interval: Interval | None) -> float:
    """How far from neutral the metric is, at least."""
    assert entry.value is not None  # noqa: S101 - the caller has seen to it
    if interval is None:
        return abs(entry.value - entry.neutral)
    return max(interval.low - entry.neutral, entry.neutral - interval.high, 0.0)
