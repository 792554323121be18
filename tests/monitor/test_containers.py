"""Containers of the user's own: what they are told, what becomes of what they leave behind."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor import once
from monitor.handler import lambda_handler
from monitor.job_environment import joined
from monitor.model_archive import UnexplainableModel

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


def given(bench, request):
    """Variables, inputs by name, and what each list of objects names."""
    inputs = {item["InputName"]: item["S3Input"] for item in request["ProcessingInputs"]}
    lists = {
        name: json.loads(bench.s3_text(item["S3Uri"]))
        for name, item in inputs.items()
        if item["S3DataType"] == "ManifestFile"
    }
    return joined(request["Environment"]), inputs, lists


def published(bench):
    """The analysis' own metrics: namespace, name, dimensions, value."""
    return {
        (space, datum["MetricName"], str(sorted(more.items())), str(datum.get("StatisticValues") or datum["Value"]))
        for space, more, datum in bench.data
        if space != "SageMakerMLOps/Monitoring"
    }


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
        "monitoring_input_type": "ENDPOINT_INPUT",
        "metric_time": "2026-11-21T07:00:00Z",
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
        ({"statistics": {"rows": 3}}, "statistics.json, which has the metrics where there is no cloudwatch_metrics"),
        ({"constraint_violations": [VIOLATION]}, "constraint_violations.json is not as Model Monitor and Clarify"),
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


def test_answers_and_requests_of_transform_jobs_lie_side_by_side(bench, engine, sagemaker):
    bench.environment(
        INPUT_TYPE="BatchTransform",
        TRANSFORM_NAME="nightly",
        CAPTURE_URI="s3://mlops-data/lists",
        DATASET_FORMAT='{"json": {"line": true}}',
        EXCLUDE_FEATURES='["id", "name"]',
        DRIFT_THRESHOLD="0.2",
        COMPARISON_METHOD="Robust",
    )
    engine("container")
    for side, names in (("input", ["a.json", "gone.json"]), ("output", ["run/a.json.out", "run/gone.json.out"])):
        for name in names:
            bench.put(f"{side}s/{name}", "{}")
        entry = [{"prefix": f"s3://mlops-data/{side}s/"}, *names]
        bench.put(f"lists/{side}/2026/11/21/07/1.json", json.dumps(entry))
    bench.s3.delete_object(Bucket="mlops-data", Key="inputs/gone.json")
    told, inputs, lists = given(bench, sagemaker.jobs[bench.run()["processingJobName"]])
    assert {name: item["LocalPath"].removeprefix(told["dataset_source"]) for name, item in inputs.items()} == {
        "data_output": "/output",
        "data_input": "/input",
    }
    assert lists == {
        "data_output": [{"prefix": "s3://mlops-data/"}, "outputs/run/a.json.out", "outputs/run/gone.json.out"],
        "data_input": [{"prefix": "s3://mlops-data/"}, "inputs/a.json"],
    }
    assert (told["monitoring_input_type"], told["dataset_format"]) == (
        "BATCH_TRANSFORM_INPUT",
        '{"json": {"line": true}}',
    )
    assert (told["exclude_features_attribute"], told["comparison_threshold"]) == ("id,name", "0.2")
    assert told["generate_inference_id"] == "true"


def test_files_of_a_feature_group_are_parquet_and_its_own_columns_no_features(bench, engine, sagemaker):
    bench.environment(
        INPUT_TYPE="FeatureGroup",
        FEATURE_GROUP_NAME="customers",
        OFFLINE_STORE_URI="s3://mlops-data/offline",
        LEAVE_OUT='["customer_id"]',
    )
    engine("container")
    bench.put("offline/data/a.parquet", "PAR1")
    bench.put("offline/metadata/v1.metadata.json", "{}")
    # Records count by the time at which they were written, which is now.
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    window = {"start": (hour - timedelta(hours=1)).isoformat(), "end": (hour + timedelta(hours=1)).isoformat()}
    told, _, lists = given(bench, sagemaker.jobs[bench.run(window=window)["processingJobName"]])
    assert lists["data"][1:] == ["offline/data/a.parquet"]
    assert told["dataset_format"] == '{"parquet": {}}'
    assert told["exclude_features_attribute"] == "customer_id,is_deleted,write_time,api_invocation_time"


def test_an_analysis_config_comes_with_bias(bench, engine, sagemaker):
    bench.monitor("ModelBias", BIAS_TOLERANCE="0.05")
    engine("container")
    customers = bench.customers(20)
    bench.serve(customers)
    bench.learn(customers)
    name = bench.run()["processingJobName"]
    told, inputs, lists = given(bench, sagemaker.jobs[name])
    assert set(inputs) == {"data", "labels", "config"}
    assert told["analysis_config"] == f"{inputs['config']['LocalPath']}/analysis_config.json"
    assert lists["config"] == [{"prefix": f"s3://mlops-data/{REPORT}/{name}.config/"}, "analysis_config.json"]
    config = json.loads(bench.s3_text(f"s3://mlops-data/{REPORT}/{name}.config/analysis_config.json"))
    assert config["facet"][0]["name_or_index"] == "gender"
    assert (told["analysis_type"], told["bias_tolerance"], told["output_columns"]) == (
        "MODEL_BIAS",
        "0.05",
        "probability",
    )


