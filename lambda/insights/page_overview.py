"""The first page: every model in a line, and what somebody has to do today."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape

from insights.page_advice import Advised, card, state
from insights.periods import period
from model_analyzer.report.drawing import Tile, number, page, pill, section, table, tiles


def overview(environment: str, models: Sequence[Advised], since: datetime, until: datetime) -> str:
    """The page."""
    rows = []
    for facts, advice in models:
        word, tone = state(facts, advice)
        urgent = sum(item.urgency == "act" for item in advice)
        rows.append(
            (
                f'<a href="{escape(facts.name)}.html">{escape(facts.name)}</a>',
                pill(word, tone),
                f"{facts.live.number}" if facts.live else "none",
                number(facts.endpoint.invocations.total),
                f"{len(facts.alarms)}",
                f"{urgent} of {len(advice)}",
                escape(advice[0].title) if advice else "nothing",
            )
        )
    needy = sum(state(*item)[1] == "bad" for item in models)
    columns = ("Model", "State", "Live version", "Requests", "Alarms", "To do today", "First")
    body = [
        tiles(
            [
                Tile(str(len(models)), "models"),
                Tile(str(needy), "need you", "bad" if needy else "good"),
                Tile(str(sum(len(facts.alarms) for facts, _ in models)), "alarms ring"),
                Tile(number(sum(facts.endpoint.invocations.total for facts, _ in models)), "requests"),
            ]
        ),
        section("Models", "Sorted by name; the page of each holds the evidence.", table(columns, rows, (2, 3, 4, 5))),
    ]
    cards = [card(item, facts.name) for facts, advice in models for item in advice if item.urgency == "act"]
    if cards:
        body.append(section("To do today", "What cannot wait for the rest of each model's page.", *cards))
    return page(f"Models of {environment}", body, subtitle=period(since, until))
