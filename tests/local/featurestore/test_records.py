"""Records online and offline: event times, time to live, deletion, types, and the files in S3."""

from __future__ import annotations

import io
import re
from typing import Any

import polars as pl
import pytest
from botocore.exceptions import ClientError

AT = "2026-01-01T00:00:00Z"


def test_only_a_later_event_time_replaces_the_online_record(store: Any) -> None:
    group = store.create()
    for at, count in (("2026-01-02T00:00:00Z", "1"), ("2026-01-01T00:00:00Z", "2"), ("2026-01-02T00:00:00.000Z", "3")):
        store.put(group, {"id": "a", "at": at, "Count": count})
        assert store.get(group)["Count"] == "1"
    store.put(group, {"id": "a", "at": "2026-01-02T00:00:00.000000001Z", "share": "1"})
    # A record is replaced as a whole.
    assert store.get(group) == {"id": "a", "at": "2026-01-02T00:00:00.000000001Z", "share": "1"}
    assert store.get(group, FeatureNames=["share"]) == {"share": "1"}
    table = store.offline(group)["DataCatalogConfig"]
    assert store.rows(f'SELECT count(*) FROM "{table["Database"]}"."{table["TableName"]}"') == [["4"]]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"at": AT}, "no value for id"),
        ({"id": "a"}, "no value for at"),
        ({"id": "", "at": AT}, "no value for id"),
        ({"id": "a", "at": "2026-01-01"}, "must be an ISO-8601 time in UTC"),
        ({"id": "a", "at": "2026-01-01T00:00:00+01:00"}, "must be an ISO-8601 time in UTC"),
        ({"id": "a", "at": "2026-13-01T00:00:00Z"}, "must be an ISO-8601 time in UTC"),
        ({"id": "a", "at": AT, "Count": "1.0"}, "must be of type Integral"),
        ({"id": "a", "at": AT, "Count": str(2**63)}, "must be of type Integral"),
        ({"id": "a", "at": AT, "share": "NaN"}, "must be of type Fractional"),
        ({"id": "a", "at": AT, "nope": "1"}, "no feature named nope"),
        ({"id": "x" * 2049, "at": AT}, "2048 bytes"),
        ({"id": "x" * 360_000, "at": AT}, "350 KB"),
    ],
)
def test_a_record_that_breaks_a_rule_is_refused(store: Any, values: dict[str, str], message: str) -> None:
    group = store.create()
    store.service.flush()
    with pytest.raises(ClientError, match=message) as caught:
        store.put(group, values)
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    assert store.service.flush() == 0


