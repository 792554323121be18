"""Ground truth: the labels that arrive after the predictions, as JSON lines under the hour of their collection.

Format: https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-merge.html
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from . import _template
from ._csv import line_count
from ._report import InputReport
from ._sources import Source, blocks, expand, name_of

SUFFIXES = (".jsonl", ".json", ".ndjson")

_SCHEMA = {
    "groundTruthData": pl.Struct({"data": pl.String, "encoding": pl.String}),
    "eventMetadata": pl.Struct({"eventId": pl.String, "inferenceId": pl.String}),
}
_LEAVES = {
    "inference_id": ("eventMetadata", "inferenceId"),
    "event_id": ("eventMetadata", "eventId"),
    "label": ("groundTruthData", "data"),
    "label_encoding": ("groundTruthData", "encoding"),
}
_COLUMNS = {"key": pl.String, "label": pl.String, "label_encoding": pl.String}
_HOUR = re.compile(r"(\d{4})/(\d{2})/(\d{2})/(\d{2})(?:/|$)")


@dataclass
class Labels:
    """The labels of a window, one per id, in memory; captures are streamed past them.

    Attributes:
        frame: Columns `key`, `label`, `label_encoding`, `collected` (the hour of the upload, where the path tells it),
            `label_row`.
        records: Ground truth records read, duplicates included.
        duplicates: Records whose id had come before. The last one in the order of the files counts.
        conflicting: Ids whose records carry different labels.
        used: Per row, whether a capture took it.
    """

    frame: pl.DataFrame
    records: int
    duplicates: int
    conflicting: int
    used: npt.NDArray[np.bool_]


def read_ground_truth(files: Iterable[Source] | Source, *, report: InputReport | None = None) -> Labels:
    """All labels of the files. Merged records (captures that already carry `groundTruthData`) are read as well.

    Args:
        files: Files, folders, or (name, bytes) pairs.
        report: Gets the counts of files and of lines that are no ground truth. Default: they are dropped.

    Raises:
        FileNotFoundError: A path does not exist.
    """
    report = report if report is not None else InputReport()
    parts: list[pl.DataFrame] = []
    for source in expand(files, SUFFIXES, report):
        name, line = name_of(source), 1
        hour = _collection_hour(name)
        for block in blocks(source, report):
            frame = _at_once(block)
            if frame is None:
                frame = pl.DataFrame(list(_line_by_line(block, name, line, report)), schema=_COLUMNS, orient="row")
            parts.append(frame.with_columns(pl.lit(hour, dtype=pl.Datetime("us", "UTC")).alias("collected")))
            line += line_count(block)
    empty = pl.DataFrame(schema=_COLUMNS).with_columns(pl.lit(None, pl.Datetime("us", "UTC")).alias("collected"))
    records = pl.concat([empty, *parts])
    differing = records.group_by("key").agg(pl.struct("label", "label_encoding").n_unique().alias("n"))
    unique = records.unique("key", keep="last", maintain_order=True).with_row_index("label_row")
    return Labels(
        unique,
        records.height,
        records.height - unique.height,
        int((differing["n"] > 1).sum()),
        np.zeros(unique.height, np.bool_),
    )


def _collection_hour(name: str) -> datetime | None:
    """The hour that a path `.../yyyy/mm/dd/hh/...` names."""
    found = _HOUR.findall(name.replace("\\", "/"))
    if not found:
        return None
    year, month, day, hour = (int(part) for part in found[-1])
    try:
        return datetime(year, month, day, hour, tzinfo=UTC)
    except ValueError:
        return None


def _at_once(block: bytes) -> pl.DataFrame | None:
    strings = _template.records(block, _LEAVES)
    found = _decoded(block) if strings is None else strings
    if found is None:
        return None
    flat = found.select(pl.coalesce("inference_id", "event_id").alias("key"), "label", "label_encoding")
    return None if flat["key"].has_nulls() or flat["label"].has_nulls() else flat


def _decoded(block: bytes) -> pl.DataFrame | None:
    # The fast decoder reads half surrogate pairs wrongly; they are rare enough to look for.
    if rb"\ud" in block or rb"\uD" in block:
        return None
    try:
        frame = pl.read_ndjson(io.BytesIO(block), schema=_SCHEMA)
    except pl.exceptions.PolarsError:
        return None
    if frame.height != line_count(block):
        return None
    truth, meta = frame["groundTruthData"].struct, frame["eventMetadata"].struct
    return pl.DataFrame(
        [
            meta.field("inferenceId").alias("inference_id"),
            meta.field("eventId").alias("event_id"),
            truth.field("data").alias("label"),
            truth.field("encoding").alias("label_encoding"),
        ]
    )


def _line_by_line(
    block: bytes, source: str, first_line: int, report: InputReport
) -> Iterator[tuple[str, str, str | None]]:
    for number, raw in enumerate(block.split(b"\n"), first_line):
        if not raw.strip():
            continue
        try:
            yield _row(json.loads(raw))
        except (ValueError, RecursionError) as error:
            reason = str(error) if type(error) is ValueError else "line is not JSON"
            report.add_problem(source, number, reason, raw.decode("utf-8", errors="replace").rstrip())


def _row(record: Any) -> tuple[str, str, str | None]:
    truth = record.get("groundTruthData") if isinstance(record, dict) else None
    meta = record.get("eventMetadata") if isinstance(record, dict) else None
    if not isinstance(truth, dict):
        raise ValueError("line carries no ground truth")  # noqa: TRY004 - the line is data, its type is its value
    meta = meta if isinstance(meta, dict) else {}
    key = meta.get("inferenceId") or meta.get("eventId")
    if not isinstance(key, str) or not key:
        raise ValueError("ground truth has no event id")
    label = truth.get("data")
    if label is None:
        raise ValueError("ground truth has no label")
    text = label if isinstance(label, str) else json.dumps(label)
    encoding = truth.get("encoding")
    return _clean(key), _clean(text), encoding if isinstance(encoding, str) else None


def _clean(text: str) -> str:
    return text.encode("utf-8", errors="replace").decode("utf-8")
