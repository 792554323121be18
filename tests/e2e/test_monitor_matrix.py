"""Kind of monitor x engine x input x content type: one and the same hour, the same findings, metrics and events.

Templates are the CDK's, code is the engines' own, traffic is the same. What an engine cannot do is refused at
synthesis, which `tests/library/monitoring` looks at; `docs/engines.md` has the table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3
from e2e_support import models, policies
from monitor_support.plant import Bench, Template
from monitor_support.target import Target
from monitor_support.traffic import FEATURES, Hour
from monitor_support.wheels import stand_ins

import cdk_sagemaker_mlops as mlops
from sagemaker_labels import GroundTruthClient
from sagemaker_local.server import LocalAws
from shared import clients

pytestmark = pytest.mark.xdist_group("monitor-matrix")
ACCOUNT, REGION = "111000000057", "eu-west-1"
ENDPOINT, DATA = "mlops-matrix-churn", "matrix-data"
ASSETS = f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}"
CONTENTS = ("CSV", "JSON", "BASE64")
DATASETS = ("CSV", "JSON", "PARQUET")
OURS = ("lambda", "auto", "processing")
KINDS = ("DataQuality", "ModelQuality", "ModelBias", "ModelExplainability")
#: Engines by kind and input. Of batch transform jobs there are no BASE64 records: they record objects as they are.
ENGINES: dict[tuple[str, str], tuple[str, ...]] = {
    ("DataQuality", "endpoint"): (*OURS, "spark", "container", "model-monitor"),
    ("ModelQuality", "endpoint"): (*OURS, "container", "model-monitor"),
    ("ModelBias", "endpoint"): (*OURS, "container", "model-monitor"),
    ("ModelExplainability", "endpoint"): ("auto", "processing", "model-monitor"),
    ("DataQuality", "batch"): (*OURS, "spark", "container", "model-monitor"),
    ("ModelQuality", "batch"): (*OURS, "container", "model-monitor"),
    ("ModelBias", "batch"): (*OURS, "container", "model-monitor"),
    ("ModelExplainability", "batch"): ("auto", "processing", "container"),
    ("DataQuality", "dataset"): (*OURS, "spark", "container"),
}
CELLS = [
    (kind, source, content)
    for kind, source in ENGINES
    for content in {"endpoint": CONTENTS, "batch": CONTENTS[:2], "dataset": DATASETS}[source]
]
#: What tells engines apart, and how long they took.
OWN = {"engine", "engineReason", "processingJobName", "monitoringScheduleName"}
#: Those in whose place other programs look: they do not count everything that ours do.
OTHERS = ("container", "model-monitor")
UNCOUNTED = {"brokenRecords", "labels", "uncheckedMetrics"}
UNCOUNTED_METRICS = {"RunSeconds", "LabelledRecords", "UnlabelledRecords", "LateLabels", "DuplicateLabels"}
#: Where they do not say how many records they read, and where only the image of one's own does.
SILENT, SILENT_NATIVE = ("ModelBias",), ("ModelBias", "ModelExplainability")

#: Allowed without having been used, and why.
UNUSED_ANYWHERE = {
    "ecr:": "SageMaker pulls the image with it; the embedded AWS needs no image",
    "logs:": "functions and jobs run in the process of these tests, whose log is pytest's",
    "sqs:SendMessage": "used when a run fails after all retries, which did not happen",
    "s3:DeleteObject": "used when a failure or an execution could not be announced, which did not happen",
}
#: Further ones by the roles' names.
UNUSED: dict[str, dict[str, str]] = {
    "Scheduler": {"lambda:InvokeFunction": "these tests take the scheduler's part"},
    "^automodelexplainability.*JobRole": {},
    "^auto.*JobRole": {"": "nothing was handed over"},
    "^automodelexplainability": {
        "sagemaker:": "these tests start the jobs; `test_monitor_engines.py` starts them with it",
        "iam:PassRole": "likewise",
        "s3:": "used to see whether there is anything to hand over",
        "cloudwatch:PutMetricData": "used where there is nothing, and for the failures of jobs",
        "events:PutEvents": "likewise",
    },
    "^auto": {"sagemaker:": "nothing was handed over", "iam:PassRole": "nothing was handed over"},
    "^(processing|spark).*(?<!Job)Role": {
        "sagemaker:": "these tests start the jobs; `test_monitor_engines.py` starts them with it",
        "iam:PassRole": "likewise",
        "s3:": "used for the failures of jobs",
        "cloudwatch:PutMetricData": "used for the failures of jobs",
        "events:PutEvents": "used for the failures of jobs",
    },
    "^modelmonitor.*RunRole": {
        "sagemaker:AddTags": "Clarify tags the endpoints that it makes",
        "sagemaker:DescribeModel": "Clarify looks at the model behind the live endpoint",
    },
    "^modelmonitor": {"s3:ListBucket": "without it S3 answers 403 instead of 404 where a report has no such file"},
}


@dataclass(frozen=True)
class Left:
    """What a run left behind, without the monitor's name."""

    event: dict[str, Any]
    violations: Any
    metrics: set[tuple[str, str, str, str]]


