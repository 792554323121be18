"""`model-analyzer quality`: predictions against labels."""

from __future__ import annotations

import argparse
from functools import partial
from math import isnan
from typing import Any

from . import _common as common
from . import _labelled as labelled
from . import _shared as shared

_EPILOG = """\
examples:
  model-analyzer quality validation.csv --problem binary --probability score --out baseline/
  model-analyzer quality captured/ --ground-truth labels/ --problem binary --probability 0 \\
      --baseline baseline/ --out report/
  model-analyzer quality scored.parquet --problem regression --label price --prediction estimate --out report/

Without --baseline it makes one: statistics.json, constraints.json (suggested) and report.html. With --baseline it
checks against that folder's constraints and writes constraint_violations.json as well. Columns are names, or positions
among the data's own columns (0 is the first of the endpoint's output).
Exit code 3 means violations, 4 no data, 1 that the command failed.
"""

PROBLEMS = {
    "binary": "BinaryClassification",
    "multiclass": "MulticlassClassification",
    "regression": "Regression",
}


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "quality",
        usage="%(prog)s DATA... --problem KIND --out DIR [options]",
        help="compare predictions with labels",
        description="Compute the metrics of a model from predictions and labels, and check them against a baseline.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    common.add_data_options(parser)
    shared.add_process_option(parser)
    labelled.add_label_options(parser)
    group = parser.add_argument_group("task")
    group.add_argument("--problem", required=True, choices=PROBLEMS, help="what is predicted")
    group.add_argument("--prediction", metavar="COLUMN", help="column of the predicted label or number")
    group.add_argument("--probability", metavar="COLUMN", help="column of the probability of the positive label")
    group.add_argument(
        "--probability-threshold",
        type=float,
        default=0.5,
        metavar="SHARE",
        help="probabilities above it mean the positive label (default: 0.5)",
    )
    group.add_argument("--positive-label", default="1", metavar="LABEL", help="the positive label (default: 1)")
    labelled.add_result_options(parser, "statistics.json and constraints.json")
    parser.add_argument(
        "--tolerance",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="how much worse than this data later data may be, in suggested constraints (default: 0)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    from model_analyzer import inputs, model_quality, report

    read, join = inputs.InputReport(), inputs.JoinReport()
    constraints, baseline = _baseline(options)
    columns = labelled.prediction_columns(options)
    try:
        task = model_quality.Task(
            PROBLEMS[options.problem],  # type: ignore[arg-type]  # argparse has checked it
            ground_truth=labelled.label_column(options),
            inference=columns["prediction"],
            probability=columns["probability"],
            probability_threshold=options.probability_threshold,
            positive_label=options.positive_label,
        )
        summarize = partial(model_quality.summarize_all, task=task)
        summary = shared.summary(options, summarize, model_quality.merge, read, join, with_input=False)
        statistics = model_quality.statistics(summary)
        suggested = model_quality.suggest(statistics, options.tolerance)
        violations = None
        if constraints is not None:
            empty = model_quality.QualityViolations()
            violations = model_quality.check(statistics, constraints) if summary.rows else empty
    except ValueError as error:
        raise common.CommandError(str(error)) from error
    unusable = dict(summary.unusable)
    if not summary.rows and constraints is None:
        raise labelled.no_rows(options, unusable)
    files = {
        common.STATISTICS: common.dumps(statistics),
        common.CONSTRAINTS: suggested.to_json(),
        **labelled.reports(read, join, options),
    }
    if violations is not None:
        files[common.VIOLATIONS] = violations.to_json()
    files[common.PAGE] = report.model_quality_html(
        statistics,
        constraints,
        violations,
        baseline,
        read,
        join if options.ground_truth else None,
        title=options.title or "Model quality",
        subtitle=", ".join(map(str, options.data)),
    )
    metrics = model_quality.QualityStatistics(statistics).metrics
    result = {
        "metrics": {name: metric.value if metric.value == metric.value else None for name, metric in metrics.items()},
        "unusable": unusable,
        "input": read.to_dict(),
    }
    if options.ground_truth:
        result["join"] = join.to_dict()
    values = {name: metrics[name].value for name in _HEADLINES if name in metrics}
    lines = [f"  {name} {value:.4g}" for name, value in values.items() if value == value]
    if summary.rows and "true_positive_rate" in metrics and isnan(metrics["true_positive_rate"].value):
        lines.append(f"  no row has the positive label {options.positive_label!r}: is --positive-label right?")
    lines += labelled.unusable_lines(unusable)
    if violations is not None:
        lines += [f"  {name} has no value in this data and was not checked" for name in violations.not_computable]
        lines += [f"  {violation.description}" for violation in violations]
    found = None if violations is None else violations.to_dict()["violations"]
    return labelled.finish(options, files, summary.rows, found, lines, result, read)


_HEADLINES = ("auc", "accuracy", "f1", "weighted_f1", "rmse", "mae", "r2")


def _baseline(options: argparse.Namespace) -> tuple[Any, Any]:
    """Constraints and statistics of the baseline, nothing without one."""
    if options.baseline is None:
        return None, None
    from model_analyzer import model_quality

    purpose = "make it with `model-analyzer quality` without --baseline"
    constraints = common.required_json(options.baseline, common.CONSTRAINTS, purpose)
    statistics = common.read_json(options.baseline, common.STATISTICS)
    try:
        return (
            model_quality.QualityConstraints.from_dict(constraints),
            None if statistics is None else model_quality.QualityStatistics(statistics),
        )
    except ValueError as error:
        raise common.CommandError(f"{options.baseline}: {error}") from error
