"""What a feature group becomes, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest

from cdk_sagemaker_mlops import ConstructError
from cdk_sagemaker_mlops import feature_store as fs
from cdk_sagemaker_mlops.feature_store import Feature

Make = Callable[..., fs.FeatureGroup]
KEYS = [Feature.string("customer_id"), Feature.string("updated_at")]


def test_simplest_group(stack: cdk.Stack, synthesise: Callable[[], Any]) -> None:
    fs.FeatureGroup(
        stack,
        "Customers",
        name="customers",
        record_identifier="customer_id",
        event_time="updated_at",
        features=[*KEYS, Feature.integral("calls")],
        online=fs.OnlineStore(),
    )

    assert synthesise().only("SageMaker::FeatureGroup") == {
        "FeatureGroupName": "customers",
        "RecordIdentifierFeatureName": "customer_id",
        "EventTimeFeatureName": "updated_at",
        "FeatureDefinitions": [
            {"FeatureName": "customer_id", "FeatureType": "String"},
            {"FeatureName": "updated_at", "FeatureType": "String"},
            {"FeatureName": "calls", "FeatureType": "Integral"},
        ],
        "OnlineStoreConfig": {"EnableOnlineStore": True, "StorageType": "Standard"},
        "ThroughputConfig": {"ThroughputMode": "OnDemand"},
    }
    assert synthesise().of_type("IAM::Role") == {}


def test_everything_that_can_be_set(
    make_group: Make, storage: fs.FeatureStorage, synthesise: Callable[[], Any]
) -> None:
    make_group(
        online=fs.OnlineStore(ttl=fs.TimeToLive.days(30), encryption_key=storage.encryption_key),
        offline=fs.OfflineStore(
            bucket=storage.offline,
            database=fs.FeatureDatabase.from_database_name(storage, "Existing", "shop"),
            prefix="features/customers",
            table="customers_table",
            table_format=fs.TableFormat.ICEBERG,
        ),
        throughput=fs.Throughput.provisioned(read_units=20, write_units=10),
        description="Who buys",
        tags={"owner": "risk"},
        features=[*KEYS, Feature.string("city", description="Where they live", parameters={"source": "crm"})],
    )
    properties = synthesise().only("SageMaker::FeatureGroup")
    key = {"Fn::GetAtt": ["StorageKeyB5604950", "Arn"]}

    assert properties["OnlineStoreConfig"] == {
        "EnableOnlineStore": True,
        "StorageType": "Standard",
        "TtlDuration": {"Unit": "Days", "Value": 30},
        "SecurityConfig": {"KmsKeyId": key},
    }
    assert properties["OfflineStoreConfig"] == {
        "S3StorageConfig": {
            "S3Uri": {"Fn::Join": ["", ["s3://", {"Ref": "StorageOfflineFBF7619C"}, "/features/customers"]]},
            "KmsKeyId": key,
        },
        "TableFormat": "Iceberg",
        "DisableGlueTableCreation": False,
        "DataCatalogConfig": {"Catalog": "AwsDataCatalog", "Database": "shop", "TableName": "customers_table"},
    }
    assert properties["ThroughputConfig"] == {
        "ThroughputMode": "Provisioned",
        "ProvisionedReadCapacityUnits": 20,
        "ProvisionedWriteCapacityUnits": 10,
    }
    assert properties["Description"] == "Who buys"
    assert properties["Tags"] == [{"Key": "owner", "Value": "risk"}]
    (resource,) = synthesise().of_type("SageMaker::FeatureGroup").values()
    assert resource["Metadata"]["FeatureMetadata"] == {
        "city": {"Description": "Where they live", "Parameters": {"source": "crm"}}
    }
    assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"


def test_role_may_file_this_groups_records_only(make_group: Make, synthesise: Callable[[], Any]) -> None:
    make_group()
    statements = synthesise().statements()

    assert sorted(statements) == ["EncryptRecords", "FindBucket", "KeepTable", "WriteRecords"]
    assert str(statements["WriteRecords"]["Resource"]).endswith("'/customers/*']]}")
    assert str(statements["KeepTable"]["Resource"][-1]).endswith("':table/features/customers']]}")


def test_an_iceberg_table_lets_the_role_read_its_metadata(
    make_group: Make, storage: fs.FeatureStorage, database: fs.FeatureDatabase, synthesise: Callable[[], Any]
) -> None:
    make_group(offline=fs.OfflineStore(bucket=storage.offline, database=database, table_format=fs.TableFormat.ICEBERG))

    assert str(synthesise().statements()["ReadTableMetadata"]["Resource"]).endswith("'/customers/*/metadata/*']]}")


def test_template_is_right(make_group: Make, synthesise: Callable[[], Any], lint: Callable[..., list[str]]) -> None:
    make_group(share_with_accounts=["222222222222"])
    template = synthesise().template

    assert [line for line in lint(template) if not line.startswith("W3005")] == []


def test_groups_wait_so_that_four_are_created_at_a_time(make_group: Make, synthesise: Callable[[], Any]) -> None:
    for number in range(11):
        make_group(f"G{number}", name=f"group-{number}")
    groups = synthesise().of_type("SageMaker::FeatureGroup")
    waits = {key: [other for other in value["DependsOn"] if other in groups] for key, value in groups.items()}

    # The longest time that creation can take in rounds, with as many at a time as dependencies allow.
    done: set[str] = set()
    rounds = []
    while len(done) < len(groups):
        ready = {key for key, others in waits.items() if key not in done and set(others) <= done}
        rounds.append(len(ready))
        done |= ready
    assert rounds == [4, 4, 3]


def test_tags_of_app_and_stage_never_reach_the_group(app: cdk.App) -> None:
    cdk.Tags.of(app).add("team", "risk", exclude_resource_types=["aws:cdk:stack"])
    stack = cdk.Stack(app, "Tagged")
    storage = fs.FeatureStorage(stack, "Storage")
    for name, tags in (("plain", {}), ("own", {"owner": "risk"})):
        fs.FeatureGroup(
            stack,
            name,
            name=name,
            record_identifier="customer_id",
            event_time="updated_at",
            features=KEYS,
            online=fs.OnlineStore(encryption_key=storage.encryption_key),
            tags=tags,
        )
    resources = app.synth().get_stack_by_name("Tagged").template["Resources"].values()
    groups = {
        resource["Properties"]["FeatureGroupName"]: resource["Properties"].get("Tags")
        for resource in resources
        if resource["Type"] == "AWS::SageMaker::FeatureGroup"
    }

    assert groups == {"plain": None, "own": [{"Key": "owner", "Value": "risk"}]}
    assert any(resource["Properties"].get("Tags") for resource in resources if resource["Type"] == "AWS::S3::Bucket")


@pytest.mark.parametrize("by_aspect", [True, False])
def test_a_stack_with_tags_is_refused(app: cdk.App, by_aspect: bool) -> None:
    stack = cdk.Stack(app, "Tagged", tags=None if by_aspect else {"team": "risk"})
    if by_aspect:
        cdk.Tags.of(app).add("team", "risk")
    fs.FeatureGroup(
        stack,
        "Customers",
        name="customers",
        record_identifier="customer_id",
        event_time="updated_at",
        features=KEYS,
        online=fs.OnlineStore(),
    )

    with pytest.raises(RuntimeError, match=r"Tagged/Customers.*a stack with tags \(team\).*aws:cdk:stack"):
        app.synth()


def test_a_stack_with_tags_can_be_accepted(app: cdk.App) -> None:
    stack = cdk.Stack(app, "Tagged", tags={"team": "risk"})
    fs.FeatureGroup(
        stack,
        "Customers",
        name="customers",
        record_identifier="customer_id",
        event_time="updated_at",
        features=KEYS,
        online=fs.OnlineStore(),
        accept_stack_tags=True,
    )

    assert app.synth().get_stack_by_name("Tagged").tags == {"team": "risk"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "_customers"}, 'name is "_customers", allowed are 1 to 64'),
        ({"name": "c" * 65}, "allowed are 1 to 64"),
        ({"online": None, "offline": None}, "a group needs at least one store"),
        ({"record_identifier": "id"}, r'record_identifier is "id", which is none of the features \(customer_id, '),
        ({"event_time": "at"}, 'event_time is "at", which is none of the features'),
        ({"record_identifier": "updated_at"}, "have to be two features"),
        ({"features": [*KEYS, Feature.string("is_deleted")]}, "Feature Store adds itself"),
        ({"features": [*KEYS, Feature.string("Write_Time")]}, "Feature Store adds itself"),
        ({"features": [*KEYS, Feature.string("a b")]}, 'feature "a b" has a name that SageMaker refuses'),
        ({"features": [*KEYS, Feature.string("x"), Feature.string("X")]}, 'feature "x" is there 2 times'),
        ({"features": [*KEYS, Feature.string("month")]}, "name of a partition of the offline Glue table"),
        (
            {"features": [*KEYS, *(Feature.string(f"f{n}") for n in range(2499))]},
            "features holds 2501, allowed are 1 to",
        ),
        ({"features": [KEYS[0], Feature.integral("updated_at")]}, "is Integral, allowed are String"),
        ({"features": [*KEYS, Feature("x", "Text")]}, 'type "Text", allowed are Integral, Fractional, String'),  # type: ignore[arg-type]
        ({"features": [*KEYS, Feature.string("x", description="d" * 256)]}, "256 characters, allowed are 255"),
        ({"features": [*KEYS, Feature.string("x", parameters={"": "v"})]}, 'a parameter with the key ""'),
        ({"features": [*KEYS, Feature.string("x", parameters={f"k{n}": "v" for n in range(26)})]}, "allowed are 25"),
        ({"description": "d" * 129}, "129 characters, allowed are 128"),
        ({"share_with_accounts": ["12"]}, "account numbers of 12 digits"),
        ({"share_with_accounts": ["222222222222"], "online": None}, "lends the online store, and there is none"),
        ({"throughput": fs.Throughput.provisioned(write_units=40_001)}, "allowed are 0 to 40000"),
        ({"online": fs.OnlineStore(ttl=fs.TimeToLive.days(0))}, "online ttl is 0 days"),
        ({"online": fs.OnlineStore(storage_type=fs.StorageType.IN_MEMORY)}, "never copied to an offline one"),
        ({"alarms": fs.FeatureGroupAlarms(freshness_hours=169)}, "allowed are 1 to 168"),
        ({"alarms": fs.FeatureGroupAlarms(failed_percent=100)}, "below 100 percent"),
        ({"alarms": fs.FeatureGroupAlarms(rejected_records=-1)}, "allowed are 0 and more"),
    ],
)
def test_mistakes(make_group: Make, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConstructError, match=message) as caught:
        make_group(**given)

    assert "Serving/Customers: " in str(caught.value)


def test_mistakes_that_depend_on_the_stores(
    make_group: Make, storage: fs.FeatureStorage, database: fs.FeatureDatabase
) -> None:
    with pytest.raises(ConstructError) as caught:
        make_group(
            features=[KEYS[0], Feature.fractional("updated_at"), Feature.string("year")],
            offline=fs.OfflineStore(
                bucket=storage.offline,
                database=database,
                prefix="/x",
                table="A-b",
                table_format=fs.TableFormat.ICEBERG,
            ),
            online=None,
            throughput=fs.Throughput.provisioned(read_units=1, write_units=1),
        )

    text = str(caught.value)
    assert "an Iceberg table needs String" in text
    assert 'offline table is "A-b"' in text
    assert 'offline prefix is "/x"' in text
    assert "only an online store is read by records" in text
    # Iceberg tables have no partition columns of these names.
    assert "partition" not in text


def test_in_memory_takes_neither_key_nor_capacity(stack: cdk.Stack, storage: fs.FeatureStorage) -> None:
    with pytest.raises(ConstructError) as caught:
        fs.FeatureGroup(
            stack,
            "Customers",
            name="customers",
            record_identifier="customer_id",
            event_time="updated_at",
            features=KEYS,
            online=fs.OnlineStore(storage_type=fs.StorageType.IN_MEMORY, encryption_key=storage.encryption_key),
            throughput=fs.Throughput.provisioned(write_units=1),
        )

    assert len(caught.value.problems) == 2


def test_alarms(make_group: Make, synthesise: Callable[[], Any]) -> None:
    group = make_group(alarms=fs.FeatureGroupAlarms(freshness_hours=6, throttled_requests=None))
    alarms = {
        alarm["Properties"]["MetricName"]: alarm["Properties"]
        for alarm in synthesise().of_type("CloudWatch::Alarm").values()
    }

    assert [alarm.rule.id for alarm in group.alarms] == ["Stale", "Rejected", "Failing"]
    assert alarms["Invocations"]["TreatMissingData"] == "breaching"
    assert alarms["Invocations"]["EvaluationPeriods"] == 6
    assert alarms["Operation5XXErrors"]["Threshold"] == 0.01
    assert {"Name": "OperationName", "Value": "PutRecord"} in alarms["Operation4XXErrors"]["Dimensions"]


def test_no_alarms(make_group: Make, synthesise: Callable[[], Any]) -> None:
    make_group(alarms=fs.FeatureGroupAlarms.none())

    assert synthesise().of_type("CloudWatch::Alarm") == {}


def test_sharing(make_group: Make, synthesise: Callable[[], Any]) -> None:
    make_group(share_with_accounts=["222222222222"], shared_access=fs.SharedAccess.READ_WRITE)
    share = synthesise().only("RAM::ResourceShare")

    assert share["Principals"] == ["222222222222"]
    assert "permission/AWSRAMPermissionSagemakerFeatureGroupReadWrite" in str(share["PermissionArns"])
    assert "feature-group/customers" in str(share["ResourceArns"])
