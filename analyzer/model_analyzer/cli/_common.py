"""What the commands share: options on data, progress, files in and out."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _transform
from ._errors import CommandError as CommandError
from ._formats import FORMATS
from ._formats import format_of as format_of
from ._formats import separator_of as separator_of
from ._progress import with_progress

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
RECORDS = "records.json"
PAGE = "report.html"


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
        "--separator",
        metavar="CHAR",
        help="character between CSV fields (default: comma, or the ; tab | of a first line without a comma)",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress and no summary")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    group = parser.add_argument_group("captured data")
    group.add_argument(
        "--preprocessor",
        type=Path,
        metavar="FILE",
        help="Python file with preprocess_handler, for captured records, lines of CSV and of JSON",
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
    existing(options.data)
    kind = format_of(options)
    check_options(options, kind)
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
                separator=separator_of(options),
                report=report,
                numbers=numbers,
                preprocessor=preprocessor(options),
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


def check_options(options: argparse.Namespace, kind: str) -> None:
    """Options that only make sense for some formats, all mistakes at once."""
    wrong = []
    if kind != "capture":
        given = ("features_attribute", "inference_attribute", "probability_attribute")
        wrong += [
            f"--{name.replace('_', '-')} works on captured records, and the data is {kind}: add --format capture"
            for name in given
            if getattr(options, name) is not None
        ]
    if options.preprocessor is not None and kind in ("parquet", "transform"):
        wrong.append(f"--preprocessor works on captured records, lines of CSV and of JSON, and the data is {kind}")
    if options.columns and (kind == "parquet" or (kind == "csv" and not options.no_header)):
        way_out = "leave it out" if kind == "parquet" else "add --no-header if the first line is data"
        wrong.append(f"--columns names the columns of data without names, and the {kind} has names: {way_out}")
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


def prepare(folder: Path) -> None:
    """Make the folder for the files before any work is done, so that nobody waits for a failure."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise CommandError(f"--out {folder}: cannot be written: a file stands there, and a folder is needed") from None
    except OSError as error:
        raise CommandError(f"--out {folder}: cannot be written: {error.strerror or error}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise CommandError(f"--out {folder}: cannot be written: this user may not")


def reading_lines(read: InputReport, folder: Path) -> list[str]:
    """Lines for people on what was not read as it stands."""
    lines = []
    if read.broken_lines:
        reason, count = read.broken.most_common(1)[0]
        more = "" if count == read.broken_lines else ", ..."
        lines.append(f"{counted(read.broken_lines, 'line')} left out ({reason}{more})")
    if read.replaced_lines:
        lines.append(f"{counted(read.replaced_lines, 'line')} with characters that are not UTF-8, which were replaced")
    if read.passed_over:
        lines.append(f"{counted(read.passed_over, 'file')} of other formats passed over")
    return [f"  {line}; see {folder / INPUT_REPORT}" for line in lines]


def counted(number: int, thing: str) -> str:
    """A number of things: `1 line`, `2,000 lines`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def say(options: argparse.Namespace, summary: str, result: dict[str, Any]) -> None:
    """Print the result, for people or for programs."""
    if options.json:
        sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
    elif not options.quiet:
        sys.stdout.write(summary.rstrip() + "\n")
