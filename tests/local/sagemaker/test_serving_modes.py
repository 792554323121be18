"""Serving modes: serverless, asynchronous, multi-model, shadow variants, direct containers, inference components."""

from __future__ import annotations

import io
import json
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sagemaker_local.errors import AwsError
from sagemaker_local.sagemaker.serverless import Gate

Refused = Callable[..., str]
SLOW = b"""
import time

def model_fn(model_dir):
    return None

def transform_fn(model, body, kind, accept):
    if body == "fail":
        raise ValueError("asked to fail")
    time.sleep(0.2)
    return body.upper(), "text/plain"
"""


def error_of(lab: Any, **request: Any) -> str:
    with pytest.raises(lab.runtime.exceptions.ClientError) as caught:
        lab.runtime.invoke_endpoint(**{"Body": "1,0,0,0", "ContentType": "text/csv", **request})
    return str(caught.value.response["Error"]["Message"])


def make(lab: Any, variants: list[dict[str, Any]], **more: Any) -> str:
    config = lab.name("config")
    full = [{"VariantName": "AllTraffic", **variant} for variant in variants]
    lab.sm.create_endpoint_config(EndpointConfigName=config, ProductionVariants=full, **more)
    return lab.endpoint(config)


# -- serverless -------------------------------------------------------------------------------------------------------


class Time:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 21, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


def test_capacity_is_cold_at_first_then_warm_then_gone() -> None:
    now = Time()
    gate = Gate(most=2, provisioned=0, now=now)
    assert gate.enter().cold
    assert gate.enter().cold, "both run at once"
    with pytest.raises(AwsError, match="Rate exceeded"):
        gate.enter()
    gate.leave()
    assert not gate.enter().cold
    gate.leave()
    gate.leave()
    now.at += timedelta(minutes=6)
    assert gate.enter().cold


def test_provisioned_capacity_is_never_cold() -> None:
    gate = Gate(most=2, provisioned=1, now=Time())
    first, second = gate.enter(), gate.enter()
    assert (first.cold, first.provisioned) == (False, True)
    assert (second.cold, second.provisioned) == (True, False), "spills over"


def test_serverless_throttles_and_publishes_its_own_metrics(lab: Any) -> None:
    model = lab.model(lab.put("slow.tar.gz", {"code/inference.py": SLOW}), lab.sklearn)
    config = {"MemorySizeInMB": 2048, "MaxConcurrency": 2, "ProvisionedConcurrency": 1}
    name = make(lab, [{"ModelName": model, "ServerlessConfig": config}])
    answers: list[str] = []

    def ask() -> None:
        try:
            answers.append(lab.invoke(name, "abc", "text/plain"))
        except lab.runtime.exceptions.ClientError as error:
            answers.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answered = answers.count("ABC")

    assert answered >= 2
    assert set(answers) <= {"ABC", "ThrottlingException"}, "the SDK may have repeated what was throttled"
    calls = [
        call for call in lab.aws.recorder.select(operation="InvokeEndpoint") if call.params["EndpointName"] == name
    ]
    assert "ThrottlingException" in {call.error for call in calls}
    lab.service.flush()
    here = {"EndpointName": name, "VariantName": "AllTraffic"}
    assert lab.metric("Invocations", "Sum", **here) == answered
    assert lab.metric("ServerlessConcurrentExecutionsUtilization", "Maximum", **here) == 1
    assert lab.metric("ServerlessProvisionedConcurrencyInvocations", "Sum", **here) >= 1
    assert lab.metric("ServerlessProvisionedConcurrencySpilloverInvocations", "Sum", **here) >= 1
    assert lab.metric("ModelSetupTime", "Maximum", **here) > 0
    assert lab.metric("InvocationsPerInstance", "Sum", **here) is None
    assert "oversize body" in error_of(lab, EndpointName=name, Body=b"1" * (4 * 1024 * 1024 + 1))


def test_instances_never_become_serverless_but_the_other_way_round(lab: Any, up: str, refused: Refused) -> None:
    config = lab.name("config")
    serverless = {"MemorySizeInMB": 1024, "MaxConcurrency": 5}
    lab.sm.create_endpoint_config(
        EndpointConfigName=config,
        ProductionVariants=[{"VariantName": "AllTraffic", "ModelName": up, "ServerlessConfig": serverless}],
    )
    name = lab.endpoint(lab.config(up))
    assert "cannot become serverless" in refused("update_endpoint", EndpointName=name, EndpointConfigName=config)
    other = lab.endpoint(config)
    lab.sm.update_endpoint(EndpointName=other, EndpointConfigName=lab.config(up))
    assert "CurrentInstanceCount" in lab.settled(other)["ProductionVariants"][0]


