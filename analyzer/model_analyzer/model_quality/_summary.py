"""Summaries of labelled predictions that merge in any order and any grouping."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from model_analyzer._columns import canonical, canonical_text, numbers, resolve

from ._classification import Confusion
from ._regression import Errors
from ._resampling import Masks, memberships
from ._scores import ScoreCounts
from ._task import Task


@dataclass
class Summary:
    """What is known about the predictions of a task.

    Attributes:
        task: The task.
        rows: Rows with a usable label and prediction.
        unusable: Rows without, by reason.
        confusion: Rows by actual and predicted label (classification; binary labels are `0` and `1`).
        scores: Rows by probability (binary classification with a probability).
        errors: Sums of errors (regression).
    """

    task: Task
    rows: int = 0
    unusable: Counter[str] = field(default_factory=Counter)
    confusion: Confusion = field(default_factory=Confusion)
    scores: ScoreCounts = field(default_factory=ScoreCounts)
    errors: Errors = field(default_factory=Errors)


def summarize(frame: pl.DataFrame, task: Task, first_row: int = 0) -> Summary:
    """Summary of one batch.

    Args:
        frame: Rows with the columns that the task names.
        task: What is predicted.
        first_row: Number of the batch's first row in the whole table; with it the samples behind the standard
            deviations do not depend on how the table is cut. Joined rows carry ids of their own and need none.

    Raises:
        ValueError: There are more than 1,000 different labels.
    """
    references = {"label": task.ground_truth, "prediction": task.inference, "probability": task.probability}
    found = {name: resolve(frame, column) for name, column in references.items() if column is not None}
    for name, series in found.items():
        if series is None:
            return Summary(task, unusable=Counter({f"no column {references[name]}": frame.height}))
    columns = {name: series for name, series in found.items() if series is not None}
    if task.problem_type == "Regression":
        usable = {name: numbers(series) for name, series in columns.items()}
    else:
        usable = {
            name: numbers(series) if name == "probability" else canonical(series) for name, series in columns.items()
        }
    summary = Summary(task)
    keep = np.ones(frame.height, np.bool_)
    for name, series in usable.items():
        bad = series.is_null().to_numpy() & keep
        if bad.any():
            summary.unusable[f"{name} missing or unusable"] += int(bad.sum())
            keep &= ~bad
    masks = memberships(frame, first_row)
    if not keep.all():
        usable = {name: series.filter(pl.Series(keep)) for name, series in usable.items()}
        masks = masks[:, keep]
    summary.rows = int(keep.sum())
    if summary.rows:
        _count(summary, usable, masks)
    return summary


def _count(summary: Summary, columns: dict[str, pl.Series], masks: Masks) -> None:
    task = summary.task
    if task.problem_type == "Regression":
        summary.errors = Errors.of(columns["label"].to_numpy(), columns["prediction"].to_numpy(), masks)
        return
    if task.problem_type == "MulticlassClassification":
        summary.confusion = Confusion.of(columns["label"], columns["prediction"], masks)
        return
    positive_label = canonical_text(task.positive_label)
    positive = (columns["label"] == positive_label).to_numpy()
    if "prediction" in columns:
        predicted = columns["prediction"] == positive_label
    else:
        predicted = columns["probability"] > task.probability_threshold
    names = {True: "1", False: "0"}
    actual = pl.Series(positive).replace_strict(names, return_dtype=pl.String)
    summary.confusion = Confusion.of(actual, predicted.replace_strict(names, return_dtype=pl.String), masks)
    if "probability" in columns:
        summary.scores = ScoreCounts.of(columns["probability"].to_numpy(), positive, masks)


def merge(first: Summary, second: Summary) -> Summary:
    """Summary of two batches; neither argument changes.

    Counts are exact whatever the order and grouping, sums to rounding.

    Raises:
        ValueError: The summaries are of different tasks.
    """
    if first.task != second.task:
        raise ValueError(f"summaries of different tasks do not merge: {first.task} and {second.task}")
    return Summary(
        first.task,
        first.rows + second.rows,
        first.unusable + second.unusable,
        first.confusion.merged(second.confusion),
        first.scores.merged(second.scores),
        first.errors.merged(second.errors),
    )


def summarize_all(frames: Iterable[pl.DataFrame], task: Task, first_row: int = 0) -> Summary:
    """Summary of a stream of batches, in memory that does not grow with their number.

    Rows without an id are numbered from `first_row` on.
    """
    result = Summary(task)
    row = first_row
    for frame in frames:
        result = merge(result, summarize(frame, task, row))
        row += frame.height
    return result
