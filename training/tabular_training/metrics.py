"""Metrics of predictions, computed from their definitions, in the shape of SageMaker's evaluation reports.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-metrics.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

_SECTIONS = {
    "binary-classification": "binary_classification_metrics",
    "multiclass-classification": "multiclass_classification_metrics",
    "regression": "regression_metrics",
}


def section(problem: str) -> str:
    """Key of the metrics in the report."""
    return _SECTIONS[problem]


def evaluate(problem: str, labels: np.ndarray, scores: np.ndarray, *, threshold: float, classes: Sequence[str]) -> Any:
    """All metrics of a problem.

    :param problem: Kind of problem.
    :param labels: The truth, as the model's numbers.
    :param scores: What the model said: probabilities of the positive label, of each class, or numbers.
    :param threshold: Probability above which a binary classification says yes.
    :param classes: Labels in the order of the model's numbers.
    :returns: `{metric: {"value": …, "standard_deviation": "NaN"}}`.
    """
    if problem == "regression":
        found: dict[str, Any] = _regression(labels, scores)
    elif problem == "binary-classification":
        found = _binary(labels, scores, threshold)
    else:
        found = _multiclass(labels.astype(int), scores.argmax(axis=1), len(classes))
    report: dict[str, Any] = {
        name: {"value": float(value), "standard_deviation": "NaN"} for name, value in found.items()
    }
    if problem != "regression":
        said = (scores > threshold).astype(int) if problem == "binary-classification" else scores.argmax(axis=1)
        report["confusion_matrix"] = _confusion(labels.astype(int), said, classes)
    return report


def auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Area under the ROC curve: how often a positive row scores higher than a negative one, ties counted half."""
    positive = int(labels.sum())
    negative = len(labels) - positive
    if not positive or not negative:
        return 0.5
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    # Mean rank of each group of equal scores.
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[inverse]
    return float((ranks[labels == 1].sum() - positive * (positive + 1) / 2) / (positive * negative))


def _binary(labels: np.ndarray, scores: np.ndarray, threshold: float) -> dict[str, float]:
    said = scores > threshold
    truth = labels == 1
    true_positive, false_positive = float((said & truth).sum()), float((said & ~truth).sum())
    false_negative, true_negative = float((~said & truth).sum()), float((~said & ~truth).sum())
    precision = _ratio(true_positive, true_positive + false_positive)
    recall = _ratio(true_positive, true_positive + false_negative)
    clipped = np.clip(scores, 1e-15, 1 - 1e-15)
    return {
        "auc": auc(labels, scores),
        "accuracy": _ratio(true_positive + true_negative, len(labels)),
        "precision": precision,
        "recall": recall,
        "f1": _ratio(2 * precision * recall, precision + recall),
        "true_positive_rate": recall,
        "true_negative_rate": _ratio(true_negative, true_negative + false_positive),
        "false_positive_rate": _ratio(false_positive, true_negative + false_positive),
        "false_negative_rate": _ratio(false_negative, true_positive + false_negative),
        "log_loss": float(-np.where(truth, np.log(clipped), np.log(1 - clipped)).mean()),
    }


def _multiclass(labels: np.ndarray, said: np.ndarray, count: int) -> dict[str, float]:
    weights, precisions, recalls, f1s = [], [], [], []
    for label in range(count):
        hits = float(((said == label) & (labels == label)).sum())
        precision, recall = _ratio(hits, float((said == label).sum())), _ratio(hits, float((labels == label).sum()))
        weights.append(float((labels == label).mean()))
        precisions.append(precision)
        recalls.append(recall)
        f1s.append(_ratio(2 * precision * recall, precision + recall))
    return {
        "accuracy": float((said == labels).mean()),
        "weighted_precision": float(np.dot(weights, precisions)),
        "weighted_recall": float(np.dot(weights, recalls)),
        "weighted_f1": float(np.dot(weights, f1s)),
    }


def _regression(labels: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
    errors = predictions - labels
    spread = float(((labels - labels.mean()) ** 2).sum())
    return {
        "mae": float(np.abs(errors).mean()),
        "mse": float((errors**2).mean()),
        "rmse": float(np.sqrt((errors**2).mean())),
        "r2": 1 - float((errors**2).sum()) / spread if spread else 0.0,
    }


def _confusion(labels: np.ndarray, said: np.ndarray, classes: Sequence[str]) -> dict[str, dict[str, int]]:
    return {
        name: {other: int(((labels == row) & (said == column)).sum()) for column, other in enumerate(classes)}
        for row, name in enumerate(classes)
    }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