# -- asynchronous -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def topics(lab: Any) -> Iterator[dict[str, str]]:
    """Topics for ends of requests, with a queue that gets everything."""
    sns, sqs = lab.client("sns"), lab.client("sqs")
    url = sqs.create_queue(QueueName="ends")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    found = {"queue": url}
    for kind in ("Success", "Error"):
        found[kind] = sns.create_topic(Name=kind)["TopicArn"]
        sns.subscribe(TopicArn=found[kind], Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    yield found


def asynchronous(lab: Any, model: str, topics: dict[str, str]) -> str:
    output = {
        "S3OutputPath": lab.uri("answers"),
        "S3FailurePath": lab.uri("failures"),
        "NotificationConfig": {
            "SuccessTopic": topics["Success"],
            "ErrorTopic": topics["Error"],
            "IncludeInferenceResponseIn": ["SUCCESS_NOTIFICATION_TOPIC"],
        },
    }
    variant = {"ModelName": model, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    return make(lab, [variant], AsyncInferenceConfig={"OutputConfig": output})


def ends(lab: Any, topics: dict[str, str], count: int) -> list[dict[str, Any]]:
    """The next `count` messages about ends of requests."""
    sqs, url = lab.client("sqs"), topics["queue"]
    received: list[dict[str, Any]] = []
    deadline = time.monotonic() + 10
    lab.service.flush()
    while len(received) < count and time.monotonic() < deadline:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            received.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return received


def content(lab: Any, uri: str) -> bytes:
    key = uri.removeprefix(f"s3://{lab.bucket}/")
    return lab.client("s3").get_object(Bucket=lab.bucket, Key=key)["Body"].read()


def test_answers_go_to_s3_and_their_ends_to_topics(lab: Any, up: str, topics: dict[str, str]) -> None:
    name = asynchronous(lab, up, topics)
    lab.client("s3").put_object(Bucket=lab.bucket, Key="requests/1.csv", Body=b"1,0,0,0")
    call = {"EndpointName": name, "ContentType": "text/csv"}
    good = lab.runtime.invoke_endpoint_async(**call, InputLocation=lab.uri("requests/1.csv"), InferenceId="first")
    bad = lab.runtime.invoke_endpoint_async(**call, Body=b"no,number,at,all")
    gone = lab.runtime.invoke_endpoint_async(**call, InputLocation=lab.uri("requests/none.csv"))
    found = {message["inferenceId"]: message for message in ends(lab, topics, 3)}

    assert good["InferenceId"] == "first"
    assert float(content(lab, good["OutputLocation"])) > 0.5
    assert found["first"]["invocationStatus"] == "Completed"
    assert found["first"]["responseParameters"]["outputLocation"] == good["OutputLocation"]
    assert found["first"]["responseBody"]["encoding"] == "BASE64"
    assert found["first"]["requestParameters"]["inputLocation"] == lab.uri("requests/1.csv")
    assert "could not convert string to float" in found[bad["InferenceId"]]["failureReason"]
    assert b"client error (415)" in content(lab, bad["FailureLocation"])
    assert "cannot download the input" in found[gone["InferenceId"]]["failureReason"]
    here = {"EndpointName": name, "VariantName": "AllTraffic"}
    assert lab.metric("InvocationsProcesssed", "Sum", **here) == 3
    assert lab.metric("InvocationFailures", "Sum", **here) == 2
    assert lab.metric("RequestDownloadFailures", "Sum", **here) == 1
    assert lab.metric("Invocations", "Sum", **here) is None
    assert "use InvokeEndpointAsync" in error_of(lab, EndpointName=name)


def test_requests_wait_for_instances_and_are_dropped_when_they_wait_too_long(
    lab: Any, up: str, topics: dict[str, str]
) -> None:
    def scale(count: int) -> None:
        wanted = [{"VariantName": "AllTraffic", "DesiredInstanceCount": count}]
        lab.sm.update_endpoint_weights_and_capacities(EndpointName=name, DesiredWeightsAndCapacities=wanted)
        lab.settled(name)

    name = asynchronous(lab, up, topics)
    scale(0)
    call = {"EndpointName": name, "ContentType": "text/csv", "Body": b"1,0,0,0"}
    patient = lab.runtime.invoke_endpoint_async(**call)
    hasty = lab.runtime.invoke_endpoint_async(**call, RequestTTLSeconds=60)
    lab.aws.clock.advance(180)

    (expired,) = ends(lab, topics, 1)
    assert expired["inferenceId"] == hasty["InferenceId"]
    assert "RequestTTLSeconds" in expired["failureReason"]
    assert lab.metric("ApproximateBacklogSize", "Maximum", EndpointName=name) == 2
    assert lab.metric("HasBacklogWithoutCapacity", "Minimum", EndpointName=name) == 1
    assert lab.metric("ApproximateAgeOfOldestRequest", "Maximum", EndpointName=name) >= 120
    scale(1)
    (answered,) = ends(lab, topics, 1)
    assert answered["inferenceId"] == patient["InferenceId"]
    assert answered["invocationStatus"] == "Completed"


# -- multi-model ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def many(lab: Any) -> Iterator[str]:
    """A multi-model endpoint whose memory holds two of its models."""
    for name in ("up", "down"):
        source = {"Bucket": lab.bucket, "Key": f"{name}.tar.gz"}
        lab.client("s3").copy_object(Bucket=lab.bucket, Key=f"many/{name}.tar.gz", CopySource=source)
    lab.client("s3").copy_object(
        Bucket=lab.bucket, Key="many/third.tar.gz", CopySource={"Bucket": lab.bucket, "Key": "up.tar.gz"}
    )
    sizes = [_unpacked(lab, name) for name in ("up", "down", "third")]
    lab.service.options.instance_memory_bytes = sum(sizes) - 1
    model = lab.name("model")
    container = {"Image": lab.image, "ModelDataUrl": lab.uri("many/"), "Mode": "MultiModel"}
    lab.sm.create_model(ModelName=model, ExecutionRoleArn=lab.role, PrimaryContainer=container)
    yield make(lab, [{"ModelName": model, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}])
    lab.service.options.instance_memory_bytes = 8 << 30


def _unpacked(lab: Any, name: str) -> int:
    body = lab.client("s3").get_object(Bucket=lab.bucket, Key=f"many/{name}.tar.gz")["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        return max(len(body), sum(member.size for member in tar.getmembers()))


def test_models_are_loaded_on_demand_and_evicted(lab: Any, many: str) -> None:
    def ask(model: str) -> float:
        return float(lab.invoke(many, TargetModel=f"{model}.tar.gz"))

    assert ask("up") > 0.5 > ask("down")
    assert ask("up") > 0.5, "from memory"
    ask("third")
    assert ask("down") < 0.5, "loaded again"
    lab.aws.clock.advance(60)
    here = {"EndpointName": many, "VariantName": "AllTraffic"}
    assert lab.metric("ModelCacheHit", "Sum", **here) == 1
    assert lab.metric("ModelCacheHit", "SampleCount", **here) == 5
    assert lab.metric("ModelLoadingTime", "SampleCount", **here) == 4
    assert lab.metric("ModelUnloadingTime", "SampleCount", **here) >= 2
    assert lab.metric("ModelDownloadingTime", "Minimum", **here) > 0
    assert lab.metric("ModelLoadingWaitTime", "Maximum", **here) > 0
    assert lab.metric("LoadedModelCount", "Maximum", "/aws/sagemaker/Endpoints", **here) == 2


def test_requests_of_multi_model_endpoints_name_a_model_that_is_there(lab: Any, many: str) -> None:
    assert "is missing a target model header" in error_of(lab, EndpointName=many)
    missing = error_of(lab, EndpointName=many, TargetModel="nothing.tar.gz")
    assert missing.startswith("Failed to download model data(bucket: models, key: many/nothing.tar.gz)")


def test_a_new_archive_can_be_asked_for_at_once(lab: Any, many: str) -> None:
    lab.put("many/new.tar.gz", {"xgboost-model": b"this is no model"})
    with pytest.raises(lab.runtime.exceptions.ModelError) as caught:
        lab.invoke(many, TargetModel="new.tar.gz")
    assert "neither UBJSON nor JSON" in caught.value.response["OriginalMessage"]


# -- shadow variants --------------------------------------------------------------------------------------------------


def test_a_shadow_variant_gets_copies_and_nobody_its_answers(lab: Any, up: str, down: str) -> None:
    config, capture = lab.name("config"), lab.uri("shadows")
    shape = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    lab.sm.create_endpoint_config(
        EndpointConfigName=config,
        ProductionVariants=[{"VariantName": "live", "ModelName": up, **shape}],
        ShadowProductionVariants=[{"VariantName": "next", "ModelName": down, "InitialVariantWeight": 0.5, **shape}],
        DataCaptureConfig={
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": capture,
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]},
        },
    )
    name = lab.endpoint(config)
    assert all(float(lab.invoke(name)) > 0.5 for _ in range(60))
    lab.service.flush()
    records: dict[str, list[dict[str, Any]]] = {"live": [], "next": []}
    for item in lab.client("s3").list_objects_v2(Bucket=lab.bucket, Prefix=f"shadows/{name}/")["Contents"]:
        lines = content(lab, lab.uri(item["Key"])).decode().splitlines()
        records[item["Key"].split("/")[2]] += [json.loads(line) for line in lines]

    assert len(records["live"]) == 60
    assert 15 < len(records["next"]) < 45, "half of the traffic"
    assert {record["eventMetadata"].get("invocationSource") for record in records["next"]} == {"ShadowExperiment"}
    assert {record["eventMetadata"].get("invocationSource") for record in records["live"]} == {None}
    assert all(float(record["captureData"]["endpointOutput"]["data"]) < 0.5 for record in records["next"])
    mirrored = lab.metric("Invocations", "Sum", EndpointName=name, VariantName="next")
    assert mirrored == len(records["next"])
    described = lab.sm.describe_endpoint(EndpointName=name)
    assert [variant["VariantName"] for variant in described["ShadowProductionVariants"]] == ["next"]
    assert "Variant next" in error_of(lab, EndpointName=name, TargetVariant="next")


# -- several containers -----------------------------------------------------------------------------------------------


def test_containers_that_are_invoked_directly(lab: Any) -> None:
    model = lab.name("model")
    lab.sm.create_model(
        ModelName=model,
        ExecutionRoleArn=lab.role,
        Containers=[
            {"Image": lab.image, "ModelDataUrl": lab.uri(f"{name}.tar.gz"), "ContainerHostname": name}
            for name in ("up", "down")
        ],
        InferenceExecutionConfig={"Mode": "Direct"},
    )
    name = lab.endpoint(lab.config(model))
    assert float(lab.invoke(name, TargetContainerHostname="up")) > 0.5
    assert float(lab.invoke(name, TargetContainerHostname="down")) < 0.5
    assert "is missing a target container hostname header" in error_of(lab, EndpointName=name)
    assert "the model has up, down" in error_of(lab, EndpointName=name, TargetContainerHostname="none")


def test_model_data_that_is_not_packed(lab: Any) -> None:
    with tarfile.open(fileobj=io.BytesIO(content(lab, lab.uri("up.tar.gz")))) as tar:
        (member,) = tar.getmembers()
        lab.client("s3").put_object(Bucket=lab.bucket, Key="loose/xgboost-model", Body=tar.extractfile(member).read())
    source = {"S3DataType": "S3Prefix", "CompressionType": "None", "S3Uri": lab.uri("loose/")}
    model = lab.name("model")
    container = {"Image": lab.image, "ModelDataSource": {"S3DataSource": source}}
    lab.sm.create_model(ModelName=model, ExecutionRoleArn=lab.role, PrimaryContainer=container)
    assert float(lab.invoke(lab.endpoint(lab.config(model)))) > 0.5


# -- inference components ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def host(lab: Any) -> str:
    scaling = {"Status": "ENABLED", "MinInstanceCount": 0, "MaxInstanceCount": 3}
    variant = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1, "ManagedInstanceScaling": scaling}
    return make(lab, [variant], ExecutionRoleArn=lab.role)


