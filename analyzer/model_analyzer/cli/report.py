"""`model-analyzer report`: the HTML page of a run, from its files."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from . import _common as common

_EPILOG = """\
examples:
  model-analyzer report report/
  model-analyzer report report/ --baseline baseline/ --title "churn, 1 March 10:00"

Reads statistics.json, constraint_violations.json and input_report.json of the folder (the latter two if they are
there), of Model Monitor's runs as well as of ours, and writes report.html beside them.
"""


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "report",
        help="draw the HTML page of a run",
        description="Draw an HTML page from the files of a run.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", metavar="DIR", type=Path, help="folder with the files of a run")
    parser.add_argument("--baseline", type=Path, metavar="DIR", help="folder with the baseline's files")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the page (default: DIR/report.html)")
    parser.add_argument("--title", default="Data quality", help="heading of the page")
    parser.add_argument("--quiet", action="store_true", help="do not print where the page is")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    from model_analyzer import report

    statistics = common.required_json(options.folder, common.STATISTICS, "a folder with the files of a run is needed")
    violations = common.read_json(options.folder, common.VIOLATIONS)
    baseline = constraints = None
    if options.baseline is not None:
        baseline = common.required_json(options.baseline, common.STATISTICS, "it is the baseline to draw against")
        constraints = common.read_json(options.baseline, common.CONSTRAINTS)
    read = common.read_json(options.folder, common.INPUT_REPORT)
    try:
        page = report.data_quality_html(
            statistics, constraints, violations, baseline, read, title=options.title, subtitle=str(options.folder)
        )
    except ValueError as error:
        raise common.CommandError(f"{options.folder}: {error}") from error
    target = options.out or options.folder / common.PAGE
    path = common.write_text(target.parent, target.name, page)
    common.say(options, f"written to {path}", {"file": str(path)})
    return common.EXIT_OK
