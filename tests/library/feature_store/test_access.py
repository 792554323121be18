"""Who may do what: grants, imports, storage, workgroup."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam

from cdk_sagemaker_mlops import ConstructError
from cdk_sagemaker_mlops import feature_store as fs

Make = Callable[..., fs.FeatureGroup]


@pytest.fixture
def caller(stack: cdk.Stack) -> iam.Role:
    return iam.Role(stack, "Caller", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))


def granted(template: Any) -> dict[str, list[str]]:
    """Resources by action of the caller's policy."""
    found: dict[str, list[str]] = {}
    for statement in template.only("IAM::Policy")["PolicyDocument"]["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        for action in actions:
            found.setdefault(action, []).append(str(statement["Resource"]) + str(statement.get("Condition", "")))
    return found


def test_read_online(make_group: Make, caller: iam.Role, synthesise: Callable[[], Any]) -> None:
    make_group(name="Customers").grant_read_online(caller)
    actions = granted(synthesise())

    assert set(actions) == {
        "sagemaker:GetRecord",
        "sagemaker:BatchGetRecord",
        "sagemaker:DescribeFeatureGroup",
        "kms:Decrypt",
    }
    # SageMaker's ARNs are lower-case, whatever the name.
    assert "':feature-group/customers'" in actions["sagemaker:GetRecord"][0]
    assert "kms:ViaService" in actions["kms:Decrypt"][0]


def test_write(make_group: Make, caller: iam.Role, synthesise: Callable[[], Any]) -> None:
    make_group().grant_write(caller)
    actions = granted(synthesise())

    assert set(actions) == {
        "sagemaker:PutRecord",
        "sagemaker:BatchWriteRecord",
        "sagemaker:DeleteRecord",
        "sagemaker:DescribeFeatureGroup",
        "kms:Decrypt",
    }


def test_query_offline(
    make_group: Make, caller: iam.Role, workgroup: fs.FeatureStoreWorkgroup, synthesise: Callable[[], Any]
) -> None:
    make_group().grant_query_offline(caller, workgroup)
    actions = granted(synthesise())

    assert "':workgroup/features'" in actions["athena:StartQueryExecution"][0]
    assert "':table/features/customers'" in actions["glue:GetTable"][0]
    assert "'/customers/*'" in actions["s3:GetObject"][1]
    assert "'/features/*'" in actions["s3:PutObject"][0]
    assert "StorageKeyB5604950" in actions["kms:Decrypt"][0]
    assert "kms:GenerateDataKey" in actions
    assert not any(action.startswith(("glue:Update", "glue:Create", "s3:Delete")) for action in actions)
    assert {action for action in actions if action.startswith("sagemaker:")} == {"sagemaker:DescribeFeatureGroup"}


def test_training_sets(
    make_group: Make, caller: iam.Role, workgroup: fs.FeatureStoreWorkgroup, synthesise: Callable[[], Any]
) -> None:
    make_group().grant_training_sets(caller, workgroup)
    actions = granted(synthesise())

    assert "':table/features/spine_*'" in actions["glue:CreateTable"][0]
    assert "'/features/spines/*'" in actions["s3:DeleteObject"][0]
    assert "athena:StartQueryExecution" in actions


def test_another_groups_files_stay_closed(
    make_group: Make, caller: iam.Role, workgroup: fs.FeatureStoreWorkgroup, synthesise: Callable[[], Any]
) -> None:
    make_group().grant_query_offline(caller, workgroup)
    make_group("Other", name="customers-v2")

    assert "customers-v2" not in str(granted(synthesise()))


def test_a_group_without_offline_store_cannot_be_queried(
    make_group: Make, caller: iam.Role, workgroup: fs.FeatureStoreWorkgroup
) -> None:
    with pytest.raises(ValueError, match="customers has no offline store to look at"):
        make_group(offline=None).grant_query_offline(caller, workgroup)


def test_an_imported_group_grants_as_an_own_one(
    stack: cdk.Stack,
    storage: fs.FeatureStorage,
    caller: iam.Role,
    workgroup: fs.FeatureStoreWorkgroup,
    synthesise: Callable[[], Any],
) -> None:
    group = fs.FeatureGroup.from_feature_group_name(
        stack,
        "Imported",
        "customers",
        online_key=storage.encryption_key,
        offline=fs.OfflineLocation(bucket=storage.offline, prefix="customers", database="features", table="customers"),
    )
    group.grant_read_online(caller)
    group.grant_query_offline(caller, workgroup)

    assert {"sagemaker:GetRecord", "athena:StartQueryExecution", "glue:GetTable"} <= set(granted(synthesise()))
    assert synthesise().of_type("SageMaker::FeatureGroup") == {}


def test_metrics(make_group: Make) -> None:
    group = make_group()

    assert group.metric_ingested().metric_name == "Invocations"
    assert group.metric_rejected().dimensions == {"FeatureGroupName": "customers", "OperationName": "PutRecord"}
    assert group.metric_lookup_latency().statistic == "p99"
    assert group.metric_lookups().namespace == "AWS/SageMaker/FeatureStore"


def test_workgroup_cannot_be_overridden(workgroup: fs.FeatureStoreWorkgroup, synthesise: Callable[[], Any]) -> None:
    settings = synthesise().only("Athena::WorkGroup")["WorkGroupConfiguration"]

    assert settings["EnforceWorkGroupConfiguration"] is True
    assert settings["BytesScannedCutoffPerQuery"] == 100_000_000_000
    assert settings["ResultConfiguration"]["EncryptionConfiguration"]["EncryptionOption"] == "SSE_KMS"


def test_workgroup_without_a_key_of_the_customer(stack: cdk.Stack, bucket: Any, synthesise: Callable[[], Any]) -> None:
    group = fs.FeatureStoreWorkgroup(stack, "Workgroup", name="features", results=bucket, scan_limit_gb=0.5)
    settings = synthesise().only("Athena::WorkGroup")["WorkGroupConfiguration"]

    assert settings["ResultConfiguration"]["EncryptionConfiguration"] == {"EncryptionOption": "SSE_S3"}
    assert settings["BytesScannedCutoffPerQuery"] == 500_000_000
    assert group.results_uri == "s3://the-bucket/features/"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "a b"}, 'name is "a b"'),
        ({"scan_limit_gb": 0.001}, "scan_limit_gb is 0.001, allowed are 0.01"),
        ({"results_prefix": "x/"}, 'results_prefix is "x/"'),
    ],
)
def test_mistakes_of_a_workgroup(stack: cdk.Stack, bucket: Any, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConstructError, match=message):
        fs.FeatureStoreWorkgroup(stack, "Workgroup", **{"name": "features", "results": bucket} | given)


