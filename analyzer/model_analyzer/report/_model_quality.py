"""The page of a model quality run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from model_analyzer.inputs import InputReport, JoinReport
from model_analyzer.model_quality import QualityConstraints, QualityStatistics, QualityViolations, Threshold

from ._data_quality import problem_section
from ._page import Tile, Tone, legend, number, page, percent, pill, rounded, section, table, tiles
from ._plots import Line, confusion_grid, unit_curves

HEADLINES = {
    "BinaryClassification": ("auc", "f1", "accuracy"),
    "MulticlassClassification": ("accuracy", "weighted_f1"),
    "Regression": ("rmse", "mae", "r2"),
}
LARGEST_GRID = 20
WITH_CURVES = 3
"""Labels up to which the confusion matrix stands beside the curves."""

_NAMES = {"auc": "AUC", "au_prc": "Area under precision-recall", "mae": "MAE", "mse": "MSE", "rmse": "RMSE", "r2": "R²"}


def model_quality_html(
    statistics: QualityStatistics | Mapping[str, Any],
    constraints: QualityConstraints | Mapping[str, Any] | None = None,
    violations: QualityViolations | Mapping[str, Any] | None = None,
    baseline: QualityStatistics | Mapping[str, Any] | None = None,
    input_report: InputReport | Mapping[str, Any] | None = None,
    join_report: JoinReport | Mapping[str, Any] | None = None,
    *,
    title: str = "Model quality",
    subtitle: str = "",
) -> str:
    """A self-contained HTML page: violations, metrics and thresholds, curves, confusion matrix, labels, data problems.

    Args:
        statistics: The run's statistics.json.
        constraints: What it was checked against. Default: nothing was checked.
        violations: What the check found.
        baseline: The baseline's statistics, drawn behind.
        input_report: What happened while the data was read.
        join_report: What happened while labels were joined.
        title: The heading, plain text.
        subtitle: A line below it, plain text.
    """
    now = statistics if isinstance(statistics, QualityStatistics) else QualityStatistics(statistics)
    then = baseline if baseline is None or isinstance(baseline, QualityStatistics) else QualityStatistics(baseline)
    if constraints is not None and not isinstance(constraints, QualityConstraints):
        constraints = QualityConstraints.from_dict(constraints)
    limits = constraints.metrics if constraints is not None else {}
    found = [] if violations is None else _found(violations)
    read = input_report.to_dict() if isinstance(input_report, InputReport) else dict(input_report or {})
    join = join_report.to_dict() if isinstance(join_report, JoinReport) else dict(join_report or {})
    broken = {str(item.get("metric_name")) for item in found}
    body = [tiles(_headlines(now, then, found, violations is not None, broken, join))]
    if found:
        body.append(_violations(found))
    body.append(_metrics(now, then, limits, broken))
    body += _pictures(now, then)
    if join:
        body.append(join_section(join))
    if read:
        body.append(problem_section(read))
    status, tone = status_of(now.item_count, None if violations is None else len(found))
    return page(title, body, subtitle=subtitle, status=status, tone=tone)


def status_of(rows: int | None, violations: int | None) -> tuple[str, Tone]:
    """The pill beside the heading."""
    if rows == 0:
        return "no data", "warn"
    if violations is None:
        return "baseline", "plain"
    return ("no violations", "good") if not violations else (f"{violations} violation{'s' * (violations > 1)}", "bad")


def _found(violations: QualityViolations | Mapping[str, Any]) -> list[dict[str, Any]]:
    if isinstance(violations, QualityViolations):
        return [{**item.to_dict(), "value": item.value, "threshold": item.threshold.threshold} for item in violations]
    return [dict(item) for item in violations.get("violations") or ()]


def metric_name(name: str) -> str:
    """A metric as people call it."""
    if name in _NAMES:
        return _NAMES[name]
    return name.replace("f0_5", "F0.5").replace("f1", "F1").replace("f2", "F2").replace("_", " ")


def _figure(value: float) -> str:
    return "-" if math.isnan(value) else number(value, 4)


def _headlines(
    now: QualityStatistics,
    then: QualityStatistics | None,
    found: list[dict[str, Any]],
    checked: bool,
    broken: set[str],
    join: Mapping[str, Any],
) -> list[Tile]:
    items = [Tile(number(now.item_count), "labelled predictions", "plain" if now.item_count else "warn")]
    if checked:
        items.append(Tile(str(len(found)), "violations", "bad" if found else "good"))
    for name in [name for name in HEADLINES[now.problem_type] if name in now.metrics][: 4 - len(items)]:
        label = metric_name(name)
        if then is not None and name in then.metrics:
            label += f", baseline {_figure(then.metrics[name].value)}"
        items.append(Tile(_figure(now.metrics[name].value), label, "bad" if name in broken else "plain"))
    if join.get("captures"):
        items.append(Tile(percent(join["matched"] / join["captures"]), "predictions with a label"))
    return items


def _violations(found: list[dict[str, Any]]) -> str:
    rows = [
        (escape(metric_name(str(item.get("metric_name")))), escape(rounded(str(item.get("description", "")))))
        for item in found
    ]
    return section(
        "Violations", "Metrics on the wrong side of their thresholds.", table(("Metric", "What was found"), rows)
    )


def _metrics(
    now: QualityStatistics, then: QualityStatistics | None, limits: Mapping[str, Threshold], broken: set[str]
) -> str:
    rows = []
    for name, metric in now.metrics.items():
        if name.endswith("_best_constant_classifier"):
            continue
        limit = limits.get(name)
        constant = now.metrics.get(f"{name}_best_constant_classifier")
        before = then.metrics.get(name) if then is not None else None
        sign = "" if limit is None else "≥ " if limit.comparison_operator == "LessThanThreshold" else "≤ "
        verdict = ""
        if limit is not None:
            verdict = pill("violated", "bad") if name in broken else pill("holds", "good")
            verdict = pill("no value", "warn") if math.isnan(metric.value) else verdict
        rows.append(
            (
                escape(metric_name(name)),
                f"<b>{_figure(metric.value)}</b>",
                "-" if math.isnan(metric.standard_deviation) else f"± {number(metric.standard_deviation, 2)}",
                _figure(before.value) if before is not None else "-",
                "-" if limit is None else f"{sign}{_figure(limit.threshold)}",
                _figure(constant.value) if constant is not None else "-",
                verdict,
            )
        )
    columns = ("Metric", "Value", "Deviation", "Baseline", "Threshold", "Constant classifier", "")
    intro = "Deviations are those of five random samples of 80 %; below 200 rows there are none."
    if any(name.endswith("_best_constant_classifier") for name in now.metrics):
        always = "the positive label" if now.problem_type == "BinaryClassification" else "the rarest label"
        intro += f" The constant classifier always answers {always}, as Model Monitor has it."
        return section("Metrics", intro, table(columns, rows, (1, 2, 3, 4, 5)))
    without = [(*row[:5], row[6]) for row in rows]
    return section("Metrics", intro, table((*columns[:5], columns[6]), without, (1, 2, 3, 4)))


def _pictures(now: QualityStatistics, then: QualityStatistics | None) -> list[str]:
    cards = []
    roc = _curve(now, then, "receiver_operating_characteristic_curve", "false_positive_rates", "true_positive_rates")
    if roc:
        mark = _point(now, "false_positive_rate", "true_positive_rate")
        plot = unit_curves(roc, "false positive rate", "true positive rate", diagonal=True, mark=mark)
        cards.append(_card("ROC curve", now, then, "auc", plot))
    trade = _curve(now, then, "precision_recall_curve", "recalls", "precisions")
    if trade:
        plot = unit_curves(trade, "recall", "precision", mark=_point(now, "recall", "precision"))
        cards.append(_card("Precision and recall", now, then, "au_prc", plot))
    parts = []
    small = now.confusion is not None and len(now.confusion) <= WITH_CURVES
    if cards and now.confusion and small:
        grid, note = _grid(now.confusion)
        cards.append(f'<div class="card"><h3>Confusion matrix</h3><p class="note">{escape(note)}</p>{grid}</div>')
    if cards:
        keys = [("now", "this data"), *([("then", "baseline")] if then is not None else [])]
        intro = "The point is where the model decides, by its own threshold."
        parts.append(section("Curves", intro, legend(*keys), f'<div class="grid plots">{"".join(cards)}</div>'))
    if now.confusion and not (cards and small):
        parts.append(_confusion(now.confusion))
    return parts


def _curve(now: QualityStatistics, then: QualityStatistics | None, key: str, x: str, y: str) -> list[Line]:
    lines = []
    for statistics, is_baseline in ((now, False), (then, True)):
        curve = statistics.section.get(key) if statistics is not None else None
        if curve:
            lines.append(Line(_numbers(curve[x]), _numbers(curve[y]), is_baseline))
    return lines if lines and not lines[0].is_baseline else []


def _numbers(values: Sequence[Any]) -> list[float]:
    return [float(value) for value in values]


def _point(now: QualityStatistics, x: str, y: str) -> tuple[float, float] | None:
    values = [now.metrics[name].value if name in now.metrics else math.nan for name in (x, y)]
    return None if any(math.isnan(value) for value in values) else (values[0], values[1])


def _card(title: str, now: QualityStatistics, then: QualityStatistics | None, area: str, plot: str) -> str:
    facts = []
    if area in now.metrics:
        facts.append(f"area {_figure(now.metrics[area].value)}")
    if then is not None and area in then.metrics:
        facts.append(f"baseline {_figure(then.metrics[area].value)}")
    return f'<div class="card"><h3>{title}</h3><p class="note">{" · ".join(facts)}</p>{plot}</div>'


def _grid(confusion: Mapping[str, Mapping[str, int]]) -> tuple[str, str]:
    """The matrix as a picture, and what to compare its accuracy with."""
    labels = list(confusion)
    counts = [[int(confusion[actual].get(predicted, 0)) for predicted in labels] for actual in labels]
    total = sum(map(sum, counts))
    if not total:
        return confusion_grid(labels, counts), "No labelled predictions."
    most = max(range(len(labels)), key=lambda n: sum(counts[n]))
    share = percent(round(sum(counts[most]) / total, 4))
    return confusion_grid(labels, counts), f"Always answering {labels[most]} would be right for {share}."


def _confusion(confusion: Mapping[str, Mapping[str, int]]) -> str:
    labels = list(confusion)
    if len(labels) > LARGEST_GRID:
        wrong = [
            (count, actual, predicted)
            for actual, row in confusion.items()
            for predicted, count in row.items()
            if actual != predicted and count
        ]
        rows = [(escape(actual), escape(guess), number(count)) for count, actual, guess in sorted(wrong, reverse=True)]
        body = table(("Actual", "Predicted", "Count"), rows[:30], (2,))
        return section("Confusion", f"The most frequent confusions of {len(labels)} labels.", body)
    grid, note = _grid(confusion)
    width = 160 + 110 * len(labels)
    intro = f"Each row adds up to 100 % of an actual label; blue is right, red is wrong. {note}"
    return section("Confusion matrix", intro, f'<div class="card" style="max-width:{width}px">{grid}</div>')


def join_section(join: Mapping[str, Any]) -> str:
    """What became of captures and labels."""
    names = (
        ("captures", "Captured predictions"),
        ("matched", "With a label"),
        ("captures_without_label", "Without a label"),
        ("duplicate_captures", "Captured again under the same id (left out)"),
        ("labels", "Labels"),
        ("labels_without_capture", "Labels without a captured prediction"),
        ("duplicate_labels", "Labels repeated (the last one counts)"),
        ("conflicting_labels", "Ids with different labels"),
        ("late_labels", "Labels later than allowed (used)"),
        ("unusable", "Records whose rows and labels do not fit"),
        ("median_delay_hours", "Median delay of labels, hours"),
        ("longest_delay_hours", "Longest delay of labels, hours"),
    )
    rows = [(text, number(join[key])) for key, text in names if join.get(key) is not None]
    return section("Labels", "How predictions and labels found each other.", table(("What", "Count"), rows, (1,)))
