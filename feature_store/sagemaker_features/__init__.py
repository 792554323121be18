"""Feature groups in use: ingestion, point-in-time training sets, and lookups for an endpoint's callers.

    import sagemaker_features as features

    features.ingest("customers.parquet", "customers", position="customers.position.json")
    training = features.training_set(spine, [features.FeatureView("customers")], time_column="at", athena=athena)
    features.OnlineStore("customers").get("c-17")

It works with plain boto3; lookups need nothing else, everything on frames needs polars.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .athena import Athena, QueryResult
    from .errors import FeaturesError, IngestionInterrupted, QueryFailed, UnknownRecord
    from .groups import FeatureGroup, describe
    from .history import TrainingSet, as_of, latest, training_set
    from .ingestion import Progress, Report, ingest
    from .online import OnlineStore
    from .spines import SpineTable
    from .sql import FeatureView
    from .writing import Settings

_PLACES = {
    "Athena": "athena",
    "FeatureGroup": "groups",
    "FeatureView": "sql",
    "FeaturesError": "errors",
    "IngestionInterrupted": "errors",
    "OnlineStore": "online",
    "Progress": "ingestion",
    "QueryFailed": "errors",
    "QueryResult": "athena",
    "Report": "ingestion",
    "Settings": "writing",
    "SpineTable": "spines",
    "TrainingSet": "history",
    "UnknownRecord": "errors",
    "as_of": "history",
    "describe": "groups",
    "ingest": "ingestion",
    "latest": "history",
    "training_set": "history",
}

__all__ = [
    "Athena",
    "FeatureGroup",
    "FeatureView",
    "FeaturesError",
    "IngestionInterrupted",
    "OnlineStore",
    "Progress",
    "QueryFailed",
    "QueryResult",
    "Report",
    "Settings",
    "SpineTable",
    "TrainingSet",
    "UnknownRecord",
    "as_of",
    "describe",
    "ingest",
    "latest",
    "training_set",
]


def __getattr__(name: str) -> Any:
    # A caller that only looks records up shall not need polars.
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_PLACES[name]}", __name__), name)