def component(lab: Any, host: str, model: str, copies: int = 1) -> str:
    name = lab.name("component")
    lab.sm.create_inference_component(
        InferenceComponentName=name,
        EndpointName=host,
        VariantName="AllTraffic",
        Specification={"ModelName": model, "ComputeResourceRequirements": {"MinMemoryRequiredInMb": 512}},
        RuntimeConfig={"CopyCount": copies},
    )
    return name


def settled(lab: Any, name: str) -> dict[str, Any]:
    end = time.monotonic() + 20
    while True:
        described = lab.sm.describe_inference_component(InferenceComponentName=name)
        if described["InferenceComponentStatus"] in ("InService", "Failed") or time.monotonic() > end:
            return described
        time.sleep(0.02)


def test_components_share_an_endpoint(lab: Any, host: str, up: str, down: str) -> None:
    first, second = component(lab, host, up, copies=2), component(lab, host, down)
    assert settled(lab, first)["RuntimeConfig"] == {"DesiredCopyCount": 2, "CurrentCopyCount": 2}
    settled(lab, second)
    assert float(lab.invoke(host, InferenceComponentName=first)) > 0.5
    assert float(lab.invoke(host, InferenceComponentName=second)) < 0.5
    lab.aws.clock.advance(60)
    assert lab.metric("Invocations", "Sum", InferenceComponentName=first) == 1
    assert lab.metric("InvocationsPerCopy", "Sum", InferenceComponentName=first) == 0.5
    used = lab.metric(
        "MemoryReservation", "Maximum", "/aws/sagemaker/Endpoints", EndpointName=host, VariantName="AllTraffic"
    )
    assert used == pytest.approx(100 * 3 * 512 / 8192)
    listed = lab.sm.list_inference_components(EndpointNameEquals=host)["InferenceComponents"]
    assert {item["InferenceComponentName"] for item in listed} >= {first, second}


