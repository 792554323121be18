"""Tree SHAP: against the definition, against the boosting libraries, against the shap package."""

from __future__ import annotations

import itertools
import json
import math
import pickle

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import ensemble, tree
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from model_analyzer.attribution import AttributionAnalysis, Tree, analysis, summarize_all, tree_shap
from model_analyzer.attribution._libraries import UnsupportedModel, of_sklearn
from model_analyzer.report import attribution_html


def data(rows=120, features=5, seed=0):
    chance = np.random.default_rng(seed)
    matrix = chance.normal(size=(rows, features)).astype(np.float32).astype(float)
    target = matrix[:, 0] + matrix[:, 1] * matrix[:, 2] + 0.3 * chance.normal(size=rows)
    return matrix, target


def conditional_mean(part: Tree, node: int, row: np.ndarray, known: set[int]) -> np.ndarray:
    """A tree's answer when only some features are known: both ways, weighted by cover, at the others' nodes."""
    if part.left[node] == -1:
        return part.values[node]
    children = (int(part.left[node]), int(part.right[node]))
    if int(part.feature[node]) in known:
        return conditional_mean(part, children[0 if part.goes_left(node, row[None, :])[0] else 1], row, known)
    return sum(conditional_mean(part, child, row, known) * part.cover[child] for child in children) / part.cover[node]


def shapley(part: Tree, row: np.ndarray) -> np.ndarray:
    """Shapley values by their definition, over all subsets."""
    count = row.size
    result = np.zeros((count, part.values.shape[1]))
    for feature in range(count):
        others = [other for other in range(count) if other != feature]
        for size in range(count):
            weight = math.factorial(size) * math.factorial(count - size - 1) / math.factorial(count)
            for subset in itertools.combinations(others, size):
                with_it = conditional_mean(part, 0, row, {*subset, feature})
                result[feature] += weight * (with_it - conditional_mean(part, 0, row, set(subset)))
    return result


@given(st.integers(0, 10_000), st.integers(1, 6))
def test_any_tree_equals_the_definition(seed, depth):
    matrix, target = data(60, 4, seed)
    model = tree.DecisionTreeRegressor(max_depth=depth, random_state=seed).fit(matrix, target)
    part = of_sklearn(model).trees[0]
    rows = matrix[:3]
    explanation = tree_shap(part, rows, 4)
    for number, row in enumerate(rows):
        assert explanation.values[number] == pytest.approx(shapley(part, row), abs=1e-9)
    assert explanation.outputs[:, 0] == pytest.approx(model.predict(rows), abs=1e-9)


def models():
    matrix, target = data()
    classes = np.digitize(target, [-0.5, 0.5])
    binary = (target > 0).astype(int)
    gaps = matrix.copy()
    gaps[::7, 1] = np.nan
    return {
        "tree": (tree.DecisionTreeRegressor(max_depth=4, random_state=0), matrix, target),
        "tree of classes": (tree.DecisionTreeClassifier(max_depth=4, random_state=0), matrix, classes),
        "forest": (ensemble.RandomForestRegressor(12, max_depth=5, random_state=0), matrix, target),
        "forest of classes": (ensemble.RandomForestClassifier(12, random_state=0), matrix, classes),
        "extra trees": (ensemble.ExtraTreesRegressor(8, max_depth=6, random_state=0), matrix, target),
        "boosting": (ensemble.GradientBoostingRegressor(n_estimators=15, random_state=0), matrix, target),
        "boosting of two classes": (
            ensemble.GradientBoostingClassifier(n_estimators=15, random_state=0),
            matrix,
            binary,
        ),
        "histogram boosting": (ensemble.HistGradientBoostingRegressor(max_iter=15, min_samples_leaf=5), gaps, target),
        "histogram boosting of two classes": (
            ensemble.HistGradientBoostingClassifier(max_iter=15, min_samples_leaf=5),
            gaps,
            binary,
        ),
        "tree with gaps": (tree.DecisionTreeRegressor(max_depth=4, random_state=0), gaps, target),
    }


