"""The page of a data quality run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from typing import Any

from model_analyzer.data_quality import Constraints, Distance, FeatureStatistics, Statistics, Violations, compare
from model_analyzer.inputs import InputReport

from ._charts import ranking
from ._distributions import distribution
from ._page import Tile, Tone, legend, number, page, percent, pill, rounded, section, table, tiles
from ._records import checked_records, records_section, records_tile

CARDS = 400

_CHECKS = {
    "data_type_check": "data type",
    "completeness_check": "completeness",
    "baseline_drift_check": "drift",
    "missing_column_check": "missing column",
    "extra_column_check": "extra column",
    "categorical_values_check": "unknown category",
    "non_negative_check": "negative value",
}


_NUMBER = r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?"
_WORDINGS = tuple(
    re.compile(wording.replace("VALUE", f"(?P<value>{_NUMBER})").replace("THRESHOLD", f"(?P<threshold>{_NUMBER})"))
    for wording in (
        "distance: VALUE exceeds threshold: THRESHOLD",
        "Expected match: THRESHOLD%.*Only VALUE%",
        "Value: VALUE does not meet(?:.*at least THRESHOLD)?",
    )
)


def data_quality_html(
    statistics: Statistics | Mapping[str, Any],
    constraints: Constraints | Mapping[str, Any] | None = None,
    violations: Violations | Mapping[str, Any] | None = None,
    baseline: Statistics | Mapping[str, Any] | None = None,
    input_report: InputReport | Mapping[str, Any] | None = None,
    records: Mapping[str, Any] | None = None,
    *,
    title: str = "Data quality",
    subtitle: str = "",
) -> str:
    """A self-contained HTML page: violations, drift ranking, distributions against the baseline, data problems.

    Args:
        statistics: The run's statistics.json.
        constraints: What the run was checked against. Default: nothing was checked.
        violations: What the check found, as `check` gives it or as read from constraint_violations.json.
        baseline: The baseline's statistics. Default: distributions stand alone.
        input_report: What happened while the data was read.
        records: The run's records.json. Default: nothing is said of repeated records and of columns that say the same.
        title: The heading, plain text.
        subtitle: A line below it (endpoint, window), plain text.
    """
    current = statistics if isinstance(statistics, Statistics) else Statistics(statistics)
    reference = baseline if baseline is None or isinstance(baseline, Statistics) else Statistics(baseline)
    if constraints is not None and not isinstance(constraints, Constraints):
        constraints = Constraints.from_dict(constraints)
    report = input_report.to_dict() if isinstance(input_report, InputReport) else dict(input_report or {})
    records = checked_records(records) if records else None
    found = _violations(violations)
    distances: Mapping[str, Distance] = {}
    if isinstance(violations, Violations) and violations.distances:
        distances = violations.distances
    elif reference is not None:
        distances = compare(current, reference, constraints)
    status, tone = _status(current, violations, found)
    body = [_tiles(current, found, distances, report, records)]
    if found:
        body.append(_violation_section(found))
    if distances:
        body.append(_ranking_section(distances))
    body.append(_distribution_section(current, reference, distances, found))
    if records:
        body.append(records_section(records))
    if report:
        body.append(problem_section(report))
    return page(title, body, subtitle=subtitle, status=status, tone=tone)


def _violations(violations: Violations | Mapping[str, Any] | None) -> list[dict[str, Any]]:
    if violations is None:
        return []
    if isinstance(violations, Violations):
        return [{**item.to_dict(), "value": item.value, "threshold": item.threshold} for item in violations]
    return [{**item, **_figures(str(item.get("description", "")))} for item in violations.get("violations", ())]


def _figures(description: str) -> dict[str, float]:
    """Value and threshold out of a description, which files hold nowhere else; Model Monitor's wording or ours."""
    for pattern in _WORDINGS:
        match = pattern.search(description)
        if match is not None:
            scale = 0.01 if "%" in pattern.pattern else 1.0
            return {name: float(text) * scale for name, text in match.groupdict().items() if text is not None}
    return {}


def _status(current: Statistics, violations: object, found: list[dict[str, Any]]) -> tuple[str, Tone]:
    if not current.item_count:
        return "no data", "warn"
    if violations is None:
        return "not checked", "plain"
    if found:
        return f"{len(found)} violation{'s' if len(found) > 1 else ''}", "bad"
    return "no violations", "good"


def _tiles(
    current: Statistics,
    found: list[dict[str, Any]],
    distances: Mapping[str, Distance],
    report: Mapping[str, Any],
    records: Mapping[str, Any] | None,
) -> str:
    items = [Tile(f"{current.item_count:,}", "rows"), Tile(f"{len(current.features):,}", "columns")]
    items.append(Tile(f"{len(found):,}", "violations", "bad" if found else "plain"))
    if distances:
        drifted = sum(distance.exceeded for distance in distances.values())
        items.append(Tile(f"{drifted} of {len(distances)}", "columns beyond threshold", "bad" if drifted else "plain"))
        name, worst = max(distances.items(), key=lambda pair: pair[1].value)
        items.append(Tile(f"{worst.value:.3f}", f"largest distance ({name})", "bad" if worst.exceeded else "plain"))
    if records:
        items.append(records_tile(records))
    if report:
        broken = int(report.get("broken_lines", 0))
        items.append(Tile(f"{broken:,}", "lines left out", "warn" if broken else "plain"))
    return tiles(items)


