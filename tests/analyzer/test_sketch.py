"""The quantile sketch against exact ranks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_analyzer.data_quality._kll import RANK_ERROR, SHRINKING_FACTOR, K, Ranks, Sketch

SHAPES = {
    "normal": lambda rng, n: rng.normal(size=n),
    "lognormal": lambda rng, n: rng.lognormal(2, 3, n),
    "few values": lambda rng, n: rng.integers(0, 7, n).astype(float),
    "one value": lambda rng, n: np.full(n, 3.25),
    "sorted": lambda rng, n: np.arange(n, dtype=float),
    "two clusters": lambda rng, n: np.where(rng.random(n) < 0.001, 1e9, rng.random(n)),
}


def sketch_of(values: np.ndarray, batch: int) -> Sketch:
    sketch = Sketch()
    for start in range(0, values.size, batch):
        sketch.add_sorted(np.sort(values[start : start + batch]))
    return sketch


def worst_rank_error(ranks: Ranks, values: np.ndarray) -> float:
    ordered = np.sort(values)
    points = np.unique(ordered[:: max(1, ordered.size // 2_000)])
    upper = np.abs(ranks.at_most(points) - np.searchsorted(ordered, points, side="right"))
    lower = np.abs(ranks.below(points) - np.searchsorted(ordered, points, side="left"))
    return float(max(upper.max(), lower.max())) / ordered.size


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("batch", [777, 50_000, 300_000])
def test_ranks_within_the_bound(shape, batch):
    values = SHAPES[shape](np.random.default_rng(5), 300_000)
    sketch = sketch_of(values, batch)
    ranks = sketch.ranks()
    assert ranks.count == sketch.count == values.size
    assert worst_rank_error(ranks, values) < RANK_ERROR


@pytest.mark.parametrize("shape", SHAPES)
def test_written_levels_have_the_agreed_sizes_and_keep_the_bound(shape):
    values = SHAPES[shape](np.random.default_rng(6), 200_003)
    levels = sketch_of(values, 40_000).compressed()
    assert Ranks.of_levels(levels).count == values.size
    assert worst_rank_error(Ranks.of_levels(levels), values) < RANK_ERROR
    top = len(levels) - 1
    for height, level in enumerate(levels):
        assert level.size <= max(2, int(K * SHRINKING_FACTOR ** (top - height)))


@pytest.mark.parametrize("size", [0, 1, 5, 2_048])
def test_small_data_is_kept_as_it_is(size):
    values = np.random.default_rng(7).normal(size=size)
    levels = sketch_of(values, 100).compressed()
    assert np.array_equal(np.concatenate(levels) if levels else np.empty(0), np.sort(values))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=300), st.integers(1, 50))
def test_ranks_of_small_data_are_exact(values, batch):
    array = np.array(values) + 0.0
    ranks = sketch_of(array, batch).ranks()
    assert ranks.count == array.size
    points = np.unique(array)
    assert np.array_equal(ranks.at_most(points), np.searchsorted(np.sort(array), points, side="right"))


@pytest.mark.parametrize("seed", range(4))
def test_merging_in_any_order_and_grouping_keeps_the_bound(seed):
    rng = np.random.default_rng(seed)
    values = rng.lognormal(0, 2, 150_000)
    parts = [sketch_of(part, 9_000) for part in np.array_split(values, 13)]
    while len(parts) > 1:
        first, second = rng.choice(len(parts), 2, replace=False)
        merged = parts[first].merged(parts[second])
        parts = [part for position, part in enumerate(parts) if position not in (first, second)] + [merged]
    assert parts[0].count == values.size == parts[0].ranks().count
    assert worst_rank_error(parts[0].ranks(), values) < RANK_ERROR


def test_merging_commutes_and_leaves_its_arguments_alone():
    rng = np.random.default_rng(3)
    a, b = sketch_of(rng.normal(size=20_000), 7_000), sketch_of(rng.normal(size=11_000), 3_000)
    before = [level.tolist() for level in a.compressed()]
    left, right = a.merged(b).compressed(), b.merged(a).compressed()
    assert [level.tolist() for level in left] == [level.tolist() for level in right]
    assert [level.tolist() for level in a.compressed()] == before


def test_the_same_data_give_the_same_sketch():
    values = np.random.default_rng(1).normal(size=60_000)
    first, second = (sketch_of(values, 10_000).compressed() for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_quantiles():
    ranks = Ranks.of_levels([[1.0, 2.0, 3.0, 4.0]])
    assert [ranks.quantile(share) for share in (0.0, 0.25, 0.5, 1.0)] == [1.0, 1.0, 2.0, 4.0]
    assert Ranks.of_levels([]).count == 0