def output(model, matrix):
    """What the values explain: probabilities of trees and forests, log odds of boosted classifiers."""
    if hasattr(model, "decision_function"):
        return np.asarray(model.decision_function(matrix)).reshape(len(matrix), -1)
    if hasattr(model, "predict_proba"):
        return model.predict_proba(matrix)
    return model.predict(matrix)[:, None]


@pytest.mark.parametrize("name", models())
def test_values_add_up_to_the_output(name):
    model, matrix, target = models()[name]
    model.fit(matrix, target)
    explanation = of_sklearn(model).explain(matrix)
    assert explanation.outputs == pytest.approx(output(model, matrix), abs=1e-9)


def test_boosting_of_three_classes_adds_up():
    matrix, target = data()
    model = ensemble.GradientBoostingClassifier(n_estimators=5, random_state=0).fit(
        matrix, np.digitize(target, [-0.5, 0.5])
    )
    explanation = of_sklearn(model).explain(matrix)
    assert explanation.values.shape == (120, 5, 3)
    assert explanation.outputs == pytest.approx(model.decision_function(matrix), abs=1e-9)


def test_deep_trees_with_many_features_add_up():
    matrix, target = data(400, 24, 3)
    model = tree.DecisionTreeRegressor(random_state=0).fit(matrix, target)
    explainer = of_sklearn(model)
    assert explainer.explain(matrix).outputs[:, 0] == pytest.approx(model.predict(matrix), abs=1e-8)
    assert explainer.explain(matrix[:0]).values.shape == (0, 24, 1)


@pytest.mark.oracle
def test_values_equal_the_shap_package(oracle, tmp_path):
    question, ours = {}, {}
    for name, (model, matrix, target) in models().items():
        model.fit(matrix, target)
        path = tmp_path / f"{name}.pkl"
        path.write_bytes(pickle.dumps(model))
        rows = matrix[:25]
        question[name] = (str(path), [[None if np.isnan(cell) else cell for cell in row] for row in rows.tolist()])
        ours[name] = of_sklearn(model).explain(rows)
    answers = oracle("reference", "shap_values.py", question)
    for name, answer in answers.items():
        assert ours[name].values == pytest.approx(np.array(answer["values"]), abs=1e-8), name
        assert ours[name].expected == pytest.approx(np.array(answer["expected"]), abs=1e-8), name


def test_other_models_are_refused_with_a_way_out():
    matrix, target = data()
    forest = ensemble.RandomForestRegressor(3).fit(matrix, target)
    for model, message in (
        (make_pipeline(StandardScaler(), forest), "pipeline"),
        (StandardScaler().fit(matrix), "StandardScaler is no tree ensemble"),
        (ensemble.AdaBoostRegressor(n_estimators=3).fit(matrix, target), "weighs its trees"),
    ):
        with pytest.raises(UnsupportedModel, match=message) as refused:
            of_sklearn(model)
        assert "kernel SHAP" in str(refused.value)


@pytest.fixture(scope="module")
def forest():
    matrix, target = data(50, 3)
    return of_sklearn(ensemble.RandomForestRegressor(3, max_depth=3, random_state=0).fit(matrix[:, :2], target))


numbers = st.one_of(st.none(), st.floats(), st.floats(-3, 3))


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=40), st.integers(0, 40))
def test_any_float_in_any_parts(forest, cells, cut):
    frame = pl.DataFrame(cells, schema={"x": pl.Float64, "ünïcode 🐢": pl.Float64}, orient="row")
    whole = AttributionAnalysis(analysis(summarize_all([frame], forest)))
    json.dumps(whole.body, allow_nan=False)
    attribution_html(whole.body)
    parts = [part for part in (frame[cut:], frame[:cut]) if part.height]
    again = AttributionAnalysis(analysis(summarize_all(parts, forest)))
    for label, expected in whole.labels.items():
        assert again.labels[label].values == pytest.approx(expected.values, rel=1e-9, abs=1e-12)
