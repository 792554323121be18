"""What all types of monitors have in common: one matrix of types and ways for a run to end."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from monitor.analysis import BaselineError, UnreadableCaptures
from monitor.labelled import UnreadableLabels, UnusableRecords
from monitor.monitor import WindowTooLarge

FILES = {
    "DataQuality": {"records.json", "statistics.json", "constraints.json", "constraint_violations.json", "report.html"},
    "ModelQuality": {"statistics.json", "constraints.json", "constraint_violations.json", "report.html"},
    "ModelBias": {"analysis.json", "constraint_violations.json", "report.html"},
}
FIELDS = {
    "endpointName",
    "inputType",
    "inputName",
    "monitoringScheduleName",
    "monitoringType",
    "engine",
    "engineReason",
    "processingJobName",
    "status",
    "noDataReason",
    "baselineMissing",
    "checked",
    "window",
    "records",
    "brokenRecords",
    "labels",
    "violations",
    "worstFeatures",
    "worstMetrics",
    "uncheckedMetrics",
    "reportUri",
    "statisticsUri",
    "violationsUri",
    "modelPackageArn",
}
LABELLED = ("ModelQuality", "ModelBias")
CAPTURED = "captures/mlops-prod-churn/main/2026/11/21/07/00-00-000-a.jsonl"


@pytest.fixture(params=list(FILES))
def kind(bench, request):
    bench.monitor(request.param)
    return request.param


@pytest.fixture(params=LABELLED)
def labelled(bench, request):
    bench.monitor(request.param)
    return request.param


def refused(code):
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Operation")


def both(bench, customers):
    bench.serve(customers)
    bench.learn(customers)


def failure(bench, error, words, **run):
    """The failure is raised, measured and announced, whatever the type."""
    with pytest.raises(error, match=words):
        bench.run(**run)
    metrics = bench.run_metrics()
    assert (metrics["RunsFailed"], metrics["RunsCompleted"], metrics["RunsWithoutData"]) == (1, 0, 0)
    detail = bench.announced[-1]
    assert set(detail) == FIELDS | {"failureReason"}
    assert detail["status"] == "Failed"
    assert error.__name__ in detail["failureReason"]
    assert bench.reports() == {}


def test_traffic_like_the_baselines_completes(bench, kind):
    baseline = bench.baseline_of(bench.customers())
    both(bench, bench.customers())
    detail = bench.run(baseline)
    assert detail == bench.announced[-1]
    assert set(detail) == FIELDS
    assert (detail["monitoringType"], detail["engine"], detail["status"]) == (kind, "lambda", "Completed")
    assert (detail["records"], detail["violations"], detail["checked"]) == (300, 0, True)
    assert (detail["baselineMissing"], detail["noDataReason"]) == (False, None)
    prefix = "s3://mlops-data/reports/mlops-prod-churn/mlops-prod-churn-data-quality/2026/11/21/08/"
    assert {key.rpartition("/")[2] for key in bench.reports()} == FILES[kind]
    assert detail["reportUri"] == prefix + "report.html"
    assert detail["statisticsUri"].removeprefix(prefix) in FILES[kind] & {"statistics.json", "analysis.json"}
    assert json.loads(bench.read("constraint_violations.json"))["violations"] == []
    assert bench.read("report.html").startswith("<!DOCTYPE html>")
    assert "2026-11-21T07:00:00Z to 2026-11-21T08:00:00Z" in bench.read("report.html")
    metrics = bench.run_metrics()
    assert {name: metrics[name] for name in ("RunsCompleted", "RunsFailed", "RunsWithoutData", "BaselineMissing")} == {
        "RunsCompleted": 1,
        "RunsFailed": 0,
        "RunsWithoutData": 0,
        "BaselineMissing": 0,
    }
    assert (metrics["Records"], metrics["Violations"]) == (300, 0)
    assert len(bench.data) > 8, "the analysis' own metrics are there too"


def test_violations_are_written_measured_and_announced(bench, kind):
    baseline = bench.baseline_of(bench.customers(wrong=0.0))
    if kind == "DataQuality":
        bench.capture([[0.1, 500.0 + number, 30, "other"] for number in range(300)])
    else:
        both(bench, bench.customers(wrong=0.8))
    detail = bench.run(baseline)
    found = json.loads(bench.read("constraint_violations.json"))["violations"]
    assert detail["status"] == "CompletedWithViolations"
    assert detail["violations"] == len(found) == bench.run_metrics()["Violations"] > 0
    used, empty = ("worstFeatures", "worstMetrics")[:: 1 if kind == "DataQuality" else -1]
    assert 1 <= len(detail[used]) <= 5 and detail[empty] == []


def test_without_baseline_the_run_measures_and_says_so(bench, kind):
    both(bench, bench.customers())
    detail = bench.run()
    assert (detail["status"], detail["baselineMissing"], detail["checked"]) == ("Completed", True, False)
    assert {key.rpartition("/")[2] for key in bench.reports()} == FILES[kind]
    assert json.loads(bench.read("constraint_violations.json"))["violations"] == []
    metrics = bench.run_metrics()
    assert metrics["BaselineMissing"] == 1
    assert "Violations" not in metrics


def test_statistics_are_part_of_the_baseline_for_data_quality_alone(bench, kind):
    baseline = bench.baseline_of(bench.customers())
    both(bench, bench.customers())
    detail = bench.run({"constraints": baseline["constraints"], "statistics": ""})
    assert detail["checked"] is True
    assert detail["baselineMissing"] is (kind == "DataQuality")


def test_running_again_writes_the_same_bytes(bench, kind):
    baseline = bench.baseline_of(bench.customers())
    customers = bench.customers(400, seed=2, wrong=0.3)
    bench.serve(customers[:250])
    bench.serve(customers[250:], name="30-00-000-b.jsonl")
    bench.learn(customers[:100])
    bench.learn(customers[100:])
    first_detail, first = bench.run(baseline), bench.reports()
    again, second = bench.run(baseline), bench.reports()
    assert len(first) == len(FILES[kind])
    assert first == second
    assert first_detail == again


def test_no_traffic_is_no_data(bench, kind):
    bench.learn(bench.customers())
    detail = bench.run()
    assert set(detail) == FIELDS
    assert (detail["status"], detail["noDataReason"], detail["records"]) == ("NoData", "NoCaptures", 0)
    assert bench.reports() == {}
    metrics = bench.run_metrics()
    assert (metrics["RunsWithoutData"], metrics["RunsCompleted"], metrics["RunsFailed"]) == (1, 0, 0)


def test_shadow_traffic_alone_is_no_data(bench, kind):
    bench.serve(bench.customers(10))
    content = bench.s3.get_object(Bucket="mlops-data", Key=CAPTURED)["Body"].read().decode()
    bench.put(
        CAPTURED, content.replace('"eventMetadata": {', '"eventMetadata": {"invocationSource": "ShadowExperiment",')
    )
    bench.learn(bench.customers(10))
    detail = bench.run()
    assert (detail["status"], detail["noDataReason"]) == ("NoData", "NoCaptures")


def test_traffic_without_labels_is_no_data_and_tells_how_much(bench, labelled):
    bench.serve(bench.customers(50))
    detail = bench.run()
    assert (detail["status"], detail["noDataReason"], detail["records"]) == ("NoData", "NoLabels", 50)
    assert (detail["labels"]["matched"], detail["labels"]["unlabelled"]) == (0, 50)
    metrics = bench.run_metrics()
    assert (metrics["RunsWithoutData"], metrics["RunsCompleted"]) == (1, 0)
    assert (metrics["Records"], metrics["UnlabelledRecords"], metrics["LabelledRecords"]) == (50, 50, 0)


def test_captures_that_cannot_be_read_are_a_failure(bench, kind):
    bench.put(CAPTURED, "not json\n" * 5)
    bench.learn(bench.customers(5))
    failure(bench, UnreadableCaptures, "none of 5 captured records can be read")


def test_labels_that_cannot_be_read_are_a_failure(bench, labelled):
    bench.serve(bench.customers(5))
    bench.put("truth/2026/11/21/07/a.jsonl", '{"label": 1}\n' * 3)
    failure(bench, UnreadableLabels, "none of 3 label records can be read: line carries no ground truth")


def test_a_wrong_column_is_a_failure_that_names_it(bench, labelled):
    bench.monitor(labelled, PROBABILITY_ATTRIBUTE="score")
    both(bench, bench.customers(20))
    failure(bench, UnusableRecords, "20 captured records found their labels.*no column score")


@pytest.mark.parametrize("content", [None, "{broken", "[]", "{}", '"text"'])
def test_a_baseline_that_cannot_be_used_is_a_failure(bench, kind, content):
    both(bench, bench.customers(20))
    uri = "s3://mlops-data/baselines/9/constraints.json"
    if content is not None:
        bench.put("baselines/9/constraints.json", content)
    words = "cannot be used" if content else f"constraints {uri} does not exist"
    failure(bench, BaselineError, words, baseline={"constraints": uri})


@pytest.mark.parametrize("operation", ["ListObjectsV2", "GetObject", "PutObject"])
def test_a_refused_call_fails_the_run_and_the_retry_completes_it(bench, labelled, operation):
    baseline = bench.baseline_of(bench.customers())
    both(bench, bench.customers())
    bench.faults.append((operation, refused("AccessDenied")))
    failure(bench, ClientError, "AccessDenied", baseline=baseline)
    assert bench.run(baseline)["status"] == "Completed"
    assert {key.rpartition("/")[2] for key in bench.reports()} == FILES[labelled]


def test_throttled_metrics_are_repeated(bench, labelled, pauses):
    both(bench, bench.customers())
    bench.faults += [("PutMetricData", refused("Throttling"))] * 2
    assert bench.run()["status"] == "Completed"
    assert pauses == [0.4, 0.8]


def test_a_window_too_large_fails_before_the_function_is_killed(bench, labelled, monkeypatch):
    both(bench, bench.customers(20))
    left = iter([900.0, 5.0])
    monkeypatch.setattr("monitor.handler._remaining", lambda context: lambda: next(left))
    failure(bench, WindowTooLarge, "the window holds 2 objects of .* give it more memory or time")


def test_metrics_can_be_switched_off(bench, labelled):
    bench.monitor(labelled, PUBLISH_METRICS="false")
    both(bench, bench.customers(20))
    bench.run()
    assert {space for space, _, _ in bench.data} == {"SageMakerMLOps/Monitoring"}


def test_the_analysis_metrics_go_out_in_one_call_dated_at_the_windows_start(bench, labelled, at_hour):
    both(bench, bench.customers())
    bench.run()
    calls = [call for name, call in bench.calls if name == "PutMetricData"]
    assert [call["Namespace"] for call in calls] == [
        "SageMakerMLOps/Monitoring",
        {"ModelQuality": "aws/sagemaker/Endpoints/model-metrics", "ModelBias": "aws/sagemaker/Endpoints/bias-metrics"}[
            labelled
        ],
    ]
    assert {datum["Timestamp"] for datum in calls[1]["MetricData"]} == {at_hour(7)}
    for name in ("LabelledRecords", "UnlabelledRecords", "LateLabels", "DuplicateLabels"):
        assert bench.metrics[f"SageMakerMLOps/Monitoring:{name}"]["Timestamp"] == at_hour(7)
