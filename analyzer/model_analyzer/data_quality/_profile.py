"""Summaries of batches that merge in any order and any grouping."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import polars as pl

from ._column import Column
from ._feature import FeatureProfile
from ._fingerprints import Sums
from ._record_sketch import RecordSketch


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

    def add(self, frame: pl.DataFrame) -> None:
        """Add a batch."""
        profiler = Profiler(self)
        profiler.add(frame)
        profiler.finish()


class Profiler:
    """Adds batches to a profile, which is complete only after `finish`."""

    def __init__(self, profile: Profile, pool: ThreadPoolExecutor | None = None, records: bool = True) -> None:
        self.profile = profile
        self._pool = pool
        self._records = records
        self._rows: Future[None] | None = None
        self._columns: dict[str, Column] = {}

    def add(self, frame: pl.DataFrame) -> None:
        """Add a batch."""
        self.profile.rows += frame.height
        columns = [self._column(name, position) for position, name in enumerate(frame.columns)]
        # Polars takes some names for patterns.
        given = [series.alias("value") for series in frame.get_columns()]
        wanted = {
            position: expression
            for position, (column, series) in enumerate(zip(columns, given, strict=True))
            if (expression := column.prepared(pl.nth(position), series)) is not None
        }
        computed = frame.select(wanted.values()).get_columns() if wanted else []
        prepared = dict(zip(wanted, computed, strict=True))
        sums = Sums(frame.height) if self._records else None
        self._do(partial(column.add, given[n], prepared.get(n), sums) for n, column in enumerate(columns))
        if sums is not None:
            self._add_rows(frame, sums)

    def finish(self) -> None:
        """Complete the profile."""
        self._do([column.finish for column in self._columns.values()])
        if self._rows is not None:
            self._rows.result()
        self.profile.records.settle()

    def _add_rows(self, frame: pl.DataFrame, sums: Sums) -> None:
        """Whole rows, of one batch after the other, while the next batch's columns are looked at."""
        if self._pool is None:
            self.profile.records.add(frame, sums)
            return
        if self._rows is not None:
            self._rows.result()
        self._rows = self._pool.submit(self.profile.records.add, frame, sums)

    def _column(self, name: str, position: int) -> Column:
        features = self.profile.features
        if name not in self._columns:
            self._columns[name] = Column(features.setdefault(name, FeatureProfile(name, position)))
        column = self._columns[name]
        column.feature.position = min(column.feature.position, position)
        return column

    def _do(self, work: Iterable[Callable[[], None]]) -> None:
        """Columns are independent of each other, so the pool may take them side by side."""
        for _ in (self._pool.map if self._pool is not None else map)(lambda part: part(), work):
            pass


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


def profile_all(frames: Iterable[pl.DataFrame], records: bool = True) -> Profile:
    """Profile of a stream of batches, in memory that does not grow with their number.

    The next batch is read while one is profiled, and the columns of a batch are profiled side by side.

    Args:
        frames: The batches.
        records: Whether to look at whole rows as well, which `records` is about and nothing else needs.
    """
    stream = iter(frames)
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as columns, ThreadPoolExecutor(max_workers=1) as reader:
        profiler = Profiler(Profile(), columns, records)
        coming = reader.submit(next, stream, None)
        while (frame := coming.result()) is not None:
            coming = reader.submit(next, stream, None)
            profiler.add(frame)
        profiler.finish()
    return profiler.profile
