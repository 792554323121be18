"""A number for each row that depends on its values alone: equal rows have equal numbers, whatever they came with.

A row's number is the sum of its values' hashes, each seeded with its column's name (Zobrist's method, 1970), mixed once
more. So it does not depend on the order of columns, and a column that a batch lacks is the same as one without a value.
Values are equal as a profile takes them: `1`, `1.0` and `1e0` are one number, in text and in numeric columns.
"""

from __future__ import annotations

import zlib
from functools import lru_cache
from threading import Lock

import numpy as np
import numpy.typing as npt
import polars as pl

from model_analyzer._columns import mixed

from ._types import as_text

Hashes = npt.NDArray[np.uint64]
_TEXT = 1 << 32


class Sums:
    """Sums of the hashed values of a batch's rows, to which threads may add columns side by side."""

    __slots__ = ("_lock", "names", "total")

    def __init__(self, rows: int) -> None:
        self._lock = Lock()
        self.names: set[str] = set()
        self.total: Hashes = np.zeros(rows, np.uint64)

    def add(self, name: str, hashes: Hashes) -> None:
        """Add what `prints` says of a column."""
        with self._lock:
            self.total += hashes
            self.names.add(name)


def fingerprints(frame: pl.DataFrame, sums: Sums | None = None) -> Hashes:
    """The numbers of the rows of a batch; stable between processes with the same version of polars.

    Args:
        frame: The batch.
        sums: What is known of some columns; it is used up. Default: everything is computed.
    """
    sums = Sums(frame.height) if sums is None else sums
    total = sums.total
    of_nulls = np.zeros(1, np.uint64)
    for series in frame.get_columns():
        if series.name not in sums.names:
            # Polars takes some names for patterns.
            hashes, of_null = _hashes(series.alias("value"), _seed(series.name))
            total += hashes
            of_nulls += of_null
    # What polars makes of a null is taken off, so that a missing value adds nothing.
    total -= of_nulls
    return mixed(total)


def prints(values: pl.Series, name: str) -> Hashes:
    """What values of the column of that name add to the numbers of their rows; nothing where they are missing."""
    hashes, of_null = _hashes(values, _seed(name))
    return hashes - of_null


@lru_cache(maxsize=4096)
def _seed(name: str) -> int:
    return zlib.crc32(name.encode())


def _hashes(series: pl.Series, seed: int) -> tuple[Hashes, np.uint64]:
    """Hashes of values, and that of a null among them. Text has another seed: polars takes `""` and 0 for the same."""
    if series.dtype.is_numeric():
        numbers = series.cast(pl.Float64)
        if series.dtype.is_float() and not (finite := numbers.is_finite()).all():
            # NaN and infinities are missing values, as JSON has none.
            numbers = numbers.set(~finite.fill_null(True), None)
        return _of_numbers(numbers, seed), _of_null(seed)
    text = series if series.dtype == pl.String else as_text(series)
    found = parsed(text)
    if found is not None and found.null_count() == text.null_count():
        return _of_numbers(found, seed), _of_null(seed)
    hashes: Hashes = text.hash(seed + _TEXT).to_numpy()
    if found is not None:
        # Among text, too, a number adds what it adds among numbers.
        numbers_here = _of_numbers(found, seed) + _of_null(seed + _TEXT) - _of_null(seed)
        hashes = np.where(found.is_not_null().to_numpy(), numbers_here, hashes)
    return hashes, _of_null(seed + _TEXT)


@lru_cache(maxsize=4096)
def _of_null(seed: int) -> np.uint64:
    return np.uint64(pl.Series([None], dtype=pl.Float64).hash(seed)[0])


def parsed(text: pl.Series) -> pl.Series | None:
    """The values that are numbers, None if there is none; words such as `nan` and `inf` are not."""
    first = text[0] if text.len() else None
    # Digits, signs and points stand before the colon, letters behind it: one cheap test for names and codes.
    if (not first or first[0] > "9") and not (text < ":").any():
        return None
    if first is None or first.lstrip("-").isdecimal():
        whole = text.cast(pl.Int64, strict=False)
        if whole.null_count() == text.null_count():
            return whole.cast(pl.Float64)
    numbers = text.cast(pl.Float64, strict=False)
    finite = numbers.is_finite()
    return numbers if finite.all() else numbers.set(~finite.fill_null(True), None)


def _of_numbers(numbers: pl.Series, seed: int) -> Hashes:
    """polars takes both zeros for one."""
    hashes: Hashes = numbers.hash(seed).to_numpy()
    return hashes
