"""From columns of a table to a matrix of numbers, the same way in training, evaluation and serving.

Numbers stay numbers. Categories become their place in the sorted list of those that the training data had; XGBoost
splits such codes as it splits numbers. What is missing, and a category that training never saw, becomes NaN, for which
XGBoost has learnt a direction of its own.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .errors import EncodingError

FILE = "preparation.json"
_MISSING = frozenset({"", "nan", "null", "na"})
_TRUE, _FALSE = frozenset({"true", "yes"}), frozenset({"false", "no"})


@dataclass(frozen=True)
class Encoder:
    """What was learnt from training data and goes into the model archive.

    :ivar features: Names of the features, in the model's order.
    :ivar categories: Sorted categories by feature; features without an entry are numbers.
    :ivar label: Name of the label.
    :ivar problem: Kind of problem.
    :ivar classes: Labels in the order of the model's numbers; empty for regression.
    :ivar threshold: Probability above which a binary classification says yes.
    """

    features: tuple[str, ...]
    label: str
    problem: str
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    threshold: float = 0.5

    def matrix(self, rows: Iterable[Sequence[Any]]) -> np.ndarray:
        """Rows of features, in the model's order, as numbers.

        :raises EncodingError: A row has too many or too few fields, or text where a number belongs.
        """
        codes = [self._codes(name) for name in self.features]
        table = []
        for number, row in enumerate(rows, start=1):
            if len(row) != len(self.features):
                raise EncodingError(f"row {number} has {len(row)} fields, the model needs {len(self.features)}")
            table.append(
                [
                    _number(value, name, number) if code is None else code.get(_text(value), math.nan)
                    for name, code, value in zip(self.features, codes, row, strict=True)
                ]
            )
        return np.array(table, dtype=np.float32).reshape(len(table), len(self.features))

    def label_numbers(self, labels: Iterable[Any]) -> np.ndarray:
        """Labels as the model's numbers.

        :raises EncodingError: A label is missing, or not among the classes of the training data.
        """
        if not self.classes:
            return np.array([_label_number(value, self.label, row) for row, value in enumerate(labels, 1)], float)
        places = {name: float(place) for place, name in enumerate(self.classes)}
        found = [places.get(_text(value), math.nan) for value in labels]
        if any(math.isnan(value) for value in found):
            raise EncodingError(
                f"column {self.label} holds a label that is missing or that training did not see; it saw "
                f"{', '.join(self.classes[:20])}"
            )
        return np.array(found, float)

    def to_json(self) -> str:
        """As text."""
        return json.dumps(
            {
                "version": 1,
                "label": self.label,
                "problem": self.problem,
                "classes": list(self.classes),
                "threshold": self.threshold,
                "features": [
                    {"name": name, **({"categories": list(self.categories[name])} if name in self.categories else {})}
                    for name in self.features
                ],
            },
            indent=1,
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> Encoder:
        """From text."""
        document = json.loads(text)
        return cls(
            features=tuple(feature["name"] for feature in document["features"]),
            label=document["label"],
            problem=document["problem"],
            categories={
                feature["name"]: tuple(feature["categories"])
                for feature in document["features"]
                if "categories" in feature
            },
            classes=tuple(document["classes"]),
            threshold=document["threshold"],
        )

    def _codes(self, name: str) -> dict[str, float] | None:
        categories = self.categories.get(name)
        return None if categories is None else {value: float(code) for code, value in enumerate(categories)}


def is_missing(value: Any) -> bool:
    """Whether a value says that there is none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return True
    return isinstance(value, str) and value.strip().lower() in _MISSING


def canonical(value: Any) -> str:
    """A value as text, so that 1, 1.0 and "1" are one category or label wherever they come from."""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    text = str(value).strip()
    try:
        return str(int(float(text))) if float(text).is_integer() and "e" not in text.lower() else text
    except (ValueError, OverflowError):
        return text


def _text(value: Any) -> str:
    return "" if is_missing(value) else canonical(value)


def _number(value: Any, name: str, row: int) -> float:
    if is_missing(value):
        return math.nan
    if isinstance(value, str) and value.strip().lower() in _TRUE | _FALSE:
        return float(value.strip().lower() in _TRUE)
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise EncodingError(f"row {row}: column {name} is {value!r}, and was a number in training") from error


def _label_number(value: Any, name: str, row: int) -> float:
    if is_missing(value):
        raise EncodingError(f"row {row}: column {name} has no label")
    return _number(value, name, row)
