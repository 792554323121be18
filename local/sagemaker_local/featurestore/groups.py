"""Feature groups: create, describe, list, delete, and the updates that SageMaker allows."""

from __future__ import annotations

import copy
from collections.abc import Generator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sagemaker_local.errors import AwsError
from sagemaker_local.sagemaker.paging import page
from sagemaker_local.sagemaker.service import Action, Scope, register

from . import catalog
from .online import OnlineStore
from .rules import check_additions, check_creation, check_update
from .service import FeatureStore
from .state import Group, Store
from .values import Feature

Params = dict[str, Any]


def install(service: FeatureStore) -> None:
    """Answer the operations on feature groups."""
    groups = _Groups(service)
    actions: dict[str, Action] = {
        "CreateFeatureGroup": groups.create,
        "DescribeFeatureGroup": groups.describe,
        "ListFeatureGroups": groups.list_groups,
        "UpdateFeatureGroup": groups.update,
        "DeleteFeatureGroup": groups.delete,
    }
    register(service.sagemaker, actions)


class _Groups:
    def __init__(self, service: FeatureStore) -> None:
        self._service = service

    def create(self, scope: Scope, params: Params) -> Params:
        """CreateFeatureGroup."""
        check_creation(params)
        store = self._service.store(scope.context.account, scope.context.region)
        with store.lock:
            self._check_quotas(store, params["FeatureGroupName"])
            group = _new(scope, params)
            store.groups[group.name.lower()] = group
        scope.store.tag(group.arn, params.get("Tags"))
        self._service.announce(group, _described(group))
        glue = scope.context.client("glue")
        creation = self._creation(group, glue)
        if self._service.options.create_seconds > 0:
            self._service.sagemaker.timeline.start(creation)
        else:
            for _ in creation:
                pass
        return {"FeatureGroupArn": group.arn}

    def describe(self, scope: Scope, params: Params) -> Params:
        """DescribeFeatureGroup; all features come in one page."""
        return _described(self._find(scope, params))

    def list_groups(self, scope: Scope, params: Params) -> Params:
        """ListFeatureGroups, newest first by default."""
        store = self._service.store(scope.context.account, scope.context.region)
        groups = list(store.groups.values())
        for name, of in (("FeatureGroupStatusEquals", _status), ("OfflineStoreStatusEquals", _offline_status)):
            if name in params:
                groups = [group for group in groups if of(group) == params[name]]
        sort = {"FeatureGroupStatus": "Status", "OfflineStoreStatus": "Status"}.get(params.get("SortBy", ""))
        found, token = page(
            groups,
            {**params, "SortBy": sort} if sort else params,
            name=lambda group: group.name,
            created=lambda group: group.created,
            status=_offline_status if params.get("SortBy") == "OfflineStoreStatus" else _status,
        )
        return {"FeatureGroupSummaries": [_summary(group) for group in found], "NextToken": token}

    def update(self, scope: Scope, params: Params) -> Params:
        """UpdateFeatureGroup: new features, the default time to live, or the throughput; one of them per call."""
        group = self._find(scope, params)
        check_update(group, params)
        with group.lock:
            if "FeatureAdditions" in params:
                check_additions(group, params["FeatureAdditions"])
                group.definition["FeatureDefinitions"] += copy.deepcopy(params["FeatureAdditions"])
                group.features.update(_features(params["FeatureAdditions"]))
                if (group.offline or {}).get("DataCatalogConfig") and not (group.offline or {}).get(
                    "DisableGlueTableCreation"
                ):
                    role = group.definition.get("RoleArn")
                    client = self._service.sagemaker.client("glue", group.account, group.region, role)
                    catalog.refresh(client, group)
            if "OnlineStoreConfig" in params:
                _set_ttl(group, params["OnlineStoreConfig"])
            if "ThroughputConfig" in params:
                group.definition["ThroughputConfig"] = dict(params["ThroughputConfig"])
            group.modified = scope.now
            group.last_update = {"Status": "Successful"}
        self._service.announce(group, _described(group))
        return {"FeatureGroupArn": group.arn}

    def delete(self, scope: Scope, params: Params) -> Params:
        """DeleteFeatureGroup: the online records are gone; files and table of the offline store stay."""
        group = self._find(scope, params)
        if group.status == "Creating":
            raise AwsError("ValidationException", f"Cannot delete FeatureGroup {group.name} while it is being created.")
        store = self._service.store(group.account, group.region)
        with store.lock:
            store.groups.pop(group.name.lower(), None)
            group.status, group.online = "Deleting", None
        if group.waiting:
            self._service.flush_group(group)
        scope.store.tags.pop(group.arn, None)
        self._service.announce(group, _described(group))
        return {}

    def _find(self, scope: Scope, params: Params) -> Group:
        return self._service.find(scope.context.account, scope.context.region, params["FeatureGroupName"])

    def _check_quotas(self, store: Store, name: str) -> None:
        if name.lower() in store.groups:
            raise AwsError(
                "ResourceInUse",
                f"Resource Already Exists: FeatureGroup with name {name} already exists. Choose a different name.",
            )
        options = self._service.options
        creating = sum(group.status == "Creating" for group in store.groups.values())
        if creating >= options.concurrent_creations:
            raise AwsError(
                "ResourceLimitExceeded",
                f"The account-level service limit for concurrent feature group creations is "
                f"{options.concurrent_creations}, with current utilization of {creating} and a request delta of 1.",
            )
        if len(store.groups) >= options.groups_per_account:
            raise AwsError(
                "ResourceLimitExceeded",
                f"The account-level service limit 'Maximum number of feature groups' is {options.groups_per_account} "
                f"FeatureGroups, with current utilization of {len(store.groups)} and a request delta of 1.",
            )

    def _creation(self, group: Group, glue: Any) -> Generator[float, None, None]:
        yield self._service.options.create_seconds
        try:
            if group.offline is not None and not group.offline.get("DisableGlueTableCreation"):
                catalog.register(glue, group)
        except (ClientError, BotoCoreError) as error:
            group.status, group.failure_reason = "CreateFailed", f"Cannot create the Glue table: {error}"[:1024]
        else:
            if group.definition.get("OnlineStoreConfig", {}).get("EnableOnlineStore"):
                group.online = OnlineStore()
            group.status = "Created"
        self._service.announce(group, _described(group))


