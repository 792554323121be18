"""What went wrong in a training, read from the metrics that it logged.

Named rules after Debugger's built-in ones, which new customers of AWS cannot use any more; each is a function of series
of numbers, one per round:

==================  ================================================================================================
rule                fires when
==================  ================================================================================================
overfit             at the best round, validation is worse than training by more than `gap` of training's value
overtraining        training went on for more than `patience` rounds after the best validation, and lost `loss` of it
loss_not_decreasing over the last `window` rounds before the best one, training improved by less than `least`
vanishing_gradient  the mean absolute gradient fell below `low` while training was not yet better than `solved`
exploding_gradient  the mean absolute gradient grew by more than `factor` from its smallest value so far
class_imbalance     the rarest label has less than `share` of the labels
==================  ================================================================================================

https://docs.aws.amazon.com/sagemaker/latest/dg/debugger-built-in-rules.html
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Limits:
    """When the rules fire; see the module."""

    gap: float = 0.1
    patience: int = 20
    loss: float = 0.01
    window: int = 10
    least: float = 1e-4
    low: float = 1e-6
    solved: float = 0.0
    factor: float = 10.0
    share: float = 0.05


@dataclass(frozen=True)
class Series:
    """What a training logged.

    :ivar train: The metric on training data, by round.
    :ivar validation: The metric on validation data, by round.
    :ivar higher_is_better: Direction of the metric.
    :ivar gradients: Mean absolute gradient of the loss on training data, by round; may be sparser.
    :ivar labels: Labels of the training data with their numbers; empty for regression.
    """

    train: Sequence[float]
    validation: Sequence[float]
    higher_is_better: bool
    gradients: Sequence[float] = ()
    labels: Mapping[str, int] = field(default_factory=dict)

    @property
    def best(self) -> int:
        """The round with the best validation."""
        sign = 1 if self.higher_is_better else -1
        return max(range(len(self.validation)), key=lambda index: (sign * self.validation[index], -index))


@dataclass(frozen=True)
class Finding:
    """A rule that fired.

    :ivar rule: Its name.
    :ivar value: What was found.
    :ivar limit: What is allowed.
    :ivar message: In words, with what to do.
    """

    rule: str
    value: float
    limit: float
    message: str

    def to_json(self) -> dict[str, Any]:
        """As data."""
        return {"rule": self.rule, "value": self.value, "limit": self.limit, "message": self.message}


def diagnose(series: Series, limits: Limits | None = None) -> list[Finding]:
    """All rules that fire, in the order of the table above."""
    given = limits or Limits()
    found: list[Finding | None] = []
    if series.train and series.validation:
        found += [_overfit(series, given), _overtraining(series, given), _not_decreasing(series, given)]
    if series.gradients:
        found += [_vanishing(series, given), _exploding(series, given)]
    found.append(_imbalance(series, given))
    return [finding for finding in found if finding is not None]


def _worse(series: Series, value: float, than: float) -> float:
    """By what share of `than` a value is worse; negative if it is better."""
    difference = than - value if series.higher_is_better else value - than
    return difference / max(abs(than), 1e-12)


def _overfit(series: Series, limits: Limits) -> Finding | None:
    train, validation = series.train[series.best], series.validation[series.best]
    gap = _worse(series, validation, train)
    if gap <= limits.gap:
        return None
    return Finding(
        "overfit",
        gap,
        limits.gap,
        f"validation ({validation:.4g}) is {gap:.0%} worse than training ({train:.4g}): use a smaller max_depth, "
        "subsample, more regularisation, or more data",
    )


def _overtraining(series: Series, limits: Limits) -> Finding | None:
    after = len(series.validation) - 1 - series.best
    lost = _worse(series, series.validation[-1], series.validation[series.best])
    if after <= limits.patience or lost <= limits.loss:
        return None
    return Finding(
        "overtraining",
        after,
        limits.patience,
        f"{after} rounds after the best one validation had lost {lost:.1%}: use fewer rounds, or early stopping",
    )


def _not_decreasing(series: Series, limits: Limits) -> Finding | None:
    end = series.best + 1
    if end <= limits.window:
        return None
    gained = -_worse(series, series.train[end - 1], series.train[end - 1 - limits.window])
    if gained >= limits.least:
        return None
    return Finding(
        "loss_not_decreasing",
        gained,
        limits.least,
        f"the last {limits.window} rounds before the best one improved training by {gained:.2g} only: use a larger eta",
    )


def _vanishing(series: Series, limits: Limits) -> Finding | None:
    smallest = min(series.gradients)
    solved = series.higher_is_better is False and series.train and series.train[-1] <= limits.solved
    if smallest >= limits.low or solved:
        return None
    return Finding(
        "vanishing_gradient",
        smallest,
        limits.low,
        f"the mean gradient fell to {smallest:.2g}, so later rounds learn nothing: use fewer rounds, or look for a "
        "column that gives the label away",
    )


def _exploding(series: Series, limits: Limits) -> Finding | None:
    smallest, growth = math.inf, 0.0
    for value in series.gradients:
        smallest = min(smallest, value)
        growth = max(growth, value / max(smallest, 1e-12))
    if growth <= limits.factor or max(series.gradients) < limits.low:
        return None
    return Finding(
        "exploding_gradient",
        growth,
        limits.factor,
        f"the mean gradient grew {growth:.3g} times: use a smaller eta, or max_delta_step",
    )


def _imbalance(series: Series, limits: Limits) -> Finding | None:
    total = sum(series.labels.values())
    if not total:
        return None
    rarest = min(series.labels, key=lambda name: (series.labels[name], name))
    share = series.labels[rarest] / total
    if share >= limits.share:
        return None
    return Finding(
        "class_imbalance",
        share,
        limits.share,
        f"label {rarest} has {share:.2%} of the rows: weight it with scale_pos_weight, or judge by a metric that does "
        "not reward ignoring it",
    )