def test_a_component_is_updated_without_a_failed_request(lab: Any, host: str, up: str, down: str) -> None:
    name = component(lab, host, up, copies=2)
    settled(lab, name)
    policy = {"MaximumBatchSize": {"Type": "COPY_COUNT", "Value": 1}, "WaitIntervalInSeconds": 60}
    lab.sm.update_inference_component(
        InferenceComponentName=name,
        Specification={"ModelName": down, "ComputeResourceRequirements": {"MinMemoryRequiredInMb": 512}},
        RuntimeConfig={"CopyCount": 2},
        DeploymentConfig={"RollingUpdatePolicy": policy},
    )
    seen = set()
    for _ in range(4):
        seen |= {float(lab.invoke(host, InferenceComponentName=name)) > 0.5 for _ in range(20)}
        lab.aws.clock.advance(60)
    assert settled(lab, name)["Specification"]["ModelName"] == down
    assert seen == {True, False}
    assert float(lab.invoke(host, InferenceComponentName=name)) < 0.5


def test_a_component_that_does_not_load_fails_or_stays_as_it_was(lab: Any, host: str, up: str, broken: str) -> None:
    assert "ping health check" in settled(lab, component(lab, host, broken))["FailureReason"]
    name = component(lab, host, up)
    settled(lab, name)
    lab.sm.update_inference_component(InferenceComponentName=name, Specification={"ModelName": broken})
    assert settled(lab, name)["Specification"]["ModelName"] == up
    assert float(lab.invoke(host, InferenceComponentName=name)) > 0.5


