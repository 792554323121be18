"""`model-analyzer attribution`, and the page of its runs."""

from __future__ import annotations

import csv
import json
import pickle

import numpy as np
import polars as pl
import pytest
import xgboost
from sklearn.tree import DecisionTreeClassifier

from model_analyzer.cli import main
from model_analyzer.report import attribution_html

NAMES = ["age", "income", "debt"]


@pytest.fixture
def files(tmp_path):
    chance = np.random.default_rng(0)
    rows = chance.normal(size=(400, 3))
    data = xgboost.DMatrix(rows, (rows[:, 1] > 0).astype(int), feature_names=NAMES)
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 3, "seed": 0}, data, 5)
    (tmp_path / "xgboost-model").write_bytes(bytes(booster.save_raw("ubj")))
    pl.DataFrame(rows, schema=NAMES).write_csv(tmp_path / "validation.csv")
    rows[:, 1] *= 0.001
    pl.DataFrame(rows, schema=NAMES).write_csv(tmp_path / "now.csv")
    return tmp_path


def attribution(files, name: str, out: str, *options: str) -> int:
    return main(["attribution", str(files / name), "--out", str(files / out), *options])


def test_a_baseline_and_a_check(files, capsys):
    model = ("--model", str(files / "xgboost-model"))
    assert attribution(files, "validation.csv", "baseline", *model, "--quiet") == 0
    assert attribution(files, "validation.csv", "same", *model, "--baseline", str(files / "baseline"), "--quiet") == 0
    spread = ("--label-headers", "churn", "--aggregate", "mean_sq")
    assert attribution(files, "now.csv", "report", *model, *spread, "--json") == 0
    analysis = json.loads(capsys.readouterr().out)["analysis"]
    assert analysis["explanations"]["agg_method"] == "mean_sq"
    assert list(analysis["explanations"]["kernel_shap"]) == ["churn"]
    against = ("--baseline", str(files / "baseline"), "--threshold", "0.9999")
    code = attribution(files, "now.csv", "report", *model, *against, "--local", "--json")
    answer = json.loads(capsys.readouterr().out)
    assert code == (3 if answer["scores"]["label0"] < 0.9999 else 0)
    assert list(answer["scores"]) == ["label0"]
    with (files / "report" / "explanations_shap" / "out.csv").open() as file:
        local = list(csv.reader(file))
    assert local[0] == ["age_label0", "income_label0", "debt_label0"] and len(local) == 401
    values = answer["analysis"]["explanations"]["kernel_shap"]["label0"]["global_shap_values"]
    assert values["income"] == pytest.approx(np.mean([abs(float(row[1])) for row in local[1:]]))
    assert main(["report", str(files / "report"), "--baseline", str(files / "baseline"), "--quiet"]) == 0
    assert "Ranking of label0" in (files / "report" / "report.html").read_text()


def test_any_function_by_kernel_shap(files):
    (files / "predict.py").write_text("def predict(rows):\n    return rows[:, 0] * 2 - rows[:, 2]\n")
    options = ("--predictor", str(files / "predict.py"), "--background", str(files / "validation.csv"), "--rows", "20")
    assert attribution(files, "validation.csv", "out", *options, "--quiet") == 0
    body = json.loads((files / "out" / "analysis.json").read_text())["explanations"]
    assert (body["method"], body["item_count"]) == ("kernel_shap", 20)
    values = body["kernel_shap"]["label0"]["global_shap_values"]
    assert values["income"] == pytest.approx(0, abs=1e-9) and values["age"] > values["debt"] > 0


def test_pickles_only_with_leave(files, capsys):
    rows = np.random.default_rng(0).normal(size=(50, 3))
    model = DecisionTreeClassifier(max_depth=2).fit(rows, rows[:, 0] > 0)
    (files / "model.pkl").write_bytes(pickle.dumps(model))
    assert attribution(files, "validation.csv", "out", "--model", str(files / "model.pkl")) == 1
    assert "only for archives that you trust" in capsys.readouterr().err
    assert attribution(files, "validation.csv", "out", "--model", str(files / "model.pkl"), "--allow-pickle") == 0
    assert "label1: age" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--model", "nowhere"), "nowhere: no such file"),
        (("--predictor", "{files}/predict.py"), "--predictor needs --background"),
        (("--predictor", "{files}/none.py", "--background", "{files}/now.csv"), "no such Python file"),
        (("--predictor", "{files}/broken.py", "--background", "{files}/now.csv"), "predict raised KeyError"),
        (("--model", "{files}/xgboost-model", "--features", "age,height,debt"), "no column height"),
        (("--model", "{files}/xgboost-model", "--features", "age"), "1 features are named, the model has 3"),
        (("--model", "{files}/xgboost-model", "--rows", "0"), "--rows is 0"),
        (("--model", "{files}/xgboost-model", "--label-headers", "a,b"), "2 labels are named, the model has 1"),
    ],
)
def test_mistakes_are_explained(files, capsys, options, message):
    (files / "predict.py").write_text("def predict(rows):\n    return rows[:, 0]\n")
    (files / "broken.py").write_text("def predict(rows):\n    return {}['x']\n")
    assert attribution(files, "now.csv", "out", *(option.format(files=files) for option in options)) == 1
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error


def test_the_page_escapes_names():
    body = {"explanations": {"kernel_shap": {"<i>": {"global_shap_values": {"<b>": 1.0, "c": 0.5}}}}}
    page = attribution_html(body, None, body, title="<u>")
    assert "<i>" not in page and "<u>" not in page
    assert "&lt;b&gt;" in page and "Ranking of &lt;i&gt;" in page
