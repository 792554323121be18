"""The page of an attribution run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from model_analyzer.attribution import (
    AttributionAnalysis,
    AttributionScore,
    AttributionViolations,
    LabelAttribution,
    check,
)
from model_analyzer.inputs import InputReport

from ._charts import ranking
from ._data_quality import problem_section
from ._model_quality import status_of
from ._page import Tile, legend, number, page, section, tiles
from ._plots import attributions

FEATURES = 40

_AGGREGATIONS = {
    "mean_abs": "mean absolute SHAP value",
    "median": "median SHAP value",
    "mean_sq": "mean squared SHAP value",
}


def attribution_html(
    analysis: AttributionAnalysis | Mapping[str, Any],
    violations: AttributionViolations | Mapping[str, Any] | None = None,
    baseline: AttributionAnalysis | Mapping[str, Any] | None = None,
    input_report: InputReport | Mapping[str, Any] | None = None,
    *,
    title: str = "Feature attribution",
    subtitle: str = "",
) -> str:
    """A self-contained HTML page: agreement with the baseline's ranking, and the ranking of every label.

    Args:
        analysis: The run's analysis.json.
        violations: What the check found. Default: nothing was checked.
        baseline: The baseline's analysis, drawn beside.
        input_report: What happened while the data was read.
        title: The heading, plain text.
        subtitle: A line below it, plain text.
    """
    now = analysis if isinstance(analysis, AttributionAnalysis) else AttributionAnalysis(analysis)
    then = baseline if baseline is None or isinstance(baseline, AttributionAnalysis) else AttributionAnalysis(baseline)
    read = input_report.to_dict() if isinstance(input_report, InputReport) else dict(input_report or {})
    scores: tuple[AttributionScore, ...] = ()
    if isinstance(violations, AttributionViolations):
        scores = violations.scores
    elif then is not None:
        scores = check(now, then).scores
    count = None
    if violations is not None:
        count = len(violations if isinstance(violations, AttributionViolations) else violations.get("violations") or ())
    items = []
    if now.item_count is not None:
        items.append(Tile(number(now.item_count), "rows explained", "plain" if now.item_count else "warn"))
    if count is not None:
        items.append(Tile(str(count), "violations", "bad" if count else "good"))
    items += [
        Tile(
            f"{score.value:.3f}",
            f"agreement of {score.label}, at least {score.threshold:g}",
            "bad" if score.exceeded else "plain",
        )
        for score in scores[:3]
        if score.value is not None
    ]
    features = {name for label in now.labels.values() for name in label.values}
    items.append(Tile(str(len(features)), "features"))
    body = [tiles(items)]
    if len(scores) > 1:
        rows = [(s.label, s.value, s.threshold, s.exceeded) for s in scores if s.value is not None]
        chart = ranking(rows, "agreement by label")
        intro = "nDCG of each label's ranking: 1 is the baseline's order; below the dashed line is drift."
        body.append(section("Agreement with the baseline", intro, f'<div class="card">{chart}</div>'))
    for name, label in now.labels.items():
        body.append(_label(label, then.labels.get(name) if then is not None else None, now))
    if read:
        body.append(problem_section(read))
    status, tone = status_of(now.item_count, count)
    return page(title, body, subtitle=subtitle, status=status, tone=tone)


def _label(now: LabelAttribution, then: LabelAttribution | None, analysis: AttributionAnalysis) -> str:
    order = now.ranking()
    before = {feature: rank for rank, feature in enumerate(then.ranking())} if then is not None else {}
    rows: list[tuple[str, float, float | None, int | None]] = []
    for rank, feature in enumerate(order[:FEATURES]):
        moved = before[feature] - rank if feature in before else None
        rows.append((feature, now.values[feature], then.values.get(feature) if then is not None else None, moved))
    what = _AGGREGATIONS.get(analysis.aggregation, "global SHAP value")
    intro = f"Features by {what}"
    intro += ", and how many ranks they moved since the baseline." if then is not None else "."
    if now.expected is not None:
        intro += f" Without any feature the model's output is {number(now.expected)}."
    if len(order) > FEATURES:
        intro += f" The first {FEATURES} of {len(order)} are drawn."
    keys = [("now", "this data"), *([("then", "baseline")] if then is not None else [])]
    chart = attributions(rows, f"attributions of {now.label}")
    return section(f"Ranking of {now.label}", intro, legend(*keys), f'<div class="card">{chart}</div>')
