"""Transform jobs against real models: splitting, filters, joins, capture."""

from __future__ import annotations

import io
import json
import tarfile
import textwrap
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sagemaker_local.jobs import transform_records as records

# Adds the numbers of each row; JSON rows have them below "features".
INFERENCE = """
    import json, os
    def model_fn(folder):
        return float(os.environ.get("OFFSET", "0"))
    def transform_fn(model, body, content_type, accept):
        lines = body.splitlines()
        if content_type == "text/csv":
            return "\\n".join(str(sum(map(float, line.split(","))) + model) for line in lines) + "\\n", "text/csv"
        rows = [json.loads(line)["features"] for line in lines]
        return "\\n".join(json.dumps({"sum": sum(row) + model}) for row in rows), "application/jsonlines"
"""


@pytest.fixture(scope="module")
def model(lab: Any) -> str:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        data = textwrap.dedent(INFERENCE).encode()
        member = tarfile.TarInfo("code/inference.py")
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
    uri = lab.put("transform/model.tar.gz", stream.getvalue())
    container = {"Image": lab.sklearn, "ModelDataUrl": uri}
    lab.sm.create_model(ModelName="adder", ExecutionRoleArn=lab.role, PrimaryContainer=container)
    lab.put("batch/a.csv", "1,2,3\n4,5,6\n")
    lab.put("batch/deep/b.csv", "7,8,9\n")
    lab.put("lines/a.jsonl", '{"features": [1, 2], "name": "x"}\n{"features": [3, 4], "name": "y"}\n')
    return "adder"


def transform(
    lab: Any, model: str, prefix: str = "batch", content_type: str = "text/csv", **changes: Any
) -> dict[str, Any]:
    name = lab.name("transform")
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": lab.uri(f"{prefix}/")}}
    lab.sm.create_transform_job(
        **{
            "TransformJobName": name,
            "ModelName": model,
            "TransformInput": {"DataSource": source, "ContentType": content_type, "SplitType": "Line"},
            "TransformOutput": {"S3OutputPath": lab.uri(f"out/{name}"), "AssembleWith": "Line"},
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
            **changes,
        }
    )
    return lab.ended(lambda: lab.sm.describe_transform_job(TransformJobName=name), "TransformJobStatus")


def outputs(lab: Any, described: dict[str, Any]) -> dict[str, str]:
    prefix = f"out/{described['TransformJobName']}/"
    return {key: lab.text(prefix + key) for key in lab.keys(prefix)}


def test_every_file_gets_its_answers(lab: Any, model: str) -> None:
    lab.events()
    for strategy in ("MultiRecord", "SingleRecord"):
        described = transform(lab, model, BatchStrategy=strategy, Environment={"OFFSET": "0.5"})
        assert described["TransformJobStatus"] == "Completed", described
        assert outputs(lab, described) == {"a.csv.out": "6.5\n15.5\n", "deep/b.csv.out": "24.5\n"}
    events = [event for event in lab.events() if event["detail-type"] == "SageMaker Transform Job State Change"]
    assert [event["detail"]["TransformJobStatus"] for event in events].count("Completed") == 2
    assert lab.aws.recorder.select(service="s3", operation="PutObject", caller=lab.role)


def test_records_are_filtered_joined_and_captured(lab: Any, model: str) -> None:
    capture = {"DestinationS3Uri": lab.uri("captured"), "GenerateInferenceId": True}
    processing = {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"}
    described = transform(lab, model, DataProcessing=processing, DataCaptureConfig=capture)
    lines = outputs(lab, described)["a.csv.out"].splitlines()
    rows = [line.split(",") for line in lines]
    assert [row[:2] for row in rows] == [["1", "5.0"], ["4", "11.0"]]
    assert all(len(row) == 4 and len(row[2]) == 36 and row[3].endswith("Z") for row in rows)
    hour = f"{described['TransformStartTime']:%Y/%m/%d/%H}"
    [source], [answers] = lab.keys(f"captured/input/{hour}/"), lab.keys(f"captured/output/{hour}/")
    assert json.loads(lab.text(f"captured/input/{hour}/{source}")) == [
        {"prefix": lab.uri("batch/")},
        "a.csv",
        "deep/b.csv",
    ]
    assert json.loads(lab.text(f"captured/output/{hour}/{answers}")) == [
        {"prefix": lab.uri(f"out/{described['TransformJobName']}/")},
        "a.csv.out",
        "deep/b.csv.out",
    ]
    described = transform(
        lab, model, "lines", "application/jsonlines", DataProcessing={"JoinSource": "Input"}, DataCaptureConfig=capture
    )
    first = json.loads(outputs(lab, described)["a.jsonl.out"].splitlines()[0])
    assert (first["name"], first["SageMakerOutput"]) == ("x", {"sum": 3.0})
    assert {"SageMakerInferenceId", "SageMakerInferenceTime"} < set(first)


def test_a_model_that_refuses_or_does_not_load_fails_the_job(lab: Any, model: str) -> None:
    lab.put("words/a.csv", "one,two\n")
    described = transform(lab, model, "words")
    assert described["TransformJobStatus"] == "Failed"
    assert described["FailureReason"] == "AlgorithmError: See job logs for more information"
    lines = [
        line
        for found in lab.log("/aws/sagemaker/TransformJobs", described["TransformJobName"]).values()
        for line in found
    ]
    assert any("Bad HTTP status received from algorithm: 500" in line for line in lines)
    lab.put("transform/empty.tar.gz", b"nothing")
    container = {"Image": lab.sklearn, "ModelDataUrl": lab.uri("transform/empty.tar.gz")}
    lab.sm.create_model(ModelName="empty", ExecutionRoleArn=lab.role, PrimaryContainer=container)
    described = transform(lab, "empty")
    assert "Failed to extract model data archive" in described["FailureReason"]


def test_wrong_requests_are_refused(lab: Any, model: str) -> None:
    with pytest.raises(ClientError, match="Could not find model"):
        transform(lab, "nobody")
    with pytest.raises(ClientError) as caught:
        transform(
            lab,
            model,
            DataProcessing={"InputFilter": "$..deep", "JoinSource": "Input"},
            TransformOutput={"S3OutputPath": lab.uri("out/x")},
        )
    assert "$..deep is no JSONPath" in str(caught.value) and "needs AssembleWith Line" in str(caught.value)


@pytest.mark.parametrize(
    ("path", "found"),
    [("$", [1, 2, 3]), ("$[1:]", [2, 3]), ("$[:-1]", [1, 2]), ("$[0,2]", [1, 3]), ("$[-1]", 3)],
)
def test_filters_of_lists(path: str, found: Any) -> None:
    assert records.apply(path, [1, 2, 3]) == found


def test_filters_of_objects() -> None:
    record = {"a": {"b": 1}, "c": 2, "d": 3}
    assert records.apply("$.a.b", record) == 1
    assert records.apply("$['c','d']", record) == {"c": 2, "d": 3}
