"""The part of a model's page about training: learning curve, versions beside each other, the job and its data."""

from __future__ import annotations

from html import escape

from insights.facts import ModelFacts, Version
from insights.lines import COLOURS, Points, lines
from model_analyzer.report.drawing import legend, number, section, table

_MOST_GAPS = 8


def training(facts: ModelFacts) -> str:
    """The section; empty if nothing is known."""
    cards = [part for part in (_curve(facts.live), _by_version(facts)) if part]
    rows = [(escape(name), escape(value)) for name, value in _known(facts.live)]
    if not cards and not rows:
        return ""
    charts = f'<div class="grid plots">{"".join(cards)}</div>' if cards else ""
    words = f"How version {facts.live.number} was made." if facts.live else "How versions were made."
    facts_table = f'<div style="margin-top:14px">{table(("What", "How"), rows)}</div>' if rows else ""
    return section("Training", words, charts, facts_table)


def _curve(live: Version | None) -> str:
    """The metric by round, on training and on validation data."""
    if live is None or not live.curve:
        return ""
    kinds = {"train": "training", "validation": "validation"}
    series: dict[str, Points] = {
        kind: [(float(position), value) for position, value in enumerate(live.curve[name], start=1)]
        for name, kind in kinds.items()
        if live.curve.get(name)
    }
    if not series:
        return ""
    chart = lines(series, ("first round", "last round"), f"{live.metric} by round")
    return _card(f"{live.metric} by round, version {live.number}", chart, *series)


def _by_version(facts: ModelFacts) -> str:
    """The live version's metric by version: training, validation, test, and what the monitor measured."""
    metric = facts.live.metric if facts.live else ""
    versions = sorted((version for version in facts.versions if version.metric == metric), key=lambda item: item.number)
    if not metric or len(versions) < 2:
        return ""
    series: dict[str, Points] = {}
    for kind, name in (("training", "train"), ("validation", "validation")):
        series[kind] = [(version.number, version.training[name]) for version in versions if name in version.training]
    if all(metric in version.metrics for version in versions):
        # Not to be told apart from validation on most pages, and worth more: test data had no part in the choice.
        series["test"] = [(version.number, version.metrics[metric]) for version in versions]
        del series["validation"]
    monitor = facts.monitor("ModelQuality")
    measured = next((line.mean for line in monitor.metrics if line.name == metric), None) if monitor else None
    if measured is not None and facts.live:
        series["live"] = [(facts.live.number, measured)]
    shown = {kind: points for kind, points in series.items() if points}
    ends = (f"version {versions[0].number}", f"version {versions[-1].number}")
    return _card(f"{metric} by version", lines(shown, ends, f"{metric} by version", dots=True), *shown)


def _known(live: Version | None) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if live is None:
        return found
    if live.gap is not None:
        found.append(("Validation against training", f"{abs(live.gap):.1%} {'worse' if live.gap > 0 else 'better'}"))
    if live.job is not None:
        job = live.job
        saved = f", {1 - job.billed / job.seconds:.0%} saved by spot" if job.spot and job.seconds else ""
        found.append(("Job", f"{job.name}, {job.instances} x {job.instance_type}, {_lasted(job.seconds)}{saved}"))
        if job.tuning:
            found.append(("Best of", f"{job.tried} jobs of {job.tuning}, {job.failed} of them failed"))
    if live.data is not None:
        data = live.data
        found.append(("Rows", f"{number(data.rows)}, of which {number(data.duplicates)} equal an earlier one"))
        if data.constant:
            found.append(("Constant features", ", ".join(data.constant[:_MOST_GAPS])))
        if data.missing:
            gaps = list(data.missing.items())[:_MOST_GAPS]
            found.append(("Missing values", ", ".join(f"{name} {share:.0%}" for name, share in gaps)))
    if live.findings:
        found.append(("Diagnostics", ", ".join(live.findings)))
    return found


def _lasted(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _card(title: str, chart: str, *kinds: str) -> str:
    keys = legend(*((COLOURS[kind], kind) for kind in kinds))
    return f'<div class="card"><h3>{escape(title)}</h3>{keys}{chart}</div>'
