"""Ways through a stream of batches that only differ in speed: the profile is the one that small pieces merge to."""

from __future__ import annotations

import functools
import math
import random
from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_analyzer.data_quality import Profile, merge, profile, profile_all
from model_analyzer.data_quality import _tally as tallies
from model_analyzer.data_quality._distinct import ValueCounts
from model_analyzer.data_quality._kll import RANK_ERROR, Sketch
from model_analyzer.data_quality._moments import Moments
from model_analyzer.data_quality._statistics import categories, distinct_count
from model_analyzer.data_quality._tally import IntegerTally, LogicalTally, Tally, TextTally
from model_analyzer.data_quality._types import counted_cells_of

ROWS = 9_000
"""Enough for a table to be made for the first batch."""


def counted(tally: Tally, *batches: pl.Series) -> list[bool]:
    """Add batches as a profile does; which of them were counted."""
    found = []
    for series in batches:
        expression = tally.prepared(pl.nth(0), series)
        given = expression is not None and pl.DataFrame([series]).select(expression).to_series()
        found.append(given is not False and tally.add(series, given, None))
    return found


def counts_of(tally: Tally) -> Counter[object]:
    return Counter(dict(tally.counted().iter_rows()))


text = st.lists(st.one_of(st.none(), st.sampled_from(["", "a", "b", "7"]), st.text(max_size=3)), max_size=40)


@pytest.mark.parametrize("slots", [2, 1 << 10])
@given(batches=st.lists(text, max_size=4))
def test_text_is_counted_exactly_with_any_number_of_slots(slots, batches):
    saved = tallies._FEWEST_SLOTS, tallies.SPARSE
    try:
        # Two or four slots: most values have to be counted beside the table.
        tallies._FEWEST_SLOTS, tallies.SPARSE = slots, 1 if slots > 2 else 0.01
        tally = TextTally(0, "x")
        tally._most = 200
        assert all(counted(tally, *(pl.Series(batch, dtype=pl.String) for batch in batches)))
    finally:
        tallies._FEWEST_SLOTS, tallies.SPARSE = saved
    assert counts_of(tally) == Counter(value for batch in batches for value in batch if value is not None)


def test_too_many_values_are_left_to_others_and_those_before_stay():
    tally = TextTally(0, "x")
    few, many = pl.Series(["a", "b", None] * 10), pl.Series([f"{n}" for n in range(5_000)])
    assert counted(tally, few, many, few) == [True, False, True]
    assert counts_of(tally) == {"a": 20, "b": 20}


def test_what_a_refused_batch_taught_is_not_counted():
    tally = TextTally(0, "x")
    tally._most = 500
    batch = pl.Series([f"{n}" for n in range(1_000)])
    # Of 512 slots about 440 are taken, which is not too many; the other values are.
    assert not tally.add(batch, batch.hash(tallies._SEED), None)
    assert len(tally._values) > 300
    assert tally.counted().is_empty()


@given(st.lists(st.lists(st.one_of(st.none(), st.integers(-300, 300)), max_size=30), max_size=4), st.booleans())
def test_whole_numbers_are_counted_exactly(batches, narrow):
    tally = IntegerTally(0, "x")
    kind = pl.Int16 if narrow else pl.Int64
    assert all(counted(tally, *(pl.Series(batch, dtype=kind) for batch in batches)))
    assert counts_of(tally) == Counter(value for batch in batches for value in batch if value is not None)


def test_whole_numbers_far_from_each_other_are_left_to_others():
    tally = IntegerTally(0, "x")
    near, far = pl.Series([-128, 127], dtype=pl.Int8), pl.Series([2**63 - 1, -(2**63)])
    assert counted(tally, near, far, near) == [True, False, True]
    assert counts_of(tally) == {-128: 2, 127: 2}


def test_booleans_are_counted():
    tally = LogicalTally(0, "x")
    assert all(counted(tally, pl.Series([True, None, False, True]), pl.Series([], dtype=pl.Boolean)))
    assert counts_of(tally) == {True: 2, False: 1}


def random_batches(kind: str) -> list[pl.Series]:
    rng = np.random.default_rng(4)
    holes = rng.random(ROWS) < 0.1
    values = {
        "floats": rng.normal(size=ROWS),
        "wide": rng.integers(-(2**40), 2**40, ROWS),
        "narrow": rng.integers(-3, 9, ROWS).astype(np.int8),
        "words": rng.choice(["x", "yes", "12", "1.5", "true", "1e400"], ROWS),
        "names": np.char.add("n", rng.integers(0, 4_000, ROWS).astype(str)),
        "decimals": np.char.mod("%.3f", rng.normal(size=ROWS)),
        "flags": rng.random(ROWS) < 0.5,
    }[kind]
    whole = pl.Series(values).set(pl.Series(holes), None)
    if kind == "floats":
        whole = whole.scatter([5, 6, 7, 8], [math.nan, math.inf, -math.inf, -0.0])
    return [whole, whole[:500], whole[500:].reverse(), whole.clear(), whole[:0].extend_constant(None, 10), whole]


