"""What SageMaker forbids is refused at synth, with the rule and a way out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

import cdk_sagemaker_mlops as mlops
from cdk_sagemaker_mlops import Model, Rollout, Scaling, Variant

IMAGE = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:1.7-1"
MODEL = Model.from_image(IMAGE)


def scaled(low: int, high: int, target: float = 100) -> Scaling:
    return Scaling(min_instances=low, max_instances=high, invocations_per_instance=target)


def two(**more: Any) -> dict[str, Any]:
    return {"variants": [Variant(name="a", model=MODEL, **more), Variant(name="b", model=MODEL)]}


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no model": ({}, "neither model nor variants is given"),
    "model and variants": (
        {"model": Model.from_image(IMAGE, environment={"A": "1"}), **two()},
        "both model and variants are given; keep variants",
    ),
    "type and variants": ({"instance_type": "ml.m5.large", **two()}, "both instance_type and variants are given"),
    "upper-case name": ({"model": MODEL, "endpoint_name": "Churn"}, 'endpoint_name is "Churn", allowed are 1 to 63'),
    "long name": ({"model": MODEL, "endpoint_name": "c" * 64}, "allowed are 1 to 63 lower-case letters"),
    "prefix": ({"model": MODEL, "parameter_prefix": "my-"}, 'parameter_prefix is "my-"'),
    "log retention": ({"model": MODEL, "log_retention_days": 31}, "log_retention_days is 31, CloudWatch knows 1, 3,"),
    "instance type": ({"model": MODEL, "instance_type": "m5.large"}, 'instance_type is "m5.large", allowed are SageM'),
    "no instances": ({"model": MODEL, "initial_instance_count": 0}, "initial_instance_count is 0, a real-time variant"),
    "burstable with scaling": (
        {"model": MODEL, "instance_type": "ml.t2.medium", "scaling": scaled(1, 2)},
        '"ml.t2.medium" is burstable, which SageMaker cannot scale; take a type such as ml.m5.large',
    ),
    "scaling to zero": ({"model": MODEL, "scaling": scaled(0, 2)}, "scaling: min_instances is 0, at least 1 is needed"),
    "scaling upside down": ({"model": MODEL, "scaling": scaled(3, 2)}, "max_instances is 2, less than min_instances 3"),
    "scaling target": ({"model": MODEL, "scaling": scaled(1, 2, 0)}, "invocations_per_instance is 0, allowed are"),
    "cooldown": (
        {"model": MODEL, "scaling": Scaling(max_instances=2, invocations_per_instance=1, scale_in_cooldown_seconds=-1)},
        "scale_in_cooldown_seconds is -1, allowed are 0 to 86400 seconds",
    ),
    "count outside of scaling": (
        {"model": MODEL, "scaling": scaled(2, 4), "initial_instance_count": 5},
        "initial_instance_count is 5, outside of scaling (2 to 4); leave it out",
    ),
    "canary of one": (
        {"model": MODEL, "rollout": Rollout.canary()},
        "rollout: canary needs at least 2 instances, a variant has 1",
    ),
    "linear of one that scales": (
        {"model": MODEL, "rollout": Rollout.linear(), "scaling": scaled(1, 9), "initial_instance_count": 5},
        "linear needs at least 2 instances, a variant has 1",
    ),
    "canary too large": (
        {"model": MODEL, "initial_instance_count": 2, "rollout": Rollout.canary(percent=60)},
        "percent of canary is 60, allowed are 1 to 50 percent",
    ),
    "linear too small": (
        {"model": MODEL, "initial_instance_count": 2, "rollout": Rollout.linear(percent=5)},
        "percent of linear is 5, allowed are 10 to 50 percent",
    ),
    "rolling too small": (
        {"model": MODEL, "rollout": Rollout.rolling(percent=4)},
        "percent of rolling is 4, allowed are 5 to 50 percent",
    ),
    "rolling of two": ({"rollout": Rollout.rolling(), **two()}, "rolling replaces the fleet of one variant, the endp"),
    "bake shorter than the alarms": (
        {"model": MODEL, "rollout": Rollout.all_at_once(bake_minutes=2)},
        "bake_minutes is 2, but the rollback alarms look at 3 minutes",
    ),
    "bake too long": ({"model": MODEL, "rollout": Rollout.all_at_once(bake_minutes=90)}, "bake_minutes is 90, allowed"),
    "termination wait": (
        {"model": MODEL, "initial_instance_count": 2, "rollout": Rollout.canary(termination_wait_minutes=61)},
        "termination_wait_minutes is 61, allowed are 0 to 60 minutes",
    ),
    "deployment too long": (
        {"model": MODEL, "rollout": Rollout.rolling(percent=5, bake_minutes=60)},
        "the rollout would wait 1200 minutes, a deployment may last 480; take larger steps",
    ),
    "no weight": (
        {"variants": [Variant(name="a", model=MODEL, weight=0), Variant(name="b", model=MODEL, weight=0)]},
        "the weight of every variant is 0",
    ),
    "negative weight": (two(weight=-1), 'variant "a": weight is -1, allowed are numbers from 0'),
    "equal names": (
        {"variants": [Variant(name="a", model=MODEL), Variant(name="a", model=MODEL)]},
        "names of variants are equal or differ in hyphens only: a; metrics",
    ),
    "names equal but for hyphens": (
        {"variants": [Variant(name="a-b", model=MODEL), Variant(name="aB", model=MODEL)]},
        "names of variants are equal or differ in hyphens only: a-b, aB",
    ),
    "variant name": ({"variants": [Variant(name="a_b", model=MODEL)]}, 'name is "a_b", allowed are 1 to 63 letters'),
    "eleven variants": (
        {"variants": [Variant(name=f"v{i}", model=MODEL) for i in range(11)], "alarms": mlops.EndpointAlarms.none()},
        "11 variants are given, an endpoint has at most 10",
    ),
    "many alarms": (
        {"variants": [Variant(name=f"v{i}", model=MODEL) for i in range(6)]},
        "18 alarms would roll back (18 of the endpoint, 0 given), allowed are 10",
    ),
    "volume": (two(volume_gb=600), "volume_gb is 600, allowed are 1 to 512 GB"),
    "download": (two(model_download_seconds=10), "model_download_seconds is 10, allowed are 60 to 3600 seconds"),
    "startup": (two(startup_seconds=4000), "startup_seconds is 4000, allowed are 60 to 3600 seconds"),
    "error rate": (
        {"model": MODEL, "alarms": mlops.EndpointAlarms(server_error_percent=100)},
        "alarms: server_error_percent is 100, allowed are 0 to below 100 percent, or None",
    ),
    "latency": (
        {"model": MODEL, "alarms": mlops.EndpointAlarms(latency_milliseconds=70_000)},
        "latency_milliseconds is 70000, allowed are above 0 to 60000",
    ),
    "percentile": (
        {"model": MODEL, "alarms": mlops.EndpointAlarms(latency_statistic="99")},
        'latency_statistic is "99", allowed are percentiles such as p99',
    ),
    "evaluation": (
        {"model": MODEL, "alarms": mlops.EndpointAlarms(evaluation_minutes=0)},
        "evaluation_minutes is 0, allowed are 1 to 60 minutes",
    ),
    "no image": ({"model": Model.from_image()}, "model: no image is given; give image_uri, or repository and tag"),
    "image and tag": ({"model": Model.from_image(IMAGE, tag="1")}, 'both image_uri and tag "1" are given; remove tag'),
    "image elsewhere": (
        {"model": Model.from_image("docker.io/library/python:3")},
        "names no ECR repository that a policy could allow to pull",
    ),
    "model data": (
        {"model": Model.from_image(IMAGE, model_data_url="https://x/y")},
        'model_data_url is "https://x/y", allowed are URLs that begin with s3://',
    ),
    "zipped model data": (
        {"model": Model.from_image(IMAGE, model_data_url="s3://x/y.zip")},
        "SageMaker unpacks only .tar.gz; for uncompressed files give their prefix with a / at the end",
    ),
    "environment name": ({"model": Model.from_image(IMAGE, environment={"1A": "x"})}, 'environment holds "1A"'),
    "environment value": (
        {"model": Model.from_image(IMAGE, environment={"A": "x" * 1025})},
        "environment A is 1025 bytes long, allowed are 1024",
    ),
    "environment in all": (
        {"model": Model.from_image(IMAGE, environment={f"A{i}": "x" * 1024 for i in range(40)})},
        "allowed are 32768 over all variables",
    ),
}


@pytest.mark.parametrize(("properties", "message"), WRONG.values(), ids=WRONG)
def test_refused(stack: cdk.Stack, properties: dict[str, Any], message: str) -> None:
    with pytest.raises(mlops.ConstructError) as raised:
        mlops.Endpoint(stack, "Endpoint", **{"endpoint_name": "churn", **properties})
    assert message in str(raised.value)
    assert raised.value.path == "Serving/Endpoint"


CAPTURE_WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "sampling": ({"sampling_percentage": 101}, "sampling_percentage is 101, allowed are 0 to 100 percent"),
    "media type": ({"csv_content_types": ["text/csv; charset=utf-8"]}, "allowed are media types without parameters"),
    "many types": ({"csv_content_types": [f"a/b{i}" for i in range(11)]}, "holds 11 types, allowed are 10"),
    "both": ({"json_content_types": ["text/csv"]}, "text/csv stands in csv_content_types and in json_content_types"),
    "slash": ({"prefix": "/a/"}, 'prefix is "/a/", write it without a slash at either end'),
}


@pytest.mark.parametrize(("properties", "message"), CAPTURE_WRONG.values(), ids=CAPTURE_WRONG)
def test_refused_capture(stack: cdk.Stack, bucket: s3.IBucket, properties: dict[str, Any], message: str) -> None:
    capture = mlops.DataCapture(bucket=bucket, **properties)
    with pytest.raises(mlops.ConstructError) as raised:
        mlops.Endpoint(stack, "Endpoint", endpoint_name="churn", model=MODEL, capture=capture)
    assert message in str(raised.value) and "capture: " in str(raised.value)


def test_everything_wrong_is_said_at_once(stack: cdk.Stack, bucket: s3.IBucket) -> None:
    with pytest.raises(mlops.ConstructError) as raised:
        mlops.Endpoint(
            stack,
            "Endpoint",
            endpoint_name="Churn",
            model=Model.from_image(),
            instance_type="ml.t3.large",
            scaling=scaled(0, 2),
            capture=mlops.DataCapture(bucket=bucket, sampling_percentage=500),
            rollout=Rollout.canary(percent=80),
        )
    assert len(raised.value.problems) >= 6
    assert stack.node.try_find_child("Endpoint") is None


def test_local_disks_take_no_key_wherever_they_are(stack: cdk.Stack) -> None:
    key = kms.Key.from_key_arn(stack, "Key", "arn:aws:kms:eu-west-1:111111111111:key/abc")
    data = s3.Bucket.from_bucket_name(stack, "Data", "the-data")
    variants = [
        Variant(name="a", model=MODEL, instance_type="ml.g5.xlarge"),
        Variant(name="b", model=MODEL, instance_type="ml.m5.large"),
        Variant(name="c", model=MODEL, instance_type="ml.m5d.large"),
    ]
    with pytest.raises(mlops.ConstructError, match=r"for ml\.g5\.xlarge, ml\.m5d\.large: .* Remove encryption_key"):
        mlops.Endpoint(stack, "Endpoint", endpoint_name="churn", variants=variants, encryption_key=key)
    with pytest.raises(mlops.ConstructError, match=r"no key for ml\.p4d\.24xlarge"):
        mlops.ComponentEndpoint(
            stack,
            "Shared",
            endpoint_name="shop",
            components=[mlops.Component(name="a", model=MODEL, min_memory_mb=512)],
            instances=mlops.ManagedInstances(instance_type="ml.p4d.24xlarge"),
            encryption_key=key,
        )
    with pytest.raises(mlops.ConstructError, match=r"no key for ml\.g4dn\.xlarge"):
        mlops.BatchTransform(
            stack,
            "Nightly",
            model=MODEL,
            input=mlops.TransformInput(bucket=data, prefix="in"),
            output=mlops.TransformOutput(bucket=data, prefix="out"),
            settings=mlops.TransformSettings(instance_type="ml.g4dn.xlarge"),
            encryption_key=key,
        )


def test_one_stack_follows_one_group(stack: cdk.Stack) -> None:
    one, other = (mlops.ModelPackageGroup(stack, name, name=name) for name in ("one", "other"))
    variants = [
        Variant(name="a", model=Model.latest_approved(one)),
        Variant(name="b", model=Model.latest_approved(other)),
    ]
    with pytest.raises(mlops.ConstructError, match=r"the variants follow 2 groups.*version with Model\.from_"):
        mlops.Endpoint(stack, "Endpoint", endpoint_name="churn", variants=variants)


def test_versions_are_counted_from_one(stack: cdk.Stack) -> None:
    group = mlops.ModelPackageGroup(stack, "Registry", name="churn")
    with pytest.raises(mlops.ConstructError, match="version is 0, versions are counted from 1"):
        mlops.Endpoint(stack, "Endpoint", endpoint_name="churn", model=Model.from_model_package(group, 0))


def test_a_group_of_another_region_cannot_be_deployed(app: cdk.App) -> None:
    stack = cdk.Stack(app, "Here", env=cdk.Environment(account="222222222222", region="eu-central-1"))
    arn = "arn:aws:sagemaker:eu-west-1:111111111111:model-package-group/churn"
    group = mlops.ModelPackageGroup.from_model_package_group_arn(stack, "Group", arn)
    with pytest.raises(mlops.ConstructError, match='"churn" is in eu-west-1, the stack is in eu-central-1'):
        mlops.Endpoint(stack, "Endpoint", endpoint_name="churn", model=Model.latest_approved(group))


def test_a_name_that_only_the_deployment_knows_is_refused(stack: cdk.Stack) -> None:
    with pytest.raises(mlops.ConstructError, match="endpoint_name is known at deployment only; write it out"):
        mlops.Endpoint(stack, "Endpoint", endpoint_name=cdk.Aws.STACK_NAME, model=MODEL)


def test_imports_are_checked(stack: cdk.Stack) -> None:
    with pytest.raises(mlops.ConstructError, match='endpoint_name is "a_b"'):
        mlops.Endpoint.from_endpoint_name(stack, "Endpoint", "a_b")
    with pytest.raises(mlops.ConstructError, match="variant_names is empty"):
        mlops.Endpoint.from_endpoint_name(stack, "Endpoint", "ab", variant_names=[])


def test_more_than_ten_rollback_alarms_are_refused(stack: cdk.Stack, synthesise: Callable) -> None:
    given = [cloudwatch.Alarm.from_alarm_arn(stack, f"A{i}", f"arn:aws:cloudwatch:x:1:alarm:a{i}") for i in range(9)]
    with pytest.raises(mlops.ConstructError, match=r"12 alarms would roll back \(3 of the endpoint, 9 given\)"):
        mlops.Endpoint(
            stack, "Endpoint", endpoint_name="c", model=MODEL, rollout=Rollout.all_at_once(rollback_alarms=given)
        )
    mlops.Endpoint(
        stack, "Fits", endpoint_name="c", model=MODEL, rollout=Rollout.all_at_once(rollback_alarms=given[:7])
    )
    names = synthesise().only("SageMaker::Endpoint")["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"]
    assert [name["AlarmName"] for name in names[3:]] == [f"a{i}" for i in range(7)]
