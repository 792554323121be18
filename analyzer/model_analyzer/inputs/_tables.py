"""Tables: CSV with and without a header, JSON lines, Parquet."""

from __future__ import annotations

import io
import json
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import polars as pl

from . import _csv, _json
from ._report import InputReport
from ._rows import frames_of
from ._scripts import RecordFunction, rows_of_result
from ._sources import Source, blocks, expand, name_of, opened
from ._typed import SAMPLE_BYTES, NumberColumns, Parsed, parsed

TableFormat = Literal["csv", "jsonl", "parquet"]

SUFFIXES: dict[str, tuple[str, ...]] = {
    "csv": (".csv", ".txt", ".out", ".tsv"),
    "jsonl": (".jsonl", ".ndjson", ".json"),
    "parquet": (".parquet", ".pq"),
}
PARQUET_ROWS = 131_072
AHEAD = 2
"""How many pieces of a CSV file are parsed at the same time."""


def read_table(
    files: Iterable[Source] | Source,
    *,
    format: TableFormat = "csv",
    header: bool = True,
    columns: Sequence[str] | None = None,
    separator: str = ",",
    report: InputReport | None = None,
    numbers: bool = False,
    preprocessor: RecordFunction | None = None,
) -> Iterator[pl.DataFrame]:
    """Batches of a table.

    Args:
        files: Files, folders, or (name, bytes) pairs. Inside a folder only files with a suffix of the format count.
        format: `csv`, `jsonl` (one JSON object or array a line) or `parquet`.
        header: Whether the first line of each CSV file names the columns.
        columns: Names by position where the file has none. Default: `_c0`, `_c1`, ...
        separator: The character between CSV fields.
        report: Gets the counts. Default: they are dropped.
        numbers: Lets CSV columns come as numbers where that tells a profile all that their text would. Faster; for data
            quality.
        preprocessor: Model Monitor's `preprocess_handler`; turns one line of CSV (text, the header left out) or of JSON
            (decoded) into rows.

    Yields:
        Frames of text columns for CSV and JSON lines (type inference works on the written form), typed ones for
        Parquet. A line that does not fit is left out and counted; nothing else is lost.

    Raises:
        FileNotFoundError: A path does not exist.
        ScriptError: The preprocessor raised or gave something else than rows.
        ValueError: The format is unknown, or one that has no lines for a preprocessor.
    """
    report = report if report is not None else InputReport()
    if format not in SUFFIXES:
        raise ValueError(f"format {format!r} is unknown: use one of {', '.join(SUFFIXES)}")
    if preprocessor is not None:
        if format == "parquet":
            raise ValueError("a preprocessor takes lines, and parquet has none: use it with csv or jsonl")
        sources = expand(files, SUFFIXES[format], report)
        return _preprocessed(sources, format == "csv", header, preprocessor, report)
    sources = expand(files, SUFFIXES[format], report)
    if format == "csv":
        return _read_csv(sources, header, columns, separator, report, NumberColumns() if numbers else None)
    if format == "jsonl":
        return _read_json_lines(sources, columns, report)
    return _read_parquet(sources, report)


def _read_csv(
    sources: Iterable[Source],
    header: bool,
    columns: Sequence[str] | None,
    separator: str,
    report: InputReport,
    numbers: NumberColumns | None,
) -> Iterator[pl.DataFrame]:
    for source in sources:
        pieces = _pieces(source, header, columns, separator, report, SAMPLE_BYTES if numbers is not None else None)
        for piece, frame in _parsed(pieces, separator, numbers):
            if frame is not None:
                frames: Iterable[pl.DataFrame] = (frame,) if frame.height else ()
                del piece  # and its bytes, before the frame is used
            else:
                width, name = len(piece.names), name_of(source)
                rows = _csv.careful_rows(piece.body, width, separator, name, piece.first_line, report)
                frames = frames_of(rows, piece.names)
            for part in frames:
                report.records += part.height
                report.add_rows(part.height, part.width)
                yield part


@dataclass(frozen=True)
class _Piece:
    """Lines of a CSV file below its header, the names of their fields and the number of the first one."""

    body: bytes
    names: list[str]
    first_line: int


def _pieces(
    source: Source,
    header: bool,
    columns: Sequence[str] | None,
    separator: str,
    report: InputReport,
    first_bytes: int | None,
) -> Iterator[_Piece]:
    names: list[str] | None = None
    line = 1
    for block in blocks(source, report, quoted=True, first_bytes=first_bytes):
        body, start = block, line
        line += _csv.line_count(block)
        if names is None:
            head, body, skipped = _first_line(block)
            start += skipped
            if not head.strip():
                continue
            if b"\r" in head.rstrip() and not body.strip():
                reason = "file whose lines end with a carriage return alone"
                report.add_problem(name_of(source), 1, reason, head.decode("utf-8", errors="replace"))
                continue
            fields = _csv.split_line(head, separator)
            if header:
                names = _csv.unique_names(fields)
            else:
                names = _csv.positional_names(len(fields), columns)
                body = head + body
                start -= 1
        yield _Piece(body, names, start)


