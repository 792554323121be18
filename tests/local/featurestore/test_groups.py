"""Feature groups: what may be created, how they change, and what deletion leaves."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

TTL = {"Unit": "Hours", "Value": 1}


def features(**kinds: str) -> list[dict[str, str]]:
    return [{"FeatureName": name, "FeatureType": kind} for name, kind in kinds.items()]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"OnlineStoreConfig": None, "OfflineStoreConfig": None}, "At least one of OnlineStoreConfig"),
        ({"RoleArn": None}, "RoleArn is required"),
        ({"EventTimeFeatureName": "Count"}, "must be of type String or Fractional, not Integral"),
        ({"EventTimeFeatureName": "nope"}, "EventTimeFeatureName nope is not among"),
        ({"EventTimeFeatureName": "id"}, "must differ"),
        ({"FeatureDefinitions": features(id="String", at="String", Write_Time="String")}, "Write_Time is reserved"),
        ({"FeatureDefinitions": features(id="String", at="String", x="String", X="String")}, "more than once"),
        ({"FeatureDefinitions": features(id="Text", at="String")}, "enum value set"),
        ({"FeatureGroupName": "-bad"}, "regular expression"),
        (
            {
                "OfflineStoreConfig": {"S3StorageConfig": {"S3Uri": "s3://x"}, "TableFormat": "Iceberg"},
                "FeatureDefinitions": features(id="String", at="Fractional"),
            },
            "must be of type String in the Iceberg table format",
        ),
        ({"OnlineStoreConfig": {"EnableOnlineStore": True, "StorageType": "InMemory"}}, "does not support an offline"),
        ({"ThroughputConfig": {"ThroughputMode": "Provisioned"}}, "needs ProvisionedWriteCapacityUnits"),
        (
            {"ThroughputConfig": {"ThroughputMode": "OnDemand", "ProvisionedReadCapacityUnits": 1}},
            "need ThroughputMode",
        ),
        (
            {
                "FeatureDefinitions": [
                    *features(id="String", at="String"),
                    {"FeatureName": "tags", "FeatureType": "String", "CollectionType": "List"},
                ]
            },
            "collections need an online store of StorageType InMemory",
        ),
    ],
)
def test_what_sagemaker_would_refuse_is_refused(store: Any, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ClientError, match=message) as caught:
        store.create(**changes)
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_a_group_is_described_with_its_table_and_prefix(store: Any) -> None:
    name = store.create(Description="of tests", Tags=[{"Key": "team", "Value": "ml"}])
    found = store.sm.describe_feature_group(FeatureGroupName=name)
    assert found["FeatureGroupStatus"] == "Created"
    assert found["FeatureGroupArn"].endswith(f":feature-group/{name}")
    assert (found["Description"], found["OfflineStoreStatus"]) == ("of tests", {"Status": "Active"})
    epoch = int(found["CreationTime"].timestamp())
    offline = found["OfflineStoreConfig"]
    prefix = f"s3://offline/root/123456789012/sagemaker/eu-west-1/offline-store/{name}-{epoch}/data"
    assert offline["S3StorageConfig"]["ResolvedOutputS3Uri"] == prefix
    assert offline["DataCatalogConfig"]["Database"] == "sagemaker_featurestore"
    names = offline["DataCatalogConfig"]
    table = store.client("glue").get_table(DatabaseName=names["Database"], Name=names["TableName"])["Table"]
    assert {item["Name"]: item["Type"] for item in table["StorageDescriptor"]["Columns"]} == {
        "id": "string",
        "at": "string",
        "count": "bigint",
        "share": "double",
        "write_time": "timestamp",
        "api_invocation_time": "timestamp",
        "is_deleted": "boolean",
    }
    assert [item["Name"] for item in table["PartitionKeys"]] == ["year", "month", "day", "hour"]
    assert store.sm.list_tags(ResourceArn=found["FeatureGroupArn"])["Tags"] == [{"Key": "team", "Value": "ml"}]
    assert store.sm.describe_feature_group(FeatureGroupName=found["FeatureGroupArn"])["FeatureGroupName"] == name
    with pytest.raises(ClientError, match="already exists") as caught:
        store.create(FeatureGroupName=name.upper())
    assert caught.value.response["Error"]["Code"] == "ResourceInUse"


def test_updates_add_and_nothing_else(store: Any) -> None:
    name = store.create()
    store.put(name, {"id": "a", "at": "2026-01-01T00:00:00Z"})
    store.service.flush()
    store.sm.update_feature_group(FeatureGroupName=name, FeatureAdditions=features(more="Integral"))
    store.put(name, {"id": "b", "at": "2026-01-01T00:00:00Z", "more": "4"})
    names = store.offline(name)["DataCatalogConfig"]
    # Files from before the addition do not have the column.
    found = store.rows(
        f"SELECT id, more FROM {names['TableName']} ORDER BY id", QueryExecutionContext={"Database": names["Database"]}
    )
    assert found == [["a", None], ["b", "4"]]
    for changes, message in (
        ({"FeatureAdditions": features(more="String")}, "Feature more already exists"),
        ({"FeatureAdditions": features(is_deleted="String")}, "is reserved"),
        ({"FeatureAdditions": features(x="String"), "OnlineStoreConfig": {"TtlDuration": TTL}}, "Exactly one"),
        ({}, "Exactly one of .* not none"),
        ({"OnlineStoreConfig": {"StorageType": "InMemory"}}, "StorageType cannot be changed"),
    ):
        with pytest.raises(ClientError, match=message):
            store.sm.update_feature_group(FeatureGroupName=name, **changes)
    store.sm.update_feature_group(FeatureGroupName=name, OnlineStoreConfig={"TtlDuration": TTL})
    assert store.sm.describe_feature_group(FeatureGroupName=name)["OnlineStoreConfig"]["TtlDuration"] == TTL


def test_deletion_leaves_files_and_table(store: Any) -> None:
    name = store.create()
    store.put(name, {"id": "a", "at": "2026-01-01T00:00:00Z"})
    offline = store.offline(name)
    store.sm.delete_feature_group(FeatureGroupName=name)
    with pytest.raises(ClientError, match="can't find a FeatureGroup") as caught:
        store.sm.describe_feature_group(FeatureGroupName=name)
    assert caught.value.response["Error"]["Code"] == "ResourceNotFound"
    with pytest.raises(ClientError, match=r"ValidationError.*can't find a FeatureGroup"):
        store.put(name, {"id": "a", "at": "2026-01-01T00:00:00Z"})
    assert len(store.keys(offline["S3StorageConfig"]["ResolvedOutputS3Uri"].removeprefix("s3://offline/"))) == 1
    names = offline["DataCatalogConfig"]
    assert store.client("glue").get_table(DatabaseName=names["Database"], Name=names["TableName"])
    store.aws.clock.advance(2)
    again = store.create(FeatureGroupName=name)
    assert store.offline(again)["S3StorageConfig"] != offline["S3StorageConfig"]


def test_a_missing_database_fails_the_creation_with_the_reason(store: Any) -> None:
    config = {
        "S3StorageConfig": {"S3Uri": "s3://offline/x"},
        "DataCatalogConfig": {"Catalog": "AwsDataCatalog", "Database": "nowhere", "TableName": "t"},
    }
    found = store.sm.describe_feature_group(FeatureGroupName=store.create(OfflineStoreConfig=config))
    assert found["FeatureGroupStatus"] == "CreateFailed"
    assert "nowhere" in found["FailureReason"]


def test_at_most_four_are_created_at_a_time(store: Any) -> None:
    store.service.options.create_seconds = 60
    try:
        names = [store.create() for _ in range(4)]
        with pytest.raises(ClientError, match="concurrent feature group creations is 4") as caught:
            store.create()
        assert caught.value.response["Error"]["Code"] == "ResourceLimitExceeded"
        with pytest.raises(ClientError, match="status Creating"):
            store.put(names[0], {"id": "a", "at": "2026-01-01T00:00:00Z"})
        store.aws.clock.advance(61)
    finally:
        store.service.options.create_seconds = 0
    listed = store.sm.list_feature_groups(FeatureGroupStatusEquals="Created", MaxResults=100)["FeatureGroupSummaries"]
    assert set(names) <= {item["FeatureGroupName"] for item in listed}


def test_changes_are_announced(store: Any) -> None:
    events, sqs = store.client("events"), store.client("sqs")
    url = sqs.create_queue(QueueName="feature-groups")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.sagemaker"], "detail-type": ["SageMaker Feature Group State Change"]}
    events.put_rule(Name="feature-groups", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="feature-groups", Targets=[{"Id": "queue", "Arn": arn}])
    name = store.create()
    states = []
    while len(states) < 2:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)["Messages"]:
            detail = json.loads(message["Body"])["detail"]
            assert detail["FeatureGroupName"] == name
            states.append(detail["FeatureGroupStatus"])
    assert sorted(states) == ["Created", "Creating"]


def test_metadata_of_a_feature(store: Any) -> None:
    name = store.create()
    where = {"FeatureGroupName": name, "FeatureName": "Count"}
    store.sm.update_feature_metadata(**where, Description="orders", ParameterAdditions=[{"Key": "unit", "Value": "1"}])
    found = store.sm.describe_feature_metadata(**where)
    assert (found["Description"], found["Parameters"]) == ("orders", [{"Key": "unit", "Value": "1"}])
    store.sm.update_feature_metadata(**where, ParameterRemovals=["unit"])
    assert store.sm.describe_feature_metadata(**where)["Parameters"] == []
    with pytest.raises(ClientError, match="has no feature nope"):
        store.sm.describe_feature_metadata(FeatureGroupName=name, FeatureName="nope")


def template(store: Any, definitions: list[dict[str, str]], ttl: int) -> str:
    group = {
        "Type": "AWS::SageMaker::FeatureGroup",
        "Properties": {
            "FeatureGroupName": "stacked",
            "RecordIdentifierFeatureName": "id",
            "EventTimeFeatureName": "at",
            "FeatureDefinitions": definitions,
            "OnlineStoreConfig": {"EnableOnlineStore": True, "TtlDuration": {"Unit": "Hours", "Value": ttl}},
            "OfflineStoreConfig": {"S3StorageConfig": {"S3Uri": f"s3://{store.bucket}/stacked"}},
            "RoleArn": "arn:aws:iam::123456789012:role/features",
        },
    }
    results = {"OutputLocation": f"s3://{store.bucket}/results/"}
    workgroup = {
        "Type": "AWS::Athena::WorkGroup",
        "Properties": {
            "Name": "stacked",
            "RecursiveDeleteOption": True,
            "WorkGroupConfiguration": {"ResultConfiguration": results, "BytesScannedCutoffPerQuery": 10_000_000 * ttl},
        },
    }
    database = {
        "Type": "AWS::Glue::Database",
        "Properties": {"CatalogId": "123456789012", "DatabaseInput": {"Name": "own"}},
    }
    return json.dumps({"Resources": {"Group": group, "Work": workgroup, "Database": database}})


def test_stacks_add_features_in_place_and_refuse_what_cannot_be_done(store: Any) -> None:
    cloudformation = store.client("cloudformation")

    def deploy(body: str, *, create: bool = False) -> str:
        call = cloudformation.create_stack if create else cloudformation.update_stack
        call(StackName="features", TemplateBody=body)
        for _ in range(600):
            status = str(cloudformation.describe_stacks(StackName="features")["Stacks"][0]["StackStatus"])
            if not status.endswith("IN_PROGRESS"):
                return status
            store.aws.clock.advance(0.1)
        raise AssertionError("the stack did not settle")

    plain = features(id="String", at="String", x="Integral")
    assert deploy(template(store, plain, 1), create=True) == "CREATE_COMPLETE"
    created = store.sm.describe_feature_group(FeatureGroupName="stacked")["CreationTime"]
    assert deploy(template(store, [*plain, *features(y="String")], 2)) == "UPDATE_COMPLETE"
    found = store.sm.describe_feature_group(FeatureGroupName="stacked")
    assert found["CreationTime"] == created
    assert [item["FeatureName"] for item in found["FeatureDefinitions"]] == ["id", "at", "x", "y"]
    assert found["OnlineStoreConfig"]["TtlDuration"]["Value"] == 2
    group = store.client("athena").get_work_group(WorkGroup="stacked")["WorkGroup"]
    assert group["Configuration"]["BytesScannedCutoffPerQuery"] == 20_000_000
    assert deploy(template(store, features(id="String", at="String", x="Fractional"), 2)) == "UPDATE_ROLLBACK_COMPLETE"
    reasons = [
        event.get("ResourceStatusReason", "")
        for event in cloudformation.describe_stack_events(StackName="features")["StackEvents"]
    ]
    assert any("can only be added, but x, y would be removed or changed" in reason for reason in reasons)
    cloudformation.delete_stack(StackName="features")
