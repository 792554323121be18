"""analysis.json: global SHAP values as Clarify wrote them, and reading either's file.

Format: https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-processing-job-analysis-results.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ._summary import AGGREGATIONS, Aggregation, Summary

SECTION = "kernel_shap"
"""The key under which readers look for SHAP values, however they were computed."""


def analysis(
    summary: Summary, aggregation: Aggregation = "mean_abs", label_headers: Sequence[str] | None = None
) -> dict[str, Any]:
    """A summary in the shape of analysis.json.

    Args:
        summary: The SHAP values.
        aggregation: How they become one number per feature.
        label_headers: Names of the labels. Default: `label0`, `label1`, ...

    Raises:
        ValueError: The aggregation is unknown, or the number of names is wrong.
    """
    if aggregation not in AGGREGATIONS:
        raise ValueError(f"aggregation is {aggregation!r}: use {', '.join(AGGREGATIONS)}")
    labels = summary.expected.size
    names = list(label_headers or [f"label{n}" for n in range(labels)])
    if labels and len(names) != labels:
        raise ValueError(f"{len(names)} labels are named, the model has {labels}")
    values = summary.values(aggregation)
    return {
        "version": "1.0",
        "explanations": {
            SECTION: {
                names[label]: {
                    "global_shap_values": {
                        feature: float(values[position, label]) for position, feature in enumerate(summary.features)
                    },
                    "expected_value": float(summary.expected[label]),
                }
                for label in range(labels)
            },
            "method": summary.method,
            "agg_method": aggregation,
            "item_count": summary.rows,
        },
    }


@dataclass(frozen=True)
class LabelAttribution:
    """Global SHAP values of one label, by feature."""

    label: str
    values: Mapping[str, float]
    expected: float | None

    def ranking(self) -> list[str]:
        """Features by falling strength; equally strong ones by name."""
        return sorted(self.values, key=lambda name: (-abs(self.values[name]), name))


class AttributionAnalysis:
    """The explanations of an analysis.json, ours or Clarify's."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        """Take a parsed file.

        Raises:
            ValueError: The document has no SHAP values.
        """
        explanations = body.get("explanations") if isinstance(body, Mapping) else None
        labels = explanations.get(SECTION) if isinstance(explanations, Mapping) else None
        if not isinstance(labels, Mapping):
            raise ValueError(f"attribution analysis: expected an object with explanations.{SECTION}")  # noqa: TRY004
        self.body = body
        self.method = str((explanations or {}).get("method", SECTION))
        self.aggregation = str((explanations or {}).get("agg_method", ""))
        self.item_count = (explanations or {}).get("item_count")
        self.labels = {str(name): _label(str(name), entry) for name, entry in labels.items()}

    @classmethod
    def from_json(cls, text: str | bytes) -> AttributionAnalysis:
        """Parse a file.

        Raises:
            ValueError: It is no analysis.json with SHAP values.
        """
        return cls(json.loads(text))


def _label(name: str, entry: Any) -> LabelAttribution:
    values = entry.get("global_shap_values") if isinstance(entry, Mapping) else None
    if not isinstance(values, Mapping):
        raise ValueError(f"attribution analysis: label {name} has no global_shap_values")  # noqa: TRY004
    expected = entry.get("expected_value")
    return LabelAttribution(
        name,
        {str(feature): float(value) for feature, value in values.items()},
        float(expected) if isinstance(expected, int | float) else None,
    )
