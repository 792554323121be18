"""Runs in processing jobs: started once, the same as runs in the function, visible when they end badly."""

from __future__ import annotations

import itertools
import json
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from monitor_support.jobs import PREFIX, TEMPLATE

from monitor import job as job_module
from monitor import wheels
from monitor.choice import Room, choose
from monitor.engine_settings import EngineSettings
from monitor.handler import lambda_handler
from monitor.job_environment import MAX_VALUE, TooMuchForAJob, joined, split
from monitor.spark_job import SparkSpread, shared_out
from monitor.storage import StoredFile
from shared.environment import ConfigurationError
from shared.s3 import S3Uri

KINDS = ("DataQuality", "ModelQuality", "ModelBias")
NOT_COMPARED = ("engine", "engineReason", "processingJobName")


@pytest.fixture
def run_job(sagemaker, tmp_path, monkeypatch):
    """Carries out a started job as its container does."""
    monkeypatch.setattr(job_module, "MESSAGE_FILE", tmp_path / "output" / "message")
    monkeypatch.setattr(job_module, "CONFIG_FILE", tmp_path / "config.json")

    def run(name: str) -> tuple[int, str]:
        job_module.CONFIG_FILE.write_text(json.dumps({"ProcessingJobName": name}))
        code = job_module.run_job(joined(sagemaker.jobs[name]["Environment"]), 0.0)
        return code, job_module.MESSAGE_FILE.read_text()

    # A job counts its seconds from zero on, as if the machine had just started.
    monkeypatch.setattr(job_module.time, "monotonic", itertools.count().__next__)
    return run


def left_behind(bench) -> tuple[dict[str, bytes], list[Any], dict[str, Any]]:
    """Reports, metrics without the run's duration, and the event without what names the engine."""
    data = [item for item in bench.data if item[2]["MetricName"] != "RunSeconds"]
    detail = {name: value for name, value in bench.announced[-1].items() if name not in NOT_COMPARED}
    return bench.reports(), data, detail


@pytest.mark.parametrize(
    ("kind", "encoding"), [("DataQuality", "CSV"), ("ModelQuality", "JSON"), ("ModelBias", "BASE64")]
)
def test_a_job_leaves_what_the_function_leaves(bench, engine, run_job, kind, encoding):
    """`tests/e2e/test_monitor_matrix.py` compares all engines, inputs and content types."""
    bench.monitor(kind)
    baseline = bench.baseline_of(bench.customers())
    worse = bench.customers(seed=3, wrong=0.6)
    bench.serve(worse, encoding=encoding)
    bench.learn(worse)
    bench.run(baseline)
    by_function = left_behind(bench)
    assert by_function[2]["records"] == 300
    for key in bench.reports():
        bench.s3.delete_object(Bucket="mlops-data", Key=key)
    bench.calls.clear()

    engine("processing")
    started = bench.run(baseline)
    assert bench.announced == []
    code, message = run_job(started["processingJobName"])

    assert (code, message.partition(":")[0]) == (0, by_function[2]["status"])
    assert left_behind(bench) == by_function
    event = bench.announced[-1]
    assert (event["engine"], event["processingJobName"]) == ("processing", started["processingJobName"])


def test_a_run_has_one_job_however_often_it_is_started(bench, engine, sagemaker):
    engine("processing")
    first, second = bench.run(), bench.run()
    assert (first["status"], second["status"]) == ("Started", "AlreadyStarted")
    assert list(sagemaker.jobs) == [first["processingJobName"]] == [second["processingJobName"]]
    other = bench.run(window={"start": "2026-11-20T07:00:00Z", "end": "2026-11-20T08:00:00Z"})
    assert other["processingJobName"] != first["processingJobName"]
    assert all(len(name) <= 63 for name in sagemaker.jobs)


