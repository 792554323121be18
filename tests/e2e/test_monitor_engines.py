"""One hour of traffic looked at by every engine: the same findings, metrics and events, by the deployed code.

The template goes to the embedded AWS as the CDK writes it: functions run from their archives, processing jobs as
processes of their own with what the function hands over. `tests/monitor/test_jobs.py` compares every content type.
"""

from __future__ import annotations

import io
import itertools
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import polars as pl
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from e2e_support import policies
from monitor_support.target import Target
from monitor_support.wheels import stand_ins

import cdk_sagemaker_mlops as mlops
from sagemaker_labels import GroundTruthClient
from sagemaker_local.jobs import of as jobs_of
from sagemaker_local.server import LocalAws

pytestmark = pytest.mark.xdist_group("monitor-engines")
ACCOUNT, REGION, STACK = "111000000053", "eu-west-1", "Engines"
ENDPOINT, DATA = "mlops-shop-churn", "engines-data"
ASSETS = f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}"
#: `test_monitor_matrix.py` has all of them.
KINDS = {"DataQuality": "data-quality", "ModelQuality": "model-quality"}
ROWS = 300
HOUR = datetime(2026, 11, 21, 7, tzinfo=UTC)
#: An image of one's own: it counts records. A word of a command has at most 256 characters.
PROGRAM = (
    "import json,os,pathlib as p;"
    "n=sum(len(f.read_text().splitlines())for f in p.Path(os.environ['dataset_source']).rglob('*l'));print(n);"
    "json.dump({'version':0,'dataset':{'item_count':n},'features':[]},"
    "open(os.environ['output_path']+'/statistics.json','w'))"
)
#: What tells engines apart, and how long they took.
OWN = {"engine", "engineReason", "processingJobName", "monitoringScheduleName"}
NOT_COMPARED = {"RunSeconds"}

#: Allowed without having been used, and why: by jobs, and by functions.
UNUSED_BY_JOBS = {
    "ec2:": "SageMaker makes network interfaces with it",
    "ecr:": "SageMaker pulls the image with it; the embedded AWS needs no image",
    "kms:": "SageMaker attaches encrypted disks with it; S3 puts large objects together with it",
    "logs:DescribeLogStreams": "SageMaker continues the container's log stream with it",
    "s3:DeleteObject": "used when a failure could not be announced, which did not happen",
}
UNUSED_BY_FUNCTIONS = {
    "sqs:SendMessage": "used when a run fails after all retries, which did not happen",
    "s3:DeleteObject": "used when a failure could not be announced, which did not happen",
    "s3:GetObject": "used when a failure is announced twice, which did not happen",
    "kms:": "used for the failures of jobs; S3 puts large objects together with it",
}
#: Starters of jobs that did not fail.
UNUSED_BY_STARTERS = UNUSED_BY_FUNCTIONS | {
    "cloudwatch:PutMetricData": "used for the failures of jobs",
    "events:PutEvents": "used for the failures of jobs",
    "s3:PutObject": "used for the failures of jobs",
    "sagemaker:DescribeProcessingJob": "used for jobs that failed, or that are started again",
}


@dataclass(eq=False)
class Plant:
    """The stack in the embedded AWS, as the judge of policies knows a site."""

    aws: LocalAws
    account: str = ACCOUNT
    region: str = REGION
    prefix: str = STACK
    baselines: dict[str, dict[str, str]] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        return self.aws.clients(service, self.account, self.region)

    def owner(self, service: str) -> Any:
        return self.client(service)

    def put(self, key: str, body: str | bytes, bucket: str = DATA) -> str:
        self.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
        return f"s3://{bucket}/{key}"

    def read(self, uri: str) -> str:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return self.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode()

    @property
    def events(self) -> list[dict[str, Any]]:
        calls = self.aws.recorder.select(service="events", operation="PutEvents")
        entries = [entry for call in calls for entry in call.params["Entries"]]
        return [json.loads(entry["Detail"]) for entry in entries if entry["DetailType"] == "Monitoring Execution"]

    def metrics_of(self, schedule: str) -> set[tuple[str, str, str, str]]:
        """Published values: namespace, name, dimensions besides the monitor's, value."""
        found = set()
        for call in self.aws.recorder.select(service="cloudwatch", operation="PutMetricData"):
            for datum in call.params["MetricData"]:
                dimensions = {item["Name"]: item["Value"] for item in datum["Dimensions"]}
                if dimensions.pop("MonitoringSchedule", None) == schedule and datum["MetricName"] not in NOT_COMPARED:
                    value = datum.get("StatisticValues") or datum["Value"]
                    found.add((call.params["Namespace"], datum["MetricName"], str(dimensions), str(value)))
        return found

    def until(self, check: Callable[[], Any], what: str, seconds: float = 90) -> Any:
        end = time.monotonic() + seconds
        while not (found := check()):
            assert time.monotonic() < end, f"{what} did not happen; events: {[e['status'] for e in self.events]}"
            time.sleep(0.05)
        return found

    def function_of(self, schedule: str) -> str:
        found = self.client("scheduler").get_schedule(Name=schedule)
        return str(found["Target"]["Arn"])

    def invoke(self, schedule: str, **event: Any) -> dict[str, Any]:
        answer = self.client("lambda").invoke(FunctionName=self.function_of(schedule), Payload=json.dumps(event))
        result: dict[str, Any] = json.loads(answer["Payload"].read())
        assert "errorMessage" not in result, result
        return result

    def run(self, schedule: str, kind: str, at: datetime = HOUR) -> dict[str, Any]:
        """One run about an hour; returns its event."""
        window = {"start": at.isoformat(), "end": (at + timedelta(hours=1)).isoformat()}
        before = len(self.events_of(schedule))
        self.invoke(schedule, window=window, baseline=self.baselines.get(kind, {}))
        return self.until(lambda: self.events_of(schedule)[before:], f"the event of {schedule}")[-1]

    def events_of(self, schedule: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["monitoringScheduleName"] == schedule]


