"""Type inference by the rules of Deequ 2.0.2, which Model Monitor runs on the written form of every value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from model_analyzer._arrays import Floats

from ._scratch import in_one_piece, scratch

InferredType = Literal["Integral", "Fractional", "String", "Unknown"]

INTEGRAL = r"^[-+]? ?[0-9]+$"
FRACTIONAL = r"^[-+]? ?[0-9]+(?:(?:\.[0-9]+)|(?:(?:\.[0-9]+)?[Ee][-+]?[0-9]+))$"
BOOLEAN = ("true", "false")
_NUMBER_BEGINS = r"^[-+]? ?[0-9]"

_SAMPLE = 256


@dataclass(frozen=True)
class TypeCounts:
    """How many values have which written form. Missing values are counted nowhere here."""

    integral: int = 0
    fractional: int = 0
    boolean: int = 0
    string: int = 0

    @property
    def present(self) -> int:
        return self.integral + self.fractional + self.boolean + self.string

    def __add__(self, other: TypeCounts) -> TypeCounts:
        return TypeCounts(
            self.integral + other.integral,
            self.fractional + other.fractional,
            self.boolean + other.boolean,
            self.string + other.string,
        )

    @property
    def inferred(self) -> InferredType:
        """The column's type: any text makes it String; booleans are text, as the monitor's files know no Boolean."""
        if not self.present:
            return "Unknown"
        if self.string or self.boolean:
            return "String"
        return "Fractional" if self.fractional else "Integral"

    def share_of(self, expected: InferredType) -> float:
        """Share of the present values that a column of the expected type may hold; 1.0 if there are none."""
        if not self.present or expected in ("String", "Unknown"):
            return 1.0
        matching = self.integral + (self.fractional if expected == "Fractional" else 0)
        return matching / self.present


@dataclass(frozen=True)
class Cells:
    """The present values of one column of a batch, sorted by what they are.

    Attributes:
        counts: Values by written form.
        numbers: Finite values of the numeric ones, unsorted; the thread's next cells may overwrite them.
        numeric: The numeric values as they came (text or typed).
        text: The other values as text.
        overflowing: Numeric values beyond the range of a double.
    """

    counts: TypeCounts
    numbers: Floats
    numeric: pl.Series
    text: pl.Series
    overflowing: int = 0


@dataclass(frozen=True)
class CountedCells:
    """The same of a column whose values repeat, each distinct value with its count.

    Attributes:
        counts: Values by written form.
        numbers: Finite numbers, sorted.
        weights: How often each of them occurs.
        numeric: The numeric values in their written form, with their counts.
        text: The other values with their counts.
        overflowing: Numeric values beyond the range of a double.
    """

    counts: TypeCounts
    numbers: Floats
    weights: npt.NDArray[np.int64]
    numeric: pl.DataFrame
    text: pl.DataFrame
    overflowing: int = 0


def cells_of(series: pl.Series, fractions_first: bool | None = None) -> Cells:
    """Sort the values of a column. NaN and infinities of typed columns are missing values, as JSON has none.

    Args:
        series: The column of a batch.
        fractions_first: Which numbers text most likely holds, a question of speed only. Default: looked up.
    """
    dtype = series.dtype
    if dtype == pl.String:
        return _cells_of_text(series.drop_nulls(), fractions_first)
    if dtype.is_integer():
        present = series.drop_nulls()
        return Cells(TypeCounts(integral=present.len()), _passing_floats(present), present, _no_text())
    if dtype.is_float() or dtype.is_decimal():
        present = series.drop_nulls().cast(pl.Float64)
        values = _passing_floats(present)
        if not (finite := np.isfinite(values)).all():
            present, values = present.filter(pl.Series(finite)), values[finite]
        return Cells(TypeCounts(fractional=present.len()), values, present, _no_text())
    return _cells_of_text(as_text(series).drop_nulls(), fractions_first)


def many_numbers(series: pl.Series, doubles: pl.Series) -> tuple[TypeCounts, Floats]:
    """The finite numbers of a typed column in order; `doubles` has the same with NaN for missing ones.

    The thread's next numbers may overwrite them.
    """
    numbers = _passing_floats(doubles)
    numbers.sort()
    first, last = np.searchsorted(numbers, -np.inf, side="right"), np.searchsorted(numbers, np.inf, side="left")
    finite = numbers[first:last]
    whole = series.dtype.is_integer()
    return TypeCounts(integral=finite.size) if whole else TypeCounts(fractional=finite.size), finite


def counted_cells_of(counted: pl.DataFrame) -> CountedCells:
    """Sort distinct values, none missing; the columns are `value` (text, whole numbers or booleans) and `count`."""
    if counted["value"].dtype.is_integer():
        return _counted_integers(counted["value"], counted["count"])
    values = as_text(counted["value"])
    counted = pl.DataFrame([values, counted["count"].cast(pl.UInt64)])
    integral = values.str.contains(INTEGRAL)
    fractional = values.str.contains(FRACTIONAL)
    boolean = values.is_in(BOOLEAN)
    whole, decimal, logical = (int(counted["count"].filter(mask).sum()) for mask in (integral, fractional, boolean))
    counts = TypeCounts(whole, decimal, logical, int(counted["count"].sum()) - whole - decimal - logical)
    mask = integral | fractional
    if not mask.any():
        return CountedCells(counts, np.empty(0), np.empty(0, np.int64), counted.clear(), counted)
    numeric = counted.filter(mask)
    numbers, weights = _by_size(_floats(_parsed(numeric["value"])), numeric["count"])
    finite = np.isfinite(numbers)
    overflowing = int(weights[~finite].sum())
    return CountedCells(counts, numbers[finite], weights[finite], numeric, counted.filter(~mask), overflowing)


def _counted_integers(values: pl.Series, counts: pl.Series) -> CountedCells:
    counted = pl.DataFrame([values.cast(pl.String), counts.cast(pl.UInt64)])
    numbers, weights = _by_size(_floats(values), counts)
    return CountedCells(TypeCounts(integral=int(weights.sum())), numbers, weights, counted, counted.clear())


def _by_size(numbers: Floats, counts: pl.Series) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Numbers in order, with their counts."""
    weights = counts.cast(pl.Int64).to_numpy()
    order = np.argsort(numbers)
    ordered = numbers[order]
    if (ordered[1:] == ordered[:-1]).any():
        # Several forms of a number come in any order, and sums must not depend on it.
        order = np.lexsort((weights, numbers))
    return ordered, weights[order]


