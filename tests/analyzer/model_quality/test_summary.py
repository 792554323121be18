"""Summaries: whatever the order, grouping and batches, the same answer; and what happens to unusable rows."""

from __future__ import annotations

import itertools
import random

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_analyzer._columns import canonical, canonical_text, numbers, resolve
from model_analyzer.inputs import RECORD
from model_analyzer.model_quality import QualityStatistics, Summary, Task, merge, statistics, summarize, summarize_all
from model_analyzer.model_quality import _scores as scores_module
from model_analyzer.model_quality._resampling import memberships
from model_analyzer.model_quality._scores import ScoreCounts

TASKS = (
    Task("BinaryClassification", ground_truth="label", probability="score"),
    Task("MulticlassClassification", ground_truth="kind", inference="guess"),
    Task("Regression", ground_truth="truth", inference="forecast"),
)


def same(first: Summary, second: Summary) -> None:
    assert first.rows == second.rows
    assert first.unusable == second.unusable
    one, two = QualityStatistics(statistics(first)), QualityStatistics(statistics(second))
    assert one.confusion == two.confusion
    for name, metric in one.metrics.items():
        other = two.metrics[name]
        assert metric.value == pytest.approx(other.value, rel=1e-9, abs=1e-12, nan_ok=True), name
        assert metric.standard_deviation == pytest.approx(other.standard_deviation, rel=1e-6, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.problem_type)
@given(st.integers(1, 400), st.lists(st.integers(0, 400), max_size=6), st.integers(0, 2**32))
def test_any_split_order_and_grouping(scored, task, rows, cuts, seed):
    chance = random.Random(seed)
    frame = scored(rows, seed=rows)
    edges = sorted({0, rows, *(min(cut, rows) for cut in cuts)})
    parts = [summarize(frame[a:b], task, a) for a, b in itertools.pairwise(edges)]
    chance.shuffle(parts)
    while len(parts) > 1:
        first = parts.pop(chance.randrange(len(parts)))
        second = parts.pop(chance.randrange(len(parts)))
        parts.append(merge(first, second))
    same(parts[0], summarize(frame, task))


@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.booleans()), min_size=1, max_size=120),
    st.integers(0, 2**32),
)
def test_rounded_scores_merge_in_any_order(rows, seed):
    chance = random.Random(seed)
    original = scores_module.SCORE_CAP
    scores_module.SCORE_CAP = 16
    try:
        masks = np.ones((6, 1), bool)
        parts = [ScoreCounts.of(np.array([s]), np.array([p]), masks) for s, p in rows]
        chance.shuffle(parts)
        while len(parts) > 1:
            parts.append(parts.pop(chance.randrange(len(parts))).merged(parts.pop(chance.randrange(len(parts)))))
        whole = ScoreCounts.of(
            np.array([s for s, _ in rows]), np.array([p for _, p in rows]), np.ones((6, len(rows)), bool)
        )
        assert parts[0].dropped == whole.dropped
        assert parts[0].keys.tolist() == whole.keys.tolist()
        assert (parts[0].counts == whole.counts).all()
        assert whole.keys.size <= 16
    finally:
        scores_module.SCORE_CAP = original


def test_samples_follow_the_id_of_a_record_not_its_place(scored):
    frame = scored(1000).with_columns(pl.Series(RECORD, [f"event-{n}#0" for n in range(1000)]))
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=3)
    for task in TASKS:
        same(summarize_all([shuffled[:300], shuffled[300:]], task), summarize(frame, task))


def test_samples_hold_four_fifths_and_differ():
    masks = memberships(pl.DataFrame({"x": range(20_000)}), 0)
    assert masks[0].all()
    assert masks[1:].mean(axis=1) == pytest.approx(0.8, abs=0.015)
    overlaps = [(masks[a] & masks[b]).mean() for a in range(1, 6) for b in range(a + 1, 6)]
    assert overlaps == pytest.approx([0.64] * 10, abs=0.02)