def name_of(kind: str, source: str, engine: str) -> str:
    return f"{engine}-{kind.lower()}-{source}"


def inputs(bucket: s3.IBucket, content: str) -> dict[str, mlops.MonitorInput]:
    """Inputs besides the endpoint; a dataset has one format for good, so there is one for each."""
    formats = {"CSV": mlops.DatasetFormat.csv(), "JSON": mlops.DatasetFormat.json_lines()}
    return {
        "batch": mlops.BatchTransformInput(
            transform="nightly",
            capture=mlops.TransformCapture(bucket=bucket, prefix="lists"),
            requests=mlops.TransformInput(bucket=bucket, prefix="in"),
            answers=mlops.TransformOutput(bucket=bucket, prefix="out"),
        ),
        "dataset": mlops.DatasetInput(
            dataset="customers",
            bucket=bucket,
            prefix=f"store/{content}",
            partitions="dt=%Y-%m-%d-%H",
            format=formats.get(content, mlops.DatasetFormat.parquet()),
        ),
    }


def define(stack: cdk.Stack, wanted: str) -> None:
    """Every monitor of an input."""
    bucket = s3.Bucket.from_bucket_name(stack, "Data", DATA)
    target = Target(stack, mlops.DataCapture(bucket=bucket, prefix="captured"), ENDPOINT)
    engines = {
        "lambda": mlops.Engine.LAMBDA,
        "auto": mlops.Engine.AUTO,
        "processing": mlops.Engine.PROCESSING,
        "spark": mlops.Engine.SPARK,
        "container": mlops.ContainerEngine(
            image="team/own:1", entrypoint=["python3", "-m", "monitor_support.own_image"]
        ),
        "model-monitor": mlops.Engine.MODEL_MONITOR,
    }
    labels = mlops.Labels(bucket=bucket, prefix="truth")
    own: dict[str, dict[str, Any]] = {
        "DataQuality": {},
        "ModelQuality": {"labels": labels, "problem_type": mlops.ProblemType.BINARY_CLASSIFICATION},
        "ModelBias": {
            "labels": labels,
            "headers": FEATURES,
            "facets": [mlops.Facet(name_or_index="balance", threshold=0.5)],
        },
        "ModelExplainability": {"headers": FEATURES, "shap": mlops.Shap(baseline=[[0, 0, 0, 0]], num_samples=14)},
    }
    classes = {
        "DataQuality": mlops.DataQualityMonitor,
        "ModelQuality": mlops.ModelQualityMonitor,
        "ModelBias": mlops.BiasMonitor,
        "ModelExplainability": mlops.AttributionMonitor,
    }
    for (kind, source), names in ENGINES.items():
        for engine in names if source == wanted else ():
            for content in DATASETS if source == "dataset" else ("",):
                given = {"endpoint": target} if source == "endpoint" else {"input": inputs(bucket, content)[source]}
                if kind == "ModelExplainability" and source == "batch":
                    given["model_data_url"] = f"s3://{DATA}/model.tar.gz"
                elif kind == "ModelExplainability" and engine != "model-monitor":
                    given["shadow_endpoint"] = mlops.ShadowEndpoint(instance_type="ml.m5.large")
                name = name_of(kind, source + content.lower(), engine)
                classes[kind](
                    stack,
                    name,
                    name=name,
                    engine=engines[engine],
                    schedule=mlops.MonitoringSchedule.hourly(),
                    reports_prefix="reports",
                    reports=bucket,
                    baseline=mlops.Baseline.from_folder(bucket=bucket, prefix=f"baselines/{kind}/{source}"),
                    alarms=mlops.MonitorAlarms(max_violations=None, heartbeat_periods=None, baseline_missing=False),
                    **own[kind],
                    **given,
                )


