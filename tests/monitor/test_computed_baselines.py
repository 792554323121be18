"""Baselines that are computed from training data: once, at the version's own place, by whatever run comes first."""

from __future__ import annotations

import json
import random

import pytest

from monitor.analysis import BaselineError
from shared.environment import ConfigurationError

PLACE = "baselines/churn/1"


@pytest.fixture
def trained(bench):
    """A monitor of data quality that computes baselines, and training data."""
    bench.environment(BASELINES_URI="s3://mlops-data/baselines", TRAINING_DATA_URI="s3://mlops-data/training/")
    lines = ["prediction,income,age,plan,churned"]
    lines += [",".join(map(str, [*row, random.Random(n).randint(0, 1)])) for n, row in enumerate(bench.traffic(2000))]
    bench.put("training/train.csv", "\n".join(lines) + "\n")
    return bench


def stored(bench, key):
    return json.loads(bench.s3.get_object(Bucket="mlops-data", Key=key)["Body"].read())


def keys(bench):
    listed = bench.s3.list_objects_v2(Bucket="mlops-data", Prefix="baselines/").get("Contents", [])
    return [item["Key"] for item in listed]


def test_the_first_run_computes_what_the_version_lacks_and_compares_with_it(trained):
    trained.environment(TRAINING_DATA_LABEL="churned")
    trained.capture(trained.traffic(400, shift=30.0, seed=3))
    detail = trained.run()
    assert (detail["baselineMissing"], detail["checked"]) == (False, True)
    assert detail["status"] == "CompletedWithViolations"
    assert "income" in {item["feature"] for item in detail["worstFeatures"]}
    names = ("constraints", "origin", "records", "statistics")
    assert keys(trained) == [f"{PLACE}/DataQuality/{name}.json" for name in names]
    assert json.loads(trained.read("records.json"))["repeated"]["expected_share"] is not None
    names = [feature["name"] for feature in stored(trained, f"{PLACE}/DataQuality/constraints.json")["features"]]
    assert names == ["prediction", "income", "age", "plan"], "labels are not captured"
    assert stored(trained, f"{PLACE}/DataQuality/origin.json")["trainingData"] == "s3://mlops-data/training"
    assert trained.run_metrics()["BaselineMissing"] == 0


def test_what_is_there_is_never_overwritten(trained):
    trained.capture(trained.traffic(400, seed=3))
    trained.run()
    before = {key: stored(trained, key) for key in keys(trained)}
    trained.put("training/train.csv", "prediction,income,age,plan\n1,1,1,x\n")
    trained.calls.clear()
    assert trained.run()["baselineMissing"] is False
    assert {key: stored(trained, key) for key in keys(trained)} == before
    written = [call["Key"] for name, call in trained.calls if name == "PutObject"]
    assert not [key for key in written if key.startswith("baselines/")]


def test_a_half_made_baseline_is_completed(trained):
    trained.put(f"{PLACE}/DataQuality/statistics.json", '{"made": "by hand"}')
    trained.capture(trained.traffic(400, seed=3))
    with pytest.raises(BaselineError, match="statistics"):
        trained.run()
    assert f"{PLACE}/DataQuality/constraints.json" in keys(trained)
    assert stored(trained, f"{PLACE}/DataQuality/statistics.json") == {"made": "by hand"}


def test_a_baseline_of_the_registry_comes_first(trained):
    trained.capture(trained.traffic(400, seed=3))
    trained.run(trained.baseline())
    assert f"{PLACE}/DataQuality/constraints.json" not in keys(trained)


def test_versions_name_their_own_data_by_type_or_for_all(bench, monkeypatch):
    class Registry:
        properties: dict[str, str] = {}

        def describe_model_package(self, ModelPackageName):
            assert ModelPackageName.endswith("/churn/1")
            return {"CustomerMetadataProperties": self.properties} if self.properties else {}

    monkeypatch.setattr("monitor.monitor.client", lambda service: Registry())
    bench.environment(BASELINES_URI="s3://mlops-data/baselines")
    bench.capture(bench.traffic(400, seed=3))
    assert bench.run()["baselineMissing"] is True, "nothing names data, which stays visible"
    rows = "\n".join(",".join(map(str, row)) for row in bench.traffic(500))
    bench.put("own/train.csv", f"prediction,income,age,plan\n{rows}\n")
    Registry.properties = {"monitoring-dataset": "s3://mlops-data/nowhere/x.csv"}
    with pytest.raises(BaselineError, match=r"no training data at s3://mlops-data/nowhere/x\.csv"):
        bench.run()
    Registry.properties |= {"monitoring-dataset-DataQuality": "s3://mlops-data/own/train.csv"}
    assert bench.run()["baselineMissing"] is False