def test_a_run_whose_job_failed_gets_another_one_and_a_completed_one_only_if_asked(bench, engine, sagemaker):
    engine("processing")
    first = bench.run()["processingJobName"]
    sagemaker.ends(first, "Failed")
    second = bench.run()["processingJobName"]
    assert second == f"{first}-2"
    sagemaker.ends(second, "Completed")
    assert bench.run()["processingJobName"] == second
    again = bench.run(scheduled_time="2026-11-21T08:05:00Z", again=True)
    assert (again["status"], again["processingJobName"]) == ("Started", f"{first}-3")


def test_a_job_that_cannot_be_started_is_a_failed_run(bench, engine, sagemaker, monkeypatch):
    def refused(**_: Any) -> None:
        error = {"Code": "ResourceLimitExceeded", "Message": "no ml.m5.xlarge for processing job usage"}
        raise ClientError({"Error": error}, "CreateProcessingJob")

    monkeypatch.setattr(sagemaker, "create_processing_job", refused)
    engine("processing")
    with pytest.raises(ClientError, match="ResourceLimitExceeded"):
        bench.run()
    (event,) = bench.announced
    assert (event["status"], event["engine"]) == ("Failed", "processing")
    assert "no ml.m5.xlarge" in event["failureReason"]


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
def test_a_job_that_dies_without_a_word_is_announced_once(bench, engine, sagemaker, status):
    engine("processing")
    name = bench.run()["processingJobName"]
    event = sagemaker.ends(name, status, FailureReason="InternalServerError")
    results = [lambda_handler(event, None)["status"] for _ in range(3)]

    assert results == ["Failed", "Ignored", "Ignored"]
    (detail,) = bench.announced
    assert (detail["status"], detail["engine"]) == ("Failed", "processing")
    assert name in detail["failureReason"] and "InternalServerError" in detail["failureReason"]
    assert detail["window"]["start"] == "2026-11-21T07:00:00Z"
    assert bench.run_metrics()["RunsFailed"] == 1
    assert bench.metrics["SageMakerMLOps/Monitoring:RunSeconds"]["Value"] == pytest.approx(42)


def test_a_job_that_tells_of_its_failure_is_not_announced_again(bench, engine, sagemaker, run_job):
    bench.capture(bench.traffic())
    engine("processing")
    name = bench.run({"constraints": bench.put("base/c.json", "{"), "statistics": ""})["processingJobName"]
    code, message = run_job(name)
    assert code == 1
    assert "constraints cannot be used" in message
    assert lambda_handler(sagemaker.ends(name, "Failed", ExitMessage=message), None)["status"] == "Ignored"
    (detail,) = bench.announced
    assert "constraints cannot be used" in detail["failureReason"]


def test_a_failure_that_cannot_be_announced_is_announced_by_the_next_one(bench, engine, sagemaker, pauses):
    engine("processing")
    event = sagemaker.ends(bench.run()["processingJobName"], "Failed")
    bench.faults = [("PutEvents", RuntimeError("no route to the bus"))]
    with pytest.raises(RuntimeError):
        lambda_handler(event, None)
    assert lambda_handler(event, None)["status"] == "Failed"


@pytest.mark.parametrize("name", ["", "somebody-elses", f"{PREFIX}-2-2026112108-0123abcd", f"{PREFIX}-2026112108"])
def test_jobs_of_others_are_left_alone(bench, engine, name):
    engine("processing")
    event = {"detail-type": "SageMaker Processing Job State Change", "detail": {"ProcessingJobName": name}}
    assert lambda_handler(event, None)["status"] == "Ignored"
    assert bench.announced == []


def test_a_job_that_completed_needs_nothing(bench, engine, sagemaker):
    engine("processing")
    event = sagemaker.ends(bench.run()["processingJobName"], "Completed")
    assert lambda_handler(event, None)["status"] == "Ignored"
    assert bench.announced == []


# -- auto -------------------------------------------------------------------------------------------------------------


