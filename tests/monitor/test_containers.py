"""Containers of the user's own: what they are told, what becomes of what they leave behind."""

from __future__ import annotations

import json

import pytest

from monitor.handler import lambda_handler
from monitor.job_environment import joined

REPORT = "reports/mlops-prod-churn/mlops-prod-churn-data-quality/2026/11/21/08"
STATISTICS = {"version": 0.0, "dataset": {"item_count": 400}, "features": []}
VIOLATION = {
    "feature_name": "income",
    "constraint_check_type": "baseline_drift_check",
    "description": "Baseline drift distance: 0.4 exceeds threshold: 0.1",
}
METRICS = [
    {"MetricName": "feature_baseline_drift_income", "Value": 0.4},
    {
        "MetricName": "feature_data_income",
        "Dimensions": [{"Name": "Endpoint", "Value": "e"}, {"Name": "Share", "Value": "women"}],
        "StatisticValues": {"SampleCount": 4, "Sum": 10, "Minimum": 1, "Maximum": 4},
    },
]


@pytest.fixture
def started(bench, engine, sagemaker):
    """A run with a baseline whose container is at work; its name and its request."""
    engine("container")
    bench.capture(bench.traffic())
    baseline = bench.baseline()
    answer = bench.run(baseline)
    assert (answer["status"], answer["engine"]) == ("Started", "container")
    name = answer["processingJobName"]
    return name, sagemaker.jobs[name]


def leave(bench, job, **files):
    for name, content in files.items():
        suffix = "jsonl" if name == "cloudwatch_metrics" else "json"
        text = "\n".join(map(json.dumps, content)) if suffix == "jsonl" else json.dumps(content)
        bench.put(f"{REPORT}/{job}/{name}.{suffix}", text)


def violating(bench, job):
    leave(
        bench,
        job,
        statistics=STATISTICS,
        constraint_violations={"violations": [VIOLATION]},
        cloudwatch_metrics=METRICS,
    )


def test_the_container_finds_what_model_monitors_contract_says(bench, started):
    name, request = started
    told = joined(request["Environment"])
    assert {name: told[name] for name in told if name.islower() and "dataset" not in name} == {
        "output_path": "/opt/ml/processing/output",
        "start_time": "2026-11-21T07:00:00Z",
        "end_time": "2026-11-21T08:00:00Z",
        "sagemaker_monitoring_schedule_name": "mlops-prod-churn-data-quality",
        "sagemaker_endpoint_name": "mlops-prod-churn",
        "publish_cloudwatch_metrics": "Disabled",
        "baseline_constraints": "/opt/ml/processing/baseline/constraints/constraints.json",
        "baseline_statistics": "/opt/ml/processing/baseline/statistics/statistics.json",
    }
    assert json.loads(told["dataset_format"]) == {
        "sagemakerCaptureJson": {"captureIndexNames": ["endpointInput", "endpointOutput"]}
    }
    inputs = {item["InputName"]: item["S3Input"] for item in request["ProcessingInputs"]}
    assert set(inputs) == {"data", "baseline_constraints", "baseline_statistics"}
    assert inputs["data"]["S3DataType"] == "ManifestFile"
    assert json.loads(bench.s3_text(inputs["data"]["S3Uri"])) == [
        {"prefix": "s3://mlops-data/"},
        "captures/mlops-prod-churn/main/2026/11/21/07/00-00-000-a.jsonl",
    ]
    (output,) = request["ProcessingOutputConfig"]["Outputs"]
    assert output["S3Output"]["S3Uri"] == f"s3://mlops-data/{REPORT}/{name}"
    assert bench.announced == []


def test_the_request_is_one_that_the_service_takes(bench, started, engine, sagemaker):
    import botocore.session
    from botocore.validate import ParamValidator

    name, request = started
    sent = {key: value for key, value in request.items() if key != "ProcessingJobStatus"}
    model = botocore.session.get_session().get_service_model("sagemaker").operation_model("CreateProcessingJob")
    report = ParamValidator().validate({"ProcessingJobName": name, **sent}, model.input_shape)
    assert not report.has_errors(), report.generate_report()


def test_labels_and_where_predictions_stand_come_with_model_quality(bench, engine, sagemaker):
    bench.monitor("ModelQuality")
    engine("container")
    customers = bench.customers(20)
    bench.serve(customers)
    assert bench.run()["status"] == "NoData"
    assert bench.announced[-1]["noDataReason"] == "NoLabels"
    bench.learn(customers)
    request = sagemaker.jobs[bench.run()["processingJobName"]]
    told = joined(request["Environment"])
    assert told["ground_truth_source"] == "/opt/ml/processing/input/labels"
    assert (told["analysis_type"], told["problem_type"]) == ("MODEL_QUALITY", "BinaryClassification")
    assert (told["probability_attribute"], told["probability_threshold_attribute"]) == ("probability", "0.5")
    assert "baseline_constraints" not in told
    assert {item["InputName"] for item in request["ProcessingInputs"]} == {"data", "labels"}