@pytest.mark.parametrize("kind", ["ModelQuality", "ModelBias"])
def test_labelled_types_measure_the_training_data(bench, kind):
    bench.monitor(
        kind,
        BASELINES_URI="s3://mlops-data/baselines",
        TRAINING_DATA_URI="s3://mlops-data/training/validation.csv",
        TRAINING_DATA_LABEL="churned",
        TRAINING_DATA_TOLERANCE="0.2",
    )
    customers = bench.customers(800, seed=9)
    rows = "\n".join(",".join(map(str, [*item.row, item.label])) for item in customers)
    bench.put("training/validation.csv", f"probability,income,age,gender,churned\n{rows}\n")
    today = bench.customers()
    bench.serve(today)
    bench.learn(today)
    detail = bench.run()
    assert (detail["baselineMissing"], detail["checked"]) == (False, True)
    name = "constraints" if kind == "ModelQuality" else "analysis"
    document = stored(bench, f"{PLACE}/{kind}/{name}.json")
    if kind == "ModelQuality":
        right = sum((item.probability > 0.5) == bool(item.label) for item in customers) / len(customers)
        limit = document["binary_classification_constraints"]["accuracy"]["threshold"]
        assert limit == pytest.approx(right * 0.8)
    else:
        assert document["pre_training_bias_metrics"]["label"] == "churned"
        assert set(document["pre_training_bias_metrics"]["facets"]) == {"gender", "age"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("probability,income,age,gender\n0.5,1,2,male\n", "no column of labels 'churned'"),
        ("probability,income,age,gender,churned\n", "not one row can be used"),
    ],
)
def test_training_data_that_does_not_fit_is_named(bench, text, says):
    bench.monitor(
        "ModelQuality",
        BASELINES_URI="s3://mlops-data/baselines",
        TRAINING_DATA_URI=bench.put("training/wrong.csv", text),
        TRAINING_DATA_LABEL="churned",
    )
    today = bench.customers()
    bench.serve(today)
    bench.learn(today)
    with pytest.raises(BaselineError, match=says):
        bench.run()
    assert keys(bench) == []


def test_attribution_explains_the_training_data(bench):
    import io
    import tarfile

    import numpy as np
    import xgboost

    rows = np.random.default_rng(1).normal(size=(300, 2))
    booster = xgboost.train({"max_depth": 2}, xgboost.DMatrix(rows, rows[:, 1]), 5)
    stream, body = io.BytesIO(), bytes(booster.save_raw("ubj"))
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        member = tarfile.TarInfo("xgboost-model")
        member.size = len(body)
        tar.addfile(member, io.BytesIO(body))
    lines = "\n".join(f"0.5,{a:.4f},{b:.4f},1" for a, b in rows)
    bench.environment(
        MONITORING_TYPE="ModelExplainability",
        ANALYSIS_CONFIG='{"headers": ["a", "b"]}',
        MODEL_DATA_URL=bench.put("models/m.tar.gz", stream.getvalue()),
        BASELINES_URI="s3://mlops-data/baselines",
        TRAINING_DATA_URI=bench.put("training/t.csv", f"answer,a,b,label\n{lines}\n"),
        TRAINING_DATA_LABEL="label",
    )
    bench.capture([[0.5, round(a, 4), round(b, 4)] for a, b in rows[:100]])
    assert bench.run()["checked"] is True
    values = stored(bench, f"{PLACE}/ModelExplainability/analysis.json")["explanations"]["kernel_shap"]["label0"]
    assert values["global_shap_values"]["b"] > values["global_shap_values"]["a"]


def test_a_wrong_format_is_refused_before_anything_is_read(trained):
    trained.environment(TRAINING_DATA_FORMAT="csv")
    with pytest.raises(ConfigurationError, match="TRAINING_DATA_FORMAT='csv' must be a dataset format"):
        trained.run()