def test_time_to_live_counts_from_the_event_time(store: Any) -> None:
    ttl = {"TtlDuration": {"Unit": "Hours", "Value": 2}}
    group = store.create(OnlineStoreConfig={"EnableOnlineStore": True, **ttl})
    now = store.aws.clock.now()
    store.put(group, {"id": "a", "at": f"{now:%Y-%m-%dT%H:%M:%SZ}"})
    store.put(group, {"id": "b", "at": f"{now:%Y-%m-%dT%H:%M:%SZ}"}, TtlDuration={"Unit": "Weeks", "Value": 1})
    store.put(group, {"id": "old", "at": "2020-01-01T00:00:00Z"})
    assert store.get(group, "old") is None
    answer = store.runtime.get_record(
        FeatureGroupName=group, RecordIdentifierValueAsString="a", ExpirationTimeResponse="Enabled"
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", answer["ExpiresAt"])
    store.aws.clock.advance(2 * 3600)
    assert store.get(group, "a") is None
    assert store.get(group, "b") is not None
    # Nothing is left of it: an older record finds a free place.
    store.put(group, {"id": "a", "at": AT}, TtlDuration={"Unit": "Weeks", "Value": 5000})
    assert store.get(group, "a")["at"] == AT


def test_soft_and_hard_deletion(store: Any) -> None:
    group = store.create()
    table = store.offline(group)["DataCatalogConfig"]

    def delete(at: str, mode: str = "SoftDelete") -> None:
        store.runtime.delete_record(
            FeatureGroupName=group, RecordIdentifierValueAsString="a", EventTime=at, DeletionMode=mode
        )

    def markers() -> int:
        text = f'SELECT at FROM "{table["Database"]}"."{table["TableName"]}" WHERE is_deleted AND "count" IS NULL'
        return len(store.rows(text))

    store.put(group, {"id": "a", "at": "2026-01-02T00:00:00Z", "Count": "1"})
    delete("2026-01-01T00:00:00Z")
    assert store.get(group) is not None
    assert markers() == 1
    with pytest.raises(ClientError, match="not later than the stored"):
        delete("2026-01-02T00:00:00Z", "HardDelete")
    assert markers() == 1
    delete("2026-01-03T00:00:00Z")
    assert store.get(group) is None
    store.put(group, {"id": "a", "at": "2026-01-02T12:00:00Z"})
    assert store.get(group) is None
    listed = {"FeatureGroupName": group}
    assert store.runtime.list_records(**listed)["RecordIdentifiers"] == []
    assert store.runtime.list_records(**listed, IncludeSoftDeletedRecords=True)["RecordIdentifiers"] == ["a"]
    delete("2026-01-04T00:00:00Z", "HardDelete")
    assert markers() == 3
    store.put(group, {"id": "a", "at": "2026-01-01T00:00:00Z"})
    assert store.get(group) is not None


def test_batches(store: Any) -> None:
    group, offline = store.create(), store.create(OnlineStoreConfig=None)
    good = {"FeatureGroupName": group, "Record": store.record(id="a", at=AT)}
    bad = {"FeatureGroupName": group, "Record": store.record(id="b", at=AT, Count="x")}
    answer = store.runtime.batch_write_record(Entries=[good, bad])
    assert [item["Entry"] for item in answer["Errors"]] == [bad]
    assert answer["Errors"][0]["ErrorCode"] == "ValidationError"
    found = store.runtime.batch_get_record(
        Identifiers=[
            {"FeatureGroupName": group, "RecordIdentifiersValueAsString": ["a", "b"], "FeatureNames": ["id"]},
            {"FeatureGroupName": "nobody", "RecordIdentifiersValueAsString": ["a"]},
            {"FeatureGroupName": offline, "RecordIdentifiersValueAsString": ["a"]},
        ]
    )
    assert [item["Record"] for item in found["Records"]] == [store.record(id="a")]
    assert [item["ErrorCode"] for item in found["Errors"]] == ["ResourceNotFound", "ValidationError"]
    with pytest.raises(ClientError, match="100 records at most, not 101"):
        several = {"FeatureGroupName": group, "RecordIdentifiersValueAsString": ["a"] * 100}
        one = {**several, "RecordIdentifiersValueAsString": ["a"]}
        store.runtime.batch_get_record(Identifiers=[several, one])


def test_collections_live_in_memory(store: Any) -> None:
    definitions = [
        *store.request()["FeatureDefinitions"],
        {"FeatureName": "tags", "FeatureType": "Integral", "CollectionType": "List"},
    ]
    online = {"EnableOnlineStore": True, "StorageType": "InMemory"}
    group = store.create(OfflineStoreConfig=None, OnlineStoreConfig=online, FeatureDefinitions=definitions)
    record = [*store.record(id="a", at=AT), {"FeatureName": "tags", "ValueAsStringList": ["1", "2"]}]
    store.runtime.put_record(FeatureGroupName=group, Record=record)
    found = store.runtime.get_record(FeatureGroupName=group, RecordIdentifierValueAsString="a")["Record"]
    assert found[-1] == {"FeatureName": "tags", "ValueAsStringList": ["1", "2"]}
    with pytest.raises(ClientError, match="wants ValueAsStringList"):
        store.put(group, {"id": "a", "at": AT, "tags": "1"})
    with pytest.raises(ClientError, match=r"TargetStores OfflineStore .* do not exist"):
        store.put(group, {"id": "a", "at": AT}, TargetStores=["OfflineStore"])


@pytest.mark.parametrize("table_format", ["Glue", "Iceberg"])
def test_files_are_where_sagemaker_puts_them(store: Any, table_format: str) -> None:
    place = {"S3StorageConfig": {"S3Uri": f"s3://{store.bucket}/{table_format}"}, "TableFormat": table_format}
    group = store.create(OfflineStoreConfig=place)
    store.service.flush()
    for at in ("2026-02-28T23:59:59.5Z", "2026-03-01T00:00:00Z", "2026-03-01T00:30:00Z"):
        store.put(group, {"id": "a", "at": at, "Count": "3"})
    assert store.service.flush() == 3
    prefix = store.offline(group)["S3StorageConfig"]["ResolvedOutputS3Uri"].removeprefix(f"s3://{store.bucket}/")
    keys = [key.removeprefix(prefix) for key in store.keys(prefix)]
    patterns = {
        "Glue": [
            r"/year=2026/month=02/day=28/hour=23/20260228T235959Z_[A-Za-z0-9]{16}\.parquet",
            r"/year=2026/month=03/day=01/hour=00/20260301T003000Z_[A-Za-z0-9]{16}\.parquet",
        ],
        "Iceberg": [
            r"/[A-Za-z0-9]{8}/at_trunc=2026-02-28/20260228T235959Z_[A-Za-z0-9]{16}\.parquet",
            r"/[A-Za-z0-9]{8}/at_trunc=2026-03-01/20260301T003000Z_[A-Za-z0-9]{16}\.parquet",
        ],
    }[table_format]
    for pattern in patterns:
        assert len([key for key in keys if re.fullmatch(pattern, key)]) == 1
    body = store.client("s3").get_object(Bucket=store.bucket, Key=store.keys(prefix)[0])["Body"].read()
    frame = pl.read_parquet(io.BytesIO(body))
    assert frame.schema["Count"] == pl.Int64
    assert frame["is_deleted"].to_list() == [False] * frame.height
    assert frame["write_time"][0] >= frame["api_invocation_time"][0]
    writers = {call.caller_arn for call in store.aws.calls if call.operation == "PutObject"}
    assert "arn:aws:iam::123456789012:role/features" in writers


def test_records_wait_for_the_offline_store_as_long_as_told(store: Any) -> None:
    group = store.create()
    names = store.offline(group)["DataCatalogConfig"]
    count = f'SELECT count(*) FROM "{names["Database"]}"."{names["TableName"]}"'
    store.service.options.offline_delay_seconds = 900
    try:
        store.put(group, {"id": "a", "at": AT})
        assert store.rows(count) == [["0"]]
        store.aws.clock.advance(901)
        assert store.rows(count) == [["1"]]
    finally:
        store.service.options.offline_delay_seconds = 0


def test_an_offline_store_that_cannot_be_written_is_blocked_and_loses_nothing(store: Any) -> None:
    s3 = store.client("s3")
    group = store.create(OfflineStoreConfig={"S3StorageConfig": {"S3Uri": "s3://comes-later/x"}})
    store.put(group, {"id": "a", "at": AT})
    store.service.flush()
    status = store.sm.describe_feature_group(FeatureGroupName=group)["OfflineStoreStatus"]
    assert status["Status"] == "Blocked"
    assert "NoSuchBucket" in status["BlockedReason"]
    s3.create_bucket(Bucket="comes-later", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    store.service.flush()  # unless its own timer was faster
    assert store.sm.describe_feature_group(FeatureGroupName=group)["OfflineStoreStatus"] == {"Status": "Active"}


def test_calls_are_measured(store: Any) -> None:
    group = store.create()
    start = store.aws.clock.now()
    for count in ("1", "2", "x"):
        values = {"id": "a", "at": AT, "Count": count}
        if count == "x":
            with pytest.raises(ClientError):
                store.put(group, values)
        else:
            store.put(group, values)
    store.put(group, {"id": "a", "at": AT}, TargetStores=["OfflineStore"])
    store.get(group)
    store.aws.clock.advance(60)

    def measured(metric: str, operation: str, statistic: str = "Sum") -> float:
        answer = store.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/SageMaker/FeatureStore",
            MetricName=metric,
            Dimensions=[
                {"Name": "FeatureGroupName", "Value": group},
                {"Name": "OperationName", "Value": operation},
            ],
            StartTime=start.replace(second=0, microsecond=0),
            EndTime=store.aws.clock.now(),
            Period=3600,
            Statistics=[statistic],
        )
        return float(sum(point[statistic] for point in answer["Datapoints"]))

    assert measured("Invocations", "PutRecord") == 3
    assert measured("Operation4XXErrors", "PutRecord") == 1
    assert measured("Operation5XXErrors", "PutRecord") == 0
    assert measured("Invocations", "GetRecord") == 1
    assert measured("Latency", "GetRecord", "Maximum") > 0
