"""The model: a gradient-boosted classifier, its archive and its baseline, as a training pipeline would leave them."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xgboost
from sklearn.metrics import roc_auc_score

from examples.walkthrough import churn

# AWS's own XGBoost container of Ireland; the embedded AWS serves its archives with the installed xgboost.
XGBOOST_IMAGE = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:1.7-1"


@dataclass(frozen=True)
class TrainedModel:
    """A model archive (`model.tar.gz`), its quality and the folder with its data-quality baseline."""

    archive: bytes
    auc: float
    baseline: Path


def train(customers: churn.Customers, held_out: churn.Customers, folder: Path) -> TrainedModel:
    """Train on `customers`, measure on `held_out`, compute the baseline of what the endpoint will see and say."""
    booster = _fit(customers.features, customers)
    predictions = booster.predict(xgboost.DMatrix(customers.features))
    return TrainedModel(_archive(booster), _auc(booster, held_out), _baseline(customers, predictions, folder))


def auc(customers: churn.Customers, held_out: churn.Customers) -> float:
    """How well a model does that is trained on `customers` and never deployed."""
    return _auc(_fit(customers.features, customers), held_out)


def train_broken(customers: churn.Customers) -> bytes:
    """The archive of a model that loads, but was trained on fewer columns than clients send."""
    return _archive(_fit(customers.features[:, :12], customers))


def _auc(booster: xgboost.Booster, held_out: churn.Customers) -> float:
    return float(roc_auc_score(held_out.left, booster.predict(xgboost.DMatrix(held_out.features))))


def _fit(features: churn.Table, customers: churn.Customers) -> xgboost.Booster:
    parameters = {"objective": "binary:logistic", "max_depth": 5, "eta": 0.2, "seed": 1, "nthread": 2}
    return xgboost.train(parameters, xgboost.DMatrix(features, label=customers.left), num_boost_round=120)


def _archive(booster: xgboost.Booster) -> bytes:
    """What SageMaker's XGBoost container expects: one file named `xgboost-model` in a gzipped tar."""
    body = bytes(booster.save_raw("ubj"))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        entry = tarfile.TarInfo("xgboost-model")
        entry.size = len(body)
        tar.addfile(entry, io.BytesIO(body))
    return buffer.getvalue()


def _baseline(customers: churn.Customers, predictions: np.ndarray, folder: Path) -> Path:
    """Run `model-analyzer baseline` on predictions and features: what data capture will hold, outputs first."""
    folder.mkdir(parents=True, exist_ok=True)
    dataset = folder / "baseline.csv"
    lines = [",".join((churn.PREDICTION, *churn.FEATURES))]
    lines += [
        f"{prediction},{churn.csv_line(row)}"
        for prediction, row in zip(predictions.tolist(), customers.features, strict=True)
    ]
    dataset.write_text("\n".join(lines) + "\n")
    out = folder / "baseline"
    subprocess.run(
        [Path(sys.executable).parent / "model-analyzer", "baseline", str(dataset), "--out", str(out)],
        check=True,
        capture_output=True,
        text=True,
    )
    return out
