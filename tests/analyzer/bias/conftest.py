"""A table of applicants for the tests of bias."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest


@pytest.fixture(scope="session")
def applicants() -> Callable[..., pl.DataFrame]:
    """A function that makes a table in which label and prediction depend on gender and age."""

    def make(rows: int, seed: int = 1) -> pl.DataFrame:
        chance = np.random.default_rng(seed)
        gender = chance.choice(["m", "f", "x"], rows, p=[0.6, 0.35, 0.05])
        age = chance.integers(18, 90, rows)
        income = chance.normal(50, 15, rows).round(4)
        wealth = chance.normal(0, 1, rows)
        merit = income / 25 - 1 + wealth + (gender == "m") * 0.6 - (age > 60) * 0.4
        return pl.DataFrame(
            {
                "gender": gender,
                "age": age,
                "income": income,
                "wealth": wealth,
                "region": chance.choice(["n", "s", "w"], rows),
                "label": (merit + chance.normal(0, 1, rows) > 1).astype(int),
                "predicted": (merit + chance.normal(0, 0.6, rows) > 1.1).astype(int),
            }
        )

    return make
