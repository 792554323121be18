"""What explains a model, whatever the model is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from model_analyzer._arrays import Floats

from ._categories import Categories


@dataclass(frozen=True)
class Explanation:
    """SHAP values of some rows; they and the expected value add up to the model's output.

    Attributes:
        values: By row, feature and label.
        expected: The model's output without knowledge of any feature, by label.
    """

    values: Floats
    expected: Floats

    @property
    def outputs(self) -> Floats:
        """The model's output by row and label."""
        result: Floats = self.values.sum(axis=1) + self.expected
        return result


class Explainer(Protocol):
    """Gives the SHAP values of rows.

    Attributes:
        feature_count: Columns that a row has.
        feature_names: Their names; None if the model does not know them.
        method: `tree_shap` or `kernel_shap`.
        categories: Text features by position; rows hold places of their values.
    """

    @property
    def feature_count(self) -> int: ...

    @property
    def feature_names(self) -> tuple[str, ...] | None: ...

    @property
    def method(self) -> str: ...

    @property
    def categories(self) -> Mapping[int, Categories]: ...

    def explain(self, rows: Floats) -> Explanation:
        """SHAP values of rows; NaN means that a value is missing."""
        ...
