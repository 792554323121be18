"""Native monitoring schedules that run: executions, jobs, reports, metrics, merged labels."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from datetime import UTC, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from model_analyzer import attribution, bias, data_quality, model_quality
from sagemaker_labels import GroundTruthClient
from sagemaker_local.server import LocalAws

REGISTRY = "468650794304.dkr.ecr.eu-west-1.amazonaws.com"
ANALYZER, CLARIFY = f"{REGISTRY}/sagemaker-model-monitor-analyzer", f"{REGISTRY}/sagemaker-clarify-processing:1.0"
FEATURES = ["a", "b", "c", "d"]
BUSY = ("Pending", "InProgress")
HOURLY = "cron(0 * ? * * *)"


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws(features=("alarms", "sagemaker", "jobs")) as running:
        running.clock.advance(60)  # past the first minute, so that no hour begins on the way to the first schedule
        yield running


@pytest.fixture(scope="module")
def endpoint(lab: Any, up: str) -> str:
    types = {"CsvContentTypes": ["text/csv"]}
    capture = {
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": lab.uri("captured"),
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": types,
    }
    return lab.endpoint(lab.config(up, DataCaptureConfig=capture))


class Site:
    """An endpoint with a schedule of each kind, and what they found."""

    def __init__(self, lab: Any, endpoint: str) -> None:
        self.lab, self.endpoint, self.sent = lab, endpoint, 0

    def put(self, key: str, text: str) -> str:
        self.lab.client("s3").put_object(Bucket=self.lab.bucket, Key=key, Body=text.encode())
        return self.lab.uri(key)

    def read(self, uri: str) -> str:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return self.lab.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode()

    def next_hour(self) -> None:
        now = self.lab.aws.clock.now()
        begin = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        self.lab.aws.clock.advance((begin - now).total_seconds() + 360)
        self.settle()

    def settle(self) -> None:
        """Wait until every execution has ended, which on a busy machine may be after the clock has moved."""
        end = time.monotonic() + 120
        while any(self.lab.sm.list_monitoring_executions(StatusEquals=s)["MonitoringExecutionSummaries"] for s in BUSY):
            assert time.monotonic() < end, "an execution does not end"
            time.sleep(0.05)

    def hour_of_traffic(self, seed: int, shift: float) -> None:
        """Requests with labels for nearly all of them, then the next hour and its executions."""
        table = rows(120, seed, shift)
        sent = self.answer(table)
        client = GroundTruthClient(self.lab.uri("truth"), s3=self.lab.client("s3"), now=self.lab.aws.clock.now)
        client.write_labels([(name, int(row[0] > 0)) for name, row in zip(sent[:-5], table, strict=False)])
        self.next_hour()

    def answer(self, table: np.ndarray) -> list[str]:
        """Send rows; return their ids."""
        names = []
        for row in table:
            self.sent += 1
            names.append(f"r{self.sent}")
            self.lab.invoke(self.endpoint, ",".join(f"{value:.4f}" for value in row), InferenceId=names[-1])
        return names

    def schedule(self, kind: str, definition: dict[str, Any], name: str, **config: str) -> str:
        """A job definition and its schedule."""
        snake = {"DataQuality": "data_quality", "ModelQuality": "model_quality", "ModelBias": "model_bias"}.get(
            kind, "model_explainability"
        )
        output = {"S3Uri": self.lab.uri("reports"), "LocalPath": "/opt/ml/processing/output"}
        cluster = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}
        getattr(self.lab.sm, f"create_{snake}_job_definition")(
            JobDefinitionName=name,
            JobResources={"ClusterConfig": cluster},
            RoleArn=self.lab.role,
            **{f"{kind}{part}": value for part, value in definition.items()},
            **{f"{kind}JobOutputConfig": {"MonitoringOutputs": [{"S3Output": output}]}},
        )
        self.lab.sm.create_monitoring_schedule(
            MonitoringScheduleName=name,
            MonitoringScheduleConfig={
                "ScheduleConfig": {"ScheduleExpression": HOURLY} | config,
                "MonitoringJobDefinitionName": name,
                "MonitoringType": kind,
            },
        )
        return name

    def source(self, **more: str) -> dict[str, Any]:
        return {"EndpointName": self.endpoint, "LocalPath": "/opt/ml/processing/input/endpoint", **more}

    def executions(self, name: str) -> list[dict[str, Any]]:
        found = self.lab.sm.list_monitoring_executions(MonitoringScheduleName=name, SortOrder="Ascending")
        return found["MonitoringExecutionSummaries"]

    def report(self, name: str, run: dict[str, Any], file: str) -> Any:
        hour = f"{run['ScheduledTime']:%Y/%m/%d/%H}"
        text = self.read(self.lab.uri(f"reports/{self.endpoint}/{name}/{hour}/{file}"))
        return json.loads(text) if file.endswith("json") else text

    def metrics(self, namespace: str, schedule: str) -> dict[str, list[dict[str, str]]]:
        """Names of metrics of a schedule, with their dimensions."""
        listed: dict[str, list[dict[str, str]]] = {}
        pages = (
            self.lab.client("cloudwatch")
            .get_paginator("list_metrics")
            .paginate(Namespace=f"aws/sagemaker/Endpoints/{namespace}")
        )
        for metric in (metric for page in pages for metric in page["Metrics"]):
            dimensions = {item["Name"]: item["Value"] for item in metric["Dimensions"]}
            if dimensions["MonitoringSchedule"] == schedule:
                listed.setdefault(metric["MetricName"], []).append(dimensions)
        return listed


def rows(count: int, seed: int, shift: float = 0.0) -> np.ndarray:
    table = np.random.default_rng(seed).normal(size=(count, 4))
    table[:, 1] += shift
    table[table[:, 1] > 0.5, 0] -= 2 * shift
    return table


@pytest.fixture(scope="module")
def site(lab: Any, endpoint: str) -> Site:
    """Two hours with traffic (the second one strange), one without."""
    made = Site(lab, endpoint)
    training = rows(1500, 5)
    answers = pl.Series([float(training[i, 0] > 0) * 0.8 + 0.1 for i in range(len(training))])
    columns = {name: training[:, number] for number, name in enumerate(FEATURES)}
    truth = pl.Series((training[:, 0] > 0).astype(int))
    profile = data_quality.profile(pl.DataFrame({"prediction": answers, **columns}))
    constraints = made.put("baseline/dq/constraints.json", data_quality.suggest(profile).to_json())
    statistics = made.put("baseline/dq/statistics.json", json.dumps(data_quality.statistics(profile)))
    labelled = pl.DataFrame({"prediction": answers, **columns, "ground_truth": truth})
    task = model_quality.Task("BinaryClassification", probability="prediction")
    quality = model_quality.suggest(model_quality.statistics(model_quality.summarize_all([labelled], task)), 0.2)
    facet = {"name_or_index": "b", "value_or_threshold": [0.5]}
    config = {"headers": [*FEATURES, "left"], "label": "left", "label_values_or_threshold": [1], "facet": [facet]}
    measured = bias.BiasConfig((bias.Facet("b", threshold=0.5),), probability="prediction")
    biased = json.dumps(bias.analysis(bias.summarize_all([labelled], measured)))
    shap = {"headers": FEATURES, "methods": {"shap": {"baseline": [[0, 0, 0, 0]], "num_samples": 20}}}
    shown = {"label0": {"global_shap_values": {"a": 0.1, "b": 1.0, "c": 0.2, "d": 0.3}, "expected_value": 0.5}}
    shap_baseline = json.dumps({"version": "1.0", "explanations": {"kernel_shap": shown}})
    probability = made.source(ProbabilityAttribute="0") | {"ProbabilityThresholdAttribute": 0.5}
    late = probability | {"StartTimeOffset": "-PT2H", "EndTimeOffset": "-PT1H"}
    labels = {"GroundTruthS3Input": {"S3Uri": lab.uri("truth")}}

    def resource(key: str, text: str) -> dict[str, Any]:
        return {"ConstraintsResource": {"S3Uri": made.put(key, text)}}

    made.schedule(
        "DataQuality",
        {
            "AppSpecification": {"ImageUri": ANALYZER, "Environment": {"publish_cloudwatch_metrics": "Enabled"}},
            "JobInput": {"EndpointInput": made.source(ExcludeFeaturesAttribute="prediction")},
            "BaselineConfig": {
                "ConstraintsResource": {"S3Uri": constraints},
                "StatisticsResource": {"S3Uri": statistics},
            },
        },
        "quality-of-data",
    )
    made.next_hour()
    made.hour_of_traffic(seed=11, shift=0.0)
    made.schedule(
        "ModelQuality",
        {
            "AppSpecification": {"ImageUri": ANALYZER, "ProblemType": "BinaryClassification"},
            "JobInput": {"EndpointInput": late, **labels},
            "BaselineConfig": resource("baseline/mq/constraints.json", quality.to_json()),
        },
        "quality-of-model",
    )
    made.schedule(
        "ModelBias",
        {
            "AppSpecification": {
                "ImageUri": CLARIFY,
                "ConfigUri": made.put("config/bias.json", json.dumps(config)),
            },
            "JobInput": {"EndpointInput": probability, **labels},
            "BaselineConfig": resource("baseline/bias/analysis.json", biased),
        },
        "bias-of-model",
    )
    made.schedule(
        "ModelExplainability",
        {
            "AppSpecification": {"ImageUri": CLARIFY, "ConfigUri": made.put("config/shap.json", json.dumps(shap))},
            "JobInput": {"EndpointInput": made.source(ProbabilityAttribute="0")},
            "BaselineConfig": resource("baseline/shap/analysis.json", shap_baseline),
        },
        "attribution-of-model",
    )
    made.hour_of_traffic(seed=12, shift=1.0)
    for name in ("quality-of-model", "bias-of-model", "attribution-of-model"):
        lab.sm.stop_monitoring_schedule(MonitoringScheduleName=name)
    lab.aws.clock.advance(3600)
    made.settle()
    return made


def statuses(site: Site, name: str) -> list[tuple[str, str]]:
    return [(run["MonitoringExecutionStatus"], run.get("FailureReason", "")) for run in site.executions(name)][-3:]


def test_a_schedule_finds_the_strange_hour_and_misses_the_quiet_one(site: Site) -> None:
    assert statuses(site, "quality-of-data") == [
        ("Completed", ""),
        ("CompletedWithViolations", ""),
        ("Failed", "Job inputs had no data"),
    ]
    _, strange, quiet = site.executions("quality-of-data")[-3:]
    found = site.report("quality-of-data", strange, "constraint_violations.json")["violations"]
    assert {(item["feature_name"], item["constraint_check_type"]) for item in found} >= {("b", "baseline_drift_check")}
    assert site.report("quality-of-data", strange, "statistics.json")["dataset"]["item_count"] == 120
    assert "ProcessingJobArn" not in quiet
    assert (strange["EndpointName"], strange["MonitoringType"]) == (site.endpoint, "DataQuality")
    described = site.lab.sm.describe_monitoring_schedule(MonitoringScheduleName="quality-of-data")
    assert described["LastMonitoringExecutionSummary"]["MonitoringExecutionStatus"] == "Failed"


def test_the_job_of_an_execution_knows_its_schedule_and_says_what_it_found(site: Site) -> None:
    strange = site.executions("quality-of-data")[-2]
    name = strange["ProcessingJobArn"].rpartition("/")[2]
    job = site.lab.sm.describe_processing_job(ProcessingJobName=name)
    assert job["MonitoringScheduleArn"].endswith("monitoring-schedule/quality-of-data")
    assert job["ProcessingJobStatus"] == "Completed"
    assert job["ExitMessage"].startswith("CompletedWithViolations: Job completed successfully with ")
    settings = job["Environment"]
    start = strange["ScheduledTime"].astimezone(UTC) - timedelta(hours=1)
    assert settings["start_time"] == settings["metric_time"] == f"{start:%Y-%m-%dT%H:%M:%SZ}"


def test_metrics_are_model_monitors(site: Site) -> None:
    found = site.metrics("data-metrics", "quality-of-data")
    drifts = {name for name in found if name.startswith("feature_baseline_drift_")}
    assert drifts == {f"feature_baseline_drift_{name}" for name in FEATURES}
    assert found["feature_data_b"] == [{"Endpoint": site.endpoint, "MonitoringSchedule": "quality-of-data"}]
    assert {"auc", "accuracy"} <= set(site.metrics("model-metrics", "quality-of-model"))
    (ci,) = site.metrics("bias-metrics", "bias-of-model")["bias_metric_CI"]
    assert (ci["Facet"], ci["FacetValue"], ci["BiasStage"], ci["Label"]) == (
        "b",
        "(0.5, Infinity)",
        "Pre-training",
        "left",
    )
    (shap,) = site.metrics("explainability-metrics", "attribution-of-model")["feature_a"]
    assert (shap["ExplainabilityMethod"], shap["ValueType"]) == ("KernelShap", "GlobalShapValues")


def test_labels_are_merged_and_offsets_wait_for_them(site: Site) -> None:
    (run,) = site.executions("quality-of-model")
    assert run["MonitoringExecutionStatus"] == "Completed"
    assert site.report("quality-of-model", run, "statistics.json")["dataset"]["item_count"] == 115
    settings = site.lab.sm.describe_processing_job(ProcessingJobName=run["ProcessingJobArn"].rpartition("/")[2])[
        "Environment"
    ]
    begin = run["ScheduledTime"].astimezone(UTC) - timedelta(hours=2)
    assert settings["start_time"] == f"{begin:%Y-%m-%dT%H:%M:%SZ}"
    assert json.loads(settings["dataset_format"])["sagemakerMergeJson"]
    folder = f"reports/merge/{site.endpoint}/AllTraffic/{begin:%Y/%m/%d/%H}/"
    listed = site.lab.client("s3").list_objects_v2(Bucket=site.lab.bucket, Prefix=folder)["Contents"]
    lines = [line for item in listed for line in site.read(site.lab.uri(item["Key"])).splitlines()]
    assert len(lines) == 115
    assert json.loads(lines[0])["groundTruthData"]["encoding"] == "CSV"


def test_bias_is_measured_on_merged_traffic(site: Site) -> None:
    (strange,) = site.executions("bias-of-model")
    print(
        json.dumps(site.report("bias-of-model", strange, "analysis.json")),
        site.executions("quality-of-data"),
        site.sent,
    )
    assert strange["MonitoringExecutionStatus"] == "CompletedWithViolations"
    violations = site.report("bias-of-model", strange, "constraint_violations.json")["violations"]
    print(site.report("bias-of-model", strange, "analysis.json"), violations)
    assert {item["facet"] for item in violations} == {"b"}
    assert "<html" in site.report("bias-of-model", strange, "report.html")


def test_attribution_asks_a_shadow_endpoint_that_is_gone_afterwards(site: Site) -> None:
    (run,) = site.executions("attribution-of-model")
    assert run["MonitoringExecutionStatus"] == "CompletedWithViolations"
    document = site.report("attribution-of-model", run, "analysis.json")
    values = attribution.AttributionAnalysis(document).labels["label0"].values
    assert max(values, key=lambda name: values[name]) == "a"
    (violation,) = site.report("attribution-of-model", run, "constraint_violations.json")["violations"]
    assert violation["constraint_check_type"] == "feature_attribution_drift_check"
    calls = site.lab.aws.recorder.select(service="sagemaker", operation="CreateEndpoint")
    assert any(call.caller_arn == site.lab.role and "sm-clarify-" in call.params["EndpointName"] for call in calls)
    names = [item["EndpointName"] for item in site.lab.sm.list_endpoints()["Endpoints"]]
    assert not [name for name in names if name.startswith("sm-clarify-")]


def test_executions_are_listed_by_what_is_asked_for(site: Site) -> None:
    def listed(**wanted: Any) -> list[str]:
        found = site.lab.sm.list_monitoring_executions(**wanted)["MonitoringExecutionSummaries"]
        return [run["MonitoringScheduleName"] for run in found]

    everything = listed(EndpointName=site.endpoint, MaxResults=100)
    assert set(everything) == {"quality-of-data", "quality-of-model", "bias-of-model", "attribution-of-model"}
    assert set(listed(MonitoringTypeEquals="ModelBias", MaxResults=100)) == {"bias-of-model"}
    last = site.executions("quality-of-data")[-1]["ScheduledTime"]
    assert listed(MonitoringScheduleName="quality-of-data", ScheduledTimeAfter=last - timedelta(minutes=1)) == [
        "quality-of-data"
    ]
    assert listed(MonitoringScheduleName="quality-of-data", ScheduledTimeBefore=last - timedelta(days=9)) == []
    assert set(listed(StatusEquals="CompletedWithViolations", MonitoringTypeEquals="DataQuality")) == {
        "quality-of-data"
    }


def test_a_stopped_schedule_rests_and_one_for_now_runs_at_once(site: Site) -> None:
    site.lab.sm.stop_monitoring_schedule(MonitoringScheduleName="quality-of-data")
    before = len(site.executions("quality-of-data"))
    site.lab.aws.clock.advance(3600)
    assert len(site.executions("quality-of-data")) == before
    name = site.schedule(
        "DataQuality",
        {"AppSpecification": {"ImageUri": ANALYZER}, "JobInput": {"EndpointInput": site.source()}},
        "now",
        ScheduleExpression="NOW",
        DataAnalysisStartTime="-P1D",
        DataAnalysisEndTime="-PT0H",
    )
    site.settle()
    (run,) = site.executions(name)
    assert run["MonitoringExecutionStatus"] == "Completed"
    assert site.report(name, run, "statistics.json")["dataset"]["item_count"] == 240
    site.lab.sm.delete_monitoring_schedule(MonitoringScheduleName=name)


def test_the_analyzers_image_makes_baselines_as_well(site: Site) -> None:
    stream = io.BytesIO()
    pl.DataFrame(rows(200, 3), schema=FEATURES).write_csv(stream)
    site.put("training/train.csv", stream.getvalue().decode())
    place = "/opt/ml/processing"
    source = {"S3Uri": site.lab.uri("training"), "S3DataType": "S3Prefix", "S3InputMode": "File"}
    output = {"S3Uri": site.lab.uri("made"), "LocalPath": f"{place}/output", "S3UploadMode": "EndOfJob"}
    site.lab.sm.create_processing_job(
        ProcessingJobName="baseline",
        AppSpecification={"ImageUri": ANALYZER},
        ProcessingInputs=[
            {"InputName": "data", "S3Input": source | {"LocalPath": f"{place}/input/baseline_dataset_input"}}
        ],
        ProcessingOutputConfig={"Outputs": [{"OutputName": "monitoring_output", "S3Output": output}]},
        ProcessingResources={
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}
        },
        Environment={
            "dataset_format": '{"csv": {"header": true, "output_columns_position": "START"}}',
            "dataset_source": f"{place}/input/baseline_dataset_input",
            "output_path": f"{place}/output",
            "publish_cloudwatch_metrics": "Disabled",
        },
        RoleArn=site.lab.role,
    )
    end = time.monotonic() + 60
    while (job := site.lab.sm.describe_processing_job(ProcessingJobName="baseline"))["ProcessingJobStatus"] == BUSY[1]:
        assert time.monotonic() < end, "the job does not end"
        time.sleep(0.05)
    assert (job["ProcessingJobStatus"], job.get("FailureReason")) == ("Completed", None)
    constraints = json.loads(site.read(site.lab.uri("made/constraints.json")))
    assert [feature["name"] for feature in constraints["features"]] == FEATURES


def test_captured_batch_transform_jobs_are_looked_at_with_their_labels(site: Site) -> None:
    now = site.lab.aws.clock.now()
    table = rows(80, 21)
    asked = "\n".join(",".join(f"{value:.4f}" for value in row) for row in table)
    moment = f"{now:%Y-%m-%dT%H:%M:%SZ}"
    answers = "\n".join(f"{0.9 if row[0] > 0 else 0.1},b{number},{moment}" for number, row in enumerate(table))
    site.put("batch/in/part.csv", asked)
    site.put("batch/out/part.csv.out", answers)
    for side, name in (("input", "part.csv"), ("output", "part.csv.out")):
        place = {"prefix": site.lab.uri(f"batch/{'in' if side == 'input' else 'out'}/")}
        site.put(f"lists/{side}/{now:%Y/%m/%d/%H}/job.json", json.dumps([place, name]))
    client = GroundTruthClient(site.lab.uri("batch-truth"), s3=site.lab.client("s3"), now=site.lab.aws.clock.now)
    client.write_labels([(f"b{number}", int(row[0] > 0)) for number, row in enumerate(table[:60])])
    source = {
        "DataCapturedDestinationS3Uri": site.lab.uri("lists"),
        "DatasetFormat": {"Csv": {"Header": False}},
        "LocalPath": "/opt/ml/processing/input/data",
    }
    site.schedule(
        "DataQuality",
        {"AppSpecification": {"ImageUri": ANALYZER}, "JobInput": {"BatchTransformInput": source}},
        "batch-data",
    )
    site.schedule(
        "ModelQuality",
        {
            "AppSpecification": {"ImageUri": ANALYZER, "ProblemType": "BinaryClassification"},
            "JobInput": {
                "BatchTransformInput": source | {"ProbabilityAttribute": "0", "ProbabilityThresholdAttribute": 0.5},
                "GroundTruthS3Input": {"S3Uri": site.lab.uri("batch-truth")},
            },
        },
        "batch-model",
    )
    site.next_hour()
    for name, count in (("batch-data", 80), ("batch-model", 60)):
        (run,) = site.executions(name)
        assert run["MonitoringExecutionStatus"] == "Completed", run.get("FailureReason")
        place = f"reports/{name}/{run['ScheduledTime']:%Y/%m/%d/%H}/statistics.json"
        statistics = json.loads(site.read(site.lab.uri(place)))
        assert statistics["dataset"]["item_count"] == count
        assert len(statistics.get("features", range(5))) == 5, "the answer and what was asked"
    listed = site.lab.client("cloudwatch").list_metrics(Namespace="aws/sagemaker/ModelMonitoring/model-metrics")
    assert {item["Name"] for metric in listed["Metrics"] for item in metric["Dimensions"]} == {"MonitoringSchedule"}
