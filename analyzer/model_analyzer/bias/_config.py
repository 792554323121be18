"""What to measure: facets, positive labels, and the columns of labels and predictions.

Settings: https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-config-json-monitor-bias-parameters.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from model_analyzer.inputs import GROUND_TRUTH


@dataclass(frozen=True)
class Facet:
    """A sensitive attribute, and which of its values form the disadvantaged group.

    Attributes:
        name: Column of the attribute: a name, or a position as text.
        values: Values of the disadvantaged group.
        threshold: Numbers above it form the disadvantaged group.
    Default, if neither is given: every value in turn against all the others.
    """

    name: str
    values: tuple[str, ...] | None = None
    threshold: float | None = None

    def __post_init__(self) -> None:
        if self.values is not None and self.threshold is not None:
            raise ValueError(f"facet {self.name}: give values or a threshold, not both")
        if self.values is not None and not self.values:
            raise ValueError(f"facet {self.name}: the list of values is empty; leave it out to take each value in turn")


@dataclass(frozen=True)
class BiasConfig:
    """What to measure.

    Attributes:
        facets: The sensitive attributes, one or more.
        label: Column of the actual label: a name, or a position as text.
        label_values: The positive labels. Default: `1`, unless there is a threshold.
        label_threshold: Numeric labels above it are positive.
        predicted_label: Column of the predicted label, positive by the same rule as the label.
        probability: Column of the probability of the positive label, where no predicted label is captured.
        probability_threshold: The model's own threshold, above which its prediction is positive. Default: 0.5. With
            another threshold than the model's every post-training metric is wrong.
        group_variable: Column of the strata of the conditional disparities (CDDL and CDDPL).
    """

    facets: tuple[Facet, ...]
    label: str = GROUND_TRUTH
    label_values: tuple[str, ...] | None = None
    label_threshold: float | None = None
    predicted_label: str | None = None
    probability: str | None = None
    probability_threshold: float = 0.5
    group_variable: str | None = None

    def __post_init__(self) -> None:
        problems = []
        if not self.facets:
            problems.append("facets is empty: name at least one column")
        names = [facet.name for facet in self.facets]
        if len(set(names)) < len(names):
            problems.append(f"facets {', '.join(names)} name a column twice")
        if self.label_values is not None and self.label_threshold is not None:
            problems.append("label_values and label_threshold are both given: give one")
        if self.label_values is not None and not self.label_values:
            problems.append("label_values is empty: name the positive labels")
        if self.predicted_label is not None and self.probability is not None:
            problems.append("predicted_label and probability are both given: give one")
        if not 0 <= self.probability_threshold <= 1:
            problems.append(f"probability_threshold is {self.probability_threshold!r}: use a number from 0 to 1")
        if problems:
            raise ValueError("bias: " + "; ".join(problems))
        if self.label_values is None and self.label_threshold is None:
            object.__setattr__(self, "label_values", ("1",))

    @property
    def has_predictions(self) -> bool:
        return self.predicted_label is not None or self.probability is not None

    @classmethod
    def from_analysis_config(cls, body: Mapping[str, Any], **columns: Any) -> BiasConfig:
        """The settings of Clarify's analysis_config.json.

        A list of one number other than 0 and 1 is a threshold, every other list holds values. (Clarify looks at the
        column to decide that; a stream of batches cannot wait for it.) The place of the prediction is no part of that
        file and comes from `columns`: `predicted_label`, `probability`, `probability_threshold`.

        Raises:
            ValueError: The document has no list `facet`, or a member of it has no name.
        """
        entries = body.get("facet") if isinstance(body, Mapping) else None
        entries = [entries] if isinstance(entries, Mapping) else entries
        if not isinstance(entries, list) or not all(isinstance(e, Mapping) and "name_or_index" in e for e in entries):
            raise ValueError("analysis config: expected a list 'facet' whose members have a 'name_or_index'")
        facets = []
        for entry in entries:
            values, threshold = _values_or_threshold(entry.get("value_or_threshold"))
            facets.append(Facet(_column(entry["name_or_index"], body), values, threshold))
        label_values, label_threshold = _values_or_threshold(body.get("label_values_or_threshold"))
        group = body.get("group_variable")
        settings: dict[str, Any] = {
            "label_values": label_values,
            "label_threshold": label_threshold,
            "group_variable": None if group is None else _column(group, body),
        }
        if body.get("label") is not None:
            settings["label"] = _column(body["label"], body)
        return cls(tuple(facets), **{**settings, **columns})


def _column(reference: Any, body: Mapping[str, Any]) -> str:
    headers = body.get("headers")
    if isinstance(reference, int) and isinstance(headers, Sequence) and reference < len(headers):
        return str(headers[reference])
    return str(reference)


def _values_or_threshold(given: Any) -> tuple[tuple[str, ...] | None, float | None]:
    if given is None or given == []:
        return None, None
    items = given if isinstance(given, list) else [given]
    if (
        len(items) == 1
        and isinstance(items[0], int | float)
        and not isinstance(items[0], bool)
        and items[0] not in (0, 1)
    ):
        return None, items[0]
    return tuple(str(item) for item in items), None
