"""What the constructs emit, deployed into the embedded AWS and used: one stack, every way of serving."""

from __future__ import annotations

import io
import json
import tarfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import aws_cdk as cdk
import numpy as np
import pytest
import xgboost
from aws_cdk import aws_s3 as s3
from e2e_support import policies

import cdk_sagemaker_mlops as mlops
from sagemaker_local.server import LocalAws

ACCOUNT, REGION = "111111111111", "eu-west-1"
IMAGE = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:1.7-1"
ROW = b"0.5,0.1,0.2,0.3"


def template() -> str:
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
    mlops.InferenceApi(stack, "Front", endpoint=followed, account_logging_role=True)
    return json.dumps(app.synth().get_stack_by_name("Modes").template)


def archive(sign: float) -> bytes:
    rng = np.random.default_rng(7)
    rows = rng.normal(size=(200, 4))
    labels = (sign * rows[:, 0] > 0).astype(int)
    model = xgboost.train({"objective": "binary:logistic", "max_depth": 2}, xgboost.DMatrix(rows, labels), 5)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        raw = bytes(model.save_raw("ubj"))
        member = tarfile.TarInfo("xgboost-model")
        member.size = len(raw)
        tar.addfile(member, io.BytesIO(raw))
    return stream.getvalue()


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws() as running:
        yield running


Client = Callable[[str], Any]


@pytest.fixture(scope="module")
def client(aws: LocalAws) -> Client:
    return lambda service: aws.clients(service, ACCOUNT, REGION)


def deployed(aws: LocalAws, client: Client, **parameters: str) -> None:
    """Create or update the stack; the clock goes on while CloudFormation waits for rollouts."""
    cloudformation = client("cloudformation")
    request: dict[str, Any] = {
        "StackName": "Modes",
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    }
    if parameters.get("RetainVariantProperties") == "true":
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


@pytest.fixture(scope="module")
def versions(client: Client) -> list[str]:
    """ARNs of two approved versions, the second of which answers the other way round."""
    client("s3").create_bucket(Bucket="the-data", CreateBucketConfiguration={"LocationConstraint": REGION})
    for name, sign in (("up", 1), ("down", -1)):
        client("s3").put_object(Bucket="the-data", Key=f"models/{name}.tar.gz", Body=archive(sign))
    client("s3").put_object(Bucket="the-data", Key="in/today.csv", Body=b"\n".join([ROW, ROW]) + b"\n")
    sagemaker = client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName="churn")
    return [
        sagemaker.create_model_package(
            ModelPackageGroupName="churn",
            ModelApprovalStatus="Approved",
            InferenceSpecification={
                "Containers": [{"Image": IMAGE, "ModelDataUrl": f"s3://the-data/models/{name}.tar.gz"}],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
        )["ModelPackageArn"]
        for name in ("up", "down")
    ]


@pytest.fixture(scope="module")
def first(aws: LocalAws, client: Client, versions: list[str]) -> None:
    deployed(aws, client, ModelPackageArn=versions[0], SharedModelPackageArn=versions[0])


def score(client: Client, **target: Any) -> float:
    answer = client("sagemaker-runtime").invoke_endpoint(ContentType="text/csv", Body=ROW, **target)
    return float(answer["Body"].read().decode().strip().split(",")[0])


@pytest.mark.usefixtures("first")
def test_each_mode_answers(aws: LocalAws, client: Client) -> None:
    assert score(client, EndpointName="mlops-shadowed") > 0.5
    assert score(client, EndpointName="mlops-idle") > 0.5
    assert score(client, EndpointName="mlops-many", TargetModel="down.tar.gz") < 0.5
    assert score(client, EndpointName="mlops-shared", InferenceComponentName="mlops-shared-fixed") < 0.5
    assert score(client, EndpointName="mlops-shared", InferenceComponentName="mlops-shared-live") > 0.5
    queued = client("sagemaker-runtime").invoke_endpoint_async(
        EndpointName="mlops-queued", InputLocation="s3://the-data/in/today.csv", ContentType="text/csv"
    )
    assert queued["OutputLocation"].startswith("s3://the-data/answers/")
    key = queued["OutputLocation"].removeprefix("s3://the-data/")
    deadline = time.monotonic() + 20
    while True:
        try:
            text = client("s3").get_object(Bucket="the-data", Key=key)["Body"].read().decode()
            break
        except client("s3").exceptions.NoSuchKey:
            assert time.monotonic() < deadline
            aws.clock.advance(5)
            time.sleep(0.02)
    assert all(float(value) > 0.5 for value in text.replace("\n", ",").strip(",").split(","))


@pytest.mark.usefixtures("first")
def test_the_shadow_is_captured_beside_production(aws: LocalAws, client: Client) -> None:
    score(client, EndpointName="mlops-shadowed")
    aws.clock.advance(120)
    deadline = time.monotonic() + 10
    while True:
        found = client("s3").list_objects_v2(Bucket="the-data", Prefix="capture/mlops-shadowed/").get("Contents", [])
        variants = {entry["Key"].split("/")[2] for entry in found}
        if variants == {"AllTraffic", "Shadow"}:
            return
        assert time.monotonic() < deadline, variants
        aws.clock.advance(30)
        time.sleep(0.05)


@pytest.mark.usefixtures("first")
def test_scheduler_scores_what_lies_in_s3(aws: LocalAws, client: Client) -> None:
    aws.clock.advance(3600)
    sagemaker = client("sagemaker")
    deadline = time.monotonic() + 30
    while True:
        jobs = sagemaker.list_transform_jobs(NameContains="mlops-nightly")["TransformJobSummaries"]
        if jobs and all(job["TransformJobStatus"] == "Completed" for job in jobs):
            break
        assert time.monotonic() < deadline, jobs
        aws.clock.advance(60)
        time.sleep(0.05)
    objects = client("s3").list_objects_v2(Bucket="the-data", Prefix="out/")["Contents"]
    assert len({entry["Key"].split("/")[1] for entry in objects}) == len(jobs)
    captured = client("s3").list_objects_v2(Bucket="the-data", Prefix="batch/")["Contents"]
    assert {entry["Key"].split("/")[1] for entry in captured} == {"input", "output"}


@pytest.mark.usefixtures("first")
def test_a_new_version_goes_live_in_every_mode_that_follows(aws: LocalAws, client: Client, versions: list[str]) -> None:
    deployed(
        aws, client, ModelPackageArn=versions[1], SharedModelPackageArn=versions[1], RetainVariantProperties="true"
    )
    assert score(client, EndpointName="mlops-shadowed") < 0.5
    assert score(client, EndpointName="mlops-shared", InferenceComponentName="mlops-shared-live") < 0.5
    schedule = client("scheduler").get_schedule(Name="mlops-shadowed-nightly")
    model = json.loads(schedule["Target"]["Input"])["ModelName"]
    container = client("sagemaker").describe_model(ModelName=model)["PrimaryContainer"]
    assert container["ModelPackageName"] == versions[1]


class _Account:
    """What the evaluator of policies wants to know of a deployment."""

    def __init__(self, aws: LocalAws, client: Client) -> None:
        self.aws, self.client, self.owner = aws, client, client
        self.account, self.region, self.prefix = ACCOUNT, REGION, "Modes"


@pytest.mark.usefixtures("first")
def test_roles_were_allowed_what_they_did(aws: LocalAws, client: Client) -> None:
    """Last, after everything above was done: models loaded, queues answered, jobs started, records written."""
    account: Any = _Account(aws, client)
    verdict = policies.judge(account, aws.calls)
    assert verdict.judged > 20
    assert verdict.missing == {}
