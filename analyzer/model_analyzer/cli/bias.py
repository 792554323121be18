"""`model-analyzer bias`: groups of people against each other."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _common as common
from . import _labelled as labelled
from . import _shared as shared

if TYPE_CHECKING:
    from model_analyzer.bias import BiasAnalysis, BiasConfig, Facet

_EPILOG = """\
examples:
  model-analyzer bias validation.csv --facet gender=female --label approved --prediction guess --out baseline/
  model-analyzer bias captured/ --ground-truth labels/ --columns score,age,gender --facet gender=female,other \\
      --facet "age>60" --probability score --probability-threshold 0.3 --baseline baseline/ --out report/
  model-analyzer bias train.csv --facet gender --label approved --group-variable region --out report/

A facet is COLUMN=VALUE,... (these values against all others), COLUMN>NUMBER (numbers above it against all others), or
COLUMN alone (each value in turn). Without --baseline the analysis.json that it writes is a baseline; with one it writes
constraint_violations.json as well: metrics farther from neutral than the baseline's.
Exit code 3 means violations, 4 no data, 1 that the command failed.
"""


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "bias",
        usage="%(prog)s DATA... --facet FACET --out DIR [options]",
        help="measure bias of labels and predictions",
        description="Compute Clarify's bias metrics of labels and predictions, and check them against a baseline.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    common.add_data_options(parser)
    shared.add_process_option(parser)
    labelled.add_label_options(parser)
    group = parser.add_argument_group("groups and predictions")
    group.add_argument("--facet", action="append", metavar="FACET", help="sensitive attribute; may be given again")
    group.add_argument("--group-variable", metavar="COLUMN", help="column of the strata of CDDL and CDDPL")
    group.add_argument("--label-values", metavar="VALUES", help="positive labels, separated by commas (default: 1)")
    group.add_argument("--label-threshold", type=float, metavar="NUMBER", help="labels above it are positive")
    group.add_argument("--prediction", metavar="COLUMN", help="column of the predicted label")
    group.add_argument("--probability", metavar="COLUMN", help="column of the probability of the positive label")
    group.add_argument(
        "--probability-threshold",
        type=float,
        default=0.5,
        metavar="SHARE",
        help="the model's own threshold, above which a prediction is positive (default: 0.5)",
    )
    group.add_argument(
        "--analysis-config", type=Path, metavar="FILE", help="Clarify's analysis_config.json in place of the options"
    )
    labelled.add_result_options(parser, labelled.ANALYSIS)
    parser.add_argument(
        "--tolerance", type=float, default=0.0, metavar="NUMBER", help="how much farther a metric may be (default: 0)"
    )
    parser.add_argument(
        "--confidence",
        type=float,
        metavar="SHARE",
        help="count a metric as drifted only if its bootstrap confidence interval, of 0.95 for one, lies wholly beyond "
        "the baseline (default: values are compared)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    from model_analyzer import bias, inputs, report

    read, join = inputs.InputReport(), inputs.JoinReport()
    baseline = None
    if options.baseline is not None:
        purpose = "make it with `model-analyzer bias` without --baseline"
        baseline = common.required_json(options.baseline, labelled.ANALYSIS, purpose)
    try:
        config = _config(options)
        summarize = partial(bias.summarize_all, config=config)
        summary = shared.summary(options, summarize, bias.merge, read, join, with_input=True)
        analysis = bias.analysis(summary)
        violations, intervals = None, None
        if options.confidence is not None:
            intervals = bias.intervals(summary, options.confidence)
        if baseline is not None:
            reference = bias.BiasAnalysis(baseline)
            empty = bias.BiasViolations()
            violations = bias.check(analysis, reference, options.tolerance, intervals) if summary.rows else empty
    except ValueError as error:
        raise common.CommandError(str(error)) from error
    unusable = dict(summary.unusable)
    if not summary.rows and baseline is None:
        raise labelled.no_rows(options, unusable)
    files = {labelled.ANALYSIS: common.dumps(analysis), **labelled.reports(read, join, options)}
    if violations is not None:
        files[common.VIOLATIONS] = violations.to_json()
    files[common.PAGE] = report.bias_html(
        analysis,
        violations,
        baseline,
        read,
        join if options.ground_truth else None,
        rows=summary.rows,
        intervals=intervals,
        title=options.title or "Bias",
        subtitle=", ".join(map(str, options.data)),
    )
    result: dict[str, Any] = {"analysis": analysis, "unusable": unusable, "input": read.to_dict()}
    if intervals is not None:
        result["intervals"] = [
            {"section": key[0], "facet": key[1], "facet_value": key[2], "metric_name": key[3], **asdict(interval)}
            for key, interval in intervals.items()
        ]
    if options.ground_truth:
        result["join"] = join.to_dict()
    lines = _headlines(bias.BiasAnalysis(analysis)) + labelled.unusable_lines(unusable)
    if summary.rows:
        lines += _silent(config, bias.BiasAnalysis(analysis))
    missing = {name: counts.missing for name, counts in summary.facets.items() if counts.missing}
    lines += [f"  {count:,} rows have no {name} and belong to no group" for name, count in missing.items()]
    found = None
    if violations is not None:
        found = violations.to_dict()["violations"]
        lines += [
            f"  {item['facet']}={item['facet_value']} {item['metric_name']}: {item['description']}" for item in found
        ]
        lines += [
            f"  {entry.name} of {entry.facet} has no value and was not checked" for entry in violations.not_computable
        ]
    return labelled.finish(options, files, summary.rows, found, lines, result, read)


_HEADLINES = ("CI", "DPL", "DPPL", "DI")


def _headlines(analysis: BiasAnalysis) -> list[str]:
    """The metrics that people ask for first, a line for each group."""
    groups: dict[tuple[str, str], list[str]] = {}
    for entry in analysis.entries:
        if entry.name in _HEADLINES and entry.value is not None:
            groups.setdefault((entry.facet, entry.group), []).append(f"{entry.name} {entry.value:.4g}")
    return [f"  {facet}={group}: {', '.join(values)}" for (facet, group), values in groups.items()]


def _silent(config: BiasConfig, analysis: BiasAnalysis) -> list[str]:
    """Facets of which not one metric has a value, most likely because of a mistake in their values."""
    heard = {entry.facet for entry in analysis.entries if entry.value is not None}
    reason = "no row, or every row, is in the group: are its values written as in the data?"
    return [f"  {facet.name} was not measured: {reason}" for facet in config.facets if facet.name not in heard]


def _config(options: argparse.Namespace) -> BiasConfig:
    from model_analyzer.bias import BiasConfig

    predictions = labelled.prediction_columns(options)
    columns = {
        "predicted_label": predictions["prediction"],
        "probability": predictions["probability"],
        "probability_threshold": options.probability_threshold,
    }
    if options.analysis_config is not None:
        if options.facet:
            raise common.CommandError("--facet and --analysis-config both name facets: give one of them")
        try:
            body = json.loads(options.analysis_config.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise common.CommandError(f"{options.analysis_config}: cannot be read as JSON: {error}") from error
        if options.ground_truth or options.label:
            columns["label"] = labelled.label_column(options)
        return BiasConfig.from_analysis_config(body, **columns)
    if not options.facet:
        raise common.CommandError("no facet is named: add --facet COLUMN=VALUE, or --analysis-config FILE")
    values = [value.strip() for value in options.label_values.split(",")] if options.label_values else None
    return BiasConfig(
        tuple(parse_facet(text) for text in options.facet),
        label=labelled.label_column(options),
        label_values=None if values is None else tuple(values),
        label_threshold=options.label_threshold,
        group_variable=options.group_variable,
        **columns,
    )


def parse_facet(text: str) -> Facet:
    """A facet as it is written on the command line.

    Raises:
        ValueError: What stands behind `>` is no number.
    """
    from model_analyzer.bias import Facet

    name, equals, values = text.partition("=")
    if equals:
        return Facet(name.strip(), values=tuple(value.strip() for value in values.split(",")))
    name, above, number = text.partition(">")
    if above:
        try:
            threshold = float(number)
        except ValueError:
            raise ValueError(f"--facet {text}: {number.strip()!r} is no number") from None
        return Facet(name.strip(), threshold=int(threshold) if threshold == int(threshold) else threshold)
    return Facet(text.strip())
