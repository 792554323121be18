"""Counts per distinct value, exact up to a cap, and an estimate of how many there are beyond it.

Flajolet et al. (2007), "HyperLogLog"; the estimator is the improved one of Ertl (2017), "New cardinality estimation
algorithms for HyperLogLog sketches", which needs no correction tables.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import polars as pl

from model_analyzer._arrays import Floats

from ._scratch import scratch

PRECISION = 14
REGISTERS = 1 << PRECISION
_RANK_BITS = 64 - PRECISION
_REGISTER_MASK = np.uint64(REGISTERS - 1)
_PIECE = 1 << 14
_HASH_SEED = 20_240
_PREFIX_BITS = 20
_LONG = 1 << 16
_FACTORS = (np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53))
_HALF = np.uint64(33)

Hashes = npt.NDArray[np.uint64]
_SCHEMA = {"value": pl.String, "count": pl.UInt64}
_PENDING_ROWS = 50_000
_PENDING_FRAMES = 500


class DistinctSketch:
    """HyperLogLog with 2^14 registers: a relative standard error of 0.8 %."""

    __slots__ = ("registers",)

    def __init__(self) -> None:
        self.registers: npt.NDArray[np.uint8] = np.zeros(REGISTERS, np.uint8)

    def add(self, values: pl.Series) -> None:
        """Add values; only the set of them matters."""
        self._add(values.hash(_HASH_SEED).to_numpy())

    def add_numbers(self, values: Floats) -> None:
        """Add numbers, among which no zeros are negative; they have nothing in common with text that was added."""
        self._add(_hashes_of(values))

    def _add(self, hashes: Hashes) -> None:
        if (lowest := int(self.registers.min())) > 2:
            # A hash changes nothing unless it starts with more zeros than the lowest register has seen.
            hashes = hashes[np.flatnonzero(hashes < np.uint64(1 << (64 - lowest)))]
        for start in range(0, hashes.size, _PIECE):
            self._add_hashes(hashes[start : start + _PIECE])

    def _add_hashes(self, hashes: Hashes) -> None:
        """Add a piece that stays in the processor's cache."""
        heads = hashes >> np.uint64(PRECISION)
        exponents = (heads.astype(np.float64).view(np.uint64) >> np.uint64(52)).astype(np.int64) - 1023
        ranks = np.where(heads == 0, _RANK_BITS + 1, _RANK_BITS - exponents).astype(np.uint8)
        np.maximum.at(self.registers, (hashes & _REGISTER_MASK).view(np.int64), ranks)

    def merged(self, other: DistinctSketch) -> DistinctSketch:
        """The sketch of the union."""
        result = DistinctSketch()
        result.registers = np.maximum(self.registers, other.registers)
        return result

    def estimate(self) -> int:
        """How many distinct values were added."""
        counts = np.bincount(self.registers, minlength=_RANK_BITS + 2).astype(float)
        if counts[0] == REGISTERS:
            return 0
        z = REGISTERS * _tau(1 - counts[_RANK_BITS + 1] / REGISTERS)
        for rank in range(_RANK_BITS, 0, -1):
            z = 0.5 * (z + counts[rank])
        z += REGISTERS * _sigma(counts[0] / REGISTERS)
        return round(REGISTERS * REGISTERS / (2 * math.log(2)) / z)


def _hashes_of(values: Floats) -> Hashes:
    """The finaliser of MurmurHash3, every bit of which depends on every bit of a number."""
    hashes = scratch("hashes", values.size).view(np.uint64)
    shifted = scratch("shifted", values.size).view(np.uint64)
    bits: Hashes = values.view(np.uint64)
    for factor in _FACTORS:
        np.bitwise_xor(bits, np.right_shift(bits, _HALF, out=shifted), out=hashes)
        bits = np.multiply(hashes, factor, out=hashes)
    return np.bitwise_xor(hashes, np.right_shift(hashes, _HALF, out=shifted), out=hashes)


def _sigma(x: float) -> float:
    if x == 1:
        return math.inf
    total, power, previous = x, 1.0, math.nan
    while total != previous:
        x *= x
        previous = total
        total += x * power
        power += power
    return total


def _tau(x: float) -> float:
    if x in (0.0, 1.0):
        return 0.0
    total, power, previous = 1 - x, 1.0, math.nan
    while total != previous:
        x = math.sqrt(x)
        previous = total
        power *= 0.5
        total -= (1 - x) ** 2 * power
    return total / 3


def surely_more_than(cap: int, values: pl.Series) -> bool:
    """Whether so many parts of the range of hashes are hit that there must be more than `cap` values."""
    if values.len() <= max(cap, _LONG):
        return False
    hit = np.zeros(1 << _PREFIX_BITS, np.bool_)
    hit[(values.hash(_HASH_SEED).to_numpy() >> np.uint64(64 - _PREFIX_BITS)).view(np.int64)] = True
    return int(np.count_nonzero(hit)) > cap + 1


