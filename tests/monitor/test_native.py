"""Executions of SageMaker's own schedules, told once each, as the runs of any other engine."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from monitor.handler import lambda_handler
from monitor.native_findings import findings, numbers
from shared import clients

HOUR = datetime(2026, 11, 21, 8, tzinfo=UTC)
PACKAGE = "arn:aws:sagemaker:eu-west-1:111111111111:model-package/churn/3"
REPORT = "reports/mlops-prod-churn/mlops-prod-churn-data-quality/2026/11/21/08"


class SageMaker:
    """Executions and what is known about them."""

    def __init__(self, environment=None):
        self.executions = []
        self.environment = environment or {}
        self.jobs = {}
        self.replaced = False

    def ended(self, status, reason=None, *, hour=HOUR, job=True):
        name = f"model-monitoring-{hour:%Y%m%d%H%M}"
        execution = {
            "MonitoringScheduleName": "mlops-prod-churn-data-quality",
            "ScheduledTime": hour,
            "MonitoringExecutionStatus": status,
            "MonitoringJobDefinitionName": "definition",
        }
        if reason:
            execution["FailureReason"] = reason
        if job:
            execution["ProcessingJobArn"] = f"arn:aws:sagemaker:eu-west-1:1:processing-job/{name}"
            began = hour + timedelta(minutes=7)
            self.jobs[name] = {"ProcessingStartTime": began, "ProcessingEndTime": began + timedelta(seconds=90)}
        self.executions.insert(0, execution)

    def list_monitoring_executions(self, MonitoringScheduleName, SortBy, SortOrder, MaxResults):
        assert MonitoringScheduleName == "mlops-prod-churn-data-quality"
        assert (SortBy, SortOrder) == ("ScheduledTime", "Descending")
        return {"MonitoringExecutionSummaries": self.executions[:MaxResults]}

    def describe_data_quality_job_definition(self, JobDefinitionName):
        if self.replaced:
            raise ClientError({"Error": {"Code": "ResourceNotFound", "Message": "gone"}}, "Describe")
        return {
            "DataQualityAppSpecification": {"Environment": {"MODEL_PACKAGE_ARN": PACKAGE}},
            "DataQualityBaselineConfig": {"ConstraintsResource": {"S3Uri": "s3://mlops-data/b/constraints.json"}},
        }

    def describe_processing_job(self, ProcessingJobName):
        return self.jobs[ProcessingJobName]


@pytest.fixture
def native(bench, monkeypatch):
    service = SageMaker()
    made = clients.client
    monkeypatch.setattr("monitor.handler.client", lambda name: service if name == "sagemaker" else made(name))
    bench.environment(ENGINE="model-monitor")
    bench.sagemaker = service
    for name, text in bench.baseline().items():
        bench.put(f"b/{name}.json", bench.s3.get_object(Bucket="mlops-data", Key=text.split("/", 3)[3])["Body"].read())
    return bench


def look(bench):
    class Context:
        aws_request_id = "r"

    before = len(bench.announced)
    lambda_handler({"action": "look"}, Context())
    return bench.announced[before:]


def reported(bench, shift=0.0):
    """What an execution leaves behind, made by the analyzer."""
    from model_analyzer import data_quality, inputs

    rows = "\n".join(",".join(map(str, row)) for row in bench.traffic(300, shift=shift, seed=5))
    table = ("x.csv", f"prediction,income,age,plan\n{rows}\n".encode())
    profile = data_quality.profile_all(inputs.read_table([table], format="csv", header=True))
    constraints = data_quality.Constraints.from_json(
        bench.s3.get_object(Bucket="mlops-data", Key="b/constraints.json")["Body"].read().decode()
    )
    known = json.loads(bench.s3.get_object(Bucket="mlops-data", Key="b/statistics.json")["Body"].read())
    bench.put(f"{REPORT}/statistics.json", json.dumps(data_quality.statistics(profile)))
    bench.put(f"{REPORT}/constraint_violations.json", data_quality.check(profile, constraints, known).to_json())


def test_a_completed_execution_is_told_with_findings_page_and_metrics(native):
    reported(native, shift=40.0)
    native.sagemaker.ended("CompletedWithViolations")
    (event,) = look(native)
    assert (event["engine"], event["status"], event["checked"]) == ("model-monitor", "CompletedWithViolations", True)
    assert (event["modelPackageArn"], event["records"]) == (PACKAGE, 300)
    assert event["processingJobName"] == "model-monitoring-202611210800"
    income = next(item for item in event["worstFeatures"] if item["feature"] == "income")
    assert income["value"] > income["threshold"]
    assert event["window"] == {"start": "2026-11-21T07:00:00Z", "end": "2026-11-21T08:00:00Z"}
    page = native.s3.get_object(Bucket="mlops-data", Key=f"{REPORT}/report.html")["Body"].read().decode()
    assert "by Model Monitor" in page
    measured = native.run_metrics()
    assert (measured["RunsCompleted"], measured["Violations"] > 0, measured["BaselineMissing"]) == (1.0, True, 1.0)


def test_each_execution_is_told_once_however_often_the_function_is_woken(native):
    reported(native)
    native.sagemaker.ended("Completed")
    assert len(look(native)) == 1
    assert look(native) == []
    native.sagemaker.ended("InProgress", hour=HOUR + timedelta(hours=1))
    assert look(native) == []


def test_what_cannot_be_announced_is_told_next_time(native):
    reported(native)
    native.sagemaker.ended("Completed")
    refused = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutEvents")
    native.faults.append(("PutEvents", refused))
    with pytest.raises(ClientError):
        look(native)
    assert len(look(native)) == 1


def test_one_that_fails_to_be_told_does_not_keep_the_others_from_it(native):
    native.put(f"{REPORT}/constraint_violations.json", "no JSON")
    native.sagemaker.ended("CompletedWithViolations")
    native.sagemaker.ended("Failed", "boom", hour=HOUR + timedelta(hours=1))
    with pytest.raises(ValueError, match="Expecting value"):
        look(native)
    assert [event["status"] for event in native.announced] == ["Failed"]


@pytest.mark.parametrize(
    ("status", "reason", "told"),
    [
        ("Failed", "Job inputs had no data", ("NoData", "NoCaptures")),
        ("Failed", 'No S3 objects found under S3 URL "s3://x"', ("NoData", "NoCaptures")),
        ("Failed", "No S3 objects found for groundtruth", ("NoData", "NoLabels")),
        ("Failed", "AlgorithmError: out of memory", ("Failed", None)),
        ("Stopped", None, ("Failed", None)),
    ],
)
def test_what_did_not_complete(native, status, reason, told):
    native.sagemaker.ended(status, reason, job=False)
    (event,) = look(native)
    assert (event["status"], event["noDataReason"]) == told
    if told[0] == "Failed":
        what = "stopped: no reason is given" if status == "Stopped" else f"failed: {reason}"
        assert event["failureReason"].removeprefix("the execution was ").removeprefix("the execution ") == what
    assert event["modelPackageArn"] == PACKAGE, "from the definition, as there was no job"


def test_after_a_rollout_the_job_itself_says_what_it_looked_at(native):
    native.sagemaker.replaced = True
    reported(native)
    native.sagemaker.ended("Completed")
    place = "/opt/ml/processing/baseline"
    native.sagemaker.jobs["model-monitoring-202611210800"] |= {
        "Environment": {
            "sagemaker_monitoring_schedule_name": "mlops-prod-churn-data-quality",
            "MODEL_PACKAGE_ARN": PACKAGE.replace("/3", "/2"),
            "baseline_constraints": f"{place}/constraints/constraints.json",
            "baseline_statistics": f"{place}/stats/statistics.json",
        },
        "ProcessingInputs": [
            {"S3Input": {"LocalPath": f"{place}/constraints", "S3Uri": "s3://mlops-data/b/constraints.json"}},
            {"S3Input": {"LocalPath": f"{place}/stats", "S3Uri": "s3://mlops-data/b"}},
        ],
    }
    (event,) = look(native)
    assert event["modelPackageArn"].endswith("/churn/2")
    assert (event["baselineMissing"], event["checked"]) == (False, True)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Baseline drift distance: 0.35 exceeds threshold: 0.1", (0.35, 0.1)),
        ("Feature attribution drift 0.76 exceeds threshold 0.9", (0.76, 0.9)),
        ("Metric value 0.37 doesn't meet the baseline constraint requirement 0.28", (0.37, 0.28)),
        ("Metric value Infinity doesn't meet the baseline constraint requirement 1.2e-05", (float("inf"), 1.2e-05)),
        ("Metric auc with 0.71 +/- 0.01 was LessThanThreshold 0.8", (0.71, 0.8)),
        (
            "Data type match requirement is not met. Expected data type: Integral, Expected match: 100.0%. "
            "Observed: Only 99.5% of data is Integral.",
            (0.995, 1.0),
        ),
        ("something that nobody has seen", (None, None)),
    ],
)
def test_numbers_are_read_where_the_wording_is_known(text, found):
    assert numbers(text) == pytest.approx(found) if found[0] is not None else numbers(text) == found


def test_violations_of_each_kind_are_named_as_in_other_events():
    entry = {"metric_name": "DPPL", "facet": "gender", "facet_value": "f", "constraint_check_type": "bias_drift_check"}
    (found,) = findings("ModelBias", json.dumps({"violations": [entry]}).encode())
    assert found.subject == {"metric": "DPPL", "facet": "gender", "facetValue": "f"}
    assert findings("ModelQuality", b'{"violations": []}') == ()
