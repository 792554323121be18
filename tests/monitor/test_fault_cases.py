"""What goes wrong around runs: each case with what is seen of it, and nothing lost. `docs/engines.md` has the table."""

from __future__ import annotations

import json

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

from monitor.analysis import BaselineError
from monitor.monitor import WindowTooLarge
from shared import clients

FILES = {"records.json", "report.html", "statistics.json", "constraints.json", "constraint_violations.json"}


class Killed(BaseException):
    """The end of a function's process: nothing in it runs any more."""


def written(bench) -> set[str]:
    return {key.rpartition("/")[2] for key in bench.reports()}


class Throttle:
    """S3 that says SlowDown to some requests, as bytes on the wire, so that the SDK's own retries are tried."""

    def __init__(self, client, times: int) -> None:
        self.left, self._events = times, client.meta.events
        self._events.register_first("before-send.s3", self)

    def __call__(self, request, **_):
        if self.left <= 0:
            return None
        self.left -= 1
        body = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
        raw = type("Raw", (), {"stream": lambda self, *_, **__: iter([body]), "read": lambda self, *_: body})()
        return AWSResponse(request.url, 503, {"Content-Type": "application/xml"}, raw)

    def end(self) -> None:
        self._events.unregister("before-send.s3", self)


@pytest.fixture
def throttle(bench, monkeypatch):
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)
    made = []

    def start(times: int) -> Throttle:
        made.append(Throttle(clients.client("s3"), times))
        return made[-1]

    yield start
    for item in made:
        item.end()


def test_no_data_is_an_event_of_its_own_and_no_failure(bench):
    detail = bench.run(bench.baseline())
    assert (detail["status"], detail["noDataReason"]) == ("NoData", "NoCaptures")
    assert bench.run_metrics()["RunsWithoutData"] == 1
    assert bench.run_metrics()["RunsFailed"] == 0