def test_auto_analyses_the_usual_window_itself_and_says_why(bench, engine, sagemaker):
    bench.capture(bench.traffic())
    engine("auto")
    detail = bench.run()
    assert (detail["status"], detail["engine"], detail["processingJobName"]) == ("Completed", "lambda", None)
    assert "the window has 0.1 MB, a run in the function takes up to" in detail["engineReason"]
    assert sagemaker.jobs == {}


def test_auto_hands_a_larger_window_over_and_the_job_says_why(bench, engine, sagemaker, run_job):
    for number in range(10):
        bench.capture(bench.traffic(seed=number), name=f"{number}.jsonl")
    engine("auto", AUTO_MAX_MEGABYTES="1")
    started = bench.run()
    assert (started["status"], started["engine"]) == ("Started", "processing")
    assert run_job(started["processingJobName"])[0] == 0
    detail = bench.announced[-1]
    assert (detail["engine"], detail["records"]) == ("processing", 4000)
    assert detail["engineReason"] == started["engineReason"]
    assert "a run in the function takes up to 1.0 MB" in detail["engineReason"]


def test_auto_hands_over_what_takes_longer_than_it_looked(bench, engine, sagemaker, monkeypatch):
    bench.capture(bench.traffic())
    engine("auto", AUTO_MAX_MEGABYTES="1")
    left = iter([900.0, 900.0, 5.0])
    monkeypatch.setattr("monitor.handler._remaining", lambda context: lambda: next(left))
    started = bench.run()
    assert started["status"] == "Started"
    assert "ran out of time" in started["engineReason"]


def test_auto_needs_no_job_to_find_nothing(bench, engine, sagemaker):
    engine("auto")
    detail = bench.run()
    assert (detail["status"], detail["engine"]) == ("NoData", "lambda")


def test_nor_does_attribution_of_an_hour_without_traffic(bench, engine, sagemaker):
    engine("auto", MONITORING_TYPE="ModelExplainability", ANALYSIS_CONFIG="{}")
    detail = bench.run()
    assert (detail["status"], detail["monitoringType"], sagemaker.jobs) == ("NoData", "ModelExplainability", {})


def files(*sizes: int) -> list[StoredFile]:
    return [StoredFile(S3Uri("bucket", str(number)), size) for number, size in enumerate(sizes)]


@pytest.mark.parametrize(
    ("kind", "captures", "labels", "here", "reason"),
    [
        ("DataQuality", files(*[10_000_000] * 100), [], True, "up to"),
        ("DataQuality", files(*[10_000_000] * 1000), [], False, "the window has 10,000.0 MB"),
        ("ModelQuality", files(1000), files(1_000_000_000), False, "the labels have 1,000.0 MB"),
        ("DataQuality", files(*[100_000_000] * 9), [], False, "side by side"),
        ("ModelExplainability", files(1000), [], False, "do not fit"),
    ],
)
def test_the_choice_follows_from_size_type_and_room(kind, captures, labels, here, reason):
    choice = choose(kind, captures, labels, Room(1769, 900), None)
    assert choice.here is here
    assert reason in choice.reason


def test_half_the_processor_gets_half_the_window():
    whole, half = (choose("DataQuality", files(1), [], Room(memory, 900), None) for memory in (1769, 885))
    assert "5,400.0 MB" in whole.reason
    assert "2,701.5 MB" in half.reason


# -- what a job is told -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "x", "x" * 256, "é" * 257, "y" * 2000])
def test_long_settings_arrive_whole(text):
    variables = {"NAME": text, "OTHER__THING": "1", "A__2": "own"}
    assert joined(split(variables)) == variables
    assert all(len(value) <= MAX_VALUE for value in split(variables).values())


def test_more_settings_than_a_job_takes_are_refused():
    with pytest.raises(TooMuchForAJob, match="HEADERS with 30000 characters"):
        split({"HEADERS": "h" * 30_000})


