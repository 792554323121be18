"""`model-analyzer report`: the HTML page of a run, from its files."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from . import _common as common
from . import _labelled as labelled

_EPILOG = """\
examples:
  model-analyzer report report/
  model-analyzer report report/ --baseline baseline/ --title "churn, 1 March 10:00"

Reads statistics.json or analysis.json of the folder, and constraint_violations.json, records.json, input_report.json
and join_report.json if they are there, of Model Monitor's and Clarify's runs as well as of ours, and writes report.html
beside them. Exit code 1 means that the command failed.
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
    parser.add_argument("--title", help="heading of the page (default: what the run looked at)")
    parser.add_argument("--quiet", action="store_true", help="do not print where the page is")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    try:
        page = _page(options)
    except ValueError as error:
        raise common.CommandError(f"{options.folder}: {error}") from error
    target = options.out or options.folder / common.PAGE
    path = common.write_text(target.parent, target.name, page)
    common.say(options, f"written to {path}", {"file": str(path)})
    return common.EXIT_OK


def _page(options: argparse.Namespace) -> str:
    """The page of whatever kind of run the folder holds."""
    from model_analyzer import report

    analysis = common.read_json(options.folder, labelled.ANALYSIS)
    if analysis is not None:
        return _analysis_page(options, analysis)
    statistics = common.required_json(options.folder, common.STATISTICS, "a folder with the files of a run is needed")
    violations, read = _read(options, common.VIOLATIONS), _read(options, common.INPUT_REPORT)
    baseline = constraints = None
    if options.baseline is not None:
        baseline = common.required_json(options.baseline, common.STATISTICS, "it is the baseline to draw against")
        constraints = common.read_json(options.baseline, common.CONSTRAINTS)
    options_of_page = {"subtitle": str(options.folder), **({"title": options.title} if options.title else {})}
    if isinstance(statistics, dict) and any(key.endswith("_metrics") for key in statistics):
        join = _read(options, labelled.JOIN_REPORT)
        return report.model_quality_html(statistics, constraints, violations, baseline, read, join, **options_of_page)
    records = _read(options, common.RECORDS)
    return report.data_quality_html(statistics, constraints, violations, baseline, read, records, **options_of_page)


def _analysis_page(options: argparse.Namespace, analysis: Any) -> str:
    from model_analyzer import report

    violations, read = _read(options, common.VIOLATIONS), _read(options, common.INPUT_REPORT)
    baseline = None
    if options.baseline is not None:
        baseline = common.required_json(options.baseline, labelled.ANALYSIS, "it is the baseline to draw against")
    options_of_page = {"subtitle": str(options.folder), **({"title": options.title} if options.title else {})}
    if isinstance(analysis, dict) and "explanations" in analysis:
        return report.attribution_html(analysis, violations, baseline, read, **options_of_page)
    join = _read(options, labelled.JOIN_REPORT)
    return report.bias_html(analysis, violations, baseline, read, join, **options_of_page)


def _read(options: argparse.Namespace, name: str) -> Any:
    return common.read_json(options.folder, name)
