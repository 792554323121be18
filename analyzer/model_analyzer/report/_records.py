"""The part of a data quality page about whole records: repeated ones, and columns that say the same."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from ._charts import category_bars
from ._page import Tile, number, percent, section, table

_MANY = 5
_KINDS = {"correlated": "rank correlation {value:.4f}", "mapped": "each value goes with one of the other"}


def checked_records(records: Mapping[str, Any]) -> Mapping[str, Any]:
    """The document, if it is a records.json.

    Raises:
        ValueError: It is something else.
    """
    try:
        repeated, pairs = records["repeated"], records["redundant"]
        missing = {
            "rows",
            "share",
            "most_frequent",
            "expected_share",
            "exact",
            "standard_error",
            "times",
            "piled_up_at",
        } - {*repeated}
        if not missing and all(pair["kind"] in _KINDS and len(pair["columns"]) == 2 for pair in pairs):
            return records
    except (KeyError, TypeError):
        pass
    raise ValueError("records: expected an object with 'repeated' and 'redundant', as a data quality run writes it")


def records_tile(records: Mapping[str, Any]) -> Tile:
    """The share of repeated records."""
    return Tile(_share(records["repeated"]), "repeated records")


def records_section(records: Mapping[str, Any]) -> str:
    """How often records occur, and pairs of columns that say the same; empty if there is neither."""
    parts = [part for part in (_repeated(records), _redundant(records)) if part]
    words = "Rows that equal an earlier one in every column, and columns of which one would do."
    return section("Whole records", words, *parts) if parts else ""


def _repeated(records: Mapping[str, Any]) -> str:
    repeated = records["repeated"]
    if not repeated["rows"]:
        return ""
    facts = [
        ("Records", number(records["rows"])),
        ("Equal to an earlier one", f"{number(repeated['rows'])}, {_share(repeated)}"),
        ("The most frequent one occurs", f"{number(repeated['most_frequent'])} times"),
    ]
    if repeated["expected_share"] is not None:
        facts.append(("Expected of records like the baseline's", percent(round(repeated["expected_share"], 4))))
    if repeated["piled_up_at"]:
        facts.append(("More often than by chance", f"exactly {number(repeated['piled_up_at'])} times"))
    if not repeated["exact"]:
        facts.append(("How exact", f"estimated, standard error {percent(round(repeated['standard_error'], 4))}"))
    rows = [(escape(what), escape(value)) for what, value in facts]
    chart = f'<div class="card"><h3>Different records by how often they occur</h3>{_times(repeated["times"])}</div>'
    return f'<div class="grid plots">{table(("What", "How many"), rows, (1,))}{chart}</div>'


def _share(repeated: Mapping[str, Any]) -> str:
    return ("" if repeated["exact"] or not repeated["rows"] else "about ") + percent(round(repeated["share"], 4))


def _times(times: Mapping[str, int]) -> str:
    total = sum(times.values())
    shares = [("once", times.get("1", 0)), ("twice", times.get("2", 0))]
    shares += [(f"{count} times", times.get(str(count), 0)) for count in range(3, _MANY)]
    shares.append(("more often", total - sum(count for _, count in shares)))
    return category_bars([(name, count / total, None) for name, count in shares], "how often records occur")


def _redundant(records: Mapping[str, Any]) -> str:
    pairs = records["redundant"]
    if not pairs:
        return ""
    rows = [
        (
            escape(pair["columns"][0]),
            escape(pair["columns"][1]),
            escape(_KINDS[pair["kind"]].format(value=pair["value"])),
            number(pair["rows"]),
        )
        for pair in pairs
    ]
    columns = ("Column", "Says the same", "How it shows", "Rows looked at")
    return f'<div style="margin-top:14px">{table(columns, rows, (3,))}</div>'
