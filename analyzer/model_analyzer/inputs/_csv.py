"""CSV text to columns of text. Values stay text because type inference works on their written form."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from ._report import InputReport

_QUOTED = re.compile(rb'"[^"]*"')
_BLANK = re.compile(rb"(?m)^\r?\n")
_JOINED_LINES = 200
_PIECE = 1 << 20
_FIELD_LIMIT = 2**31 - 1


def positional_names(width: int, columns: Sequence[str] | None = None) -> list[str]:
    """Names by position; columns beyond the named ones are called `_c<position>` as Spark calls them."""
    names = list(columns or ())[:width]
    return names + [f"_c{n}" for n in range(len(names), width)]


def unique_names(header: Sequence[str]) -> list[str]:
    """Header names with blanks replaced by `_c<position>` and repeated names numbered."""
    names: list[str] = []
    taken = set(header)
    for position, raw in enumerate(header):
        name = raw.strip() or f"_c{position}"
        serial = 1
        while name in names or (serial > 1 and name in taken):
            serial += 1
            name = f"{raw.strip() or f'_c{position}'}_{serial}"
        names.append(name)
    return names


def split_line(line: bytes, separator: str = ",") -> list[str]:
    """The fields of one line."""
    return _fields(line.decode("utf-8", errors="replace").rstrip("\r\n"), separator)


def text_frame(block: bytes, width: int, separator: str = ",") -> pl.DataFrame | None:
    """A block in which every line has `width` fields, as text columns; None if it needs the careful way."""
    bare = block
    if b'"' in block:
        bare = _QUOTED.sub(b"", block)
        if b'"' in bare:
            return None
    rows, separators = byte_counts(bare, b"\n"[0], ord(separator))
    if separators != rows * (width - 1) or width == 1:
        without = _BLANK.sub(b"", bare)
        if len(without) != len(bare):
            # Between quotation marks an empty line is a value.
            return None if bare is not block else text_frame(without, width, separator)
        if separators != rows * (width - 1):
            return None
    names = [f"column_{n}" for n in range(width)]
    if not rows:
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    try:
        frame = pl.read_csv(block, has_header=False, schema=dict.fromkeys(names, pl.String), separator=separator)
    except pl.exceptions.PolarsError:
        return None
    if frame.height != rows:
        return None
    # A quoted empty field is a missing value, as an unquoted one is.
    return frame.with_columns(pl.all().replace("", None)) if bare is not block else frame


def line_count(block: bytes) -> int:
    """How many line ends a block holds; several times faster than `bytes.count`."""
    return byte_counts(block, b"\n"[0])[0]


def byte_counts(block: bytes, *wanted: int) -> list[int]:
    """How often each byte occurs; in pieces that stay in the processor's cache."""
    codes = np.frombuffer(block, dtype=np.uint8)
    equal = np.empty(min(_PIECE, codes.size), dtype=np.bool_)
    counts = [0] * len(wanted)
    for start in range(0, codes.size, _PIECE):
        piece = codes[start : start + _PIECE]
        for position, byte in enumerate(wanted):
            counts[position] += int(np.count_nonzero(np.equal(piece, byte, out=equal[: piece.size])))
    return counts


def careful_rows(
    block: bytes, width: int | None, separator: str, source: str, first_line: int, report: InputReport
) -> Iterator[list[str | None]]:
    """Rows of a block that holds lines of another width, stray quotation marks or broken characters.

    A line of another width than `width` is left out and counted. A field may span lines if the lines together give the
    right width.
    """
    csv.field_size_limit(_FIELD_LIMIT)
    lines = block.split(b"\n")
    index = 0
    while index < len(lines):
        raw = lines[index].rstrip(b"\r")
        number = first_line + index
        index += 1
        if not raw:
            continue
        used = 1
        if raw.count(b'"') % 2:
            raw, used = _joined(lines, index - 1, width, separator)
            index += used - 1
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            text = raw.decode("utf-8", errors="replace")
            report.replaced_lines += 1
        fields = _fields(text, separator)
        if width is not None and len(fields) != width:
            report.add_problem(source, number, f"line has {len(fields)} fields, not {width}", text)
            continue
        yield [value or None for value in fields]


def _fields(text: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([text], delimiter=separator), [])
    except csv.Error:
        return text.split(separator)


def _joined(lines: list[bytes], start: int, width: int | None, separator: str) -> tuple[bytes, int]:
    """The record that begins with an open quotation mark, and how many lines it takes; alone if it never closes."""
    record = lines[start].rstrip(b"\r")
    for used in range(2, min(_JOINED_LINES, len(lines) - start) + 1):
        record = record + b"\n" + lines[start + used - 1]
        if record.count(b'"') % 2 == 0:
            whole = record.rstrip(b"\r")
            rows = list(
                csv.reader(whole.decode("utf-8", errors="replace").splitlines(keepends=True), delimiter=separator)
            )
            if len(rows) == 1 and (width is None or len(rows[0]) == width):
                return whole, used
            break
    return lines[start].rstrip(b"\r"), 1
