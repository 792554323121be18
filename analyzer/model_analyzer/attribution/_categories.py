"""Text features: the numbers that stand for text while a model is explained."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from model_analyzer._arrays import Floats
from model_analyzer._columns import canonical, canonical_text


class Categories:
    """The values of a text feature in a fixed order; a value's place stands for it, NaN for a missing one.

    `1`, `1.0` and `1e0` are one value. What is unknown counts as missing where the model's own training fixed the
    values, and gets the next place where it did not (`open`).
    """

    def __init__(self, values: Iterable[object] = (), *, open: bool = False) -> None:
        self.open = open
        self._places: dict[str, int] = {}
        self._written: list[str] = []
        for value in values:
            self._add(canonical_text(value) or "", str(value))

    @property
    def values(self) -> tuple[str, ...]:
        """The values as they were first written."""
        return tuple(self._written)

    def _add(self, key: str, written: str) -> None:
        self._places[key] = len(self._written)
        self._written.append(written)

    def encode(self, series: pl.Series) -> pl.Series:
        """Places of the values of a column, as doubles; null where a value is missing or unknown."""
        keys = canonical(series)
        if self.open:
            written = series.cast(pl.String)
            for key, text in zip(keys, written, strict=True):
                if key is not None and key not in self._places:
                    self._add(key, text)
        return keys.replace_strict(self._places, default=None, return_dtype=pl.Float64)

    def decode(self, places: Floats) -> npt.NDArray[np.object_]:
        """The values at places, None for NaN."""
        known = np.array([*self._written, None], dtype=object)
        missing = np.isnan(places)
        chosen: npt.NDArray[np.object_] = known[np.where(missing, len(self._written), places).astype(np.int64)]
        return chosen


@dataclass(frozen=True)
class Decoded:
    """A function of rows with text, as a function of rows of numbers.

    Attributes:
        function: Takes an array of objects: text (None where missing) in text features, floats in all others. With
            `names` it takes a pandas data frame instead.
        categories: Text features by position.
        names: Columns of the data frame.
    """

    function: Callable[[Any], Any]
    categories: Mapping[int, Categories]
    names: tuple[str, ...] | None = None

    def __call__(self, rows: Floats) -> Floats:
        if not self.categories and self.names is None:
            return np.asarray(self.function(rows), float)
        mixed = rows.astype(object)
        for position, values in self.categories.items():
            mixed[:, position] = values.decode(rows[:, position])
        if self.names is None:
            return np.asarray(self.function(mixed), float)
        import pandas

        columns = {
            name: mixed[:, position] if position in self.categories else rows[:, position]
            for position, name in enumerate(self.names)
        }
        return np.asarray(self.function(pandas.DataFrame(columns)), float)


def text_columns(frame: pl.DataFrame, columns: Iterable[str]) -> dict[int, Categories]:
    """Open categories for the columns of a sample that hold text, by position."""
    found: dict[int, Categories] = {}
    for position, name in enumerate(columns):
        series = frame[name]
        if series.dtype in (pl.String, pl.Categorical, pl.Enum) and holds_text(series.cast(pl.String)):
            found[position] = Categories(open=True)
    return found


def holds_text(series: pl.Series) -> bool:
    """Whether a text column holds anything but numbers and ways to write that there is none."""
    filled = series.str.strip_chars().str.to_lowercase()
    as_numbers = filled.cast(pl.Float64, strict=False)
    return bool((as_numbers.is_null() & filled.is_not_null() & ~filled.is_in(["", "nan", "null", "na"])).any())
