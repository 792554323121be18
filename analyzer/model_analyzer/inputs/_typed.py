"""CSV columns read as numbers, where the numbers tell type inference all that their written form would.

Text first and numbers later costs three passes over every value. A column of many different numbers needs none of them
if the parser reads it as numbers at once, provided that nothing is lost: every decimal has its point between two
digits, no number has a blank in front, none overflows, and no two written forms have to be told apart. Bytes are
counted to prove that of a whole block; a block of which it cannot be proved is read as text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from ._csv import text_frame

SAMPLE_ROWS = 8_192
SAMPLE_BYTES = 1024 * 1024
"""How much of a file is read as text to learn from: little, because that is the slow way."""
LEAST_DISTINCT = 2_000
"""Only columns of more distinct numbers qualify: profiles count the written forms of up to a thousand."""

Kinds = Mapping[str, pl.DataType]
"""Types of the columns that can be read as numbers, by name."""

_DECIMAL = r"^[-+]?[0-9]+\.[0-9]+$"
_PIECE = 1 << 20
_MOST_FAILURES = 2
_POINT, _LINE_END = ord("."), ord("\n")
_BLANKS = (ord(" "), ord("\t"))
_ZERO, _TEN = np.uint8(ord("0")), np.uint8(10)


@dataclass(frozen=True)
class Marks:
    """What was counted in a block.

    Attributes:
        separators: Separators.
        points: Decimal points, or full stops.
        inner_points: Those between two digits.
        blanks: Whether a field begins with a blank or a tab.
    """

    separators: int
    points: int
    inner_points: int
    blanks: bool

    @classmethod
    def of(cls, block: bytes, separator: str) -> Marks:
        """Count in pieces: large enough that other threads get on, small enough for the processor's cache."""
        codes = np.frombuffer(block, dtype=np.uint8)
        size = min(_PIECE + 2, codes.size)
        chosen, separates, ends = (np.empty(size, dtype=np.bool_) for _ in range(3))
        shifted = np.empty(size, dtype=np.uint8)
        separators = points = inner = 0
        blank_codes = tuple(code for code in _BLANKS if code in block)
        # The first byte of the block begins a field, too.
        blanks = bool(codes[0] in blank_codes)
        for start in range(0, codes.size, _PIECE):
            first = max(start - 1, 0)
            window = codes[first : start + _PIECE + 1]
            own = slice(start - first, min(start - first + _PIECE, window.size))
            mask, spare = chosen[: window.size], ends[: window.size]
            separating = np.equal(window, ord(separator), out=separates[: window.size])
            separators += int(np.count_nonzero(separating[own]))
            if blank_codes and not blanks:
                before = np.logical_or(np.equal(window, _LINE_END, out=spare), separating, out=spare)[:-1]
                blanks = any(
                    np.logical_and(np.equal(window, code, out=mask)[1:], before, out=mask[1:]).any()
                    for code in blank_codes
                )
            is_point = np.equal(window, _POINT, out=mask)
            points += int(np.count_nonzero(is_point[own]))
            is_digit = np.less(np.subtract(window, _ZERO, out=shifted[: window.size]), _TEN, out=spare)
            between = np.logical_and(is_digit[:-2], is_digit[2:], out=separating[: max(window.size - 2, 0)])
            inner += int(np.count_nonzero(np.logical_and(between, is_point[1:-1], out=between)))
        return cls(separators, points, inner, blanks)


