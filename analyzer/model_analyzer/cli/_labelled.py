"""What the commands on labelled predictions share: ground truth, windows, the folder of the baseline."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _common as common
from ._progress import with_progress

if TYPE_CHECKING:
    import polars as pl

    from model_analyzer.inputs import InputReport, JoinReport, Labels, Window

ANALYSIS = "analysis.json"
JOIN_REPORT = "join_report.json"


def add_label_options(parser: argparse.ArgumentParser) -> None:
    """Options on where the labels are."""
    group = parser.add_argument_group("labels")
    group.add_argument(
        "--ground-truth",
        type=Path,
        nargs="+",
        metavar="PATH",
        help="files or folders of ground truth for captured data (default: the labels are a column of DATA)",
    )
    group.add_argument(
        "--label", metavar="COLUMN", help="column of the label (default: the joined ground truth, else `label`)"
    )
    group.add_argument("--start", metavar="TIME", help="leave out captures before this time, ISO 8601, UTC by default")
    group.add_argument("--end", metavar="TIME", help="leave out captures from this time on")
    group.add_argument(
        "--allowed-delay", metavar="DURATION", help="count labels collected later as late: P1D, PT36H (default: none)"
    )


def add_result_options(parser: argparse.ArgumentParser, baseline: str) -> None:
    """Options on baseline and output."""
    group = parser.add_argument_group("results")
    group.add_argument(
        "--baseline", type=Path, metavar="DIR", help=f"folder of a baseline to check against ({baseline})"
    )
    group.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the files")
    group.add_argument("--title", help="heading of the page")


def label_column(options: argparse.Namespace) -> str:
    """The column that holds the label."""
    from model_analyzer.inputs import GROUND_TRUTH

    return str(options.label or (GROUND_TRUTH if options.ground_truth else "label"))


def labelled_frames(
    options: argparse.Namespace,
    report: InputReport,
    join: JoinReport,
    with_input: bool,
    labels: Labels | None = None,
) -> Iterator[pl.DataFrame]:
    """The data as batches, labels joined to captures where ground truth is given."""
    from model_analyzer import inputs

    try:
        span = window(options)
        delay = inputs.parse_duration(options.allowed_delay) if options.allowed_delay else None
    except ValueError as error:
        raise common.CommandError(str(error)) from error
    if not options.ground_truth:
        if span is not None or delay is not None:
            raise common.CommandError("--start, --end and --allowed-delay work on captures: add --ground-truth")
        yield from common.frames(options, report, None)
        return
    common.existing([*options.data, *options.ground_truth])
    kind = common.format_of(options)
    if kind != "capture":
        raise common.CommandError(
            f"--ground-truth joins labels to captured records, and the data is {kind}: if it is a capture, add "
            "--format capture"
        )
    names = [name.strip() for name in options.columns.split(",")] if options.columns else None
    try:
        if labels is None:
            labels = inputs.read_ground_truth(options.ground_truth, report=report)
        batches = inputs.read_joined(
            options.data,
            labels,
            columns=names,
            with_input=with_input,
            report=report,
            join=join,
            window=span,
            allowed_delay=delay,
            preprocessor=common.preprocessor(options),
            attributes=common.attributes(options),
        )
        yield from with_progress(batches, report, options.quiet)
    except inputs.ScriptError as error:
        raise common.CommandError(str(error)) from error
    except OSError as error:
        raise common.CommandError(f"cannot read the data: {error}") from error


def prediction_columns(options: argparse.Namespace) -> dict[str, str | None]:
    """Columns of prediction and probability: as named, or what the attribute paths find."""
    from model_analyzer import inputs

    found = options.inference_attribute, options.probability_attribute
    named = options.prediction is not None or options.probability is not None
    return {
        "prediction": options.prediction if named or found[0] is None else inputs.INFERENCE,
        "probability": options.probability if named or found[1] is None else inputs.PROBABILITY,
    }


def window(options: argparse.Namespace) -> Window | None:
    """The span of inference times asked for.

    Raises:
        ValueError: A time is no time, or the end is not after the start.
    """
    from model_analyzer.inputs import Window

    if options.start is None and options.end is None:
        return None
    first = datetime(1, 1, 1, tzinfo=UTC)
    last = datetime(9999, 12, 31, tzinfo=UTC)
    return Window(_time(options.start, first), _time(options.end, last))


def _time(text: str | None, default: datetime) -> datetime:
    if text is None:
        return default
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no time: write it as 2025-03-01T10:00:00Z") from None
    return parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)


def reports(read: InputReport, join: JoinReport, options: argparse.Namespace) -> dict[str, str]:
    """The files on reading and joining."""
    files = {common.INPUT_REPORT: common.dumps(read.to_dict())}
    if options.ground_truth:
        files[JOIN_REPORT] = common.dumps(join.to_dict())
    return files


def finish(
    options: argparse.Namespace,
    files: dict[str, str],
    rows: int,
    violations: list[dict[str, Any]] | None,
    lines: list[str],
    result: dict[str, Any],
    read: InputReport,
) -> int:
    """Write the files, say what was found, and give the exit code."""
    for name, text in files.items():
        common.write_text(options.out, name, text)
    count = "" if violations is None else f", {common.counted(len(violations), 'violation')}"
    head = f"{common.counted(rows, 'row')}{count}; written to {options.out}"
    answer = {"rows": rows, **result}
    if violations is not None:
        answer["violations"] = violations
    common.say(options, "\n".join([head, *common.reading_lines(read, options.out), *lines]), answer)
    if not rows:
        return common.EXIT_NO_DATA
    return common.EXIT_VIOLATIONS if violations else common.EXIT_OK


def no_rows(options: argparse.Namespace, unusable: dict[str, int]) -> common.CommandError:
    """A baseline needs rows; the message says where they went."""
    where = ", ".join(str(path) for path in options.data)
    reasons = "; ".join(f"{reason}: {count:,}" for reason, count in unusable.items()) or "there are no rows"
    if any(reason.startswith("no column") for reason in unusable):
        reasons += f"; the data has {', '.join(_columns(options)) or 'none'}"
    return common.CommandError(f"{where}: not one usable row to make a baseline of ({reasons})")


def _columns(options: argparse.Namespace) -> list[str]:
    """Columns of the first batch."""
    from model_analyzer import inputs

    quiet = argparse.Namespace(**{**vars(options), "quiet": True})
    frames = labelled_frames(quiet, inputs.InputReport(), inputs.JoinReport(), with_input=True)
    return next((frame.columns for frame in frames), [])


def unusable_lines(unusable: dict[str, int]) -> list[str]:
    """Lines on rows that were left out."""
    return [f"  left out {common.counted(count, 'row')}: {reason}" for reason, count in unusable.items()]
