"""How far two distributions are apart, by Deequ's definitions (Distance.scala 2.0.2)."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence

import numpy as np

from ._kll import Ranks

_SMALL_SAMPLE_FACTOR = 1.8
_SMALLEST_OF_TWO = 10.0
_SMALLEST_OF_MANY = 5.0
_SMALL_SHARE = 0.2
_MAX_TERMS = 100_000


def l_infinity(first: Ranks, second: Ranks) -> float:
    """Largest difference between two cumulative distributions, over the points of both; 0 if one is empty."""
    if not first.count or not second.count:
        return 0.0
    return max(_largest_gap(first, second), _largest_gap(second, first))


def _largest_gap(first: Ranks, second: Ranks) -> float:
    """The largest difference at the points of the first."""
    other = second.at_most(first.values) / second.count
    return float(np.abs(first.cumulative / first.count - other).max())


def robust(distance: float, first_count: float, second_count: float) -> float:
    """The part of a distance that a Kolmogorov-Smirnov test would not put down to small samples."""
    if not first_count or not second_count:
        return 0.0
    allowance = _SMALL_SAMPLE_FACTOR * math.sqrt((first_count + second_count) / (first_count * second_count))
    return max(0.0, distance - allowance)


def categorical_l_infinity(
    first: Mapping[str, float], second: Mapping[str, float], first_count: float, second_count: float
) -> float:
    """Largest difference between the shares of one category; counts may leave out rare categories."""
    if not first_count or not second_count:
        return 0.0
    return max(
        (
            abs(first.get(value, 0.0) / first_count - second.get(value, 0.0) / second_count)
            for value in first.keys() | second.keys()
        ),
        default=0.0,
    )


def chi_squared_p_value(sample: Mapping[str, float], baseline: Mapping[str, float]) -> float:
    """Probability of a sample as unusual as this one if it came from the baseline's distribution.

    Deequ's test of goodness of fit: rare categories are put together until two are expected ten times each, or of more
    at most a fifth less than five times. With fewer than two categories left there is nothing to test and the answer is
    1. Deequ passes over values that the baseline has never seen; here they count with its rarest category, so that a
    sample of nothing but new values is no perfect fit.
    """
    size, reference = sum(sample.values()), sum(baseline.values())
    if not size or not reference:
        return 1.0
    cells = sorted((count * size / reference, sample.get(value, 0.0)) for value, count in baseline.items() if count)
    unseen = sum(count for value, count in sample.items() if not baseline.get(value))
    cells[0] = (cells[0][0], cells[0][1] + unseen)
    while len(cells) >= 2 and _too_rare(cells):
        (first, first_observed), (second, second_observed) = cells[:2]
        del cells[:2]
        insort(cells, (first + second, first_observed + second_observed))
    if len(cells) < 2:
        return 1.0
    statistic = sum((observed - expected) ** 2 / expected for expected, observed in cells)
    return upper_gamma((len(cells) - 1) / 2, statistic / 2)


def _too_rare(cells: Sequence[tuple[float, float]]) -> bool:
    """Whether too many of the cells, sorted by expected count, are expected too rarely."""
    if len(cells) == 2:
        return cells[0][0] < _SMALLEST_OF_TWO
    return bisect_left(cells, (_SMALLEST_OF_MANY,)) > int(_SMALL_SHARE * len(cells))


def upper_gamma(a: float, x: float) -> float:
    """Regularised upper incomplete gamma function Q(a, x): series below a + 1, continued fraction (Lentz) above."""
    if x <= 0:
        return 1.0
    front = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        for n in range(1, _MAX_TERMS):
            term *= x / (a + n)
            total += term
            if term < total * 1e-17:
                break
        return min(max(1 - front * total, 0.0), 1.0)
    tiny = 1e-300
    b = x + 1 - a
    c, d = 1 / tiny, 1 / b
    fraction = d
    for n in range(1, _MAX_TERMS):
        factor = -n * (n - a)
        b += 2
        d = 1 / (factor * d + b or tiny)
        c = b + factor / c or tiny
        step = c * d
        fraction *= step
        if abs(step - 1) < 1e-15:
            break
    return min(max(front * fraction, 0.0), 1.0)
