"""Predictions and labels for the tests of model quality."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest


@pytest.fixture(scope="session")
def scored() -> Callable[..., pl.DataFrame]:
    """A function that makes labels, probabilities with ties, and numeric predictions."""

    def make(rows: int, seed: int = 1) -> pl.DataFrame:
        chance = np.random.default_rng(seed)
        label = (chance.random(rows) < 0.3).astype(int)
        score = np.round(np.clip(0.35 * label + chance.normal(0.35, 0.2, rows), 0, 1), 3)
        truth = chance.normal(50, 12, rows)
        return pl.DataFrame(
            {
                "label": label,
                "score": score,
                "kind": chance.choice(["ant", "bee", "cat", "10", "9"], rows, p=[0.4, 0.3, 0.2, 0.07, 0.03]),
                "guess": chance.choice(["ant", "bee", "cat", "10"], rows, p=[0.45, 0.3, 0.2, 0.05]),
                "truth": truth,
                "forecast": truth + chance.normal(0.5, 3, rows),
            }
        )

    return make


@pytest.fixture(scope="session")
def truth_line() -> Callable[..., bytes]:
    """A function that makes one line of ground truth."""

    def make(event_id: str, data: str, encoding: str = "CSV") -> bytes:
        record = {
            "groundTruthData": {"data": data, "encoding": encoding},
            "eventMetadata": {"eventId": event_id},
            "eventVersion": "0",
        }
        return json.dumps(record).encode() + b"\n"

    return make
