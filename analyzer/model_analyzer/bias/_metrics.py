"""Clarify's metrics of bias, as functions of counts.

Definitions: https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-measure-data-bias.html and
https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-measure-post-training-bias.html; Hardt et al. (2021), "Amazon
SageMaker Clarify: Machine Learning Bias Detection and Explainability in the Cloud".

Conventions of the open implementation: 0/0 is 0, a share of something without a base is infinite, the difference of two
infinities is 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]

ADVANTAGED, DISADVANTAGED = 0, 1


class NotComputable(ValueError):
    """A metric has no value on this data; the message says why."""


@dataclass(frozen=True)
class Table:
    """Rows of one facet.

    Attributes:
        counts: By group (advantaged, disadvantaged), label (negative, positive) and prediction (the same; without
            predictions all are in the first column).
        strata: The same by value of the group variable; empty without one.
    """

    counts: Counts
    strata: Mapping[str, Counts] = field(default_factory=dict)

    @property
    def sizes(self) -> tuple[int, int]:
        """Rows of the advantaged and of the disadvantaged group.

        Raises:
            NotComputable: One of them is empty.
        """
        advantaged, disadvantaged = (int(n) for n in self.counts.sum(axis=(1, 2)))
        if not disadvantaged:
            raise NotComputable("no row is in the disadvantaged group")
        if not advantaged:
            raise NotComputable("every row is in the disadvantaged group")
        return advantaged, disadvantaged

    def labels(self, group: int) -> tuple[int, int]:
        """Rows of a group by label."""
        negative, positive = self.counts[group].sum(axis=1)
        return int(negative), int(positive)

    def predictions(self, group: int) -> tuple[int, int]:
        """Rows of a group by prediction."""
        negative, positive = self.counts[group].sum(axis=0)
        return int(negative), int(positive)


def _divide(a: float, b: float) -> float:
    if b == 0:
        return 0.0 if a == 0 else math.copysign(math.inf, a)
    return a / b


def _difference(a: float, b: float) -> float:
    return 0.0 if a == b else a - b


def class_imbalance(table: Table) -> float:
    advantaged, disadvantaged = table.sizes
    return (advantaged - disadvantaged) / (advantaged + disadvantaged)


def _positive_shares(table: Table, by: Callable[[int], tuple[int, int]]) -> tuple[float, float]:
    advantaged, disadvantaged = table.sizes
    return by(ADVANTAGED)[1] / advantaged, by(DISADVANTAGED)[1] / disadvantaged


def difference_in_labels(table: Table) -> float:
    advantaged, disadvantaged = _positive_shares(table, table.labels)
    return advantaged - disadvantaged


def _label_distributions(table: Table) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Shares of the labels that occur in both groups; others are left out, as the open implementation does."""
    sizes = table.sizes
    shares = np.array([table.labels(group) for group in (ADVANTAGED, DISADVANTAGED)]) / np.array(sizes)[:, None]
    common = (shares > 0).all(axis=0)
    if not common.any():
        raise NotComputable("the groups have no label in common")
    return shares[ADVANTAGED][common], shares[DISADVANTAGED][common]


def kullback_leibler(table: Table) -> float:
    advantaged, disadvantaged = _label_distributions(table)
    return float((advantaged * np.log(advantaged / disadvantaged)).sum())


def jensen_shannon(table: Table) -> float:
    advantaged, disadvantaged = _label_distributions(table)
    middle = (advantaged + disadvantaged) / 2
    first = (advantaged * np.log(advantaged / middle)).sum()
    second = (disadvantaged * np.log(disadvantaged / middle)).sum()
    return float((first + second) / 2)


def _norm(table: Table, order: float) -> float:
    advantaged, disadvantaged = _label_distributions(table)
    return float(np.linalg.norm(advantaged - disadvantaged, order))


def l2_norm(table: Table) -> float:
    return _norm(table, 2)


def total_variation(table: Table) -> float:
    return _norm(table, 1) / 2


def kolmogorov_smirnov(table: Table) -> float:
    return _norm(table, math.inf)


def _conditional_disparity(table: Table, axis: int) -> float:
    """Weighted mean over the strata of (share of the disadvantaged among the rejected minus among the accepted)."""
    if not table.strata:
        raise NotComputable("there is no group variable")
    # Summing over the other of the two axes leaves group by outcome.
    rejected, accepted = table.counts.sum(axis=(0, axis))
    if not accepted:
        raise NotComputable("there is no positive label")
    if not rejected:
        raise NotComputable("there is no negative label")
    weighted, total = 0.0, 0
    for counts in table.strata.values():
        outcomes = counts.sum(axis=axis)
        in_stratum = outcomes.sum(axis=0)
        shares = [_divide(int(outcomes[DISADVANTAGED, o]), int(in_stratum[o])) for o in (0, 1)]
        weighted += int(counts.sum()) * (shares[0] - shares[1])
        total += int(counts.sum())
    return _divide(weighted, total)


def conditional_disparity_in_labels(table: Table) -> float:
    return _conditional_disparity(table, 2)