KINDS = ["floats", "wide", "narrow", "words", "names", "decimals", "flags"]


def the_same(found: Profile, expected: Profile) -> None:
    assert found.rows == expected.rows
    for a, b in zip(found.ordered(), expected.ordered(), strict=True):
        assert (a.types, a.negative, a.overflowing) == (b.types, b.negative, b.overflowing)
        assert a.moments.count == b.moments.count == a.sketch.count == a.sketch.ranks().count
        assert (a.moments.minimum, a.moments.maximum) == pytest.approx(
            (b.moments.minimum, b.moments.maximum), rel=0, nan_ok=True
        )
        assert a.moments.mean == pytest.approx(b.moments.mean, rel=1e-9)
        assert a.moments.std_dev == pytest.approx(b.moments.std_dev, rel=1e-9)
        assert categories(a) == categories(b)
        assert distinct_count(a) == distinct_count(b)
        points = b.sketch.ranks().values
        gap = np.abs(a.sketch.ranks().at_most(points) - b.sketch.ranks().at_most(points))
        assert not gap.size or gap.max() <= 2 * RANK_ERROR * a.sketch.count


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_gives_what_small_pieces_merge_to(kind):
    batches = [pl.DataFrame({"x": batch}) for batch in random_batches(kind)]
    pieces = [piece for batch in batches for piece in batch.iter_slices(3_000)]
    expected = functools.reduce(merge, map(profile, pieces))
    the_same(profile_all(batches), expected)
    the_same(profile_all(batches, records=False), expected)


def test_columns_that_change_their_type():
    batches = [pl.DataFrame({"x": batch}) for kind in KINDS for batch in random_batches(kind)[:2]]
    pieces = [piece for batch in batches for piece in batch.iter_slices(3_000)]
    the_same(profile_all(batches), functools.reduce(merge, map(profile, pieces)))


def test_names_of_columns_mean_nothing():
    batch = random_batches("words")[0]
    names = ["*", "^x.*$", "", "x", "0"]
    found = profile_all([pl.DataFrame(dict.fromkeys(names, batch))] * 2)
    assert {name: feature.types for name, feature in found.features.items()} == dict.fromkeys(
        names, profile(pl.DataFrame({"x": pl.concat([batch, batch])})).features["x"].types
    )


def test_refusal_depends_on_the_values_alone(monkeypatch):
    """Which values share a slot differs from process to process."""
    values = [f"v{number}" for number in range(129)]
    for seed in range(5):
        monkeypatch.setattr(tallies, "_SEED", seed)
        assert counted(TextTally(0, "x"), pl.Series(values[:128]), pl.Series(values[127:])) == [True, False]


def test_forms_of_a_number_may_be_counted_in_any_order():
    chance = random.Random(3)
    counts = {
        form: chance.randrange(1, 99) for n in range(300) for form in (f"{n / 7:.2f}", f"{n / 7:.2f}0", f"+{n / 7:.2f}")
    }
    found = set()
    for _ in range(4):
        rows = chance.sample(sorted(counts.items()), len(counts))
        cells = counted_cells_of(pl.DataFrame(rows, schema={"value": pl.String, "count": pl.Int64}, orient="row"))
        moments = Moments.of_counted(cells.numbers, cells.weights)
        found.add((moments.mean, moments.sum, moments.std_dev))
    assert len(found) == 1


def test_waiting_counts_are_put_together():
    """One of a row takes kilobytes, and there may be as many as there are batches."""
    values = ValueCounts(1_000, 1_000_000)
    for number in range(1_200):
        values.add(pl.Series([f"{number % 3}"]))
    assert len(values._pending) <= 500
    assert dict(values.most_common()) == dict.fromkeys("012", 400)


@given(st.dictionaries(st.floats(-1e9, 1e9), st.integers(1, 500), min_size=1, max_size=60))
def test_counted_numbers_are_numbers_as_often_as_they_were_counted(counts):
    values = np.array(sorted(value + 0.0 for value in counts))
    weights = np.array([counts[value] for value in values])
    repeated = np.repeat(values, weights)
    found, expected = Sketch(), Sketch()
    found.add_counted(values, weights)
    expected.add_sorted(repeated)
    assert [level.tolist() for level in found.compressed()] == [level.tolist() for level in expected.compressed()]
    moments, known = Moments.of_counted(values, weights), Moments.of(repeated)
    size = np.abs(values).max()
    assert (moments.count, moments.minimum, moments.maximum) == (known.count, known.minimum, known.maximum)
    assert moments.mean == pytest.approx(known.mean, rel=1e-9, abs=1e-12 * size)
    assert moments.sum == pytest.approx(known.sum, rel=1e-9, abs=1e-9 * size)
    assert moments.std_dev == pytest.approx(known.std_dev, rel=1e-9, abs=1e-9 * size)
