"""The customers in the feature store: their history offline, for training; their newest records online, for requests.

Three records exist of a customer at most. The first is what was known when somebody asked who would leave. The second
is of those of whom the answer is known to be yes: they called the hotline again, to cancel. It is newer, so in a
training set of everybody's newest record these calls would be what a model learns, and nobody whom it is asked about
has made them yet. The third record comes with the price change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

import sagemaker_features as features
from examples.walkthrough import churn

KEY, TIME = "customer_id", "updated_at"
CALLS = "number_customer_service_calls"
# Months and calls are counted; minutes and charges are measured.
MEASURED = tuple(name for name in churn.FEATURES if name.endswith(("_minutes", "_charge")))


@dataclass(frozen=True)
class History:
    """When what became known, counted back from the walk-through's start."""

    known: datetime
    asked: datetime
    left: datetime

    @staticmethod
    def until(now: datetime) -> History:
        """A question of a month ago, answered since."""
        return History(now - timedelta(days=31), now - timedelta(days=30), now - timedelta(days=10))


def records(customers: churn.Customers, moment: datetime) -> pl.DataFrame:
    """A table of records as of one moment."""
    columns: dict[str, Any] = {KEY: list(customers.ids), TIME: [moment] * len(customers)}
    for position, name in enumerate(churn.FEATURES):
        values = customers.features[:, position]
        columns[name] = values if name in MEASURED else values.astype(np.int64)
    return pl.DataFrame(columns)


def after_leaving(customers: churn.Customers, moment: datetime) -> pl.DataFrame:
    """The records of those who left, with the calls by which they cancelled."""
    gone = customers.where(customers.left == 1)
    return records(gone, moment).with_columns(pl.col(CALLS) + 5)


def broken(moment: datetime) -> pl.DataFrame:
    """What a careless job sends as well: a record of tomorrow, one without a customer."""
    frame = pl.DataFrame({KEY: ["c-tomorrow", None], TIME: [moment + timedelta(days=1), moment]})
    return frame.with_columns(pl.col(TIME).dt.cast_time_unit("us"))


class Customers:
    """The feature group of the customers.

    Args:
        session: what makes boto3 clients.
        group: name of the feature group.
        workgroup: Athena's workgroup for queries.
    """

    def __init__(self, session: Any, *, group: str, workgroup: str) -> None:
        self._session = session
        self._group = group
        self._athena = features.Athena(workgroup=workgroup, session=session)
        self._online: features.OnlineStore | None = None

    def ingest(self, *tables: pl.DataFrame, now: datetime, dead_letters: Any = None) -> features.Report:
        """Write records, 25 per call."""
        return features.ingest(
            pl.concat(tables, how="diagonal"),
            self._group,
            session=self._session,
            settings=features.Settings(workers=4, batch=True),
            dead_letters=dead_letters,
            now=lambda: now,
        )

    def training_set(self, customers: churn.Customers, asked: datetime) -> tuple[churn.Customers, features.TrainingSet]:
        """The customers with their features as they were when somebody asked, and how that was found out."""
        spine = pl.DataFrame({KEY: list(customers.ids), "asked": [asked] * len(customers)})
        view = features.FeatureView(self._group, features=churn.FEATURES, key=KEY)
        found = features.training_set(spine, [view], time_column="asked", athena=self._athena)
        return self._filled(customers, found.frame), found

    def newest(self, customers: churn.Customers) -> churn.Customers:
        """The customers with their newest features: what a training set must not be made of."""
        spine = pl.DataFrame({KEY: list(customers.ids)})
        latest = features.latest(self._group, features=churn.FEATURES, athena=self._athena)
        return self._filled(customers, spine.join(latest, on=KEY, how="left", maintain_order="left"))

    def bodies(self, ids: Sequence[str]) -> list[str]:
        """Request bodies for customers, from their online records."""
        found = self._lookups.get_many(ids, required=True)
        return [churn.csv_line([found[key][name] for name in churn.FEATURES]) for key in ids]

    @property
    def _lookups(self) -> features.OnlineStore:
        if self._online is None:
            self._online = features.OnlineStore(self._group, features=churn.FEATURES, session=self._session)
        return self._online

    @staticmethod
    def _filled(customers: churn.Customers, frame: pl.DataFrame) -> churn.Customers:
        table = frame.select(pl.col(name).cast(pl.Float64) for name in churn.FEATURES).to_numpy()
        return churn.Customers(customers.ids, table, customers.left)