class Matrix(Bench):
    """The stack's monitors with their traffic."""

    def put(self, key: str, body: str | bytes, bucket: str = DATA) -> str:
        self.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
        return f"s3://{bucket}/{key}"

    def read(self, uri: str) -> str:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return self.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode()

    def fill(self, hour: Hour) -> None:
        """An hour of every input."""
        content = hour.content
        if content in CONTENTS:
            self.put(f"captured/{ENDPOINT}/main/{hour.folder}/00-00-000-a.jsonl", hour.captured())
            labels = GroundTruthClient(f"s3://{DATA}/truth", s3=self.client("s3"), now=self.aws.clock.now)
            labels.write_labels(hour.labels, at=hour.at)
        if content in CONTENTS[:2]:
            name = f"{hour.at:%d%H}.txt"
            for side, folder, text in (("input", "in", hour.asked()), ("output", "out/run", hour.answered())):
                entry = name if side == "input" else f"{name}.out"
                self.put(f"{folder}/{entry}", text)
                lists = [{"prefix": f"s3://{DATA}/{folder}/"}, entry]
                self.put(f"lists/{side}/{hour.folder}/{name}.json", json.dumps(lists))
        if content in DATASETS:
            self.put(f"store/{content}/dt={hour.at:%Y-%m-%d-%H}/part-0", hour.table())

    def run(self, kind: str, source: str, content: str, engine: str, at: datetime, baseline: Any) -> Left:
        """One run about an hour."""
        name = name_of(kind, source + (content.lower() if source == "dataset" else ""), engine)
        before = len(self.aws.calls)
        window = {"start": f"{at:%Y-%m-%dT%H}:00:00Z", "end": f"{at + timedelta(hours=1):%Y-%m-%dT%H}:00:00Z"}
        event = {"window": window, "baseline": baseline}
        if engine in ("processing", "spark"):
            self.job(name, event, engine)
        elif engine == "container":
            self.container(name, event)
        elif engine == "auto" and kind == "ModelExplainability":
            self.job(name, event, "processing", "does not run in a function")
        else:
            self.function(name, {} if engine == "model-monitor" else event)
        return self.left(name, before, window["start"])

    def left(self, name: str, before: int, start: str) -> Left:
        """What was left behind since some call about the window that starts then."""
        calls = self.aws.calls[before:]
        entries = [e for call in calls if call.operation == "PutEvents" for e in call.params["Entries"]]
        details = [json.loads(entry["Detail"]) for entry in entries]
        told = [detail for detail in details if detail.get("monitoringScheduleName") == name]
        (event,) = [detail for detail in told if detail["window"]["start"] == start]
        metrics = set()
        for call in calls:
            for datum in call.params["MetricData"] if call.operation == "PutMetricData" else ():
                dimensions = {item["Name"]: item["Value"] for item in datum["Dimensions"]}
                if dimensions.pop("MonitoringSchedule", None) == name:
                    value = datum.get("StatisticValues") or float(datum["Value"])
                    where = (call.params["Namespace"], datum["MetricName"], str(sorted(dimensions.items())))
                    metrics.add((*where, str(value)))
        uri = event["violationsUri"]
        violations = json.loads(self.read(uri)) if uri else None
        return Left(json.loads(json.dumps(event).replace(name, "<monitor>")), violations, metrics)


