"""Captured batch transform jobs: manifests that name the input and output files of an hour.

Format: https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-batch.html
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import PurePosixPath

import polars as pl

from . import _bodies, _json
from ._report import InputReport
from ._rows import frames_of
from ._sources import Source, expand, name_of, opened

OUTPUT_SUFFIX = ".out"
_ID, _TIME, _OUTPUT = "SageMakerInferenceId", "SageMakerInferenceTime", "SageMakerOutput"
_ID_COLUMNS = 2


def manifest_entries(text: str | bytes) -> list[str]:
    """The URIs that a manifest names: a JSON array of an object with the prefix, and the names below it.

    Raises:
        ValueError: It is no manifest.
    """
    items = json.loads(text)
    head = items[0] if isinstance(items, list) and items else None
    prefix = head.get("prefix") if isinstance(head, dict) else None
    if not isinstance(prefix, str) or not all(isinstance(item, str) for item in items[1:]):
        raise ValueError("manifest: expected a JSON array of one object with a 'prefix' and then names")
    return [prefix + item for item in items[1:]]


def read_transform(
    outputs: Iterable[Source] | Source,
    inputs: Iterable[Source] | Source = (),
    *,
    locate: Callable[[str], Source],
    inference_ids: bool = False,
    columns: Sequence[str] | None = None,
    report: InputReport | None = None,
) -> Iterator[pl.DataFrame]:
    """Batches of a transform job's answers with their inputs, outputs first, one file in memory at a time.

    Args:
        outputs: Manifests below `<destination>/output`, or a folder of them.
        inputs: Manifests below `<destination>/input`. Default: answers only.
        locate: Gives the local source of a URI that a manifest names.
        inference_ids: The job ran with `GenerateInferenceId`, which adds an id and a time to every answer; both are
            left out.
        columns: Names by position, outputs first, for data without names. Default: `_c0`, `_c1`, ...
        report: Gets the counts. An output without its input, or of another length, goes there as a problem.
    """
    report = report if report is not None else InputReport()
    given: dict[str, list[str]] = defaultdict(list)
    for uri in dict.fromkeys(_entries(inputs, report)):
        given[PurePosixPath(uri).name].append(uri)
    for uri in _entries(outputs, report):
        rows = _joined_rows(uri, given, locate, inference_ids, report)
        for frame in frames_of(rows, columns):
            report.records += frame.height
            report.add_rows(frame.height, frame.width)
            yield frame


def _entries(manifests: Iterable[Source] | Source, report: InputReport) -> Iterator[str]:
    for source in expand(manifests, (".json", ".manifest")):
        with opened(source) as file:
            text = file.read()
        try:
            yield from manifest_entries(text)
        except ValueError as error:
            report.add_problem(name_of(source), None, str(error), text.decode("utf-8", errors="replace"))


def _joined_rows(
    uri: str, given: Mapping[str, list[str]], locate: Callable[[str], Source], inference_ids: bool, report: InputReport
) -> list[_json.Row]:
    try:
        output = _rows(locate(uri), report)
        if inference_ids:
            output = [_without_id(row) for row in output]
        if not given:
            return output
        asked = _asked(uri, given.get(PurePosixPath(uri).name.removesuffix(OUTPUT_SUFFIX), ()))
        if len(asked) != 1:
            report.add_problem(uri, None, f"output with {len(asked)} inputs" if asked else "output without an input")
            return []
        return _bodies.side_by_side(output, _rows(locate(asked[0]), report))
    except (_bodies.BodyError, OSError, UnicodeDecodeError) as error:
        report.add_problem(uri, None, str(error))
        return []


def _asked(output: str, inputs: Sequence[str]) -> list[str]:
    """Which inputs of the same name an output may answer: those in the most similar folders."""
    folders = PurePosixPath(output).parts[-2::-1]
    alike = [_common(folders, PurePosixPath(uri).parts[-2::-1]) for uri in inputs]
    return [uri for uri, length in zip(inputs, alike, strict=True) if length == max(alike)]


def _common(first: Sequence[str], second: Sequence[str]) -> int:
    """How many items both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False)))


def _rows(source: Source, report: InputReport) -> list[_json.Row]:
    report.files += 1
    with opened(source) as file:
        text = file.read().decode("utf-8")
    if not text.strip():
        report.empty_files += 1
        return []
    if text.lstrip()[:1] in ("{", "["):
        try:
            return _json.rows_of(text)
        except ValueError:
            raise _bodies.BodyError("file is neither JSON nor CSV") from None
    return _bodies.csv_rows(text)


def _without_id(row: _json.Row) -> _json.Row:
    """An answer without the id and the time that SageMaker added."""
    if isinstance(row, list):
        return row[:-_ID_COLUMNS]
    prefix = f"{_OUTPUT}_"
    kept = {name: value for name, value in row.items() if name not in (_ID, _TIME)}
    return {("prediction" if name == _OUTPUT else name.removeprefix(prefix)): value for name, value in kept.items()}
