"""Evaluation: the new version and the live one, on the same test data."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from . import metrics
from .configuration import Configuration
from .encoding import FILE
from .errors import DataError, EncodingError
from .serving import TabularModel, model_fn

#: Names of what the endpoint answers, in data sets that look like captured traffic: output first, then input.
PREDICTION = "prediction"


def evaluate(
    configuration: Configuration,
    model: Path,
    test: Path,
    out: Path,
    live: Path | None = None,
    live_arn: str = "",
    cost: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Score the test data, compare with the live version, write `evaluation/evaluation.json` and the predictions.

    :param configuration: What to do.
    :param model: The unpacked archive of the new version.
    :param test: Folder of the test data, as they came.
    :param out: Folder below which `evaluation` and `predictions` are written.
    :param live: The unpacked archive of the live version. Default: - there is none
    :param live_arn: Its ARN.
    :param cost: What training took. Default: - it is not known
    :returns: The report.
    """
    new = model_fn(str(model))
    header, rows = _rows(test)
    labels = _column(header, rows, configuration.label)
    scores, found = _score(new, header, rows, labels)
    report: dict[str, Any] = {
        metrics.section(configuration.problem): found,
        "rows": len(rows),
        "feature_importance": _importance(new),
        "comparison": _compare(configuration, found, live, live_arn, header, rows, labels),
    }
    diagnostics = model / "diagnostics.json"
    if diagnostics.is_file():
        report["training"] = json.loads(diagnostics.read_text())
    if cost is not None:
        report["cost"] = dict(cost)
    folder = out / "evaluation"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "evaluation.json").write_text(json.dumps(report, indent=1))
    write_predictions(out / "predictions" / "predictions.csv", new, header, rows, new.answers(scores))
    return report


def write_predictions(
    path: Path, model: TabularModel, header: list[str], rows: list[list[str]], answers: list[Any]
) -> None:
    """Rows as captured traffic with labels: prediction, label, features."""
    features = model.encoder.features
    label = header.index(model.encoder.label)
    places = [header.index(name) for name in features]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([PREDICTION, model.encoder.label, *features])
        for answer, row in zip(answers, rows, strict=True):
            writer.writerow([answer, row[label], *[row[place] for place in places]])


def predict(model: TabularModel, header: list[str], rows: list[list[str]]) -> np.ndarray:
    """A model's scores for rows that have its features among their columns."""
    missing = [name for name in model.encoder.features if name not in header]
    if missing:
        raise DataError(f"the test data have no column {', '.join(missing)}")
    places = [header.index(name) for name in model.encoder.features]
    return model.scores([[row[place] for place in places] for row in rows])


def read_rows(folder: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the CSV files of a folder."""
    return _rows(folder)


def _rows(folder: Path) -> tuple[list[str], list[list[str]]]:
    header: list[str] = []
    rows: list[list[str]] = []
    for path in sorted(folder.glob("*.csv")):
        with path.open(newline="") as file:
            reader = csv.reader(file)
            header = next(reader)
            rows += list(reader)
    if not rows:
        raise DataError(f"{folder} holds no rows to evaluate with")
    return header, rows


def _column(header: list[str], rows: list[list[str]], name: str) -> list[str]:
    place = header.index(name)
    return [row[place] for row in rows]


def _score(
    model: TabularModel, header: list[str], rows: list[list[str]], labels: list[str]
) -> tuple[np.ndarray, dict[str, Any]]:
    scores = predict(model, header, rows)
    encoder = model.encoder
    # Each version reads the labels in its own way: two may number the same classes differently.
    truth = encoder.label_numbers(labels)
    found = metrics.evaluate(encoder.problem, truth, scores, threshold=encoder.threshold, classes=encoder.classes)
    return scores, found


def _importance(model: TabularModel) -> dict[str, float]:
    """Share of the loss that splits on each feature saved, largest first; features without a split have none."""
    gains = model.booster.get_score(importance_type="total_gain")
    total = sum(gains.values()) or 1.0
    shares = {name: float(gains.get(name, 0.0)) / total for name in model.encoder.features}
    return dict(sorted(shares.items(), key=lambda item: (-item[1], item[0])))


def _compare(
    configuration: Configuration,
    new: dict[str, Any],
    live: Path | None,
    live_arn: str,
    header: list[str],
    rows: list[list[str]],
    labels: list[str],
) -> dict[str, Any]:
    """The metric of both on the same rows. Without a live version the new one is better than nothing."""
    metric = configuration.metric
    value = float(new[metric]["value"])
    if live is None:
        return {"metric": metric, "new": value, "better": 1, "reason": "no version is approved yet"}
    try:
        other = _load_live(live)
        _, found = _score(other, header, rows, labels)
    except (DataError, EncodingError, OSError, ValueError) as error:
        # A version that was trained on other columns cannot be compared; the thresholds still stand.
        return {
            "metric": metric,
            "new": value,
            "better": 1,
            "live_version": live_arn,
            "reason": f"the live version cannot answer the test data: {error}",
        }
    old = float(found[metric]["value"])
    gain = value - old if configuration.higher_is_better else old - value
    return {
        "metric": metric,
        "new": value,
        "live": old,
        "gain": gain,
        "better": int(gain > 0),
        "live_version": live_arn,
        "reason": f"{metric} {value:.4g} against {old:.4g} of the live version on the same {len(rows)} rows",
    }


def _load_live(folder: Path) -> TabularModel:
    if not (folder / FILE).is_file():
        raise DataError(f"its archive has no {FILE}, so it is not known what its columns are")
    return model_fn(str(folder))
