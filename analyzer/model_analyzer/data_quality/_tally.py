"""Counting values that repeat, without looking at every one of them.

A column's values are told apart by 64-bit hashes with a seed of the process: the chance that two of the at most 8,192
values of a table are taken for one is below 1 in 10^11. What a value is (a number, a word) is looked up once per value,
when the counting is done, and not once per batch.
"""

from __future__ import annotations

import os
from collections import Counter

import numpy as np
import numpy.typing as npt
import polars as pl

from ._fingerprints import Hashes, Sums, prints
from ._scratch import in_one_piece, scratch

SLOTS = 1 << 15
SPARSE = 4
"""How many times more slots than values a table has."""
SPAN = 1 << 14
"""Whole numbers are counted by their distance from the smallest, up to this."""

_INTEGERS = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32)
_FEWEST_SLOTS = 1 << 8
_SEED = int.from_bytes(os.urandom(8), "little")

Positions = npt.NDArray[np.intp]
_NONE: Positions = np.empty(0, np.intp)


class TextTally:
    """Counts of the values of a text column, while there are few different ones.

    A hash's first bits choose a slot, which the first value to come takes. The few values whose slot is taken are
    counted by themselves. Small batches make a small table, as there may be thousands of columns.
    """

    __slots__ = ("_counts", "_hashes", "_most", "_name", "_others", "_prints", "_shift", "_slots", "_values")

    def __init__(self, rows: int, name: str) -> None:
        bits = min(max(rows, _FEWEST_SLOTS), SLOTS - 1).bit_length()
        self._most = (1 << bits) // SPARSE
        self._shift = np.uint64(64 - bits)
        # What an empty slot holds begins with other bits than any hash that belongs there.
        self._hashes = ~(np.arange(1 << bits, dtype=np.uint64) << self._shift)
        self._counts = np.zeros(1 << bits, np.int64)
        self._name = name
        self._prints = np.zeros(1 << bits, np.uint64)
        self._slots: Positions = np.empty(0, np.intp)
        # Not as a series, which would keep the whole batch that its values came from.
        self._values: list[str | None] = []
        self._others: Counter[str | None] = Counter()

    def prepared(self, values: pl.Expr, text: pl.Series) -> pl.Expr:
        """The hashes."""
        return values.hash(_SEED)

    def add(self, text: pl.Series, prepared: pl.Series, sums: Sums | None) -> bool:
        """Count a batch, and add it to its rows' sums; False, and nothing is done, if too many values are different."""
        hashes = in_one_piece(prepared, np.uint64)
        slots = np.right_shift(hashes, self._shift, out=scratch("slots", hashes.size).view(np.uint64)).view(np.int64)
        counts = np.bincount(slots, minlength=self._counts.size)
        unknown, others = _NONE, text.clear()
        # If every hash is the one of its slot, and as good as never else, both sums are the same.
        if hashes.sum() != (counts.view(np.uint64) * self._hashes).sum():
            unknown = self._unknown(hashes, slots)
            if not self._learn(text, hashes, slots, unknown):
                return False
            unknown = unknown[self._hashes[slots[unknown]] != hashes[unknown]]
            others = text.gather(unknown.tolist())
            counted = dict(others.value_counts(name="count").rows())
            # Values are counted, not slots: whether there are too many must not depend on the seed.
            if self._slots.size + len(self._others.keys() | counted.keys()) > self._most:
                return False
            self._others.update(counted)
            counts -= np.bincount(slots[unknown], minlength=counts.size)
        self._counts += counts
        if sums is not None:
            found = np.take(self._prints, slots, out=scratch("prints", hashes.size).view(np.uint64), mode="clip")
            found[unknown] = prints(others, self._name)
            sums.add(self._name, found)
        return True

    def _unknown(self, hashes: Hashes, slots: Positions) -> Positions:
        """The rows whose hash is not the one of its slot."""
        known = np.take(self._hashes, slots, out=scratch("known", hashes.size).view(np.uint64), mode="clip")
        return np.flatnonzero(known != hashes)

    def _learn(self, text: pl.Series, hashes: Hashes, slots: Positions, unknown: Positions) -> bool:
        """Give empty slots to values seen for the first time; False if there are too many."""
        row_of = np.full(self._counts.size, -1, np.intp)
        row_of[slots[unknown]] = unknown
        row_of[self._slots] = -1
        new = np.flatnonzero(row_of >= 0)
        if self._slots.size + new.size > self._most:
            return False
        rows = row_of[new]
        self._hashes[new] = hashes[rows]
        self._slots = np.concatenate([self._slots, new])
        values = text.gather(rows.tolist())
        self._prints[new] = prints(values, self._name)
        self._values += values.to_list()
        return True

    def counted(self) -> pl.DataFrame:
        """The values (none missing) and how often each came."""
        tabled = zip(self._values, self._counts[self._slots].tolist(), strict=True)
        found = [(value, count) for value, count in (*tabled, *self._others.items()) if count and value is not None]
        return pl.DataFrame(found, schema={"value": pl.String, "count": pl.Int64}, orient="row")


