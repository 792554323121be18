"""InvokeEndpoint: content types, errors, variants, scripts of one's own, metrics."""

from __future__ import annotations

import json
import os
import signal
from datetime import timedelta
from typing import Any

import pytest

SCRIPT = b"""
import json, os

def model_fn(model_dir):
    with open(os.path.join(model_dir, "weights.json")) as file:
        return json.load(file)

def input_fn(body, content_type):
    if body == "boom":
        raise ValueError("cannot read boom")
    if body == "die":
        os._exit(3)
    return json.loads(body)

def predict_fn(data, model):
    return {"sum": model["scale"] * sum(data), "mode": os.environ.get("MODE"), "pid": os.getpid()}

def output_fn(prediction, accept):
    return json.dumps(prediction), "application/json"
"""


@pytest.fixture(scope="module")
def endpoint(lab: Any, up: str) -> str:
    return lab.endpoint(lab.config(up))


def error_of(lab: Any, **request: Any) -> dict[str, Any]:
    with pytest.raises(lab.runtime.exceptions.ClientError) as caught:
        lab.runtime.invoke_endpoint(**request)
    return caught.value.response


def test_rows_come_back_one_a_line(lab: Any, endpoint: str) -> None:
    answer = lab.runtime.invoke_endpoint(EndpointName=endpoint, Body="1,0,0,0\n-1,0,,0\n", ContentType="text/csv")
    assert answer["ContentType"] == "text/csv; charset=utf-8"
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    text = answer["Body"].read().decode()
    assert text.endswith("\n")
    high, low = map(float, text.split())
    assert high > 0.5 > low


def test_old_containers_separate_by_commas(lab: Any) -> None:
    image = lab.image.replace("1.7-1", "1.0-1-cpu-py3")
    name = lab.endpoint(lab.config(lab.model(lab.uri("up.tar.gz"), image=image)))
    high, low = map(float, lab.invoke(name, "1,0,0,0\n-1,0,0,0").split(","))
    assert high > 0.5 > low


def test_libsvm_and_csv_agree(lab: Any, endpoint: str) -> None:
    dense = lab.invoke(endpoint, "1,2,3,4")
    assert lab.invoke(endpoint, "0:1 1:2 2:3 3:4", "text/libsvm") == dense


def test_answers_in_json(lab: Any, endpoint: str) -> None:
    document = json.loads(lab.invoke(endpoint, Accept="application/json"))
    assert document == {"predictions": [{"score": pytest.approx(float(lab.invoke(endpoint)), abs=1e-6)}]}


@pytest.mark.parametrize(
    ("body", "content_type", "accept", "status", "words"),
    [
        ("1,abc,0,0", "text/csv", "*/*", 415, "could not convert string to float: 'abc'"),
        ("1,0\n1", "text/csv", "*/*", 415, "please ensure data is in csv format"),
        ('{"a": 1}', "application/json", "*/*", 415, "Content-type application/json not supported"),
        ("1,0,0,0,0,0", "text/csv", "*/*", 400, "Unable to evaluate payload provided"),
        ("1,0,0,0", "text/csv", "image/png", 406, "Accept type image/png is not supported"),
    ],
)
def test_errors_of_the_model(
    lab: Any, endpoint: str, body: str, content_type: str, accept: str, status: int, words: str
) -> None:
    response = error_of(lab, EndpointName=endpoint, Body=body, ContentType=content_type, Accept=accept)
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert response["Error"]["Code"] == "ModelError"
    assert response["OriginalStatusCode"] == status
    assert words in response["OriginalMessage"]
    assert f"Received client error ({status}) from primary with message" in response["Error"]["Message"]


def test_requests_that_reach_no_model(lab: Any, endpoint: str) -> None:
    missing = error_of(lab, EndpointName="nowhere", Body="1")
    assert missing["Error"]["Code"] == "ValidationError"
    assert missing["Error"]["Message"] == "Endpoint nowhere of account 111111111111 not found."
    assert "not found" in error_of(lab, EndpointName=endpoint.upper(), Body="1")["Error"]["Message"]
    big = error_of(lab, EndpointName=endpoint, Body=b"1" * (6 * 1024 * 1024 + 1), ContentType="text/csv")
    assert "length less than or equal to 6291456" in big["Error"]["Message"]
    wrong = error_of(lab, EndpointName=endpoint, Body="1", TargetVariant="nobody")
    assert "Variant nobody" in wrong["Error"]["Message"]
    with pytest.raises(lab.runtime.exceptions.ClientError, match="is not an asynchronous endpoint"):
        lab.runtime.invoke_endpoint_async(EndpointName=endpoint, InputLocation="s3://models/in")
    unsupported = error_of(lab, EndpointName=endpoint, Body="1", TargetModel="a.tar.gz")
    assert "is not a multi-model endpoint and does not support target model header" in unsupported["Error"]["Message"]
    unsupported = error_of(lab, EndpointName=endpoint, Body="1", InferenceComponentName="a")
    assert "does not host inference components" in unsupported["Error"]["Message"]
    unsupported = error_of(lab, EndpointName=endpoint, Body="1", EnableExplanations="`true`")
    assert "does not support EnableExplanations" in unsupported["Error"]["Message"]


def test_traffic_follows_the_weights(lab: Any, up: str, down: str) -> None:
    name = lab.endpoint(lab.config(up, down, weights=(3.0, 1.0)))
    share = sum(float(lab.invoke(name)) > 0.5 for _ in range(400)) / 400
    assert 0.67 < share < 0.83
    assert all(float(lab.invoke(name, TargetVariant="variant-1")) < 0.5 for _ in range(10))


