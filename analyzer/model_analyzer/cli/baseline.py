"""`model-analyzer baseline`: statistics and suggested constraints of a data set."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _common as common
from ._shared import add_process_option
from ._shared import profile as read_profile

if TYPE_CHECKING:
    from model_analyzer.inputs import InputReport

_EPILOG = """\
examples:
  model-analyzer baseline train.csv --out baseline/
  model-analyzer baseline features/ --format parquet --out baseline/
  model-analyzer baseline train.csv --no-header --columns churned,age,plan --out baseline/

Writes statistics.json, constraints.json, records.json and report.html. Columns that the endpoint answers with come
first.
Exit code 1 means that the command failed, because there was not one row for example.
"""


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "baseline",
        usage="%(prog)s DATA... --out DIR [options]",
        help="statistics and suggested constraints of training data",
        description="Profile a data set and suggest the constraints that later data must satisfy.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    common.add_data_options(parser)
    add_process_option(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the files")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    from model_analyzer import data_quality, inputs, report

    read = inputs.InputReport()
    profile = read_profile(options, read, None)
    if not profile.rows:
        raise common.CommandError(_no_rows(options, read))
    statistics, constraints = data_quality.statistics(profile), data_quality.suggest(profile)
    records = data_quality.records(profile)
    page = report.data_quality_html(statistics, constraints, None, None, read, records, title="Baseline")
    files = {
        common.STATISTICS: common.dumps(statistics),
        common.CONSTRAINTS: constraints.to_json(),
        common.RECORDS: common.dumps(records),
        common.INPUT_REPORT: common.dumps(read.to_dict()),
        common.PAGE: page,
    }
    paths = [common.write_text(options.out, name, text) for name, text in files.items()]
    size = f"{common.counted(profile.rows, 'row')}, {common.counted(len(profile.features), 'column')}"
    summary = f"{size}; written to {options.out}"
    summary = "\n".join([summary, *common.reading_lines(read, options.out)])
    result = {
        "rows": profile.rows,
        "columns": len(profile.features),
        "files": [str(path) for path in paths],
        "records": records,
        "input": read.to_dict(),
    }
    common.say(options, summary, result)
    return common.EXIT_OK


def _no_rows(options: argparse.Namespace, read: InputReport) -> str:
    where = ", ".join(str(path) for path in options.data)
    reasons = "; ".join(f"{reason}: {count:,}" for reason, count in read.broken.most_common(3))
    left_out = (
        f" ({common.counted(read.broken_lines, 'line')} left out: {reasons}; is --format right?)" if reasons else ""
    )
    return f"{where}: there is not one row to make a baseline of{left_out}"
