"""What the constructs emit, deployed into the embedded AWS and used: one stack, every way of serving."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlparse

import pytest
from e2e_support import policies
from e2e_support.modes import (
    ACCOUNT,
    IMAGE,
    PREPARE,
    REGION,
    ROW,
    Client,
    archive,
    deploy,
    instances,
    packed,
    score,
    until,
)

from sagemaker_local.server import LocalAws


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws() as running:
        yield running


@pytest.fixture(scope="module")
def client(aws: LocalAws) -> Client:
    return lambda service: aws.clients(service, ACCOUNT, REGION)


@pytest.fixture(scope="module")
def versions(client: Client) -> list[str]:
    """ARNs of two approved versions, the second of which answers the other way round."""
    client("s3").create_bucket(Bucket="the-data", CreateBucketConfiguration={"LocationConstraint": REGION})
    archives = {"up": archive(1), "down": archive(-1), "prepare": packed("code/inference.py", PREPARE.encode())}
    for name, content in archives.items():
        client("s3").put_object(Bucket="the-data", Key=f"models/{name}.tar.gz", Body=content)
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
    deploy(aws, client, versions[0])


def stored(client: Client, prefix: str) -> list[str]:
    """Keys below a prefix."""
    found = client("s3").list_objects_v2(Bucket="the-data", Prefix=prefix).get("Contents", [])
    return [entry["Key"] for entry in found]


def queue(client: Client) -> str:
    """Ask the asynchronous endpoint; return where the answer will be."""
    queued = client("sagemaker-runtime").invoke_endpoint_async(
        EndpointName="mlops-queued", InputLocation="s3://the-data/in/today.csv", ContentType="text/csv"
    )
    assert queued["OutputLocation"].startswith("s3://the-data/answers/")
    return str(queued["OutputLocation"].removeprefix("s3://the-data/"))


@pytest.mark.usefixtures("first")
def test_each_mode_answers(aws: LocalAws, client: Client) -> None:
    assert score(client, EndpointName="mlops-shadowed") > 0.5
    assert score(client, EndpointName="mlops-idle") > 0.5
    assert score(client, EndpointName="mlops-many", TargetModel="down.tar.gz") < 0.5
    assert score(client, EndpointName="mlops-shared", InferenceComponentName="mlops-shared-fixed") < 0.5
    assert score(client, EndpointName="mlops-shared", InferenceComponentName="mlops-shared-live") > 0.5
    key = queue(client)
    until(aws, lambda: stored(client, key), "the queued answer", step=5)
    text = client("s3").get_object(Bucket="the-data", Key=key)["Body"].read().decode()
    assert all(float(value) > 0.5 for value in text.replace("\n", ",").strip(",").split(","))


@pytest.mark.usefixtures("first")
def test_containers_in_a_row_answer_together(client: Client) -> None:
    assert score(client, EndpointName="mlops-row") < 0.5, "the first one turned the sign that the second one looks at"


@pytest.mark.usefixtures("first")
def test_variants_share_the_traffic_by_their_weights(client: Client) -> None:
    answers = [score(client, EndpointName="mlops-weighted") > 0.5 for _ in range(80)]

    assert 40 <= sum(answers) < 80, "three quarters, more or less"
    assert score(client, EndpointName="mlops-weighted", TargetVariant="champion") > 0.5
    assert score(client, EndpointName="mlops-weighted", TargetVariant="challenger") < 0.5


@pytest.mark.usefixtures("first")
def test_traffic_is_captured_by_variant_beside_a_shadow_and_at_both_ends_of_a_row(
    aws: LocalAws, client: Client
) -> None:
    for endpoint in ("mlops-shadowed", "mlops-row"):
        score(client, EndpointName=endpoint)
    for variant in ("champion", "challenger"):
        score(client, EndpointName="mlops-weighted", TargetVariant=variant)
    aws.clock.advance(120)
    for endpoint, variants in (
        ("mlops-shadowed", {"AllTraffic", "Shadow"}),
        ("mlops-weighted", {"champion", "challenger"}),
        ("mlops-row", {"AllTraffic"}),
    ):
        until(
            aws,
            lambda endpoint=endpoint, variants=variants: (  # type: ignore[misc]
                {key.split("/")[2] for key in stored(client, f"capture/{endpoint}/")} == variants
            ),
            f"records of {endpoint}",
        )
    (key, *_) = stored(client, "capture/mlops-row/")
    line = client("s3").get_object(Bucket="the-data", Key=key)["Body"].read().decode().splitlines()[0]
    record = json.loads(line)["captureData"]
    assert record["endpointInput"]["data"] == ROW.decode(), "the first container's request"
    assert float(record["endpointOutput"]["data"].strip()) < 0.5, "and the last one's answer"


@pytest.mark.usefixtures("first")
def test_the_front_door_passes_requests_on_and_wants_credentials(aws: LocalAws, client: Client) -> None:
    (api,) = client("apigateway").get_rest_apis()["items"]
    key = aws.accounts.developer(ACCOUNT).access_key
    scope = f"{key}/20260101/{REGION}/execute-api/aws4_request"
    signed = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}

    def ask(path: str, body: bytes = ROW, **headers: str) -> tuple[int, dict[str, str], str]:
        place = urlparse(aws.url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
        host = f"{api['id']}.execute-api.{REGION}.amazonaws.com"
        connection.request("POST", path, body, {"Host": host, "Content-Type": "text/csv", **headers})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, dict(answer.getheaders()), text

    status, headers, text = ask("/live/invocations", **signed)
    assert status == 200 and float(text.strip().split(",")[0]) > 0.5
    assert headers["X-Amzn-Invoked-Production-Variant"] == "AllTraffic"
    assert headers["Content-Type"].startswith("text/csv")
    calls = aws.recorder.select(service="sagemaker-runtime", operation="InvokeEndpoint")
    assert "FrontRole" in calls[-1].caller_arn, "with the role of the door"
    # Errors keep their class.
    assert ask("/live/invocations", b"no row", **signed)[0] in (400, 500)
    assert ask("/live/invocations")[::2] == (403, '{"message": "Missing Authentication Token"}')
    assert ask("/live/elsewhere", **signed)[::2] == (403, '{"message": "Missing Authentication Token"}')
    assert ask("/other/invocations", **signed)[::2] == (403, '{"message": "Forbidden"}')


@pytest.mark.usefixtures("first")
def test_variants_scale_each_by_its_own_figure_and_by_the_clock(aws: LocalAws, client: Client) -> None:
    def minutes(count: int, requests: int, at_once: float) -> dict[str, int]:
        here = {"EndpointName": "mlops-weighted", "VariantName": "challenger"}
        for _ in range(count):
            for _ in range(requests):
                score(client, EndpointName="mlops-weighted", TargetVariant="champion")
            measured(aws, client, "ConcurrentRequestsPerModel", at_once, **here)
            aws.clock.advance(60)
        return instances(client, "mlops-weighted")

    assert minutes(4, requests=30, at_once=20) == {"champion": 3, "challenger": 3}
    minutes(20, requests=1, at_once=0.1)
    # Past a full hour, from which on the schedule wants two.
    aws.clock.advance(3600)
    assert instances(client, "mlops-weighted") == {"champion": 2, "challenger": 1}


@pytest.mark.usefixtures("first")
def test_a_queue_scales_to_zero_and_wakes_up_for_a_request(aws: LocalAws, client: Client) -> None:
    until(aws, lambda: instances(client, "mlops-queued") == {"AllTraffic": 0}, "no instances", step=300)
    key = queue(client)
    assert stored(client, key) == []
    until(aws, lambda: stored(client, key), "the answer of the instance that was woken up")
    assert instances(client, "mlops-queued")["AllTraffic"] >= 1


@pytest.mark.usefixtures("first")
def test_copies_of_a_component_scale_by_concurrency(aws: LocalAws, client: Client) -> None:
    def copies() -> int:
        found = client("sagemaker").describe_inference_component(InferenceComponentName="mlops-shared-fixed")
        return int(found["RuntimeConfig"]["DesiredCopyCount"])

    assert copies() == 2
    for _ in range(4):
        measured(aws, client, "ConcurrentRequestsPerCopy", 8, InferenceComponentName="mlops-shared-fixed")
        aws.clock.advance(60)
    until(aws, lambda: copies() == 4, "more copies")


def measured(aws: LocalAws, client: Client, metric: str, value: float, **dimensions: str) -> None:
    """A figure as SageMaker would have measured it in the minute that is over; load at once is hard to make here."""
    named = [{"Name": name, "Value": text} for name, text in dimensions.items()]
    moment = aws.clock.now() - timedelta(minutes=1)
    datum = {"MetricName": metric, "Dimensions": named, "Timestamp": moment, "Value": value}
    client("cloudwatch").put_metric_data(Namespace="AWS/SageMaker", MetricData=[datum])


@pytest.mark.usefixtures("first")
def test_scheduler_scores_what_lies_in_s3(aws: LocalAws, client: Client) -> None:
    sagemaker = client("sagemaker")

    def done() -> list[dict[str, Any]]:
        jobs = sagemaker.list_transform_jobs(NameContains="mlops-nightly")["TransformJobSummaries"]
        return jobs if jobs and all(job["TransformJobStatus"] == "Completed" for job in jobs) else []

    aws.clock.advance(3600)
    jobs = until(aws, done, "all transform jobs to be completed", step=60)
    assert len({key.split("/")[1] for key in stored(client, "out/")}) >= len(jobs)
    assert {key.split("/")[1] for key in stored(client, "batch/")} == {"input", "output"}


@pytest.mark.usefixtures("first")
def test_a_new_version_goes_live_in_every_mode_that_follows(aws: LocalAws, client: Client, versions: list[str]) -> None:
    deploy(aws, client, versions[1], again=True)
    assert score(client, EndpointName="mlops-shadowed") < 0.5
    assert score(client, EndpointName="mlops-shared", InferenceComponentName="mlops-shared-live") < 0.5
    assert score(client, EndpointName="mlops-weighted", TargetVariant="champion") < 0.5
    assert score(client, EndpointName="mlops-row") > 0.5
    assert instances(client, "mlops-weighted")["champion"] == 2, "as many as before, not as few as in code"
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
