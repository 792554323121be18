"""The benchmark app, written with the library: N monitored endpoints, ten in a stack."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

import cdk_sagemaker_mlops as mlops

PER_STACK = 10
FEATURES = ("age", "income", "calls", "minutes")


def build(app: cdk.App, count: int) -> None:
    """Defines `count` monitored endpoints."""
    for first in range(0, count, PER_STACK):
        stack = cdk.Stack(app, f"Stack{first // PER_STACK:02d}")
        key = kms.Key.from_key_arn(stack, "Key", f"arn:{cdk.Aws.PARTITION}:kms:eu-west-1:111111111111:key/abc")
        capture, reports, baselines = (
            s3.Bucket.from_bucket_attributes(stack, name, bucket_name=f"bench-{name.lower()}", encryption_key=key)
            for name in ("Capture", "Reports", "Baselines")
        )
        topic = sns.Topic.from_topic_arn(stack, "Topic", f"arn:{cdk.Aws.PARTITION}:sns:eu-west-1:111111111111:alarms")
        group = mlops.ModelPackageGroup.from_model_package_group_name(stack, "Group", "churn")
        for index in range(first, min(first + PER_STACK, count)):
            _monitored_endpoint(stack, index, group, capture, reports, baselines, mlops.TopicTarget(topic=topic))


def _monitored_endpoint(
    stack: Construct,
    index: int,
    group: mlops.ModelPackageGroupBase,
    capture: s3.IBucket,
    reports: s3.IBucket,
    baselines: s3.IBucket,
    target: mlops.TopicTarget,
) -> None:
    endpoint = mlops.Endpoint(
        stack,
        f"Model{index:04d}",
        model=mlops.Model.latest_approved(group),
        endpoint_name=f"bench-{index:04d}",
        scaling=mlops.Scaling(min_instances=2, max_instances=8, invocations_per_instance=500),
        capture=mlops.DataCapture(bucket=capture),
        rollout=mlops.Rollout.canary(percent=10, bake_minutes=15),
        alarms=mlops.EndpointAlarms(targets=[target]),
        parameter_prefix=f"M{index:04d}",
    )
    endpoint.add_monitor(
        mlops.DataQualityMonitor(
            stack,
            f"Monitor{index:04d}",
            reports=reports,
            baseline=mlops.Baseline.from_registry(bucket=baselines),
            features=FEATURES,
            notifications=[target],
        )
    )