class ValueCounts:
    """How often each value occurs, until there are more than `cap` of them (or they take more than `cap_bytes`).

    From then on only the number of distinct values is known. Whether the cap is passed depends on the set of values
    alone, not on the order in which they come. With `numeric` the values are numbers in their written form, and beyond
    the cap two forms of one number count as one value.
    """

    __slots__ = ("_counted", "_pending", "_pending_rows", "cap", "cap_bytes", "numeric", "sketch")

    def __init__(self, cap: int, cap_bytes: int, numeric: bool = False) -> None:
        self.cap = cap
        self.cap_bytes = cap_bytes
        self.numeric = numeric
        self.sketch: DistinctSketch | None = None
        self._counted = pl.DataFrame(schema=_SCHEMA)
        self._pending: list[pl.DataFrame] = []
        self._pending_rows = 0

    @property
    def complete(self) -> bool:
        """Whether every value is still counted."""
        self._settle()
        return self.sketch is None

    def add(self, values: pl.Series, parsed: npt.NDArray[np.float64] | None = None) -> None:
        """Add values without nulls, text or typed; `parsed` may give numeric ones as doubles without negative zeros."""
        if not values.len():
            return
        sketch = self.sketch
        if sketch is None:
            probe = values if values.len() <= 4 * self.cap else values.head(4 * self.cap)
            if probe.len() <= self.cap or not (surely_more_than(self.cap, probe) or probe.n_unique() > self.cap):
                counted = values.rename("value").value_counts(name="count")
                self.add_counted(counted.select(pl.col("value").cast(pl.String), pl.col("count").cast(pl.UInt64)))
                return
            sketch = self._overflow()
        if parsed is None:
            self._sketch_values(values)
        else:
            sketch.add_numbers(parsed)

    def add_counted(self, counted: pl.DataFrame) -> None:
        """Add values (text) with their counts."""
        if not counted.height:
            return
        if self.sketch is None and counted.height > self.cap:
            self._overflow()
        if self.sketch is not None:
            self._sketch_values(counted["value"])
            return
        self._pending.append(counted)
        self._pending_rows += counted.height
        if self._pending_rows > max(_PENDING_ROWS, self.cap) or len(self._pending) > _PENDING_FRAMES:
            self._settle()

    def _sketch_values(self, values: pl.Series) -> None:
        assert self.sketch is not None  # noqa: S101 - callers see to it
        if not self.numeric:
            self.sketch.add(values)
            return
        if values.dtype == pl.String:
            values = values.str.replace(" ", "", literal=True)
        self.sketch.add_numbers(values.cast(pl.Float64).to_numpy() + 0.0)

    def _frames(self) -> list[pl.DataFrame]:
        return [frame for frame in (self._counted, *self._pending) if frame.height]

    def _overflow(self) -> DistinctSketch:
        """From counts to a sketch."""
        sketch = self.sketch = DistinctSketch()
        for frame in self._frames():
            self._sketch_values(frame["value"])
        self._counted = pl.DataFrame(schema=_SCHEMA)
        self._pending = []
        self._pending_rows = 0
        return sketch

    def _settle(self) -> None:
        """Put pending counts together."""
        parts = self._frames()
        if not self._pending:
            return
        together = pl.concat(parts)
        if len(parts) > 1:
            together = together.group_by("value").agg(pl.col("count").sum())
        self._counted, self._pending, self._pending_rows = together, [], 0
        if together.height > self.cap or int(together["value"].str.len_bytes().cast(pl.UInt64).sum()) > self.cap_bytes:
            self._overflow()

    def merged(self, other: ValueCounts) -> ValueCounts:
        """The counts of both; neither changes."""
        result = ValueCounts(self.cap, self.cap_bytes, self.numeric)
        for part in (self, other):
            if part.sketch is not None:
                if result.sketch is None:
                    result._overflow()
                    result.sketch = part.sketch.merged(result.sketch or DistinctSketch())
                else:
                    result.sketch = result.sketch.merged(part.sketch)
            for frame in part._frames():
                result.add_counted(frame)
        return result

    def distinct(self) -> int:
        """How many values there are: exact while complete, else estimated."""
        self._settle()
        return self._counted.height if self.sketch is None else self.sketch.estimate()

    def most_common(self, limit: int | None = None) -> list[tuple[str, int]]:
        """Values by falling count (equal counts by value); empty once incomplete."""
        self._settle()
        counted = self._counted
        if limit is not None and counted.height > limit:
            # Sorting a hundred thousand strings to keep a thousand would take most of the time of a check.
            smallest = counted["count"].top_k(limit).min()
            above = counted.filter(pl.col("count") > smallest)
            level = counted.filter(pl.col("count") == smallest)["value"].bottom_k(limit - above.height)
            counted = pl.concat([above, pl.DataFrame([level]).with_columns(count=pl.lit(smallest, pl.UInt64))])
        ordered = counted.sort(["count", "value"], descending=[True, False])
        return [(str(value), int(count)) for value, count in ordered.rows()]

    def count_of(self, values: Iterable[str]) -> dict[str, int]:
        """Counts of the values asked for, where they occur; empty once incomplete."""
        self._settle()
        if not self._counted.height:
            return {}
        wanted = pl.Series(list(values), dtype=pl.String)
        return dict(self._counted.filter(pl.col("value").is_in(wanted.implode())).rows())
