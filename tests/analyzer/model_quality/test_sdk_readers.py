"""The SageMaker SDK opens every file, of all kinds of analysis."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from model_analyzer import attribution, bias, data_quality
from model_analyzer.model_quality import Task, check, statistics, suggest, summarize

TASKS = {
    "binary": Task("BinaryClassification", ground_truth="label", probability="score"),
    "multiclass": Task("MulticlassClassification", ground_truth="kind", inference="guess"),
    "regression": Task("Regression", ground_truth="truth", inference="forecast"),
}


def bias_analysis(frame: pl.DataFrame) -> dict[str, object]:
    facet = bias.Facet("kind", values=("ant", "bee"))
    return bias.analysis(bias.summarize(frame, bias.BiasConfig((facet,), label="label", probability="score")))


def attribution_analysis() -> dict[str, object]:
    values = np.random.default_rng(0).normal(size=(20, 4, 2))
    found = attribution.Explanation(values, np.array([0.3, -1.0]))
    return attribution.analysis(attribution.summarize(found, list("abcd"), "tree_shap"))


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
    for name, body in (("bias", bias_analysis(frame)), ("attribution", attribution_analysis())):
        (tmp_path / f"{name}.json").write_text(json.dumps(body))
        files[name] = (name, str(tmp_path / f"{name}.json"))
    seen = oracle("reference", "sagemaker_readers.py", files)
    groups = seen["bias"]["metric_groups"]
    assert len(groups) == 2
    assert groups[0]["name"] == "post_training_bias_metrics - label label = 1 and facet kind=ant,bee"
    assert {"DI", "AD", "GE"} <= {metric["name"] for metric in groups[0]["metric_data"]}
    groups = seen["attribution"]["metric_groups"]
    assert groups[0]["name"] == "explanations - global_shap_values, label=label0"
    assert [metric["name"] for metric in groups[0]["metric_data"]] == list("abcd")
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
