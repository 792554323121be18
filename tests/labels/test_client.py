"""Labels on their way to S3, and back through the reader of the monitors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
from moto import mock_aws

from model_analyzer import inputs
from model_analyzer.ground_truth import label_line
from sagemaker_labels import GroundTruthClient, LabelError

BUCKET = "mlops-labels"
NOON = datetime(2026, 11, 21, 12, 34, 56, tzinfo=UTC)


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        yield client


@pytest.fixture
def client(s3: Any) -> GroundTruthClient:
    return GroundTruthClient(f"s3://{BUCKET}/truth/", s3=s3, now=lambda: NOON)


def stored(s3: Any) -> dict[str, bytes]:
    listed = s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
    return {item["Key"]: s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read() for item in listed}


def read_back(s3: Any) -> inputs.Labels:
    report = inputs.InputReport()
    labels = inputs.read_ground_truth(list(stored(s3).items()), report=report)
    assert report.broken_lines == 0
    return labels


def test_a_label_lies_under_the_hour_of_its_upload_in_model_monitors_format(client, s3):
    uri = client.record_label("order-7", 1)
    ((key, content),) = stored(s3).items()
    assert uri == f"s3://{BUCKET}/{key}"
    assert key.startswith("truth/2026/11/21/12/") and key.endswith(".jsonl")
    assert json.loads(content) == {
        "groundTruthData": {"data": "1", "encoding": "CSV"},
        "eventMetadata": {"eventId": "order-7"},
        "eventVersion": "0",
    }
    assert content.endswith(b"\n")


def test_hours_are_utc_wherever_the_caller_is(client, s3):
    client.record_label("a", 1, at=datetime(2026, 11, 21, 1, 30, tzinfo=timezone(timedelta(hours=5))))
    assert next(iter(stored(s3))).startswith("truth/2026/11/20/20/")


def test_a_repeated_call_replaces_itself(client, s3):
    rows = [(f"order-{number}", number % 2) for number in range(100)]
    first, again = client.write_labels(rows), client.write_labels(iter(rows))
    assert first == again
    assert (first.labels, len(stored(s3))) == (100, 1)
    labels = read_back(s3)
    assert (labels.records, labels.duplicates) == (100, 0)


def test_a_repeat_in_another_hour_is_a_duplicate_without_conflict(client, s3):
    client.record_label("a", 1)
    client.record_label("a", 1, at=NOON - timedelta(hours=1))
    labels = read_back(s3)
    assert (labels.records, labels.duplicates, labels.conflicting) == (2, 1, 0)


def test_of_two_labels_in_a_batch_the_later_one_counts(client, s3):
    assert client.write_labels([("a", 0), ("b", 0), ("a", 1)]).labels == 2
    assert read_back(s3).frame.select("key", "label").sort("key").rows() == [("a", "1"), ("b", "0")]


@pytest.mark.parametrize(
    ("label", "columns"),
    [
        ("churned", {"ground_truth": "churned"}),
        (2.5, {"ground_truth": "2.5"}),
        (np.int64(3), {"ground_truth": "3"}),
        (np.float64(0.25), {"ground_truth": "0.25"}),
        ('a "quoted", odd one', {"ground_truth": 'a "quoted", odd one'}),
        ({"label": 1}, {"ground_truth": "1"}),
        ({"paid": 1, "amount": 2.5}, {"ground_truth_paid": "1", "ground_truth_amount": "2.5"}),
    ],
)
def test_every_kind_of_label_comes_back_joined_to_its_prediction(client, s3, label, columns):
    client.record_label("order-7", label)
    capture = {
        "captureData": {
            "endpointOutput": {"observedContentType": "text/csv", "mode": "OUTPUT", "data": "0.5", "encoding": "CSV"}
        },
        "eventMetadata": {"eventId": "e", "inferenceId": "order-7", "inferenceTime": "2026-11-21T12:00:00Z"},
        "eventVersion": "0",
    }
    (frame,) = inputs.read_joined([("c.jsonl", json.dumps(capture).encode() + b"\n")], read_back(s3))
    (row,) = frame.select(*columns).rows(named=True)
    assert row == columns


def test_a_list_of_labels_is_for_a_request_of_several_rows(client, s3):
    client.record_label("order-7", [1, 0, "no, never"])
    capture = {
        "captureData": {
            "endpointOutput": {
                "observedContentType": "text/csv",
                "mode": "OUTPUT",
                "data": "0.9\n0.1\n0.2",
                "encoding": "CSV",
            }
        },
        "eventMetadata": {"eventId": "e", "inferenceId": "order-7", "inferenceTime": "2026-11-21T12:00:00Z"},
        "eventVersion": "0",
    }
    (frame,) = inputs.read_joined([("c.jsonl", json.dumps(capture).encode() + b"\n")], read_back(s3))
    assert frame.select("ground_truth", "_c0").rows() == [("1", "0.9"), ("0", "0.1"), ("no, never", "0.2")]


def test_many_labels_are_cut_into_objects(client, s3, monkeypatch):
    monkeypatch.setattr("sagemaker_labels._client.MAX_LABELS", 40)
    written = client.write_labels((f"order-{number}", number) for number in range(100))
    assert (written.labels, len(written.uris)) == (100, 3)
    monkeypatch.setattr("sagemaker_labels._client.MAX_BYTES", 300)
    assert len(client.write_labels((f"other-{number}", number) for number in range(4)).uris) == 2
    assert read_back(s3).records == 104


def test_nothing_is_written_if_a_row_is_wrong_and_every_mistake_is_named(client, s3):
    rows: list[tuple[Any, Any]] = [
        ("good", 1),
        ("", 1),
        ("x" * 65, 1),
        ("bool", True),
        ("nan", float("nan")),
        ("none", None),
        ("empty", []),
    ]
    with pytest.raises(LabelError) as caught:
        client.write_labels(rows)
    message = str(caught.value)
    assert message.startswith("6 labels cannot be recorded: row 2: inference id '' is no ASCII text; row 3: ")
    assert "has 65 characters: at most 64" in message
    assert "row 4: inference id 'bool': label True may mean 1 or \"true\"" in message
    assert message.endswith("and 1 more")
    assert stored(s3) == {}


@pytest.mark.parametrize(
    ("at", "words"),
    [(datetime(2026, 11, 21, 9), "give it a time zone"), (NOON + timedelta(hours=1), "in the future")],
)
def test_an_hour_that_cannot_be_is_refused(client, s3, at, words):
    with pytest.raises(ValueError, match=words):
        client.record_label("a", 1, at=at)
    assert stored(s3) == {}


@pytest.mark.parametrize("uri", ["bucket/prefix", "https://bucket/prefix", "s3:///prefix"])
def test_an_address_that_is_none_is_refused(uri):
    with pytest.raises(ValueError, match="is not an S3 address of the form s3://bucket/prefix"):
        GroundTruthClient(uri, s3=object())


def test_a_key_and_a_bucket_without_prefix(s3):
    client = GroundTruthClient(f"s3://{BUCKET}", s3=s3, kms_key_arn="arn:aws:kms:eu-west-1:1:key/k", now=lambda: NOON)
    uri = client.record_label("a", "yes")
    assert uri.startswith(f"s3://{BUCKET}/2026/11/21/12/")
    head = s3.head_object(Bucket=BUCKET, Key=uri.split("/", 3)[3])
    assert head["SSEKMSKeyId"] == "arn:aws:kms:eu-west-1:1:key/k"


def test_the_default_client_uses_the_processs_credentials(s3):
    GroundTruthClient(f"s3://{BUCKET}/truth").record_label("a", 1)
    assert len(stored(s3)) == 1


def test_the_same_label_has_the_same_line():
    assert label_line("a", 1) == label_line("a", np.int64(1)) == label_line("a", "1")


def test_callers_need_neither_the_cdk_nor_polars():
    code = (
        "import sys; from sagemaker_labels import GroundTruthClient; GroundTruthClient('s3://b1b/c', s3=object()); "
        "print(sorted({'polars', 'numpy', 'aws_cdk', 'constructs'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(root / "labels"), str(root / "analyzer")])}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert (result.stdout.strip(), result.stderr) == ("[]", "")
