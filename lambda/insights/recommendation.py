"""What a rule has to say."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Urgency = Literal["act", "watch", "note"]
Confidence = Literal["high", "medium", "low"]
#: Most urgent first.
ORDER: tuple[Urgency, ...] = ("act", "watch", "note")


@dataclass(frozen=True)
class Recommendation:
    """One finding with its evidence, how sure the rule is, and the next step.

    ``urgency``: ``act`` today, ``watch`` this week, ``note`` when there is time.
    """

    rule: str
    title: str
    urgency: Urgency
    confidence: Confidence
    evidence: tuple[str, ...]
    step: str

    def to_json(self) -> dict[str, Any]:
        """As in ``insights.json``."""
        return asdict(self)