def test_a_component_without_copies_answers_nothing(lab: Any, up: str) -> None:
    scaling = {"Status": "ENABLED", "MinInstanceCount": 0, "MaxInstanceCount": 3}
    variant = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1, "ManagedInstanceScaling": scaling}
    name = make(lab, [variant], ExecutionRoleArn=lab.role)
    only = component(lab, name, up)
    settled(lab, only)
    lab.sm.update_inference_component_runtime_config(InferenceComponentName=only, DesiredRuntimeConfig={"CopyCount": 0})
    settled(lab, only)
    assert "has no capacity to process this request" in error_of(lab, EndpointName=name, InferenceComponentName=only)
    lab.service.flush()
    assert lab.metric("NoCapacityInvocationFailures", "Sum", InferenceComponentName=only) == 1
    assert lab.sm.describe_endpoint(EndpointName=name)["ProductionVariants"][0]["CurrentInstanceCount"] == 0


def test_what_components_are_refused_for(lab: Any, host: str, up: str, refused: Refused) -> None:
    create = {
        "InferenceComponentName": lab.name("component"),
        "EndpointName": host,
        "VariantName": "AllTraffic",
        "Specification": {"ModelName": up, "ComputeResourceRequirements": {"MinMemoryRequiredInMb": 512}},
        "RuntimeConfig": {"CopyCount": 1},
    }
    plain = lab.endpoint(lab.config(up))
    no_host = {**create, "EndpointName": plain}
    assert "host inference components: none" in refused("create_inference_component", **no_host)
    empty = {**create, "RuntimeConfig": {"CopyCount": 0}}
    assert "at least 1" in refused("create_inference_component", **empty)
    assert "header is required" in error_of(lab, EndpointName=host)
    assert "not found" in error_of(lab, EndpointName=host, InferenceComponentName="nobody")
    change = {
        "EndpointName": plain,
        "EndpointConfigName": lab.sm.describe_endpoint(EndpointName=host)["EndpointConfigName"],
    }
    assert "between models and inference components" in refused("update_endpoint", **change)
    settled(lab, component(lab, host, up))
    assert "while it hosts inference components" in refused("delete_endpoint", EndpointName=host)
