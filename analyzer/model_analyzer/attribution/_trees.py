"""Exact SHAP values of tree ensembles, by the path-dependent rule.

Lundberg, Erion, Lee (2018), "Consistent individualized feature attribution for tree ensembles". A leaf with d features
on its path contributes to them alone, and how much depends only on which of the d conditions a row meets. So the
weights are computed once per leaf and pattern of met conditions, and looked up for all rows at once (the idea of
Yang (2021), "Fast TreeSHAP").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from model_analyzer._arrays import Floats

from ._categories import Categories
from ._explain import Explanation

LEAF = -1


@dataclass(frozen=True)
class Tree:
    """A binary tree in arrays; node 0 is the root.

    Attributes:
        left: Left child of each node, -1 for leaves.
        right: Right child of each node.
        feature: Column that a node looks at.
        threshold: Values up to it go left.
        missing_left: Whether missing values go left.
        cover: Weight of the training rows that reached a node.
        values: Output of each node, by label.
        left_places: For nodes that split a text feature, the places of the categories that go left.
    """

    left: npt.NDArray[np.int64]
    right: npt.NDArray[np.int64]
    feature: npt.NDArray[np.int64]
    threshold: Floats
    missing_left: npt.NDArray[np.bool_]
    cover: Floats
    values: Floats
    left_places: Mapping[int, Floats] = field(default_factory=dict)

    def goes_left(self, node: int, rows: Floats) -> npt.NDArray[np.bool_]:
        """Which rows go left at a node."""
        column = rows[:, self.feature[node]]
        places = self.left_places.get(node)
        below = column <= self.threshold[node] if places is None else np.isin(column, places)
        met: npt.NDArray[np.bool_] = np.where(np.isnan(column), self.missing_left[node], below)
        return met

    def leaves(self) -> Iterator[tuple[int, list[tuple[int, bool, float]]]]:
        """Leaves with the steps to them: node, whether it is left by the left, and the share of the cover that is."""
        open_paths: list[tuple[int, list[tuple[int, bool, float]]]] = [(0, [])]
        while open_paths:
            node, steps = open_paths.pop()
            if self.left[node] == LEAF:
                yield node, steps
                continue
            for child, is_left in ((int(self.left[node]), True), (int(self.right[node]), False)):
                share = float(self.cover[child] / self.cover[node]) if self.cover[node] else 0.0
                open_paths.append((child, [*steps, (node, is_left, share)]))

    @cached_property
    def expected(self) -> Floats:
        """Mean output over the training rows, by label."""
        total = np.zeros(self.values.shape[1])
        for leaf, steps in self.leaves():
            total += self.values[leaf] * float(np.prod([share for _, _, share in steps]))
        return total


@dataclass(frozen=True)
class TreeEnsemble:
    """Trees whose outputs add up.

    Attributes:
        trees: The trees.
        base: What is added to their sum, by label.
        feature_count: Columns that a row has.
        feature_names: Their names; None if they are unknown.
        single_precision: Whether the model rounds rows to single precision before it compares them.
        categories: Text features by position; rows hold places of their values.
    """

    trees: Sequence[Tree]
    base: Floats
    feature_count: int
    feature_names: tuple[str, ...] | None = None
    single_precision: bool = False
    categories: Mapping[int, Categories] = field(default_factory=dict)

    @property
    def method(self) -> str:
        return "tree_shap"

    def explain(self, rows: Floats) -> Explanation:
        """SHAP values of rows."""
        if self.single_precision:
            with np.errstate(over="ignore"):  # what is beyond single precision is infinite for the model, too
                rows = rows.astype(np.float32).astype(np.float64)
        values = np.zeros((rows.shape[0], self.feature_count, self.base.size))
        expected = self.base.copy()
        for tree in self.trees:
            _add_tree(values, tree, rows)
            expected += tree.expected
        return Explanation(values, expected)


def tree_shap(tree: Tree, rows: Floats, feature_count: int) -> Explanation:
    """SHAP values of one tree."""
    return TreeEnsemble((tree,), np.zeros(tree.values.shape[1]), feature_count).explain(rows)


def _add_tree(values: Floats, tree: Tree, rows: Floats) -> None:
    if not rows.shape[0]:
        return
    left = {int(node): tree.goes_left(int(node), rows) for node in np.flatnonzero(tree.left != LEAF)}
    for leaf, steps in tree.leaves():
        features: dict[int, tuple[float, npt.NDArray[np.bool_]]] = {}
        for node, is_left, share in steps:
            met = left[node] if is_left else ~left[node]
            name = int(tree.feature[node])
            if name in features:
                share, met = share * features[name][0], met & features[name][1]
            features[name] = (share, met)
        if not features:
            continue
        shares = np.array([share for share, _ in features.values()])
        patterns, row_pattern = _patterns([met for _, met in features.values()])
        weights = path_weights(shares, patterns)
        contributions = weights[row_pattern]
        for position, name in enumerate(features):
            values[:, name, :] += contributions[:, position, None] * tree.values[leaf]


def _patterns(
    met: list[npt.NDArray[np.bool_]],
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """Distinct combinations of met conditions, and which of them each row has."""
    together = np.stack(met, axis=1)
    packed = np.packbits(together, axis=1)
    width = packed.shape[1]
    if width <= 8:
        padded = np.zeros((packed.shape[0], 8), np.uint8)
        padded[:, :width] = packed
        keys: Any = padded.view(np.uint64)[:, 0]
    else:
        keys = np.ascontiguousarray(packed).view(np.dtype((np.void, width)))[:, 0]
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return together[first], inverse.astype(np.int64)


def path_weights(shares: Floats, met: npt.NDArray[np.bool_]) -> Floats:
    """Weight of a leaf for each feature on its path, by pattern and feature.

    Feature i gets (met_i - share_i) times the mean, over all orders of the features, of the product of `met` over those
    before i and `share` over those after it. The products of all subsets of one size are coefficients of a polynomial.
    """
    count = shares.size
    one = met.astype(float)
    result = np.empty_like(one)
    # Coefficient k: sum over subsets of k features of their `met`, times the `share` of all the others.
    for position in range(count):
        coefficients = np.ones((met.shape[0], 1))
        for other in range(count):
            if other == position:
                continue
            longer = np.zeros((met.shape[0], coefficients.shape[1] + 1))
            longer[:, :-1] += coefficients * shares[other]
            longer[:, 1:] += coefficients * one[:, other, None]
            coefficients = longer
        result[:, position] = (one[:, position] - shares[position]) * (coefficients @ _size_weights(count))
    return result


def _size_weights(count: int) -> Floats:
    """k! (count - k - 1)! / count! for k = 0 .. count - 1."""
    weights = np.empty(count)
    weights[0] = 1 / count
    for size in range(1, count):
        weights[size] = weights[size - 1] * size / (count - size)
    return weights