def test_readers_in_other_accounts(stack: cdk.Stack, synthesise: Callable[[], Any]) -> None:
    fs.FeatureStorage(stack, "Storage", reader_accounts=["222222222222"])
    template = synthesise()
    policy = template.by_id("StorageOfflinePolicy", "S3::BucketPolicy")["Properties"]["PolicyDocument"]
    results = template.by_id("StorageResultsPolicy", "S3::BucketPolicy")["Properties"]["PolicyDocument"]
    key = template.only("KMS::Key")["KeyPolicy"]

    assert "ReadersRead" in [statement["Sid"] for statement in policy["Statement"]]
    assert [statement["Sid"] for statement in results["Statement"]] == ["TlsOnly", "Tls12OrNewer"]
    assert key["Statement"][1]["Action"] == ["kms:Decrypt", "kms:DescribeKey"]
    assert "222222222222" not in str(results)


def test_offline_records_never_expire_and_results_do(storage: fs.FeatureStorage, synthesise: Callable[[], Any]) -> None:
    template = synthesise()

    def expiry(kind: str) -> int | None:
        bucket = template.by_id(kind, "S3::Bucket")["Properties"]
        days: int | None = bucket["LifecycleConfiguration"]["Rules"][0].get("ExpirationInDays")
        return days

    assert (expiry("StorageOffline"), expiry("StorageResults"), expiry("StorageAccessLogs")) == (None, 30, 365)


def test_storage_that_goes_with_its_stack(stack: cdk.Stack, synthesise: Callable[[], Any]) -> None:
    fs.FeatureStorage(stack, "Storage", retain=False)

    assert len(synthesise().of_type("S3::Bucket")) == 3
    assert {bucket["DeletionPolicy"] for bucket in synthesise().of_type("S3::Bucket").values()} == {"Delete"}


def test_mistakes_of_storage_and_database(stack: cdk.Stack) -> None:
    with pytest.raises(ConstructError) as caught:
        fs.FeatureStorage(stack, "Storage", reader_accounts=["1"], results_days=0)
    assert len(caught.value.problems) == 2
    with pytest.raises(ConstructError, match="lower-case letters, digits and underscores"):
        fs.FeatureDatabase(stack, "Database", name="my-features")
