"""What the commands share."""

from __future__ import annotations

import argparse
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagemaker_features.athena import Athena

if TYPE_CHECKING:
    import polars as pl

_DURATION = re.compile(r"(\d+)([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def duration(text: str) -> timedelta:
    """Return a duration such as 90s, 15m, 12h, 30d or 2w."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration such as 90s, 15m, 12h, 30d or 2w")
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])


def output(text: str) -> Path:
    """Return the path of a file that can be written."""
    path = Path(text)
    if path.suffix.lower() not in (".parquet", ".csv", ".jsonl"):
        raise argparse.ArgumentTypeError(f"{text!r} must end in .parquet, .csv or .jsonl")
    return path


def add_athena(command: argparse.ArgumentParser) -> None:
    """Add the options that say where queries run."""
    command.add_argument("--workgroup", default="primary", help="Athena workgroup (default: primary)")
    command.add_argument("--results", metavar="S3_URI", help="where results go, unless the workgroup says so")
    command.add_argument("--out", type=output, required=True, help="file to write: .parquet, .csv or .jsonl")


def athena(options: argparse.Namespace) -> Athena:
    """Return where queries run."""
    return Athena(workgroup=options.workgroup, output=options.results)


def write(frame: pl.DataFrame, path: Path) -> None:
    """Write a frame in the format of the file's name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writers: dict[str, Any] = {".parquet": frame.write_parquet, ".csv": frame.write_csv, ".jsonl": frame.write_ndjson}
    writers[path.suffix.lower()](path)
    print(f"{path}: {frame.height} rows, {frame.width} columns")  # noqa: T201 - this is the command line
