"""What the grants of a feature group allow is what the client really calls, and hardly more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import aws_cdk as cdk
import boto3
import polars as pl
import pytest
from aws_cdk import aws_iam as iam
from e2e_support import policies
from e2e_support.site import Site

import cdk_sagemaker_mlops as mlops
import sagemaker_features as features
from sagemaker_local.server import LocalAws

ACCOUNT, REGION, STACK = "123456789012", "eu-west-1", "e2e-features"
# Athena's documentation asks for these; the embedded Athena has no use for them.
OF_ATHENA = {
    "athena:GetDataCatalog",
    "athena:StopQueryExecution",
    "glue:BatchGetPartition",
    "glue:GetDatabase",
    "glue:GetPartition",
    "glue:GetPartitions",
    "s3:AbortMultipartUpload",
    "s3:GetBucketLocation",
    "s3:ListBucketMultipartUploads",
    "s3:ListMultipartUploadParts",
}
SPINE = pl.DataFrame({"id": ["a", "b"], "when": ["2026-01-03T00:00:00Z"] * 2})
RECORDS = pl.DataFrame({"id": ["a", "b"], "at": ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"], "calls": [1, 2]})


def template() -> str:
    app = cdk.App()
    stack = cdk.Stack(app, STACK, synthesizer=cdk.LegacyStackSynthesizer())
    storage = mlops.FeatureStorage(stack, "Storage")
    workgroup = mlops.FeatureStoreWorkgroup(stack, "Workgroup", name="features", results=storage.results)
    group = mlops.FeatureGroup(
        stack,
        "Group",
        name="Customers",
        record_identifier="id",
        event_time="at",
        features=[mlops.Feature.string("id"), mlops.Feature.string("at"), mlops.Feature.integral("calls")],
        online=mlops.OnlineStore(encryption_key=storage.encryption_key),
        offline=mlops.OfflineStore(
            bucket=storage.offline, database=mlops.FeatureDatabase(stack, "Database", name="features")
        ),
        alarms=mlops.FeatureGroupAlarms.none(),
    )

    def role(name: str) -> iam.Role:
        return iam.Role(stack, name, assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))

    group.grant_write(role("Writer"))
    group.grant_read_online(role("Caller"))
    group.grant_query_offline(role("Analyst"), workgroup)
    group.grant_training_sets(role("Trainer"), workgroup)
    return json.dumps(app.synth().get_stack_by_name(STACK).template)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """The deployed stack; its roles' names begin as the site's do."""
    with LocalAws(features=("cloudformation", "sagemaker", "featurestore", "athena")) as aws:
        site = Site(aws, "features", {"account": ACCOUNT, "region": REGION})
        stacks = site.client("cloudformation")
        stacks.create_stack(StackName=STACK, TemplateBody=template(), Capabilities=["CAPABILITY_NAMED_IAM"])
        stacks.get_waiter("stack_create_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL", aws.url)
            yield site


def session(site: Site, name: str) -> Any:
    """A session of one of the stack's roles."""
    (arn,) = (
        found["Arn"]
        for found in site.client("iam").list_roles()["Roles"]
        if found["RoleName"].startswith(f"{STACK}-{name}")
    )
    principal = site.aws.accounts.acting_as(arn)
    return boto3.session.Session(principal.access_key, principal.secret_key, region_name=REGION)


def test_grants_are_enough_for_the_client_and_hardly_more(site: Site) -> None:
    writer = session(site, "Writer")
    for batch in (False, True):
        written = features.ingest(RECORDS, "Customers", session=writer, settings=features.Settings(batch=batch))
        assert (written.written, written.rejected) == (2, 0)
    writer.client("sagemaker-featurestore-runtime").delete_record(
        FeatureGroupName="Customers", RecordIdentifierValueAsString="b", EventTime="2026-01-04T00:00:00Z"
    )
    store = features.OnlineStore("Customers", features=["calls"], session=session(site, "Caller"))
    assert store.get("a") == {"calls": 1}
    assert store.get_many(["a", "b"]) == {"a": {"calls": 1}}
    analyst = features.Athena(workgroup="features", session=session(site, "Analyst"))
    assert features.latest("Customers", athena=analyst)["calls"].to_list() == [1]
    assert features.as_of("Customers", datetime(2026, 1, 3), athena=analyst).height == 2
    trainer = features.Athena(workgroup="features", session=session(site, "Trainer"))
    view = features.FeatureView("Customers")
    for athena, staging in ((analyst, "inline"), (trainer, "inline"), (trainer, "table")):
        made = features.training_set(SPINE, [view], time_column="when", athena=athena, staging=staging)  # type: ignore[arg-type]
        assert made.frame["calls"].to_list() == [1, 2]

    verdict = policies.judge(site, site.aws.calls)
    assert verdict.missing == {}
    assert verdict.judged > 30
    unused = {name[:-8]: actions for name, actions in verdict.unused.items()}
    del unused["GroupRole"]  # what Feature Store itself may do has its own test
    assert unused == {"Analyst": OF_ATHENA | {"athena:GetWorkGroup"}, "Trainer": OF_ATHENA}
    granted = {name[:-8]: actions for name, actions in policies.granted(site).items()}
    assert granted["Trainer"] - granted["Analyst"] == {"glue:CreateTable", "glue:DeleteTable", "s3:DeleteObject"}


def test_spines_and_nothing_else_can_be_made_and_removed(site: Site) -> None:
    trainer = session(site, "Trainer")
    (arn,) = (r["Arn"] for r in site.client("iam").list_roles()["Roles"] if "-Trainer" in r["RoleName"])
    site.aws.recorder.clear()
    with pytest.raises(Exception, match="EntityNotFound"):
        trainer.client("glue", endpoint_url=site.aws.url).delete_table(DatabaseName="features", Name="orders")
    bucket = site.client("s3").list_buckets()["Buckets"][0]["Name"]
    trainer.client("s3", endpoint_url=site.aws.url).delete_object(Bucket=bucket, Key="features/result.csv")

    (missing,) = policies.judge(site, site.aws.recorder.select(caller=arn)).missing.values()
    assert missing == {
        f"glue:DeleteTable on arn:aws:glue:{REGION}:{ACCOUNT}:table/features/orders",
        f"s3:DeleteObject on arn:aws:s3:::{bucket}/features/result.csv",
    }