def test_half_a_file_is_analysed_and_its_broken_end_shown(bench):
    key = bench.capture(bench.traffic(300)).partition("mlops-data/")[2]
    whole = bench.s3.get_object(Bucket="mlops-data", Key=key)["Body"].read()
    bench.put(key, whole[: len(whole) // 2])
    detail = bench.run()
    assert (detail["status"], detail["brokenRecords"]) == ("Completed", 1)
    assert 140 <= detail["records"] <= 160
    assert "not JSON" in bench.read("report.html")


def test_late_labels_wait_and_the_run_again_counts_them(bench):
    bench.monitor("ModelQuality")
    customers = bench.customers(200)
    bench.serve(customers)
    bench.learn(customers[:50])
    first = bench.run()
    assert (first["labels"]["matched"], first["labels"]["unlabelled"]) == (50, 150)
    assert bench.run_metrics()["UnlabelledRecords"] == 150
    bench.learn(customers)
    again = bench.run(window=first["window"])
    assert (again["labels"]["matched"], again["labels"]["unlabelled"]) == (200, 0)


def test_a_run_delivered_twice_writes_the_same_once(bench):
    bench.capture(bench.traffic(shift=15))
    baseline = bench.baseline()
    bench.run(baseline)
    first = bench.reports()
    bench.run(baseline)
    assert bench.reports() == first
    assert bench.announced[0] == bench.announced[1]


def test_a_missing_baseline_is_seen_and_the_run_measures(bench):
    bench.capture(bench.traffic())
    detail = bench.run()
    assert (detail["status"], detail["baselineMissing"], detail["checked"]) == ("Completed", True, False)
    metrics = bench.run_metrics()
    assert (metrics["BaselineMissing"], "Violations" in metrics) == (1, False)
    assert written(bench) == FILES


def test_a_baseline_of_another_schema_is_violations_and_an_unreadable_one_a_failure(bench):
    bench.capture([row[:3] for row in bench.traffic()])
    detail = bench.run(bench.baseline())
    checks = {item["check"] for item in detail["worstFeatures"]}
    assert (detail["status"], checks) == ("CompletedWithViolations", {"missing_column_check"})
    uri = bench.put("baselines/of-quality/constraints.json", json.dumps({"version": 0.0, "regression_constraints": {}}))
    with pytest.raises(BaselineError, match="of-quality"):
        bench.run({"constraints": uri, "statistics": uri})
    assert bench.announced[-1]["status"] == "Failed"


def test_cloudwatch_that_throttles_is_asked_again(bench, pauses):
    bench.capture(bench.traffic())
    throttled = ClientError({"Error": {"Code": "Throttling", "Message": "no"}}, "PutMetricData")
    bench.faults += [("PutMetricData", throttled)] * 3
    assert bench.run(bench.baseline())["status"] == "Completed"
    assert len(pauses) == 3
    assert bench.run_metrics()["RunsCompleted"] == 1


def test_s3_that_throttles_is_asked_again(bench, throttle):
    bench.capture(bench.traffic())
    baseline = bench.baseline()
    s3 = throttle(4)
    assert bench.run(baseline)["status"] == "Completed"
    assert s3.left == 0
    assert written(bench) == FILES


def test_s3_that_goes_on_throttling_is_a_failure_that_the_retry_heals(bench, throttle):
    bench.capture(bench.traffic())
    baseline = bench.baseline()
    s3 = throttle(1000)
    with pytest.raises(ClientError, match="SlowDown"):
        bench.run(baseline)
    assert "SlowDown" in bench.announced[-1]["failureReason"]
    assert bench.run_metrics()["RunsFailed"] == 1
    s3.end()
    assert bench.run(baseline)["status"] == "Completed"
    assert written(bench) == FILES


@pytest.mark.parametrize("dies_at", ["GetObject", "PutObject", "PutMetricData", "PutEvents"])
def test_a_run_that_dies_in_the_middle_is_completed_by_its_retry(bench, dies_at):
    """A function that is ended says nothing more; Lambda invokes it again with the same event, for the same window."""
    bench.capture(bench.traffic(shift=15))
    baseline = bench.baseline()
    whole = bench.run(baseline)
    reports = bench.reports()
    for key in reports:
        bench.s3.delete_object(Bucket="mlops-data", Key=key)
    bench.calls.clear()
    bench.faults = [(dies_at, Killed())]
    with pytest.raises(Killed):
        bench.run(baseline)
    assert bench.announced == []
    assert bench.run(baseline) == whole
    assert bench.reports() == reports
    assert bench.announced == [whole]


def test_a_window_ten_times_larger_goes_to_a_job(bench, engine, sagemaker):
    usual = bench.capture(bench.traffic(200), name="0.jsonl")
    engine("auto", AUTO_MAX_MEGABYTES="1")
    assert bench.run()["engine"] == "lambda"
    line = bench.s3_text(usual)
    for number in range(1, 11):
        bench.put(f"captures/mlops-prod-churn/main/2026/11/21/07/{number}.jsonl", line * 2)
    started = bench.run()
    assert (started["status"], started["engine"]) == ("Started", "processing")
    assert "a run in the function takes up to 1.0 MB" in started["engineReason"]


def test_a_window_ten_times_larger_than_a_function_takes_fails_with_the_advice(bench, monkeypatch):
    bench.capture(bench.traffic(20))
    left = iter([900.0, 5.0])
    monkeypatch.setattr("monitor.handler._remaining", lambda context: lambda: next(left))
    with pytest.raises(WindowTooLarge, match="another engine"):
        bench.run(bench.baseline())
    assert bench.announced[-1]["status"] == "Failed"


def test_windows_follow_one_another_when_clocks_change(bench):
    """In Berlin this hour of 25 October comes twice; schedules, windows and folders are UTC."""
    first = bench.run(scheduled_time="2026-10-25T02:05:00+02:00")["window"]
    second = bench.run(scheduled_time="2026-10-25T02:05:00+01:00")["window"]
    assert first == {"start": "2026-10-24T23:00:00Z", "end": "2026-10-25T00:00:00Z"}
    assert second == {"start": "2026-10-25T00:00:00Z", "end": "2026-10-25T01:00:00Z"}
