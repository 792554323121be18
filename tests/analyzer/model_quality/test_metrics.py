"""Metrics against scikit-learn, against numbers that AWS published, and at their edges."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from sklearn import metrics as sk

from model_analyzer.model_quality import QualityStatistics, Summary, Task, statistics, summarize
from model_analyzer.model_quality._classification import Confusion
from model_analyzer.model_quality._resampling import ROWS
from model_analyzer.model_quality._scores import SCORE_CAP, ScoreCounts

BINARY = Task("BinaryClassification", ground_truth="label", probability="score", probability_threshold=0.4)
MULTI = Task("MulticlassClassification", ground_truth="kind", inference="guess")
REGRESSION = Task("Regression", ground_truth="truth", inference="forecast")


def values(frame: pl.DataFrame, task: Task) -> dict[str, float]:
    return {
        name: metric.value for name, metric in QualityStatistics(statistics(summarize(frame, task))).metrics.items()
    }


def close(expected: float) -> object:
    return pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_binary_metrics_equal_scikit_learn(scored):
    frame = scored(5000)
    label, score = frame["label"].to_numpy(), frame["score"].to_numpy()
    predicted = (score > 0.4).astype(int)
    found = values(frame, BINARY)
    tn, fp, fn, tp = sk.confusion_matrix(label, predicted).ravel()
    expected = {
        "accuracy": sk.accuracy_score(label, predicted),
        "recall": sk.recall_score(label, predicted),
        "precision": sk.precision_score(label, predicted),
        "f0_5": sk.fbeta_score(label, predicted, beta=0.5),
        "f1": sk.f1_score(label, predicted),
        "f2": sk.fbeta_score(label, predicted, beta=2),
        "true_positive_rate": tp / (tp + fn),
        "true_negative_rate": tn / (tn + fp),
        "false_positive_rate": fp / (tn + fp),
        "false_negative_rate": fn / (tp + fn),
        "auc": sk.roc_auc_score(label, score),
    }
    always = np.ones_like(label)
    expected |= {
        "accuracy_best_constant_classifier": sk.accuracy_score(label, always),
        "precision_best_constant_classifier": sk.precision_score(label, always),
        "recall_best_constant_classifier": sk.recall_score(label, always),
        "f0_5_best_constant_classifier": sk.fbeta_score(label, always, beta=0.5),
        "f1_best_constant_classifier": sk.f1_score(label, always),
        "f2_best_constant_classifier": sk.fbeta_score(label, always, beta=2),
    }
    assert set(found) - {"au_prc"} == set(expected)
    for name, value in expected.items():
        assert found[name] == close(value), name
    precision, recall, _ = sk.precision_recall_curve(label, score)
    precision[-1] = precision[-2]  # scikit-learn starts at precision 1, Spark and we at that of the highest score
    assert found["au_prc"] == close(-np.trapezoid(precision, recall))
    section = QualityStatistics(statistics(summarize(frame, BINARY))).section
    assert section["confusion_matrix"] == {"0": {"0": tn, "1": fp}, "1": {"0": fn, "1": tp}}


def test_curves_equal_scikit_learn(scored):
    frame = scored(400)
    label, score = frame["label"].to_numpy(), frame["score"].to_numpy()
    section = statistics(summarize(frame, BINARY))["binary_classification_metrics"]
    false_rates, true_rates, _ = sk.roc_curve(label, score, drop_intermediate=False)
    roc = section["receiver_operating_characteristic_curve"]
    assert roc["false_positive_rates"] == pytest.approx(false_rates, abs=1e-12)
    assert roc["true_positive_rates"] == pytest.approx(true_rates, abs=1e-12)
    precision, recall, _ = sk.precision_recall_curve(label, score)
    ours = section["precision_recall_curve"]
    assert ours["precisions"][1:] == pytest.approx(precision[:-1][::-1], abs=1e-12)
    assert ours["recalls"][1:] == pytest.approx(recall[:-1][::-1], abs=1e-12)
    assert ours["recalls"][0] == 0.0 and ours["precisions"][0] == ours["precisions"][1]


def test_long_curves_are_thinned_to_their_ends(scored):
    chance = np.random.default_rng(0)
    frame = scored(5000).with_columns(pl.Series("score", chance.random(5000)))
    roc = statistics(summarize(frame, BINARY))["binary_classification_metrics"][
        "receiver_operating_characteristic_curve"
    ]
    points = list(zip(roc["false_positive_rates"], roc["true_positive_rates"], strict=True))
    assert len(points) == 500 and points[0] == (0.0, 0.0) and points[-1] == (1.0, 1.0)
    assert points == sorted(points)


def test_multiclass_metrics_equal_scikit_learn(scored):
    frame = scored(3000)
    actual, predicted = frame["kind"].to_list(), frame["guess"].to_list()
    found = values(frame, MULTI)
    options = {"average": "weighted", "zero_division": 0}
    rarest = ["9"] * len(actual)
    for prefix, guess in (("", predicted), ("_best_constant_classifier", rarest)):
        assert found[f"accuracy{prefix}"] == close(sk.accuracy_score(actual, guess))
        assert found[f"weighted_recall{prefix}"] == close(sk.recall_score(actual, guess, **options))
        assert found[f"weighted_precision{prefix}"] == close(sk.precision_score(actual, guess, **options))
        for name, beta in (("f0_5", 0.5), ("f1", 1), ("f2", 2)):
            expected = sk.fbeta_score(actual, guess, beta=beta, **options)
            assert found[f"weighted_{name}{prefix}"] == close(expected)
    assert len(found) == 12
    matrix = QualityStatistics(statistics(summarize(frame, MULTI))).confusion
    assert list(matrix) == ["9", "10", "ant", "bee", "cat"]
    assert matrix["9"]["9"] == 0
    for row, label in zip(sk.confusion_matrix(actual, predicted, labels=list(matrix)), matrix, strict=True):
        assert list(matrix[label].values()) == row.tolist()


def test_regression_metrics_equal_scikit_learn(scored):
    frame = scored(3000)
    truth, forecast = frame["truth"].to_numpy(), frame["forecast"].to_numpy()
    found = values(frame, REGRESSION)
    assert found == {
        "mae": close(sk.mean_absolute_error(truth, forecast)),
        "mse": close(sk.mean_squared_error(truth, forecast)),
        "rmse": close(sk.root_mean_squared_error(truth, forecast)),
        "r2": close(sk.r2_score(truth, forecast)),
    }


def test_regression_far_from_zero_keeps_its_digits(scored):
    frame = scored(3000).with_columns(pl.col("truth", "forecast") + 1e9)
    truth, forecast = frame["truth"].to_numpy(), frame["forecast"].to_numpy()
    assert values(frame, REGRESSION)["r2"] == pytest.approx(sk.r2_score(truth, forecast), rel=1e-9)


def test_published_multiclass_figures():
    """The example on AWS's page of metrics: the matrix gives all the other numbers."""
    cells = {("0", "0"): 1180, ("0", "1"): 510, ("1", "0"): 268, ("1", "1"): 138}
    counts = {pair: np.full(ROWS, count) for pair, count in cells.items()}
    body = statistics(Summary(MULTI, rows=2096, confusion=Confusion(counts)))
    found = {name: metric.value for name, metric in QualityStatistics(body).metrics.items()}
    assert found == {
        "accuracy": close(0.6288167938931297),
        "weighted_recall": close(0.6288167938931297),
        "weighted_precision": close(0.6983172269629505),
        "weighted_f0_5": close(0.6803947317178771),
        "weighted_f1": close(0.6571162346664904),
        "weighted_f2": close(0.6384024354394601),
        "accuracy_best_constant_classifier": close(0.19370229007633588),
        "weighted_recall_best_constant_classifier": close(0.19370229007633588),
        "weighted_precision_best_constant_classifier": close(0.03752057718081697),
        "weighted_f0_5_best_constant_classifier": close(0.04473443104152011),
        "weighted_f1_best_constant_classifier": close(0.06286421244683643),
        "weighted_f2_best_constant_classifier": close(0.10570313141262414),
    }


