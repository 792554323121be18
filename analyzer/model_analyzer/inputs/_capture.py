"""Captured traffic: the JSON lines that SageMaker's data capture writes.

Format: https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html

The envelopes of a block are decoded at once; CSV bodies are joined and parsed at once. Only what does not fit (another
encoding, quotation marks, broken lines) takes the careful way, record by record.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from . import _bodies, _csv, _envelopes
from ._attributes import Attributes
from ._report import InputReport
from ._rows import frames_of
from ._scripts import RecordFunction
from ._sources import Source, blocks, expand, name_of
from ._typed import NumberColumns, named_frame

SUFFIXES = (".jsonl", ".json", ".ndjson")


@dataclass(frozen=True)
class Window:
    """Half-open span of inference times; both ends are aware datetimes."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError(f"window {self.start} to {self.end}: both ends need a time zone")
        if self.start >= self.end:
            raise ValueError(f"window {self.start} to {self.end}: the end must be after the start")


def read_capture(
    files: Iterable[Source] | Source,
    *,
    columns: Sequence[str] | None = None,
    report: InputReport | None = None,
    window: Window | None = None,
    preprocessor: RecordFunction | None = None,
    attributes: Attributes | None = None,
    numbers: bool = False,
) -> Iterator[pl.DataFrame]:
    """Batches of captured traffic, one row per prediction, the endpoint's output first and its input behind it.

    Args:
        files: Files, folders, or (name, bytes) pairs, of any hours and variants.
        columns: Names by position, outputs first, for bodies that carry no names. Default: `_c0`, `_c1`, ...
        report: Gets the counts. Default: they are dropped.
        window: Leaves out records whose inference time lies outside.
        preprocessor: Model Monitor's `preprocess_handler`; turns one record into rows.
        attributes: Where features, inference and probability stand in JSON bodies. Default: rows are looked for.
        numbers: Lets columns come as numbers where that tells a profile all that their text would. Faster; for data
            quality.

    Yields:
        Frames of text columns. Rows of another width come in frames of their own.

    Raises:
        FileNotFoundError: A path does not exist.
        ScriptError: The preprocessor raised or gave something else than rows.
    """
    report = report if report is not None else InputReport()
    typed = NumberColumns() if numbers else None
    for envelopes, source in read_envelopes(files, report=report, window=window):
        if preprocessor is not None:
            yield from _counted(frames_of(_bodies.preprocessed(envelopes, preprocessor), columns), report)
            continue
        plain, careful = _split(envelopes)
        for frame in rows_of_plain(plain, columns, typed):
            report.add_rows(frame.height, frame.width)
            yield frame
        if careful.height:
            rows = _bodies.rows_of_records(careful, source, report, attributes)
            yield from _counted(frames_of(rows, columns), report)


def read_envelopes(
    files: Iterable[Source] | Source, *, report: InputReport, window: Window | None = None
) -> Iterator[tuple[pl.DataFrame, str]]:
    """The captured records undecoded, as frames of `_envelopes.COLUMNS`, with the name of their file.

    Shadow traffic is left out and counted. Model quality joins ground truth to these by `event_id`, `inference_id`.
    """
    for source in expand(files, SUFFIXES, report):
        line = 1
        for block in blocks(source, report):
            for frame in _envelopes.decoded(block, name_of(source), line, report):
                kept = _production(frame, report, window)
                if kept.height:
                    report.records += kept.height
                    _count_encodings(kept, report)
                    yield kept, name_of(source)
            line += _csv.line_count(block)


def _production(frame: pl.DataFrame, report: InputReport, window: Window | None) -> pl.DataFrame:
    shadow = frame["source"].eq_missing("ShadowExperiment")
    if shadow.any():
        report.skipped_shadow += int(shadow.sum())
        frame = frame.filter(~shadow)
    if window is not None and frame.height:
        time = frame["time"].str.to_datetime(time_zone="UTC", strict=False)
        inside = time.is_between(window.start, window.end, closed="left").fill_null(True)
        report.outside_window += frame.height - int(inside.sum())
        frame = frame.filter(inside)
    return frame


def _count_encodings(frame: pl.DataFrame, report: InputReport) -> None:
    for side in ("output_encoding", "input_encoding"):
        for encoding, count in frame[side].drop_nulls().value_counts().rows():
            report.encodings[encoding] += count


def _counted(frames: Iterable[pl.DataFrame], report: InputReport) -> Iterator[pl.DataFrame]:
    for frame in frames:
        report.add_rows(frame.height, frame.width)
        yield frame


def _split(frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Records whose sides are plain CSV of equally many lines, and the others."""
    frame = frame.with_columns(pl.col("output", "input").str.strip_chars_end("\r\n"))
    output, given = pl.col("output"), pl.col("input")
    plain = (
        (pl.col("output_encoding") == "CSV").fill_null(output.is_null())
        & (pl.col("input_encoding") == "CSV").fill_null(given.is_null())
        & ~output.str.contains('"', literal=True).fill_null(False)
        & ~given.str.contains('"', literal=True).fill_null(False)
        & (output.str.count_matches("\n", literal=True) == given.str.count_matches("\n", literal=True)).fill_null(True)
        & (output.str.len_bytes() > 0).fill_null(True)
        & (given.str.len_bytes() > 0).fill_null(True)
        & (output.is_not_null() | given.is_not_null())
    )
    mask = frame.select(plain.alias("plain"))["plain"]
    return (frame, frame.clear()) if mask.all() else (frame.filter(mask), frame.filter(~mask))


def rows_of_plain(
    frame: pl.DataFrame, columns: Sequence[str] | None, numbers: NumberColumns | None = None
) -> Iterator[pl.DataFrame]:
    """Frames of the columns `output` and `input`, which hold unquoted CSV of equally many lines."""
    if not frame.height:
        return
    sides = frame.select("output", "input")
    if sides["output"].str.contains("\n", literal=True).any() or sides["input"].str.contains("\n", literal=True).any():
        sides = sides.with_columns(pl.all().str.split("\n")).with_columns(
            pl.col("output").fill_null(pl.col("input").list.eval(pl.lit(None, pl.String))),
            pl.col("input").fill_null(pl.col("output").list.eval(pl.lit(None, pl.String))),
        )
        sides = sides.explode("output", "input").with_columns(pl.all().str.strip_chars_end("\r"))
    lines = sides.select(pl.concat_str("output", "input", separator=",", ignore_nulls=True).alias("line"))["line"]
    commas = lines.str.count_matches(",", literal=True)
    for width in commas.unique(maintain_order=True):
        same = lines if commas.n_unique() == 1 else lines.filter(commas == width)
        block = (same.str.join("\n").item() + "\n").encode()
        names = _csv.positional_names(width + 1, columns)
        parsed = named_frame(block, names, ",", numbers)
        if parsed is None:
            # A blank line, or a line end within a line: both are rows here, so every line is split by itself.
            yield from frames_of((_cells(line) for line in same), columns)
        else:
            yield parsed


def _cells(line: str) -> list[str | None]:
    return [cell or None for cell in line.split(",")]
