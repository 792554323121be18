"""The part of a model's page about its versions: how good each is, and what became of it."""

from __future__ import annotations

from html import escape

from insights.facts import ModelFacts, Version
from model_analyzer.report.drawing import number, pill, section, table

#: Metrics that pages show, of what a model is judged by.
SHOWN = ("auc", "f1", "accuracy", "precision", "recall", "weighted_f1", "rmse", "mae", "r2")
_MOST_COLUMNS = 5


def versions(facts: ModelFacts) -> str:
    """The section; empty where there is no version."""
    if not facts.versions:
        return ""
    held = {str(entry.get("model_package_arn")): str(entry.get("reason", "")) for entry in facts.quarantine}
    names = sorted({name for version in facts.versions for name in version.metrics if name in SHOWN})[:_MOST_COLUMNS]
    rows, remarks = [], []
    for version in facts.versions:
        mark = _mark(facts, version, held)
        rows.append(
            (
                f"<b>{version.number}</b>",
                mark,
                f'<span class="once">{version.created:%Y-%m-%d %H:%M}</span>',
                escape(version.approval),
                *(number(version.metrics[name]) if name in version.metrics else "-" for name in names),
            )
        )
        reason = version.metadata.get("RetrainingReason", "none")
        remarks += [(str(version.number), "Why it was trained", escape(reason))] if reason != "none" else []
        remarks += [(str(version.number), mark, escape(held[version.arn]))] if version.arn in held else []
    columns = ("Version", "", "Registered", "Approval", *names)
    told = table(("Version", "", "What is known"), remarks) if remarks else ""
    return section(
        "Versions",
        "The newest first, with the evaluation of each.",
        table(columns, rows, range(4, 4 + len(names))),
        f'<div style="margin-top:14px">{told}</div>' if told else "",
    )


def _mark(facts: ModelFacts, version: Version, held: dict[str, str]) -> str:
    if facts.live and version.arn == facts.live.arn:
        return pill("live", "good")
    return pill("rolled back", "bad") if version.arn in held else ""
