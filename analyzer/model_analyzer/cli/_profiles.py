"""Profiles of the commands, in one process or in several."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from . import _common as common

if TYPE_CHECKING:
    from model_analyzer.data_quality import Profile
    from model_analyzer.inputs import InputReport


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
    from model_analyzer.processes import summarize_files

    if options.processes == 1:
        return data_quality.profile_all(common.frames(options, report, columns, numbers=True))
    if options.processes < 1:
        raise common.CommandError(f"--processes is {options.processes}: give 1 or more")
    for path in options.data:
        if not path.exists():
            raise common.CommandError(f"{path}: no such file or folder")
    kind = common.format_of(options)
    shared = argparse.Namespace(**{**vars(options), "format": kind, "quiet": True, "run": None})
    files = _files(options.data, kind)
    result, read = summarize_files(files, partial(_part, shared, columns), _merged, options.processes)
    report.absorb(read)
    return result


def _files(data: list[Path], kind: str) -> list[Path]:
    from model_analyzer.inputs import _capture, _sources, _tables

    suffixes = _capture.SUFFIXES if kind == "capture" else _tables.SUFFIXES[kind]
    return [Path(str(source)) for source in _sources.expand(data, suffixes)]


def _part(options: argparse.Namespace, columns: list[str] | None, files: list[Path]) -> tuple[Profile, InputReport]:
    from model_analyzer import data_quality, inputs

    report = inputs.InputReport()
    mine = argparse.Namespace(**{**vars(options), "data": files})
    return data_quality.profile_all(common.frames(mine, report, columns, numbers=True)), report


def _merged(first: tuple[Profile, InputReport], second: tuple[Profile, InputReport]) -> tuple[Profile, InputReport]:
    from model_analyzer import data_quality

    first[1].absorb(second[1])
    return data_quality.merge(first[0], second[0]), first[1]
