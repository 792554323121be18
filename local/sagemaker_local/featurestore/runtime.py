"""sagemaker-featurestore-runtime: records in and out.

The wording of refused records is ours: AWS does not publish it. Code and status are AWS's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sagemaker_local.errors import AwsError
from sagemaker_local.sagemaker.shapes import check

from .online import Entry
from .service import FeatureStore
from .state import Group, OfflineRecord
from .values import MOST_IDENTIFIER_BYTES, SECONDS, event_time, iso, parse, refuse, typed

if TYPE_CHECKING:
    from sagemaker_local.front import Context

Params = dict[str, Any]

_SERVICE = "sagemaker-featurestore-runtime"
_STORES = ("OnlineStore", "OfflineStore")
_MOST_BATCH_READ = 100
_COUNTED = ("PutRecord", "GetRecord", "DeleteRecord")


def install(service: FeatureStore) -> None:
    """Answer the runtime's operations."""
    runtime = _Runtime(service)
    operations: dict[str, Callable[[Context, Params], Params]] = {
        "PutRecord": runtime.put,
        "BatchWriteRecord": runtime.batch_write,
        "GetRecord": runtime.get,
        "BatchGetRecord": runtime.batch_get,
        "DeleteRecord": runtime.delete,
        "ListRecords": runtime.list_records,
        "UpdateRecord": _unsupported,
    }
    for name, action in operations.items():
        service.aws.front.op(_SERVICE, name, _checked(service, name, action))


def _checked(
    service: FeatureStore, name: str, action: Callable[[Context, Params], Params]
) -> Callable[[Context, Params], Params]:
    def handle(context: Context, params: Params) -> Params:
        # Lists that a query string does not have are parsed as empty ones.
        params = {key: value for key, value in params.items() if value is not None and value != []}
        started, status = time.perf_counter(), 200
        try:
            try:
                check(name, _without_values(params), _SERVICE)
            except AwsError as error:
                raise AwsError("ValidationError", error.message) from None
            return action(context, params)
        except AwsError as error:
            status = error.status
            raise
        finally:
            if name in _COUNTED:
                _count(service, context, name, params, (time.perf_counter() - started) * 1e6, status)

    return handle


def _count(
    service: FeatureStore, context: Context, name: str, params: Params, microseconds: float, status: int
) -> None:
    group = str(params.get("FeatureGroupName", "")).rsplit("/", 1)[-1]
    if group and params.get("TargetStores", _STORES) != ["OfflineStore"]:
        minute = context.clock.now().replace(second=0, microsecond=0)
        service.metrics.count((context.account, context.region, group, name, minute), microseconds, status)


def _without_values(params: Params) -> Params:
    """Return the parameters without the values of features: those are checked by type, not by the model's pattern."""
    bare = dict(params)
    if "Record" in params:
        bare["Record"] = [{"FeatureName": item.get("FeatureName")} for item in params["Record"]]
    if "Entries" in params:
        bare["Entries"] = [_without_values(entry) for entry in params["Entries"]]
    return bare


def _unsupported(context: Context, params: Params) -> Params:
    raise refuse(f"the embedded AWS does not support {context.operation}; read the record and write it with PutRecord.")


