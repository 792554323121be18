"""Profiles: whatever the order, grouping and batches, the same answer."""

from __future__ import annotations

import functools
import itertools
import random
from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_analyzer.data_quality import Profile, merge, profile, profile_all, statistics
from model_analyzer.data_quality._distinct import DistinctSketch, ValueCounts
from model_analyzer.data_quality._statistics import categories, distinct_count

cell = st.one_of(
    st.none(),
    st.integers(-50, 50).map(str),
    st.floats(-1e6, 1e6).map(repr),
    st.text(max_size=6),
    st.sampled_from(["true", "false", "a", "b", "NaN"]),
)
column = st.lists(cell, min_size=1, max_size=80)


def frame(values: list[str | None], name: str = "x") -> pl.DataFrame:
    return pl.DataFrame({name: pl.Series(values, dtype=pl.String)})


def same(first: Profile, second: Profile) -> None:
    """Equal in everything that is exact, close in what is rounded."""
    assert first.rows == second.rows
    assert [f.name for f in first.ordered()] == [f.name for f in second.ordered()]
    for a, b in zip(first.ordered(), second.ordered(), strict=True):
        assert (a.types, a.negative, a.overflowing, a.position) == (b.types, b.negative, b.overflowing, b.position)
        assert (a.moments.count, a.sketch.count) == (b.moments.count, b.sketch.count)
        assert (repr(a.moments.minimum), repr(a.moments.maximum)) == (repr(b.moments.minimum), repr(b.moments.maximum))
        assert a.moments.mean == pytest.approx(b.moments.mean, rel=1e-9, abs=1e-6)
        assert a.moments.std_dev == pytest.approx(b.moments.std_dev, rel=1e-9, abs=1e-6)
        assert categories(a) == categories(b)
        assert distinct_count(a) == distinct_count(b)


@given(column, st.lists(st.integers(0, 80), max_size=6), st.integers(0, 2**32))
def test_any_split_order_and_grouping(values, cuts, seed):
    chance = random.Random(seed)
    whole = profile(frame(values))
    edges = sorted({0, len(values), *(min(cut, len(values)) for cut in cuts)})
    parts = [profile(frame(values[a:b])) for a, b in itertools.pairwise(edges)]
    chance.shuffle(parts)
    while len(parts) > 1:
        first = parts.pop(chance.randrange(len(parts)))
        second = parts.pop(chance.randrange(len(parts)))
        parts.append(merge(first, second))
    same(parts[0], whole)


@given(column, st.integers(0, 2**32))
def test_shuffled_rows(values, seed):
    shuffled = values[:]
    random.Random(seed).shuffle(shuffled)
    same(profile(frame(shuffled)), profile(frame(values)))


@given(column)
def test_counts_of_text_are_exact(values):
    feature = profile(frame(values)).features["x"]
    expected = Counter(value for value in values if value is not None)
    assert dict(categories(feature)) == expected
    assert distinct_count(feature) == len(expected)


def test_merging_leaves_its_arguments_alone():
    a, b = profile(frame(["1", "2", "x"])), profile(frame(["3", None]))
    before = statistics(a), statistics(b)
    merge(a, b)
    merge(b, a)
    merge(a, profile(frame(["9"], "other")))
    assert (statistics(a), statistics(b)) == before


def test_a_merged_profile_does_not_share_state():
    a, b = profile(frame(["1"])), profile(frame(["5"], "y"))
    merged = merge(a, b)
    merged.add(frame(["7"], "x"))
    assert a.features["x"].present == 1
    assert b.features["y"].present == 1


def test_streams_give_what_merging_gives():
    rng = np.random.default_rng(2)
    data = pl.DataFrame(
        {"n": rng.normal(size=30_000), "k": rng.integers(0, 9, 30_000), "s": rng.choice(["a", "b"], 30_000)}
    )
    batches = [data[start : start + 4_000] for start in range(0, 30_000, 4_000)]
    same(profile_all(batches), functools.reduce(merge, map(profile, batches)))


def test_columns_that_come_and_go_are_missing_where_they_are_not():
    merged = merge(
        profile(pl.DataFrame({"a": ["1", "2"], "b": ["x", "y"]})), profile(pl.DataFrame({"b": ["z"], "c": ["4"]}))
    )
    assert merged.rows == 3
    assert {f.name: merged.missing(f) for f in merged.ordered()} == {"a": 1, "b": 0, "c": 2}
    assert merged.completeness(merged.features["a"]) == pytest.approx(2 / 3)


def test_empty_profiles():
    empty = profile_all([])
    assert (empty.rows, empty.features) == (0, {})
    same(merge(empty, profile(frame(["1"]))), profile(frame(["1"])))


@pytest.mark.parametrize("parts", [1, 7])
@pytest.mark.parametrize("kind", ["text", "numbers"])
def test_beyond_the_cap_distinct_values_are_estimated(parts, kind):
    count = 150_000
    values = [f"user-{n}" if kind == "text" else str(n) for n in range(count)] * 2
    random.Random(1).shuffle(values)
    size = -(-len(values) // parts)
    profiles = [profile(frame(values[start : start + size])) for start in range(0, len(values), size)]
    feature = functools.reduce(merge, profiles).features["x"]
    assert categories(feature) is None
    assert distinct_count(feature) == pytest.approx(count, rel=0.03)


def test_estimates_do_not_depend_on_the_split():
    values = pl.Series([f"{n}" for n in range(5_000)])
    counts = [ValueCounts(1_000, 10**6) for _ in range(3)]
    counts[0].add(values)
    for start in range(0, 5_000, 500):
        counts[1].add(values[start : start + 500])
    other = ValueCounts(1_000, 10**6)
    counts[2].add(values[:900])
    other.add(values[900:])
    merged = [counts[0], counts[1], counts[2].merged(other), other.merged(counts[2])]
    assert len({c.distinct() for c in merged}) == 1
    assert counts[0].distinct() == pytest.approx(5_000, rel=0.03)
    assert not any(c.complete for c in merged)


def test_long_values_pass_the_cap_by_their_size():
    counts = ValueCounts(100, 1_000)
    counts.add(pl.Series(["a" * 600, "b" * 600]))
    assert not counts.complete
    assert counts.distinct() == 2


@pytest.mark.parametrize("count", [0, 1, 10, 1_000, 30_000, 400_000])
def test_distinct_sketch(count):
    sketch = DistinctSketch()
    for start in range(0, count, 50_000):
        sketch.add(pl.Series(range(start, min(count, start + 50_000)), dtype=pl.Int64))
    assert sketch.estimate() == pytest.approx(count, rel=0.025, abs=1)
