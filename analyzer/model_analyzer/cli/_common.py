"""What the commands share: options on data, progress, files in and out."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _transform

if TYPE_CHECKING:
    import polars as pl

    from model_analyzer.inputs import Attributes, InputReport
    from model_analyzer.inputs._scripts import RecordFunction

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_VIOLATIONS = 3
EXIT_NO_DATA = 4

STATISTICS = "statistics.json"
CONSTRAINTS = "constraints.json"
VIOLATIONS = "constraint_violations.json"
INPUT_REPORT = "input_report.json"
PAGE = "report.html"

FORMATS = ("auto", "csv", "jsonl", "parquet", "capture", "transform")
_PROGRESS_AFTER_SECONDS = 2.0
_PROGRESS_EVERY_SECONDS = 0.5
_SNIFFED_BYTES = 4096


class CommandError(Exception):
    """Something that the user can put right; the message says how."""


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Options on the data to read."""
    parser.add_argument("data", metavar="DATA", nargs="+", type=Path, help="files or folders")
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="auto",
        help="what the files are; capture is SageMaker's captured JSONL, transform the manifests of a captured batch "
        "transform job (default: by suffix and first line)",
    )
    parser.add_argument("--no-header", action="store_true", help="CSV files do not begin with a line of names")
    parser.add_argument(
        "--columns", metavar="NAMES", help="names by position for data without names, separated by commas"
    )
    parser.add_argument(
        "--separator", default=",", metavar="CHAR", help="character between CSV fields (default: comma)"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress and no summary")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    group = parser.add_argument_group("captured data")
    group.add_argument(
        "--preprocessor", type=Path, metavar="FILE", help="Python file with preprocess_handler, for captured records"
    )
    group.add_argument(
        "--features-attribute", metavar="PATH", help="where the rows are in captured JSON inputs: instances[*].features"
    )
    group.add_argument(
        "--inference-attribute",
        metavar="PATH",
        help="where the prediction is in captured JSON outputs, $.predictions[*].label; becomes the column prediction",
    )
    group.add_argument(
        "--probability-attribute", metavar="PATH", help="the same of the probability; becomes the column probability"
    )
    group.add_argument(
        "--transform-files", type=Path, metavar="DIR", help="copy of the objects that a transform's manifests name"
    )
    group.add_argument(
        "--inference-ids", action="store_true", help="the transform job ran with GenerateInferenceId: leave the ids out"
    )


def frames(
    options: argparse.Namespace, report: InputReport, columns: list[str] | None, numbers: bool = False
) -> Iterator[pl.DataFrame]:
    """The data as batches, with progress on stderr when it takes long; see the readers for `numbers`."""
    from model_analyzer import inputs

    names = [name.strip() for name in options.columns.split(",")] if options.columns else columns
    if len(options.separator) != 1 or not options.separator.isascii():
        raise CommandError(f"--separator is {options.separator!r}: give one ASCII character")
    existing(options.data)
    kind = format_of(options)
    check_capture_options(options, kind)
    try:
        if kind == "capture":
            batches = inputs.read_capture(
                options.data,
                columns=names,
                report=report,
                preprocessor=preprocessor(options),
                attributes=attributes(options),
                numbers=numbers,
            )
        elif kind == "transform":
            batches = _transform.batches(options, names, report)
        else:
            batches = inputs.read_table(
                options.data,
                format=kind,  # type: ignore[arg-type]  # argparse has checked it
                header=not options.no_header,
                columns=names,
                separator=options.separator,
                report=report,
                numbers=numbers,
            )
        yield from with_progress(batches, report, options.quiet)
    except inputs.ScriptError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"cannot read the data: {error}") from error


def existing(paths: Iterable[Path]) -> None:
    """Complain about all paths that do not exist."""
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        raise CommandError(f"{', '.join(missing)}: no such file or folder")


