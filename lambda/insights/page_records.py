"""The part of a model's page about whole records: how many repeat an earlier one, and which features say the same."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from insights.facts import ModelFacts
from model_analyzer.report.drawing import number, section, table

_MOST_PAIRS = 8


def records(facts: ModelFacts) -> str:
    """The section; empty if the latest data quality run does not tell."""
    monitor = facts.monitor("DataQuality")
    if monitor is None or not monitor.records:
        return ""
    rows = [(what, escape(value)) for what, value in _repeated(monitor.records)]
    pairs = monitor.records["redundant"]
    if pairs:
        named = ", ".join(" = ".join(pair["columns"]) for pair in pairs[:_MOST_PAIRS])
        more = f" and {len(pairs) - _MOST_PAIRS} more" if len(pairs) > _MOST_PAIRS else ""
        rows.append(("Columns that say the same", escape(named + more)))
    words = f"What whole records tell in the latest run of {monitor.schedule}."
    return section("Records", words, table(("What", "How many"), rows))


def _repeated(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    repeated = document["repeated"]
    share = f"{repeated['share']:.1%}"
    if not repeated["exact"]:
        share = f"about {share}, standard error {repeated['standard_error']:.1%}"
    expected = repeated["expected_share"]
    found = [
        ("Records", number(document.get("rows", 0))),
        ("Equal to an earlier one", f"{number(repeated['rows'])}, {share}"),
        ("Expected by chance", "not known: the baseline does not say" if expected is None else f"{expected:.1%}"),
    ]
    if repeated["rows"]:
        found.append(("The most frequent one", f"{number(repeated['most_frequent'])} times"))
    if repeated["piled_up_at"]:
        found.append(("More often than by chance", f"exactly {repeated['piled_up_at']} times"))
    return found
