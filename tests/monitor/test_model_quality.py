"""Model quality against numbers computed here by their definitions."""

from __future__ import annotations

import json
from itertools import product

import pytest

from monitor.analysis import BaselineError
from shared.environment import ConfigurationError

MODEL = "aws/sagemaker/Endpoints/model-metrics"


def published(bench):
    return {datum["MetricName"]: datum["Value"] for space, more, datum in bench.data if space == MODEL and not more}


def labelled(bench, rows, labels):
    bench.capture(rows, ids=[f"id-{number}" for number in range(len(rows))])
    lines = [
        {
            "groundTruthData": {"data": str(label), "encoding": "CSV"},
            "eventMetadata": {"eventId": f"id-{number}"},
            "eventVersion": "0",
        }
        for number, label in enumerate(labels)
    ]
    bench.put("truth/2026/11/21/07/a.jsonl", "\n".join(map(json.dumps, lines)) + "\n")


def test_binary_metrics(bench):
    bench.monitor("ModelQuality", PROBABILITY_THRESHOLD="0.6")
    customers = bench.customers()
    bench.serve(customers)
    bench.learn(customers)
    bench.run()
    pairs = [(item.probability > 0.6, bool(item.label)) for item in customers]
    tp, fp = pairs.count((True, True)), pairs.count((True, False))
    fn, tn = pairs.count((False, True)), pairs.count((False, False))
    precision, recall = tp / (tp + fp), tp / (tp + fn)
    positive = [item.probability for item in customers if item.label]
    negative = [item.probability for item in customers if not item.label]
    wins = sum((p > n) + (p == n) / 2 for p, n in product(positive, negative))

    def f(beta):
        return (1 + beta**2) * precision * recall / (beta**2 * precision + recall)

    expected = {
        "accuracy": (tp + tn) / 300,
        "precision": precision,
        "recall": recall,
        "true_positive_rate": recall,
        "false_negative_rate": 1 - recall,
        "true_negative_rate": tn / (tn + fp),
        "false_positive_rate": fp / (tn + fp),
        "f0_5": f(0.5),
        "f1": f(1),
        "f2": f(2),
        "auc": wins / (len(positive) * len(negative)),
    }
    found = published(bench)
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    section = json.loads(bench.read("statistics.json"))["binary_classification_metrics"]
    assert section["confusion_matrix"] == {"0": {"0": tn, "1": fp}, "1": {"0": fn, "1": tp}}
    assert set(found) <= set(section), "metrics have the names of the file"
    assert isinstance(section["auc"]["standard_deviation"], float)


def test_multiclass_metrics(bench):
    bench.monitor(
        "ModelQuality",
        PROBLEM_TYPE="MulticlassClassification",
        PROBABILITY_ATTRIBUTE="",
        INFERENCE_ATTRIBUTE="0",
        OUTPUT_COLUMNS="",
    )
    labels = ["a", "b", "c", "a", "b", "c", "a", "b", "c", "a"]
    guesses = ["a", "b", "c", "a", "c", "c", "b", "b", "a", "a"]
    labelled(bench, [[guess, 1.0, 2.0] for guess in guesses], labels)
    bench.run()
    found = published(bench)
    # Right: a 3 of 4, b 2 of 3, c 2 of 3; guessed: a 4, b 3, c 3.
    assert found["accuracy"] == pytest.approx(0.7)
    assert found["weighted_recall"] == pytest.approx(0.4 * 3 / 4 + 0.3 * 2 / 3 + 0.3 * 2 / 3)
    assert found["weighted_precision"] == pytest.approx(0.4 * 3 / 4 + 0.3 * 2 / 3 + 0.3 * 2 / 3)
    matrix = json.loads(bench.read("statistics.json"))["multiclass_classification_metrics"]["confusion_matrix"]
    assert matrix["a"] == {"a": 3, "b": 1, "c": 0}