class LogicalTally:
    """Counts of true and false."""

    __slots__ = ("_false", "_true")

    def __init__(self, rows: int, name: str) -> None:
        self._false = self._true = 0

    def prepared(self, values: pl.Expr, logical: pl.Series) -> pl.Expr:
        """The values as they are."""
        return values

    def add(self, logical: pl.Series, prepared: pl.Series, sums: Sums | None) -> bool:
        """Count a batch."""
        true = int(logical.sum())
        self._true += true
        self._false += logical.len() - logical.null_count() - true
        return True

    def counted(self) -> pl.DataFrame:
        """The values and how often each came."""
        found = [(value, count) for value, count in ((False, self._false), (True, self._true)) if count]
        return pl.DataFrame(found, schema={"value": pl.Boolean, "count": pl.Int64}, orient="row")


class IntegerTally:
    """Counts of the values of a column of whole numbers that lie close together."""

    __slots__ = ("_counts", "_lowest")

    def __init__(self, rows: int, name: str) -> None:
        self._lowest = 0
        self._counts: npt.NDArray[np.int64] = np.empty(0, np.int64)

    def prepared(self, values: pl.Expr, whole: pl.Series) -> pl.Expr | None:
        """The distances from the smallest value, which missing ones are taken for; None if they are too long."""
        if whole.null_count() == whole.len():
            return values.is_null()
        lowest, highest = int(whole.min()), int(whole.max())  # type: ignore[arg-type]  # of whole numbers
        if self._counts.size:
            lowest, highest = min(lowest, self._lowest), max(highest, self._lowest + self._counts.size - 1)
        if highest - lowest >= SPAN:
            return None
        counts = np.zeros(highest - lowest + 1, np.int64)
        counts[self._lowest - lowest :][: self._counts.size] = self._counts
        self._lowest, self._counts = lowest, counts
        return values.cast(pl.Int64).fill_null(lowest) - lowest

    def add(self, whole: pl.Series, prepared: pl.Series, sums: Sums | None) -> bool:
        """Count a batch."""
        missing = whole.null_count()
        if missing < whole.len():
            self._counts += np.bincount(in_one_piece(prepared, np.int64), minlength=self._counts.size)
            self._counts[0] -= missing
        return True

    def counted(self) -> pl.DataFrame:
        """The values and how often each came."""
        distances = np.flatnonzero(self._counts)
        return pl.DataFrame({"value": (distances + self._lowest).tolist(), "count": self._counts[distances].tolist()})


Tally = TextTally | IntegerTally | LogicalTally


def tally_for(dtype: pl.DataType) -> type[Tally] | None:
    """The kind of counting that takes a type of column."""
    if dtype == pl.String:
        return TextTally
    return LogicalTally if dtype == pl.Boolean else IntegerTally if dtype in _INTEGERS else None