def _parsed(
    pieces: Iterable[_Piece], separator: str, numbers: NumberColumns | None
) -> Iterator[tuple[_Piece, pl.DataFrame | None]]:
    """Each piece with its frame, None if it needs the careful way.

    While one is used two others are parsed, once it is known which columns are numbers. What is known when a piece's
    turn comes depends on the pieces before alone, not on which thread is faster.
    """
    waiting: deque[tuple[_Piece, Future[Parsed]]] = deque()

    def first() -> tuple[_Piece, pl.DataFrame | None]:
        piece, future = waiting.popleft()
        result = future.result()
        if numbers is not None:
            numbers.note(result)
        return piece, result.frame

    with ThreadPoolExecutor(AHEAD) as pool:
        for piece in pieces:
            kinds = numbers.kinds(piece.names) if numbers is not None else {}
            waiting.append((piece, pool.submit(parsed, piece.body, piece.names, separator, kinds)))
            if len(waiting) == AHEAD or (numbers is not None and not kinds):
                yield first()
        while waiting:
            yield first()


def _first_line(block: bytes) -> tuple[bytes, bytes, int]:
    """The first line that is not blank, what follows it, and how many lines that took."""
    start = skipped = 0
    while start < len(block):
        end = block.find(b"\n", start) + 1 or len(block)
        # A header may hold a line end inside quotation marks.
        while block.count(b'"', start, end) % 2 and (further := block.find(b"\n", end) + 1) > 0:
            end = further
        skipped += block.count(b"\n", start, end)
        if block[start:end].strip():
            return block[start:end], block[end:], skipped
        start = end
    return b"", b"", skipped


def _read_json_lines(
    sources: Iterable[Source], columns: Sequence[str] | None, report: InputReport
) -> Iterator[pl.DataFrame]:
    for source in sources:
        line = 1
        for block in blocks(source, report):
            for frame in frames_of(_json_rows(block, name_of(source), line, report), columns):
                report.add_rows(frame.height, frame.width)
                yield frame
            line += _csv.line_count(block)


def _preprocessed(
    sources: Iterable[Source], csv: bool, header: bool, function: RecordFunction, report: InputReport
) -> Iterator[pl.DataFrame]:
    for source in sources:
        rows = _preprocessed_rows(source, csv, csv and header, function, report)
        for frame in frames_of(rows):
            report.add_rows(frame.height, frame.width)
            yield frame


def _preprocessed_rows(
    source: Source, csv: bool, header: bool, function: RecordFunction, report: InputReport
) -> Iterator[_json.Row]:
    number = 0
    for block in blocks(source, report):
        for raw in block.split(b"\n"):
            number += 1
            text = raw.decode("utf-8", errors="replace").rstrip("\r")
            if not text.strip():
                continue
            if header:
                header = False
                continue
            try:
                record = text if csv else json.loads(text)
            except (ValueError, RecursionError):
                report.add_problem(name_of(source), number, "line is not JSON", text)
                continue
            report.records += 1
            yield from rows_of_result(function(record))
        number -= 1  # a block ends with a line end, behind which stands nothing


def _json_rows(block: bytes, source: str, first_line: int, report: InputReport) -> Iterator[_json.Row]:
    for number, raw in enumerate(block.split(b"\n"), first_line):
        if not raw.strip():
            continue
        try:
            rows = _json.rows_of(raw.decode("utf-8"))
        except ValueError as error:
            report.add_problem(source, number, _reason(error), raw.decode("utf-8", errors="replace"))
            continue
        report.records += 1
        yield from rows


def _reason(error: ValueError) -> str:
    return "line is not UTF-8" if isinstance(error, UnicodeDecodeError) else "line is not JSON"


def _read_parquet(sources: Iterable[Source], report: InputReport) -> Iterator[pl.DataFrame]:
    for source in sources:
        report.files += 1
        try:
            if isinstance(source, tuple):
                with opened(source) as file:
                    lazy = pl.scan_parquet(io.BytesIO(file.read()))
            else:
                lazy = pl.scan_parquet(source, glob=False)
            for frame in lazy.collect_batches(chunk_size=PARQUET_ROWS, maintain_order=True):
                if frame.height:
                    report.records += frame.height
                    report.add_rows(frame.height, frame.width)
                    yield frame
        except (pl.exceptions.PolarsError, OSError) as error:
            report.add_problem(name_of(source), None, "file is not Parquet", str(error).splitlines()[0])
