"""What is to be done, as cards, and a model's health in two words."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from insights.facts import ModelFacts
from insights.recommendation import Recommendation
from model_analyzer.report.drawing import Tone, pill

Advised = tuple[ModelFacts, Sequence[Recommendation]]

_TONES: dict[str, Tone] = {"act": "bad", "watch": "warn", "note": "plain"}
_WORDS = {"act": "act today", "watch": "this week", "note": "when there is time"}


def state(facts: ModelFacts, advice: Sequence[Recommendation]) -> tuple[str, Tone]:
    """A model's health in two words, and its colour."""
    if facts.live is None and not facts.endpoint.status:
        return "not deployed", "plain"
    if any(item.urgency == "act" for item in advice) or facts.endpoint.status not in ("InService", "Updating"):
        return "needs you", "bad"
    if any(item.urgency == "watch" for item in advice) or facts.alarms:
        return "watch", "warn"
    return "healthy", "good"


def card(item: Recommendation, model: str = "") -> str:
    """One recommendation with its evidence and the next step; with a model's name, a link to its page."""
    evidence = "".join(f"<li>{escape(line)}</li>" for line in item.evidence)
    link = f'<a href="{escape(model)}.html">{escape(model)}</a>: ' if model else ""
    return (
        f'<div class="card stack edge-{_TONES[item.urgency]}">'
        f'<div class="head"><h3>{link}{escape(item.title)}</h3>{pill(_WORDS[item.urgency], _TONES[item.urgency])}</div>'
        f'<p class="note">rule {escape(item.rule)} · confidence {item.confidence}</p>'
        f'<ul>{evidence}</ul><p class="step"><b>Next step</b> {escape(item.step)}</p></div>'
    )
