"""The data of a job as frames: captured traffic, merged with labels or not, batch transform captures, tables."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from model_analyzer import inputs

from .batches import as_captures
from .job import ContainerJob, JobError

_HOUR = re.compile(r"/(\d{4})/(\d{2})/(\d{2})/(\d{2})(?:/|$)")
CAPTURED, MERGED = "sagemakerCaptureJson", "sagemakerMergeJson"
_TABLES = {"csv": (".csv", ".out", ""), "json": (".json", ".jsonl", ".out", ""), "parquet": (".parquet",)}


def files_below(folder: Path, start: datetime | None = None, end: datetime | None = None) -> list[Path]:
    """All files, in the order of their names; of those in folders of hours the ones from `start` up to `end`."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and _inside(path, start, end))


def _inside(path: Path, start: datetime | None, end: datetime | None) -> bool:
    match = _HOUR.search(path.parent.as_posix())
    if match is None or start is None or end is None:
        return True
    year, month, day, hour = map(int, match.groups())
    return start <= datetime(year, month, day, hour, tzinfo=UTC) < end


def captured_root(job: ContainerJob) -> Path:
    """The folder of captured records; those of batch transform jobs are put together first, once."""
    source = job.folder("dataset_source")
    if not job.is_batch or job.dataset_format()[0] == MERGED:
        return source
    target = job.root / "captures"
    return target if target.exists() else as_captures(source, target)


def captured_files(job: ContainerJob) -> list[Path]:
    """The files of the job's window; folders may hold more than that.

    Raises:
        JobError: there are none.
    """
    files = files_below(captured_root(job), job.moment("start_time"), job.moment("end_time"))
    if not files:
        raise JobError("Job inputs had no data")
    return files


def frames(job: ContainerJob, columns: Sequence[str] | None, report: inputs.InputReport) -> Iterator[pl.DataFrame]:
    """The job's data, batch by batch.

    Args:
        job: the job.
        columns: names by position for data that carries none.
        report: gets the counts.

    Raises:
        JobError: the format is unknown, or there are no files.
    """
    kind, options = job.dataset_format()
    files = captured_files(job)
    script = job.path("record_preprocessor_script")
    preprocessor = inputs.load_preprocessor(script) if script is not None else None
    if job.is_batch or kind in (CAPTURED, MERGED):
        yield from inputs.read_capture(files, columns=columns, report=report, preprocessor=preprocessor)
    elif kind in _TABLES:
        form: inputs.TableFormat = "jsonl" if kind == "json" else kind  # type: ignore[assignment]
        header = bool(options.get("header", True))
        named = columns if not header else None
        for frame in inputs.read_table(files, format=form, header=header, report=report):
            yield frame if named is None else frame.rename(dict(zip(frame.columns, named, strict=False)))
    else:
        raise JobError(f"dataset_format {kind} is not supported")


def joined(
    job: ContainerJob, columns: Sequence[str] | None, report: inputs.InputReport, *, with_input: bool
) -> Iterator[pl.DataFrame]:
    """Merged captures with their labels in the column `ground_truth`; a table as it is."""
    if job.dataset_format()[0] != MERGED:
        yield from frames(job, columns, report)
        return
    files = captured_files(job)
    labels = inputs.read_ground_truth(files)
    yield from inputs.read_joined(files, labels, columns=columns, with_input=with_input, report=report)


def output_columns(job: ContainerJob) -> list[str]:
    """Columns of the captured output, by its first record: JSON names them, those of CSV are numbered."""
    for path in captured_files(job):
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                side = json.loads(line).get("captureData", {}).get("endpointOutput")
                if side is not None:
                    return _columns_of(side)
    return _numbered(1)


def _columns_of(side: dict[str, str]) -> list[str]:
    text, encoding = str(side["data"]), side.get("encoding")
    if encoding == "JSON":
        document = json.loads(text)
        return list(document) if isinstance(document, dict) else _numbered(1)
    if encoding == "BASE64":
        text = base64.b64decode(text).decode("utf-8", errors="replace")
    return _numbered(text.strip().split("\n", 1)[0].count(",") + 1)


def _numbered(width: int) -> list[str]:
    return [f"output{number}" for number in range(width)]
