"""Global attributions as summaries that merge in any order and any grouping."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import polars as pl

from model_analyzer._arrays import Floats
from model_analyzer._columns import numbers
from model_analyzer.data_quality._kll import Sketch
from model_analyzer.inputs import GROUND_TRUTH, RECORD

from ._categories import Categories, holds_text
from ._explain import Explainer, Explanation

Aggregation = Literal["mean_abs", "median", "mean_sq"]
PIECE_ROWS = 4_096
"""Rows that are explained at once: there is a value for each feature and label of each."""
AGGREGATIONS: tuple[Aggregation, ...] = ("mean_abs", "median", "mean_sq")


@dataclass
class Summary:
    """What is known about the SHAP values of a data set.

    Attributes:
        features: Names of the features.
        method: How the values were computed.
        rows: Rows explained.
        absolute: Sum of absolute values, by feature and label.
        squared: Sum of squared values, by feature and label.
        sketches: Quantiles, by feature and label, exact up to 4,096 rows.
        expected: The model's expected output, by label.
    """

    features: tuple[str, ...]
    method: str = "tree_shap"
    rows: int = 0
    absolute: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    squared: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    sketches: list[list[Sketch]] = field(default_factory=list)
    expected: Floats = field(default_factory=lambda: np.zeros(0))

    def values(self, aggregation: Aggregation) -> Floats:
        """Global attributions, by feature and label.

        `mean_abs` is the mean of absolute values, `median` the median of the values, `mean_sq` the mean of squares.
        """
        if aggregation == "median":
            medians = [[_median(sketch) for sketch in row] for row in self.sketches]
            return np.array(medians, float).reshape(self.absolute.shape)
        return (self.absolute if aggregation == "mean_abs" else self.squared) / max(self.rows, 1)


def _median(sketch: Sketch) -> float:
    ranks = sketch.ranks()
    if not ranks.count:
        return 0.0
    low, high = (ranks.count - 1) // 2 + 1, ranks.count // 2 + 1
    at = [ranks.values[int(np.searchsorted(ranks.cumulative, rank))] for rank in (low, high)]
    return float(at[0] + at[1]) / 2


def summarize(explanation: Explanation, features: Sequence[str], method: str) -> Summary:
    """Summary of the SHAP values of some rows."""
    values = explanation.values
    sketches: list[list[Sketch]] = []
    for feature in range(values.shape[1]):
        row = []
        for label in range(values.shape[2]):
            sketch = Sketch()
            sketch.add_sorted(np.sort(values[:, feature, label]))
            row.append(sketch)
        sketches.append(row)
    return Summary(
        tuple(features),
        method,
        values.shape[0],
        np.abs(values).sum(axis=0),
        np.square(values).sum(axis=0),
        sketches,
        explanation.expected,
    )


def merge(first: Summary, second: Summary) -> Summary:
    """Summary of both; neither argument changes.

    Raises:
        ValueError: The summaries are of different features or numbers of labels.
    """
    if not first.rows or not second.rows:
        return first if first.rows else second
    if first.features != second.features or first.expected.shape != second.expected.shape:
        raise ValueError("summaries of different models do not merge: their features or labels differ")
    sketches = [
        [mine.merged(theirs) for mine, theirs in zip(a, b, strict=True)]
        for a, b in zip(first.sketches, second.sketches, strict=True)
    ]
    return Summary(
        first.features,
        first.method,
        first.rows + second.rows,
        first.absolute + second.absolute,
        first.squared + second.squared,
        sketches,
        first.expected,
    )


def columns_of(frame: pl.DataFrame, explainer: Explainer, names: Sequence[str] | None = None) -> list[str]:
    """The columns of a frame that are the model's features.

    Those asked for; else those that the model names; else the last ones, as the input stands behind the output in
    captured traffic and behind the label in training data.

    Raises:
        ValueError: The frame lacks columns.
    """
    wanted = list(names or explainer.feature_names or ())
    if wanted and (names or all(name in frame.columns for name in wanted)):
        missing = [name for name in wanted if name not in frame.columns]
        if missing:
            raise ValueError(f"the data has no column {', '.join(missing)}; it has {', '.join(frame.columns)}")
        if len(wanted) != explainer.feature_count:
            raise ValueError(f"{len(wanted)} features are named, the model has {explainer.feature_count}")
        return wanted
    own = [name for name in frame.columns if name != RECORD and not name.startswith(GROUND_TRUTH)]
    if len(own) < explainer.feature_count:
        raise ValueError(f"the data has {len(own)} columns, the model needs {explainer.feature_count} features")
    return own[-explainer.feature_count :]


def labels_of(columns: Sequence[str], explainer: Explainer, names: Sequence[str] | None = None) -> tuple[str, ...]:
    """How features are called: as asked for, else as the model calls them, else as the data does."""
    return tuple(names or explainer.feature_names or columns)


def matrix_of(
    frame: pl.DataFrame, columns: Sequence[str], categories: Mapping[int, Categories] | None = None
) -> Floats:
    """Features as doubles, NaN where a value is missing.

    Args:
        frame: The rows.
        columns: The features.
        categories: Text features by position, whose values become numbers.

    Raises:
        ValueError: A column without categories holds values that are no numbers.
    """
    result = np.empty((frame.height, len(columns)))
    texts = []
    for position, name in enumerate(columns):
        series = frame[name]
        if categories and position in categories:
            values = categories[position].encode(series)
        else:
            values = numbers(series)
            if series.dtype == pl.String and holds_text(series):
                texts.append(name)
        result[:, position] = values.fill_null(np.nan).to_numpy()
    if texts:
        raise ValueError(
            f"column {', '.join(texts)} holds text, and the model knows no categories there: explain what the model "
            "sees, encoded as it was for training, or explain the model with its encoder by kernel SHAP"
        )
    return result


def summarize_all(frames: Iterable[pl.DataFrame], explainer: Explainer, names: Sequence[str] | None = None) -> Summary:
    """Summary of a stream of batches, in memory that does not grow with their number.

    Args:
        frames: The data.
        explainer: The model.
        names: The features. Default: see `columns_of`.

    Raises:
        ValueError: The data does not fit the model.
    """
    result: Summary | None = None
    for piece in (piece for frame in frames for piece in frame.iter_slices(PIECE_ROWS)):
        columns = columns_of(piece, explainer, names)
        labels = labels_of(columns, explainer, names)
        found = summarize(explainer.explain(matrix_of(piece, columns, explainer.categories)), labels, explainer.method)
        result = found if result is None else merge(result, found)
    return result if result is not None else Summary(tuple(names or explainer.feature_names or ()), explainer.method)