def capture_lines(seed: int, count: int = ROWS, shift: float = 0.0) -> tuple[str, list[tuple[str, int]]]:
    """Captured records, and what turned out to be true."""
    source, lines, labels = random.Random(seed), [], []
    for number in range(count):
        gender, age = source.choice(["female", "male"]), source.randint(18, 90)
        probability = round(min(max(source.gauss(0.4 if age > 45 else 0.55, 0.2), 0.0), 1.0), 6)
        flipped = shift > 0 and gender == "female" and source.random() < 0.6
        labels.append((f"{seed}-{number}", int(source.random() < probability) ^ int(flipped)))
        body = f"{round(source.gauss(50 + shift, 10), 4)},{age},{gender}"
        sides = {"endpointInput": ("INPUT", body), "endpointOutput": ("OUTPUT", str(probability))}
        lines.append(
            json.dumps(
                {
                    "captureData": {
                        name: {"observedContentType": "text/csv", "mode": mode, "data": data, "encoding": "CSV"}
                        for name, (mode, data) in sides.items()
                    },
                    "eventMetadata": {
                        "eventId": f"event-{seed}-{number}",
                        "inferenceId": f"{seed}-{number}",
                        "inferenceTime": "2026-11-21T07:00:01Z",
                    },
                    "eventVersion": "0",
                }
            )
        )
    return "\n".join(lines) + "\n", labels


def name_of(engine: str, kind: str) -> str:
    return f"{engine}-{KINDS[kind]}"


def define(stack: cdk.Stack) -> None:
    bucket = s3.Bucket.from_bucket_name(stack, "Data", DATA)
    key = kms.Key(stack, "Key", removal_policy=cdk.RemovalPolicy.DESTROY)
    encrypted = s3.Bucket(stack, "Encrypted", encryption_key=key, bucket_name="engines-encrypted-reports")
    vpc = ec2.Vpc(
        stack,
        "Vpc",
        availability_zones=[f"{REGION}a", f"{REGION}b"],
        nat_gateways=0,
        subnet_configuration=[
            ec2.SubnetConfiguration(name="inside", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=24)
        ],
    )
    target = Target(stack, mlops.DataCapture(bucket=bucket, prefix="captured"), ENDPOINT)
    labels = mlops.Labels(bucket=bucket, prefix="truth")
    predictions = mlops.Predictions(output_columns=["probability"], probability_attribute="probability")
    alarms = mlops.MonitorAlarms(heartbeat_periods=None)
    engines = {"function": mlops.Engine.LAMBDA, "job": mlops.Engine.PROCESSING}
    files = mlops.Baseline.from_folder(bucket=bucket, prefix="baselines")
    common: dict[str, Any] = {"endpoint": target, "alarms": alarms, "baseline": files}
    for name, engine in engines.items():
        own: dict[str, Any] = {**common, "engine": engine}
        mlops.DataQualityMonitor(stack, f"{name}-dq", name=name_of(name, "DataQuality"), **own)
        mlops.ModelQualityMonitor(
            stack,
            f"{name}-mq",
            name=name_of(name, "ModelQuality"),
            problem_type=mlops.ProblemType.BINARY_CLASSIFICATION,
            labels=labels,
            predictions=predictions,
            **own,
        )
    # Another one than that of the reports, or calls for these would show as calls for disks.
    disks = kms.Key(stack, "Disks", removal_policy=cdk.RemovalPolicy.DESTROY)
    inside: dict[str, Any] = {"volume_key": disks, "network": mlops.Network(vpc=vpc)}
    secured = mlops.ProcessingEngine(**inside)
    dataset = mlops.DatasetInput(dataset="customers", bucket=bucket, prefix="store", partitions="dt=%Y-%m-%d-%H")
    inputs: dict[str, Any] = {"input": dataset, "alarms": alarms, "reports": encrypted}
    mlops.DataQualityMonitor(stack, "Secured", name="secured", engine=secured, baseline=files, **inputs)
    own = mlops.ContainerEngine(image="team/own:1", entrypoint=["python3", "-c", PROGRAM], **inside)
    for name, engine in (
        ("own", own),
        ("spark", mlops.SparkEngine(**inside)),
        ("both", mlops.AutoEngine(jobs=secured)),
    ):
        mlops.DataQualityMonitor(
            stack, name.title(), name=f"secured-{name}", engine=engine, **common | {"reports": encrypted}
        )
    auto = mlops.AutoEngine(max_function_mb=1)
    mlops.DataQualityMonitor(stack, "Auto", name="auto", engine=auto, **common)