def test_published_binary_figures():
    """One true negative, two false positives, one true positive: the example on AWS's page."""
    frame = pl.DataFrame({"label": [0, 0, 0, 1], "guess": [0, 1, 1, 1]})
    found = values(frame, Task("BinaryClassification", ground_truth="label", inference="guess"))
    published = {
        "recall": 1.0,
        "precision": 1 / 3,
        "accuracy": 0.5,
        "recall_best_constant_classifier": 1.0,
        "precision_best_constant_classifier": 0.25,
        "accuracy_best_constant_classifier": 0.25,
        "true_positive_rate": 1.0,
        "true_negative_rate": 1 / 3,
        "false_positive_rate": 2 / 3,
        "false_negative_rate": 0.0,
        "f0_5": 0.3846153846153846,
        "f1": 0.5,
        "f2": 0.7142857142857143,
        "f0_5_best_constant_classifier": 0.29411764705882354,
        "f1_best_constant_classifier": 0.4,
        "f2_best_constant_classifier": 0.625,
    }
    assert found == {name: close(value) for name, value in published.items()}


def test_published_regression_figures():
    """778 wrong of 2096 labels of which 406 are 1: AWS's example of a regression."""
    truth = [1.0] * 406 + [0.0] * 1690
    forecast = [0.0] * 268 + [1.0] * 138 + [1.0] * 510 + [0.0] * 1180
    found = values(pl.DataFrame({"truth": truth, "forecast": forecast}), REGRESSION)
    assert found["mae"] == close(0.3711832061068702)
    assert found["rmse"] == close(0.609248066149471)
    assert found["r2"] == close(-1.3766111872212665)


