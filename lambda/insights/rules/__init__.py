"""The rules: a table of named functions from facts to recommendations. docs/insights.md describes each."""

from __future__ import annotations

from collections.abc import Iterable

from insights.facts import ModelFacts
from insights.own_rules import OwnRule
from insights.recommendation import ORDER, Recommendation

from . import data, model, records, serving, training, watching
from .table import Rule

#: Every rule of this package, in the order in which equals are shown.
RULES: tuple[Rule, ...] = (
    *watching.RULES,
    *model.RULES,
    *training.RULES,
    *data.RULES,
    *records.RULES,
    *serving.RULES,
)


def recommend(facts: ModelFacts, own: Iterable[OwnRule] = ()) -> list[Recommendation]:
    """What all rules have to say about a model, the most urgent first."""
    found = [recommendation for rule in RULES for recommendation in rule.check(facts)]
    numbers = facts.flat()
    for rule in own:
        if rule.models and facts.name not in rule.models:
            continue
        if rule.fact not in numbers:
            continue
        broken = rule.broken_by(numbers[rule.fact])
        if broken:
            found.append(Recommendation(rule.name, broken, rule.urgency, "high", (broken,), rule.step))
    return sorted(found, key=lambda item: ORDER.index(item.urgency))
