"""What each way of serving costs at synthesis, in calls to the CDK's Node process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3

import cdk_sagemaker_mlops as mlops

IMAGE = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
MODEL = mlops.Model.from_image(IMAGE)
Define = Callable[[cdk.Stack, s3.IBucket, str], None]


def serverless(stack: cdk.Stack, bucket: s3.IBucket, name: str) -> None:
    scaling = mlops.ProvisionedScaling(max_concurrency=4)
    mlops.Endpoint(stack, name, model=MODEL, endpoint_name=name, serverless=mlops.Serverless(scaling=scaling))


def asynchronous(stack: cdk.Stack, bucket: s3.IBucket, name: str) -> None:
    scaling = mlops.Scaling(min_instances=0, max_instances=2, backlog_per_instance=1)
    queue = mlops.AsyncInference(bucket=bucket)
    mlops.Endpoint(stack, name, model=MODEL, endpoint_name=name, asynchronous=queue, scaling=scaling)


def shadowed(stack: cdk.Stack, bucket: s3.IBucket, name: str) -> None:
    other = mlops.Model.from_image(IMAGE, environment={"A": "1"})
    mlops.Endpoint(stack, name, model=MODEL, endpoint_name=name, shadow=mlops.Shadow(model=other))


def components(stack: cdk.Stack, bucket: s3.IBucket, name: str) -> None:
    scaling = mlops.CopyScaling(min_copies=0, max_copies=2, concurrency_per_copy=1)
    both = [mlops.Component(name=each, model=MODEL, min_memory_mb=128, scaling=scaling) for each in ("a", "b")]
    mlops.ComponentEndpoint(stack, name, endpoint_name=name, components=both)


def transforms(stack: cdk.Stack, bucket: s3.IBucket, name: str) -> None:
    mlops.BatchTransform(
        stack,
        name,
        name=name,
        model=MODEL,
        input=mlops.TransformInput(bucket=bucket),
        output=mlops.TransformOutput(bucket=bucket),
        schedule="rate(1 day)",
    )


def front_doors(stack: cdk.Stack, bucket: s3.IBucket, name: str) -> None:
    endpoint = mlops.Endpoint(stack, name, model=MODEL, endpoint_name=name)
    mlops.InferenceApi(stack, f"{name}-api", endpoint=endpoint)


@pytest.mark.parametrize("define", [serverless, asynchronous, shadowed, components, transforms, front_doors])
def test_at_most_one_and_a_half_for_each_resource(
    app: cdk.App, stack: cdk.Stack, bucket: s3.IBucket, round_trips: Any, define: Define
) -> None:
    """Without what a stack and a process cost once."""

    def synthesise() -> tuple[int, int]:
        resources = app.synth(force=True).get_stack_by_name("Serving").template["Resources"]
        return round_trips.count, len(resources)

    define(stack, bucket, "one")
    before = synthesise()
    overhead = synthesise()[0] - before[0]
    start = round_trips.count
    define(stack, bucket, "two")
    define(stack, bucket, "three")
    calls, resources = synthesise()
    made = resources - before[1]
    assert made >= 2 * 5
    assert (calls - start - overhead) / made <= 1.5
