"""From typed settings to the properties of the resource, as CloudFormation writes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aws_cdk.aws_sagemaker import CfnFeatureGroup

from cdk_sagemaker_mlops import _refs

from .features import Feature, feature_problems
from .offline_location import OfflineLocation
from .stores import OfflineStore, OnlineStore, StorageType, TableFormat, Throughput

# What a new group gets where nothing is said. A group that is recorded keeps what it got, so these may change.
DEFAULTS = {"storage_type": StorageType.STANDARD.value, "table_format": TableFormat.GLUE.value}
CATALOG = "AwsDataCatalog"


def choose(
    name: str, online: OnlineStore | None, offline: OfflineStore | None, recorded: Mapping[str, str]
) -> dict[str, str]:
    """What is said, else what is recorded, else the default, for everything that can never be changed."""
    chosen = {}
    if online is not None:
        chosen["storage_type"] = online.storage_type or recorded.get("storage_type") or DEFAULTS["storage_type"]
    if offline is not None:
        chosen["table_format"] = offline.table_format or recorded.get("table_format") or DEFAULTS["table_format"]
        chosen["prefix"] = offline.prefix or recorded.get("prefix") or name
        chosen["table"] = offline.table or recorded.get("table") or name.lower().replace("-", "_")
    return {key: str(value) for key, value in chosen.items()}


def location(offline: OfflineStore | None, chosen: Mapping[str, str]) -> OfflineLocation | None:
    """Where offline records will be."""
    if offline is None:
        return None
    return OfflineLocation(
        bucket=offline.bucket,
        prefix=chosen["prefix"],
        database=offline.database.name,
        table=chosen["table"],
        encryption_key=offline.key,
    )


def table_format(chosen: Mapping[str, str]) -> TableFormat:
    """Format of the offline table."""
    return TableFormat(chosen["table_format"])


def problems(
    features: Sequence[Feature],
    record_identifier: str,
    event_time: str,
    online: OnlineStore | None,
    offline: OfflineStore | None,
    throughput: Throughput,
    chosen: Mapping[str, str],
) -> Iterable[str]:
    """What SageMaker would refuse."""
    yield from feature_problems(
        features,
        record_identifier=record_identifier,
        event_time=event_time,
        iceberg=chosen.get("table_format") == TableFormat.ICEBERG,
        glue_partitions=chosen.get("table_format") == TableFormat.GLUE,
    )
    if online is None and offline is None:
        yield "neither online nor offline is given; a group needs at least one store"
    for part in (online, offline, throughput):
        yield from part.problems() if part is not None else ()
    if chosen.get("storage_type") == StorageType.IN_MEMORY:
        yield from _in_memory_problems(online, offline, throughput)
    if throughput.is_provisioned and online is None and throughput.read_units:
        yield f"throughput read_units is {throughput.read_units}, but only an online store is read by records; leave it"


def _in_memory_problems(
    online: OnlineStore | None, offline: OfflineStore | None, throughput: Throughput
) -> Iterable[str]:
    """What the in-memory tier does not know.

    https://docs.aws.amazon.com/sagemaker/latest/dg/feature-store-storage-configurations-online-store.html
    """
    if throughput.is_provisioned:
        yield "throughput is provisioned, which an InMemory online store does not know; use Throughput.on_demand()"
    if offline is not None:
        yield (
            "offline is given beside an InMemory online store, which is never copied to an offline one; use Standard, "
            "or a second group with an offline store only"
        )
    if online is not None and online.encryption_key is not None:
        yield "online encryption_key is given, an InMemory online store takes no customer managed key; leave it out"


def properties(
    *,
    name: str,
    record_identifier: str,
    event_time: str,
    features: Sequence[Feature],
    online: OnlineStore | None,
    offline: OfflineLocation | None,
    throughput: Throughput,
    description: str,
    role_arn: str | None,
    tags: Mapping[str, str],
    chosen: Mapping[str, str],
) -> dict[str, Any]:
    """All properties of the resource; what is not given is left out."""
    found: dict[str, Any] = {
        "FeatureGroupName": name,
        "RecordIdentifierFeatureName": record_identifier,
        "EventTimeFeatureName": event_time,
        "FeatureDefinitions": [{"FeatureName": feature.name, "FeatureType": str(feature.type)} for feature in features],
        "ThroughputConfig": _throughput(throughput),
    }
    if online is not None:
        found["OnlineStoreConfig"] = _online(online, chosen)
    if offline is not None:
        found["OfflineStoreConfig"] = _offline(offline, chosen)
    if role_arn:
        found["RoleArn"] = role_arn
    if description:
        found["Description"] = description
    if tags:
        found["Tags"] = [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
    return found


def arguments(found: Mapping[str, Any]) -> dict[str, Any]:
    """The properties as arguments of the CDK's class, tags aside.

    The two stores are plain JSON there: given as structures, their members would be rendered in camel case, which
    CloudFormation refuses.
    """
    throughput = found["ThroughputConfig"]
    return {
        "feature_group_name": found["FeatureGroupName"],
        "record_identifier_feature_name": found["RecordIdentifierFeatureName"],
        "event_time_feature_name": found["EventTimeFeatureName"],
        "feature_definitions": [
            CfnFeatureGroup.FeatureDefinitionProperty(
                feature_name=definition["FeatureName"], feature_type=definition["FeatureType"]
            )
            for definition in found["FeatureDefinitions"]
        ],
        "online_store_config": found.get("OnlineStoreConfig"),
        "offline_store_config": found.get("OfflineStoreConfig"),
        "role_arn": found.get("RoleArn"),
        "description": found.get("Description"),
        "throughput_config": CfnFeatureGroup.ThroughputConfigProperty(
            throughput_mode=throughput["ThroughputMode"],
            provisioned_read_capacity_units=throughput.get("ProvisionedReadCapacityUnits"),
            provisioned_write_capacity_units=throughput.get("ProvisionedWriteCapacityUnits"),
        ),
    }


def _throughput(throughput: Throughput) -> dict[str, Any]:
    if not throughput.is_provisioned:
        return {"ThroughputMode": "OnDemand"}
    units = {"ProvisionedWriteCapacityUnits": throughput.write_units}
    if throughput.read_units:
        units["ProvisionedReadCapacityUnits"] = throughput.read_units
    return {"ThroughputMode": "Provisioned", **units}


def _online(online: OnlineStore, chosen: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {"EnableOnlineStore": True, "StorageType": chosen["storage_type"]}
    if online.ttl is not None:
        found["TtlDuration"] = {"Unit": online.ttl.unit, "Value": online.ttl.value}
    if online.encryption_key is not None:
        found["SecurityConfig"] = {"KmsKeyId": _refs.key_arn(online.encryption_key)}
    return found


def _offline(location: OfflineLocation, chosen: Mapping[str, str]) -> dict[str, Any]:
    storage = {"S3Uri": f"s3://{_refs.bucket_name(location.bucket)}/{location.prefix}"}
    if location.encryption_key is not None:
        storage["KmsKeyId"] = _refs.key_arn(location.encryption_key)
    return {
        "S3StorageConfig": storage,
        "TableFormat": chosen["table_format"],
        "DisableGlueTableCreation": False,
        "DataCatalogConfig": {"Catalog": CATALOG, "Database": location.database, "TableName": location.table},
    }