@pytest.fixture(scope="module")
def plant(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Plant:
    plant, folder = Plant(aws), tmp_path_factory.mktemp("engines")
    # Schedules fire five minutes after the hour, at whatever time these tests run: now they have an hour left.
    now = aws.clock.now()
    then = now.replace(minute=6, second=0, microsecond=0) + timedelta(hours=1)
    aws.clock.advance((then - now).total_seconds())
    app = cdk.App(outdir=str(folder / "out"))
    stack = cdk.Stack(app, STACK, env=cdk.Environment(account=ACCOUNT, region=REGION))
    with stand_ins(folder):
        define(stack)
        app.synth()
    place = {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
    for bucket in (ASSETS, DATA):
        plant.client("s3").create_bucket(Bucket=bucket, **place)
    for file in (folder / "out").glob("asset.*"):
        plant.put(file.name.removeprefix("asset."), file.read_bytes(), ASSETS)
    plant.client("ssm").put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Type="String", Value="21")
    text = (Path(folder) / "out" / f"{STACK}.template.json").read_text()
    url = plant.put("template.json", text, ASSETS).replace("s3://", f"https://s3.{REGION}.amazonaws.com/")
    cfn = plant.client("cloudformation")
    cfn.create_stack(StackName=STACK, TemplateURL=url, Capabilities=["CAPABILITY_IAM"])

    def status() -> str:
        return str(cfn.describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"])

    plant.until(lambda: status().endswith("COMPLETE"), "the stack")
    events = cfn.describe_stack_events(StackName=STACK)["StackEvents"]
    assert [e["ResourceStatusReason"] for e in events if e["ResourceStatus"] == "CREATE_FAILED"] == []
    assert status() == "CREATE_COMPLETE"
    labels = GroundTruthClient(f"s3://{DATA}/truth", s3=plant.client("s3"))
    for seed, hour, shift in ((1, HOUR - timedelta(days=1), 0.0), (2, HOUR, 15.0)):
        lines, truth = capture_lines(seed, shift=shift)
        plant.put(f"captured/{ENDPOINT}/main/{hour:%Y/%m/%d/%H}/00-00-000-a.jsonl", lines)
        labels.write_labels(truth, at=hour)
    # Reports about the day before are the baseline.
    for kind in KINDS:
        told = plant.run(name_of("function", kind), kind, HOUR - timedelta(days=1))
        folder_uri = told["reportUri"].rpartition("/")[0]
        plant.baselines[kind] = {
            name: plant.put(f"baselines/{kind}/{name}.json", plant.read(f"{folder_uri}/{name}.json"))
            for name in ("constraints", "statistics")
        }
    return plant


@pytest.fixture(scope="module")
def runs(plant: Plant) -> dict[tuple[str, str], dict[str, Any]]:
    """Every kind on every engine, about the same hour."""
    pairs = itertools.product(("function", "job"), KINDS)
    return {(engine, kind): plant.run(name_of(engine, kind), kind) for engine, kind in pairs}


@pytest.mark.parametrize("kind", KINDS)
def test_every_engine_tells_the_same(plant: Plant, runs: dict[tuple[str, str], dict[str, Any]], kind: str) -> None:
    def comparable(engine: str) -> dict[str, Any]:
        text = json.dumps({k: v for k, v in runs[engine, kind].items() if k not in OWN})
        return json.loads(text.replace(name_of(engine, kind), "<monitor>"))

    assert (runs["function", kind]["engine"], runs["job", kind]["engine"]) == ("lambda", "processing")
    assert runs["function", kind]["status"] == "CompletedWithViolations"
    assert comparable("function") == comparable("job")


@pytest.mark.parametrize("kind", KINDS)
def test_every_engine_writes_the_same_reports(
    plant: Plant, runs: dict[tuple[str, str], dict[str, Any]], kind: str
) -> None:
    for name in ("reportUri", "statisticsUri", "violationsUri"):
        assert plant.read(runs["function", kind][name]) == plant.read(runs["job", kind][name]), name


@pytest.mark.parametrize("kind", KINDS)
def test_every_engine_publishes_the_same_metrics(
    plant: Plant, runs: dict[tuple[str, str], dict[str, Any]], kind: str
) -> None:
    by_job = plant.metrics_of(name_of("job", kind))
    assert by_job
    assert by_job <= plant.metrics_of(name_of("function", kind))


def test_a_dataset_is_analysed_in_a_job_with_keys_and_a_vpc(plant: Plant) -> None:
    frame = pl.DataFrame({"age": list(range(200)), "plan": ["a", "b"] * 100})
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    plant.put(f"store/dt={HOUR:%Y-%m-%d-%H}/part-0.parquet", buffer.getvalue())
    told = plant.run("secured", "")
    assert (told["status"], told["records"], told["inputName"]) == ("Completed", 200, "customers")
    assert told["reportUri"] == "s3://engines-encrypted-reports/secured/2026/11/21/08/report.html"
    job = plant.client("sagemaker").describe_processing_job(ProcessingJobName=told["processingJobName"])
    assert len(job["NetworkConfig"]["VpcConfig"]["Subnets"]) == 2
    assert "VolumeKmsKeyId" in job["ProcessingResources"]["ClusterConfig"]


def test_a_container_of_ones_own_is_told_of_with_keys_and_a_vpc(plant: Plant) -> None:
    told = plant.run("secured-own", "DataQuality")
    assert (told["status"], told["engine"], told["records"], told["checked"]) == ("Completed", "container", ROWS, True)
    assert told["reportUri"].startswith(f"s3://engines-encrypted-reports/{ENDPOINT}/secured-own/")
    assert "a container of your own" in plant.read(told["reportUri"])
    job = plant.client("sagemaker").describe_processing_job(ProcessingJobName=told["processingJobName"])
    assert len(job["NetworkConfig"]["VpcConfig"]["Subnets"]) == 2
    assert "VolumeKmsKeyId" in job["ProcessingResources"]["ClusterConfig"]
    assert "KmsKeyId" in job["ProcessingOutputConfig"]
    plant.aws.clock.advance(60)
    assert len(plant.events_of("secured-own")) == 1


def test_auto_takes_small_windows_and_hands_over_large_ones(plant: Plant, runs: dict[Any, Any]) -> None:
    small = plant.run("auto", "DataQuality")
    assert (small["engine"], small["violations"]) == ("lambda", runs["function", "DataQuality"]["violations"])
    late = HOUR + timedelta(hours=3)
    lines, _ = capture_lines(5, count=10 * ROWS, shift=15.0)
    plant.put(f"captured/{ENDPOINT}/main/{late:%Y/%m/%d/%H}/a.jsonl", lines)
    large = plant.run("auto", "DataQuality", late)
    assert (large["engine"], large["records"]) == ("processing", 10 * ROWS)
    assert "a run in the function takes up to 1.0 MB" in large["engineReason"]
    assert {f["feature"] for f in large["worstFeatures"]} == {f["feature"] for f in small["worstFeatures"]}


def test_a_job_that_dies_without_a_word_is_a_failed_run_told_once(plant: Plant) -> None:
    jobs_of(plant.aws).faults.fail_next("InternalServerError: we encountered an internal error", "job-data-quality")
    told = plant.run("job-data-quality", "DataQuality", HOUR + timedelta(hours=4))
    assert told["status"] == "Failed"
    assert "InternalServerError" in told["failureReason"]
    assert told["processingJobName"] is None or told["processingJobName"] in told["failureReason"]
    published = plant.metrics_of("job-data-quality")
    assert ("SageMakerMLOps/Monitoring", "RunsFailed", f"{{'Endpoint': '{ENDPOINT}'}}", "1.0") in published
    plant.aws.clock.advance(120)
    assert [event["status"] for event in plant.events_of("job-data-quality")].count("Failed") == 1


def test_roles_equal_what_they_were_seen_doing(plant: Plant, runs: dict[Any, Any]) -> None:
    verdict = policies.judge(plant, plant.aws.calls)  # type: ignore[arg-type]
    assert verdict.missing == {}
    assert verdict.judged > 100
    for role, actions in verdict.unused.items():
        if "SchedulerRole" in role:  # nothing was run by schedule
            continue
        if role.startswith(("Spark", "Both")):  # deployed as they are; `test_monitor_matrix.py` judges them at work
            continue
        starts = any(name in role for name in ("jobmq", "Secured", "Auto", "Own"))
        known = UNUSED_BY_JOBS if "JobRole" in role else UNUSED_BY_STARTERS if starts else UNUSED_BY_FUNCTIONS
        assert {action for action in actions if not action.startswith(tuple(known))} == set(), role
