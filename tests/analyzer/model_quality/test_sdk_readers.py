"""The SageMaker SDK opens the files of data quality and model quality."""

from __future__ import annotations

import json

import polars as pl
import pytest

from model_analyzer import data_quality
from model_analyzer.model_quality import Task, check, statistics, suggest, summarize

TASKS = {
    "binary": Task("BinaryClassification", ground_truth="label", probability="score"),
    "multiclass": Task("MulticlassClassification", ground_truth="kind", inference="guess"),
    "regression": Task("Regression", ground_truth="truth", inference="forecast"),
}


@pytest.mark.oracle
def test_the_sdk_opens_every_file(scored, oracle, tmp_path):
    frame = scored(400)
    worse = frame.with_columns(pl.col("forecast") + 30, score=1 - pl.col("score"), guess=pl.lit("bee"))
    files: dict[str, tuple[str, str]] = {}
    profile = data_quality.profile(frame)
    suggested = data_quality.suggest(profile)
    written = {
        "statistics": json.dumps(data_quality.statistics(profile)),
        "constraints": suggested.to_json(),
        "violations": data_quality.check(
            data_quality.profile(worse), suggested, data_quality.statistics(profile)
        ).to_json(),
    }
    for kind, task in TASKS.items():
        body = statistics(summarize(frame, task))
        limits = suggest(body)
        written |= {
            f"{kind}/statistics": json.dumps(body),
            f"{kind}/constraints": limits.to_json(),
            f"{kind}/violations": check(statistics(summarize(worse, task)), limits).to_json(),
        }
    for name, text in written.items():
        path = tmp_path / f"{name.replace('/', '-')}.json"
        path.write_text(text)
        files[name] = (name.rpartition("/")[2], str(path))
        if name.endswith("/statistics"):
            files[f"{name}/card"] = (name.partition("/")[0], str(path))
    seen = oracle("reference", "sagemaker_readers.py", files)
    for name, text in written.items():
        assert seen[name] == json.loads(text), name
        if name.endswith("violations"):
            assert seen[name]["violations"], name
    card = seen["binary/statistics/card"]["metric_groups"][0]
    metrics = {entry["name"]: entry for entry in card["metric_data"]}
    body = json.loads(written["binary/statistics"])["binary_classification_metrics"]
    assert metrics["auc"]["value"] == body["auc"]["value"]
    assert metrics["confusion_matrix"]["value"] == [list(row.values()) for row in body["confusion_matrix"].values()]
    assert metrics["receiver_operating_characteristic_curve"]["value"][-1] == [1.0, 1.0]
    assert {"mae", "mse", "rmse", "r2"} <= {
        entry["name"] for entry in seen["regression/statistics/card"]["metric_groups"][0]["metric_data"]
    }
