"""How positive and negative labels are distributed over the scores: ROC and precision-recall curves that merge."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from model_analyzer._arrays import Floats

from ._resampling import ROWS, Counts, Masks

SCORE_CAP = 1 << 17
"""Distinct scores that are counted one by one. Beyond that scores are rounded until no more are left."""
_STEP = 4
_SIGN = np.uint64(1 << 63)

Keys = npt.NDArray[np.uint64]


@dataclass
class ScoreCounts:
    """Rows by score, for each label and each sample.

    Scores are kept as integers that sort as the numbers do. Up to 131,072 distinct scores every curve is exact. With
    more of them the last binary digits are dropped, four at a time, which leaves 8,192 levels or more. How many are
    dropped depends on the set of scores alone, so the order of merging does not matter.

    Attributes:
        keys: Distinct scores, ascending, in their integer form.
        counts: Rows by label (0 negative, 1 positive), sample and score.
        dropped: How many binary digits are dropped.
    """

    keys: Keys = field(default_factory=lambda: np.empty(0, np.uint64))
    counts: Counts = field(default_factory=lambda: np.zeros((2, ROWS, 0), np.int64))
    dropped: int = 0

    @classmethod
    def of(cls, scores: Floats, positive: npt.NDArray[np.bool_], masks: Masks) -> ScoreCounts:
        """Count a batch of finite scores."""
        keys, position = np.unique(_sortable(scores), return_inverse=True)
        counts = np.zeros((2, ROWS, keys.size), np.int64)
        for label, of_label in ((0, ~positive), (1, positive)):
            for sample in range(ROWS):
                chosen = position[of_label & masks[sample]]
                counts[label, sample] = np.bincount(chosen, minlength=keys.size)
        return cls(keys, counts)._bounded()

    def merged(self, other: ScoreCounts) -> ScoreCounts:
        """The counts of both; neither changes."""
        dropped = max(self.dropped, other.dropped)
        first, second = self._rounded(dropped), other._rounded(dropped)
        keys, position = np.unique(np.concatenate([first.keys, second.keys]), return_inverse=True)
        counts = np.zeros((2, ROWS, keys.size), np.int64)
        counts[:, :, position[: first.keys.size]] += first.counts
        counts[:, :, position[first.keys.size :]] += second.counts
        return ScoreCounts(keys, counts, dropped)._bounded()

    def _bounded(self) -> ScoreCounts:
        result = self
        while result.keys.size > SCORE_CAP:
            result = result._rounded(result.dropped + _STEP)
        return result

    def _rounded(self, dropped: int) -> ScoreCounts:
        if dropped == self.dropped or not self.keys.size:
            return ScoreCounts(self.keys, self.counts, dropped)
        shift = np.uint64(dropped)
        keys, start = np.unique((self.keys >> shift) << shift, return_index=True)
        return ScoreCounts(keys, np.add.reduceat(self.counts, start, axis=2), dropped)

    @property
    def exact(self) -> bool:
        """Whether every distinct score is counted on its own."""
        return self.dropped == 0

    def cumulative(self) -> tuple[Floats, Counts, Counts]:
        """Scores by falling value, and how many positives and negatives have that score or a higher one."""
        down = self.counts[:, :, ::-1].cumsum(axis=2)
        return _numbers(self.keys[::-1]), down[1], down[0]

    def roc(self) -> tuple[Floats, Floats]:
        """False and true positive rates from (0, 0) to (1, 1), one point per distinct score."""
        _, positives, negatives = self.cumulative()
        with np.errstate(invalid="ignore", divide="ignore"):
            rates = [np.concatenate(([0.0], side[0] / side[0, -1])) for side in (negatives, positives)]
        return rates[0], rates[1]

    def precision_recall(self) -> tuple[Floats, Floats]:
        """Precisions and recalls from recall 0 (with the precision of the highest score) to 1."""
        _, positives, negatives = self.cumulative()
        precision, recall = _precision_recall(positives[:1], negatives[:1])
        return precision[0], recall[0]

    def auc(self) -> Floats:
        """Area under the ROC curve for all data and each sample; NaN if one label is missing."""
        _, positives, negatives = self.cumulative()
        if not self.keys.size:
            return np.full(ROWS, np.nan)
        zero = np.zeros((ROWS, 1), np.int64)
        width = np.diff(np.concatenate([zero, negatives], axis=1), axis=1).astype(float)
        left = np.concatenate([zero, positives[:, :-1]], axis=1)
        area = (width * (left + positives) / 2).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            result: Floats = area / (positives[:, -1].astype(float) * negatives[:, -1])
        return result

    def area_under_precision_recall(self) -> Floats:
        """Area under the precision-recall curve by the trapezoidal rule; NaN without positive labels."""
        _, positives, negatives = self.cumulative()
        if not self.keys.size:
            return np.full(ROWS, np.nan)
        precision, recall = _precision_recall(positives, negatives)
        area: Floats = (np.diff(recall, axis=1) * (precision[:, 1:] + precision[:, :-1]) / 2).sum(axis=1)
        return area


def _precision_recall(positives: Counts, negatives: Counts) -> tuple[Floats, Floats]:
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = positives / (positives + negatives)
        recall = positives / positives[:, -1:]
    # A sample may lack the highest scores; nothing is predicted there, which costs no precision.
    precision = np.where(positives + negatives == 0, 1.0, precision)
    start = np.zeros((precision.shape[0], 1))
    return np.concatenate([precision[:, :1], precision], axis=1), np.concatenate([start, recall], axis=1)


def _sortable(scores: Floats) -> Keys:
    """Doubles as integers of the same order."""
    bits = (scores + 0.0).view(np.uint64)
    return np.where(bits & _SIGN, ~bits, bits | _SIGN)


def _numbers(keys: Keys) -> Floats:
    return np.where(keys & _SIGN, keys ^ _SIGN, ~keys).view(np.float64)
