"""A registered endpoint and its controller."""

from __future__ import annotations

from collections.abc import Callable

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3

import cdk_sagemaker_mlops as mlops


@pytest.fixture
def follow(stack: cdk.Stack, bucket: s3.IBucket) -> Callable[..., mlops.Endpoint]:
    def make(name: str = "mlops-dev-churn", group: mlops.ModelPackageGroupBase | None = None) -> mlops.Endpoint:
        group = group or mlops.ModelPackageGroup.from_model_package_group_name(stack, "Group", "churn")
        return mlops.Endpoint(
            stack,
            "Endpoint",
            model=mlops.Model.latest_approved(group),
            endpoint_name=name,
            capture=mlops.DataCapture(bucket=bucket),
        )

    return make


@pytest.fixture
def topic(stack: cdk.Stack) -> mlops.TopicTarget:
    topic = cdk.aws_sns.Topic.from_topic_arn(stack, "Topic", "arn:aws:sns:eu-west-1:111122223333:ml")
    key = cdk.aws_kms.Key.from_key_arn(stack, "TopicKey", "arn:aws:kms:eu-west-1:111122223333:key/t")
    return mlops.TopicTarget(topic=topic, encryption_key=key)


@pytest.fixture
def controller(stack: cdk.Stack, topic: mlops.TopicTarget) -> Callable[..., mlops.RolloutController]:
    def make(**props: object) -> mlops.RolloutController:
        return mlops.RolloutController(
            stack, "Controller", **{"name": "mlops-dev", "environment": "dev", "notifications": topic} | props
        )

    return make
