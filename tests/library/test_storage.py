"""Buckets and key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

import cdk_sagemaker_mlops as mlops

KINDS = {"Models", "Capture", "Baselines", "GroundTruth", "Reports"}


@pytest.fixture
def storage(stack: cdk.Stack) -> mlops.Storage:
    return mlops.Storage(stack, "Storage")


def test_every_bucket_is_closed_and_encrypted(storage: mlops.Storage, synthesise: Callable) -> None:
    template = synthesise()
    buckets = template.of_type("S3::Bucket")
    assert len(buckets) == 6
    (key_id,) = template.of_type("KMS::Key")
    for logical_id, bucket in buckets.items():
        properties = bucket["Properties"]
        assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
        assert properties["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
        (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        if "AccessLogs" in logical_id:
            # Log delivery cannot write with a customer managed key.
            assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
            continue
        assert rule["BucketKeyEnabled"] is True
        assert rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == {"Fn::GetAtt": [key_id, "Arn"]}
        assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
        assert properties["LoggingConfiguration"]["DestinationBucketName"]["Ref"].startswith("StorageAccessLogs")


def test_every_bucket_refuses_plain_http_and_old_tls(storage: mlops.Storage, synthesise: Callable) -> None:
    policies = synthesise().of_type("S3::BucketPolicy")
    assert len(policies) == 6
    for policy in policies.values():
        denied = {s["Sid"]: s for s in policy["Properties"]["PolicyDocument"]["Statement"] if s["Effect"] == "Deny"}
        assert denied["TlsOnly"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert denied["Tls12OrNewer"]["Condition"] == {"NumericLessThan": {"s3:TlsVersion": "1.2"}}
        assert all(len(statement["Resource"]) == 2 for statement in denied.values())


def test_access_logs_come_from_this_account_only(storage: mlops.Storage, synthesise: Callable) -> None:
    policy = synthesise().by_id("StorageAccessLogsPolicy", "S3::BucketPolicy")
    (delivery,) = (s for s in policy["Properties"]["PolicyDocument"]["Statement"] if s["Sid"] == "LogDelivery")
    assert delivery["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert delivery["Principal"] == {"Service": "logging.s3.amazonaws.com"}
    assert len(delivery["Resource"]) == len(KINDS)


def test_retention_is_by_kind(stack: cdk.Stack, synthesise: Callable) -> None:
    mlops.Storage(stack, "Storage", retention=mlops.Retention(capture_days=7, noncurrent_days=3))
    template = synthesise()

    def rule(kind: str) -> dict[str, Any]:
        bucket = template.by_id(f"Storage{kind}", "S3::Bucket")
        (found,) = bucket["Properties"]["LifecycleConfiguration"]["Rules"]
        return found

    assert rule("Capture")["ExpirationInDays"] == 7
    assert rule("Reports")["ExpirationInDays"] == 730
    # A registered version must stay deployable for ever.
    assert "ExpirationInDays" not in rule("Models") and "ExpirationInDays" not in rule("Baselines")
    assert all(rule(kind)["NoncurrentVersionExpiration"] == {"NoncurrentDays": 3} for kind in KINDS)


def test_stateful_parts_are_retained(storage: mlops.Storage, synthesise: Callable) -> None:
    template = synthesise()
    stateful = {**template.of_type("S3::Bucket"), **template.of_type("KMS::Key")}
    assert {(r["DeletionPolicy"], r["UpdateReplacePolicy"]) for r in stateful.values()} == {("Retain", "Retain")}


def test_logical_ids_of_stateful_parts_are_pinned(storage: mlops.Storage, synthesise: Callable) -> None:
    """A moved id would make CloudFormation put an empty bucket in the place of a full one."""
    template = synthesise()
    assert {*template.of_type("S3::Bucket"), *template.of_type("KMS::Key")} == {
        "StorageKeyB5604950",
        "StorageAccessLogsEF12E832",
        "StorageModelsCE07D659",
        "StorageCaptureB1C8D9C1",
        "StorageBaselines5C34235E",
        "StorageGroundTruthECCF9C31",
        "StorageReports40A0510C",
    }


def test_unretained_buckets_are_emptied_by_a_function_with_one_policy_each(
    stack: cdk.Stack, synthesise: Callable
) -> None:
    mlops.Storage(stack, "Storage", retain=False)
    template = synthesise()
    assert {bucket["DeletionPolicy"] for bucket in template.of_type("S3::Bucket").values()} == {"Delete"}
    emptied = [r for r in template.resources.values() if r["Type"] == "Custom::S3AutoDeleteObjects"]
    assert len(emptied) == 6
    # S3 keeps one policy per bucket: a second resource for it would silently win or lose.
    assert len(template.of_type("S3::BucketPolicy")) == 6
    assert template.only("KMS::Key")["PendingWindowInDays"] == 7


def test_the_key_serves_encrypted_topics_queues_and_logs(storage: mlops.Storage, synthesise: Callable) -> None:
    template = synthesise()
    key = template.only("KMS::Key")
    assert key["EnableKeyRotation"] is True
    statements = {s["Sid"]: s for s in key["KeyPolicy"]["Statement"]}
    alarms, events = statements["AlarmsToEncryptedTopics"], statements["EventsToEncryptedTopicsAndQueues"]
    assert alarms["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    # EventBridge's calls to KMS carry no source: with a condition every event would be lost.
    assert "Condition" not in events
    assert "kms:EncryptionContext:aws:logs:arn" in statements["LogGroups"]["Condition"]["ArnLike"]
    (resource,) = template.of_type("KMS::Key").values()
    assert set(resource["Metadata"]["WildcardReasons"]) == set(statements)


def test_consumers_read_models_and_baselines_and_nothing_else(stack: cdk.Stack, synthesise: Callable) -> None:
    mlops.Storage(stack, "Storage", consumer_accounts=["111111111111"])
    template = synthesise()
    allowed = {
        logical_id[len("Storage") : -len("Policy") - 8]
        for logical_id, policy in template.of_type("S3::BucketPolicy").items()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Sid"] == "ConsumersRead" and statement["Action"] == ["s3:GetObject", "s3:GetObjectVersion"]
    }
    assert allowed == {"Models", "Baselines"}
    key = {s["Sid"]: s for s in template.only("KMS::Key")["KeyPolicy"]["Statement"]}
    assert key["ConsumersDecrypt"]["Action"] == ["kms:Decrypt", "kms:DescribeKey"]


def test_existing_parts_take_the_place_of_made_ones(stack: cdk.Stack, synthesise: Callable) -> None:
    key = kms.Key.from_key_arn(stack, "K", "arn:aws:kms:eu-west-1:111111111111:key/abc")
    own = {
        kind: s3.Bucket.from_bucket_name(stack, kind, f"own-{kind.replace('_', '-')}")
        for kind in ("models", "capture", "baselines", "ground_truth", "reports")
    }
    storage = mlops.Storage(stack, "Storage", encryption_key=key, **own)
    assert storage.models is own["models"] and storage.encryption_key is key
    mlops.Storage(stack, "Mixed", encryption_key=key, models=own["models"])
    template = synthesise()
    assert template.of_type("KMS::Key") == {}
    assert len(template.of_type("S3::Bucket")) == 5


def test_granting_on_a_bucket_includes_its_key(stack: cdk.Stack, storage: mlops.Storage, synthesise: Callable) -> None:
    role = iam.Role(stack, "Reader", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    storage.reports.grant_read(role)
    policy = synthesise().only("IAM::Policy")
    actions = str([statement["Action"] for statement in policy["PolicyDocument"]["Statement"]])
    assert "kms:Decrypt" in actions and "s3:GetObject" in actions


def test_wrong_properties_are_refused_together(stack: cdk.Stack) -> None:
    with pytest.raises(mlops.ConstructError) as raised:
        mlops.Storage(stack, "Storage", consumer_accounts=["12-34"], retention=mlops.Retention(capture_days=0))
    assert raised.value.problems == (
        'consumer_accounts is "12-34", allowed are account numbers of 12 digits, in quotes',
        "retention.capture_days is 0, allowed are 1 to 36500 days",
    )


def test_buckets_tell_eventbridge_only_where_somebody_asked(
    stack: cdk.Stack, synthesise: Callable, bucket: s3.IBucket
) -> None:
    mlops.Storage(stack, "Storage", event_bridge=["models"])
    told = {
        key[:-8].removeprefix("Storage"): item["Properties"]["NotificationConfiguration"]
        for key, item in synthesise().of_type("S3::Bucket").items()
        if "NotificationConfiguration" in item["Properties"]
    }
    assert told == {"Models": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}}
    with pytest.raises(mlops.ConstructError) as caught:
        mlops.Storage(stack, "Odd", models=bucket, event_bridge=["models", "reprots"])
    assert "event_bridge names models, which is an existing bucket; its owner turns EventBridge on" in str(caught.value)
    assert 'event_bridge is "reprots"' in str(caught.value) and 'did you mean "reports"?' in str(caught.value)
