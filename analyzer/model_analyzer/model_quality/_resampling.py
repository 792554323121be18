"""Five random samples of 80 %, from which Model Monitor took the standard deviation of every metric.

Rule: https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-metrics.html

Whether a row belongs to a sample is decided by a hash of the row's id (the record's id, or its number in a table), so
that samples can be summarised batch by batch, in any order, on any number of machines, and a second run draws the
same ones.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from model_analyzer._columns import GOLDEN, mixed, row_keys

SAMPLES = 5
SHARE = 0.8
SMALLEST = 200
"""Below this number of rows no standard deviation is given."""
ROWS = 1 + SAMPLES
"""Rows of every counter: all data first, then the samples."""

Counts = npt.NDArray[np.int64]
Masks = npt.NDArray[np.bool_]


def memberships(frame: pl.DataFrame, first_row: int) -> Masks:
    """Which rows (second axis) belong to all data and to each sample (first axis)."""
    keys = row_keys(frame, first_row)
    masks = np.ones((ROWS, frame.height), np.bool_)
    limit = np.uint64(int(SHARE * 2**64))
    for sample in range(SAMPLES):
        masks[1 + sample] = mixed(keys + np.uint64(GOLDEN * (sample + 2) % 2**64)) < limit
    return masks


def deviation(values: npt.NDArray[np.float64], rows: int) -> float:
    """Standard deviation of a metric over the samples; NaN below 200 rows, or where a sample has no value."""
    return float(np.std(values[1:])) if rows >= SMALLEST else float("nan")
