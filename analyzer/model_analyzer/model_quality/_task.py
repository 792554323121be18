"""What is predicted, and in which columns prediction and label stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import polars as pl

from model_analyzer.inputs import GROUND_TRUTH, RECORD

ProblemType = Literal["BinaryClassification", "MulticlassClassification", "Regression"]


@dataclass(frozen=True)
class Task:
    """A prediction task; the fields carry the names of Model Monitor's settings without `_attribute`.

    Attributes:
        problem_type: What is predicted.
        ground_truth: Column of the label: a name, or a position as text (`"0"`) among the data's own columns.
        inference: Column of the predicted label or number. Default: for binary classification the probability decides.
        probability: Column of the probability of the positive label (binary classification only).
        probability_threshold: A probability above it means the positive label, 0 to 1. Default: 0.5.
        positive_label: The positive label of a binary classification. Default: `1`.
    """

    problem_type: ProblemType
    ground_truth: str = GROUND_TRUTH
    inference: str | None = None
    probability: str | None = None
    probability_threshold: float = 0.5
    positive_label: str = "1"

    def __post_init__(self) -> None:
        problems = []
        if self.problem_type not in get_args(ProblemType):
            problems.append(f"problem_type is {self.problem_type!r}: use {', '.join(get_args(ProblemType))}")
        if self.inference is None and self.probability is None:
            problems.append("neither inference nor probability is given: name the column of the prediction")
        if self.probability is not None and self.problem_type != "BinaryClassification":
            problems.append(f"probability is {self.probability!r}: only binary classification has one")
        if not 0 <= self.probability_threshold <= 1:
            problems.append(f"probability_threshold is {self.probability_threshold!r}: use a number from 0 to 1")
        if problems:
            raise ValueError("task: " + "; ".join(problems))


def resolve(frame: pl.DataFrame, reference: str) -> pl.Series | None:
    """The column that a name, or a position as text, means; None if the frame has none.

    Positions count the data's own columns: those that a join adds do not.
    """
    if reference in frame.columns:
        return frame[reference]
    if reference.isascii() and reference.isdigit():
        own = [name for name in frame.columns if name != RECORD and not name.startswith(GROUND_TRUTH)]
        if int(reference) < len(own):
            return frame[own[int(reference)]]
    return None


def canonical(series: pl.Series) -> pl.Series:
    """Labels as text in which `1`, `1.0` and `1e0` are one label, and so are `True` and `true`.

    Empty values become null.
    """
    if series.dtype == pl.Boolean:
        return series.cast(pl.Int8).cast(pl.String).replace({"1": "true", "0": "false"})
    text = series.cast(pl.String).str.strip_chars()
    distinct = text.unique().drop_nulls()
    return text.replace_strict({value: _canonical(value) for value in distinct}, default=None, return_dtype=pl.String)


def canonical_text(value: object) -> str | None:
    """The same for one value."""
    return "true" if value is True else "false" if value is False else _canonical(str(value).strip())


def _canonical(value: str) -> str | None:
    if value.lower() in ("", "true", "false"):
        return value.lower() or None
    try:
        number = float(value)
    except ValueError:
        return value
    if number != number or number in (float("inf"), float("-inf")) or "_" in value:
        return value
    return str(int(number)) if number == int(number) and abs(number) < 2**53 else repr(number)


def numbers(series: pl.Series) -> pl.Series:
    """A column as doubles; what is no finite number becomes null."""
    values = series.cast(pl.Float64, strict=False) if series.dtype != pl.Boolean else series.cast(pl.Float64)
    if series.dtype == pl.String and values.null_count() > series.null_count():
        values = series.str.strip_chars().cast(pl.Float64, strict=False)
    return values.set(~values.is_finite().fill_null(True), None)
