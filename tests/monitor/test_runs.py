"""Whole runs through the function's entry point."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from monitor.analysis import BaselineError, UnreadableCaptures
from monitor.run import EventError
from monitor.storage import Storage
from shared.environment import ConfigurationError
from shared.s3 import S3Uri

DATA = "aws/sagemaker/Endpoints/data-metrics:"
RUN = "SageMakerMLOps/Monitoring:"


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Operation")


def test_clean_traffic_completes_without_violations(bench):
    bench.capture(bench.traffic())
    detail = bench.run(bench.baseline())
    assert detail == bench.announced[-1]
    assert detail["status"] == "Completed"
    assert detail["window"] == {"start": "2026-11-21T07:00:00Z", "end": "2026-11-21T08:00:00Z"}
    assert (detail["records"], detail["violations"], detail["baselineMissing"]) == (400, 0, False)
    assert detail["engine"] == "lambda" and detail["monitoringType"] == "DataQuality"
    assert detail["modelPackageArn"].endswith("/churn/1")
    assert json.loads(bench.read("constraint_violations.json")) == {"violations": []}
    assert json.loads(bench.read("statistics.json"))["dataset"]["item_count"] == 400
    assert [item["name"] for item in json.loads(bench.read("constraints.json"))["features"]] == [
        "prediction",
        "income",
        "age",
        "plan",
    ]
    assert "<html" in bench.read("report.html").lower()
    assert bench.run_metrics() == {
        "RunsCompleted": 1,
        "RunsFailed": 0,
        "RunsWithoutData": 0,
        "BaselineMissing": 0,
        "Records": 400,
        "Violations": 0,
    }


def test_metrics_have_the_names_and_times_that_alarms_expect(bench):
    bench.capture(bench.traffic())
    bench.run(bench.baseline())
    window, scheduled = datetime(2026, 11, 21, 7, tzinfo=UTC), datetime(2026, 11, 21, 8, tzinfo=UTC)
    for name in ("Records", "Violations"):
        assert bench.metrics[RUN + name]["Timestamp"] == window
    for name in ("RunsCompleted", "RunsFailed", "RunsWithoutData", "BaselineMissing", "RunSeconds"):
        assert bench.metrics[RUN + name]["Timestamp"] == scheduled
    for feature in ("prediction", "income", "age", "plan"):
        assert bench.metrics[f"{DATA}feature_baseline_drift_{feature}"]["Timestamp"] == window
        present = bench.metrics[f"{DATA}feature_non_null_{feature}"]["StatisticValues"]
        assert (present["SampleCount"], present["Sum"], present["Minimum"]) == (400, 400, 1)
    ages = [row[2] for row in bench.traffic()]
    assert bench.metrics[f"{DATA}feature_data_age"]["StatisticValues"] == {
        "SampleCount": 400,
        "Sum": pytest.approx(sum(ages)),
        "Minimum": min(ages),
        "Maximum": max(ages),
    }
    assert f"{DATA}feature_data_plan" not in bench.metrics, "text has no numbers"


def test_drifting_and_malformed_traffic_is_found(bench):
    rows = bench.traffic(shift=25)
    for row in rows[:40]:
        row[2] = "unknown"
    bench.capture(rows)
    detail = bench.run(bench.baseline())
    assert detail["status"] == "CompletedWithViolations"
    found = json.loads(bench.read("constraint_violations.json"))["violations"]
    kinds = {(item["feature_name"], item["constraint_check_type"]) for item in found}
    assert ("income", "baseline_drift_check") in kinds
    assert ("age", "data_type_check") in kinds
    assert detail["violations"] == len(found) == bench.run_metrics()["Violations"]
    worst = {(item["feature"], item["check"]): item for item in detail["worstFeatures"]}
    drift = worst["income", "baseline_drift_check"]
    assert drift["value"] > drift["threshold"] == 0.1
    assert bench.metrics[f"{DATA}feature_baseline_drift_income"]["Value"] == pytest.approx(drift["value"])


def test_repeated_requests_are_told_from_those_that_chance_explains(bench):
    rows = bench.traffic(300)
    bench.capture([*rows, *rows[:100]])
    baseline = bench.baseline()
    bench.run(baseline)
    found = json.loads(bench.read("records.json"))
    assert (found["rows"], found["columns"]) == (400, ["age", "income", "plan", "prediction"])
    assert found["repeated"] | {"rows": 100, "most_frequent": 2, "exact": True} == found["repeated"]
    assert found["repeated"]["expected_share"] == pytest.approx(0, abs=0.01)
    assert "Equal to an earlier one" in bench.read("report.html")

    bench.put("baselines/1/records.json", "{}")
    assert bench.run(baseline)["status"] == "Completed", "nothing else depends on that file"
    assert json.loads(bench.read("records.json"))["repeated"]["expected_share"] is None


def test_who_may_not_read_beside_the_baseline_does_without(bench, monkeypatch):
    from botocore.exceptions import ClientError

    from monitor.storage import Storage

    read = Storage.read

    def refusing(self, uri):
        if uri.key.endswith("records.json"):
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "GetObject")
        return read(self, uri)

    monkeypatch.setattr(Storage, "read", refusing)
    bench.capture(bench.traffic(50))
    assert bench.run(bench.baseline())["status"] == "Completed"
    assert json.loads(bench.read("records.json"))["repeated"]["expected_share"] is None


def test_running_again_writes_the_same_bytes_to_the_same_keys(bench):
    bench.capture(bench.traffic(shift=3))
    bench.capture(bench.traffic(seed=2), name="30-00-000-b.jsonl")
    baseline = bench.baseline()
    first_detail, first = bench.run(baseline), bench.reports()
    again, second = bench.run(baseline), bench.reports()
    assert len(first) == 5
    assert first == second
    assert first_detail == again


def test_all_variants_and_only_the_windows_hours_are_read(bench, at_hour):
    bench.capture(bench.traffic(10), variant="champion")
    bench.capture(bench.traffic(20), variant="challenger")
    bench.capture(bench.traffic(40), at=at_hour(6))
    bench.capture(bench.traffic(80), at=at_hour(8))
    bench.put("captures/mlops-prod-churn-2/main/2026/11/21/07/x.jsonl", "{}\n")
    bench.put("captures/mlops-prod-churn/main/2026/11/21/07/manifest.txt", "not a capture")
    assert bench.run()["records"] == 30
    bench.environment(PERIOD_HOURS="2")
    assert bench.run()["records"] == 70
    bench.environment(WINDOW_OFFSET_HOURS="1")
    assert bench.run()["records"] == 40


def test_a_person_chooses_a_window(bench, at_hour):
    bench.capture(bench.traffic(10), at=at_hour(3))
    detail = bench.run(window={"start": "2026-11-21T03:00:00Z", "end": "2026-11-21T05:00:00+00:00"})
    assert detail["records"] == 10
    assert json.loads(bench.read("statistics.json", hour="2026/11/21/05"))["dataset"]["item_count"] == 10


def test_base64_captures_count_the_same(bench):
    bench.capture(bench.traffic())
    plain, statistics = bench.run(bench.baseline()), bench.read("statistics.json")
    bench.capture(bench.traffic(), encoding="BASE64")
    assert bench.run(bench.baseline()) == plain
    assert bench.read("statistics.json") == statistics


def test_a_large_object_passes_through_the_disk(bench, monkeypatch, tmp_path):
    monkeypatch.setattr("monitor.storage.MAX_IN_MEMORY", 1000)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for number in range(12):
        bench.capture(bench.traffic(20, seed=number), name=f"{number:02}-00-000-a.jsonl")
    assert bench.run(bench.baseline())["records"] == 240
    assert list(tmp_path.iterdir()) == []


def test_a_reading_that_is_given_up_leaves_nothing_on_the_disk(bench, monkeypatch, tmp_path):
    """The next run in this process needs the room."""
    monkeypatch.setattr("monitor.storage.MAX_IN_MEMORY", 10)
    storage = Storage(bench.s3, folder=str(tmp_path))
    files = storage.at(S3Uri.parse(bench.capture(bench.traffic(20)))) * 12

    def out_of_time() -> None:
        if len(read) == 2:
            raise TimeoutError

    read: list[Path] = []
    with pytest.raises(TimeoutError):
        for path in storage.fetch(files, out_of_time):
            assert path.stat().st_size > 10
            read.append(path)
    assert len(read) == 2
    assert list(tmp_path.iterdir()) == []


def test_without_baseline_the_run_waits_visibly(bench):
    bench.capture(bench.traffic())
    detail = bench.run()
    assert (detail["status"], detail["baselineMissing"], detail["checked"]) == ("Completed", True, False)
    assert json.loads(bench.read("statistics.json"))["dataset"]["item_count"] == 400
    assert len(json.loads(bench.read("constraints.json"))["features"]) == 4
    assert json.loads(bench.read("constraint_violations.json")) == {"violations": []}
    metrics = bench.run_metrics()
    assert metrics["BaselineMissing"] == 1
    assert "Violations" not in metrics, "nothing was checked, so nothing was found to be right"
    assert not any("feature_baseline_drift" in name for name in bench.metrics)


def test_constraints_alone_are_checked_without_drift(bench):
    rows = bench.traffic(shift=30)
    rows[0][2] = "text"
    bench.capture(rows)
    detail = bench.run({"constraints": bench.baseline()["constraints"], "statistics": ""})
    checks = {item["check"] for item in detail["worstFeatures"]}
    assert detail["baselineMissing"] is True
    assert "data_type_check" in checks and "baseline_drift_check" not in checks


def test_shadow_traffic_alone_is_no_data(bench):
    record = {
        "captureData": {
            "endpointInput": {"observedContentType": "text/csv", "mode": "INPUT", "data": "1,2", "encoding": "CSV"}
        },
        "eventMetadata": {
            "eventId": "1",
            "inferenceTime": "2026-11-21T07:00:01Z",
            "invocationSource": "ShadowExperiment",
        },
        "eventVersion": "0",
    }
    bench.put("captures/mlops-prod-churn/shadow/2026/11/21/07/00-00-000-a.jsonl", json.dumps(record) + "\n")
    assert bench.run()["status"] == "NoData"


def expect_failure(bench, error, words, **run):
    with pytest.raises(error, match=words):
        bench.run(**run)
    metrics = bench.run_metrics()
    assert (metrics["RunsFailed"], metrics["RunsCompleted"]) == (1, 0)
    detail = bench.announced[-1]
    assert detail["status"] == "Failed"
    assert error.__name__ in detail["failureReason"]


def test_captures_that_cannot_be_read_are_a_failure(bench):
    bench.put("captures/mlops-prod-churn/main/2026/11/21/07/00-00-000-a.jsonl", "not json\n" * 5)
    expect_failure(bench, UnreadableCaptures, "none of 5 captured records can be read", baseline=bench.baseline())


def test_some_broken_records_are_counted(bench):
    uri = bench.capture(bench.traffic(50))
    key = uri.split("/", 3)[3]
    content = bench.s3.get_object(Bucket="mlops-data", Key=key)["Body"].read()
    bench.put(key, content + b"broken\n")
    detail = bench.run(bench.baseline())
    assert (detail["records"], detail["brokenRecords"]) == (50, 1)


@pytest.mark.parametrize(
    ("constraints", "words"),
    [
        (None, "constraints s3://mlops-data/baselines/9/constraints.json does not exist"),
        ("{broken", "the baseline's constraints cannot be used"),
        ("[]", "not a JSON object with a list 'features'"),
        ('{"features": [{}]}', "the baseline's constraints cannot be used"),
        ('{"features": [{"name": "a", "completeness": 7}]}', "completeness is 7"),
    ],
)
def test_a_broken_baseline_is_a_failure(bench, constraints, words):
    bench.capture(bench.traffic(20))
    baseline = bench.baseline() | {"constraints": "s3://mlops-data/baselines/9/constraints.json"}
    if constraints is not None:
        bench.put("baselines/9/constraints.json", constraints)
    expect_failure(bench, BaselineError, words, baseline=baseline)


def test_another_schema_is_a_violation(bench):
    bench.capture([[*row, "extra"] for row in bench.traffic()])
    detail = bench.run(bench.baseline())
    assert "extra_column_check" in {item["check"] for item in detail["worstFeatures"]}
    bench.capture([row[:-1] for row in bench.traffic()])
    detail = bench.run(bench.baseline())
    assert "missing_column_check" in {item["check"] for item in detail["worstFeatures"]}


def test_features_can_be_left_out_or_chosen(bench):
    bench.capture(bench.traffic(shift=30))
    bench.environment(EXCLUDE_FEATURES='["income"]')
    assert bench.run(bench.baseline())["status"] == "Completed"
    assert f"{DATA}feature_non_null_income" not in bench.metrics
    bench.environment(EXCLUDE_FEATURES="", INCLUDE_FEATURES='["income"]')
    detail = bench.run(bench.baseline())
    assert [(item["feature"], item["check"]) for item in detail["worstFeatures"]] == [
        ("income", "baseline_drift_check")
    ]


def test_the_monitors_own_threshold_and_method_win(bench):
    bench.capture(bench.traffic(400, shift=2))
    baseline = bench.baseline()
    assert bench.run(baseline)["status"] == "Completed"
    robust = bench.metrics[f"{DATA}feature_baseline_drift_income"]["Value"]
    bench.environment(DRIFT_THRESHOLD="0.05", COMPARISON_METHOD="Simple")
    detail = bench.run(baseline)
    simple = bench.metrics[f"{DATA}feature_baseline_drift_income"]["Value"]
    assert simple > 0.05 > robust
    assert detail["worstFeatures"][0]["threshold"] == 0.05


def test_feature_metrics_can_be_switched_off(bench):
    bench.capture(bench.traffic(20))
    bench.environment(PUBLISH_FEATURE_METRICS="false")
    bench.run(bench.baseline())
    assert not any(name.startswith(DATA) for name in bench.metrics)


def test_reports_are_encrypted_with_the_key_given(bench):
    bench.capture(bench.traffic(20))
    bench.environment(KMS_KEY_ARN="arn:aws:kms:eu-west-1:111111111111:key/1")
    bench.run()
    puts = [call for name, call in bench.calls if name == "PutObject"]
    assert [call["SSEKMSKeyId"] for call in puts] == ["arn:aws:kms:eu-west-1:111111111111:key/1"] * 5


@pytest.mark.parametrize("operation", ["ListObjectsV2", "GetObject", "PutObject"])
def test_a_refused_call_fails_the_run_and_the_retry_completes_it(bench, operation):
    bench.capture(bench.traffic())
    baseline = bench.baseline()
    bench.faults.append((operation, refused("AccessDenied")))
    expect_failure(bench, ClientError, "AccessDenied", baseline=baseline)
    assert bench.run(baseline)["status"] == "Completed"
    assert len(bench.reports()) == 5


def test_a_failure_that_cannot_be_published_is_still_raised(bench):
    bench.faults += [("ListObjectsV2", refused("AccessDenied")), ("PutMetricData", refused("AccessDenied"))]
    with pytest.raises(ClientError, match="AccessDenied"):
        bench.run()
    assert bench.announced == []


def test_wrong_events_name_every_mistake(bench):
    with pytest.raises(EventError) as caught:
        bench.run(
            {"constraints": "https://x", "statistics": "s3://X/y"}, scheduled_time="<aws.scheduler.scheduled-time>"
        )
    for words in (
        "'scheduled_time' is '<aws.scheduler.scheduled-time>'",
        "baseline.constraints",
        "baseline.statistics",
    ):
        assert words in str(caught.value)
    assert bench.run_metrics()["RunsFailed"] == 1
    assert bench.announced[-1]["window"] is None


@pytest.mark.parametrize(
    ("window", "words"),
    [
        ({"start": "2026-11-21T03:30:00Z", "end": "2026-11-21T05:00:00Z"}, "full hour"),
        ({"start": "2026-11-21T05:00:00Z", "end": "2026-11-21T05:00:00Z"}, "must span 1 to 744 hours"),
        ({"start": "2026-01-21T05:00:00Z", "end": "2026-11-21T05:00:00Z"}, "must span 1 to 744 hours"),
        ({"start": "yesterday"}, "'window.end' is None"),
        ("an hour", "must hold 'start' and 'end'"),
    ],
)
def test_wrong_windows_are_refused(bench, window, words):
    with pytest.raises(EventError, match=words):
        bench.run(window=window)


def test_wrong_settings_name_every_mistake(bench):
    bench.environment(
        CAPTURE_URI="bucket/captures", PERIOD_HOURS="0", COMPARISON_METHOD="Best", EXCLUDE_FEATURES="income"
    )
    with pytest.raises(ConfigurationError) as caught:
        bench.run()
    for name in ("CAPTURE_URI", "PERIOD_HOURS", "COMPARISON_METHOD", "EXCLUDE_FEATURES"):
        assert name in str(caught.value)
    bench.environment(CAPTURE_URI="s3://mlops-data/captures", PERIOD_HOURS="1", COMPARISON_METHOD="")
    bench.environment(INCLUDE_FEATURES='["a"]', EXCLUDE_FEATURES='["a"]')
    with pytest.raises(ConfigurationError, match="both name a"):
        bench.run()


def test_the_analyzer_is_not_imported_before_it_is_needed():
    """A cold start that finds no traffic does not pay for polars, and none for threads that nothing uses; the deploy
    function has no layer at all.
    """
    code = (
        "import os, sys; import deploy.handler, monitor.handler; "
        "print(sorted({'polars', 'numpy', 'model_analyzer'} & set(sys.modules)), os.environ['OPENBLAS_NUM_THREADS'])"
    )
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(root / "lambda"), str(root / "analyzer")])}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (result.stdout.strip(), result.stderr) == ("[] 1", "")
