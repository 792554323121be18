"""Kernel SHAP: Shapley values of any function, from its answers on mixtures of a row and a background.

Lundberg, Lee (2017), "A unified approach to interpreting model predictions". Up to 2^M coalitions the values are exact;
beyond, all coalitions of one feature and of all but one are used, and others are drawn in pairs with their complements
(Covert, Lee (2021), "Improving KernelSHAP"). The values always add up to the function's answer.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from model_analyzer._arrays import Floats

from ._categories import Categories
from ._explain import Explanation

Link = Literal["identity", "logit"]
Function = Callable[[Floats], Floats]

CALL_ROWS = 65_536
"""Rows that the function is asked about at once, at most."""
_CLIP = 1e-12
_EXACT_FEATURES = 20


@dataclass(frozen=True)
class KernelExplainer:
    """Kernel SHAP as an explainer.

    Attributes:
        function: Takes rows, gives one number per row, or one per row and label.
        background: Rows that stand for "the feature is not known"; one or more.
        num_samples: Coalitions. Default: 2 M + 2048 for M features.
        seed: Of the drawing.
        link: `logit` explains log odds of a function that gives probabilities.
        feature_names: Names of the columns.
        categories: Text features by position; the function gets places of their values (see `Decoded`).
    """

    function: Function
    background: Floats
    num_samples: int | None = None
    seed: int = 0
    link: Link = "identity"
    feature_names: tuple[str, ...] | None = None
    categories: Mapping[int, Categories] = field(default_factory=dict)

    @property
    def feature_count(self) -> int:
        return int(self.background.shape[1])

    @property
    def method(self) -> str:
        return "kernel_shap"

    def explain(self, rows: Floats) -> Explanation:
        """SHAP values of rows."""
        return kernel_shap(self.function, rows, self.background, self.num_samples, self.seed, self.link)


def kernel_shap(
    function: Function,
    rows: Floats,
    background: Floats,
    num_samples: int | None = None,
    seed: int = 0,
    link: Link = "identity",
) -> Explanation:
    """SHAP values of rows.

    Args:
        function: Takes rows, gives one number per row, or one per row and label.
        rows: What to explain.
        background: Rows that stand for "the feature is not known".
        num_samples: Coalitions. Default: 2 M + 2048 for M features.
        seed: The same seed gives the same values.
        link: `logit` explains log odds of a function that gives probabilities.

    Raises:
        ValueError: The background has no rows or other columns than the rows, or the function answers wrongly.
    """
    if background.ndim != 2 or not background.shape[0] or background.shape[1] != rows.shape[1]:
        raise ValueError(f"background has shape {background.shape}: give one or more rows of {rows.shape[1]} columns")
    features = rows.shape[1]
    without = _asked(function, background)
    expected = _linked(without.mean(axis=0), link)
    if not rows.shape[0]:
        return Explanation(np.zeros((0, features, expected.size)), expected)
    whole = _linked(_asked(function, rows), link) - expected
    if features == 1:
        return Explanation(whole[:, None, :], expected)
    coalitions, weights = _coalitions(features, num_samples or 2 * features + 2048, np.random.default_rng(seed))
    solver = _solver(coalitions, weights)
    values = np.empty((rows.shape[0], features, expected.size))
    for number, row in enumerate(rows):
        gains = _linked(_of_coalitions(function, row, background, coalitions), link) - expected
        # The last feature takes what the others leave, so that all together give the whole.
        others = solver @ (gains - coalitions[:, -1:] * whole[number])
        values[number, :-1] = others
        values[number, -1] = whole[number] - others.sum(axis=0)
    return Explanation(values, expected)


def _coalitions(features: int, budget: int, chance: np.random.Generator) -> tuple[Floats, Floats]:
    """Coalitions as rows of ones and zeros, with their weights; the empty and the whole one are left out."""
    if features <= _EXACT_FEATURES and 2**features - 2 <= budget:
        everything = np.array(list(itertools.product((0.0, 1.0), repeat=features)))[1:-1]
        return everything, _size_weight(everything.sum(axis=1), features)
    single = np.eye(features)
    drawn: list[Floats] = []
    sizes = np.arange(2, features - 1)
    if sizes.size:
        share = (features - 1) / (sizes * (features - sizes))
        pairs = max((budget - 2 * features) // 2, features)
        picked = chance.choice(sizes, size=pairs, p=share / share.sum())
        order = np.argsort(chance.random((pairs, features)), axis=1)
        members = (order < picked[:, None]).astype(float)
        distinct, counts = np.unique(np.concatenate([members, 1 - members]), axis=0, return_counts=True)
        drawn = [distinct]
        # What the sizes that are not enumerated weigh together is shared by the drawn coalitions.
        drawn_weights = counts / counts.sum() * share.sum()
    ends = np.concatenate([single, 1 - single])
    end_weights = np.full(2 * features, 1 / features)
    if not drawn:
        return ends, end_weights
    return np.concatenate([ends, *drawn]), np.concatenate([end_weights, drawn_weights])


def _size_weight(sizes: Floats, features: int) -> Floats:
    """The Shapley kernel."""
    from math import comb

    binomials = np.array([comb(features, int(size)) for size in sizes], float)
    return (features - 1) / (binomials * sizes * (features - sizes))


def _solver(coalitions: Floats, weights: Floats) -> Floats:
    """The matrix that turns gains into the values of all features but the last, by weighted least squares."""
    design = coalitions[:, :-1] - coalitions[:, -1:]
    weighted = design * weights[:, None]
    solution: Floats = np.linalg.pinv(design.T @ weighted) @ weighted.T
    return solution


def _of_coalitions(function: Function, row: Floats, background: Floats, coalitions: Floats) -> Floats:
    """Mean answers when the features of a coalition come from the row and the others from the background."""
    count = background.shape[0]
    step = max(1, CALL_ROWS // count)
    parts = []
    for start in range(0, coalitions.shape[0], step):
        chosen = coalitions[start : start + step, None, :].astype(bool)
        mixed = np.where(chosen, row, background[None, :, :]).reshape(-1, row.size)
        answers = _asked(function, mixed)
        parts.append(answers.reshape(-1, count, answers.shape[1]).mean(axis=1))
    return np.concatenate(parts)


def _asked(function: Function, rows: Floats) -> Floats:
    answers = np.asarray(function(rows), float)
    if answers.ndim == 1:
        answers = answers[:, None]
    if answers.ndim != 2 or answers.shape[0] != rows.shape[0]:
        raise ValueError(
            f"the function gave an array of shape {answers.shape} for {rows.shape[0]} rows: "
            "it must give one number, or one per label, for each row"
        )
    return answers


def _linked(values: Floats, link: Link) -> Floats:
    if link == "identity":
        return values
    clipped = np.clip(values, _CLIP, 1 - _CLIP)
    result: Floats = np.log(clipped / (1 - clipped))
    return result
