"""What SageMaker knows about a feature group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .clients import client
from .errors import FeaturesError

_SECONDS = {"Seconds": 1, "Minutes": 60, "Hours": 3600, "Days": 86400, "Weeks": 604800}


@dataclass(frozen=True)
class FeatureGroup:
    """A feature group as DescribeFeatureGroup tells it."""

    name: str
    arn: str
    identifier: str
    """Name of the feature that identifies a record."""
    event_time: str
    """Name of the feature that has the event time."""
    types: Mapping[str, str]
    """Integral, Fractional or String, by feature name, in the order of their definition."""
    collections: frozenset[str]
    """Features whose values are lists."""
    online: bool
    ttl_seconds: int | None
    """Default time to live of online records."""
    database: str | None
    """Glue database of the offline store; None without a table."""
    table: str | None
    partitioned: bool
    """Whether the table has year, month, day and hour as partitions (the Glue format)."""

    @property
    def features(self) -> list[str]:
        """Every feature but identifier and event time."""
        return [name for name in self.types if name not in (self.identifier, self.event_time)]


def describe(name: str, *, session: Any = None) -> FeatureGroup:
    """Return what SageMaker knows about a feature group.

    Args:
        name: name or ARN of the group.
        session: a boto3 session; default: boto3's own.

    Raises:
        FeaturesError: if the group does not exist or is not usable.
    """
    from botocore.exceptions import ClientError

    sagemaker = client("sagemaker", session)
    definitions: list[dict[str, Any]] = []
    described: dict[str, Any] = {}
    token: dict[str, str] = {}
    while True:
        try:
            page = sagemaker.describe_feature_group(FeatureGroupName=name, **token)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFound":
                raise
            raise FeaturesError(f"feature group {name!r} does not exist in this account and region") from None
        described = described or page
        definitions += page["FeatureDefinitions"]
        if not page.get("NextToken"):
            break
        token = {"NextToken": page["NextToken"]}
    if described["FeatureGroupStatus"] != "Created":
        raise FeaturesError(f"feature group {name!r} has status {described['FeatureGroupStatus']}, not Created")
    return _group(described, definitions)


def _group(described: dict[str, Any], definitions: list[dict[str, Any]]) -> FeatureGroup:
    online = described.get("OnlineStoreConfig") or {}
    offline = described.get("OfflineStoreConfig") or {}
    catalog = offline.get("DataCatalogConfig") or {}
    ttl = online.get("TtlDuration") or {}
    return FeatureGroup(
        name=described["FeatureGroupName"],
        arn=described["FeatureGroupArn"],
        identifier=described["RecordIdentifierFeatureName"],
        event_time=described["EventTimeFeatureName"],
        types={item["FeatureName"]: item["FeatureType"] for item in definitions},
        collections=frozenset(item["FeatureName"] for item in definitions if item.get("CollectionType")),
        online=bool(online.get("EnableOnlineStore")),
        ttl_seconds=int(ttl["Value"]) * _SECONDS[ttl["Unit"]] if ttl.get("Value") and ttl.get("Unit") else None,
        database=catalog.get("Database"),
        table=catalog.get("TableName"),
        partitioned=offline.get("TableFormat", "Glue") in ("Glue", "Default"),
    )