def test_the_live_versions_model_comes_with_attribution(bench, engine, sagemaker):
    config = {"methods": {"shap": {"baseline": "s3://mlops-data/shap/rows.csv"}}}
    bench.environment(MONITORING_TYPE="ModelExplainability", ANALYSIS_CONFIG=json.dumps(config), MAX_ROWS="50")
    engine("container")
    archive = {"ModelDataUrl": "s3://models/churn/1/model.tar.gz"}
    sagemaker.describe_model_package = lambda ModelPackageName: {"InferenceSpecification": {"Containers": [archive]}}
    bench.capture(bench.traffic(5))
    told, _, lists = given(bench, sagemaker.jobs[bench.run()["processingJobName"]])
    assert lists["model"] == [{"prefix": "s3://models/churn/1/"}, "model.tar.gz"]
    assert told["model_source"] == "/opt/ml/processing/input/model"
    assert (told["shap_baseline"], told["max_rows"]) == ("/opt/ml/processing/input/shap_baseline/rows.csv", "50")
    assert (told["analysis_type"], told["attribution_threshold"]) == ("MODEL_EXPLAINABILITY", "0.9")


def test_a_model_that_cannot_be_handed_over_is_a_failed_run(bench, engine, sagemaker):
    bench.environment(MONITORING_TYPE="ModelExplainability")
    engine("container")
    archive = {"ModelDataUrl": "s3://models/churn/folder/"}
    sagemaker.describe_model_package = lambda ModelPackageName: {"InferenceSpecification": {"Containers": [archive]}}
    bench.capture(bench.traffic(5))
    with pytest.raises(UnexplainableModel):
        bench.run()
    assert "has no model archive but s3://models/churn/folder/" in bench.announced[-1]["failureReason"]
    assert sagemaker.jobs == {}


@pytest.mark.parametrize("kind", ["DataQuality", "ModelQuality", "ModelBias"])
def test_its_files_mean_the_metrics_and_violations_of_other_engines(bench, engine, sagemaker, kind):
    bench.monitor(kind)
    baseline = bench.baseline_of(bench.customers(300, seed=7))
    customers = bench.customers(300, wrong=0.6)
    bench.serve([replace(item, income=item.income + 30) for item in customers])
    bench.learn(customers)
    ours = bench.run(baseline)
    expected, reports = published(bench), bench.reports()
    assert (ours["status"], len(expected) > 3) == ("CompletedWithViolations", True)
    bench.calls.clear()

    engine("container")
    job = bench.run(baseline)["processingJobName"]
    for key, content in reports.items():
        if not key.endswith((".html", "/constraints.json")):
            bench.put(f"{REPORT}/{job}/{key.rpartition('/')[2]}", content)
    lambda_handler(sagemaker.ends(job, "Completed"), None)
    (told,) = bench.announced
    assert published(bench) == expected
    for name in ("status", "violations", "worstFeatures", "worstMetrics", "checked"):
        assert told[name] == ours[name], name
    assert "by a container of your own" in bench.s3_text(told["reportUri"])

    bench.calls.clear()
    bench.environment(PUBLISH_METRICS="false", PUBLISH_FEATURE_METRICS="false")
    bench.s3.delete_object(Bucket="mlops-data", Key=f"{REPORT}/{job}.told.json")
    lambda_handler(sagemaker.ends(job, "Completed"), None)
    assert (published(bench), len(bench.announced)) == (set(), 1)


def test_constraints_that_only_the_image_can_read_are_no_failure(bench, engine, sagemaker):
    engine("container")
    bench.capture(bench.traffic(5))
    files = {"constraints": bench.put("baselines/own.json", '{"rules": ["age < 150"]}')}
    job = bench.run(files)["processingJobName"]
    violating(bench, job)
    bench.s3.delete_object(Bucket="mlops-data", Key=f"{REPORT}/{job}/cloudwatch_metrics.jsonl")
    lambda_handler(sagemaker.ends(job, "Completed"), None)
    (told,) = bench.announced
    assert (told["status"], told["checked"], told["violations"]) == ("CompletedWithViolations", True, 1)


def test_a_run_whose_telling_was_cut_off_is_told_by_a_later_delivery(bench, started, sagemaker, monkeypatch):
    name, _ = started
    violating(bench, name)
    event = sagemaker.ends(name, "Completed")
    # The function's process was ended in the middle: the note is there, and nothing else.
    begun = {"job": name, "since": datetime.now(UTC).isoformat()}
    bench.put(f"{REPORT}/{name}.told.json", json.dumps(begun))
    with pytest.raises(once.StillAtIt, match="try again later"):
        lambda_handler(event, None)
    assert bench.announced == []
    monkeypatch.setattr(once, "PATIENCE", timedelta(0))
    assert lambda_handler(event, None)["status"] == "Told"
    assert lambda_handler(event, None)["status"] == "Ignored"
    assert [detail["status"] for detail in bench.announced] == ["CompletedWithViolations"]


def test_a_second_start_changes_nothing_of_what_the_first_one_reads(bench, started, sagemaker):
    name, request = started
    _, _, before = given(bench, request)
    bench.capture(bench.traffic(5), name="late.jsonl")
    baseline = {kind: f"s3://mlops-data/baselines/1/{kind}.json" for kind in ("constraints", "statistics")}
    assert bench.run(baseline)["status"] == "AlreadyStarted"
    assert given(bench, request)[2] == before
    again = sagemaker.ends(name, "Failed") and bench.run(baseline)["processingJobName"]
    assert len(given(bench, sagemaker.jobs[again])[2]["data"]) == len(before["data"]) + 1
