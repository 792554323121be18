"""Moments against exact rational arithmetic."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_analyzer.data_quality._moments import Moments

ordinary = st.floats(min_value=-1e12, max_value=1e12)
any_finite = st.floats(allow_nan=False, allow_infinity=False)


def as_float(number: Fraction) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def exact(values: list[float]) -> tuple[float, float, float]:
    """Mean, sum and population standard deviation without rounding on the way."""
    numbers = [Fraction(value) for value in values]
    total = sum(numbers, Fraction(0))
    mean = total / len(numbers)
    variance = sum(((number - mean) ** 2 for number in numbers), Fraction(0)) / len(numbers)
    scale = Fraction(2) ** 1100
    root = Fraction(math.isqrt(int(variance * scale * scale)), int(scale))
    return float(mean), as_float(total), float(root)


def close(found: float, expected: float, size: float) -> bool:
    return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-9 * 1e-3 * size + 1e-300)


@given(st.lists(ordinary, min_size=1, max_size=200))
def test_moments_are_exact(values):
    found = Moments.of(np.array(values))
    mean, total, std_dev = exact(values)
    size = max(abs(value) for value in values)
    assert close(found.mean, mean, size)
    assert close(found.sum, total, size * len(values))
    assert close(found.std_dev, std_dev, size)
    assert (found.minimum, found.maximum, found.count) == (min(values), max(values), len(values))


@given(st.lists(any_finite, min_size=1, max_size=50), st.integers(0, 50))
def test_no_double_overflows_mean_or_spread(values, cut):
    whole = Moments.of(np.array(values))
    parts = Moments.of(np.array(values[:cut])) + Moments.of(np.array(values[cut:]))
    mean, _, std_dev = exact(values)
    size = max(abs(value) for value in values)
    for found in (whole, parts):
        assert close(found.mean, mean, size)
        assert close(found.std_dev, std_dev, size)
        assert min(values) <= found.mean <= max(values)


@given(st.lists(ordinary, min_size=1, max_size=120), st.lists(st.integers(0, 120), max_size=5), st.randoms())
def test_any_split_in_any_order_gives_the_same(values, cuts, random):
    edges = sorted({0, len(values), *(min(cut, len(values)) for cut in cuts)})
    parts = [Moments.of(np.array(values[a:b])) for a, b in itertools.pairwise(edges)]
    random.shuffle(parts)
    merged = parts[0]
    for part in parts[1:]:
        merged = merged + part if random.random() < 0.5 else part + merged
    mean, total, std_dev = exact(values)
    size = max(abs(value) for value in values)
    assert close(merged.mean, mean, size)
    assert close(merged.sum, total, size * len(values))
    assert close(merged.std_dev, std_dev, size)
    assert (merged.count, merged.minimum, merged.maximum) == (len(values), min(values), max(values))


def test_large_offset_does_not_eat_the_spread():
    values = 1e9 + np.tile([0.0, 1.0], 50_000)
    halves = Moments.of(values[:30_000]) + Moments.of(values[30_000:])
    assert Moments.of(values).std_dev == pytest.approx(0.5, rel=1e-12)
    assert halves.std_dev == pytest.approx(0.5, rel=1e-9)


def test_nothing_is_the_neutral_element():
    some = Moments.of(np.array([1.0, 2.0]))
    assert Moments() + some == some == some + Moments()
    assert Moments.of(np.empty(0)).count == 0


def test_sum_of_many_parts_keeps_what_a_plain_sum_would_lose():
    parts = [1e16, 1.0, -1e16] * 1_000
    merged = Moments()
    for value in parts:
        merged += Moments.of(np.array([value]))
    assert merged.sum == pytest.approx(1_000.0, rel=1e-12)