def test_what_it_leaves_is_told_as_of_every_engine_and_once(bench, started, sagemaker):
    name, _ = started
    violating(bench, name)
    event = sagemaker.ends(name, "Completed")
    assert [lambda_handler(event, None)["status"] for _ in range(3)] == ["Told", "Ignored", "Ignored"]

    (detail,) = bench.announced
    assert (detail["status"], detail["engine"], detail["processingJobName"]) == (
        "CompletedWithViolations",
        "container",
        name,
    )
    assert (detail["records"], detail["violations"], detail["checked"]) == (400, 1, True)
    assert detail["worstFeatures"] == [
        {"feature": "income", "check": "baseline_drift_check", "value": 0.4, "threshold": 0.1}
    ]
    run = bench.run_metrics()
    assert (run["RunsCompleted"], run["Violations"], run["BaselineMissing"]) == (1, 1, 0)
    own = {(space, datum["MetricName"], str(more)) for space, more, datum in bench.data}
    space = "aws/sagemaker/Endpoints/data-metrics"
    assert (space, "feature_baseline_drift_income", "{}") in own
    assert (space, "feature_data_income", "{'Share': 'women'}") in own
    page = bench.s3_text(detail["reportUri"])
    assert "a container of your own" in page and "income" in page


def test_another_job_of_the_same_hour_is_told_by_its_own_files(bench, started, sagemaker, engine):
    first, _ = started
    violating(bench, first)
    lambda_handler(sagemaker.ends(first, "Completed"), None)
    baseline = {name: f"s3://mlops-data/baselines/1/{name}.json" for name in ("constraints", "statistics")}
    again = bench.run(baseline, scheduled_time="2026-11-21T08:05:00Z", again=True)["processingJobName"]
    leave(bench, again, statistics=STATISTICS | {"dataset": {"item_count": 7}})
    lambda_handler(sagemaker.ends(again, "Completed"), None)
    detail = bench.announced[-1]
    assert (detail["status"], detail["records"], detail["violations"]) == ("Completed", 7, 0)
    assert json.loads(bench.read("statistics.json"))["dataset"]["item_count"] == 7
    assert json.loads(bench.read("constraint_violations.json")) == {"violations": []}


def test_an_event_that_cannot_be_put_is_put_by_the_next_delivery(bench, started, sagemaker, pauses):
    name, _ = started
    violating(bench, name)
    event = sagemaker.ends(name, "Completed")
    bench.faults = [("PutEvents", RuntimeError("no route to the bus"))]
    with pytest.raises(RuntimeError):
        lambda_handler(event, None)
    assert lambda_handler(event, None)["status"] == "Told"
    assert [detail["status"] for detail in bench.announced] == ["CompletedWithViolations"]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "there is none of constraint_violations.json"),
        ({"cloudwatch_metrics": [{"MetricName": "m"}]}, "line 1 of cloudwatch_metrics.jsonl is none of CloudWatch's"),
    ],
)
def test_a_container_that_leaves_nothing_of_use_is_a_failed_run(bench, started, sagemaker, files, words):
    name, _ = started
    leave(bench, name, **files)
    lambda_handler(sagemaker.ends(name, "Completed"), None)
    (detail,) = bench.announced
    assert (detail["status"], detail["engine"]) == ("Failed", "container")
    assert f"processing job {name} completed, but what it left cannot be used" in detail["failureReason"]
    assert words in detail["failureReason"]
    assert bench.run_metrics()["RunsFailed"] == 1


def test_a_container_that_fails_is_a_failed_run(bench, started, sagemaker):
    name, _ = started
    lambda_handler(sagemaker.ends(name, "Failed", ExitMessage="Error: no such column"), None)
    (detail,) = bench.announced
    assert (detail["status"], detail["engine"]) == ("Failed", "container")
    assert "no such column" in detail["failureReason"]


def test_nothing_is_started_where_there_is_nothing_to_look_at(bench, engine, sagemaker):
    engine("container")
    assert bench.run()["noDataReason"] == "NoCaptures"
    assert sagemaker.jobs == {}


def test_files_of_a_dataset_are_named_with_their_format(bench, engine, sagemaker):
    bench.environment(
        INPUT_TYPE="Dataset",
        DATASET_NAME="customers",
        DATASET_URI="s3://mlops-data/store",
        DATASET_FORMAT='{"csv": {"header": true}}',
        DATASET_PARTITIONS="dt=%Y-%m-%d-%H",
    )
    engine("container")
    bench.put("store/dt=2026-11-21-07/a.csv", "age\n1\n")
    told = joined(sagemaker.jobs[bench.run()["processingJobName"]]["Environment"])
    assert json.loads(told["dataset_format"]) == {"csv": {"header": True}}
    assert "sagemaker_endpoint_name" not in told
