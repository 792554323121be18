"""Captured bodies, record by record: every encoding, several records per body, the sides put together row by row."""

from __future__ import annotations

import base64
import binascii
import csv
from collections.abc import Callable, Iterator
from typing import Any

import polars as pl

from . import _json
from ._attributes import Attributes
from ._json import Row
from ._report import InputReport
from ._scripts import CapturedRecord, CapturedSide, EventMetadata, RecordFunction, rows_of_result

_CLASH_PREFIX = "output_"


class BodyError(ValueError):
    """A body that cannot be turned into rows; the message is the reason that the report gives."""


def rows_of_records(
    frame: pl.DataFrame, source: str, report: InputReport, attributes: Attributes | None = None
) -> Iterator[Row]:
    """Rows of captured records; a record that cannot be decoded goes to the report and takes no other with it."""
    for record in frame.iter_rows(named=True):
        try:
            rows = rows_of_record(record, attributes)
        except BodyError as error:
            text = record["input"] if record["input"] is not None else record["output"]
            report.records -= 1
            report.add_problem(source, record["line"], str(error), text or "")
            continue
        yield from rows


def rows_of_record(record: dict[str, Any], attributes: Attributes | None = None) -> list[Row]:
    """The rows of one captured record, its sides put together.

    Raises:
        BodyError: A side cannot be decoded, or the sides have different numbers of rows.
    """
    of_output, of_input = (attributes.output_rows, attributes.input_rows) if attributes is not None else (None, None)
    output = side_rows(record["output"], record["output_encoding"], record["output_type"], of_output)
    given = side_rows(record["input"], record["input_encoding"], record["input_type"], of_input)
    return side_by_side(output, given)


def preprocessed(frame: pl.DataFrame, function: RecordFunction) -> Iterator[Row]:
    """Rows that a `preprocess_handler` makes of captured records."""
    for record in frame.iter_rows(named=True):
        yield from preprocessed_record(record, function)


def preprocessed_record(record: dict[str, Any], function: RecordFunction) -> list[Row]:
    """Rows that a `preprocess_handler` makes of one captured record, which may carry its label."""
    captured = CapturedRecord(
        endpoint_input=_captured_side(record, "input"),
        endpoint_output=_captured_side(record, "output"),
        event_metadata=EventMetadata(
            record["event_id"], record["time"], record["custom_attributes"], record["inference_id"]
        ),
        ground_truth=None
        if record.get("label") is None
        else CapturedSide(record["label"], record["label_encoding"], None),
    )
    return rows_of_result(function(captured))


def _captured_side(record: dict[str, Any], side: str) -> CapturedSide | None:
    if record[side] is None:
        return None
    return CapturedSide(record[side], record[f"{side}_encoding"], record[f"{side}_type"])


def side_rows(
    data: str | None,
    encoding: str | None,
    content_type: str | None,
    json_rows: Callable[[Any], list[Row]] | None = None,
) -> list[Row] | None:
    """The rows of one side, None if it was not captured; `json_rows` finds them in a decoded JSON body."""
    if data is None:
        return None
    kind = (encoding or "").upper()
    if kind == "BASE64":
        data = _from_base64(data)
        kind = _kind_of(content_type, data)
    elif kind not in ("CSV", "JSON"):
        kind = _kind_of(content_type, data)
    if kind == "JSON":
        try:
            return _json.rows_of(data, json_rows)
        except ValueError:
            raise BodyError("body is not JSON") from None
        except LookupError as error:
            raise BodyError(str(error.args[0])) from None
    return csv_rows(data)


def _from_base64(data: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode("utf-8-sig")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise BodyError("base64 body is not text") from None


def _kind_of(content_type: str | None, data: str) -> str:
    mime = (content_type or "").partition(";")[0].strip().lower()
    if mime == "text/csv":
        return "CSV"
    return "JSON" if "json" in mime or data.lstrip()[:1] in ("{", "[") else "CSV"


def csv_rows(data: str) -> list[Row]:
    """Rows of a CSV body.

    Raises:
        BodyError: There are none.
    """
    body = data.strip("\r\n")
    if not body:
        raise BodyError("body is empty")
    try:
        parsed = list(csv.reader(body.splitlines(keepends=True)))
    except csv.Error:
        parsed = [line.split(",") for line in body.splitlines()]
    return [[cell or None for cell in row] for row in parsed if row]


def side_by_side(output: list[Row] | None, given: list[Row] | None) -> list[Row]:
    """Rows of the output with the rows of the input behind them.

    Raises:
        BodyError: There are not as many of one as of the other.
    """
    if output is None or given is None:
        return output or given or []
    if len(output) != len(given):
        output, given = transposed(output, len(given)), transposed(given, len(output))
    if len(output) != len(given):
        raise BodyError(f"output has {len(output)} rows, input has {len(given)}")
    return [_joined(left, right) for left, right in zip(output, given, strict=True)]


def transposed(rows: list[Row], count: int) -> list[Row]:
    """One line of as many answers as there are rows on the other side is one answer per row."""
    if len(rows) == 1 and isinstance(rows[0], list) and len(rows[0]) == count:
        return [[cell] for cell in rows[0]]
    return rows


def _joined(output: Row, given: Row) -> Row:
    if isinstance(output, list) and isinstance(given, list):
        return [*output, *given]
    left = output if isinstance(output, dict) else {f"_c{n}": cell for n, cell in enumerate(output)}
    offset = len(left)
    right = given if isinstance(given, dict) else {f"_c{offset + n}": cell for n, cell in enumerate(given)}
    return {(f"{_CLASH_PREFIX}{name}" if name in right else name): cell for name, cell in left.items()} | right