def test_wheels_for_another_interpreter_are_left_out(tmp_path):
    given = {"WHEELS": str(tmp_path / "w.zip"), "WHEELS_PYTHON": "2.7", "WHEELS_MACHINE": "vax"}
    assert wheels.activate(given) is None
    assert wheels.activate({}) is None


def test_wheels_for_this_interpreter_become_importable(tmp_path, monkeypatch):
    import platform
    import sys
    import zipfile

    archive = tmp_path / "packages.zip"
    with zipfile.ZipFile(archive, "w") as content:
        content.writestr("python/a_package_of_the_archive.py", "X = 1\n")
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(wheels.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(wheels.tempfile, "mkdtemp", lambda dir: str(tmp_path / "scratch"))
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    given = {"WHEELS": str(archive), "WHEELS_PYTHON": here, "WHEELS_MACHINE": platform.machine()}
    folder = wheels.activate(given)
    assert folder == wheels.activate(given) == tmp_path / "wheels-packages" / "python"
    assert __import__("a_package_of_the_archive").X == 1


@pytest.mark.parametrize(
    ("variables", "mistake"),
    [
        ({"ENGINE": "cluster"}, "ENGINE='cluster' must be one of"),
        ({"ENGINE": "auto"}, "JOB_PREFIX is not set; JOB is not set"),
        ({"ENGINE": "spark", "JOB_PREFIX": "a", "JOB": "[]"}, "JOB='\\[\\]' must be a JSON object"),
    ],
)
def test_wrong_settings_of_the_engine_are_named(variables, mistake):
    with pytest.raises(ConfigurationError, match=mistake):
        EngineSettings.read(variables)


def test_moto_knows_the_calls(bench):
    """The requests are ones that botocore accepts."""
    boto3.client("sagemaker").create_processing_job(ProcessingJobName="a", **TEMPLATE)


# -- Spark ------------------------------------------------------------------------------------------------------------


class Partitions:
    """What a Spark context does, in this process."""

    defaultParallelism = 2

    def parallelize(self, items: list[Any], count: int) -> Partitions:
        assert len(items) == count
        self.items = items
        return self

    def map(self, function: Any) -> Partitions:
        self.items = [function(item) for item in self.items]
        return self

    def toLocalIterator(self) -> Any:
        return iter(self.items)


def test_summaries_of_shares_give_the_findings_of_one_reading(bench, engine, sagemaker, run_job, monkeypatch):
    """A stand-in for Spark; `tests/e2e/test_spark_engine.py` has a real one."""
    baseline = bench.baseline()
    for number in range(9):
        bench.capture(bench.traffic(100, seed=number, shift=15), name=f"{number}.jsonl")
    bench.put("captures/mlops-prod-churn/main/2026/11/21/07/broken.jsonl", "{half a rec")
    bench.run(baseline)
    found, event = json.loads(bench.read("constraint_violations.json")), bench.announced[-1]

    engine("spark")
    name = bench.run(baseline)["processingJobName"]
    context = Partitions()
    spread = SparkSpread(SimpleNamespace(sparkContext=context), {})
    job_module.CONFIG_FILE.write_text(json.dumps({"ProcessingJobName": name}))
    assert job_module.run_job(joined(sagemaker.jobs[name]["Environment"]), 0.0, spread) == 0

    assert len(context.items) == 6
    assert json.loads(bench.read("constraint_violations.json")) == found
    different = {k for k, v in bench.announced[-1].items() if v != event[k]}
    assert different == {"engine", "processingJobName"}
    assert (event["records"], event["brokenRecords"]) == (900, 1)


@pytest.mark.parametrize(("sizes", "most"), [([5] * 10, 4), ([100, 1, 1, 1], 3), ([1], 8), ([0, 0], 2)])
def test_files_are_shared_out_in_order_and_completely(sizes, most):
    listed = files(*sizes)
    shares = shared_out(listed, most)
    assert [item for share in shares for item in share] == listed
    assert all(shares) and len(shares) <= most
