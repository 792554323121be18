"""Small real models: archives as SageMaker's XGBoost container expects them, and their baselines."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Sequence
from functools import cache

import numpy as np
import polars as pl
import xgboost

from model_analyzer import data_quality

IMAGE = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:1.7-1"
FEATURES = ("age", "income", "balance", "visits")


def rows(count: int, seed: int, shift: float = 0.0) -> np.ndarray:
    """Customers; `shift` moves the income, which is drift."""
    table = np.random.default_rng(seed).normal(size=(count, len(FEATURES)))
    table[:, 1] += shift
    return np.round(table, 4)


def bodies(count: int, seed: int = 5, shift: float = 0.0) -> list[str]:
    """Requests in CSV."""
    return [",".join(f"{value:g}" for value in row) for row in rows(count, seed, shift)]


@cache
def _booster(columns: int) -> xgboost.Booster:
    table = rows(400, seed=1)
    labels = (table[:, 0] + table[:, 1] > 0).astype(int)
    return xgboost.train(
        {"objective": "binary:logistic", "max_depth": 2, "nthread": 1},
        xgboost.DMatrix(table[:, :columns], labels),
        num_boost_round=5,
    )


def archive(columns: int = len(FEATURES)) -> bytes:
    """`model.tar.gz`. With fewer columns than clients send the model loads and then answers with errors."""
    stream = io.BytesIO()
    body = bytes(_booster(columns).save_raw("ubj"))
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        member = tarfile.TarInfo("xgboost-model")
        member.size = len(body)
        tar.addfile(member, io.BytesIO(body))
    return stream.getvalue()


def answers(table: np.ndarray) -> np.ndarray:
    """What the model answers: probabilities."""
    return _booster(len(FEATURES)).predict(xgboost.DMatrix(table))


@cache
def baseline() -> dict[str, str]:
    """`statistics.json` and `constraints.json` of what the endpoint is asked and answers, answers first."""
    table = rows(2000, seed=2)
    columns: dict[str, Sequence[float]] = {"probability": answers(table).astype(float)}
    columns |= {name: table[:, number] for number, name in enumerate(FEATURES)}
    profile = data_quality.profile(pl.DataFrame(columns))
    return {
        "statistics.json": json.dumps(data_quality.statistics(profile)),
        "constraints.json": data_quality.suggest(profile).to_json(),
    }
