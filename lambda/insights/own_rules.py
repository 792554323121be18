"""Rules that users add: a number that must not be above or below a limit, and what to do then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class OwnRule:
    """``fact`` is a name of :meth:`ModelFacts.flat`; exactly one of ``above`` and ``below`` is the limit.

    ``models`` names the models that it holds for; empty for all.
    """

    name: str
    fact: str
    step: str
    above: float | None = None
    below: float | None = None
    urgency: Literal["act", "watch", "note"] = "watch"
    models: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.above is None) == (self.below is None):
            raise ValueError(f"rule {self.name}: give either above or below")

    def broken_by(self, value: float) -> str | None:
        """What is wrong with the value, or None."""
        if self.above is not None and value > self.above:
            return f"{self.fact} is {value:.4g}, above {self.above:g}"
        if self.below is not None and value < self.below:
            return f"{self.fact} is {value:.4g}, below {self.below:g}"
        return None
