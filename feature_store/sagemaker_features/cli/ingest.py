"""`sagemaker-features ingest`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ._common import duration


def add_parser(commands: Any) -> None:
    """Add the command."""
    command = commands.add_parser("ingest", help="write the rows of a file as records of a feature group")
    command.add_argument("file", help="Parquet, CSV or JSON Lines file")
    command.add_argument("--group", required=True, help="name or ARN of the feature group")
    command.add_argument("--position", type=Path, help="file that remembers how far it has come, to go on after a stop")
    command.add_argument("--dead-letters", type=Path, help="file for rejected rows (default: FILE.rejected.jsonl)")
    command.add_argument("--rename", action="append", default=[], metavar="COLUMN=FEATURE")
    command.add_argument("--ignore", action="append", default=[], metavar="COLUMN", help="a column that is no feature")
    command.add_argument("--store", action="append", choices=["OnlineStore", "OfflineStore"], help="default: both")
    command.add_argument("--ttl", type=duration, help="time to live of the online records, such as 30d")
    command.add_argument("--workers", type=int, default=16, help="calls at the same time (default: 16)")
    command.add_argument("--batch", action="store_true", help="use BatchWriteRecord, 25 records per call")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Ingest; gives 3 if rows were rejected."""
    from sagemaker_features import Progress, ingest
    from sagemaker_features.errors import FeaturesError
    from sagemaker_features.writing import Settings

    wrong = [text for text in options.rename if "=" not in text]
    if wrong:
        raise FeaturesError(f"--rename wants COLUMN=FEATURE, not {', '.join(wrong)}")

    def show(progress: Progress) -> None:
        share = 100 * progress.rows // max(progress.total, 1)
        text = f"\r{progress.rows} of {progress.total} rows ({share} %), {progress.rejected} rejected"
        print(text, end="", file=sys.stderr, flush=True)  # noqa: T201 - this is the command line

    dead_letters = options.dead_letters or Path(f"{options.file}.rejected.jsonl")
    report = ingest(
        options.file,
        options.group,
        position=options.position,
        dead_letters=dead_letters,
        rename=dict(text.split("=", 1) for text in options.rename),
        ignore=options.ignore,
        target_stores=options.store,
        ttl=options.ttl,
        settings=Settings(workers=options.workers, batch=options.batch),
        progress=show if sys.stderr.isatty() else None,
    )
    rate = report.written / report.seconds if report.seconds else 0.0
    print(  # noqa: T201 - this is the command line
        f"{report.written} written, {report.rejected} rejected, {report.duplicates} repeated in {report.seconds:.1f} s "
        f"({rate:.0f} records/s, {report.retries} retries)"
    )
    if report.rejected:
        print(f"rejected rows with their reasons: {dead_letters}", file=sys.stderr)  # noqa: T201
    return 3 if report.rejected else 0