def _violation_section(found: list[dict[str, Any]]) -> str:
    def figure(value: object) -> str:
        return escape(f"{value:.5g}") if isinstance(value, int | float) else "-"

    rows = [
        (
            escape(str(item.get("feature_name", ""))),
            pill(_CHECKS.get(str(item.get("constraint_check_type")), str(item.get("constraint_check_type"))), "bad"),
            escape(rounded(str(item.get("description", "")))),
            figure(item.get("value")),
            figure(item.get("threshold")),
        )
        for item in found
    ]
    columns = ("Column", "Check", "What was found", "Value", "Threshold")
    return section(
        "Violations", "Constraints of the baseline that this data does not meet.", table(columns, rows, (3, 4))
    )


def _ranking_section(distances: Mapping[str, Distance]) -> str:
    ordered = sorted(distances.items(), key=lambda pair: -pair[1].value / (pair[1].threshold or 1))
    rows = [(name, d.value, d.threshold, d.exceeded) for name, d in ordered]
    intro = (
        "Distance of each column from its baseline: the largest gap between cumulative shares (numbers) or between the "
        "shares of one category (text). The dashed line is the threshold."
    )
    return section("Drift ranking", intro, f'<div class="card">{ranking(rows, "drift by column")}</div>')


def _distribution_section(
    current: Statistics,
    reference: Statistics | None,
    distances: Mapping[str, Distance],
    found: list[dict[str, Any]],
) -> str:
    broken = {item.get("feature_name") for item in found}

    def urgency(name: str) -> tuple[bool, float]:
        distance = distances.get(name)
        return name not in broken, -(distance.value / (distance.threshold or 1) if distance else 0.0)

    ordered = sorted(current.features, key=urgency)
    cards = [
        _card(
            current.features[name],
            reference.features.get(name) if reference else None,
            distances.get(name),
            name in broken,
        )
        for name in ordered[:CARDS]
    ]
    intro = "Columns with violations come first, then by distance."
    if len(ordered) > CARDS:
        intro += f" The first {CARDS} of {len(ordered)} columns are drawn."
    keys = [("now", "this data")] + ([("then", "baseline")] if reference else [])
    return section("Distributions", intro, legend(*keys), f'<div class="grid">{"".join(cards)}</div>')


def _card(now: FeatureStatistics, then: FeatureStatistics | None, distance: Distance | None, broken: bool) -> str:
    badge = pill(f"{distance.value:.3f}", "bad" if distance.exceeded else "plain") if distance else ""
    total = now.present + now.missing
    facts = [now.inferred_type, f"{percent(now.present / total)} present" if total else "no rows"]
    if now.numerical is not None and now.present:
        facts += [f"mean {_figure(now.numerical.get('mean'))}", f"sd {_figure(now.numerical.get('std_dev'))}"]
    elif now.text is not None:
        facts.append(f"{number(float(now.text.get('distinct_count', 0)))} distinct")
    return (
        f'<div class="card{" off" if broken else ""}"><div class="head"><h3>{escape(now.name)}</h3>{badge}</div>'
        f'<p class="note">{escape(" · ".join(facts))}</p>{distribution(now, then)}</div>'
    )


def _figure(value: object) -> str:
    return number(float(value)) if isinstance(value, int | float) else str(value)


def problem_section(report: Mapping[str, Any]) -> str:
    """What was read, and what could not be used."""
    facts = [
        ("Files", number(report.get("files", 0))),
        ("Empty files", number(report.get("empty_files", 0))),
        ("Records used", number(report.get("records", 0))),
        ("Rows used", number(report.get("rows", 0))),
        ("Lines left out", number(report.get("broken_lines", 0))),
        ("Shadow records skipped", number(report.get("skipped_shadow", 0))),
        ("Outside the window", number(report.get("outside_window", 0))),
    ]
    rare = (("Lines with replaced characters", "replaced_lines"), ("Files of other formats", "passed_over"))
    facts += [(name, number(report[key])) for name, key in rare if report.get(key)]
    facts += [(f"Encoding {name}", number(count)) for name, count in (report.get("encodings") or {}).items()]
    widths = report.get("widths") or {}
    if len(widths) > 1:
        facts += [(f"Rows with {width} columns", number(count)) for width, count in widths.items()]
    facts += [(reason, number(count)) for reason, count in (report.get("broken_by_reason") or {}).items()]
    parts = [table(("What", "Count"), [(escape(what), count) for what, count in facts], (1,))]
    samples = report.get("samples") or []
    if samples:
        rows = [
            (
                escape(str(sample.get("source", "")).rpartition("/")[2]),
                str(sample.get("line") or "-"),
                escape(str(sample.get("reason", ""))),
                f"<code>{escape(str(sample.get('text', '')))}</code>",
            )
            for sample in samples
        ]
        parts.append("<p></p>" + table(("File", "Line", "Why it was left out", "How it begins"), rows, (1,)))
    return section("Data problems", "What was read, and what could not be used. Nothing else was lost.", *parts)