def conditional_disparity_in_predictions(table: Table) -> float:
    return _conditional_disparity(table, 1)


def difference_in_predictions(table: Table) -> float:
    advantaged, disadvantaged = _positive_shares(table, table.predictions)
    return advantaged - disadvantaged


def disparate_impact(table: Table) -> float:
    advantaged, disadvantaged = _positive_shares(table, table.predictions)
    return _divide(disadvantaged, advantaged)


def _by_group(table: Table, share: Callable[[int], float]) -> tuple[float, float]:
    table.sizes  # noqa: B018 - both groups must have rows
    return share(ADVANTAGED), share(DISADVANTAGED)


def _conditional_outcome(table: Table, outcome: int) -> tuple[float, float]:
    return _by_group(table, lambda g: _divide(table.labels(g)[outcome], table.predictions(g)[outcome]))


def conditional_acceptance(table: Table) -> float:
    return _difference(*_conditional_outcome(table, 1))


def conditional_rejection(table: Table) -> float:
    advantaged, disadvantaged = _conditional_outcome(table, 0)
    return _difference(disadvantaged, advantaged)


def recall_difference(table: Table) -> float:
    return _difference(*_by_group(table, lambda g: _divide(int(table.counts[g, 1, 1]), table.labels(g)[1])))


def specificity_difference(table: Table) -> float:
    advantaged, disadvantaged = _by_group(table, lambda g: _divide(int(table.counts[g, 0, 0]), table.labels(g)[0]))
    return _difference(disadvantaged, advantaged)


def acceptance_rates(table: Table) -> float:
    return _difference(*_by_group(table, lambda g: _divide(int(table.counts[g, 1, 1]), table.predictions(g)[1])))


def rejection_rates(table: Table) -> float:
    rates = _by_group(table, lambda g: _divide(int(table.counts[g, 0, 0]), table.predictions(g)[0]))
    return _difference(rates[DISADVANTAGED], rates[ADVANTAGED])


def accuracy_difference(table: Table) -> float:
    def accuracy(group: int) -> float:
        return _divide(int(np.trace(table.counts[group])), int(table.counts[group].sum()))

    return _difference(*_by_group(table, accuracy))


def treatment_equality(table: Table) -> float:
    ratios = _by_group(table, lambda g: _divide(int(table.counts[g, 1, 0]), int(table.counts[g, 0, 1])))
    return _difference(ratios[DISADVANTAGED], ratios[ADVANTAGED])


def generalized_entropy(table: Table) -> float:
    """Half the squared coefficient of variation of the benefits: 2 for a false positive, 0 for a false negative, 1."""
    (tn, fp), (fn, tp) = table.counts.sum(axis=0).tolist()
    total = tn + fp + fn + tp
    mean = _divide(tn + tp + 2 * fp, total)
    if not mean:
        raise NotComputable("every prediction is a false negative")
    squares = (tn + tp + 4 * fp) / (mean * mean)
    return float((squares - total) / (2 * total))


Metric = Callable[[Table], float]

PRE_TRAINING: dict[str, tuple[str, Metric]] = {
    "CDDL": ("Conditional Demographic Disparity in Labels (CDDL)", conditional_disparity_in_labels),
    "CI": ("Class Imbalance (CI)", class_imbalance),
    "DPL": ("Difference in Positive Proportions in Labels (DPL)", difference_in_labels),
    "JS": ("Jensen-Shannon Divergence (JS)", jensen_shannon),
    "KL": ("Kullback-Liebler Divergence (KL)", kullback_leibler),
    "KS": ("Kolmogorov-Smirnov Distance (KS)", kolmogorov_smirnov),
    "LP": ("L-p Norm (LP)", l2_norm),
    "TVD": ("Total Variation Distance (TVD)", total_variation),
}
"""Metrics of the labels: names and descriptions as Clarify writes them."""

POST_TRAINING: dict[str, tuple[str, Metric]] = {
    "AD": ("Accuracy Difference (AD)", accuracy_difference),
    "CDDPL": (
        "Conditional Demographic Disparity in Predicted Labels (CDDPL)",
        conditional_disparity_in_predictions,
    ),
    "DAR": ("Difference in Acceptance Rates (DAR)", acceptance_rates),
    "DCA": ("Difference in Conditional Acceptance (DCA)", conditional_acceptance),
    "DCR": ("Difference in Conditional Rejection (DCR)", conditional_rejection),
    "DI": ("Disparate Impact (DI)", disparate_impact),
    "DPPL": ("Difference in Positive Proportions in Predicted Labels (DPPL)", difference_in_predictions),
    "DRR": ("Difference in Rejection Rates (DRR)", rejection_rates),
    "GE": ("Generalized Entropy (GE)", generalized_entropy),
    "RD": ("Recall Difference (RD)", recall_difference),
    "SD": ("Specificity Difference (SD)", specificity_difference),
    "TE": ("Treatment Equality (TE)", treatment_equality),
}
"""Metrics of the predictions; the documentation calls DCA also DCAcc. The flip test (FT) needs rows, not counts."""

FLIP_TEST = ("FT", "Flip Test (FT)")
