"""The page of a bias run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from model_analyzer.bias import BiasAnalysis, BiasEntry, BiasViolations, Interval, Key
from model_analyzer.inputs import InputReport, JoinReport

from ._data_quality import problem_section
from ._model_quality import join_section, status_of
from ._page import Tile, number, page, rounded, section, table, tiles
from ._plots import Deviation, deviations, figure

_STAGES = {
    "post_training_bias_metrics": "predictions",
    "pre_training_bias_metrics": "labels",
}


def bias_html(
    analysis: BiasAnalysis | Mapping[str, Any],
    violations: BiasViolations | Mapping[str, Any] | None = None,
    baseline: BiasAnalysis | Mapping[str, Any] | None = None,
    input_report: InputReport | Mapping[str, Any] | None = None,
    join_report: JoinReport | Mapping[str, Any] | None = None,
    *,
    rows: int | None = None,
    intervals: Mapping[Key, Interval] | None = None,
    title: str = "Bias",
    subtitle: str = "",
) -> str:
    """A self-contained HTML page: violations, and every metric of every group against the baseline's.

    Args:
        analysis: The run's analysis.json.
        violations: What the check found. Default: nothing was checked.
        baseline: The baseline's analysis; its distances from neutral are the limits.
        input_report: What happened while the data was read.
        join_report: What happened while labels were joined.
        rows: Rows that were used.
        intervals: Confidence intervals, if the check went by them.
        title: The heading, plain text.
        subtitle: A line below it, plain text.
    """
    now = analysis if isinstance(analysis, BiasAnalysis) else BiasAnalysis(analysis)
    then = baseline if baseline is None or isinstance(baseline, BiasAnalysis) else BiasAnalysis(baseline)
    body_of = violations.to_dict() if isinstance(violations, BiasViolations) else dict(violations or {})
    found = [dict(item) for item in body_of.get("violations") or ()]
    broken = {(str(v.get("facet")), str(v.get("facet_value")), str(v.get("metric_name"))) for v in found}
    read = input_report.to_dict() if isinstance(input_report, InputReport) else dict(input_report or {})
    join = join_report.to_dict() if isinstance(join_report, JoinReport) else dict(join_report or {})
    facets = list(dict.fromkeys(entry.facet for entry in now.entries))
    items = [] if rows is None else [Tile(number(rows), "rows", "plain" if rows else "warn")]
    items += [
        Tile(str(len(facets)), "sensitive attributes"),
        Tile(str(len({(e.facet, e.group) for e in now.entries})), "groups compared with all others"),
    ]
    if violations is not None:
        items.insert(0, Tile(str(len(found)), "violations", "bad" if found else "good"))
    body = [tiles(items)]
    if found:
        body.append(_violations(found))
    limits = {entry.key: entry for entry in then.entries} if then is not None else {}
    drawn = _Drawn(limits, broken, intervals or {})
    body += [_facet(name, [entry for entry in now.entries if entry.facet == name], drawn) for name in facets]
    if join:
        body.append(join_section(join))
    if read:
        body.append(problem_section(read))
    status, tone = status_of(rows, None if violations is None else len(found))
    return page(title, body, subtitle=subtitle, status=status, tone=tone)


def _violations(found: list[dict[str, Any]]) -> str:
    rows = [
        tuple(escape(rounded(str(item.get(key, "")))) for key in ("facet", "facet_value", "metric_name", "description"))
        for item in found
    ]
    columns = ("Attribute", "Group", "Metric", "What was found")
    return section("Violations", "Metrics farther from neutral than the baseline's.", table(columns, rows))


@dataclass(frozen=True)
class _Drawn:
    """What is drawn beside the values: limits by metric, which metrics break theirs, and intervals."""

    limits: Mapping[Key, BiasEntry]
    broken: set[tuple[str, str, str]]
    intervals: Mapping[Key, Interval]


def _facet(facet: str, entries: list[BiasEntry], drawn: _Drawn) -> str:
    intro = "Bars start at the value that means no bias: 0, and 1 for disparate impact (DI)."
    if drawn.limits:
        intro += " Dashed lines are the baseline's distance from it, which is the limit."
    if drawn.intervals:
        intro += " Thin lines are confidence intervals: only one wholly beyond the limit is a violation."
    parts = []
    for group in dict.fromkeys(entry.group for entry in entries):
        for stage, name in _STAGES.items():
            mine = [entry for entry in entries if entry.group == group and entry.section == stage]
            if mine:
                parts.append(_card(f"{group}: bias of the {name}", mine, drawn))
    return section(facet, intro, *parts)


def _card(title: str, entries: list[BiasEntry], drawn: _Drawn) -> str:
    rows, missing = [], []
    for entry in entries:
        if entry.value is None:
            missing.append(f"{entry.name} ({entry.error})" if entry.error else entry.name)
            continue
        before = drawn.limits.get(entry.key)
        limit = abs(before.value - before.neutral) if before is not None and before.value is not None else None
        meaning = entry.description.removesuffix(f"({entry.name})").strip()
        hint = f"{entry.description}: {figure(entry.value)}"
        if before is not None and before.value is not None:
            hint += f", baseline {figure(before.value)}"
        interval = drawn.intervals.get(entry.key)
        if interval is not None:
            hint += f", interval {figure(interval.low)} to {figure(interval.high)}"
        ends = None if interval is None else (interval.low, interval.high)
        off = (entry.facet, entry.group, entry.name) in drawn.broken
        rows.append(Deviation(entry.name, meaning, hint, entry.value, entry.neutral, limit, off, ends))
    note = f'<p class="note">No value: {escape(", ".join(missing))}</p>' if missing else ""
    chart = deviations(rows, title) if rows else ""
    return f'<div class="card stack"><h3>{escape(title)}</h3>{note}{chart}</div>'