class NumberColumns:
    """Which columns of a source can be read as numbers: learned from blocks that were read as text."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, ...], dict[str, pl.DataType]] = {}
        self._looked: Counter[tuple[str, ...]] = Counter()
        self._failures = 0

    def learn(self, frame: pl.DataFrame) -> None:
        """Look at a frame of text columns."""
        names = tuple(frame.columns)
        kinds = self._kinds.setdefault(names, {})
        if kinds or frame.height <= LEAST_DISTINCT or max(self._failures, self._looked[names]) > _MOST_FAILURES:
            return
        self._looked[names] += 1
        for series in frame.head(SAMPLE_ROWS).get_columns():
            kind = _kind(series.drop_nulls())
            if kind is not None:
                kinds[series.name] = kind

    def kinds(self, names: Sequence[str]) -> Kinds:
        """The columns known to be numbers; none after a few blocks that had to be read as text all the same."""
        return self._kinds.get(tuple(names), {}) if self._failures <= _MOST_FAILURES else {}

    def note(self, parsed: Parsed) -> None:
        """Learn from a block."""
        self._failures += parsed.failed
        if parsed.text is not None:
            self.learn(parsed.text)


@dataclass(frozen=True)
class Parsed:
    """A block in which every line has as many fields as there are names.

    Attributes:
        text: Its columns as text, if they were read so.
        typed: Its columns, if some were read as numbers. None of both if it needs the careful way.
        failed: Whether some should have been.
    """

    text: pl.DataFrame | None = None
    typed: pl.DataFrame | None = None
    failed: bool = False

    @property
    def frame(self) -> pl.DataFrame | None:
        return self.text if self.typed is None else self.typed


def parsed(block: bytes, names: Sequence[str], separator: str, kinds: Kinds) -> Parsed:
    """Parse a block, the columns known to be numbers as numbers; others have the same text as before."""
    tried = bool(kinds) and b'"' not in block
    if tried:
        frame = _frame(block, {name: kinds.get(name, pl.String()) for name in names}, separator)
        if frame is not None:
            return Parsed(typed=frame)
    text = text_frame(block, len(names), separator)
    if text is not None:
        text.columns = list(names)
    return Parsed(text=text, failed=tried)


def named_frame(
    block: bytes, names: Sequence[str], separator: str, numbers: NumberColumns | None
) -> pl.DataFrame | None:
    """A block in which every line has as many fields as there are names; None if it needs the careful way."""
    result = parsed(block, names, separator, numbers.kinds(names) if numbers is not None else {})
    if numbers is not None:
        numbers.note(result)
    return result.frame


def _kind(present: pl.Series) -> pl.DataType | None:
    if present.dtype != pl.String or present.n_unique() <= LEAST_DISTINCT:
        return None
    if present.cast(pl.Int64, strict=False).null_count() == 0:
        return pl.Int64()
    return pl.Float64() if present.str.contains(_DECIMAL).all() else None


def _frame(block: bytes, schema: dict[str, pl.DataType], separator: str) -> pl.DataFrame | None:
    marks = Marks.of(block, separator)
    if marks.blanks:
        return None
    try:
        frame = pl.read_csv(block, has_header=False, schema=schema, separator=separator)
    except pl.exceptions.PolarsError:
        return None
    # Longer lines are refused, so the number of separators tells that none is shorter, and none empty.
    whole = marks.separators == frame.height * (len(schema) - 1)
    # Without separators that tells nothing, and what is missing is an empty line, which is no row.
    whole = whole and (len(schema) > 1 or not frame.to_series().null_count())
    return frame if whole and _loses_nothing(frame, marks) else None


def _loses_nothing(frame: pl.DataFrame, marks: Marks) -> bool:
    """Whether every decimal has exactly one point, between two digits, and none is infinite."""
    decimals = [series for series in frame.get_columns() if series.dtype == pl.Float64]
    present = sum(series.len() - series.null_count() for series in decimals)
    points, inner = marks.points, marks.inner_points
    if points != present or inner != present:
        # A number has at most one point, so once the text's are taken off, the count decides.
        in_text, inner_in_text = _points_of_text(frame)
        points, inner = points - in_text, inner - inner_in_text
    return points == present == inner and not any(series.is_infinite().any() for series in decimals)


def _points_of_text(frame: pl.DataFrame) -> tuple[int, int]:
    points = inner = 0
    for series in frame.get_columns():
        if series.dtype == pl.String:
            counted = series.drop_nulls().rename("value").value_counts(name="count")
            dotted = counted.filter(pl.col("value").str.contains(".", literal=True))
            for value, count in dotted.iter_rows():
                marks = Marks.of(f"{value}\n".encode(), ",")
                points += marks.points * count
                inner += marks.inner_points * count
    return points, inner
