"""How a rule is written down."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from insights.facts import ModelFacts
from insights.recommendation import Recommendation


@dataclass(frozen=True)
class Rule:
    """A named rule; its documentation is the function's."""

    name: str
    check: Callable[[ModelFacts], Iterator[Recommendation]]

    @property
    def documentation(self) -> str:
        """When it speaks, in one sentence."""
        return " ".join((self.check.__doc__ or "").split())