@pytest.mark.parametrize(
    ("labels", "scores", "missing"),
    [
        ([0, 0, 0], [0.1, 0.2, 0.9], {"recall", "true_positive_rate", "false_negative_rate", "auc", "au_prc"}),
        ([1, 1], [0.9, 0.8], {"true_negative_rate", "false_positive_rate", "auc"}),
        ([1, 0], [0.1, 0.1], {"precision"}),
    ],
)
def test_metrics_without_a_value_are_nan(labels, scores, missing):
    body = statistics(summarize(pl.DataFrame({"label": labels, "score": scores}), BINARY))
    section = body["binary_classification_metrics"]
    constant = {name for name in section if name.endswith("_best_constant_classifier")}
    without = {name for name, entry in section.items() if entry.get("value") == "NaN"} - constant
    assert without == missing
    assert ("receiver_operating_characteristic_curve" in section) == ("auc" not in missing)


def test_constant_labels_have_no_r2_unless_predicted_exactly():
    wrong = pl.DataFrame({"truth": [3.0, 3.0], "forecast": [3.0, 4.0]})
    right = pl.DataFrame({"truth": [3.0, 3.0], "forecast": [3.0, 3.0]})
    assert math.isnan(values(wrong, REGRESSION)["r2"])
    assert values(right, REGRESSION)["r2"] == 1.0


def test_no_rows_give_no_values():
    for task in (BINARY, MULTI, REGRESSION):
        body = statistics(Summary(task))
        assert body["dataset"]["item_count"] == 0
        assert all(math.isnan(metric.value) for metric in QualityStatistics(body).metrics.values())


def test_many_distinct_scores_are_rounded_within_bounds():
    chance = np.random.default_rng(5)
    rows = 3 * SCORE_CAP
    label = chance.random(rows) < 0.2
    score = 1 / (1 + np.exp(-(chance.normal(0, 2, rows) + label)))
    masks = np.ones((ROWS, rows), bool)
    counted = ScoreCounts.of(score, label, masks)
    assert not counted.exact
    assert SCORE_CAP >= counted.keys.size >= SCORE_CAP // 16
    assert counted.auc()[0] == pytest.approx(sk.roc_auc_score(label, score), abs=1e-5)


def test_scores_below_zero_sort_as_numbers():
    score = np.array([-3.0, -0.5, -0.0, 0.0, 2.0, 1e-300, -1e300])
    label = np.array([False, True, False, True, True, True, False])
    counted = ScoreCounts.of(score, label, np.ones((ROWS, 7), bool))
    assert counted.cumulative()[0].tolist() == sorted({*score}, reverse=True)
    assert counted.auc()[0] == close(sk.roc_auc_score(label, score))
