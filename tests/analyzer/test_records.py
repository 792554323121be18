"""What whole records tell: repeated ones, what chance explains of them, and columns that say the same."""

from __future__ import annotations

import functools
import itertools
import pickle
import random
from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_analyzer.data_quality import Profile, merge, profile, profile_all, records
from model_analyzer.data_quality._fingerprints import fingerprints
from model_analyzer.data_quality._record_sketch import RecordSketch
from model_analyzer.data_quality._records import different, piled_up_at
from model_analyzer.data_quality._redundant import redundant
from model_analyzer.data_quality._repeats import RepeatSketch
from model_analyzer.data_quality._sample import RowSample

cell = st.one_of(st.none(), st.sampled_from(["1", "1.0", "01", "-0", "a", "nan", "1e3"]), st.text(max_size=3))
rows = st.lists(st.tuples(cell, cell), min_size=1, max_size=60)


def frame(values: list[tuple[str | None, str | None]]) -> pl.DataFrame:
    return pl.DataFrame(values, schema={"x": pl.String, "y": pl.String}, orient="row")


def canonical(value: str | None) -> object:
    """What makes two cells equal, told independently of polars."""
    if value is None or not set(value) & set("0123456789") or not set(value) <= set("0123456789+-.eE"):
        return value
    try:
        return float(value)
    except ValueError:
        return value


@given(rows)
def test_rows_are_equal_when_their_values_are(values):
    hashes = fingerprints(frame(values)).tolist()
    keys = [tuple(map(canonical, row)) for row in values]
    assert len(set(hashes)) == len(set(keys))
    assert sorted(Counter(hashes).values()) == sorted(Counter(keys).values())


def test_the_form_of_a_batch_does_not_matter():
    text = pl.DataFrame({"n": ["1", "2.5", None, "-0.0"], "s": ["a", None, "7", "true"], "e": [None] * 4})
    typed = pl.DataFrame({"s": ["a", None, "7", "true"], "n": [1.0, 2.5, float("nan"), 0.0]})
    assert fingerprints(text).tolist() == fingerprints(typed).tolist()
    endless = typed.with_columns(n=pl.Series([1.0, 2.5, float("-inf"), 0.0]))
    assert fingerprints(text).tolist() == fingerprints(endless).tolist(), "which are missing values as well"
    assert fingerprints(pl.DataFrame({"n": [1], "s": ["a"]}))[0] == fingerprints(text)[0]
    assert fingerprints(pl.DataFrame({"s": ["1"], "n": ["a"]}))[0] != fingerprints(text)[0]
    among_words, alone = (fingerprints(pl.DataFrame({"x": column}))[0] for column in (["1.5", "a", None], ["1.5"]))
    assert among_words == alone
    assert fingerprints(pl.DataFrame({"b": [True]}))[0] == fingerprints(pl.DataFrame({"b": ["true"]}))[0]


def test_what_else_a_batch_holds_does_not_matter():
    mixed, numbers = (fingerprints(pl.DataFrame({"x": values})) for values in (["5", "x", None], ["5", None]))
    assert (mixed[0], mixed[2]) == (numbers[0], numbers[1])


def test_a_profile_without_them_says_so():
    alone = profile_all([pl.DataFrame({"x": [1, 2]})], records=False)
    assert alone.rows == 2
    with pytest.raises(ValueError, match="records=False"):
        records(alone)
    assert records(profile_all([], records=False))["rows"] == 0