class _Runtime:
    def __init__(self, service: FeatureStore) -> None:
        self._service = service

    def put(self, context: Context, params: Params) -> Params:
        """PutRecord."""
        self._put(context, params)
        return {}

    def batch_write(self, context: Context, params: Params) -> Params:
        """BatchWriteRecord: what is refused is reported beside the others."""
        errors = []
        for entry in params["Entries"]:
            try:
                self._put(
                    context, {**({"TtlDuration": params["TtlDuration"]} if "TtlDuration" in params else {}), **entry}
                )
            except AwsError as error:
                errors.append({"Entry": entry, "ErrorCode": error.code, "ErrorMessage": error.message})
        return {"Errors": errors, "UnprocessedEntries": []}

    def get(self, context: Context, params: Params) -> Params:
        """GetRecord; an identifier that is not there gives an empty result."""
        group = self._readable(context, params["FeatureGroupName"], "ResourceNotFound")
        return self._read(group, params["RecordIdentifierValueAsString"], params.get("FeatureNames"), params) or {}

    def batch_get(self, context: Context, params: Params) -> Params:
        """BatchGetRecord, of 100 identifiers at most."""
        wanted = sum(len(item["RecordIdentifiersValueAsString"]) for item in params["Identifiers"])
        if wanted > _MOST_BATCH_READ:
            raise refuse(f"BatchGetRecord can read {_MOST_BATCH_READ} records at most, not {wanted}.")
        records, errors = [], []
        for item in params["Identifiers"]:
            for identifier in item["RecordIdentifiersValueAsString"]:
                named = {"FeatureGroupName": item["FeatureGroupName"], "RecordIdentifierValueAsString": identifier}
                try:
                    group = self._readable(context, item["FeatureGroupName"], "ResourceNotFound")
                    found = self._read(group, identifier, item.get("FeatureNames"), params)
                except AwsError as error:
                    errors.append({**named, "ErrorCode": error.code, "ErrorMessage": error.message})
                    continue
                if found is not None:
                    records.append({**named, **found})
        return {"Records": records, "Errors": errors, "UnprocessedIdentifiers": []}

    def delete(self, context: Context, params: Params) -> Params:
        """DeleteRecord, soft by default; the offline store gets a marker."""
        group = self._group(context, params["FeatureGroupName"], "ValidationError")
        text = params["RecordIdentifierValueAsString"]
        values = {
            group.identifier: typed(group.features[group.identifier], text),
            group.event_time: typed(group.features[group.event_time], params["EventTime"]),
        }
        moment = event_time(group.features[group.event_time], params["EventTime"])
        stores = _targets(group, params.get("TargetStores"))
        now = self._service.nanoseconds()
        with group.lock:
            if group.online is not None and "OnlineStore" in stores:
                if params.get("DeletionMode") == "HardDelete":
                    if not group.online.hard_delete(text, moment, now):
                        raise refuse(
                            f"EventTime: {params['EventTime']} is not later than the stored record's; nothing deleted."
                        )
                else:
                    group.online.soft_delete(text, moment, now)
            if "OfflineStore" in stores:
                group.waiting.append(OfflineRecord(values, moment, context.clock.now(), True))
        return {}

    def list_records(self, context: Context, params: Params) -> Params:
        """ListRecords, in the identifiers' order; the token is the last identifier of the page."""
        group = self._readable(context, params["FeatureGroupName"], "ResourceNotFound")
        if group.online is None:
            return {"RecordIdentifiers": []}
        with group.lock:
            deleted = bool(params.get("IncludeSoftDeletedRecords"))
            found = group.online.identifiers(self._service.nanoseconds(), deleted=deleted)
        size, after = int(params.get("MaxResults", _MOST_BATCH_READ)), params.get("NextToken", "")
        rest = [identifier for identifier in found if identifier > after]
        answer: Params = {"RecordIdentifiers": rest[:size]}
        return {**answer, "NextToken": rest[size - 1]} if len(rest) > size else answer

    def _put(self, context: Context, params: Params) -> None:
        group = self._group(context, params["FeatureGroupName"], "ValidationError")
        values = parse(group.features, params["Record"])
        missing = [name for name in (group.identifier, group.event_time) if values.get(name) in (None, "")]
        if missing:
            raise refuse(
                f"The record has no value for {' and '.join(missing)}, which every record of {group.name} needs."
            )
        texts = {item["FeatureName"]: item.get("ValueAsString") for item in params["Record"]}
        identifier, moment_text = str(texts[group.identifier]), str(texts[group.event_time])
        if len(identifier.encode()) > MOST_IDENTIFIER_BYTES:
            raise refuse(
                f"The record identifier {group.identifier} may have {MOST_IDENTIFIER_BYTES} bytes (2 KB) at most."
            )
        moment = event_time(group.features[group.event_time], moment_text)
        stores = _targets(group, params.get("TargetStores"))
        ttl = params.get("TtlDuration") or group.ttl
        expires = moment + int(ttl["Value"]) * SECONDS[ttl["Unit"]] * 10**9 if ttl else None
        kept = [
            {
                key: item[key]
                for key in ("FeatureName", "ValueAsString", "ValueAsStringList")
                if item.get(key) is not None
            }
            for item in params["Record"]
            if item["FeatureName"] in values
        ]
        with group.lock:
            if group.online is not None and "OnlineStore" in stores:
                group.online.put(identifier, Entry(kept, moment, expires), self._service.nanoseconds())
            if "OfflineStore" in stores:
                group.waiting.append(OfflineRecord(values, moment, context.clock.now(), False))

    def _read(self, group: Group, identifier: str, names: list[str] | None, params: Params) -> Params | None:
        unknown = [name for name in names or [] if name not in group.features]
        if unknown:
            raise refuse(f"FeatureGroup {group.name} has no feature named {', '.join(unknown)}.")
        if group.online is None:
            raise refuse(f"FeatureGroup {group.name} has no online store.")
        with group.lock:
            entry = group.online.get(identifier, self._service.nanoseconds())
        if entry is None or entry.record is None:
            return None
        found: Params = {"Record": [item for item in entry.record if not names or item["FeatureName"] in names]}
        if not found["Record"]:
            return None
        if entry.expires is not None and params.get("ExpirationTimeResponse") == "Enabled":
            found["ExpiresAt"] = iso(entry.expires)
        return found

    def _readable(self, context: Context, reference: str, code: str) -> Group:
        group = self._group(context, reference, code)
        if group.online is None:
            raise refuse(f"FeatureGroup {group.name} has no online store; query its offline store instead.")
        return group

    def _group(self, context: Context, reference: str, code: str) -> Group:
        group = self._service.find(context.account, context.region, reference, code)
        if group.status != "Created":
            raise refuse(f"FeatureGroup {group.name} has status {group.status}; records need status Created.")
        return group


def _targets(group: Group, wanted: list[str] | None) -> set[str]:
    present = {"OnlineStore"} if group.online is not None else set()
    present |= {"OfflineStore"} if group.offline is not None else set()
    unknown = [name for name in wanted or [] if name not in _STORES or name not in present]
    if unknown:
        raise refuse(
            f"TargetStores {', '.join(unknown)} of FeatureGroup {group.name} do not exist; it has {sorted(present)}."
        )
    return set(wanted) if wanted else present
