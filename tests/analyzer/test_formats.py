"""The files, compared with the shapes that AWS documents and its tools read."""

from __future__ import annotations

import json
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_analyzer.data_quality import (
    Constraints,
    FeatureConstraints,
    MonitoringConfig,
    Statistics,
    compare,
    profile,
    statistics,
    suggest,
)


@pytest.fixture(scope="module")
def data() -> pl.DataFrame:
    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "score": rng.random(5_000),
            "age": rng.integers(18, 90, 5_000),
            "plan": rng.choice(["basic", "plus"], 5_000),
            "id": [f"user-{n}" for n in range(5_000)],
            "empty": pl.Series([None] * 5_000, dtype=pl.String),
        }
    )


def test_statistics_have_the_documented_shape(data):
    body = statistics(profile(data))
    assert body["version"] == 0.0
    assert body["dataset"] == {"item_count": 5_000}
    score, age, plan, _, empty = body["features"]
    assert list(score) == ["name", "inferred_type", "numerical_statistics"]
    numbers = score["numerical_statistics"]
    assert list(numbers) == ["common", "mean", "sum", "std_dev", "min", "max", "distribution"]
    assert numbers["common"] == {"num_present": 5_000, "num_missing": 0}
    kll = numbers["distribution"]["kll"]
    assert kll["sketch"]["parameters"] == {"c": 0.64, "k": 2048.0}
    assert len(kll["buckets"]) == 10
    assert list(kll["buckets"][0]) == ["lower_bound", "upper_bound", "count"]
    assert sum(len(level) * 2**height for height, level in enumerate(kll["sketch"]["data"])) == 5_000
    assert age["inferred_type"] == "Integral"
    text = plan["string_statistics"]
    assert list(text) == ["common", "distinct_count", "distribution"]
    assert {bucket["value"] for bucket in text["distribution"]["categorical"]["buckets"]} == {"basic", "plus"}
    assert empty["inferred_type"] == "Unknown"
    assert empty["string_statistics"]["common"] == {"num_present": 0, "num_missing": 5_000}


def test_statistics_agree_with_numpy(data):
    numbers = statistics(profile(data))["features"][0]["numerical_statistics"]
    values = data["score"].to_numpy()
    assert numbers["mean"] == pytest.approx(math.fsum(values) / 5_000, rel=1e-12)
    assert numbers["sum"] == pytest.approx(math.fsum(values), rel=1e-12)
    assert numbers["std_dev"] == pytest.approx(values.std(ddof=0), rel=1e-12)
    assert (numbers["min"], numbers["max"]) == (values.min(), values.max())


def test_buckets_of_small_data_are_exact():
    values = np.random.default_rng(4).integers(0, 40, 1_500)
    buckets = statistics(profile(pl.DataFrame({"x": values})))["features"][0]["numerical_statistics"]["distribution"][
        "kll"
    ]["buckets"]
    counts, edges = np.histogram(values, bins=10)
    assert [bucket["count"] for bucket in buckets] == counts.tolist()
    assert [bucket["lower_bound"] for bucket in buckets] == pytest.approx(edges[:-1].tolist())
    assert [bucket["upper_bound"] for bucket in buckets] == pytest.approx(edges[1:].tolist())


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=40))
def test_any_floats_give_strict_json_and_complete_buckets(values):
    body = statistics(profile(pl.DataFrame({"x": pl.Series(values, dtype=pl.Float64)})))
    again = json.loads(json.dumps(body, allow_nan=False))
    buckets = again["features"][0]["numerical_statistics"]["distribution"]["kll"]["buckets"]
    assert sum(bucket["count"] for bucket in buckets) == len(values)
    assert all(bucket["lower_bound"] <= bucket["upper_bound"] for bucket in buckets)


@given(st.lists(st.one_of(st.none(), st.text(max_size=12)), min_size=1, max_size=40), st.text(min_size=1, max_size=5))
def test_any_unicode_survives(values, name):
    frame = pl.DataFrame({name: pl.Series(values, dtype=pl.String)})
    body = profile(frame)
    written = json.dumps(statistics(body), ensure_ascii=False).encode("utf-8")
    read = Statistics.from_json(written)
    assert name in read.features
    present = [value for value in values if value is not None]
    assert read.features[name].present == len(present)
    Constraints.from_json(suggest(body).to_json().encode("utf-8"))


def test_suggested_constraints(data):
    constraints = suggest(profile(data))
    by_name = {feature.name: feature for feature in constraints.features}
    assert by_name["score"] == FeatureConstraints("score", "Fractional", 1.0, is_non_negative=True)
    assert by_name["plan"].domains is not None
    assert set(by_name["plan"].domains) == {"basic", "plus"}
    assert by_name["id"].domains is None
    assert by_name["empty"] == FeatureConstraints("empty", "Unknown", 0.0)
    body = json.loads(constraints.to_json())
    assert body["version"] == 0.0
    assert body["features"][0] == {
        "name": "score",
        "inferred_type": "Fractional",
        "completeness": 1.0,
        "num_constraints": {"is_non_negative": True},
    }
    assert body["monitoring_config"] == {
        "evaluate_constraints": "Enabled",
        "emit_metrics": "Enabled",
        "datatype_check_threshold": 1.0,
        "domain_content_threshold": 1.0,
        "distribution_constraints": {
            "perform_comparison": "Enabled",
            "comparison_threshold": 0.1,
            "comparison_method": "Robust",
            "categorical_drift_method": "LInfinity",
        },
    }


def test_constraints_round_trip(data):
    constraints = suggest(
        profile(data), MonitoringConfig(comparison_threshold=0.2, categorical_comparison_threshold=0.3)
    )
    assert Constraints.from_json(constraints.to_json()) == constraints


@pytest.mark.parametrize("place", ["feature", "feature snake", "string_constraints", "num_constraints"])
def test_overrides_are_found_wherever_tools_write_them(place):
    change = {"evaluate_constraints": "Disabled"}
    feature = {"name": "x", "inferred_type": "String"}
    if place == "feature":
        feature["monitoringConfigOverrides"] = change
    elif place == "feature snake":
        feature["monitoring_config_overrides"] = change
    else:
        feature[place] = {"monitoring_config_overrides": change}
    constraints = Constraints.from_dict({"features": [feature]})
    assert not constraints.config_of(constraints.features[0]).evaluate_constraints
    assert constraints.config.evaluate_constraints


def test_all_mistakes_are_reported_at_once():
    body = {
        "features": [
            {"inferred_type": "String"},
            {"name": "a", "inferred_type": "Text"},
            {"name": "b", "completeness": 3},
        ],
        "monitoring_config": {"evaluate_constraints": "On", "distribution_constraints": {"comparison_threshold": 7}},
    }
    with pytest.raises(ValueError, match="constraints") as caught:
        Constraints.from_dict(body)
    message = str(caught.value)
    for part in ("features[0] has no name", "'Text'", "completeness is 3", "'On'", "comparison_threshold is 7"):
        assert part in message


@pytest.mark.parametrize("text", ["[]", "{}", '{"features": [{}]}', "3"])
def test_other_documents_are_no_statistics(text):
    with pytest.raises(ValueError, match="features"):
        Statistics.from_json(text)


def test_a_file_with_buckets_only_can_be_compared():
    body = statistics(profile(pl.DataFrame({"x": np.random.default_rng(0).random(4_000)})))
    bare = json.loads(json.dumps(body))
    del bare["features"][0]["numerical_statistics"]["distribution"]["kll"]["sketch"]
    assert compare(body, bare)["x"].value < 0.1
