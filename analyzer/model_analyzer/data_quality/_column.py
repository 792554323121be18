"""A column while its batches are read: ways to the same profile that differ in speed."""

from __future__ import annotations

import math

import polars as pl

from ._distinct import surely_more_than
from ._feature import NUMBER_CAP, FeatureProfile
from ._fingerprints import Sums
from ._tally import Tally, tally_for
from ._types import cells_of, counted_cells_of, looks_numeric, many_numbers

_PROBED_ROWS = 4 * NUMBER_CAP
_SMALL = 4_096


class Column:
    """Adds batches to a feature's profile, which is complete only after `finish`.

    What polars computes of a batch is computed for all columns at once, because each call costs as much as tens of
    thousands of values: `prepared` says what that is, and `add` gets the result.
    """

    __slots__ = ("_batches", "_tallied", "_tally", "feature")

    def __init__(self, feature: FeatureProfile) -> None:
        self.feature = feature
        self._batches = 0
        self._tally: Tally | None = None
        self._tallied = True

    def prepared(self, values: pl.Expr, series: pl.Series) -> pl.Expr | None:
        """What to compute of a batch before it is added; None if nothing.

        Few different values are counted in a table, and looked at when all batches have come. That does not pay off for
        a single small batch, and once values are too many for it they will stay so.
        """
        self._batches += 1
        kind = tally_for(series.dtype) if self._tallied else None
        if self._tally is not None and type(self._tally) is not kind:
            self.finish()
        if self._tally is None and kind is not None and (self._batches > 1 or series.len() >= _SMALL):
            self._tally = kind(series.len(), self.feature.name)
        if self._tally is not None:
            if (expression := self._tally.prepared(values, series)) is not None:
                return expression
            self._stop_tallying()
        many_numbers = series.dtype.is_numeric() and self.feature.numbers.sketch is not None
        return values.cast(pl.Float64).fill_null(math.nan) if many_numbers else None

    def add(self, series: pl.Series, prepared: pl.Series | None, sums: Sums | None) -> None:
        """Add the values of a batch, and to the sums of their rows where that is hardly more work."""
        if prepared is not None:
            if self._tally is None:
                self.feature.add_many(*many_numbers(series, prepared))
                return
            if self._tally.add(series, prepared, sums):
                return
            self._stop_tallying()
        if not (self._may_repeat(series) and self._add_repeated(series)):
            self.feature.add(cells_of(series, self._expects_fractions()))

    def finish(self) -> None:
        """Hand over what was counted."""
        if self._tally is not None:
            counted = self._tally.counted()
            if counted.height:
                self.feature.add_counted(counted_cells_of(counted))
            self._tally = None

    def _stop_tallying(self) -> None:
        self.finish()
        self._tallied = False

    def _may_repeat(self, series: pl.Series) -> bool:
        """Whether to count distinct values first, by a look at the batch and what came before: a question of speed."""
        dtype, feature = series.dtype, self.feature
        if feature.texts.sketch is not None or not (dtype.is_integer() or dtype in (pl.String, pl.Boolean)):
            return False
        if not self._expects_numbers(series):
            return not surely_more_than(feature.texts.cap, series)
        return feature.numbers.sketch is None and series.head(_PROBED_ROWS).n_unique() <= NUMBER_CAP

    def _add_repeated(self, series: pl.Series) -> bool:
        """The way for values that repeat: each distinct one is looked at once. False if they do not repeat."""
        counted = series.drop_nulls().rename("value").value_counts(name="count")
        if counted.height > self.feature.texts.cap:
            return False
        self.feature.add_counted(counted_cells_of(counted))
        return True

    def _expects_numbers(self, series: pl.Series) -> bool:
        """What is most likely in a batch."""
        seen = self.feature.types
        if not seen.present:
            return looks_numeric(series)
        return 2 * (seen.integral + seen.fractional) >= seen.present

    def _expects_fractions(self) -> bool | None:
        seen = self.feature.types
        return seen.fractional > seen.integral if seen.present else None