def test_regression_metrics(bench):
    bench.monitor(
        "ModelQuality",
        PROBLEM_TYPE="Regression",
        PROBABILITY_ATTRIBUTE="",
        INFERENCE_ATTRIBUTE="price",
        OUTPUT_COLUMNS='["price"]',
    )
    guesses, labels = [1.0, 2.0, 3.5, 4.0], [1.5, 2.0, 3.0, 5.0]
    labelled(bench, [[guess, "x"] for guess in guesses], labels)
    bench.run()
    # Errors -0.5, 0, 0.5, -1; the labels' mean is 2.875.
    mse = (0.25 + 0 + 0.25 + 1) / 4
    spread = sum((label - 2.875) ** 2 for label in labels)
    expected = {"mae": 0.5, "mse": mse, "rmse": mse**0.5, "r2": 1 - 4 * mse / spread}
    found = published(bench)
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_each_metric_beyond_its_threshold_is_a_violation(bench):
    bench.monitor("ModelQuality")
    customers = bench.customers()
    bench.serve(customers)
    bench.learn(customers)
    limits = {
        "accuracy": {"threshold": 0.99, "comparison_operator": "LessThanThreshold"},
        "recall": {"threshold": 0.1, "comparison_operator": "LessThanThreshold"},
        "false_positive_rate": {"threshold": 0.01, "comparison_operator": "GreaterThanThreshold"},
    }
    baseline = {"version": 0.0, "binary_classification_constraints": limits}
    detail = bench.run({"constraints": bench.put("baselines/1/c.json", json.dumps(baseline))})
    found = published(bench)
    assert detail["status"] == "CompletedWithViolations"
    assert detail["worstMetrics"] == [
        {
            "metric": "false_positive_rate",
            "check": "GreaterThanThreshold",
            "value": found["false_positive_rate"],
            "threshold": 0.01,
        },
        {"metric": "accuracy", "check": "LessThanThreshold", "value": found["accuracy"], "threshold": 0.99},
    ]
    written = json.loads(bench.read("constraint_violations.json"))["violations"]
    assert [(item["metric_name"], item["constraint_check_type"]) for item in written] == [
        ("accuracy", "LessThanThreshold"),
        ("false_positive_rate", "GreaterThanThreshold"),
    ]
    assert all(str(item["metric_name"]) in item["description"] for item in written)


def test_a_positive_label_of_ones_own(bench):
    bench.monitor("ModelQuality", POSITIVE_LABEL="churned")
    labelled(bench, [[0.9, 1], [0.8, 1], [0.2, 1], [0.4, 1]], ["churned", "stayed", "stayed", "churned"])
    bench.run()
    assert (published(bench)["precision"], published(bench)["recall"]) == (0.5, 0.5)


def test_a_baseline_of_another_problem_is_refused(bench):
    bench.monitor("ModelQuality")
    baseline = {"regression_constraints": {"mae": {"threshold": 1.0, "comparison_operator": "GreaterThanThreshold"}}}
    uri = bench.put("baselines/1/c.json", json.dumps(baseline))
    with pytest.raises(BaselineError, match="are of Regression, the monitor is of BinaryClassification"):
        bench.run({"constraints": uri})


def test_settings_name_every_mistake(bench):
    bench.monitor(
        "ModelQuality",
        PROBLEM_TYPE="Clustering",
        PROBABILITY_ATTRIBUTE="",
        PROBABILITY_THRESHOLD="2",
        GROUND_TRUTH_URI="truth",
        OUTPUT_COLUMNS="score",
        START_TIME_OFFSET="-PT2H30M",
        END_TIME_OFFSET="yesterday",
    )
    with pytest.raises(ConfigurationError) as caught:
        bench.run()
    for words in (
        "PROBLEM_TYPE='Clustering' must be one of BinaryClassification, ",
        "neither INFERENCE_ATTRIBUTE nor PROBABILITY_ATTRIBUTE is set",
        "PROBABILITY_THRESHOLD='2'",
        "GROUND_TRUTH_URI='truth'",
        "OUTPUT_COLUMNS='score'",
        "START_TIME_OFFSET='-PT2H30M' must be whole hours",
        "END_TIME_OFFSET: 'yesterday' is no duration",
    ):
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"PROBLEM_TYPE": "Regression"}, "PROBABILITY_ATTRIBUTE='probability' needs PROBLEM_TYPE=BinaryClassification"),
        ({"START_TIME_OFFSET": "P1D"}, "only START_TIME_OFFSET is set"),
        ({"START_TIME_OFFSET": "P1D", "END_TIME_OFFSET": "P1D"}, "are 0 hours apart"),
        ({"START_TIME_OFFSET": "P60D", "END_TIME_OFFSET": "P1D"}, "must span 1 to 744 hours"),
        ({"PERIOD_HOURS": ""}, "PERIOD_HOURS is not set"),
        ({"MONITORING_TYPE": "Quality"}, "must be one of DataQuality, ModelQuality, ModelBias"),
    ],
)
def test_settings_that_do_not_go_together(bench, variables, words):
    bench.monitor("ModelQuality")
    bench.environment(**variables)
    with pytest.raises(ConfigurationError, match=words):
        bench.run()
