"""Count, mean, sum, population standard deviation, minimum and maximum that merge.

Merging follows Chan, Golub and LeVeque (1979), "Updating formulae and a pairwise algorithm for computing sample
variances". The spread is kept as a standard deviation and not as a sum of squares, so nothing overflows before the
result itself would.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model_analyzer._arrays import Floats

from ._scratch import scratch

_LARGE = 1e140
_SMALL = 1e-140
_LOWEST_EXPONENT = -1022


@dataclass(frozen=True)
class Moments:
    """Moments of `count` finite values; minimum and maximum are NaN when there are none.

    `correction` is what `sum` lost by rounding while summaries were added.
    """

    count: int = 0
    mean: float = 0.0
    std_dev: float = 0.0
    minimum: float = math.nan
    maximum: float = math.nan
    total: float = 0.0
    correction: float = 0.0

    @property
    def sum(self) -> float:
        return self.total + self.correction

    @classmethod
    def of(cls, values: Floats) -> Moments:
        """Moments of an array of finite doubles."""
        if not values.size:
            return cls()
        return cls._of(values, None, int(values.size), float(values.min()), float(values.max()))

    @classmethod
    def of_counted(cls, values: Floats, counts: npt.NDArray[np.int64]) -> Moments:
        """Moments of finite doubles in order, each of which occurs as often as its count says."""
        if not values.size:
            return cls()
        return cls._of(values, counts, int(counts.sum()), float(values[0]), float(values[-1]))

    @classmethod
    def _of(cls, values: Floats, counts: npt.NDArray[np.int64] | None, count: int, low: float, high: float) -> Moments:
        if low == high:
            return cls(count, low, 0.0, low, high, low * count)
        largest = max(abs(low), abs(high))
        scale = 1.0 if _SMALL < largest < _LARGE else math.ldexp(1.0, max(math.frexp(largest)[1] - 1, _LOWEST_EXPONENT))
        scaled = values / scale if scale != 1.0 else values

        def sum_of(numbers: Floats) -> float:
            return float(numbers.sum() if counts is None else (numbers * counts).sum())

        total = sum_of(scaled)
        mean = total / count
        deviations = np.subtract(scaled, mean, out=scratch("deviations", scaled.size))
        # The mean is a rounded number: its error is measured and taken out (Chan et al., eq. 1.7).
        slip = sum_of(deviations) / count
        std_dev = math.sqrt(max(sum_of(np.square(deviations, out=deviations)) / count - slip * slip, 0.0))
        mean += slip
        with np.errstate(over="ignore"):
            total = float(np.float64(total) * scale)
        return cls(count, min(max(mean * scale, low), high), std_dev * scale, low, high, total)

    def __add__(self, other: Moments) -> Moments:
        if not other.count or not self.count:
            return self if self.count else other
        count = self.count + other.count
        mine, theirs = self.count / count, other.count / count
        # The halved difference cannot overflow, even between the largest doubles of both signs.
        half = other.mean / 2 - self.mean / 2
        mean = self.mean * mine + other.mean * theirs
        spread = math.hypot(
            math.sqrt(mine) * self.std_dev, math.sqrt(theirs) * other.std_dev, 2 * math.sqrt(mine * theirs) * half
        )
        total = self.total + other.total
        lost = _rounding_of_sum(self.total, other.total, total)
        low, high = min(self.minimum, other.minimum), max(self.maximum, other.maximum)
        mean = min(max(mean, low), high)
        return Moments(count, mean, spread, low, high, total, self.correction + other.correction + lost)


def _rounding_of_sum(a: float, b: float, total: float) -> float:
    """The part of a + b that the double `total` cannot hold (Knuth's TwoSum)."""
    if not math.isfinite(total):
        return 0.0
    virtual = total - a
    return (a - (total - virtual)) + (b - virtual)
