"""analysis.json: writing metrics as Clarify did, and reading either's file.

Format: https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-processing-job-analysis-results.html
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._config import BiasConfig, Facet
from ._metrics import FLIP_TEST, POST_TRAINING, PRE_TRAINING, Metric, NotComputable, Table
from ._summary import ABOVE, CHOSEN, MISSING, FacetCounts, Summary

PRE, POST = "pre_training_bias_metrics", "post_training_bias_metrics"


def analysis(summary: Summary) -> dict[str, Any]:
    """A summary in the shape of analysis.json.

    A metric without a value has the value null and says why under `error`; infinite ones are text, as Clarify writes
    them. Metrics of predictions are left out where there are none.
    """
    config = summary.config
    result: dict[str, Any] = {"version": "1.0"}
    stages = [(POST, POST_TRAINING)] if config.has_predictions else []
    for section, metrics in [*stages, (PRE, PRE_TRAINING)]:
        facets = {
            facet.name: [
                {"value_or_threshold": text, "metrics": _metrics(summary, facet, member, metrics, section == POST)}
                for member, text in groups(facet, summary.facets.get(facet.name, FacetCounts()))
            ]
            for facet in config.facets
        }
        result[section] = {
            "label": config.label,
            "facets": facets,
            "label_value_or_threshold": _label_text(summary),
        }
    return result


def groups(facet: Facet, counts: FacetCounts) -> list[tuple[str, str]]:
    """Disadvantaged members, and how the file calls them."""
    if facet.threshold is not None:
        return [(ABOVE, interval(facet.threshold, counts.maximum, counts.fractional))]
    if facet.values is not None:
        return [(CHOSEN, ",".join(facet.values))]
    return [(member, member) for member in counts.members()]


def interval(low: float, high: float, fractional: bool) -> str:
    """A half-open interval as Clarify writes it: `(45, 94]`, with decimals if any value has some."""
    if fractional or low != int(low) or not math.isfinite(high):
        return f"({float(low)}, {float(max(low, high))}]"
    return f"({int(low)}, {int(max(low, high))}]"


def _label_text(summary: Summary) -> str:
    config: BiasConfig = summary.config
    if config.label_threshold is not None:
        return interval(config.label_threshold, summary.label_maximum, summary.label_fractional)
    return ",".join(config.label_values or ())


def _metrics(
    summary: Summary, facet: Facet, member: str, metrics: Mapping[str, tuple[str, Metric]], post: bool
) -> list[dict[str, Any]]:
    counts = summary.facets.get(facet.name, FacetCounts())
    table: Table = counts.table(member, summary.config.group_variable is not None)
    entries = []
    for name, (description, metric) in metrics.items():
        entries.append(_entry(name, description, lambda metric=metric: metric(table)))  # type: ignore[misc]
    if post:
        entries.append(_entry(*FLIP_TEST, lambda: _flip_test(summary, facet, member)))
    return sorted(entries, key=lambda entry: str(entry["name"]))


def _flip_test(summary: Summary, facet: Facet, member: str) -> float:
    rows = summary.flip
    if not rows.seen:
        raise NotComputable("there are no rows")
    of_facet = rows.members[:, [f.name for f in summary.config.facets].index(facet.name)]
    return rows.value(of_facet == member, of_facet != MISSING, [facet.name])


def _entry(name: str, description: str, compute: Callable[[], float]) -> dict[str, Any]:
    try:
        value: float | str | None = compute()
    except NotComputable as reason:
        return {"name": name, "description": description, "value": None, "error": str(reason)}
    if isinstance(value, float) and math.isinf(value):
        value = "Infinity" if value > 0 else "-Infinity"
    elif isinstance(value, float) and np.isnan(value):
        return {"name": name, "description": description, "value": None, "error": "the value is not a number"}
    return {"name": name, "description": description, "value": value}


@dataclass(frozen=True)
class BiasEntry:
    """One metric of one group.

    Attributes:
        section: `pre_training_bias_metrics` or `post_training_bias_metrics`.
        facet: Name of the attribute.
        group: The disadvantaged group, as the file calls it.
        name: Short name of the metric.
        description: Its long name.
        value: None where it has none.
        error: Why it has none.
    """

    section: str
    facet: str
    group: str
    name: str
    description: str
    value: float | None
    error: str | None = None

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What two files have in common about a metric: of a threshold's interval only the lower end."""
        group = self.group.split(",")[0] if self.group.startswith("(") and self.group.endswith("]") else self.group
        low = group[1:] if group is not self.group else None
        if low is not None:
            try:
                group = f"({float(low)}"
            except ValueError:
                group = self.group
        return (self.section, self.facet, group, self.name)

    @property
    def neutral(self) -> float:
        """The value that means no bias: 1 for the ratio DI, 0 for all others."""
        return 1.0 if self.name == "DI" else 0.0


class BiasAnalysis:
    """The bias part of an analysis.json, ours or Clarify's."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        """Take a parsed file.

        Raises:
            ValueError: The document has no section of bias metrics.
        """
        sections = [name for name in (PRE, POST) if isinstance(body, Mapping) and isinstance(body.get(name), Mapping)]
        if not sections:
            raise ValueError(f"bias analysis: expected an object with {PRE} or {POST}")
        self.body = body
        self.entries = tuple(entry for name in sections for entry in _entries(name, body[name]))

    @classmethod
    def from_json(cls, text: str | bytes) -> BiasAnalysis:
        """Parse a file.

        Raises:
            ValueError: It is no analysis.json with bias metrics.
        """
        return cls(json.loads(text))


def _entries(section: str, body: Mapping[str, Any]) -> list[BiasEntry]:
    found = []
    for facet, groups in (body.get("facets") or {}).items():
        for group in groups:
            for metric in group.get("metrics") or ():
                value = metric.get("value")
                found.append(
                    BiasEntry(
                        section,
                        str(facet),
                        str(group.get("value_or_threshold", "")),
                        str(metric["name"]),
                        str(metric.get("description") or metric["name"]),
                        None if value is None else float(value),
                        metric.get("error"),
                    )
                )
    return found
