"""The story as one HTML page that needs no server: timeline, drift per feature, alarms, versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

from examples.walkthrough import charts
from examples.walkthrough.insights import Report
from examples.walkthrough.record import Chapter, FeatureUse, Record
from examples.walkthrough.story import Step

THRESHOLD = 0.1

_STYLE = """
:root { --ink:#1b2430; --soft:#5d6b7d; --line:#dfe5ec; --paper:#fff; --wash:#f5f7fa; --good:#1f8a5b; --bad:#c8372d;
        --warm:#e0862b; --accent:#3867b5; }
@media (prefers-color-scheme: dark) { :root { --ink:#e6ebf2; --soft:#97a5b8; --line:#2d3846; --paper:#151b23;
        --wash:#1c242e; --good:#49b98a; --bad:#ee6a5f; --warm:#eea55a; --accent:#7fa6e8; } }
* { box-sizing: border-box }
body { margin:0; background:var(--wash); color:var(--ink); font:15px/1.5 system-ui, sans-serif }
main { max-width: 1060px; margin: 0 auto; padding: 40px 24px 80px }
h1 { font-size: 28px; margin: 0 0 4px } h2 { font-size: 18px; margin: 0 0 16px }
.lead { color: var(--soft); margin: 0 0 28px }
section { background:var(--paper); border:1px solid var(--line); border-radius:10px; padding:24px; margin:0 0 20px }
.tiles { display:grid; grid-template-columns: repeat(auto-fit, minmax(180px, 1fr)); gap:14px; margin:0 0 20px }
.tile { background:var(--paper); border:1px solid var(--line); border-radius:10px; padding:16px 18px }
.tile b { display:block; font-size:26px; line-height:1.2; font-variant-numeric: tabular-nums }
.tile span { color:var(--soft); font-size:13px }
table { border-collapse: collapse; width: 100% }
th { text-align:left; color:var(--soft); font-weight:500; font-size:13px }
td, th { padding: 7px 10px 7px 0; border-bottom: 1px solid var(--line); vertical-align: top }
tr:last-child td { border-bottom: 0 }
td.n, th.n { text-align:right; white-space:nowrap; font-variant-numeric: tabular-nums }
.heat td { border:0; padding:2px } .heat .cell { border-radius:5px; padding:4px 8px; text-align:center;
        font-variant-numeric: tabular-nums; font-size:13px }
.mark { display:inline-block; white-space:nowrap; border-radius:99px; padding:1px 10px; font-size:13px;
        font-weight:600; color:#fff }
.good { background:var(--good) } .bad { background:var(--bad) } .warm { background:var(--warm) }
.plain { background:var(--soft) }
.soft { color:var(--soft) } .small { font-size:13px } a { color:var(--accent) }
.bar { height:8px; border-radius:4px; background:var(--accent); min-width:2px }
pre { font-size:12px; white-space:pre-wrap; overflow-wrap:anywhere; color:var(--soft) }
ul { margin:4px 0 0; padding-left:18px } li { color:var(--soft); font-size:13px; overflow-wrap:anywhere }
"""


def write_page(
    path: Path,
    *,
    steps: Sequence[Step],
    record: Record,
    versions: Sequence[tuple[int, str, str]],
    drift: Mapping[str, Sequence[tuple[datetime, float]]],
    alarms: Sequence[Mapping[str, Any]],
    dashboard: str,
) -> Path:
    """Write the page and return its path."""
    chapters, answers, insights = record.chapters, record.answers, record.insights
    good = not any(step.differences for step in steps)
    body = "".join(
        (
            "<h1>One model, one incident</h1>",
            "<p class=lead>The real CDK CLI deployed the real stacks into the embedded AWS; everything below was read "
            "back from its APIs.</p>",
            _tiles(good, steps, answers),
            _section("What happened", _timeline(steps)),
            _section("What to do, says the insights report", _advice(insights, path.parent)) if insights else "",
            _section("Versions", _versions(versions)),
            _section("Features: written once, used in training and in requests", _features(record.features)),
            _section("Drift per feature and hour", _heat(drift, chapters)),
            _section("The dashboard that was deployed", dashboard),
            _section("What the monitor found", _findings(chapters)),
            _section("Requests", _requests(answers)),
            _section("Alarms", _alarms(alarms)),
        )
    )
    path.write_text(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>cdk-sagemaker-mlops: the walk-through</title><style>{_STYLE}{charts.STYLE}</style>"
        f"<main>{body}</main></html>"
    )
    return path


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def _mark(text: str, kind: str) -> str:
    return f"<span class='mark {kind}'>{escape(text)}</span>"


def _tiles(good: bool, steps: Sequence[Step], answers: Mapping[str, tuple[int, int]]) -> str:
    seconds = sum(step.seconds for step in steps)
    answered = sum(count for count, _ in answers.values())
    tiles = (
        ("as expected" if good else "different", f"{len(steps)} steps"),
        (f"{seconds:.0f} s", "from nothing to the end"),
        (f"{answered:,}", "requests answered by a real model"),
        (f"{sum(failed for _, failed in answers.values()):,}", _failures(answers)),
    )
    cells = "".join(
        f"<div class=tile><b>{escape(value)}</b><span>{escape(label)}</span></div>" for value, label in tiles
    )
    return f"<div class=tiles>{cells}</div>"


def _failures(answers: Mapping[str, tuple[int, int]]) -> str:
    where = [name for name, (_, failed) in answers.items() if failed]
    return f"requests failed, all of them: {', '.join(where)}" if where else "requests failed"


def _timeline(steps: Sequence[Step]) -> str:
    longest = max((step.seconds for step in steps), default=1.0) or 1.0
    rows = []
    for number, step in enumerate(steps, 1):
        observed = "".join(f"<li>{escape(text)}</li>" for text in (*step.observed, *step.differences))
        verdict = _mark("different", "bad") if step.differences else _mark("as expected", "good")
        rows.append(
            f"<tr><td class=n>{number}</td><td><b>{escape(step.title)}</b>"
            f"<div class='soft small'>expected: {escape(step.expected)}</div><ul>{observed}</ul></td>"
            f"<td>{verdict}</td><td class=n>{step.seconds:.1f} s</td>"
            f"<td style='width:130px'><div class=bar style='width:{100 * step.seconds / longest:.0f}%'></div></td></tr>"
        )
    return f"<table>{''.join(rows)}</table>"


def _advice(report: Report, folder: Path) -> str:
    kinds = {"act": "bad", "watch": "warm", "note": "plain"}
    rows = "".join(
        f"<tr><td>{_mark(item.urgency, kinds.get(item.urgency, 'plain'))}</td><td><b>{escape(item.title)}</b>"
        f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in item.evidence)}</ul></td>"
        f"<td>{escape(item.step)}</td></tr>"
        for item in report.advice
    )
    link = escape(report.page.relative_to(folder).as_posix())
    return f"<p><a href='{link}'>The whole report, with charts</a></p><table>{rows}</table>"


def _versions(versions: Sequence[tuple[int, str, str]]) -> str:
    kinds = {"live": "good", "rolled back": "bad", "replaced": "plain"}
    rows = "".join(
        f"<tr><td><b>version {number}</b></td><td>{escape(story)}</td>"
        f"<td>{_mark(fate, kinds.get(fate, 'warm'))}</td></tr>"
        for number, story, fate in versions
    )
    return f"<table>{rows}</table>"


def _features(use: FeatureUse) -> str:
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in use.rejected)
    rows = (
        ("records written", f"{use.written:,}", "online and offline, 25 per call"),
        ("rejected", f"{len(use.rejected)}", f"kept in a file with their reasons<ul>{reasons}</ul>"),
        ("AUC of version 1", f"{use.auc:.3f}", "trained on what was known when the question was asked"),
        ("AUC if not", f"{use.misled_auc:.3f}", "trained on everybody's newest record, the future included"),
        ("scanned by Athena", f"{use.scanned_bytes / 1024:,.0f} KiB", "for the training set of version 1"),
        ("looked up online", f"{use.looked_up:,}", "customers, before their requests were sent"),
    )
    cells = "".join(
        f"<tr><td>{escape(name)}</td><td class=n><b>{escape(value)}</b></td><td class='soft small'>{note}</td></tr>"
        for name, value, note in rows
    )
    return (
        f"<table>{cells}</table><details><summary class=small>the query of the training set</summary>"
        f"<pre>{escape(use.sql)}</pre></details>"
    )


def _heat(drift: Mapping[str, Sequence[tuple[datetime, float]]], chapters: Sequence[Chapter]) -> str:
    ordered = sorted(drift, key=lambda feature: -max((value for _, value in drift[feature]), default=0.0))
    head = "".join(f"<th style='text-align:center'>{escape(c.title)}<br>{c.window:%H:%M}</th>" for c in chapters)
    rows = []
    for feature in ordered:
        values = {moment.replace(tzinfo=None): value for moment, value in drift[feature]}
        cells = "".join(_cell(values.get(chapter.window.replace(tzinfo=None))) for chapter in chapters)
        rows.append(f"<tr><td style='width:260px'><code>{escape(feature)}</code></td>{cells}</tr>")
    note = (
        "<p class='soft small'>Distance between the hour's distribution and the baseline of the version that was live "
        f"(two-sample Kolmogorov-Smirnov, corrected for the sample size); the threshold is {THRESHOLD}.</p>"
    )
    return f"<table class=heat><tr><th></th>{head}</tr>{''.join(rows)}</table>{note}"


def _cell(value: float | None) -> str:
    if value is None:
        return "<td><div class='cell soft'>no data</div></td>"
    over = value > THRESHOLD
    colour = "var(--bad)" if over else "var(--good)"
    strength = min(100, 18 + round(220 * value)) if over else 14
    weight = "font-weight:700" if over else ""
    style = f"background:color-mix(in srgb, {colour} {strength}%, transparent); {weight}"
    return f"<td><div class=cell style='{style}'>{value:.3f}</div></td>"


def _findings(chapters: Sequence[Chapter]) -> str:
    parts = []
    for chapter in chapters:
        link = f" <a href='{escape(chapter.report)}'>the monitor's own report</a>" if chapter.report else ""
        count = len(chapter.violations)
        mark = _mark(f"{count} violations", "bad") if count else _mark("no violation", "good")
        items = "".join(
            f"<li><code>{escape(v['feature_name'])}</code> {escape(v['constraint_check_type'])}: "
            f"{escape(v['description'])}</li>"
            for v in chapter.violations
        )
        parts.append(
            f"<p><b>{escape(chapter.title)}</b> {mark} "
            f"<span class='soft small'>{chapter.records:,} records.{link}</span></p>"
            f"<ul>{items}</ul>"
        )
    return "".join(parts)


def _requests(answers: Mapping[str, tuple[int, int]]) -> str:
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td class=n>{answered:,}</td><td class=n>{failed:,}</td></tr>"
        for name, (answered, failed) in answers.items()
    )
    return f"<table><tr><th>while</th><th class=n>answered</th><th class=n>failed</th></tr>{rows}</table>"


def _alarms(alarms: Sequence[Mapping[str, Any]]) -> str:
    alarms = [alarm for alarm in alarms if "ALARM" in str(alarm["what"]).split()]
    if not alarms:
        return "<p class=soft>No alarm went off.</p>"
    rows = "".join(
        f"<tr><td class='small soft'>{alarm['at']:%H:%M:%S}</td><td><code>{escape(str(alarm['alarm']))}</code></td>"
        f"<td>{escape(str(alarm['what']))}</td></tr>"
        for alarm in alarms
    )
    return f"<table><tr><th>at (virtual)</th><th>alarm</th><th>change</th></tr>{rows}</table>"
