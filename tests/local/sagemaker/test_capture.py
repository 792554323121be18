"""Data capture: layout, record shape, encodings, sampling."""

from __future__ import annotations

import base64
import json
import re
from datetime import timedelta
from typing import Any

import pytest

from sagemaker_local.sagemaker.capture_format import CaptureSettings, encode

TYPES = {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]}
KEY = re.compile(r"([\w-]+)/([\w-]+)/(\d{4}/\d\d/\d\d/\d\d)/(\d\d)-(\d\d)-(\d{3})-[0-9a-f-]{36}\.jsonl")


def capturing(lab: Any, model: str, **changes: Any) -> tuple[str, str]:
    prefix = lab.name("capture")
    config = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": lab.uri(prefix),
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": TYPES,
        **changes,
    }
    config = {key: value for key, value in config.items() if value is not None}
    return lab.endpoint(lab.config(model, DataCaptureConfig=config)), prefix


def files(lab: Any, prefix: str) -> dict[str, list[dict[str, Any]]]:
    lab.service.flush()
    s3 = lab.client("s3")
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=lab.bucket, Prefix=f"{prefix}/").get("Contents", [])]
    return {
        key.removeprefix(f"{prefix}/"): [
            json.loads(line) for line in s3.get_object(Bucket=lab.bucket, Key=key)["Body"].read().decode().splitlines()
        ]
        for key in keys
    }


def test_records_look_like_sagemakers(lab: Any, up: str) -> None:
    endpoint, prefix = capturing(lab, up)
    answer = lab.invoke(endpoint, "1,0,0,0", InferenceId="order-17")
    lab.invoke(endpoint, "-1,0,0,0")
    [(key, records)] = files(lab, prefix).items()
    found = KEY.fullmatch(key)
    assert found is not None, key
    assert found.group(1, 2) == (endpoint, "AllTraffic")
    assert [set(record) for record in records] == [{"captureData", "eventMetadata", "eventVersion"}] * 2
    first = records[0]
    assert first["captureData"] == {
        "endpointInput": {
            "observedContentType": "text/csv",
            "mode": "INPUT",
            "data": "1,0,0,0",
            "encoding": "CSV",
        },
        "endpointOutput": {
            "observedContentType": "text/csv; charset=utf-8",
            "mode": "OUTPUT",
            "data": answer,
            "encoding": "CSV",
        },
    }
    assert first["eventVersion"] == "0"
    assert first["eventMetadata"]["inferenceId"] == "order-17"
    assert "inferenceId" not in records[1]["eventMetadata"]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", first["eventMetadata"]["eventId"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", first["eventMetadata"]["inferenceTime"])


def test_files_lie_in_the_virtual_hour_of_the_request(lab: Any, up: str) -> None:
    endpoint, prefix = capturing(lab, up)
    hours = []
    for _ in range(3):
        hours.append(lab.aws.clock.now())
        lab.invoke(endpoint)
        lab.aws.clock.advance(timedelta(hours=1))
    expected = [f"{hour:%Y/%m/%d/%H}" for hour in hours]
    assert [KEY.fullmatch(key).group(3) for key in files(lab, prefix)] == expected  # type: ignore[union-attr]


def test_a_jump_of_the_clock_writes_what_came_before(lab: Any, up: str) -> None:
    endpoint, prefix = capturing(lab, up)
    lab.invoke(endpoint)
    lab.aws.clock.advance(60)
    listed = lab.client("s3").list_objects_v2(Bucket=lab.bucket, Prefix=f"{prefix}/")
    assert listed["KeyCount"] == 1


def test_only_the_wanted_sides(lab: Any, up: str) -> None:
    endpoint, prefix = capturing(lab, up, CaptureOptions=[{"CaptureMode": "Output"}])
    lab.invoke(endpoint)
    [[record]] = files(lab, prefix).values()
    assert list(record["captureData"]) == ["endpointOutput"]


def test_without_content_types_everything_is_base64(lab: Any, up: str) -> None:
    endpoint, prefix = capturing(lab, up, CaptureContentTypeHeader=None)
    lab.invoke(endpoint, "1,0,0,0")
    [[record]] = files(lab, prefix).values()
    side = record["captureData"]["endpointInput"]
    assert side["encoding"] == "BASE64"
    assert base64.b64decode(side["data"]) == b"1,0,0,0"


def test_failed_requests_are_not_captured(lab: Any, up: str) -> None:
    endpoint, prefix = capturing(lab, up)
    with pytest.raises(lab.runtime.exceptions.ModelError):
        lab.invoke(endpoint, "a,b")
    assert files(lab, prefix) == {}


def test_sampling_takes_the_share_that_was_asked_for(lab: Any, up: str) -> None:
    endpoint, prefix = capturing(lab, up, InitialSamplingPercentage=25)
    for _ in range(400):
        lab.invoke(endpoint)
    captured = sum(len(records) for records in files(lab, prefix).values())
    assert 65 < captured < 135


def test_files_carry_the_key(lab: Any, up: str) -> None:
    key_id = lab.client("kms").create_key()["KeyMetadata"]["Arn"]
    endpoint, prefix = capturing(lab, up, KmsKeyId=key_id)
    lab.invoke(endpoint)
    [key] = files(lab, prefix)
    head = lab.client("s3").head_object(Bucket=lab.bucket, Key=f"{prefix}/{key}")
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key_id)


def test_the_execution_role_writes(lab: Any, up: str) -> None:
    endpoint, prefix = capturing(lab, up)
    lab.invoke(endpoint)
    [key] = files(lab, prefix)
    writers = {
        call.caller_arn
        for call in lab.aws.recorder.select(service="s3", operation="PutObject")
        if call.params["Key"] == f"{prefix}/{key}"
    }
    assert writers == {lab.role}


def test_disabled_capture_writes_nothing(lab: Any, up: str) -> None:
    endpoint, prefix = capturing(lab, up, EnableCapture=False)
    lab.invoke(endpoint)
    assert files(lab, prefix) == {}
    described = lab.sm.describe_endpoint(EndpointName=endpoint)
    assert described["DataCaptureConfig"]["CaptureStatus"] == "Stopped"


@pytest.mark.parametrize(
    ("data", "content_type", "expected"),
    [
        (b"1,2", "TEXT/CSV; charset=utf-8", ("1,2", "CSV")),
        (b'{"a":1}', "application/json", ('{"a":1}', "JSON")),
        (b"\xff", "text/csv", ("/w==", "BASE64")),
        (b"x", "application/octet-stream", ("eA==", "BASE64")),
    ],
)
def test_encodings(data: bytes, content_type: str, expected: tuple[str, str]) -> None:
    settings = CaptureSettings.read(
        {
            "DestinationS3Uri": "s3://b/p/",
            "InitialSamplingPercentage": 20,
            "CaptureOptions": [{"CaptureMode": "InputAndOutput"}],
            "CaptureContentTypeHeader": TYPES,
        }
    )
    assert settings is not None
    assert (settings.inputs, settings.outputs, settings.destination) == (True, True, "s3://b/p")
    assert encode(data, content_type, settings) == expected
