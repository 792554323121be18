"""Models out of archives: formats, and nothing unpickled silently."""

from __future__ import annotations

import io
import pickle
import tarfile

import joblib
import numpy as np
import pytest
import xgboost
from sklearn.ensemble import RandomForestClassifier

from model_analyzer.attribution import ModelError, load_model


@pytest.fixture(scope="module")
def table():
    chance = np.random.default_rng(0)
    rows = chance.normal(size=(200, 4))
    rows[::9, 2] = np.nan
    return rows, (rows[:, 0] + rows[:, 1] > 0).astype(int)


@pytest.fixture(scope="module")
def booster(table):
    rows, label = table
    names = ["age", "income", "debt", "tenure"]
    data = xgboost.DMatrix(rows, label, feature_names=names)
    return xgboost.train({"objective": "binary:logistic", "max_depth": 3, "seed": 1}, data, 12)


def archive(folder, **files: bytes):
    path = folder / "model.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name.replace("__", "."))
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("form", ["json", "ubj"])
def test_xgboost_in_its_own_formats(table, booster, tmp_path, form):
    rows, _ = table
    path = archive(tmp_path, inference__py=b"import os", **{"xgboost-model": bytes(booster.save_raw(form))})
    explainer = load_model(path)
    assert explainer.feature_names == ("age", "income", "debt", "tenure")
    assert (explainer.feature_count, explainer.method) == (4, "tree_shap")
    explanation = explainer.explain(rows)
    margin = booster.predict(xgboost.DMatrix(rows, feature_names=booster.feature_names), output_margin=True)
    assert explanation.values.shape == (200, 4, 1)
    assert explanation.outputs[:, 0] == pytest.approx(margin, abs=1e-4)
    assert explainer.explain(rows[:0]).values.shape == (0, 4, 1)


def test_xgboost_of_several_classes(table, tmp_path):
    rows, label = table
    classes = label + (rows[:, 3] > 1)
    data = xgboost.DMatrix(rows, classes)
    model = xgboost.train({"objective": "multi:softprob", "num_class": 3, "max_depth": 3}, data, 5)
    (tmp_path / "model.json").write_bytes(bytes(model.save_raw("json")))
    explanation = load_model(tmp_path).explain(rows)
    assert explanation.values.shape == (200, 4, 3)
    assert explanation.outputs == pytest.approx(model.predict(data, output_margin=True), abs=1e-4)


@pytest.mark.oracle
def test_lightgbm_as_text(oracle, tmp_path):
    chance = np.random.default_rng(0)
    rows = chance.normal(size=(300, 4))
    question = {
        "rows": rows.tolist(),
        "binary": (rows[:, 0] > 0).astype(int).tolist(),
        "classes": np.digitize(rows[:, 1], [-0.4, 0.4]).tolist(),
        "colours": [str(value) for value in chance.choice(["blue", "green", "red"], 300)],
        "floors": [int(value) for value in chance.integers(0, 5, 300)],
        "folder": str(tmp_path),
    }
    answer = oracle("reference", "lightgbm_model.py", question)
    categories = answer.pop("categories")
    assert categories["largest_gap"] < 1e-6
    assert categories["known"] == {"1": ["blue", "green", "red"], "2": ["0", "1", "2", "3", "4"]}
    assert answer["binary"]["shape"] == [300, 4, 1] and answer["multiclass"]["shape"] == [300, 4, 3]
    for found in answer.values():
        assert found["largest_gap"] < 1e-6
        assert (found["names"], found["features"]) == (None, 4)


def test_pickles_are_loaded_only_if_allowed(table, tmp_path):
    rows, label = table
    model = RandomForestClassifier(5, random_state=0).fit(np.nan_to_num(rows), label)
    path = archive(tmp_path, model__pkl=pickle.dumps(model))
    with pytest.raises(ModelError, match=r"model.pkl is pickled.*only for archives that you trust"):
        load_model(path)
    explanation = load_model(path, allow_pickle=True).explain(np.nan_to_num(rows))
    assert explanation.outputs == pytest.approx(model.predict_proba(np.nan_to_num(rows)), abs=1e-9)


def test_joblib_files_are_pickles_too(table, tmp_path):
    rows, label = table
    model = RandomForestClassifier(3, random_state=0).fit(np.nan_to_num(rows), label)
    joblib.dump(model, tmp_path / "model.joblib", compress=3)
    with pytest.raises(ModelError, match="is pickled"):
        load_model(tmp_path / "model.joblib")
    assert load_model(tmp_path / "model.joblib", allow_pickle=True).feature_count == 4


def test_a_pickled_booster(booster, tmp_path):
    path = archive(tmp_path, **{"xgboost-model": pickle.dumps(booster)})
    assert load_model(path, allow_pickle=True).feature_count == 4


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_nothing_of_a_pickle_runs_without_leave(tmp_path):
    mark = tmp_path / "mark"
    path = archive(tmp_path, model__pkl=pickle.dumps(Trap(mark)))
    with pytest.raises(ModelError):
        load_model(path)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"readme__txt": b"hello"}, "no model found among readme.txt"),
        ({"xgboost-model": b"binf" + bytes(20)}, "old binary format"),
        ({"model__json": b'{"learner": 3}'}, "XGBoost cannot load it"),
        ({"model__json": b'{"weights": [1]}'}, "no model found"),
    ],
)
def test_what_cannot_be_loaded_is_named(tmp_path, files, message):
    with pytest.raises(ModelError, match=message):
        load_model(archive(tmp_path, **files))


def test_paths_that_lead_nowhere(tmp_path):
    with pytest.raises(ModelError, match="no such file"):
        load_model(tmp_path / "nothing")
    (tmp_path / "damaged.tar.gz").write_bytes(b"\x1f\x8bnonsense")
    with pytest.raises(ModelError, match=r"no model found|cannot be read"):
        load_model(tmp_path / "damaged.tar.gz")
    model = tmp_path / "odd.pkl"
    model.write_bytes(pickle.dumps({"not": "a model"}))
    with pytest.raises(ModelError, match="dict is no tree ensemble"):
        load_model(model, allow_pickle=True)
