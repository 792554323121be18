"""One group with everything, and its parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest

from cdk_sagemaker_mlops import feature_store as fs

FEATURES = [fs.Feature.string("customer_id"), fs.Feature.string("updated_at"), fs.Feature.fractional("minutes")]


@pytest.fixture
def storage(stack: cdk.Stack) -> fs.FeatureStorage:
    return fs.FeatureStorage(stack, "Storage")


@pytest.fixture
def database(stack: cdk.Stack) -> fs.FeatureDatabase:
    return fs.FeatureDatabase(stack, "Database", name="features")


@pytest.fixture
def workgroup(stack: cdk.Stack, storage: fs.FeatureStorage) -> fs.FeatureStoreWorkgroup:
    return fs.FeatureStoreWorkgroup(stack, "Workgroup", name="features", results=storage.results)


@pytest.fixture
def make_group(
    stack: cdk.Stack, storage: fs.FeatureStorage, database: fs.FeatureDatabase
) -> Callable[..., fs.FeatureGroup]:
    """A group with both stores; named settings take the place of the usual ones."""

    def make(construct_id: str = "Customers", scope: cdk.Stack | None = None, **given: Any) -> fs.FeatureGroup:
        usual: dict[str, Any] = {
            "name": "customers",
            "record_identifier": "customer_id",
            "event_time": "updated_at",
            "features": FEATURES,
            "online": fs.OnlineStore(encryption_key=storage.encryption_key),
            "offline": fs.OfflineStore(bucket=storage.offline, database=database),
        }
        return fs.FeatureGroup(scope or stack, construct_id, **usual | given)

    return make
