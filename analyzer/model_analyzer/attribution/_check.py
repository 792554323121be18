"""Drift of the attribution ranking against a baseline; constraint_violations.json.

Rule: https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-model-monitor-feature-attribution-drift.html
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ._analysis import AttributionAnalysis, LabelAttribution

THRESHOLD = 0.9


@dataclass(frozen=True)
class AttributionScore:
    """How well the ranking of a label's features agrees with the baseline's.

    Attributes:
        label: The label.
        value: nDCG, 1 for the same ranking; None if the data has no attributions of the label.
        threshold: The smallest value allowed.
    """

    label: str
    value: float | None
    threshold: float = THRESHOLD

    @property
    def exceeded(self) -> bool:
        return self.value is not None and self.value < self.threshold


@dataclass(frozen=True)
class AttributionViolations:
    """The scores of a check; those below the threshold are violations."""

    scores: tuple[AttributionScore, ...] = ()

    @property
    def violations(self) -> list[AttributionScore]:
        return [score for score in self.scores if score.exceeded]

    def __len__(self) -> int:
        return len(self.violations)

    def to_dict(self) -> dict[str, Any]:
        return {
            "version": "1.0",
            "violations": [
                {
                    "label": score.label,
                    "metric_name": "shap",
                    "constraint_check_type": "feature_attribution_drift_check",
                    "description": f"Feature attribution drift {score.value!r} exceeds threshold {score.threshold!r}",
                }
                for score in self.violations
            ],
        }

    def to_json(self, indent: int | None = 2) -> str:
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)


def ndcg(baseline: Mapping[str, float], ranking: Sequence[str]) -> float:
    """How well a ranking agrees with the baseline's attributions: 1 for the same order, lower the more important the
    features are that moved down.

    Features that the baseline does not know add nothing; those that the ranking lacks are lost.
    """
    gains = [abs(baseline.get(feature, 0.0)) for feature in ranking]
    ideal = sorted((abs(value) for value in baseline.values()), reverse=True)
    best = _discounted(ideal)
    return _discounted(gains) / best if best else 1.0


def _discounted(gains: Sequence[float]) -> float:
    return math.fsum(gain / math.log2(position + 2) for position, gain in enumerate(gains))


def check(
    current: AttributionAnalysis | Mapping[str, Any],
    baseline: AttributionAnalysis | Mapping[str, Any],
    threshold: float = THRESHOLD,
) -> AttributionViolations:
    """Compare an analysis with the baseline's, label by label.

    Args:
        current: The analysis.json of the data.
        baseline: The analysis.json of the baseline.
        threshold: The smallest nDCG allowed, 0 to 1. Default: 0.9, which Clarify has fixed.

    Raises:
        ValueError: The threshold lies outside 0 to 1, or a document has no SHAP values.
    """
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold is {threshold!r}: use a number from 0 to 1")
    now = current if isinstance(current, AttributionAnalysis) else AttributionAnalysis(current)
    then = baseline if isinstance(baseline, AttributionAnalysis) else AttributionAnalysis(baseline)
    scores = []
    for name, expected in then.labels.items():
        found: LabelAttribution | None = now.labels.get(name)
        value = ndcg(expected.values, found.ranking()) if found is not None else None
        scores.append(AttributionScore(name, value, threshold))
    return AttributionViolations(tuple(scores))
