"""Suggested thresholds, checks, and their files."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import polars as pl
import pytest

from model_analyzer.model_quality import (
    QualityConstraints,
    QualityStatistics,
    Task,
    Threshold,
    check,
    statistics,
    suggest,
    summarize,
)

BINARY = Task("BinaryClassification", ground_truth="label", probability="score")
REGRESSION = Task("Regression", ground_truth="truth", inference="forecast")


def test_a_baseline_satisfies_its_own_constraints(scored):
    for task in (BINARY, REGRESSION):
        body = statistics(summarize(scored(500), task))
        assert not check(body, suggest(body))


def test_operators_follow_what_is_better(scored):
    constraints = suggest(statistics(summarize(scored(500), BINARY)))
    above = {name for name, entry in constraints.metrics.items() if entry.comparison_operator == "GreaterThanThreshold"}
    assert above == {"false_positive_rate", "false_negative_rate"}
    assert not any(name.endswith("constant_classifier") for name in constraints.metrics)
    assert {"auc", "recall", "precision", "accuracy", "f1", "true_negative_rate"} < set(constraints.metrics)
    regression = suggest(statistics(summarize(scored(500), REGRESSION)))
    assert {name: entry.comparison_operator for name, entry in regression.metrics.items()} == {
        "mae": "GreaterThanThreshold",
        "mse": "GreaterThanThreshold",
        "rmse": "GreaterThanThreshold",
        "r2": "LessThanThreshold",
    }


def test_tolerance_widens_on_the_worse_side(scored):
    body = statistics(summarize(scored(500), REGRESSION))
    exact, wide = suggest(body), suggest(body, tolerance=0.1)
    assert wide.metrics["mae"].threshold == pytest.approx(1.1 * exact.metrics["mae"].threshold)
    assert wide.metrics["r2"].threshold == pytest.approx(0.9 * exact.metrics["r2"].threshold)
    with pytest.raises(ValueError, match="tolerance is -1"):
        suggest(body, tolerance=-1)


def test_a_worse_model_is_found(scored):
    frame = scored(500)
    constraints = suggest(statistics(summarize(frame, REGRESSION)))
    worse = frame.with_columns(pl.col("forecast") + 5)
    found = check(statistics(summarize(worse, REGRESSION)), constraints)
    assert [violation.metric_name for violation in found] == ["mae", "mse", "rmse", "r2"]
    first = found[0]
    entry = first.to_dict()
    assert set(entry) == {"constraint_check_type", "description", "metric_name"}
    assert entry["description"] == (
        f"Metric mae with {first.value!r} +/- {first.standard_deviation!r} "
        f"was GreaterThanThreshold {first.threshold.threshold!r}"
    )
    assert found[1:3] == (found[1], found[2])


def test_without_deviation_the_description_has_none(scored):
    constraints = QualityConstraints("Regression", {"mae": Threshold(0.0, "GreaterThanThreshold")})
    (violation,) = check(statistics(summarize(scored(50), REGRESSION)), constraints)
    assert "+/-" not in violation.description


def test_metrics_without_a_value_are_named_not_violated():
    constraints = QualityConstraints("BinaryClassification", {"recall": Threshold(0.9, "LessThanThreshold")})
    window = pl.DataFrame({"label": [0, 0], "score": [0.1, 0.7]})
    found = check(statistics(summarize(window, BINARY)), constraints)
    assert len(found) == 0 and found.not_computable == ("recall",)


def test_files_come_back_as_they_were_written(scored):
    when = datetime(2025, 3, 1, 10, 30, tzinfo=UTC)
    body = statistics(summarize(scored(300), BINARY), when)
    assert body["dataset"] == {"item_count": 300, "evaluation_time": "2025-03-01T10:30:00.000Z"}
    assert QualityStatistics.from_json(json.dumps(body)).body == body
    constraints = suggest(body)
    assert QualityConstraints.from_json(constraints.to_json()) == constraints
    assert json.loads(constraints.to_json())["version"] == 0.0


def test_published_constraints_are_read():
    text = """{"version": 0.0, "multiclass_classification_constraints": {"accuracy":
        {"threshold": 0.7, "comparison_operator": "LessThanThreshold", "additional_properties": null}}}"""
    constraints = QualityConstraints.from_json(text)
    assert constraints == QualityConstraints(
        "MulticlassClassification", {"accuracy": Threshold(0.7, "LessThanThreshold")}
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([], "expected an object with one of"),
        ({"regression_constraints": {"mae": {"threshold": "1"}, "r2": 3}}, "mae: threshold is '1'.*r2: threshold is"),
        ({"regression_constraints": {"mae": {"threshold": 1, "comparison_operator": "Less"}}}, "'Less': use"),
    ],
)
def test_broken_constraints_are_refused_with_reasons(body, message):
    with pytest.raises(ValueError, match=message):
        QualityConstraints.from_dict(body)


def test_statistics_and_constraints_of_different_tasks(scored):
    body = statistics(summarize(scored(50), REGRESSION))
    with pytest.raises(ValueError, match="statistics are of Regression, constraints of BinaryClassification"):
        check(body, QualityConstraints("BinaryClassification", {}))
    with pytest.raises(ValueError, match="model quality statistics"):
        QualityStatistics({"features": []})
