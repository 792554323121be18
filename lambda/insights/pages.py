"""The page about one model. Self-contained HTML without scripts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape

from insights.facts import Drift, ModelFacts, MonitorFacts, Series
from insights.page_advice import card, state
from insights.page_records import records
from insights.page_training import training
from insights.page_versions import SHOWN, versions
from insights.periods import period
from insights.recommendation import Recommendation
from insights.timeline import timeline
from model_analyzer.report.drawing import Tile, number, page, pill, ranking, section, table, tiles

_MOST_FEATURES = 15
#: Features within the threshold that stand below those beyond it.
_MOST_QUIET = 5
_MOST_LINES = 4
_LABELS = {
    "DataQuality": "Data quality",
    "ModelQuality": "Model quality",
    "ModelBias": "Bias",
    "ModelExplainability": "Attribution",
}


def model_page(facts: ModelFacts, advice: Sequence[Recommendation]) -> str:
    """The page of one model: is it healthy, what should I do, what changed, which features matter."""
    word, tone = state(facts, advice)
    body = [
        tiles(_tiles(facts)),
        _advice(advice),
        _quality(facts),
        _drift(facts),
        _importance(facts),
        training(facts),
        records(facts),
        _traffic(facts),
        _monitors(facts),
        versions(facts),
    ]
    subtitle = f"{facts.endpoint.name} · {period(facts.since, facts.until)}"
    return page(facts.name, [part for part in body if part], subtitle=subtitle, status=word, tone=tone)


def _tiles(facts: ModelFacts) -> list[Tile]:
    live, endpoint = facts.live, facts.endpoint
    errors = endpoint.server_errors.total / endpoint.invocations.total if endpoint.invocations.total else 0.0
    latency = endpoint.latency_ms.latest
    return [
        Tile(f"v{live.number}" if live else "none", "live version"),
        Tile(number(endpoint.invocations.total), "requests"),
        Tile(f"{errors:.2%}", "failed", "bad" if errors > 0.01 else "plain"),
        Tile("-" if latency is None else f"{latency:.0f} ms", "p90 model latency, latest hour"),
        Tile(str(len(facts.alarms)), "alarms ring", "bad" if facts.alarms else "good"),
    ]


def _advice(advice: Sequence[Recommendation]) -> str:
    if not advice:
        return section("What to do", "Nothing: no rule found anything.")
    return section("What to do", "The most urgent first; each with what it rests on.", *map(card, advice))


def _quality(facts: ModelFacts) -> str:
    monitor = facts.monitor("ModelQuality")
    chosen = [line for line in monitor.metrics if line.name in SHOWN] if monitor else []
    if not chosen:
        return ""
    marks = _rollouts(facts)
    cards = [_card(line.name, timeline(line, facts.since, facts.until, marks=marks, near=True)) for line in chosen]
    return section("Quality on labelled traffic", "One point per run.", _grid(cards))


def _drift(facts: ModelFacts) -> str:
    monitor = facts.monitor("DataQuality")
    if monitor is None or not monitor.drifts:
        return ""
    shown = monitor.drifts[: min(len(monitor.drifted) + _MOST_QUIET, _MOST_FEATURES)]
    rows = [(drift.feature, drift.latest, monitor.threshold, drift.latest > monitor.threshold) for drift in shown]
    intro = f"Distance of features from the baseline in the latest run of {monitor.schedule}; threshold dashed."
    if rest := len(monitor.drifts) - len(shown):
        intro += f" {rest} more {'is' if rest == 1 else 'are'} no farther than the last one shown."
    cards = [
        _card(
            drift.feature,
            timeline(drift.series, facts.since, facts.until, limit=monitor.threshold, marks=_rollouts(facts)),
        )
        for drift in _drifted_once(monitor)[:_MOST_LINES]
    ]
    return section("Drift", intro, f'<div class="card">{ranking(rows, "drift ranking")}</div>', _grid(cards))


def _drifted_once(monitor: MonitorFacts) -> list[Drift]:
    """Features that were beyond the threshold at any time of the period, the farthest first."""
    beyond = [drift for drift in monitor.drifts if (drift.series.highest or 0.0) > monitor.threshold]
    return sorted(beyond, key=lambda drift: -(drift.series.highest or 0.0))


def _importance(facts: ModelFacts) -> str:
    now = facts.importance
    if not now:
        return ""
    drifted = {drift.feature for monitor in facts.monitors for drift in monitor.drifted}
    before = facts.importance_before
    most = max(now.values()) or 1.0
    rows = []
    for name, share in sorted(now.items(), key=lambda item: -item[1])[:_MOST_FEATURES]:
        change = share - before[name] if name in before else None
        rows.append(
            (
                escape(name),
                f'<i class="bar" style="width:{100 * share / most:.1f}%"></i>',
                f"{share:.1%}",
                _change(change, known=bool(before)),
                pill("drifted", "bad") if name in drifted else "",
            )
        )
    monitor = facts.monitor("ModelExplainability")
    if monitor and monitor.attribution:
        words, since = "Measured on captured traffic by the attribution monitor.", "Since the period began"
    else:
        words, since = "From the evaluation of the live version.", "Since the version before"
    return section(
        "Which features matter", words, table(("Feature", "", "Share of decisions", since, ""), rows, (2, 3))
    )


def _change(change: float | None, *, known: bool) -> str:
    if change is None:
        return "new" if known else "-"
    return "as before" if abs(change) < 0.0005 else f"{change:+.1%}"


def _traffic(facts: ModelFacts) -> str:
    endpoint, marks = facts.endpoint, _rollouts(facts)
    shown: list[tuple[str, Series, str]] = [
        ("Requests an hour", endpoint.invocations, ""),
        ("p90 model latency", endpoint.latency_ms, " ms"),
        ("Failed requests an hour", endpoint.server_errors, ""),
        ("Refused requests an hour", endpoint.client_errors, ""),
        ("Processor", endpoint.cpu, " %"),
        ("Memory", endpoint.memory, " %"),
    ]
    cards = [
        _card(title, timeline(line, facts.since, facts.until, marks=marks, unit=unit)) for title, line, unit in shown
    ]
    words = f"{endpoint.instances} instances of {endpoint.instance_type}" if endpoint.instance_type else "Serverless"
    return section("Endpoint", f"{words}. Dotted lines: versions were registered.", _grid(cards))


def _monitors(facts: ModelFacts) -> str:
    if not facts.monitors:
        return section("Monitors", "None has run yet.")
    rows = [
        (
            escape(monitor.schedule),
            f'<span style="white-space:nowrap">{_LABELS.get(monitor.kind, escape(monitor.kind or "unknown"))}</span>',
            str(int(monitor.completed.total)),
            str(int(monitor.failed.total)),
            str(int(monitor.without_data.total)),
            pill(str(len(monitor.violations)), "bad" if monitor.violations else "good"),
            f"<code>{escape(monitor.report)}</code>" if monitor.report else "none in the period",
        )
        for monitor in facts.monitors
    ]
    columns = ("Monitor", "Kind", "Completed", "Failed", "No data", "Violations", "Latest report")
    cards = [
        _card(f"Violations of {monitor.schedule}", timeline(monitor.found, facts.since, facts.until))
        for monitor in facts.monitors
        if monitor.found
    ]
    return section("Monitors", "Runs in the period.", table(columns, rows, (2, 3, 4)), _grid(cards))


def _rollouts(facts: ModelFacts) -> list[tuple[datetime, str]]:
    return [(version.created, f"v{version.number}") for version in facts.versions]


def _card(title: str, chart: str) -> str:
    return f'<div class="card"><h3>{escape(title)}</h3>{chart}</div>'


def _grid(cards: Sequence[str]) -> str:
    return f'<div class="grid plots" style="margin-top:14px">{"".join(cards)}</div>' if cards else ""