@given(
    st.lists(st.integers(0, 40), max_size=150),
    st.lists(st.integers(0, 150), max_size=6),
    st.integers(0, 2**32),
)
def test_any_split_order_and_grouping(values, cuts, seed):
    """With room for sixteen rows, beyond which the sketches estimate."""
    chance = random.Random(seed)
    numbers = pl.DataFrame({"x": values}, schema={"x": pl.Int64})
    hashes = fingerprints(numbers)
    whole, sample = RepeatSketch(16), RowSample(8)
    whole.add(hashes)
    sample.add(numbers, hashes)
    edges = sorted({0, len(values), *(min(cut, len(values)) for cut in cuts)})
    parts = []
    for begin, end in itertools.pairwise(edges):
        part = RepeatSketch(16), RowSample(8)
        part[0].add(hashes[begin:end])
        part[1].add(numbers[begin:end], hashes[begin:end])
        parts.append(part)
    chance.shuffle(parts)
    parts = parts or [(RepeatSketch(16), RowSample(8))]
    while len(parts) > 1:
        first = parts.pop(chance.randrange(len(parts)))
        second = parts.pop(chance.randrange(len(parts)))
        parts.append((first[0].merged(second[0]), first[1].merged(second[1])))
    ((merged, rows_of),) = parts
    assert (merged.rows, merged.exact) == (whole.rows, whole.exact)
    assert (merged.counts.tolist(), merged.distinct()) == (whole.counts.tolist(), whole.distinct())
    assert rows_of.rows().equals(sample.rows())
    counted = Counter(values)
    assert whole.exact == (len(counted) <= 16)
    if whole.exact:
        assert (whole.distinct(), sorted(whole.counts)) == (len(counted), sorted(counted.values()))
    else:
        smallest = sorted(set(hashes.tolist()))[:16]
        assert whole.counts.tolist() == [hashes.tolist().count(value) for value in smallest]


@pytest.mark.parametrize(
    ("copies", "share"),
    [
        (0, 0.0),
        (1, 1 / 3),  # half of the rows are sent again
        (30, 0.6),  # a few rows make up most of the data
    ],
)
def test_beyond_the_cap_the_share_is_estimated_within_its_error(copies, share):
    unique = np.arange(20_000, dtype=np.int64)
    again = unique[:10_000] if copies == 1 else unique[: 1000 if copies else 0]
    data = pl.DataFrame({"x": np.concatenate([unique, *[again] * copies])})
    sketch = RepeatSketch(2048)
    for start in range(0, data.height, 5000):
        sketch.add(fingerprints(data[start : start + 5000]))

    found = 1 - sketch.distinct() / sketch.rows

    assert not sketch.exact
    assert sketch.error == pytest.approx(1 / 2046**0.5)
    assert found == pytest.approx(share, abs=3 * sketch.error * (1 - share))
    if not copies:
        assert found == 0.0, "rows that never repeat are not said to"


def test_a_profile_knows_its_records():
    batch = pl.DataFrame({"n": [1, 2, 2, 3, 2], "s": ["a", "b", "b", "c", "b"]})
    streamed = profile_all([batch, batch[:2].cast(pl.String)])
    merged = merge(profile(batch[:3]), pickle.loads(pickle.dumps(profile(pl.concat([batch[3:], batch[:2]])))))

    found = records(streamed)

    assert found == records(merged)
    assert found["repeated"] == {
        "rows": 4,
        "share": pytest.approx(4 / 7),
        "standard_error": 0.0,
        "exact": True,
        "most_frequent": 4,
        "times": {"1": 1, "2": 1, "4": 1},
        "expected_share": None,
        "piled_up_at": None,
    }
    assert (found["rows"], found["columns"], found["redundant"]) == (7, ["n", "s"], [])
    assert records(Profile())["repeated"]["share"] == 0.0


def drawn(rng: np.random.Generator, rows: int, kinds: int) -> Profile:
    """Records of which some are much commoner than others, as requests are."""
    chosen = rng.zipf(1.3, rows) % kinds
    return profile(pl.DataFrame({"x": chosen, "y": (chosen * 7919) % 1000}))


@pytest.mark.parametrize("size", [500, 4000, 9000])
def test_chance_is_told_from_repetition_by_the_baseline(size):
    rng = np.random.default_rng(3)
    baseline = records(drawn(rng, 4000, 5000))
    ordinary = drawn(rng, size, 5000)
    expected = records(ordinary, baseline)["repeated"]

    assert expected["share"] > 0.3, "such records repeat"
    assert expected["share"] - expected["expected_share"] < 0.05, "and that is what is expected"