def test_calls_are_recorded_with_their_caller(lab: Any, endpoint: str) -> None:
    role = "arn:aws:iam::111111111111:role/application"
    client = lab.aws.clients("sagemaker-runtime", lab.account, lab.region, role_arn=role)
    client.invoke_endpoint(EndpointName=endpoint, Body="1,0,0,0", ContentType="text/csv")
    calls = lab.aws.recorder.select(service="sagemaker-runtime", caller=role)
    assert [(call.operation, call.params["EndpointName"]) for call in calls] == [("InvokeEndpoint", endpoint)]


@pytest.fixture(scope="module")
def scripted(lab: Any) -> str:
    uri = lab.put("script.tar.gz", {"code/inference.py": SCRIPT, "weights.json": b'{"scale": 2}'})
    return lab.endpoint(lab.config(lab.model(uri, lab.sklearn, {"MODE": "test"})))


def test_scripts_run_in_a_process_of_their_own(lab: Any, scripted: str) -> None:
    answer = json.loads(lab.invoke(scripted, "[1, 2, 3]", "application/json"))
    assert (answer["sum"], answer["mode"]) == (12, "test")
    assert answer["pid"] != os.getpid()


def test_errors_of_scripts_are_server_errors(lab: Any, scripted: str) -> None:
    response = error_of(lab, EndpointName=scripted, Body="boom", ContentType="application/json")
    assert response["OriginalStatusCode"] == 500
    assert "cannot read boom" in response["OriginalMessage"]


def test_a_script_that_died_is_started_again(lab: Any, scripted: str) -> None:
    before = json.loads(lab.invoke(scripted, "[1]", "application/json"))["pid"]
    assert error_of(lab, EndpointName=scripted, Body="die", ContentType="application/json")["OriginalStatusCode"] == 500
    after = json.loads(lab.invoke(scripted, "[1]", "application/json"))["pid"]
    assert after != before


def test_deleting_an_endpoint_ends_its_process(lab: Any) -> None:
    uri = lab.put("script2.tar.gz", {"code/inference.py": SCRIPT, "weights.json": b'{"scale": 1}'})
    name = lab.endpoint(lab.config(lab.model(uri, lab.sklearn)))
    pid = json.loads(lab.invoke(name, "[1]", "application/json"))["pid"]
    lab.sm.delete_endpoint(EndpointName=name)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)


def test_a_script_without_model_fn_does_not_start(lab: Any) -> None:
    uri = lab.put("nofn.tar.gz", {"code/inference.py": b"x = 1"})
    name = lab.name("endpoint")
    lab.sm.create_endpoint(EndpointName=name, EndpointConfigName=lab.config(lab.model(uri, lab.sklearn)))
    assert "did not pass the ping health check" in lab.settled(name)["FailureReason"]
    logs = lab.client("logs").filter_log_events(logGroupName=f"/aws/sagemaker/Endpoints/{name}")["events"]
    assert any("Please provide a model_fn" in event["message"] for event in logs)


def test_containers_in_a_row(lab: Any) -> None:
    uri = lab.put("pre.tar.gz", {"code/inference.py": SCRIPT, "weights.json": b'{"scale": 1}'})
    second = b"import json\ndef model_fn(d):\n    return 10\ndef transform_fn(m, body, kind, accept):\n"
    second += b"    return str(m * json.loads(body)['sum']), 'text/plain'\n"
    last = lab.put("post.tar.gz", {"code/inference.py": second})
    model = lab.name("model")
    containers = [{"Image": lab.sklearn, "ModelDataUrl": item} for item in (uri, last)]
    lab.sm.create_model(ModelName=model, ExecutionRoleArn=lab.role, Containers=containers)
    assert lab.invoke(lab.endpoint(lab.config(model)), "[1, 2]", "application/json") == "30"


def test_metrics_count_requests_and_errors(lab: Any, up: str) -> None:
    config = lab.config(up)
    name = lab.endpoint(config)
    for _ in range(8):
        lab.invoke(name)
    for _ in range(2):
        error_of(lab, EndpointName=name, Body="x", ContentType="text/csv")
    lab.aws.clock.advance(120)

    def metric(metric: str, statistic: str, namespace: str = "AWS/SageMaker", **more: str) -> float:
        dimensions = {"EndpointName": name, "VariantName": "AllTraffic", **more}
        points = lab.client("cloudwatch").get_metric_statistics(
            Namespace=namespace,
            MetricName=metric,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            StartTime=lab.aws.clock.now() - timedelta(minutes=10),
            EndTime=lab.aws.clock.now(),
            Period=3600,
            Statistics=[statistic],
        )["Datapoints"]
        return sum(point[statistic] for point in points)

    assert metric("Invocations", "Sum") == 10
    assert metric("Invocations", "Sum", EndpointConfigName=config) == 10
    assert metric("InvocationsPerInstance", "Sum") == 5
    assert metric("Invocation4XXErrors", "Sum") == 2
    assert metric("Invocation4XXErrors", "SampleCount") == 10
    assert metric("Invocation5XXErrors", "Sum") == 0
    assert metric("InvocationModelErrors", "Sum") == 2
    # Microseconds: a model answers in less than a second and not in less than a microsecond.
    assert 1 < metric("ModelLatency", "Maximum") < 1e6
    assert metric("OverheadLatency", "Minimum") > 1
    assert 0 <= metric("DiskUtilization", "Maximum", "/aws/sagemaker/Endpoints") < 1
    assert metric("CPUUtilization", "SampleCount", "/aws/sagemaker/Endpoints") >= 2
