"""Type inference by the rules of Deequ 2.0.2, which Model Monitor runs on the written form of every value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

InferredType = Literal["Integral", "Fractional", "String", "Unknown"]

INTEGRAL = r"^[-+]? ?[0-9]+$"
FRACTIONAL = r"^[-+]? ?[0-9]+(?:(?:\.[0-9]+)|(?:(?:\.[0-9]+)?[Ee][-+]?[0-9]+))$"
BOOLEAN = ("true", "false")

_SAMPLE = 256

Floats = npt.NDArray[np.float64]


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
        numbers: Finite values of the numeric ones, unsorted.
        numeric: The numeric values as they came (text or typed).
        text: The other values as text.
        overflowing: Numeric values beyond the range of a double.
    """

    counts: TypeCounts
    numbers: Floats
    numeric: pl.Series
    text: pl.Series
    overflowing: int = 0


def cells_of(series: pl.Series) -> Cells:
    """Sort the values of a column. NaN and infinities of typed columns are missing values, as JSON has none."""
    dtype = series.dtype
    if dtype == pl.String:
        return _cells_of_text(series.drop_nulls())
    if dtype.is_integer():
        present = series.drop_nulls()
        return Cells(TypeCounts(integral=present.len()), _floats(present), present, _no_text())
    if dtype.is_float() or dtype.is_decimal():
        present = series.drop_nulls().cast(pl.Float64)
        present = present.filter(present.is_finite())
        return Cells(TypeCounts(fractional=present.len()), _floats(present), present, _no_text())
    return _cells_of_text(as_text(series).drop_nulls())


def as_text(series: pl.Series) -> pl.Series:
    """Any column as text: booleans as `true` and `false`, nested values as JSON, times as ISO 8601."""
    dtype = series.dtype
    if dtype == pl.String:
        return series
    if dtype == pl.Null:
        return series.cast(pl.String)
    if dtype == pl.Struct:
        return series.struct.json_encode()
    if dtype == pl.Binary:
        return series.bin.encode("base64")
    if dtype.is_nested() or dtype == pl.Object:
        import json

        values = [None if value is None else json.dumps(value, default=str, ensure_ascii=False) for value in series]
        return pl.Series(series.name, values, dtype=pl.String)
    return series.cast(pl.String)


def looks_numeric(series: pl.Series) -> bool:
    """Whether most of the first values are numbers: only a hint on which way is faster."""
    sample = series.head(_SAMPLE).drop_nulls()
    return 2 * int(sample.cast(pl.Float64, strict=False).is_not_null().sum()) >= sample.len() > 0


def _no_text() -> pl.Series:
    return pl.Series("", [], dtype=pl.String)


def _floats(series: pl.Series) -> Floats:
    values = series.cast(pl.Float64).to_numpy()
    return values + 0.0  # also a private, writable copy without negative zeros


def _cells_of_text(present: pl.Series) -> Cells:
    integers = present.cast(pl.Int64, strict=False)
    if not integers.null_count():
        return Cells(TypeCounts(integral=present.len()), _floats(integers), present, present.clear())
    rest = present.filter(integers.is_null())
    fractional = rest.str.contains(FRACTIONAL)
    if fractional.all():
        fraction, others = rest, rest.clear()
    else:
        fraction, others = rest.filter(fractional), rest.filter(~fractional)
    large = others.str.contains(INTEGRAL) if others.len() else None
    if large is not None and large.any():
        wide, others = others.filter(large), others.filter(~large)
    else:
        wide = others.clear()
    parsed = [integers.drop_nulls().cast(pl.Float64), _parsed(fraction), _parsed(wide)]
    numbers = np.concatenate([_floats(part) for part in parsed])
    finite = np.isfinite(numbers)
    overflowing = int(numbers.size - np.count_nonzero(finite))
    boolean = int(others.is_in(BOOLEAN).sum()) if others.len() else 0
    counts = TypeCounts(
        integral=parsed[0].len() + wide.len(),
        fractional=fraction.len(),
        boolean=boolean,
        string=others.len() - boolean,
    )
    if not others.len():
        numeric = present
    elif others.len() == present.len():
        numeric = present.clear()
    else:
        numeric = pl.concat([present.filter(integers.is_not_null()), fraction, wide])
    return Cells(counts, numbers if not overflowing else numbers[finite], numeric, others, overflowing)


def _parsed(text: pl.Series) -> pl.Series:
    """Numeric text as doubles; the blank that the rules allow behind a sign is dropped where it stands."""
    values = text.cast(pl.Float64, strict=False)
    if values.null_count():
        values = text.str.replace(" ", "", literal=True).cast(pl.Float64)
    return values