def check_capture_options(options: argparse.Namespace, kind: str) -> None:
    """Options that only make sense for one format, all mistakes at once."""
    wrong = []
    if kind != "capture":
        given = ("preprocessor", "features_attribute", "inference_attribute", "probability_attribute")
        wrong += [
            f"--{name.replace('_', '-')} works on captured records, and the data is {kind}: add --format capture"
            for name in given
            if getattr(options, name) is not None
        ]
    if kind != "transform" and (options.transform_files is not None or options.inference_ids):
        wrong.append(f"--transform-files and --inference-ids need --format transform, and the data is {kind}")
    if kind == "transform" and options.transform_files is None:
        wrong.append("the data is the manifests of a batch transform job: add --transform-files DIR, with the files")
    if wrong:
        raise CommandError("; ".join(wrong))


def preprocessor(options: argparse.Namespace) -> RecordFunction | None:
    """The script's handler, None without a script."""
    from model_analyzer import inputs

    return inputs.load_preprocessor(options.preprocessor) if options.preprocessor is not None else None


def attributes(options: argparse.Namespace) -> Attributes | None:
    """The attribute paths, None if there are none."""
    from model_analyzer import inputs

    paths = (options.features_attribute, options.inference_attribute, options.probability_attribute)
    try:
        return inputs.Attributes(*paths) if any(path is not None for path in paths) else None
    except inputs.PathError as error:
        raise CommandError(str(error)) from error


def with_progress(batches: Iterator[pl.DataFrame], report: InputReport, quiet: bool) -> Iterator[pl.DataFrame]:
    """The batches, with progress on stderr when it takes long."""
    start = shown = time.monotonic()
    drawn = False
    for batch in batches:
        yield batch
        now = time.monotonic()
        if not quiet and now - start > _PROGRESS_AFTER_SECONDS and now - shown > _PROGRESS_EVERY_SECONDS:
            rate = report.rows / (now - start)
            sys.stderr.write(f"\r{report.rows:,} rows from {report.files:,} files, {rate:,.0f} rows/s ")
            sys.stderr.flush()
            shown, drawn = now, True
    if drawn:
        sys.stderr.write("\n")


def format_of(options: argparse.Namespace) -> str:
    """The format asked for, or what the first file looks like."""
    if options.format != "auto":
        return str(options.format)
    for path in options.data:
        candidates = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
        for file in candidates:
            suffix = Path(file.name.removesuffix(".gz")).suffix.lower()
            if suffix in (".parquet", ".pq"):
                return "parquet"
            if suffix in (".csv", ".txt", ".out"):
                return "csv"
            if suffix in (".jsonl", ".ndjson", ".json"):
                return _json_format_of(file)
            if path.is_file():
                raise CommandError(f"{file}: the suffix says nothing about the format: add --format")
    return "csv"


def _json_format_of(file: Path) -> str:
    from model_analyzer.inputs._sources import opened

    with opened(file) as stream:
        head = stream.read(_SNIFFED_BYTES)
    if b'"captureData"' in head:
        return "capture"
    return "transform" if re.match(rb'\s*\[\s*\{\s*"prefix"', head) else "jsonl"


def read_json(folder: Path, name: str) -> Any:
    """A JSON file of a folder, None if it is not there."""
    path = folder / name
    if not path.exists():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise CommandError(f"{path}: cannot be read as JSON: {error}") from error


def required_json(folder: Path, name: str, purpose: str) -> Any:
    """A JSON file that must be there."""
    value = read_json(folder, name)
    if value is None:
        raise CommandError(f"{folder / name}: no such file; {purpose}")
    return value


def write_text(folder: Path, name: str, text: str) -> Path:
    """Write a file, making the folder if need be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / name
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{folder / name}: cannot be written: {error}") from error
    return path


def dumps(value: Any) -> str:
    """JSON as the files hold it."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def counted(number: int, thing: str) -> str:
    """A number of things: `1 line`, `2,000 lines`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def say(options: argparse.Namespace, summary: str, result: dict[str, Any]) -> None:
    """Print the result, for people or for programs."""
    if options.json:
        sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
    elif not options.quiet:
        sys.stdout.write(summary.rstrip() + "\n")
