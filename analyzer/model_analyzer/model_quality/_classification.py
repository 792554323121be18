"""Confusion counts, and every metric that follows from them.

Metrics: https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-metrics.html
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from model_analyzer._arrays import Floats

from ._resampling import ROWS, Counts, Masks

LABEL_CAP = 1_000
"""Distinct labels up to which a confusion matrix makes sense."""


BETAS = (("f0_5", 0.5), ("f1", 1.0), ("f2", 2.0))


@dataclass
class Confusion:
    """Rows by actual and predicted label, for all data and each sample.

    Attributes:
        cells: Counts by (actual, predicted); labels in canonical text.
    """

    cells: dict[tuple[str, str], Counts] = field(default_factory=dict)

    @classmethod
    def of(cls, actual: pl.Series, predicted: pl.Series, masks: Masks) -> Confusion:
        """Count a batch of labels without nulls."""
        frame = pl.DataFrame({"actual": actual, "predicted": predicted})
        pairs = frame.select(pl.struct("actual", "predicted").rank("dense").alias("pair") - 1)["pair"]
        position = pairs.to_numpy().astype(np.int64)
        first = np.unique(position, return_index=True)[1] if position.size else []
        names = [frame.row(int(row)) for row in first]
        counts = np.stack([np.bincount(position[masks[sample]], minlength=len(names)) for sample in range(ROWS)])
        result = cls({(str(a), str(p)): counts[:, n].astype(np.int64) for n, (a, p) in enumerate(names)})
        result._limited()
        return result

    def merged(self, other: Confusion) -> Confusion:
        """The counts of both; neither changes."""
        cells = {pair: counts.copy() for pair, counts in self.cells.items()}
        for pair, counts in other.cells.items():
            cells[pair] = cells[pair] + counts if pair in cells else counts.copy()
        result = Confusion(cells)
        result._limited()
        return result

    def _limited(self) -> None:
        if len(self.labels()) > LABEL_CAP:
            raise ValueError(
                f"more than {LABEL_CAP:,} different labels ({', '.join(self.labels()[:3])}, ...): "
                "is this a regression, or is the column the wrong one?"
            )

    def labels(self) -> list[str]:
        """All labels, numbers by size and before text."""
        return sorted({label for pair in self.cells for label in pair}, key=_order)

    def matrix(self, labels: list[str]) -> Counts:
        """Counts by sample, actual and predicted label."""
        position = {label: n for n, label in enumerate(labels)}
        result = np.zeros((ROWS, len(labels), len(labels)), np.int64)
        for (actual, predicted), counts in self.cells.items():
            result[:, position[actual], position[predicted]] = counts
        return result


def _order(label: str) -> tuple[int, float, str]:
    try:
        number = float(label)
    except ValueError:
        number = math.nan
    # `NaN` is a word here: as a number it stands neither before nor behind another.
    return (1, 0.0, label) if math.isnan(number) else (0, number, label)


def ratio(numerator: npt.ArrayLike, denominator: npt.ArrayLike) -> Floats:
    """Element-wise share; NaN where there is nothing to divide by."""
    with np.errstate(invalid="ignore", divide="ignore"):
        result: Floats = np.asarray(numerator, float) / np.asarray(denominator, float)
    return result


def f_score(precision: Floats, recall: Floats, beta: float) -> Floats:
    """Weighted harmonic mean of precision and recall; 0 if both are 0."""
    weight = beta * beta
    both = weight * precision + recall
    return np.where(both == 0, 0.0, ratio((1 + weight) * precision * recall, both))


def binary_metrics(matrix: Counts) -> dict[str, Floats]:
    """Metrics of a 2 by 2 matrix (negative label first) for all data and each sample.

    The constant classifier always gives the positive label: of the two it is the one with any recall, and AWS's
    published figures are its.
    """
    (tn, fp), (fn, tp) = (matrix[:, 0, n] for n in (0, 1)), (matrix[:, 1, n] for n in (0, 1))
    total, positives = tn + fp + fn + tp, fn + tp
    recall, precision = ratio(tp, positives), ratio(tp, tp + fp)
    share = ratio(positives, total)
    sure = np.where(np.isnan(ratio(positives, positives)), np.nan, 1.0)
    metrics = {
        "recall": recall,
        "precision": precision,
        "accuracy": ratio(tp + tn, total),
        "recall_best_constant_classifier": sure,
        "precision_best_constant_classifier": share,
        "accuracy_best_constant_classifier": share,
        "true_positive_rate": recall,
        "true_negative_rate": ratio(tn, tn + fp),
        "false_positive_rate": ratio(fp, tn + fp),
        "false_negative_rate": ratio(fn, positives),
    }
    # Counted directly, so that a score has a value even where nothing was predicted positive.
    for name, beta in BETAS:
        weight = beta * beta
        metrics[name] = ratio((1 + weight) * tp, (1 + weight) * tp + weight * fn + fp)
    for name, beta in BETAS:
        metrics[f"{name}_best_constant_classifier"] = f_score(share, sure, beta)
    return metrics


def multiclass_metrics(matrix: Counts) -> dict[str, Floats]:
    """Metrics of a matrix for all data and each sample; averages are weighted by how often a label occurs.

    AWS's published figures of the "best" constant classifier are those of always giving the rarest label, and so are
    these.
    """
    total = matrix.sum(axis=(1, 2))
    actual, predicted = matrix.sum(axis=2), matrix.sum(axis=1)
    hits = np.diagonal(matrix, axis1=1, axis2=2)
    weight = ratio(actual, total[:, None])
    # A label that was never predicted has no precision; its share of the average is 0.
    precision = np.nan_to_num(ratio(hits, predicted))
    recall = np.nan_to_num(ratio(hits, actual))
    accuracy = ratio(hits.sum(axis=1), total)
    rarest = np.where(weight > 0, weight, np.inf).min(axis=1, initial=np.inf)
    rarest = np.where(np.isfinite(rarest), rarest, np.nan)
    metrics = {
        "accuracy": accuracy,
        "weighted_recall": accuracy,
        "weighted_precision": (weight * precision).sum(axis=1),
    }
    for name, beta in BETAS:
        metrics[f"weighted_{name}"] = (weight * f_score(precision, recall, beta)).sum(axis=1)
    metrics["accuracy_best_constant_classifier"] = rarest
    metrics["weighted_recall_best_constant_classifier"] = rarest
    metrics["weighted_precision_best_constant_classifier"] = rarest * rarest
    for name, beta in BETAS:
        constant = rarest * f_score(rarest, np.ones(ROWS), beta)
        metrics[f"weighted_{name}_best_constant_classifier"] = constant
    return {name: np.where(total > 0, values, np.nan) for name, values in metrics.items()}
