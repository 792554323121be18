"""How far two distributions are apart, by Deequ's definitions (Distance.scala 2.0.2)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ._kll import Ranks

_SMALL_SAMPLE_FACTOR = 1.8
_SMALLEST_EXPECTED_COUNT = 5.0
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


def chi_squared_p_value(first: Mapping[str, float], second: Mapping[str, float]) -> float:
    """Probability of two samples as different as these if both came from one distribution.

    Categories expected fewer than five times in either sample are pooled (Cochran's rule). With fewer than two
    categories left there is nothing to test and the answer is 1.
    """
    n, m = sum(first.values()), sum(second.values())
    if not n or not m:
        return 1.0
    table: list[tuple[float, float]] = []
    pooled = (0.0, 0.0)
    smaller_share = min(n, m) / (n + m)
    for value in sorted(first.keys() | second.keys()):
        pair = (first.get(value, 0.0), second.get(value, 0.0))
        if sum(pair) * smaller_share < _SMALLEST_EXPECTED_COUNT:
            pooled = (pooled[0] + pair[0], pooled[1] + pair[1])
        else:
            table.append(pair)
    if sum(pooled):
        if sum(pooled) * smaller_share < _SMALLEST_EXPECTED_COUNT and table:
            smallest = min(range(len(table)), key=lambda position: sum(table[position]))
            table[smallest] = (table[smallest][0] + pooled[0], table[smallest][1] + pooled[1])
        else:
            table.append(pooled)
    if len(table) < 2:
        return 1.0
    statistic = 0.0
    for a, b in table:
        together = a + b
        for observed, size in ((a, n), (b, m)):
            expected = together * size / (n + m)
            statistic += (observed - expected) ** 2 / expected
    return upper_gamma((len(table) - 1) / 2, statistic / 2)


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
