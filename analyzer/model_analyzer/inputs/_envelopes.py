"""The envelope of a captured record: one line of JSON to one row of a frame."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import polars as pl

from . import _template
from ._csv import line_count
from ._report import InputReport

_SIDE = pl.Struct({"observedContentType": pl.String, "data": pl.String, "encoding": pl.String})
_SCHEMA = {
    "captureData": pl.Struct({"endpointOutput": _SIDE, "endpointInput": _SIDE}),
    "eventMetadata": pl.Struct(
        dict.fromkeys(("eventId", "inferenceId", "inferenceTime", "invocationSource", "customAttributes"), pl.String)
    ),
}
COLUMNS = {
    "output": pl.String,
    "output_encoding": pl.String,
    "output_type": pl.String,
    "input": pl.String,
    "input_encoding": pl.String,
    "input_type": pl.String,
    "event_id": pl.String,
    "inference_id": pl.String,
    "time": pl.String,
    "source": pl.String,
    "custom_attributes": pl.String,
    "line": pl.Int64,
}
_SIDES = {"output": "endpointOutput", "input": "endpointInput"}
_META = {
    "event_id": "eventId",
    "inference_id": "inferenceId",
    "time": "inferenceTime",
    "source": "invocationSource",
    "custom_attributes": "customAttributes",
}
_LEAVES = {
    **{
        f"{side}{suffix}": ("captureData", member, key)
        for side, member in _SIDES.items()
        for suffix, key in (("", "data"), ("_encoding", "encoding"), ("_type", "observedContentType"))
    },
    **{column: ("eventMetadata", key) for column, key in _META.items()},
}
_SMALLEST_BLOCK_LINES = 32


def decoded(block: bytes, source: str, first_line: int, report: InputReport) -> Iterator[pl.DataFrame]:
    """Frames of `COLUMNS` for a block of lines; broken lines go to the report.

    A block with a broken line is halved until the line stands in a small one, which is decoded line by line: one bad
    line in a million costs next to nothing.
    """
    frame = _at_once(block, first_line)
    if frame is not None:
        yield frame
        return
    lines = block.splitlines(keepends=True) if block.count(b"\n") <= _SMALLEST_BLOCK_LINES else []
    if lines:
        yield _line_by_line(lines, source, first_line, report)
        return
    middle = block.find(b"\n", len(block) // 2) + 1
    if not middle or middle == len(block):
        middle = block.rfind(b"\n", 0, len(block) // 2) + 1
    yield from decoded(block[:middle], source, first_line, report)
    yield from decoded(block[middle:], source, first_line + block.count(b"\n", 0, middle), report)


def _at_once(block: bytes, first_line: int) -> pl.DataFrame | None:
    strings = _template.records(block, _LEAVES)
    flat = _decoded(block) if strings is None else strings
    if flat is None or (flat["output"].is_null() & flat["input"].is_null()).any():
        return None
    return flat.with_columns(pl.int_range(first_line, first_line + flat.height, eager=True).alias("line"))


def _decoded(block: bytes) -> pl.DataFrame | None:
    # Half a surrogate pair and repeated keys are read wrongly by the fast decoder; both are rare enough to look for.
    if rb"\ud" in block or rb"\uD" in block:
        return None
    try:
        frame = pl.read_ndjson(io.BytesIO(block), schema=_SCHEMA)
    except pl.exceptions.PolarsError:
        return None
    if frame.height != line_count(block):
        return None
    data, meta = frame["captureData"].struct, frame["eventMetadata"].struct
    output, given = data.field("endpointOutput").struct, data.field("endpointInput").struct
    return pl.DataFrame(
        [
            output.field("data").alias("output"),
            output.field("encoding").alias("output_encoding"),
            output.field("observedContentType").alias("output_type"),
            given.field("data").alias("input"),
            given.field("encoding").alias("input_encoding"),
            given.field("observedContentType").alias("input_type"),
            meta.field("eventId").alias("event_id"),
            meta.field("inferenceId").alias("inference_id"),
            meta.field("inferenceTime").alias("time"),
            meta.field("invocationSource").alias("source"),
            meta.field("customAttributes").alias("custom_attributes"),
        ]
    )


def _line_by_line(lines: list[bytes], source: str, first_line: int, report: InputReport) -> pl.DataFrame:
    rows = []
    for number, raw in enumerate(lines, first_line):
        if not raw.strip():
            continue
        try:
            rows.append(_row(json.loads(raw), number))
        except (ValueError, RecursionError) as error:
            reason = str(error) if type(error) is ValueError else "line is not JSON"
            report.add_problem(source, number, reason, raw.decode("utf-8", errors="replace").rstrip())
    return pl.DataFrame(rows, schema=COLUMNS, orient="row")


def _row(record: Any, line: int) -> tuple[str | int | None, ...]:
    data = record.get("captureData") if isinstance(record, dict) else None
    if not isinstance(data, dict):
        raise ValueError("line is not a captured record")  # noqa: TRY004 - the line is data, its type is its value
    meta = record.get("eventMetadata")
    meta = meta if isinstance(meta, dict) else {}
    sides: list[str | None] = []
    for name in ("endpointOutput", "endpointInput"):
        side = data.get(name)
        side = side if isinstance(side, dict) else {}
        sides += [_text(side.get(key)) for key in ("data", "encoding", "observedContentType")]
    if sides[0] is None and sides[3] is None:
        raise ValueError("captured record carries no data")
    keys = ("eventId", "inferenceId", "inferenceTime", "invocationSource", "customAttributes")
    return (*sides, *(_text(meta.get(key)) for key in keys), line)


def _text(value: Any) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode("utf-8", errors="replace").decode("utf-8")
