"""Columns of labels and predictions as text or numbers, and rows that are told apart by their ids."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from model_analyzer.inputs import GROUND_TRUTH, RECORD

GOLDEN = 0x9E3779B97F4A7C15
"""The increment of SplitMix64."""


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


def row_hashes(frame: pl.DataFrame, first_row: int) -> npt.NDArray[np.uint64]:
    """A random-looking number for each row that depends on its id alone."""
    return mixed(row_keys(frame, first_row) + np.uint64(GOLDEN))


def row_keys(frame: pl.DataFrame, first_row: int) -> npt.NDArray[np.uint64]:
    """A number for each row: a checksum of its record's id, or its number in the table."""
    if RECORD in frame.columns:
        return np.fromiter((_text_hash(value) for value in frame[RECORD].to_list()), np.uint64, frame.height)
    return np.arange(first_row, first_row + frame.height, dtype=np.uint64)


def _text_hash(value: Any) -> int:
    data = str(value).encode("utf-8", errors="replace")
    return zlib.crc32(data) << 32 | zlib.adler32(data)


def mixed(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finaliser of SplitMix64: every bit of the input changes half of the output's."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
