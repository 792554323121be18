"""Kernel SHAP, global attributions that merge, analysis.json, and drift of the ranking."""

from __future__ import annotations

import itertools
import json
import random

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from model_analyzer.attribution import (
    AttributionAnalysis,
    Explanation,
    KernelExplainer,
    analysis,
    check,
    columns_of,
    kernel_shap,
    matrix_of,
    merge,
    ndcg,
    summarize,
    summarize_all,
)

COEFFICIENTS = np.array([2.0, -1.0, 0.5, 0.0, 3.0])


def linear(rows):
    return rows @ COEFFICIENTS + 1


def product(rows):
    return np.stack([rows[:, 0] * rows[:, 1], rows[:, 2] + rows[:, 0]], axis=1)


def rows_of(count, features=5, seed=0):
    return np.random.default_rng(seed).normal(size=(count, features))


def test_linear_functions_have_known_values():
    rows, background = rows_of(7), rows_of(20, seed=1)
    found = kernel_shap(linear, rows, background)
    assert found.values[:, :, 0] == pytest.approx((rows - background.mean(axis=0)) * COEFFICIENTS, abs=1e-9)
    assert found.expected[0] == pytest.approx(linear(background).mean())


def test_interactions_are_shared_equally():
    rows, background = rows_of(4, 3), np.zeros((1, 3))
    found = kernel_shap(product, rows, background)
    assert found.values[:, 0, 0] == pytest.approx(rows[:, 0] * rows[:, 1] / 2)
    assert found.values[:, 1, 0] == pytest.approx(rows[:, 0] * rows[:, 1] / 2)
    assert found.values[:, 2, 0] == pytest.approx(np.zeros(4), abs=1e-12)
    assert found.values[:, :, 1] == pytest.approx(rows * [1, 0, 1], abs=1e-12)


@given(st.integers(1, 30), st.integers(0, 1000), st.integers(1, 3))
def test_values_always_add_up_to_the_output(features, seed, known):
    def function(matrix):
        return np.tanh(matrix).sum(axis=1) * matrix[:, 0] + matrix.max(axis=1)

    rows, background = rows_of(2, features, seed), rows_of(known, features, seed + 1)
    found = kernel_shap(function, rows, background, num_samples=2 * features + 64, seed=seed)
    assert found.outputs[:, 0] == pytest.approx(function(rows), abs=1e-9)


def test_drawn_coalitions_come_close_to_the_exact_values():
    def function(matrix):
        return np.tanh(matrix[:, :4]).sum(axis=1) * matrix[:, 4] + matrix[:, 5] * matrix[:, 6]

    rows, background = rows_of(3, 12), np.zeros((1, 12))
    exact = kernel_shap(function, rows, background, num_samples=2**12)
    drawn = kernel_shap(function, rows, background, num_samples=1500, seed=3)
    again = kernel_shap(function, rows, background, num_samples=1500, seed=3)
    assert np.abs(drawn.values - exact.values).max() < 0.05 * np.abs(exact.values).max()
    assert (drawn.values == again.values).all()


def test_log_odds_of_probabilities():
    def probability(matrix):
        return 1 / (1 + np.exp(-matrix @ COEFFICIENTS))

    rows, background = rows_of(5), np.zeros((1, 5))
    found = kernel_shap(probability, rows, background, link="logit")
    assert found.values[:, :, 0] == pytest.approx(rows * COEFFICIENTS, abs=1e-6)


def test_wrong_backgrounds_and_functions_are_refused():
    with pytest.raises(ValueError, match="one or more rows of 5 columns"):
        kernel_shap(linear, rows_of(2), rows_of(2, 4))
    with pytest.raises(ValueError, match="one number"):
        kernel_shap(lambda rows: np.zeros(3), rows_of(2), rows_of(1))
    assert kernel_shap(linear, rows_of(0), rows_of(2)).values.shape == (0, 5, 1)


def explanation(count, seed=0):
    chance = np.random.default_rng(seed)
    return Explanation(chance.normal(size=(count, 4, 2)) * [[1], [3], [0.2], [5]], np.array([0.3, -1.0]))


@given(st.integers(1, 300), st.lists(st.integers(0, 300), max_size=5), st.integers(0, 2**32))
def test_any_split_order_and_grouping(rows, cuts, seed):
    chance = random.Random(seed)
    whole = explanation(rows, seed % 97)
    edges = sorted({0, rows, *(min(cut, rows) for cut in cuts)})
    names = list("abcd")
    parts = [
        summarize(Explanation(whole.values[a:b], whole.expected), names, "tree_shap")
        for a, b in itertools.pairwise(edges)
    ]
    chance.shuffle(parts)
    while len(parts) > 1:
        parts.append(merge(parts.pop(chance.randrange(len(parts))), parts.pop(chance.randrange(len(parts)))))
    assert parts[0].rows == rows
    assert parts[0].values("mean_abs") == pytest.approx(np.abs(whole.values).mean(axis=0), rel=1e-9)
    assert parts[0].values("mean_sq") == pytest.approx(np.square(whole.values).mean(axis=0), rel=1e-9)
    assert parts[0].values("median") == pytest.approx(np.median(whole.values, axis=0), rel=1e-12)


