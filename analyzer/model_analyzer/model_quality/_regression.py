"""Errors of a regression, as sums that merge."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from model_analyzer._arrays import Floats

from ._resampling import ROWS, Masks


def _zeros() -> Floats:
    return np.zeros(ROWS)


@dataclass(frozen=True)
class Errors:
    """Sums over all data (first member of each array) and over each sample.

    Attributes:
        count: Rows.
        absolute: Sum of absolute errors.
        squared: Sum of squared errors.
        mean: Mean of the labels.
        spread: Sum of squared distances of the labels from their mean.
    """

    count: Floats = field(default_factory=_zeros)
    absolute: Floats = field(default_factory=_zeros)
    squared: Floats = field(default_factory=_zeros)
    mean: Floats = field(default_factory=_zeros)
    spread: Floats = field(default_factory=_zeros)

    @classmethod
    def of(cls, labels: Floats, predictions: Floats, masks: Masks) -> Errors:
        """Sum a batch of finite numbers."""
        result = [_zeros() for _ in range(5)]
        error = predictions - labels
        for sample in range(ROWS):
            mine, off = labels[masks[sample]], error[masks[sample]]
            if mine.size:
                with np.errstate(over="ignore", invalid="ignore"):
                    mean = mine.mean()
                    sums = (mine.size, np.abs(off).sum(), np.square(off).sum(), mean, np.square(mine - mean).sum())
                for target, value in zip(result, sums, strict=True):
                    target[sample] = value
        return cls(*result)

    def merged(self, other: Errors) -> Errors:
        """The sums of both, by the formula of Chan, Golub and LeVeque (1979) for the labels' spread."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self._merged(other)

    def _merged(self, other: Errors) -> Errors:
        count = self.count + other.count
        share = np.divide(other.count, count, out=_zeros(), where=count > 0)
        gap = other.mean - self.mean
        return Errors(
            count,
            self.absolute + other.absolute,
            self.squared + other.squared,
            self.mean + gap * share,
            # The gap to a part without rows means nothing, and its square may be beyond a double.
            self.spread + other.spread + np.square(np.where(share > 0, gap, 0.0) * np.sqrt(self.count * share)),
        )

    def metrics(self) -> dict[str, Floats]:
        """Every metric for all data and each sample."""
        with np.errstate(invalid="ignore", divide="ignore"):
            mse = self.squared / self.count
            # Without spread there is nothing to explain: 1 for perfect predictions, no value otherwise.
            unexplained = np.where((self.spread == 0) & (self.squared == 0), 0.0, self.squared / self.spread)
            r2 = np.where((self.spread == 0) & (self.squared > 0), np.nan, 1 - unexplained)
            r2 = np.where(self.count > 0, r2, np.nan)
            return {"mae": self.absolute / self.count, "mse": mse, "rmse": np.sqrt(mse), "r2": r2}