def test_rarefaction_and_extrapolation():
    rng = np.random.default_rng(5)
    population = rng.integers(0, 3000, 9000)
    times = Counter(Counter(population[:3000].tolist()).values())

    assert different(3000, 3000, times) == len(set(population[:3000].tolist()))
    assert different(1000, 3000, times) == pytest.approx(len(set(population[:1000].tolist())), rel=0.02)
    assert different(9000, 3000, times) == pytest.approx(len(set(population.tolist())), rel=0.05)
    assert different(100, 10, {1: 10}) == pytest.approx(100, rel=0.6), (
        "of records that never repeat none is expected to"
    )
    assert different(100, 10, {10: 1}) == 1


def test_a_baseline_without_repetitions_does_not_promise_any_number_of_records():
    """Training data were rid of repetitions, but there are only so many records."""
    rng = np.random.default_rng(7)
    names = {f"c{number}": rng.integers(0, 9, 30_000) for number in range(4)}
    requests = pl.DataFrame(names)
    baseline = records(profile(requests[:4000].unique()))

    found = records(profile(requests), baseline)["repeated"]

    assert baseline["repeated"]["share"] == 0.0
    assert found["share"] == pytest.approx(0.78, abs=0.02)
    assert found["expected_share"] == pytest.approx(found["share"], abs=0.02)


@pytest.mark.parametrize(
    ("seed", "draw"),
    [
        (1, lambda rng: rng.integers(0, 3000, 1000)),
        (2, lambda rng: rng.integers(0, 216, 900)),
        (3, lambda rng: rng.zipf(1.3, 3000) % 5000),
        (4, lambda rng: rng.integers(0, 10**9, 1000)),
    ],
)
def test_independent_requests_do_not_pile_up_and_retries_do(seed, draw):
    asked = draw(np.random.default_rng(seed)).tolist()

    def at(values):
        return piled_up_at(Counter(Counter(values).values()))

    assert at(asked) is None
    if seed == 4:
        assert [at(asked + asked[:100] * again) for again in (1, 2, 5)] == [2, 3, 6]
        assert at(asked + asked[:5]) is None, "a handful may be chance"


def test_baselines_of_other_columns_are_not_compared_with():
    baseline = records(profile(pl.DataFrame({"x": [1, 2, 3]})))

    assert records(profile(pl.DataFrame({"x": [1, 1]})), baseline)["repeated"]["expected_share"] is not None
    assert records(profile(pl.DataFrame({"y": [1, 1]})), baseline)["repeated"]["expected_share"] is None


WHOLE = {"repeated": {"rows": 0, "times": {"1": 9}}, "rows": 9, "combinations": None, "columns": ["x"]}


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"repeated": 3, "rows": 1, "combinations": None},
        {"rows": "many"},
        WHOLE | {"combinations": "x"},
        WHOLE | {"combinations": 0},
        WHOLE | {"rows": float("inf")},
    ],
)
def test_a_wrong_baseline_is_named(wrong):
    with pytest.raises(ValueError, match="records: expected the numbers that a baseline's run wrote"):
        records(profile(pl.DataFrame({"x": [1]})), wrong)


def related(rows: int) -> pl.DataFrame:
    rng = np.random.default_rng(11)
    minutes, state = rng.normal(200, 50, rows), rng.integers(0, 40, rows)
    return pl.DataFrame(
        {
            "minutes": minutes,
            "charge": (minutes * 0.17).round(2),
            "log": -np.log(np.abs(minutes) + 1),
            "calls": rng.poisson(90, rows),
            "noisy": minutes + rng.normal(0, 20, rows),
            "state": [f"S{number}" for number in state],
            "capital": [f"City {number * 7 % 41}" for number in state],
            "region": [f"R{number % 4}" for number in state],
            "id": [f"id-{number}" for number in range(rows)],
            "other_id": [f"key-{number}" for number in range(rows)],
            "rare": (np.arange(rows) % 500 == 0).astype(int),
            "rare_too": (np.arange(rows) % 500 == 0).astype(int),
            "gaps": [None if number % 3 else value * 2 for number, value in enumerate(minutes)],
        }
    )