def test_standard_deviation_is_that_of_drawing_four_fifths(scored):
    frame = scored(4000)
    metric = QualityStatistics(statistics(summarize(frame, TASKS[2]))).metrics["mae"]
    error = np.abs(frame["truth"].to_numpy() - frame["forecast"].to_numpy())
    theory = error.std() * np.sqrt(0.2 / 0.8 / 4000)
    assert 0.3 * theory < metric.standard_deviation < 2.5 * theory


def test_standard_deviation_needs_two_hundred_rows(scored):
    for rows, text in ((199, True), (200, False)):
        section = statistics(summarize(scored(rows), TASKS[0]))["binary_classification_metrics"]
        assert (section["accuracy"]["standard_deviation"] == "NaN") is text


def test_rows_without_label_or_prediction_are_counted():
    frame = pl.DataFrame(
        {"label": ["1", None, " ", "0", "1"], "score": ["0.9", "0.1", "0.2", "much", "NaN"], "other": range(5)}
    )
    summary = summarize(frame, TASKS[0])
    assert summary.rows == 1
    assert summary.unusable == {"label missing or unusable": 2, "probability missing or unusable": 2}
    lost = summarize(frame.drop("score"), TASKS[0])
    assert (lost.rows, dict(lost.unusable)) == (0, {"no column score": 5})
    assert merge(summary, lost).unusable.total() == 9


def test_labels_are_compared_by_what_they_mean():
    text = pl.Series(["1", "1.0", " 1e0", "True", "true", "x", "", None, "1_0", "nan"])
    assert canonical(text).to_list() == ["1", "1", "1", "true", "true", "x", None, None, "1_0", "nan"]
    assert canonical(pl.Series([True, False, None])).to_list() == ["true", "false", None]
    assert canonical(pl.Series([1, 2])).to_list() == ["1", "2"]
    assert canonical(pl.Series([1.0, 2.5])).to_list() == ["1", "2.5"]
    assert (canonical_text(1), canonical_text(True), canonical_text("0.0")) == ("1", "true", "0")
    assert numbers(pl.Series([" 1 ", "x", None, "inf"])).to_list() == [1.0, None, None, None]


def test_columns_by_name_or_by_position_behind_those_of_the_join():
    frame = pl.DataFrame({"record_id": ["a"], "ground_truth": ["1"], "_c0": ["0.5"], "_c1": ["7"]})
    assert resolve(frame, "_c1").to_list() == ["7"]
    assert resolve(frame, "0").to_list() == ["0.5"]
    assert resolve(frame, "2") is None and resolve(frame, "nothing") is None


def test_a_task_says_all_that_is_wrong_with_it():
    with pytest.raises(ValueError, match=r"problem_type is 'Ranking'.*neither inference.*threshold is 2"):
        Task("Ranking", probability_threshold=2)
    with pytest.raises(ValueError, match="only binary"):
        Task("Regression", inference="a", probability="b")


def test_a_regression_taken_for_a_classification_is_refused():
    frame = pl.DataFrame({"kind": [str(n) for n in range(1001)], "guess": ["1"] * 1001})
    with pytest.raises(ValueError, match=r"more than 1,000 different labels.*regression"):
        summarize(frame, TASKS[1])


def test_summaries_of_different_tasks_do_not_merge():
    with pytest.raises(ValueError, match="different tasks"):
        merge(Summary(TASKS[0]), Summary(TASKS[1]))


def test_labels_stand_in_one_order_even_if_one_reads_like_no_number():
    task = Task("MulticlassClassification", ground_truth="kind", inference="guess")
    labels = ["10", "NaN", "9", "a", "inf"]
    orders = {
        tuple(summarize(pl.DataFrame({"kind": order, "guess": order}), task).confusion.labels())
        for order in itertools.permutations(labels)
    }
    assert orders == {("9", "10", "inf", "NaN", "a")}
