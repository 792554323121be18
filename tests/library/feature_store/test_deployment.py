"""A stack with groups, created, extended and used in the embedded AWS."""

from __future__ import annotations

import json
from collections.abc import Iterator

import aws_cdk as cdk
import pytest

import cdk_sagemaker_mlops as mlops
from sagemaker_local.server import LocalAws

ACCOUNT, REGION = "111111111111", "eu-west-1"


def template(*more: mlops.Feature, ttl_days: int = 30) -> str:
    app = cdk.App()
    stack = cdk.Stack(app, "Features", synthesizer=cdk.LegacyStackSynthesizer())
    storage = mlops.FeatureStorage(stack, "Storage")
    database = mlops.FeatureDatabase(stack, "Database", name="features")
    mlops.FeatureStoreWorkgroup(stack, "Workgroup", name="features", results=storage.results)
    for number in range(6):
        mlops.FeatureGroup(
            stack,
            f"Customers{number}",
            name=f"customers-{number}",
            record_identifier="customer_id",
            event_time="updated_at",
            features=[mlops.Feature.string("customer_id"), mlops.Feature.string("updated_at"), *more],
            online=mlops.OnlineStore(ttl=mlops.TimeToLive.days(ttl_days), encryption_key=storage.encryption_key),
            offline=mlops.OfflineStore(bucket=storage.offline, database=database),
        )
    return json.dumps(app.synth().get_stack_by_name("Features").template)


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with LocalAws() as running:
        yield running


def settled(aws: LocalAws, operation: str) -> None:
    client = aws.clients("cloudformation", ACCOUNT, REGION)
    client.get_waiter(f"stack_{operation}_complete").wait(
        StackName="Features", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )


def test_a_group_is_extended_and_never_replaced(aws: LocalAws) -> None:
    stacks = aws.clients("cloudformation", ACCOUNT, REGION)
    sagemaker = aws.clients("sagemaker", ACCOUNT, REGION)
    stacks.create_stack(StackName="Features", TemplateBody=template(), Capabilities=["CAPABILITY_NAMED_IAM"])
    settled(aws, "create")
    before = sagemaker.describe_feature_group(FeatureGroupName="customers-5")

    minutes = mlops.Feature.fractional("minutes")
    stacks.update_stack(StackName="Features", TemplateBody=template(minutes), Capabilities=["CAPABILITY_NAMED_IAM"])
    settled(aws, "update")
    after = sagemaker.describe_feature_group(FeatureGroupName="customers-5")

    assert after["CreationTime"] == before["CreationTime"]
    assert [item["FeatureName"] for item in after["FeatureDefinitions"]] == ["customer_id", "updated_at", "minutes"]
    assert "/customers-5/111111111111/" in after["OfflineStoreConfig"]["S3StorageConfig"]["ResolvedOutputS3Uri"]
    table = aws.clients("glue", ACCOUNT, REGION).get_table(DatabaseName="features", Name="customers_5")["Table"]
    assert {"Name": "minutes", "Type": "double"} in table["StorageDescriptor"]["Columns"]

    stacks.update_stack(
        StackName="Features", TemplateBody=template(minutes, ttl_days=7), Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    settled(aws, "update")
    latest = sagemaker.describe_feature_group(FeatureGroupName="customers-5")
    assert latest["OnlineStoreConfig"]["TtlDuration"] == {"Unit": "Days", "Value": 7}
    assert latest["CreationTime"] == before["CreationTime"]