def test_the_file_comes_back_as_it_was_written():
    body = analysis(summarize(explanation(50), list("abcd"), "tree_shap"), "mean_sq", ["no", "yes"])
    assert list(body["explanations"]["kernel_shap"]) == ["no", "yes"]
    found = AttributionAnalysis.from_json(json.dumps(body))
    assert (found.method, found.aggregation, found.item_count) == ("tree_shap", "mean_sq", 50)
    assert found.labels["yes"].expected == -1.0
    assert found.labels["yes"].ranking() == ["d", "b", "a", "c"]
    with pytest.raises(ValueError, match="3 labels are named, the model has 2"):
        analysis(summarize(explanation(5), list("abcd"), "tree_shap"), label_headers=list("abc"))
    with pytest.raises(ValueError, match="aggregation is 'max'"):
        analysis(summarize(explanation(5), list("abcd"), "tree_shap"), "max")
    with pytest.raises(ValueError, match=r"expected an object with explanations\.kernel_shap"):
        AttributionAnalysis({"version": "1.0"})


def test_published_explanations_are_read():
    text = """{"explanations": {"kernel_shap": {"label0": {"expected_value": 10.29, "global_shap_values":
        {"diameter": 0.6856, "height": 0.4415, "shell": 1.7042}}}}, "version": "1.0"}"""
    assert AttributionAnalysis.from_json(text).labels["label0"].ranking() == ["shell", "diameter", "height"]


@given(
    st.dictionaries(st.text(min_size=1, max_size=3), st.floats(0.001, 100), min_size=2, max_size=12),
    st.randoms(use_true_random=False),
)
def test_ndcg_equals_scikit_learn(baseline, chance):
    ranking = list(baseline)
    chance.shuffle(ranking)
    position = {name: -float(rank) for rank, name in enumerate(ranking)}
    expected = ndcg_score([[baseline[name] for name in ranking]], [[position[name] for name in ranking]])
    assert ndcg(baseline, ranking) == pytest.approx(expected)
    assert ndcg(baseline, sorted(baseline, key=lambda name: -baseline[name])) == pytest.approx(1.0)


def test_ndcg_at_its_edges():
    assert ndcg({"a": 0.0, "b": 0.0}, ["b", "a"]) == 1.0
    assert ndcg({"a": 1.0, "b": 0.5}, ["x", "y"]) == 0.0
    assert ndcg({"a": 1.0}, ["new", "a"]) == pytest.approx(1 / np.log2(3))


def attributions(**values):
    return {"explanations": {"kernel_shap": {"label0": {"global_shap_values": values, "expected_value": 0.1}}}}


def test_a_changed_ranking_is_drift():
    baseline = attributions(income=1.0, age=0.1, debt=0.05)
    assert not check(attributions(income=5.0, age=2.0, debt=0.1), baseline)
    found = check(attributions(income=0.1, age=0.6, debt=0.9), baseline)
    (score,) = found.violations
    assert found.to_dict() == {
        "version": "1.0",
        "violations": [
            {
                "label": "label0",
                "metric_name": "shap",
                "constraint_check_type": "feature_attribution_drift_check",
                "description": f"Feature attribution drift {score.value!r} exceeds threshold 0.9",
            }
        ],
    }
    assert score.value < 0.9
    assert not check(attributions(income=0.1, age=0.6, debt=0.9), baseline, threshold=0.5)
    with pytest.raises(ValueError, match="threshold is 2"):
        check(baseline, baseline, threshold=2)


def test_a_label_without_attributions_has_no_score():
    other = {"explanations": {"kernel_shap": {"label1": {"global_shap_values": {"a": 1}}}}}
    (score,) = check(other, attributions(a=1.0)).scores
    assert score.value is None and not score.exceeded


def test_features_by_name_or_from_the_right():
    explainer = KernelExplainer(linear, np.zeros((1, 5)))
    frame = pl.DataFrame({f"_c{n}": ["1"] for n in range(7)})
    assert columns_of(frame, explainer) == ["_c2", "_c3", "_c4", "_c5", "_c6"]
    named = KernelExplainer(linear, np.zeros((1, 5)), feature_names=("_c6", "_c5", "_c4", "_c3", "_c1"))
    assert columns_of(frame, named) == ["_c6", "_c5", "_c4", "_c3", "_c1"]
    assert columns_of(frame, explainer, [f"_c{n}" for n in range(5)]) == [f"_c{n}" for n in range(5)]
    for names, message in ((["_c9"], "no column _c9"), (["_c1"], "1 features are named, the model has 5")):
        with pytest.raises(ValueError, match=message):
            columns_of(frame, explainer, names)
    with pytest.raises(ValueError, match="has 2 columns, the model needs 5"):
        columns_of(frame[:, :2], explainer)


def test_features_become_numbers():
    frame = pl.DataFrame({"a": ["1", " 2.5", "", "NaN", None], "b": [1, 2, None, 4, 5]})
    found = matrix_of(frame, ["a", "b"])
    assert np.array_equal(found, [[1, 1], [2.5, 2], [np.nan, np.nan], [np.nan, 4], [np.nan, 5]], equal_nan=True)
    with pytest.raises(ValueError, match="column plan holds text"):
        matrix_of(pl.DataFrame({"plan": ["basic", "1"]}), ["plan"])


def test_a_stream_of_batches_is_one_summary():
    explainer = KernelExplainer(linear, np.zeros((1, 5)))
    frame = pl.DataFrame(rows_of(100), schema=list("abcde"))
    whole = analysis(summarize_all([frame], explainer))
    parts = analysis(summarize_all([frame[:30], frame[30:]], explainer))
    assert whole["explanations"]["method"] == "kernel_shap"
    for body in (whole, parts):
        values = AttributionAnalysis(body).labels["label0"].values
        expected = np.abs(frame.to_numpy() * COEFFICIENTS).mean(axis=0)
        assert list(values.values()) == pytest.approx(expected, abs=1e-9)
    assert summarize_all([], explainer).rows == 0
    assert analysis(summarize_all([], explainer))["explanations"]["kernel_shap"] == {}
