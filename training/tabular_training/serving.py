"""Serving: the functions that SageMaker's XGBoost image calls in an archive's `inference.py`.

Takes CSV without a header, in the order of the features; answers one prediction a line: the probability of the positive
label, the label of several, or the number.

https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost.html
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .encoding import FILE, Encoder

MODEL = "xgboost-model"
#: Variable of a container whose requests are encoded rows.
ENCODED = "TABULAR_TRAINING_ENCODED"


@dataclass(frozen=True)
class TabularModel:
    """A booster with its encoder."""

    booster: Any
    encoder: Encoder

    def scores(self, rows: Sequence[Sequence[Any]]) -> np.ndarray:
        """The booster's numbers: probabilities (of each class, where there are several), or predictions."""
        return self.encoded_scores(self.encoder.matrix(rows))

    def encoded_scores(self, matrix: np.ndarray) -> np.ndarray:
        """The same for rows that are numbers already."""
        import xgboost

        # Without names: the booster has those of training, and a request has none.
        data = xgboost.DMatrix(matrix, feature_names=list(self.encoder.features))
        return np.asarray(self.booster.predict(data))

    def answers(self, scores: np.ndarray) -> list[Any]:
        """What clients get."""
        if self.encoder.problem == "multiclass-classification":
            return [self.encoder.classes[place] for place in scores.argmax(axis=1)]
        return [float(value) for value in scores]


def model_fn(model_dir: str) -> TabularModel:
    """Load the unpacked archive."""
    import xgboost

    folder = Path(model_dir)
    booster = xgboost.Booster()
    booster.load_model(bytearray((folder / MODEL).read_bytes()))
    return TabularModel(booster, Encoder.from_json((folder / FILE).read_bytes()))


def input_fn(body: Any, content_type: str) -> list[list[str]]:
    """Read a request."""
    if content_type.split(";")[0].strip() != "text/csv":
        raise ValueError(f"content type {content_type} is not supported; send text/csv")
    text = body.decode() if isinstance(body, (bytes, bytearray)) else str(body)
    return [row for row in csv.reader(io.StringIO(text)) if row]


def predict_fn(rows: list[list[str]], model: TabularModel) -> list[Any]:
    """Answer it; rows of an explainer are encoded already, and have empty cells where a value is missing."""
    if os.environ.get(ENCODED):
        matrix = np.array([[float(cell or "nan") for cell in row] for row in rows], np.float32)
        return model.answers(model.encoded_scores(matrix))
    return model.answers(model.scores(rows))


def output_fn(prediction: list[Any], accept: str) -> str:
    """Write the answer."""
    if accept.split(";")[0].strip() == "application/json":
        return json.dumps({"predictions": prediction})
    return "\n".join(str(value) for value in prediction)
