"""Five random samples of 80 %, from which Model Monitor took the standard deviation of every metric.

Rule: https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-metrics.html

Whether a row belongs to a sample is decided by a hash of the row's id (the record's id, or its number in a table), so
that samples can be summarised batch by batch, in any order, on any number of machines, and a second run draws the
same ones.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from model_analyzer.inputs import RECORD

SAMPLES = 5
SHARE = 0.8
SMALLEST = 200
"""Below this number of rows no standard deviation is given."""
ROWS = 1 + SAMPLES
"""Rows of every counter: all data first, then the samples."""

Counts = npt.NDArray[np.int64]
Masks = npt.NDArray[np.bool_]

_SEED = 0x9E3779B97F4A7C15


def memberships(frame: pl.DataFrame, first_row: int) -> Masks:
    """Which rows (second axis) belong to all data and to each sample (first axis)."""
    if RECORD in frame.columns:
        ids = frame[RECORD].to_list()
        keys = np.fromiter((_text_hash(value) for value in ids), np.uint64, frame.height)
    else:
        keys = np.arange(first_row, first_row + frame.height, dtype=np.uint64)
    masks = np.ones((ROWS, frame.height), np.bool_)
    limit = np.uint64(int(SHARE * 2**64))
    for sample in range(SAMPLES):
        masks[1 + sample] = _mixed(keys + np.uint64(_SEED * (sample + 1) % 2**64)) < limit
    return masks


def _text_hash(value: Any) -> int:
    data = str(value).encode("utf-8", errors="replace")
    return zlib.crc32(data) << 32 | zlib.adler32(data)


def _mixed(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finaliser of SplitMix64: every bit of the input changes half of the output's."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def deviation(values: npt.NDArray[np.float64], rows: int) -> float:
    """Standard deviation of a metric over the samples; NaN below 200 rows, or where a sample has no value."""
    return float(np.std(values[1:])) if rows >= SMALLEST else float("nan")
