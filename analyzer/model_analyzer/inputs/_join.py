"""Captured predictions with the labels that arrived for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import polars as pl

from . import _bodies
from ._attributes import Attributes
from ._capture import Window, read_envelopes, rows_of_plain
from ._csv import positional_names
from ._ground_truth import Labels
from ._json import Row
from ._report import InputReport
from ._rows import frames_of
from ._scripts import RecordFunction
from ._sources import Source

RECORD = "record_id"
"""Column with the id of the captured record and the row's number within it."""
GROUND_TRUTH = "ground_truth"
"""Column with the label; further labels of one row are `ground_truth_<name or number>`."""
MOST_NAMES = 4096
"""Columns that are named as in other readers; columns of wider rows count from the start of the joined row."""


@dataclass
class JoinReport:
    """What became of captures and labels.

    Attributes:
        captures: Captured records read.
        matched: Captured records that found their label.
        captures_without_label: Captured records that found none.
        duplicate_captures: Captured records whose id had come before; only the first takes the label.
        labels: Ground truth records read.
        labels_without_capture: Ids that no captured record has.
        duplicate_labels: Ground truth records whose id had come before (the last one counts).
        conflicting_labels: Ids whose ground truth records differ.
        late_labels: Matched labels collected later than allowed; they are used and counted.
        unusable: Matched records whose rows and labels do not fit together.
        delays: Matched labels by delay, in whole hours from prediction to collection.
    """

    captures: int = 0
    matched: int = 0
    captures_without_label: int = 0
    duplicate_captures: int = 0
    labels: int = 0
    labels_without_capture: int = 0
    duplicate_labels: int = 0
    conflicting_labels: int = 0
    late_labels: int = 0
    unusable: int = 0
    delays: Counter[int] = field(default_factory=Counter)

    def delay(self, share: float) -> int | None:
        """The delay in hours that this share of the labels does not exceed; None if no path told the hour."""
        total = self.delays.total()
        seen = 0
        for hours in sorted(self.delays):
            seen += self.delays[hours]
            if seen >= share * total:
                return hours
        return None

    def absorb(self, other: JoinReport) -> None:
        """Add what became of other captures; the counts of labels are those of all captures already."""
        self.captures += other.captures
        self.matched += other.matched
        self.captures_without_label += other.captures_without_label
        self.duplicate_captures += other.duplicate_captures
        self.late_labels += other.late_labels
        self.unusable += other.unusable
        self.delays += other.delays

    def to_dict(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return {
            "captures": self.captures,
            "matched": self.matched,
            "captures_without_label": self.captures_without_label,
            "duplicate_captures": self.duplicate_captures,
            "labels": self.labels,
            "labels_without_capture": self.labels_without_capture,
            "duplicate_labels": self.duplicate_labels,
            "conflicting_labels": self.conflicting_labels,
            "late_labels": self.late_labels,
            "unusable": self.unusable,
            "median_delay_hours": self.delay(0.5),
            "longest_delay_hours": self.delay(1.0),
        }


def read_joined(
    files: Iterable[Source] | Source,
    labels: Labels,
    *,
    columns: Sequence[str] | None = None,
    with_input: bool = True,
    report: InputReport | None = None,
    join: JoinReport | None = None,
    window: Window | None = None,
    allowed_delay: timedelta | None = None,
    preprocessor: RecordFunction | None = None,
    attributes: Attributes | None = None,
) -> Iterator[pl.DataFrame]:
    """Captured rows with their labels: `record_id`, `ground_truth`, the endpoint's output, and its input.

    A label belongs to the record whose inference id (or, where the caller gave none, event id) it names, and to the
    first one only.

    Args:
        files: Captured traffic: files, folders, or (name, bytes) pairs.
        labels: The ground truth.
        columns: Names by position, outputs first, for bodies that carry no names. Default: `_c0`, `_c1`, ...
        with_input: Whether the input side is decoded as well; bias needs it, model quality does not.
        report: Gets the counts of the reading.
        join: Gets the counts of the joining, once all frames are read.
        window: Leaves out captures whose inference time lies outside.
        allowed_delay: From which delay on a label counts as late. Default: none does.
        preprocessor: Model Monitor's `preprocess_handler`; turns one record, which carries its label, into as many rows
            as the label has, or into none to drop it.
        attributes: Where features, inference and probability stand in JSON bodies. Default: rows are looked for.

    Raises:
        FileNotFoundError: A path does not exist.
        ScriptError: The preprocessor raised or gave something else than rows.
    """
    report = report if report is not None else InputReport()
    join = join if join is not None else JoinReport()
    join.labels += labels.records
    join.duplicate_labels += labels.duplicates
    join.conflicting_labels += labels.conflicting
    rows_of = partial(_bodies.rows_of_record, attributes=attributes)
    if preprocessor is not None:
        rows_of = partial(_bodies.preprocessed_record, function=preprocessor)
    for envelopes, source in read_envelopes(files, report=report, window=window):
        joined = _matched(envelopes, labels, join, allowed_delay)
        if not with_input and preprocessor is None:
            # A record that only has an input stays as it is: its row count must still fit the labels.
            given = pl.when(pl.col("output").is_null()).then(pl.col("input"))
            joined = joined.with_columns(given.alias("input"))
        plain, careful = _split(joined) if preprocessor is None else (joined.clear(), joined)
        if plain.height:
            names = [RECORD, GROUND_TRUTH, *positional_names(MOST_NAMES, columns)]
            for frame in rows_of_plain(plain, names):
                report.add_rows(frame.height, frame.width)
                yield frame
        for frame in frames_of(_careful_rows(careful, rows_of, source, columns, report, join)):
            report.add_rows(frame.height, frame.width)
            yield frame
    join.labels_without_capture += int((~labels.used).sum())


def _matched(
    envelopes: pl.DataFrame, labels: Labels, join: JoinReport, allowed_delay: timedelta | None
) -> pl.DataFrame:
    join.captures += envelopes.height
    keyed = envelopes.with_columns(pl.coalesce("inference_id", "event_id").alias("key"))
    keyed = keyed.join(labels.frame, on="key", how="left", maintain_order="left")
    join.captures_without_label += keyed["label_row"].null_count()
    keyed = keyed.filter(pl.col("label_row").is_not_null())
    rows = keyed["label_row"].to_numpy()
    first = keyed["label_row"].is_first_distinct() & ~pl.Series(labels.used[rows])
    join.duplicate_captures += keyed.height - int(first.sum())
    keyed = keyed.filter(first)
    labels.used[keyed["label_row"].to_numpy()] = True
    join.matched += keyed.height
    predicted = pl.col("time").str.to_datetime(time_zone="UTC", strict=False)
    delays = keyed.select((pl.col("collected") - predicted.dt.truncate("1h")).alias("delay"))["delay"].drop_nulls()
    for hours, count in delays.dt.total_hours().rename("hours").value_counts().rows():
        join.delays[hours] += count
    if allowed_delay is not None:
        join.late_labels += int((delays > allowed_delay).sum())
    return keyed


def _split(joined: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Records of one CSV row and one CSV label, the label put in front of the output; and the others."""

    def simple(column: str) -> pl.Expr:
        return ~pl.col(column).str.contains('[",\r\n]').fill_null(False)

    output, given = pl.col("output").str.strip_chars_end("\r\n"), pl.col("input").str.strip_chars_end("\r\n")
    plain = (
        (pl.col("label_encoding").is_null() | (pl.col("label_encoding") == "CSV"))
        & simple("label")
        & simple("key")
        & (pl.col("output_encoding") == "CSV").fill_null(False)
        & output.str.len_bytes().gt(0).fill_null(False)
        & ~output.str.contains('["\n]').fill_null(False)
        & ((pl.col("input_encoding") == "CSV") | given.is_null()).fill_null(False)
        & given.str.len_bytes().gt(0).fill_null(True)
        & ~given.str.contains('["\n]').fill_null(False)
    )
    mask = joined.select(plain.alias("plain"))["plain"]
    front = pl.concat_str(pl.col("key") + "#0", pl.col("label").str.strip_chars(), output, separator=",")
    together = joined.filter(mask).select(front.alias("output"), given.alias("input"))
    return together, joined.filter(~mask)


def _careful_rows(
    frame: pl.DataFrame,
    rows_of: Callable[[dict[str, Any]], list[Row]],
    source: str,
    columns: Sequence[str] | None,
    report: InputReport,
    join: JoinReport,
) -> Iterator[Row]:
    for record in frame.iter_rows(named=True):
        try:
            rows = rows_of(record)
            labels = _labels_of(record, len(rows)) if rows else []
        except _bodies.BodyError as error:
            join.unusable += 1
            report.add_problem(source, record["line"], str(error), record["label"])
            continue
        for number, (row, label) in enumerate(zip(rows, labels, strict=True)):
            named = row if isinstance(row, dict) else dict(zip(positional_names(len(row), columns), row, strict=True))
            own = {RECORD: f"{record['key']}#{number}", **label}
            yield own | {(f"captured_{name}" if name in own else name): cell for name, cell in named.items()}


def _labels_of(record: dict[str, Any], count: int) -> list[dict[str, str | None]]:
    """The labels of a record, one mapping per row."""
    rows = _bodies.side_rows(record["label"], record["label_encoding"], None) or []
    if len(rows) != count:
        rows = _bodies.transposed(rows, count)
    if len(rows) != count:
        raise _bodies.BodyError(f"record has {count} rows, its ground truth {len(rows)}")
    return [_named_labels(row) for row in rows]


def _named_labels(row: Row) -> dict[str, str | None]:
    if isinstance(row, dict):
        if len(row) == 1:
            return {GROUND_TRUTH: next(iter(row.values()))}
        return {f"{GROUND_TRUTH}_{name}": cell for name, cell in row.items()}
    return {GROUND_TRUTH if not n else f"{GROUND_TRUTH}_{n}": cell for n, cell in enumerate(row)}