def _new(scope: Scope, params: Params) -> Group:
    name, now = params["FeatureGroupName"], scope.now
    definition = {key: value for key, value in copy.deepcopy(params).items() if key != "Tags"}
    epoch = int(now.timestamp())
    offline = definition.get("OfflineStoreConfig")
    if offline is not None:
        base = offline["S3StorageConfig"]["S3Uri"].rstrip("/")
        account, region = scope.context.account, scope.context.region
        resolved = f"{base}/{account}/sagemaker/{region}/offline-store/{name}-{epoch}/data"
        offline["S3StorageConfig"]["ResolvedOutputS3Uri"] = resolved
        if not offline.setdefault("DisableGlueTableCreation", False):
            offline.setdefault("DataCatalogConfig", catalog.default_names(name, epoch))
    return Group(
        name=name,
        arn=scope.store.arn(f"feature-group/{name}"),
        account=scope.context.account,
        region=scope.context.region,
        created=now,
        definition=definition,
        features=_features(definition["FeatureDefinitions"]),
        identifier=definition["RecordIdentifierFeatureName"],
        event_time=definition["EventTimeFeatureName"],
    )


def _features(definitions: list[Params]) -> dict[str, Feature]:
    return {
        item["FeatureName"]: Feature(item["FeatureName"], item["FeatureType"], item.get("CollectionType"))
        for item in definitions
    }


def _set_ttl(group: Group, config: Params) -> None:
    online = group.definition["OnlineStoreConfig"]
    ttl = config.get("TtlDuration") or {}
    if ttl.get("Unit") and ttl.get("Value"):
        online["TtlDuration"] = dict(ttl)
    else:
        # Unit and Value null take the default away.
        online.pop("TtlDuration", None)


def _status(group: Group) -> str:
    return group.status


def _offline_status(group: Group) -> str:
    if group.offline is None:
        return "Disabled"
    return "Blocked" if group.blocked else "Active"


def _offline(group: Group) -> Params:
    status: Params = {"Status": _offline_status(group)}
    return {**status, "BlockedReason": group.blocked} if group.blocked else status


def _summary(group: Group) -> Params:
    return {
        "FeatureGroupName": group.name,
        "FeatureGroupArn": group.arn,
        "CreationTime": group.created,
        "FeatureGroupStatus": group.status,
        "OfflineStoreStatus": _offline(group),
    }


def _described(group: Group) -> Params:
    described = {**copy.deepcopy(group.definition), **_summary(group), "LastModifiedTime": group.modified}
    described.setdefault("ThroughputConfig", {"ThroughputMode": "OnDemand"})
    if group.failure_reason:
        described["FailureReason"] = group.failure_reason
    if group.last_update:
        described["LastUpdateStatus"] = group.last_update
    return described
