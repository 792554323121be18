"""Models beside the pipeline's: one for comparison, and one that nobody should have registered."""

from __future__ import annotations

import io
import tarfile

import xgboost
from sklearn.metrics import roc_auc_score

from examples.walkthrough import churn

# AWS's own XGBoost container of Ireland; the embedded AWS serves its archives with the installed xgboost.
XGBOOST_IMAGE = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:1.7-1"


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
