"""Distances against slow, independent definitions."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]

from model_analyzer.data_quality._distance import (
    categorical_l_infinity,
    chi_squared_p_value,
    l_infinity,
    robust,
    upper_gamma,
)
from model_analyzer.data_quality._kll import Ranks

sample = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)
counts = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 500), min_size=1)


def ranks(values: list[float]) -> Ranks:
    return Ranks.of_levels([sorted(values)])


@given(sample, sample)
def test_numeric_distance_is_the_two_sample_statistic(first, second):
    expected = stats.ks_2samp(first, second, method="asymp").statistic
    assert l_infinity(ranks(first), ranks(second)) == pytest.approx(expected, abs=1e-12)


@given(sample, sample)
def test_numeric_distance_is_a_distance(first, second):
    there, back = l_infinity(ranks(first), ranks(second)), l_infinity(ranks(second), ranks(first))
    assert there == back
    assert 0 <= there <= 1
    assert l_infinity(ranks(first), ranks(first)) == 0


def test_weights_count():
    light = Ranks.of_levels([[1.0], [2.0]])  # 1 once, 2 twice
    assert light.count == 3
    assert l_infinity(light, ranks([1.0, 2.0, 2.0])) == 0


@pytest.mark.parametrize(("n", "m", "allowance"), [(100, 100, 0.2546), (1_000, 1_000, 0.0805), (2_333, 283, 0.1133)])
def test_robust_takes_off_what_small_samples_explain(n, m, allowance):
    assert robust(0.5, n, m) == pytest.approx(0.5 - allowance, abs=1e-4)
    assert robust(allowance * 0.99, n, m) == 0


def test_nothing_is_no_distance():
    assert l_infinity(ranks([]), ranks([1.0])) == 0
    assert robust(0.4, 0, 5) == 0
    assert categorical_l_infinity({}, {"a": 1}, 0, 1) == 0
    assert chi_squared_p_value({}, {"a": 1}) == chi_squared_p_value({"a": 1}, {}) == 1


@given(counts, counts)
def test_categorical_distance(first, second):
    n, m = sum(first.values()), sum(second.values())
    expected = max(abs(first.get(key, 0) / n - second.get(key, 0) / m) for key in {*first, *second})
    assert categorical_l_infinity(first, second, n, m) == pytest.approx(expected, abs=1e-15)


def regrouped(sample, baseline):
    """Deequ's regrouping, step by step, as its documentation tells it."""
    size = sum(sample.values()) / sum(baseline.values())
    cells = [[count * size, sample.get(key, 0)] for key, count in baseline.items()]
    while len(cells) > 1:
        least, allowed = (10, 0) if len(cells) == 2 else (5, int(0.2 * len(cells)))
        if sum(expected < least for expected, _ in cells) <= allowed:
            break
        cells.sort()
        first = cells.pop(0)
        cells[0] = [cells[0][0] + first[0], cells[0][1] + first[1]]
    return cells


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.tuples(st.integers(0, 90), st.integers(1, 500)), min_size=1))
def test_chi_squared_against_scipy(table):
    sample = {key: pair[0] for key, pair in table.items()}
    baseline = {key: pair[1] for key, pair in table.items()}
    cells = regrouped(sample, baseline) if any(sample.values()) else []
    expected = 1.0
    if len(cells) > 1:
        expected = stats.chisquare([observed for _, observed in cells], [expected for expected, _ in cells]).pvalue
    assert chi_squared_p_value(sample, baseline) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_chi_squared_and_values_that_the_baseline_never_saw():
    known = {"a": 500, "b": 500}
    assert chi_squared_p_value({"a": 100, "b": 100}, known) == 1
    assert chi_squared_p_value({"a": 100, "b": 50, "new": 50}, known) == 1  # they stand in for the rarest
    assert chi_squared_p_value({"new": 200}, known) < 1e-9
    assert chi_squared_p_value({"a": 10}, {"a": 900}) == 1


@given(st.floats(0.5, 400), st.floats(0, 900))
def test_upper_gamma_against_scipy(a, x):
    from scipy.special import gammaincc  # type: ignore[import-untyped]

    assert upper_gamma(a, x) == pytest.approx(float(gammaincc(a, x)), rel=1e-8, abs=1e-12)


def test_upper_gamma_at_zero_and_far_out():
    assert upper_gamma(2.0, 0.0) == 1
    assert upper_gamma(0.5, 1e6) == 0
    assert math.isclose(upper_gamma(1.0, 2.0), math.exp(-2))