@pytest.fixture(scope="module")
def matrix(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    folder = tmp_path_factory.mktemp("matrix")
    with stand_ins(folder):
        app = cdk.App(outdir=str(folder / "out"))
        for source in ("endpoint", "batch", "dataset"):
            define(cdk.Stack(app, source, env=cdk.Environment(account=ACCOUNT, region=REGION)), source)
        app.synth()
    files = (folder / "out").glob("*.template.json")
    templates = [Template(json.loads(file.read_text()), ACCOUNT, REGION) for file in files]
    clients.client.cache_clear()
    # Events are longer than what the record of calls keeps of a text.
    whole = mock.patch("sagemaker_local.recorder._LONGEST_TEXT", 100_000)
    whole.start()
    bench = Matrix(aws, templates, ACCOUNT, REGION, folder)
    place = {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
    for bucket in (DATA, ASSETS):
        bench.client("s3").create_bucket(Bucket=bucket, **place)
    for file in (folder / "out").glob("asset.*.json"):
        bench.put(file.name.removeprefix("asset."), file.read_bytes(), ASSETS)
    archive = bench.put("model.tar.gz", models.archive())
    trust = {"Version": "2012-10-17", "Statement": []}
    role = bench.client("iam").create_role(RoleName="runs", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    sagemaker = bench.client("sagemaker")
    container = {"Image": models.IMAGE, "ModelDataUrl": archive}
    sagemaker.create_model(ModelName="churn", ExecutionRoleArn=role, PrimaryContainer=container)
    variant = {
        "VariantName": "main",
        "ModelName": "churn",
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    sagemaker.create_endpoint_config(
        EndpointConfigName="churn",
        ProductionVariants=[variant],
        DataCaptureConfig={
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": f"s3://{DATA}/captured",
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        },
    )
    sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName="churn")
    for (kind, source), names in ENGINES.items():
        if "model-monitor" in names:
            bench.add_native(name_of(kind, source, "model-monitor"))
    yield bench
    whole.stop()
    bench.end()
    clients.client.cache_clear()


@pytest.fixture(scope="module")
def outcomes(matrix: Matrix) -> dict[tuple[str, str, str], dict[str, Left]]:
    """By cell and engine. Hour by hour on the embedded AWS's clock, one content type after the other."""
    found: dict[tuple[str, str, str], dict[str, Left]] = {}
    now = matrix.aws.clock.now()
    hour = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    matrix.aws.clock.advance((hour + timedelta(minutes=6) - now).total_seconds())
    native = [
        name_of(kind, source, "model-monitor") for kind, source in ENGINES if "model-monitor" in ENGINES[kind, source]
    ]
    for name in native:  # the hour before had no traffic
        matrix.wait_for(name)
        matrix.function(name, {})
    for content in (*CONTENTS, "PARQUET"):
        cells = [(kind, source) for kind, source, its in CELLS if its == content]
        good, bad = Hour(hour - timedelta(days=1), content, bad=False), Hour(hour, content, bad=True)
        matrix.fill(good)
        matrix.fill(bad)
        baselines = {}
        for kind, source in cells:
            first = ENGINES[kind, source][0]
            told = matrix.run(kind, source, content, first, good.at, {})
            uri = told.event["reportUri"].replace("<monitor>", _monitor(kind, source, content, first))
            folder = uri.rpartition("/")[0]
            named = {"constraints": "analysis"} if told.event["statisticsUri"].endswith("analysis.json") else {}
            named = named or {"constraints": "constraints", "statistics": "statistics"}
            baselines[kind, source] = {
                name: matrix.put(f"baselines/{kind}/{source}/{name}.json", matrix.read(f"{folder}/{file}.json"))
                for name, file in named.items()
            }
        for kind, source in cells:
            own = [engine for engine in ENGINES[kind, source] if engine != "model-monitor"]
            found[kind, source, content] = {
                engine: matrix.run(kind, source, content, engine, hour, baselines[kind, source]) for engine in own
            }
        before, start = len(matrix.aws.calls), f"{hour:%Y-%m-%dT%H}:00:00Z"
        hour += timedelta(hours=1)
        matrix.aws.clock.advance((hour + timedelta(minutes=6) - matrix.aws.clock.now()).total_seconds())
        for kind, source in cells:
            if "model-monitor" in ENGINES[kind, source]:
                name = name_of(kind, source, "model-monitor")
                matrix.wait_for(name)
                matrix.function(name, {})
                found[kind, source, content]["model-monitor"] = matrix.left(name, before, start)
    return found


def _monitor(kind: str, source: str, content: str, engine: str) -> str:
    return name_of(kind, source + (content.lower() if source == "dataset" else ""), engine)


@pytest.mark.parametrize(("kind", "source", "content"), CELLS)
def test_every_engine_finds_publishes_and_tells_the_same(
    outcomes: dict[tuple[str, str, str], dict[str, Left]], kind: str, source: str, content: str
) -> None:
    cell = outcomes[kind, source, content]
    assert set(cell) == set(ENGINES[kind, source])
    first, *others = ENGINES[kind, source]
    expected = cell[first]
    # The trees of the model, which are read there, keep their ranking; asked, it changes.
    violated = (kind, source) != ("ModelExplainability", "batch")
    assert expected.event["status"] == ("CompletedWithViolations" if violated else "Completed")
    assert bool(expected.violations["violations"]) is violated
    assert expected.metrics
    for engine in others:
        other, left = engine in OTHERS, cell[engine]
        assert left.violations == expected.violations, engine
        unsaid = other and kind in (SILENT_NATIVE if engine == "model-monitor" else SILENT)
        dropped = OWN | (UNCOUNTED if other else set()) | ({"records"} if unsaid else set())
        assert _without(left.event, dropped) == _without(expected.event, dropped), engine
        names = (UNCOUNTED_METRICS if other else {"RunSeconds"}) | ({"Records"} if unsaid else set())
        assert _metrics(left, names) == _metrics(expected, names), engine
        assert _engine_of(engine, kind) == left.event["engine"]


def test_roles_equal_what_they_were_seen_doing(matrix: Matrix, outcomes: dict[Any, Any]) -> None:
    verdict = policies.judge(matrix, matrix.aws.calls)  # type: ignore[arg-type]
    # The embedded AWS looks whether a variant is scaled as whoever deletes the endpoint; SageMaker does so itself.
    own = {"application-autoscaling:DescribeScalableTargets on *"}
    assert {role: lacking - own for role, lacking in verdict.missing.items() if lacking - own} == {}
    assert verdict.judged > 1000
    assert verdict.unused
    for role, actions in verdict.unused.items():
        known = UNUSED_ANYWHERE | next((reasons for end, reasons in UNUSED.items() if re.search(end, role)), {})
        assert {action for action in actions if not action.startswith(tuple(known))} == set(), role


def _without(event: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in names}


def _metrics(left: Left, dropped: set[str]) -> set[tuple[str, str, str, str]]:
    return {metric for metric in left.metrics if metric[1] not in dropped}


def _engine_of(engine: str, kind: str) -> str:
    if engine != "auto":
        return engine
    return "processing" if kind == "ModelExplainability" else "lambda"
