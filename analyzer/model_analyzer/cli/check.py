"""`model-analyzer check`: data against a baseline."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import _common as common
from ._shared import add_process_option
from ._shared import profile as read_profile

_EPILOG = """\
examples:
  model-analyzer check captured/ --baseline baseline/ --out report/
  model-analyzer check new.csv --baseline baseline/ --out report/ --json | jq .violations
  model-analyzer check new.csv --baseline baseline/ --out report/ --threshold 0.2 --method Simple

Writes statistics.json, constraints.json (suggested by this data), constraint_violations.json, records.json and
report.html.
Exit code 3 means violations, 4 no data, 1 that the command failed.
"""


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "check",
        usage="%(prog)s DATA... --baseline DIR --out DIR [options]",
        help="compare data with a baseline",
        description="Profile a data set and check it against the constraints and statistics of a baseline.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    common.add_data_options(parser)
    add_process_option(parser)
    parser.add_argument("--baseline", type=Path, required=True, metavar="DIR", help="folder that `baseline` wrote")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the files")
    parser.add_argument("--threshold", type=float, metavar="SHARE", help="largest distance allowed, 0 to 1")
    parser.add_argument("--method", choices=("Robust", "Simple"), help="whether distances allow for small samples")
    parser.add_argument(
        "--postprocessor", type=Path, metavar="FILE", help="Python file with postprocess_handler, run at the end"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    from model_analyzer import data_quality, inputs, report

    constraints, baseline = load_baseline(options)
    names = [feature.name for feature in constraints.features]
    read = inputs.InputReport()
    profile = read_profile(options, read, names)
    statistics = data_quality.statistics(profile)
    violations = data_quality.check(profile, constraints, baseline)
    records = _records(options, profile)
    page = report.data_quality_html(
        statistics, constraints, violations, baseline, read, records, subtitle=", ".join(map(str, options.data))
    )
    files = {
        common.STATISTICS: common.dumps(statistics),
        common.CONSTRAINTS: data_quality.suggest(profile).to_json(),
        common.VIOLATIONS: violations.to_json(),
        common.RECORDS: common.dumps(records),
        common.INPUT_REPORT: common.dumps(read.to_dict()),
        common.PAGE: page,
    }
    for name, text in files.items():
        common.write_text(options.out, name, text)
    if options.postprocessor is not None:
        try:
            inputs.run_postprocessor(options.postprocessor)
        except inputs.ScriptError as error:
            raise common.CommandError(str(error)) from error
    common.say(options, _summary(options, profile.rows, violations, read), _result(violations, records, read))
    if not profile.rows:
        return common.EXIT_NO_DATA
    return common.EXIT_VIOLATIONS if violations else common.EXIT_OK


def load_baseline(options: argparse.Namespace) -> tuple[Any, Any]:
    """Constraints (with the options' changes) and statistics of the baseline folder."""
    from model_analyzer import data_quality

    purpose = "make it with `model-analyzer baseline`"
    body = common.required_json(options.baseline, common.CONSTRAINTS, purpose)
    statistics = common.required_json(options.baseline, common.STATISTICS, purpose)
    try:
        constraints = data_quality.Constraints.from_dict(body)
        baseline = data_quality.Statistics(statistics)
    except ValueError as error:
        raise common.CommandError(f"{options.baseline}: {error}") from error
    config = constraints.config
    if options.threshold is not None:
        if not 0 <= options.threshold <= 1:
            raise common.CommandError(f"--threshold is {options.threshold}: give a number from 0 to 1")
        config = replace(config, comparison_threshold=options.threshold)
    if options.method is not None:
        config = replace(config, comparison_method=options.method)
    return replace(constraints, config=config), baseline


def _records(options: argparse.Namespace, profile: Any) -> dict[str, Any]:
    """What the data's whole records tell, beside those of the baseline if its folder says."""
    from model_analyzer import data_quality

    try:
        return data_quality.records(profile, common.read_json(options.baseline, common.RECORDS))
    except ValueError as error:
        raise common.CommandError(f"{options.baseline / common.RECORDS}: {error}; make the baseline anew") from error


def _summary(options: argparse.Namespace, rows: int, violations: Any, read: Any) -> str:
    if not rows:
        reasons = common.reading_lines(read, options.out)
        return "\n".join([f"no data to check; see {options.out / common.INPUT_REPORT}", *reasons])
    lines = [f"{common.counted(rows, 'row')}, {common.counted(len(violations), 'violation')}; written to {options.out}"]
    lines += common.reading_lines(read, options.out)
    lines += [f"  {v.feature_name}: {v.constraint_check_type}: {v.description}" for v in violations]
    return "\n".join(lines)


def _result(violations: Any, records: dict[str, Any], read: Any) -> dict[str, Any]:
    return {
        "rows": records["rows"],
        **violations.to_dict(),
        "distances": {
            name: {"value": distance.value, "threshold": distance.threshold, "method": distance.method}
            for name, distance in violations.distances.items()
        },
        "records": records,
        "input": read.to_dict(),
    }
