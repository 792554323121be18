"""Summaries of batches that merge in any order and any grouping."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from model_analyzer._arrays import Floats

from ._distinct import ValueCounts
from ._kll import Sketch
from ._moments import Moments
from ._records import RecordSketch
from ._types import Cells, InferredType, TypeCounts, cells_of, counted_cells_of, looks_numeric

TEXT_CAP = 100_000
TEXT_CAP_BYTES = 64 * 1024 * 1024
NUMBER_CAP = 1_000
NUMBER_CAP_BYTES = 1024 * 1024
_PROBED_ROWS = 4 * NUMBER_CAP


@dataclass
class FeatureProfile:
    """What is known about one column.

    Attributes:
        name: The column's name.
        position: The leftmost position at which it was seen.
        types: Present values by written form.
        moments: Of the numeric values.
        sketch: Quantiles of the numeric values.
        numbers: Counts of the numeric values in their written form, which matter once text turns up as well.
        texts: Counts of the other values.
        negative: How many numeric values are below zero.
        overflowing: Numeric values beyond the range of a double, which moments and sketch leave out.
    """

    name: str
    position: int
    types: TypeCounts = field(default_factory=TypeCounts)
    moments: Moments = field(default_factory=Moments)
    sketch: Sketch = field(default_factory=Sketch)
    numbers: ValueCounts = field(default_factory=lambda: ValueCounts(NUMBER_CAP, NUMBER_CAP_BYTES, numeric=True))
    texts: ValueCounts = field(default_factory=lambda: ValueCounts(TEXT_CAP, TEXT_CAP_BYTES))
    negative: int = 0
    overflowing: int = 0

    @property
    def present(self) -> int:
        """Values that are not missing."""
        return self.types.present

    @property
    def inferred_type(self) -> InferredType:
        return self.types.inferred

    def add(self, series: pl.Series) -> None:
        """Add the values of a batch."""
        if not (self._may_repeat(series) and self._add_repeated(series)):
            self._add_cells(cells_of(series, self._expects_fractions()))

    def _may_repeat(self, series: pl.Series) -> bool:
        """Whether to count distinct values first, by a look at the batch and what came before: a question of speed."""
        dtype = series.dtype
        if self.texts.sketch is not None or not (dtype.is_integer() or dtype in (pl.String, pl.Boolean)):
            return False
        if not self._expects_numbers(series):
            return True
        return self.numbers.sketch is None and series.head(_PROBED_ROWS).n_unique() <= NUMBER_CAP

    def _expects_numbers(self, series: pl.Series) -> bool:
        """What is most likely in a batch."""
        seen = self.types
        if not seen.present:
            return looks_numeric(series)
        return 2 * (seen.integral + seen.fractional) >= seen.present

    def _expects_fractions(self) -> bool | None:
        return self.types.fractional > self.types.integral if self.types.present else None

    def _add_repeated(self, series: pl.Series) -> bool:
        """The way for values that repeat: each distinct one is looked at once. False if they do not repeat."""
        counted = series.drop_nulls().rename("value").value_counts(name="count")
        if counted.height > self.texts.cap:
            return False
        cells = counted_cells_of(counted)
        if cells.numeric.height > NUMBER_CAP:
            return False
        self.types += cells.counts
        self.overflowing += cells.overflowing
        self.numbers.add_counted(cells.numeric)
        self.texts.add_counted(cells.text)
        self._add_sorted(cells.numbers)
        return True

    def _add_cells(self, cells: Cells) -> None:
        self.types += cells.counts
        self.overflowing += cells.overflowing
        self.numbers.add(cells.numeric, cells.numbers)
        self.texts.add(cells.text)
        cells.numbers.sort()
        self._add_sorted(cells.numbers)

    def _add_sorted(self, numbers: Floats) -> None:
        if numbers.size:
            self.moments += Moments.of(numbers)
            self.negative += int(np.searchsorted(numbers, 0.0, side="left"))
            self.sketch.add_sorted(numbers)

    def merged(self, other: FeatureProfile) -> FeatureProfile:
        """The profile of both parts; neither changes."""
        return FeatureProfile(
            self.name,
            min(self.position, other.position),
            self.types + other.types,
            self.moments + other.moments,
            self.sketch.merged(other.sketch),
            self.numbers.merged(other.numbers),
            self.texts.merged(other.texts),
            self.negative + other.negative,
            self.overflowing + other.overflowing,
        )


@dataclass
class Profile:
    """What is known about a data set: the number of rows, each column's profile by name, and what whole rows tell.

    A row that lacks a column counts as a missing value of it.
    """

    rows: int = 0
    features: dict[str, FeatureProfile] = field(default_factory=dict)
    records: RecordSketch = field(default_factory=RecordSketch)

    def ordered(self) -> list[FeatureProfile]:
        """Columns from left to right; columns that shared a position by name."""
        return sorted(self.features.values(), key=lambda feature: (feature.position, feature.name))

    def missing(self, feature: FeatureProfile) -> int:
        """How many rows have no value of a column."""
        return self.rows - feature.present

    def completeness(self, feature: FeatureProfile) -> float:
        """Share of rows that have a value, 0 to 1; 0 without rows."""
        return feature.present / self.rows if self.rows else 0.0

    def add(self, frame: pl.DataFrame, pool: ThreadPoolExecutor | None = None) -> None:
        """Add a batch."""
        self.rows += frame.height
        work: list[tuple[FeatureProfile, pl.Series]] = []
        for position, series in enumerate(frame.get_columns()):
            feature = self.features.get(series.name)
            if feature is None:
                feature = self.features[series.name] = FeatureProfile(series.name, position)
            feature.position = min(feature.position, position)
            work.append((feature, series))
        if pool is None:
            self.records.add(frame)
            for feature, series in work:
                feature.add(series)
        else:
            whole = pool.submit(self.records.add, frame)
            list(pool.map(lambda pair: pair[0].add(pair[1]), work))
            whole.result()


def profile(frame: pl.DataFrame) -> Profile:
    """Profile of one batch."""
    result = Profile()
    result.add(frame)
    return result


def merge(first: Profile, second: Profile) -> Profile:
    """Profile of two batches; neither argument changes.

    Counts, extremes and categories are exact whatever the order and grouping, moments to rounding, and quantiles within
    the sketch's bound.
    """
    features: dict[str, FeatureProfile] = {}
    for name in {**first.features, **second.features}:
        mine, theirs = first.features.get(name), second.features.get(name)
        if mine is not None and theirs is not None:
            features[name] = mine.merged(theirs)
        else:
            only = mine or theirs
            assert only is not None  # noqa: S101 - a name of the union is in one of them
            features[name] = only.merged(FeatureProfile(only.name, only.position))
    return Profile(first.rows + second.rows, features, first.records.merged(second.records))


def profile_all(frames: Iterable[pl.DataFrame]) -> Profile:
    """Profile of a stream of batches, in memory that does not grow with their number.

    The next batch is read while one is profiled, and the columns of a batch are profiled side by side.
    """
    result = Profile()
    stream = iter(frames)
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as columns, ThreadPoolExecutor(max_workers=1) as reader:
        coming = reader.submit(next, stream, None)
        while (frame := coming.result()) is not None:
            coming = reader.submit(next, stream, None)
            result.add(frame, columns)
    return result
