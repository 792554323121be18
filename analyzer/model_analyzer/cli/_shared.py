"""Summaries of the commands, in one process or in several that share the files."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from . import _common as common
from . import _labelled as labelled

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl

    from model_analyzer.data_quality import Profile
    from model_analyzer.inputs import InputReport, JoinReport, Labels

Summary = TypeVar("Summary")
Made = TypeVar("Made", covariant=True)
_ROWS_PER_SHARE = 1 << 40
"""Rows of shares are numbered this far apart, so that no two rows share a number."""


class Summarizer(Protocol[Made]):
    """Makes a summary of batches; `first_row` is the number of the first row. It travels to other processes."""

    def __call__(self, frames: Iterable[pl.DataFrame], *, first_row: int) -> Made: ...


def add_process_option(parser: argparse.ArgumentParser) -> None:
    """The option on processes."""
    parser.add_argument(
        "--processes",
        type=int,
        default=1,
        metavar="N",
        help="processes that share the files; worth it for captured JSON in many files (default: 1)",
    )


def profile(options: argparse.Namespace, report: InputReport, columns: list[str] | None) -> Profile:
    """The profile of the data; what happened while reading goes to the report."""
    from model_analyzer import data_quality

    if options.processes == 1:
        return data_quality.profile_all(common.frames(options, report, columns, numbers=True))
    result: Profile
    work = partial(_profile_part, _travelling(options), columns)
    result, read = _in_processes(options, work, _merged_profiles, report)
    report.absorb(read)
    return result


def summary(
    options: argparse.Namespace,
    summarize: Summarizer[Summary],
    merge: Callable[[Summary, Summary], Summary],
    read: InputReport,
    join: JoinReport,
    with_input: bool,
) -> Summary:
    """The summary of labelled rows; what happened while reading and joining goes to the reports."""
    if options.processes == 1:
        return summarize(labelled.labelled_frames(options, read, join, with_input), first_row=0)
    return _labelled_in_processes(options, summarize, merge, read, join, with_input)


def _labelled_in_processes(
    options: argparse.Namespace,
    summarize: Summarizer[Summary],
    merge: Callable[[Summary, Summary], Summary],
    read: InputReport,
    join: JoinReport,
    with_input: bool,
) -> Summary:
    from model_analyzer import inputs

    common.existing([*options.data, *(options.ground_truth or ())])
    of_labels = inputs.InputReport()
    labels = inputs.read_ground_truth(options.ground_truth, report=of_labels) if options.ground_truth else None
    order = {str(file): number for number, file in enumerate(_files(options))}
    work = partial(_labelled_part, _travelling(options), summarize, with_input, order)
    part: _LabelledPart[Summary] = _in_processes(options, work, partial(_merged_parts, merge))
    if labels is None or part.used is None:
        read.absorb(part.read)
        join.absorb(part.join)
        return part.summary
    if int(part.used.sum()) < part.join.matched:
        # One id was captured twice, in files of different processes: which came first is only known in one.
        return summarize(labelled.labelled_frames(options, read, join, with_input), first_row=0)
    read.absorb(of_labels)
    read.absorb(part.read)
    join.absorb(part.join)
    join.labels, join.duplicate_labels, join.conflicting_labels = labels.records, labels.duplicates, labels.conflicting
    join.labels_without_capture = int((~part.used).sum())
    return part.summary


@dataclass
class _LabelledPart(Generic[Summary]):
    """What one process made of its files; `used` says which labels found a capture there."""

    summary: Summary
    read: InputReport
    join: JoinReport
    used: npt.NDArray[np.bool_] | None


def _labelled_part(
    options: argparse.Namespace,
    summarize: Summarizer[Summary],
    with_input: bool,
    order: dict[str, int],
    files: list[Path],
) -> _LabelledPart[Summary]:
    from model_analyzer import inputs

    read, join = inputs.InputReport(), inputs.JoinReport()
    mine = argparse.Namespace(**{**vars(options), "data": files})
    labels: Labels | None = inputs.read_ground_truth(options.ground_truth) if options.ground_truth else None
    first_row = (order[str(files[0])] if files else 0) * _ROWS_PER_SHARE
    made = summarize(labelled.labelled_frames(mine, read, join, with_input, labels), first_row=first_row)
    return _LabelledPart(made, read, join, None if labels is None else labels.used)


def _merged_parts(
    merge: Callable[[Summary, Summary], Summary], first: _LabelledPart[Summary], second: _LabelledPart[Summary]
) -> _LabelledPart[Summary]:
    first.read.absorb(second.read)
    first.join.absorb(second.join)
    used = first.used if first.used is None or second.used is None else first.used | second.used
    return _LabelledPart(merge(first.summary, second.summary), first.read, first.join, used)


def _profile_part(
    options: argparse.Namespace, columns: list[str] | None, files: list[Path]
) -> tuple[Profile, InputReport]:
    from model_analyzer import data_quality, inputs

    report = inputs.InputReport()
    mine = argparse.Namespace(**{**vars(options), "data": files})
    return data_quality.profile_all(common.frames(mine, report, columns, numbers=True)), report


def _merged_profiles(
    first: tuple[Profile, InputReport], second: tuple[Profile, InputReport]
) -> tuple[Profile, InputReport]:
    from model_analyzer import data_quality

    first[1].absorb(second[1])
    return data_quality.merge(first[0], second[0]), first[1]


def _in_processes(
    options: argparse.Namespace,
    work: Callable[[list[Path]], Any],
    merge: Callable[[Any, Any], Any],
    report: InputReport | None = None,
) -> Any:
    from model_analyzer.processes import summarize_files

    if options.processes < 1:
        raise common.CommandError(f"--processes is {options.processes}: give 1 or more")
    return summarize_files(_files(options, report), work, merge, options.processes)


def _files(options: argparse.Namespace, report: InputReport | None = None) -> list[Path]:
    """The files that the processes share; files of other formats are counted in the report."""
    from model_analyzer.inputs import _capture, _sources, _tables

    common.existing(options.data)
    kind = common.format_of(options)
    if kind == "transform":
        raise common.CommandError("--processes shares files, and manifests belong together: leave it out")
    suffixes = _capture.SUFFIXES if kind == "capture" else _tables.SUFFIXES[kind]
    return [Path(str(source)) for source in _sources.expand(options.data, suffixes, report)]


def _travelling(options: argparse.Namespace) -> argparse.Namespace:
    """The options as they go to other processes: without functions, quiet, and with what the first file decides."""
    found = {"format": common.format_of(options), "separator": common.separator_of(options)}
    return argparse.Namespace(**{**vars(options), "quiet": True, "run": None, **found})
