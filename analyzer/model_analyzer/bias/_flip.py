"""The flip test: would members of the disadvantaged group have been treated otherwise, had they been advantaged?

https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-post-training-bias-metric-ft.html: the prediction of each
disadvantaged row is compared with the majority among its nearest advantaged neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ._metrics import NotComputable

ROW_CAP = 10_000
"""Rows kept for the flip test. Up to here it is exact, beyond it that of a random sample."""
NEIGHBOURS = 5
FEW_NEIGHBOURS = 1
FEW_ROWS = 9
"""Up to this many advantaged rows only the single nearest one is asked."""
_CHUNK_CELLS = 4_000_000


@dataclass
class FlipRows:
    """A random sample of rows that merges: those with the smallest hashes of their ids.

    Attributes:
        columns: Names of the features; empty without rows.
        features: Values by row and column; NaN where a value is missing or no number.
        predicted: Whether the prediction is positive.
        members: By facet, the group of each row (see `_summary`).
        order: Hash of each row's id.
        seen: Rows that were offered.
    """

    columns: tuple[str, ...] = ()
    features: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)))
    predicted: npt.NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))
    members: npt.NDArray[np.str_] = field(default_factory=lambda: np.empty((0, 0), np.str_))
    order: npt.NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))
    seen: int = 0

    def merged(self, other: FlipRows) -> FlipRows:
        """The sample of both; of features only those that both have."""
        if not self.seen or not other.seen:
            return (self if self.seen else other).bounded()
        columns = tuple(name for name in self.columns if name in other.columns)
        parts = []
        for part in (self, other):
            chosen = [part.columns.index(name) for name in columns]
            parts.append(part.features[:, chosen])
        return FlipRows(
            columns,
            np.concatenate(parts),
            np.concatenate([self.predicted, other.predicted]),
            np.concatenate([self.members, other.members]),
            np.concatenate([self.order, other.order]),
            self.seen + other.seen,
        ).bounded()

    def bounded(self) -> FlipRows:
        """The sample cut to the cap, in the order of the hashes."""
        keep = np.argsort(self.order, kind="stable")[:ROW_CAP]
        return FlipRows(
            self.columns, self.features[keep], self.predicted[keep], self.members[keep], self.order[keep], self.seen
        )

    def value(
        self, disadvantaged: npt.NDArray[np.bool_], known: npt.NDArray[np.bool_], left_out: Sequence[str]
    ) -> float:
        """The flip test of one facet: share of rows that would lose minus share of rows that would gain by the change.

        Args:
            disadvantaged: Which rows belong to the disadvantaged group.
            known: Which rows belong to either group.
            left_out: Columns that are no features of this facet's test.

        Raises:
            NotComputable: A group is empty, or a feature is no number.
        """
        chosen = [n for n, name in enumerate(self.columns) if name not in left_out]
        if not chosen:
            raise NotComputable("there are no features")
        features = self.features[:, chosen]
        gaps = np.isnan(features).any(axis=0)
        if gaps.any():
            name = self.columns[chosen[int(np.argmax(gaps))]]
            raise NotComputable(f"column {name} has values that are missing or no numbers")
        here, there = known & disadvantaged, known & ~disadvantaged
        if not here.any() or not there.any():
            raise NotComputable("one of the groups has no row")
        if_advantaged = _majority(features[here], features[there], self.predicted[there])
        actual = self.predicted[here].astype(int)
        return float((actual - if_advantaged.astype(int)).sum() / here.sum())


def _majority(
    rows: npt.NDArray[np.float64], neighbours: npt.NDArray[np.float64], votes: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """The vote of the nearest neighbours of every row, by Euclidean distance."""
    count = NEIGHBOURS if neighbours.shape[0] > FEW_ROWS else FEW_NEIGHBOURS
    centre = neighbours.mean(axis=0)
    rows, neighbours = rows - centre, neighbours - centre
    lengths = np.square(neighbours).sum(axis=1)
    step = max(1, _CHUNK_CELLS // neighbours.shape[0])
    result = np.empty(rows.shape[0], np.bool_)
    for start in range(0, rows.shape[0], step):
        part = rows[start : start + step]
        distances = lengths - 2 * (part @ neighbours.T)
        nearest = np.argpartition(distances, count - 1, axis=1)[:, :count] if count > 1 else distances.argmin(axis=1)
        chosen = votes[nearest].reshape(part.shape[0], -1)
        result[start : start + step] = 2 * chosen.sum(axis=1) > count
    return result
