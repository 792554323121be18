"""Rules that users add to those of the report."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_FACT = re.compile(r"(endpoint|monitors|live)\.[\w.\-]+")


@dataclass(frozen=True, kw_only=True)
class InsightsRule:
    """A number of a model that must not be above or below a limit.

    :param name: Name of the rule: lower-case words with hyphens.
    :param fact: The number, by its name in `insights.json`, such as `endpoint.latency_ms.highest` or `live.age_days`.
        A model without that number is passed over.
    :param step: What to do, for whoever reads the report.
    :param above: The number must not be above this. Exactly one of `above` and `below` is given.
    :param below: The number must not be below this.
    :param urgency: `act` today, `watch` this week, `note` when there is time. Default: watch
    :param models: Models that it holds for. Default: - all
    """

    name: str
    fact: str
    step: str
    above: float | None = None
    below: float | None = None
    urgency: Literal["act", "watch", "note"] = "watch"
    models: Sequence[str] = ()

    def problems(self) -> list[str]:
        """What is wrong with it."""
        found = []
        if not _NAME.fullmatch(self.name):
            found.append(f'name is "{self.name}", allowed are lower-case words with hyphens, such as slow-answers')
        if not _FACT.fullmatch(self.fact):
            found.append(
                f'fact is "{self.fact}", allowed are names from insights.json, which begin with endpoint., monitors. '
                "or live."
            )
        if not self.step.strip():
            found.append("step is empty; say what to do when the rule speaks")
        if (self.above is None) == (self.below is None):
            given = "both" if self.above is not None else "neither"
            found.append(f"{given} of above and below is given; give exactly one")
        return found

    def to_json(self) -> dict[str, object]:
        """As the function reads it."""
        document: dict[str, object] = {
            "name": self.name,
            "fact": self.fact,
            "step": self.step,
            "above": self.above,
            "below": self.below,
            "urgency": self.urgency,
            "models": list(self.models),
        }
        return {key: value for key, value in document.items() if value not in (None, [])}
