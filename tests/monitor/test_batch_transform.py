"""Monitors of batch transform jobs: lists of objects, answers matched with requests, labels by generated ids."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest

from monitor.batch_transform import Answers, BatchTransformSource, records
from monitor.choice import Room, choose
from monitor.storage import Storage, StoredFile
from monitor.window import Window
from sagemaker_labels import GroundTruthClient
from shared.s3 import S3Uri

HOUR = "2026/11/21/07"


@pytest.fixture
def batch(bench):
    """A monitor of data quality of transform jobs."""
    bench.environment(
        INPUT_TYPE="BatchTransform",
        TRANSFORM_NAME="nightly",
        CAPTURE_URI="s3://mlops-data/lists",
        MONITORING_SCHEDULE_NAME="nightly-quality",
    )
    return bench


def transformed(bench, rows, *, name="part-0.csv", ids=True, hour=HOUR, pack=lambda text: text.encode()):
    """One job: what it read and wrote, and the lists that it left behind; the first column of a row is the answer."""
    asked = "\n".join(",".join(map(str, row[1:])) for row in rows) + "\n"
    identity = [f",id-{number},2026-11-21T07:10:00Z" if ids else "" for number in range(len(rows))]
    answers = "\n".join(f"{row[0]}{more}" for row, more in zip(rows, identity, strict=True)) + "\n"
    bench.put(f"in/{name}", pack(asked))
    bench.put(f"out/run-1/{name}.out", answers)
    bench.put(f"lists/input/{hour}/{name}.json", json.dumps([{"prefix": "s3://mlops-data/in/"}, name]))
    bench.put(f"lists/output/{hour}/{name}.json", json.dumps([{"prefix": "s3://mlops-data/out/run-1/"}, f"{name}.out"]))


def report(bench, name):
    key = f"reports/nightly-quality/2026/11/21/08/{name}"
    return json.loads(bench.s3.get_object(Bucket="mlops-data", Key=key)["Body"].read())


def dimensions(bench):
    data = [datum for name, call in bench.calls if name == "PutMetricData" for datum in call["MetricData"]]
    return {tuple(item["Name"] for item in datum["Dimensions"]) for datum in data}


def test_answers_and_requests_of_the_windows_jobs_are_analysed_together(batch):
    transformed(batch, batch.traffic(300))
    transformed(batch, batch.traffic(200, seed=2), name="part-1.csv")
    transformed(batch, batch.traffic(50, seed=3), name="later.csv", hour="2026/11/21/08")
    baseline = batch.baseline()
    detail = batch.run(baseline)
    assert (detail["status"], detail["records"], detail["brokenRecords"]) == ("Completed", 500, 0)
    assert (detail["inputType"], detail["inputName"], detail["endpointName"]) == ("BatchTransform", "nightly", None)
    statistics = report(batch, "statistics.json")
    assert statistics["dataset"]["item_count"] == 500
    assert [feature["name"] for feature in statistics["features"]] == ["prediction", "income", "age", "plan"]
    assert dimensions(batch) == {("MonitoringSchedule",)}
    spaces = {call["Namespace"] for name, call in batch.calls if name == "PutMetricData"}
    assert spaces == {"SageMakerMLOps/Monitoring", "aws/sagemaker/ModelMonitoring/data-metrics"}


def test_drift_in_a_job_is_found(batch):
    transformed(batch, batch.traffic(400, shift=40.0))
    detail = batch.run(batch.baseline())
    assert "income" in {item["feature"] for item in detail["worstFeatures"]}


def test_the_same_objects_in_two_lists_count_once(batch):
    rows = batch.traffic(100)
    transformed(batch, rows)
    batch.put(
        f"lists/output/{HOUR}/again.json",
        json.dumps([{"prefix": "s3://mlops-data/out/run-1/"}, "part-0.csv.out"]),
    )
    assert batch.run()["records"] == 100


def test_compressed_requests_and_jobs_without_ids_are_read(batch):
    batch.environment(INFERENCE_IDS="false")
    transformed(batch, batch.traffic(100), ids=False, pack=lambda text: gzip.compress(text.encode()))
    assert batch.run()["records"] == 100
    assert len(report(batch, "statistics.json")["features"]) == 4


def test_answers_without_their_requests_are_read_alone(batch):
    transformed(batch, batch.traffic(100))
    batch.s3.delete_object(Bucket="mlops-data", Key=f"lists/input/{HOUR}/part-0.csv.json")
    assert batch.run()["records"] == 100
    assert len(report(batch, "statistics.json")["features"]) == 1


def test_what_does_not_fit_together_is_broken_and_counted(batch):
    transformed(batch, batch.traffic(100))
    transformed(batch, batch.traffic(50), name="half.csv")
    batch.put("in/half.csv", "1,2,x\n")
    batch.put(f"lists/output/{HOUR}/broken.json", "{}")
    batch.put(f"lists/output/{HOUR}/gone.json", json.dumps([{"prefix": "s3://mlops-data/out/"}, "gone.csv.out"]))
    detail = batch.run()
    assert (detail["records"], detail["brokenRecords"]) == (100, 1)


def test_an_hour_without_jobs_has_no_data(batch):
    transformed(batch, batch.traffic(10), hour="2026/11/21/05")
    assert batch.run()["noDataReason"] == "NoCaptures"


@pytest.mark.parametrize("kind", ["ModelQuality", "ModelBias"])
def test_labels_are_matched_by_generated_ids(batch, kind):
    batch.monitor(kind)
    customers = batch.customers(200)
    transformed(batch, [customer.row for customer in customers])
    labels = GroundTruthClient("s3://mlops-data/truth", s3=batch.s3)
    from datetime import UTC, datetime

    known = [(f"id-{number}", customer.label) for number, customer in enumerate(customers[:-20])]
    labels.write_labels(known, at=datetime(2026, 11, 21, 7, tzinfo=UTC))
    detail = batch.run()
    assert detail["status"] == "Completed"
    assert (detail["labels"]["matched"], detail["labels"]["unlabelled"]) == (180, 20)
    if kind == "ModelQuality":
        right = sum((item.probability > 0.5) == bool(item.label) for item in customers[:-20]) / 180
        accuracy = report(batch, "statistics.json")["binary_classification_metrics"]["accuracy"]["value"]
        assert accuracy == pytest.approx(right)


def test_json_answers_carry_their_id_beside_what_the_model_said():
    answer = json.dumps(
        {
            "SageMakerOutput": {"score": 0.5},
            "SageMakerInferenceId": "a",
            "SageMakerInferenceTime": "2026-11-21T07:00:00Z",
        }
    )
    (line,) = records("x.jsonl.out", answer, '{"age": 3}', True)
    record = json.loads(line)
    assert json.loads(record["captureData"]["endpointOutput"]["data"]) == {"score": 0.5}
    assert record["captureData"]["endpointInput"]["encoding"] == "JSON"
    assert record["eventMetadata"] == {
        "eventId": "a",
        "inferenceId": "a",
        "inferenceTime": "2026-11-21T07:00:00Z",
    }
    (flat,) = records("x.out", '{"score": 0.5, "SageMakerInferenceId": "a"}', None, True)
    assert json.loads(json.loads(flat)["captureData"]["endpointOutput"]["data"]) == {"score": 0.5}


@pytest.mark.parametrize(
    ("answer", "data", "identity"),
    [
        ("[0.1, 0.9],a,2026-11-21T07:00:00Z", "[0.1, 0.9]", "a"),
        ("[0.1, 0.9, 0.2]", "[0.1, 0.9, 0.2]", "x.out#0"),
        ("{broken", "{broken", "x.out#0"),
    ],
)
def test_answers_that_only_begin_as_json_objects_do(answer, data, identity):
    (line,) = records("x.out", answer, "1,2", True)
    record = json.loads(line)
    assert record["captureData"]["endpointOutput"]["data"] == data
    assert record["eventMetadata"]["eventId"] == identity


def test_a_line_of_text_may_hold_other_separators():
    (line,) = records("x.out", "0.5\r\n", '{"text": "one\u2028two\x85three"}\r\n', False)
    assert json.loads(json.loads(line)["captureData"]["endpointInput"]["data"]) == {"text": "one\u2028two\x85three"}


def listed(bench, side, hour, prefix, *names):
    place = f"lists/{side}/2026/11/21/{hour}/{prefix.strip('/').replace('/', '-')}.json"
    bench.put(place, json.dumps([{"prefix": f"s3://mlops-data/{prefix}"}, *names]))


def found_in(bench, hours=2):
    source = BatchTransformSource("nightly", S3Uri("mlops-data", "lists"), inference_ids=True)
    end = datetime(2026, 11, 21, 8, tzinfo=UTC)
    files = source.files(Storage(bench.s3), Window(end - timedelta(hours=hours), end))
    return {file.uri.key: (file.asked.key if file.asked else None, file.size) for file in files}


def test_requests_of_another_hour_or_folder_are_not_taken_for_the_answered_ones(batch):
    for hour in ("06", "07"):
        listed(batch, "input", hour, f"in/{hour}/", "part-0.csv")
        listed(batch, "output", hour, f"out/run-{hour}/", "part-0.csv.out")
        batch.put(f"in/{hour}/part-0.csv", "1,2,3")
        batch.put(f"out/run-{hour}/part-0.csv.out", "0.5")
    listed(batch, "input", "07", "more/", "a/part-1.csv", "b/part-1.csv")
    listed(batch, "output", "07", "out/more/", "b/part-1.csv.out")
    for key in ("more/a/part-1.csv", "more/b/part-1.csv", "out/more/b/part-1.csv.out"):
        batch.put(key, "12")
    assert found_in(batch) == {
        "out/run-06/part-0.csv.out": ("in/06/part-0.csv", 8),
        "out/run-07/part-0.csv.out": ("in/07/part-0.csv", 8),
        "out/more/b/part-1.csv.out": ("more/b/part-1.csv", 4),
    }


def test_answers_that_several_requests_could_belong_to_are_read_alone(batch):
    listed(batch, "input", "07", "in/x/", "part-0.csv")
    listed(batch, "input", "07", "in/y/", "part-0.csv")
    listed(batch, "output", "07", "out/run-1/", "part-0.csv.out")
    for key in ("in/x/part-0.csv", "in/y/part-0.csv", "out/run-1/part-0.csv.out"):
        batch.put(key, "12")
    assert found_in(batch) == {"out/run-1/part-0.csv.out": (None, 2)}


def test_answers_that_do_not_fit_into_memory_with_their_requests_go_to_a_job():
    answers = [Answers(S3Uri("b", "a.out"), 60_000_000)]
    small = choose("DataQuality", answers, [], Room(1024, 900), None)
    assert not small.here
    assert small.reason == "answers have up to 60.0 MB with their requests, the function's memory takes 36.6 MB"
    assert choose("DataQuality", answers, [], Room(1769, 900), None).here
    assert choose("DataQuality", [StoredFile(S3Uri("b", "a.jsonl"), 60_000_000)], [], Room(1024, 900), None).here
