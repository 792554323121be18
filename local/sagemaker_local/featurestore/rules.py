"""What SageMaker demands of a feature group beyond the shape of the request."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sagemaker_local.errors import AwsError

from .state import SPECIAL, Group

Params = dict[str, Any]
_MOST_FEATURES = 2500


def _raise(name: str, problems: list[str]) -> None:
    if problems:
        raise AwsError("ValidationException", f"Validation Error: FeatureGroup {name}: {' '.join(problems)}")


def check_creation(params: Params) -> None:
    """Refuse a CreateFeatureGroup request that SageMaker would refuse.

    Raises:
        AwsError: ValidationException naming every problem.
    """
    online, offline = params.get("OnlineStoreConfig") or {}, params.get("OfflineStoreConfig")
    problems = [*_definitions(params), *_online(params, online), *_offline(params, offline)]
    if not online.get("EnableOnlineStore") and offline is None:
        problems.append(
            "At least one of OnlineStoreConfig (with EnableOnlineStore) and OfflineStoreConfig is required."
        )
    problems += _throughput(params.get("ThroughputConfig"), online)
    _raise(params["FeatureGroupName"], problems)


def check_update(group: Group, params: Params) -> None:
    """Refuse an UpdateFeatureGroup request that SageMaker would refuse.

    Raises:
        AwsError: ValidationException naming every problem.
    """
    problems = []
    kinds = [name for name in ("FeatureAdditions", "OnlineStoreConfig", "ThroughputConfig") if name in params]
    if len(kinds) != 1:
        given = " and ".join(kinds) or "none"
        problems.append(
            f"Exactly one of FeatureAdditions, OnlineStoreConfig and ThroughputConfig can be updated, not {given}."
        )
    if group.status != "Created":
        problems.append(f"Only a group with status Created can be updated; its status is {group.status}.")
    online = group.definition.get("OnlineStoreConfig") or {}
    if "OnlineStoreConfig" in params and not online.get("EnableOnlineStore"):
        problems.append("The group has no online store whose TtlDuration could be updated.")
    storage = (params.get("OnlineStoreConfig") or {}).get("StorageType")
    if storage and storage != online.get("StorageType", "Standard"):
        problems.append(f"StorageType cannot be changed to {storage}.")
    problems += _throughput(params.get("ThroughputConfig"), online)
    _raise(group.name, problems)


def check_additions(group: Group, additions: list[Params]) -> None:
    """Refuse features that the group has already, and those that it may not have.

    Raises:
        AwsError: ValidationException naming every problem.
    """
    existing = {name.lower() for name in group.features}
    problems = [
        f"Feature {item['FeatureName']} already exists; features cannot be changed or removed."
        for item in additions
        if item["FeatureName"].lower() in existing
    ]
    problems += _names(item["FeatureName"] for item in additions)
    problems += _collections(additions, group.definition.get("OnlineStoreConfig") or {})
    if len(group.features) + len(additions) > _MOST_FEATURES:
        problems.append(f"A group can have {_MOST_FEATURES} features at most.")
    _raise(group.name, problems)


def _definitions(params: Params) -> list[str]:
    definitions = {item["FeatureName"]: item for item in params["FeatureDefinitions"]}
    identifier, event_time = params["RecordIdentifierFeatureName"], params["EventTimeFeatureName"]
    problems = _names(item["FeatureName"] for item in params["FeatureDefinitions"])
    if identifier == event_time:
        problems.append(f"RecordIdentifierFeatureName and EventTimeFeatureName must differ, but both are {identifier}.")
    for role, name in (("RecordIdentifierFeatureName", identifier), ("EventTimeFeatureName", event_time)):
        if name not in definitions:
            problems.append(f"{role} {name} is not among the FeatureDefinitions.")
        elif definitions[name].get("CollectionType"):
            problems.append(f"{role} {name} cannot be a collection.")
    found = definitions.get(event_time)
    if found is not None and found["FeatureType"] == "Integral":
        problems.append(f"EventTimeFeatureName {event_time} must be of type String or Fractional, not Integral.")
    iceberg = (params.get("OfflineStoreConfig") or {}).get("TableFormat") == "Iceberg"
    if found is not None and iceberg and found["FeatureType"] == "Fractional":
        problems.append(f"EventTimeFeatureName {event_time} must be of type String in the Iceberg table format.")
    return problems + _collections(params["FeatureDefinitions"], params.get("OnlineStoreConfig") or {})


def _names(names: Iterable[str]) -> list[str]:
    problems, seen = [], set()
    for name in names:
        if name.lower() in SPECIAL:
            problems.append(f"Feature name {name} is reserved.")
        if name.lower() in seen:
            problems.append(f"Feature name {name} is given more than once (letter case does not distinguish columns).")
        seen.add(name.lower())
    return problems


def _collections(definitions: list[Params], online: Params) -> list[str]:
    problems = []
    for item in definitions:
        kind, name = item.get("CollectionType"), item["FeatureName"]
        if kind and online.get("StorageType") != "InMemory":
            problems.append(f"Feature {name}: collections need an online store of StorageType InMemory.")
        if kind == "Vector" and (item["FeatureType"] != "Fractional" or not item.get("CollectionConfig")):
            problems.append(f"Feature {name}: a Vector must be Fractional and have a VectorConfig with its Dimension.")
    return problems


def _online(params: Params, online: Params) -> list[str]:
    problems = []
    ttl = online.get("TtlDuration")
    if ttl and not (ttl.get("Unit") and ttl.get("Value")):
        problems.append("TtlDuration needs both Unit and Value.")
    if online.get("StorageType") == "InMemory" and params.get("OfflineStoreConfig") is not None:
        problems.append("An InMemory online store does not support an offline store.")
    return problems


def _offline(params: Params, offline: Params | None) -> list[str]:
    if offline is None:
        return []
    problems = []
    if not params.get("RoleArn"):
        problems.append("RoleArn is required with OfflineStoreConfig.")
    if offline.get("TableFormat") == "Iceberg" and offline.get("DisableGlueTableCreation"):
        problems.append("The Iceberg table format needs DisableGlueTableCreation to be false.")
    return problems


def _throughput(throughput: Params | None, online: Params) -> list[str]:
    if not throughput:
        return []
    units = [name for name in ("ProvisionedReadCapacityUnits", "ProvisionedWriteCapacityUnits") if name in throughput]
    if throughput.get("ThroughputMode") != "Provisioned":
        return [f"{' and '.join(units)} need ThroughputMode Provisioned."] if units else []
    problems = []
    if online.get("EnableOnlineStore") and online.get("StorageType", "Standard") != "Standard":
        problems.append("ThroughputMode Provisioned needs an online store of StorageType Standard, or none.")
    if "ProvisionedWriteCapacityUnits" not in throughput:
        problems.append("ThroughputMode Provisioned needs ProvisionedWriteCapacityUnits.")
    if online.get("EnableOnlineStore") and "ProvisionedReadCapacityUnits" not in throughput:
        problems.append("ThroughputMode Provisioned with an online store needs ProvisionedReadCapacityUnits.")
    return problems
