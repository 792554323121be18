"""Text features: categories of the libraries, and encoders inside pipelines."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import xgboost
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from model_analyzer import attribution
from model_analyzer.attribution import Categories, KernelExplainer, ModelError, load_model, matrix_of
from model_analyzer.cli import main

COLOURS = ["blue", "green", "red", "yellow"]


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    chance = np.random.default_rng(0)
    rows = 300
    frame = pd.DataFrame(
        {
            "size": chance.normal(size=rows).round(3),
            "colour": chance.choice(COLOURS, rows),
            "floor": chance.integers(0, 4, rows),
        }
    )
    frame.loc[::17, "colour"] = None
    frame["label"] = ((frame["size"] > 0) ^ (frame["colour"] == "red")).astype(int)
    return frame


def typed(table: pd.DataFrame) -> pd.DataFrame:
    categories = {"colour": pd.CategoricalDtype(COLOURS), "floor": pd.CategoricalDtype([0, 1, 2, 3])}
    return table[["size", "colour", "floor"]].astype(categories)


def text(table: pd.DataFrame) -> pl.DataFrame:
    """The rows as captured traffic gives them."""
    return pl.DataFrame(
        {name: [None if pd.isna(v) else str(v) for v in table[name]] for name in ("size", "colour", "floor")},
        schema=dict.fromkeys(("size", "colour", "floor"), pl.String),
    )


def test_values_and_places():
    categories = Categories(["red", 10, "n/a"])
    series = pl.Series(["red", "10.0", None, "green", " red "], dtype=pl.String)
    assert categories.encode(series).to_list() == [0, 1, None, None, 0]
    assert categories.decode(np.array([1.0, np.nan, 0.0])).tolist() == ["10", None, "red"]
    grows = Categories(open=True)
    assert grows.encode(series).to_list() == [0, 1, None, 2, 0] and grows.values == ("red", "10.0", "green")


def test_xgboost_with_categories(table, tmp_path):
    data = xgboost.DMatrix(typed(table), table["label"], enable_categorical=True)
    model = xgboost.train({"objective": "binary:logistic", "max_depth": 3, "max_cat_to_onehot": 1}, data, 6)
    (tmp_path / "model.json").write_bytes(bytes(model.save_raw("json")))
    explainer = load_model(tmp_path)
    assert {place: values.values for place, values in explainer.categories.items()} == {
        1: tuple(COLOURS),
        2: ("0", "1", "2", "3"),
    }
    rows = matrix_of(text(table), ["size", "colour", "floor"], explainer.categories)
    explanation = explainer.explain(rows)
    assert explanation.outputs[:, 0] == pytest.approx(model.predict(data, output_margin=True), abs=1e-4)
    summary = attribution.summarize_all([text(table)], explainer)
    assert summary.rows == table.shape[0] and summary.absolute[1, 0] > summary.absolute[2, 0]


def test_histogram_boosting_with_categories(table, tmp_path):
    model = HistGradientBoostingClassifier(max_iter=15, categorical_features="from_dtype", min_samples_leaf=5)
    model.fit(typed(table), table["label"])
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(model))
    explainer = load_model(tmp_path, allow_pickle=True)
    strange = text(table).with_columns(colour=pl.when(pl.col("floor") == "3").then(pl.lit("mauve")).otherwise("colour"))
    seen = table.assign(colour=table["colour"].where(table["floor"] != 3, None))
    for rows, same in ((text(table), table), (strange, seen)):
        explanation = explainer.explain(matrix_of(rows, ["size", "colour", "floor"], explainer.categories))
        assert explanation.outputs[:, 0] == pytest.approx(model.decision_function(typed(same)), abs=1e-9)


def test_the_values_of_categories_are_shapley_values(table, tmp_path):
    """Against the definition: all coalitions, unknown features averaged over the branches by training rows."""
    model = HistGradientBoostingClassifier(max_iter=1, categorical_features="from_dtype", max_leaf_nodes=6)
    model.fit(typed(table), table["label"])
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(model))
    explainer = load_model(tmp_path, allow_pickle=True)
    (tree,) = explainer.trees
    rows = matrix_of(text(table)[:20], ["size", "colour", "floor"], explainer.categories)

    def conditional(row: np.ndarray, known: set[int], node: int = 0) -> float:
        if tree.left[node] == -1:
            return float(tree.values[node, 0])
        children = int(tree.left[node]), int(tree.right[node])
        if int(tree.feature[node]) in known:
            return conditional(row, known, children[0] if tree.goes_left(node, row[None])[0] else children[1])
        return sum(tree.cover[child] / tree.cover[node] * conditional(row, known, child) for child in children)

    weights = {0: 1 / 3, 1: 1 / 6, 2: 1 / 3}
    found = explainer.explain(rows).values[:, :, 0]
    for row, values in zip(rows, found, strict=True):
        for feature in range(3):
            others = [set(), *({other} for other in range(3) if other != feature), set(range(3)) - {feature}]
            expected = sum(
                weights[len(known)] * (conditional(row, known | {feature}) - conditional(row, known))
                for known in others
            )
            assert values[feature] == pytest.approx(expected, abs=1e-9)


@pytest.fixture(scope="module")
def pipeline(table):
    encoder = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["colour"]), remainder="passthrough", sparse_threshold=0
    )
    model = make_pipeline(encoder, LogisticRegression())
    return model.fit(table[["size", "colour", "floor"]], table["label"])


def test_a_pipeline_is_explained_in_the_columns_that_it_takes(table, pipeline, tmp_path):
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(pipeline))
    with pytest.raises(ModelError, match="give a background"):
        load_model(tmp_path, allow_pickle=True)
    explainer = load_model(tmp_path, allow_pickle=True, background=text(table)[:30])
    assert isinstance(explainer, KernelExplainer)
    rows = text(table)[30:40]
    explanation = explainer.explain(matrix_of(rows, ["size", "colour", "floor"], explainer.categories))
    chances = pipeline.predict_proba(table[["size", "colour", "floor"]][30:40])[:, 1]
    assert explanation.values.shape == (10, 3, 1)
    assert explanation.outputs[:, 0] == pytest.approx(chances, abs=1e-9)
    with pytest.raises(ModelError, match="no column colour, floor"):
        load_model(tmp_path, allow_pickle=True, background=text(table).select("size"))


def test_commands_on_text(table, pipeline, tmp_path, capsys):
    table.to_csv(tmp_path / "rows.csv", index=False)
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(pipeline))
    common = ["attribution", str(tmp_path / "rows.csv"), "--background", str(tmp_path / "rows.csv"), "--rows", "12"]
    common += ["--background-rows", "10", "--json", "--features", "size,colour,floor"]
    command = [*common, "--model", str(tmp_path / "model.pkl"), "--allow-pickle", "--out", str(tmp_path / "a")]
    assert main(command) == 0
    analysis = json.loads(capsys.readouterr().out)["analysis"]
    values = analysis["explanations"]["kernel_shap"]["label0"]["global_shap_values"]
    assert set(values) == {"size", "colour", "floor"} and values["colour"] > values["floor"]
    (tmp_path / "predict.py").write_text(
        "def predict(rows):\n    assert rows.dtype == object\n    return [row[0] * (row[1] == 'red') for row in rows]\n"
    )
    assert main([*common, "--predictor", str(tmp_path / "predict.py"), "--out", str(tmp_path / "b")]) == 0
    capsys.readouterr()
    trees = xgboost.train({}, xgboost.DMatrix(table[["size", "floor", "floor"]].to_numpy(), table["label"]), 2)
    (tmp_path / "trees.json").write_bytes(bytes(trees.save_raw("json")))
    assert main([*common, "--model", str(tmp_path / "trees.json"), "--out", str(tmp_path / "c")]) == 1
    assert "column colour holds text" in capsys.readouterr().err
