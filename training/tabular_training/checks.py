"""What SageMaker's own check steps read, where they take the place of our gates.

Model Monitor and Clarify read CSV with a header. Labels of a binary classification are written as 0 and 1, which both
take without being told; rows for attributions are encoded, because Clarify varies numbers.

https://docs.aws.amazon.com/sagemaker/latest/dg/clarify-processing-job-configure-analysis.html
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .configuration import Configuration
from .encoding import canonical
from .evaluate import PREDICTION, predict, read_rows
from .serving import TabularModel

PREDICTED = "predicted"
_INSTANCE = "EXPLAINING_INSTANCE_TYPE"


@dataclass(frozen=True)
class _Table:
    """Rows of a folder with the new version's answers."""

    header: list[str]
    rows: list[list[str]]
    answers: list[Any]

    def features(self, model: TabularModel) -> list[list[str]]:
        places = [self.header.index(name) for name in model.encoder.features]
        return [[row[place] for place in places] for row in self.rows]


def write_check_data(configuration: Configuration, model: TabularModel, training: Path, test: Path, out: Path) -> None:
    """Write `traffic`, `labelled`, `encoded`, and Clarify's `bias` and `attribution` configurations.

    :param configuration: What to do.
    :param model: The new version.
    :param training: Folder of the training data, as they came.
    :param test: Folder of the test data, as they came.
    :param out: Folder below which all is written.
    """
    features = list(model.encoder.features)
    known, seen = _table(model, training), _table(model, test)
    traffic = [[answer, *row] for answer, row in zip(known.answers, known.features(model), strict=True)]
    _write(out / "traffic" / "traffic.csv", [PREDICTION, *features], traffic)
    _write(out / "labelled" / "labelled.csv", *_labelled(configuration, model, seen))
    encoded = [["" if cell != cell else cell for cell in row] for row in model.encoder.matrix(seen.features(model))]
    _write(out / "encoded" / "encoded.csv", features, encoded)
    if configuration.facet is not None:
        _write_config(out / "bias", _bias(configuration))
    _write_config(out / "attribution", _attribution(configuration))


def _table(model: TabularModel, folder: Path) -> _Table:
    header, rows = read_rows(folder)
    return _Table(header, rows, model.answers(predict(model, header, rows)))


def _labelled(configuration: Configuration, model: TabularModel, table: _Table) -> tuple[list[str], list[list[Any]]]:
    encoder = model.encoder
    place = table.header.index(encoder.label)
    labels: list[Any] = [row[place] for row in table.rows]
    header, answers = [PREDICTION], [[answer] for answer in table.answers]
    if configuration.problem == "binary-classification":
        labels = [int(label) for label in encoder.label_numbers(labels)]
        header.append(PREDICTED)
        answers = [[answer, int(answer > encoder.threshold)] for answer in table.answers]
    rows = [[*answer, label, *row] for answer, label, row in zip(answers, labels, table.features(model), strict=True)]
    return [*header, encoder.label, *encoder.features], rows


def _bias(configuration: Configuration) -> dict[str, Any]:
    facet = configuration.facet or {}
    binary = configuration.problem == "binary-classification"
    entry: dict[str, Any] = {"name_or_index": facet["name"]}
    if facet.get("threshold") is not None:
        entry["value_or_threshold"] = [facet["threshold"]]
    elif facet.get("values"):
        entry["value_or_threshold"] = [_plain(value) for value in facet["values"]]
    good = facet.get("positive_labels") or [configuration.positive_label]
    wanted: list[Any] = sorted({int(canonical(label) == canonical(configuration.positive_label)) for label in good})
    if not binary:
        wanted = [facet["label_threshold"]] if facet.get("label_threshold") is not None else []
    return {
        "dataset_type": "text/csv",
        "label": configuration.label,
        "predicted_label": PREDICTED if binary else PREDICTION,
        **({"label_values_or_threshold": wanted} if wanted else {}),
        "facet": [entry],
        "methods": {"post_training_bias": {"methods": "all"}, "report": {"name": "report", "title": "Bias"}},
    }


def _attribution(configuration: Configuration) -> dict[str, Any]:
    return {
        "dataset_type": "text/csv",
        "methods": {
            "shap": {"agg_method": "mean_abs", "seed": configuration.seed, "save_local_shap_values": False},
            "report": {"name": "report", "title": "Attributions"},
        },
        "predictor": {
            "instance_type": os.environ.get(_INSTANCE, "ml.m5.xlarge"),
            "initial_instance_count": 1,
            "content_type": "text/csv",
            "accept_type": "text/csv",
        },
    }


def _plain(value: Any) -> Any:
    """Numbers as numbers: Clarify compares with what it reads from the data."""
    text = canonical(value)
    try:
        return int(text)
    except ValueError:
        return text


def _write(path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def _write_config(folder: Path, config: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "analysis_config.json").write_text(json.dumps(config, indent=1))
