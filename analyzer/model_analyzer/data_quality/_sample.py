"""A few hundred rows, the same ones whatever the order and the grouping of the parts, for what columns have in common.

The rows with the smallest hashes are a random sample of the different rows (Cohen and Kaplan, 2007): sketches of parts
hold the same rows as a sketch of the whole.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from ._fingerprints import Hashes
from ._types import as_text

ROWS = 1_000
COLUMNS = 200
_HASH = "\x00hash"
_MOST_PENDING = 4 * ROWS


class RowSample:
    """The rows with the smallest hashes, as text, of the first columns of their batches."""

    __slots__ = ("_kept", "_limit", "_pending", "_pending_rows", "columns", "size")

    def __init__(self, size: int = ROWS, columns: int = COLUMNS) -> None:
        self.size = size
        self.columns = columns
        self._kept = pl.DataFrame(schema={_HASH: pl.UInt64})
        self._limit: np.uint64 | None = None
        self._pending: list[pl.DataFrame] = []
        self._pending_rows = 0

    def add(self, frame: pl.DataFrame, hashes: Hashes) -> None:
        """Add a batch and the hashes of its rows."""
        chosen = np.arange(hashes.size) if self._limit is None else np.flatnonzero(hashes < self._limit)
        if chosen.size > self.size:
            chosen = chosen[_smallest(hashes[chosen], self.size)]
        if not chosen.size:
            return
        # One call for all columns: each costs as much as thousands of values.
        rows = frame.select(pl.nth(range(min(frame.width, self.columns))).gather(chosen.tolist()))
        # Polars takes some names for patterns, and gives a series without a name another one unless it has a key.
        text = {series.name: as_text(series.alias("value")) for series in rows.get_columns()}
        self._pending.append(pl.DataFrame({_HASH: pl.Series(hashes[chosen].tolist(), dtype=pl.UInt64), **text}))
        self._pending_rows += chosen.size
        if self._pending_rows > _MOST_PENDING or self._limit is None:
            self._settle()

    def merged(self, other: RowSample) -> RowSample:
        """The sample of both; neither changes."""
        result = RowSample(min(self.size, other.size), min(self.columns, other.columns))
        result._pending = [part for sample in (self, other) for part in (sample._kept, *sample._pending)]
        result._settle()
        return result

    def rows(self) -> pl.DataFrame:
        """The rows, by their hashes."""
        self._settle()
        return self._kept.drop(_HASH)

    def _settle(self) -> None:
        if not self._pending:
            return
        together = pl.concat([self._kept, *self._pending], how="diagonal")
        self._kept = together.unique(_HASH, keep="first").sort(_HASH).head(self.size)
        self._limit = np.uint64(self._kept[_HASH][-1]) if self._kept.height == self.size else None
        self._pending, self._pending_rows = [], 0


def _smallest(hashes: Hashes, count: int) -> npt.NDArray[np.intp]:
    """Positions of the smallest different hashes; most of a large batch is passed over without sorting it."""
    if hashes.size > 4 * count:
        near = np.flatnonzero(hashes <= np.partition(hashes, 2 * count)[2 * count])
        _, first = np.unique(hashes[near], return_index=True)
        if first.size >= count:
            return near[first[:count]]
    _, first = np.unique(hashes, return_index=True)
    return first[:count]