def as_text(series: pl.Series) -> pl.Series:
    """Any column as text: booleans as `true` and `false`, nested values as JSON, times as ISO 8601."""
    dtype = series.dtype
    if dtype == pl.String:
        return series
    if dtype == pl.Null:
        return series.cast(pl.String)
    if dtype == pl.Struct:
        return series.struct.json_encode()
    if dtype == pl.Duration:
        return series.dt.to_string("iso")
    if dtype == pl.Binary:
        return series.bin.encode("base64")
    if dtype.is_nested() or dtype == pl.Object:
        import json

        values = [None if value is None else json.dumps(value, default=str, ensure_ascii=False) for value in series]
        return pl.Series(series.name, values, dtype=pl.String)
    return series.cast(pl.String)


def looks_numeric(series: pl.Series) -> bool:
    """Whether most of the first values are numbers: only a hint on which way is faster."""
    if series.dtype != pl.String:
        return series.dtype.is_numeric()
    sample = series.head(_SAMPLE).drop_nulls()
    return 2 * int(sample.cast(pl.Float64, strict=False).is_not_null().sum()) >= sample.len() > 0


def _no_text() -> pl.Series:
    return pl.Series("", [], dtype=pl.String)


def _floats(series: pl.Series) -> Floats:
    return series.cast(pl.Float64).to_numpy() + 0.0  # also a private, writable copy without negative zeros


def _passing_floats(series: pl.Series) -> Floats:
    """The same until the thread makes the next ones."""
    values = in_one_piece(series.cast(pl.Float64), np.float64)
    return np.add(values, 0.0, out=scratch("numbers", series.len()))


def _cells_of_text(present: pl.Series, fractions_first: bool | None) -> Cells:
    """Sort text by its written form. What most values look like is only a matter of which test comes first."""
    parts: list[pl.Series] = []
    fraction = wide = integral = present.clear()
    rest = present
    if _first_are_fractional(present) if fractions_first is None else fractions_first:
        fraction, rest = _divided(present, present.str.contains(FRACTIONAL))
    if rest.len() and _holds_numbers(rest):
        integers = rest.cast(pl.Int64, strict=False)
        integral, rest = _divided(rest, integers.is_not_null())
        parts.append(integers if not rest.len() else integers.drop_nulls())
        if rest.len() and not fraction.len():
            fraction, rest = _divided(rest, rest.str.contains(FRACTIONAL))
        if rest.len():
            # Integers with a blank behind the sign, or beyond 64 bits.
            wide, rest = _divided(rest, rest.str.contains(INTEGRAL))
    parts += [_parsed(part) for part in (fraction, wide) if part.len()]
    numbers = (
        _passing_floats(parts[0])
        if len(parts) == 1
        else np.concatenate([_floats(part) for part in parts] or [np.empty(0)])
    )
    finite = np.isfinite(numbers)
    overflowing = int(numbers.size - np.count_nonzero(finite))
    boolean = sum(int((rest == word).sum()) for word in BOOLEAN) if rest.len() else 0
    numeric = [part for part in (integral, fraction, wide) if part.len()]
    return Cells(
        TypeCounts(integral.len() + wide.len(), fraction.len(), boolean, rest.len() - boolean),
        numbers[finite] if overflowing else numbers,
        pl.concat(numeric) if numeric else present.clear(),
        rest,
        overflowing,
    )


def _holds_numbers(text: pl.Series) -> bool:
    """Whether any value begins as a number does: one cheap test in place of three for names and codes."""
    # Digits and signs stand before the colon, letters behind it.
    if not (text < ":").any():
        return False
    return any(bool(part.str.contains(_NUMBER_BEGINS).any()) for part in (text.head(_SAMPLE), text))


def _first_are_fractional(present: pl.Series) -> bool:
    sample = present.head(_SAMPLE)
    return 2 * int(sample.str.contains(FRACTIONAL).sum()) > sample.len()


def _divided(series: pl.Series, mask: pl.Series) -> tuple[pl.Series, pl.Series]:
    """The values where the mask holds, and the others."""
    if mask.all():
        return series, series.clear()
    return series.filter(mask), series.filter(~mask)


def _parsed(text: pl.Series) -> pl.Series:
    """Numeric text as doubles; the blank that the rules allow behind a sign is dropped where it stands."""
    values = text.cast(pl.Float64, strict=False)
    if values.null_count():
        values = text.str.replace(" ", "", literal=True).cast(pl.Float64)
    return values