def test_columns_that_say_the_same_are_found():
    parts = [related(6000)[start : start + 1500].cast(pl.String) for start in range(0, 6000, 1500)]
    found = records(functools.reduce(merge, map(profile, parts)))["redundant"]

    pairs = {tuple(pair["columns"]): (pair["kind"], round(pair["value"], 2)) for pair in found}
    assert pairs == {
        ("minutes", "charge"): ("correlated", 1.0),
        ("minutes", "log"): ("correlated", -1.0),
        ("charge", "log"): ("correlated", -1.0),
        ("minutes", "gaps"): ("correlated", 1.0),
        ("charge", "gaps"): ("correlated", 1.0),
        ("log", "gaps"): ("correlated", -1.0),
        ("state", "capital"): ("mapped", 1.0),
    }
    assert [abs(pair["value"]) for pair in found] == sorted((abs(pair["value"]) for pair in found), reverse=True)


def test_names_of_columns_mean_nothing():
    names = ["rows", "", "column_1", "^a.*$", "a", "*", "value", "count"]
    batch = pl.DataFrame({name: [number // (place + 1) for number in range(150)] for place, name in enumerate(names)})
    found = records(functools.reduce(merge, [profile(batch), profile(batch[:9].cast(pl.String)), profile_all([batch])]))

    assert found["columns"] == sorted(names)
    assert (found["rows"], found["repeated"]["rows"]) == (309, 159)
    assert ["rows", ""] in [pair["columns"] for pair in found["redundant"]]


def test_rows_without_columns_are_rows():
    empty = pl.DataFrame(height=2)
    found = records(profile_all([empty, empty, pl.DataFrame({"x": [None, 1]})]))
    assert (found["rows"], found["repeated"]["times"]) == (6, {"1": 1, "5": 1})
    assert records(profile(empty))["repeated"]["rows"] == 1


def test_what_waits_to_be_looked_at_stays_small():
    sketch = RecordSketch()
    for number in range(1_001):
        sketch.add(pl.DataFrame({"x": [number % 7]}))
    assert len(sketch._pending) == 1
    wide = pl.DataFrame({f"c{number}": range(4_200) for number in range(500)})
    sketch.add(wide)
    assert not sketch._pending
    assert (sketch.repeats.rows, sketch.repeats.distinct()) == (5_201, 4_207)


def test_few_rows_say_nothing_about_columns():
    assert redundant(related(99).cast(pl.String)) == []
    assert redundant(pl.DataFrame({"x": ["1"] * 200, "y": [None] * 200}, schema={"x": pl.String, "y": pl.String})) == []


def test_correlations_are_those_of_a_textbook():
    """Against polars' own Spearman, with and without gaps."""
    data = related(500)
    gaps = data.select("minutes", "noisy", "calls").with_columns(
        pl.when(pl.int_range(pl.len()) % 4 > 0).then("minutes").alias("minutes")
    )
    from model_analyzer.data_quality import _redundant

    for table in (data.select("minutes", "noisy", "calls"), gaps):
        ranks = {name: _redundant._numbers(table[name].cast(pl.String)) for name in table.columns}
        found = {(pair.first, pair.second): pair.value for pair in _redundant._correlated(ranks, least=0.0)}
        for (one, other), value in found.items():
            both = table.select(one, other).drop_nulls()
            expected = both.select(pl.corr(one, other, method="spearman")).item()
            assert value == pytest.approx(expected, abs=0.02 if both.height < 500 else 1e-9)
        assert len(found) == 3
