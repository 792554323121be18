"""One stack with every way of serving, deployed through CloudFormation's API, and what its tests do with it."""

from __future__ import annotations

import io
import json
import tarfile
import time
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import numpy as np
import pytest
import xgboost
from aws_cdk import aws_s3 as s3

import cdk_sagemaker_mlops as mlops
from sagemaker_local.server import LocalAws

ACCOUNT, REGION = "111111111111", "eu-west-1"
IMAGE = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:1.7-1"
SKLEARN = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
ROW = b"0.5,0.1,0.2,0.3"


#: First container of the serial pipeline: turns the sign of the first column.
PREPARE = """
def model_fn(folder):
    return None
def transform_fn(model, body, content_type, accept):
    text = body.decode() if isinstance(body, bytes) else body
    first, *others = text.strip().split(",")
    return ",".join([str(-float(first)), *others]), "text/csv"
"""
#: Parameters by which the endpoints that follow the registry get their version.
FOLLOWERS = ("ModelPackageArn", "SharedModelPackageArn", "WeightedModelPackageArn", "RowModelPackageArn")


Client = Callable[[str], Any]


def template() -> str:
    """The stack's template."""
    app = cdk.App()
    stack = cdk.Stack(app, "Modes", synthesizer=cdk.LegacyStackSynthesizer())
    data = s3.Bucket.from_bucket_name(stack, "Data", "the-data")
    group = mlops.ModelPackageGroup.from_model_package_group_name(stack, "Group", "churn", artifacts=[data])
    up = mlops.Model.from_image(IMAGE, model_data_url="s3://the-data/models/up.tar.gz")
    down = mlops.Model.from_image(IMAGE, model_data_url="s3://the-data/models/down.tar.gz")
    latest = mlops.Model.latest_approved(group)
    followed = mlops.Endpoint(
        stack,
        "Shadowed",
        endpoint_name="mlops-shadowed",
        model=latest,
        shadow=mlops.Shadow(model=down, sampling_percentage=100),
        capture=mlops.DataCapture(bucket=data, prefix="capture"),
    )
    mlops.Endpoint(
        stack, "Idle", endpoint_name="mlops-idle", model=up, serverless=mlops.Serverless(provisioned_concurrency=1)
    )
    mlops.Endpoint(
        stack,
        "Queued",
        endpoint_name="mlops-queued",
        model=up,
        asynchronous=mlops.AsyncInference(bucket=data, prefix="answers"),
        scaling=mlops.Scaling(min_instances=0, max_instances=2, backlog_per_instance=5),
    )
    mlops.Endpoint(
        stack,
        "Many",
        endpoint_name="mlops-many",
        model=mlops.Model.multi_model(IMAGE, models_url="s3://the-data/models/"),
    )
    mlops.ComponentEndpoint(
        stack,
        "Shared",
        endpoint_name="mlops-shared",
        parameter_prefix="Shared",
        rollout=mlops.Rollout.rolling(percent=50, bake_minutes=3),
        components=[
            mlops.Component(name="live", model=latest, min_memory_mb=512, copies=2),
            mlops.Component(
                name="fixed",
                model=down,
                min_memory_mb=512,
                scaling=mlops.CopyScaling(min_copies=2, max_copies=4, concurrency_per_copy=2),
            ),
        ],
    )
    mlops.BatchTransform(
        stack,
        "Nightly",
        name="mlops-nightly",
        model=latest,
        beside=followed,
        input=mlops.TransformInput(bucket=data, prefix="in"),
        output=mlops.TransformOutput(bucket=data, prefix="out"),
        capture=mlops.TransformCapture(bucket=data, prefix="batch"),
        schedule="rate(1 hour)",
    )
    mlops.Endpoint(
        stack,
        "Weighted",
        endpoint_name="mlops-weighted",
        parameter_prefix="Weighted",
        variants=[
            mlops.Variant(
                model=latest,
                name="champion",
                weight=3,
                scaling=mlops.Scaling(
                    max_instances=5,
                    invocations_per_instance=10,
                    schedule=[mlops.ScheduledCapacity(schedule="cron(0 * ? * * *)", minimum=2)],
                ),
            ),
            mlops.Variant(
                model=down,
                name="challenger",
                weight=1,
                scaling=mlops.Scaling(max_instances=3, concurrency_per_instance=5),
            ),
        ],
        capture=mlops.DataCapture(bucket=data, prefix="capture"),
    )
    mlops.Endpoint(
        stack,
        "Row",
        endpoint_name="mlops-row",
        parameter_prefix="Row",
        model=mlops.Model.pipeline(
            mlops.Model.from_image(SKLEARN, model_data_url="s3://the-data/models/prepare.tar.gz"), latest
        ),
        capture=mlops.DataCapture(bucket=data, prefix="capture"),
    )
    mlops.InferenceApi(stack, "Front", endpoint=followed, account_logging_role=True)
    return json.dumps(app.synth().get_stack_by_name("Modes").template)


def archive(sign: float) -> bytes:
    """An archive whose model answers above one half where sign and first column agree."""
    rng = np.random.default_rng(7)
    rows = rng.normal(size=(200, 4))
    labels = (sign * rows[:, 0] > 0).astype(int)
    model = xgboost.train({"objective": "binary:logistic", "max_depth": 2}, xgboost.DMatrix(rows, labels), 5)
    return packed("xgboost-model", bytes(model.save_raw("ubj")))


def packed(name: str, content: bytes) -> bytes:
    """An archive of one file."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def deploy(aws: LocalAws, client: Client, version: str, *, again: bool = False) -> None:
    """Create or update the stack; the clock goes on while CloudFormation waits for rollouts."""
    cloudformation = client("cloudformation")
    parameters = dict.fromkeys(FOLLOWERS, version)
    if again:
        retained = ("RetainVariantProperties", "WeightedRetainVariantProperties", "RowRetainVariantProperties")
        parameters |= dict.fromkeys(retained, "true")
    request: dict[str, Any] = {
        "StackName": "Modes",
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    }
    if again:
        cloudformation.update_stack(UsePreviousTemplate=True, **request)
    else:
        cloudformation.create_stack(TemplateBody=template(), **request)
    deadline = time.monotonic() + 60
    while True:
        (stack,) = cloudformation.describe_stacks(StackName="Modes")["Stacks"]
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            break
        assert time.monotonic() < deadline, stack
        aws.clock.advance(30)
        time.sleep(0.02)
    if stack["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        events = cloudformation.describe_stack_events(StackName="Modes")["StackEvents"]
        pytest.fail("\n".join(f"{e['LogicalResourceId']}: {e.get('ResourceStatusReason')}" for e in events
                              if e["ResourceStatus"].endswith("FAILED")))  # fmt: skip


def score(client: Client, **target: Any) -> float:
    """What an endpoint answers to the row."""
    answer = client("sagemaker-runtime").invoke_endpoint(ContentType="text/csv", Body=ROW, **target)
    return float(answer["Body"].read().decode().strip().split(",")[0])


def until(aws: LocalAws, probe: Callable[[], Any], what: str, *, step: float = 30, seconds: float = 30) -> Any:
    """Let virtual time pass until there is what is probed for, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := probe()):
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}"
        aws.clock.advance(step)
        time.sleep(0.02)
    return found


def instances(client: Client, endpoint: str) -> dict[str, int]:
    """How many instances each variant shall have."""
    variants = client("sagemaker").describe_endpoint(EndpointName=endpoint)["ProductionVariants"]
    return {variant["VariantName"]: variant["DesiredInstanceCount"] for variant in variants}
