"""What SageMaker does not combine is refused at synth, by the way of serving, with the rule and a way out."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_s3 as s3

import cdk_sagemaker_mlops as mlops
from cdk_sagemaker_mlops import (
    Component,
    CopyScaling,
    ManagedInstances,
    Model,
    ProvisionedScaling,
    Rollout,
    Scaling,
    ScheduledCapacity,
    Serverless,
    Shadow,
    TransformSettings,
    Variant,
)

IMAGE = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:1.7-1"
MODEL = Model.from_image(IMAGE)
MANY = Model.multi_model(IMAGE, models_url="s3://the-models/tenants/")
PIPELINE = Model.pipeline(MODEL, Model.from_image(IMAGE, environment={"A": "1"}))


def scaled(**props: Any) -> Scaling:
    return Scaling(**{"max_instances": 2, **props})


def named(*names: str) -> list[Variant]:
    return [Variant(name=name, model=MODEL) for name in names]


# Properties of an endpoint and what the refusal says. "bucket", "network" and "queue" stand for the real thing.
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "serverless with capture": (
        {"model": MODEL, "serverless": Serverless(), "capture": "bucket"},
        "SageMaker records no traffic of serverless endpoints; remove capture, or serve in real time",
    ),
    "serverless in a VPC": (
        {"model": MODEL, "serverless": Serverless(), "network": "network"},
        "runs in SageMaker's network only, but network is given; remove network",
    ),
    "serverless in isolation": (
        {"model": MODEL, "serverless": Serverless(), "network_isolation": True},
        "has no network isolation; remove network_isolation",
    ),
    "serverless with a rollout": (
        {"model": MODEL, "serverless": Serverless(), "rollout": Rollout.all_at_once()},
        "SageMaker exchanges serverless variants at once and watches no alarms meanwhile; remove rollout",
    ),
    "serverless with instances": (
        {"model": MODEL, "serverless": Serverless(), "instance_type": "ml.m5.large", "initial_instance_count": 2},
        "instance_type is given, but a serverless variant has no instances; remove it",
    ),
    "serverless with scaling of instances": (
        {"model": MODEL, "serverless": Serverless(), "scaling": scaled(invocations_per_instance=1)},
        "scaling is given, which scales instances; a serverless variant scales by itself",
    ),
    "two variants, one serverless": (
        {"variants": [Variant(name="a", model=MODEL, serverless=Serverless()), Variant(name="b", model=MODEL)]},
        "a serverless variant is alone on its endpoint, 2 variants are given",
    ),
    "serverless multi-model": (
        {"model": MANY, "serverless": Serverless()},
        "cannot host a multi-model container; serve it on instances",
    ),
    "serverless pipeline": ({"model": PIPELINE, "serverless": Serverless()}, "cannot host a pipeline of containers"),
    "serverless and asynchronous": (
        {"model": MODEL, "serverless": Serverless(), "asynchronous": "queue"},
        "a serverless variant answers at once; remove asynchronous, or serverless",
    ),
    "odd memory": ({"model": MODEL, "serverless": Serverless(memory_mb=1500)}, "memory_mb is 1500, allowed are 1024,"),
    "too much at once": (
        {"model": MODEL, "serverless": Serverless(max_concurrency=201)},
        "max_concurrency is 201, allowed are 1 to 200",
    ),
    "more warm ones than at once": (
        {"model": MODEL, "serverless": Serverless(max_concurrency=5, provisioned_concurrency=6)},
        "provisioned_concurrency is 6, allowed are 1 to 5",
    ),
    "warm ones outside of scaling": (
        {
            "model": MODEL,
            "serverless": Serverless(provisioned_concurrency=9, scaling=ProvisionedScaling(max_concurrency=5)),
        },
        "provisioned_concurrency is 9, outside of scaling (1 to 5); leave it out",
    ),
    "utilization": (
        {"model": MODEL, "serverless": Serverless(scaling=ProvisionedScaling(max_concurrency=5, utilization=70))},
        "serverless: scaling: utilization is 70, allowed are above 0 to 1",
    ),
    "queue with capture": (
        {"model": MODEL, "asynchronous": "queue", "capture": "bucket"},
        "SageMaker records no traffic of asynchronous endpoints",
    ),
    "queue of two variants": (
        {"variants": named("a", "b"), "asynchronous": "queue"},
        "an asynchronous endpoint has one variant, 2 are given",
    ),
    "queue before a pipeline": (
        {"model": PIPELINE, "asynchronous": "queue"},
        "an asynchronous endpoint cannot host a pipeline of containers",
    ),
    "queue scaled by invocations": (
        {"model": MODEL, "asynchronous": "queue", "scaling": scaled(invocations_per_instance=1)},
        "is given, but asynchronous endpoints publish no such metric; use backlog_per_instance",
    ),
    "backlog without a queue": (
        {"model": MODEL, "scaling": scaled(backlog_per_instance=1)},
        "backlog_per_instance is given, but only asynchronous endpoints have a queue",
    ),
    "scaling to zero in real time": (
        {"model": MODEL, "scaling": scaled(min_instances=0, invocations_per_instance=1)},
        "Serverless variants, asynchronous endpoints and inference components can",
    ),
    "scaling by nothing": ({"model": MODEL, "scaling": scaled()}, "there is nothing to scale by; give invocations_per"),
    "canary of what may be gone": (
        {
            "model": MODEL,
            "asynchronous": "queue",
            "scaling": scaled(min_instances=0, backlog_per_instance=1),
            "rollout": Rollout.canary(),
        },
        "rollout: canary needs at least 2 instances, a variant has 0",
    ),
    "too long for real time": (
        {"model": MODEL, "alarms": mlops.EndpointAlarms(latency_milliseconds=100_000)},
        "allowed are above 0 to 60000",
    ),
    "schedule with five fields": (
        {"model": MODEL, "scaling": scaled(schedule=[ScheduledCapacity(schedule="cron(0 7 * * *)", minimum=1)])},
        'scaling: schedule 1: schedule is "cron(0 7 * * *)", allowed are cron with six fields',
    ),
    "schedule in no zone": (
        {
            "model": MODEL,
            "scaling": scaled(
                schedule=[ScheduledCapacity(schedule="rate(1 day)", minimum=1, timezone="Europe/Berlim")]
            ),
        },
        'did you mean "Europe/Berlin"?',
    ),
    "schedule above the bounds": (
        {
            "model": MODEL,
            "scaling": scaled(schedule=[ScheduledCapacity(schedule="rate(1 day)", minimum=3)]),
        },
        "schedule 1: minimum is 3, above the largest capacity, 2; give a maximum, too",
    ),
    "schedule to nothing": (
        {"model": MODEL, "scaling": scaled(schedule=[ScheduledCapacity(schedule="rate(1 day)")])},
        '"rate(1 day)" sets neither minimum nor maximum',
    ),
    "schedule to zero": (
        {"model": MODEL, "scaling": scaled(schedule=[ScheduledCapacity(schedule="rate(1 day)", minimum=0)])},
        "minimum is 0, allowed are numbers from 1",
    ),
    "shadow beside two": (
        {"variants": named("a", "b"), "shadow": Shadow(model=MODEL)},
        "a shadow stands beside one production variant, 2 are given",
    ),
    "shadow of many": (
        {"model": MANY, "shadow": Shadow(model=MODEL)},
        "a shadow cannot be tried with a multi-model container",
    ),
    "shadow of a pipeline": (
        {"model": MODEL, "shadow": Shadow(model=PIPELINE)},
        "a shadow cannot be tried with a pipeline of containers",
    ),
    "shadow on Inf1": (
        {"model": MODEL, "shadow": Shadow(model=MODEL, instance_type="ml.inf1.xlarge")},
        "a shadow cannot be tried on Inf1 instances; take another type",
    ),
    "shadow of nothing": (
        {"model": MODEL, "shadow": Shadow(model=MODEL, sampling_percentage=0)},
        "shadow: sampling_percentage is 0, allowed are above 0 to 100 percent",
    ),
    "shadow with its owner's name": (
        {"model": MODEL, "shadow": Shadow(model=MODEL, name="alltraffic")},
        'shadow: name is "alltraffic", which the production variant has',
    ),
    "shadow in batches": (
        {
            "model": MODEL,
            "initial_instance_count": 2,
            "shadow": Shadow(model=MODEL),
            "rollout": Rollout.rolling(),
        },
        "rolling replaces the fleet of one variant, the endpoint has 2",
    ),
    "capture of many": ({"model": MANY, "capture": "bucket"}, "records do not say which model answered"),
    "guarded Inf1": (
        {
            "model": MODEL,
            "instance_type": "ml.inf1.xlarge",
            "initial_instance_count": 2,
            "rollout": Rollout.canary(),
        },
        "SageMaker exchanges Inf1 instances at once and watches no alarms meanwhile",
    ),
    "models without a slash": (
        {"model": Model.multi_model(IMAGE, models_url="s3://the-models/tenants")},
        'models_url is "s3://the-models/tenants", write the prefix of the archives with a / at the end',
    ),
    "a pipeline of one": ({"model": Model.pipeline(MODEL)}, "a pipeline of 1 containers is given, allowed are 2 to 15"),
    "a pipeline of two that load": (
        {"model": Model.pipeline(MANY, MANY)},
        "2 steps are multi-model, allowed is 1",
    ),
    "a pipeline's step": (
        {"model": Model.pipeline(MODEL, Model.from_image("nginx"))},
        'model: step 2: image_uri is "nginx"',
    ),
}


@pytest.fixture
def real(stack: cdk.Stack) -> dict[str, Any]:
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "the-bucket")
    vpc = ec2.Vpc.from_vpc_attributes(
        stack, "Vpc", vpc_id="vpc-1", availability_zones=["eu-west-1a"], private_subnet_ids=["subnet-1"]
    )
    return {
        "bucket": mlops.DataCapture(bucket=bucket),
        "network": mlops.Network(vpc=vpc),
        "queue": mlops.AsyncInference(bucket=bucket),
    }


@pytest.mark.parametrize(("props", "words"), WRONG.values(), ids=WRONG)
def test_refusal(stack: cdk.Stack, real: dict[str, Any], props: dict[str, Any], words: str) -> None:
    given = {key: real.get(value, value) if isinstance(value, str) else value for key, value in props.items()}
    with pytest.raises(mlops.ConstructError) as caught:
        mlops.Endpoint(stack, "Endpoint", endpoint_name="churn", **given)
    assert words in str(caught.value)
    assert str(caught.value).startswith("Serving/Endpoint:")


def test_everything_is_said_at_once(stack: cdk.Stack, real: dict[str, Any]) -> None:
    with pytest.raises(mlops.ConstructError) as caught:
        mlops.Endpoint(
            stack,
            "Endpoint",
            endpoint_name="churn",
            model=MANY,
            serverless=Serverless(memory_mb=1),
            capture=real["bucket"],
            network=real["network"],
            rollout=Rollout.canary(),
        )
    # Memory; multi-model; VPC; capture of serverless; capture of many; rollout.
    assert len(caught.value.problems) == 6


def component(**props: Any) -> Component:
    return Component(**{"name": "a", "model": MODEL, "min_memory_mb": 1024, **props})


WRONG_COMPONENTS: dict[str, tuple[dict[str, Any], str]] = {
    "none": ({"components": []}, "components is empty, give at least one Component"),
    "twins": ({"components": [component(), component()]}, "names of components are equal or differ in hyphens only: a"),
    "little memory": ({"components": [component(min_memory_mb=64)]}, "min_memory_mb is 64, allowed are from 128 MB"),
    "a pipeline": ({"components": [component(model=PIPELINE)]}, "an inference component holds one container with one"),
    "no copies": ({"components": [component(copies=0)]}, "copies is 0, a component starts with 1 or more"),
    "a long name": ({"components": [component(name="a" * 60)]}, "allowed are 63; shorten its name or the endpoint's"),
    "canary": (
        {"components": [component(copies=2)], "rollout": Rollout.canary()},
        "rollout is canary, but copies of a component are exchanged by rolling only",
    ),
    "rolling of one": (
        {"components": [component()], "rollout": Rollout.rolling()},
        'rolling replaces at most half of the copies at a time, component "a" has 1',
    ),
    "scaling by nothing": (
        {"components": [component(scaling=CopyScaling(max_copies=2))]},
        "scaling: there is nothing to scale by; give invocations_per_copy or concurrency_per_copy, or a schedule",
    ),
    "burstable": (
        {"components": [component()], "instances": ManagedInstances(instance_type="ml.t2.medium")},
        'instances: instance_type "ml.t2.medium" is burstable, which SageMaker cannot scale',
    ),
    "bounds upside down": (
        {"components": [component()], "instances": ManagedInstances(min_instances=3, max_instances=2)},
        "instances: max_instances is 2, allowed are numbers from 3",
    ),
}


@pytest.mark.parametrize(("props", "words"), WRONG_COMPONENTS.values(), ids=WRONG_COMPONENTS)
def test_refusal_of_components(stack: cdk.Stack, props: dict[str, Any], words: str) -> None:
    with pytest.raises(mlops.ConstructError) as caught:
        mlops.ComponentEndpoint(stack, "Endpoint", endpoint_name="shop", **props)
    assert words in str(caught.value)


def test_components_of_two_groups_are_refused(stack: cdk.Stack) -> None:
    groups = [mlops.ModelPackageGroup(stack, name, name=name) for name in ("churn", "fraud")]
    with pytest.raises(mlops.ConstructError, match="the components follow 2 groups"):
        mlops.ComponentEndpoint(
            stack,
            "Endpoint",
            endpoint_name="shop",
            components=[component(name=group.group_name, model=Model.latest_approved(group)) for group in groups],
        )


WRONG_TRANSFORMS: dict[str, tuple[dict[str, Any], str]] = {
    "a long name": ({"name": "n" * 27}, "allowed are 26 characters: an id of the run is appended"),
    "many models": ({"model": MANY}, "model is multi-model, which batch transform cannot host"),
    "a rate of nothing": ({"schedule": "daily"}, 'schedule is "daily", allowed are cron with six fields'),
    "payload": (
        {"settings": TransformSettings(max_payload_mb=60, max_concurrent=2)},
        "max_payload_mb times max_concurrent is 120 MB, allowed are 100",
    ),
    "filter without join": (
        {"settings": TransformSettings(output_filter="$[0]")},
        "output_filter is given without join_input",
    ),
    "no instance": ({"settings": TransformSettings(instance_count=0)}, "settings: instance_count is 0, at least 1"),
}


@pytest.mark.parametrize(("props", "words"), WRONG_TRANSFORMS.values(), ids=WRONG_TRANSFORMS)
def test_refusal_of_a_transform(stack: cdk.Stack, props: dict[str, Any], words: str) -> None:
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "the-bucket")
    given = {
        "model": MODEL,
        "input": mlops.TransformInput(bucket=bucket, prefix="in"),
        "output": mlops.TransformOutput(bucket=bucket, prefix="out"),
        **props,
    }
    with pytest.raises(mlops.ConstructError) as caught:
        mlops.BatchTransform(stack, "Batch", **given)
    assert words in str(caught.value)
