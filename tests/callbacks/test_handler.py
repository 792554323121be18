"""Callback steps that stand for jobs: each look at a message, whatever happens in between."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from callbacks import handler
from callbacks.jobs import name_of

ARN = "arn:aws:sagemaker:eu-west-1:111111111111:pipeline/churn/execution/abc"


def refused(code: str, text: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": text}}, "Call")


class SageMaker:
    """Jobs by name, and what steps were told."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.told: list[tuple[str, Any]] = []
        self.stopped: list[str] = []
        self.error: ClientError | None = None

    def describe_labeling_job(self, LabelingJobName: str) -> dict[str, Any]:
        if LabelingJobName not in self.jobs:
            raise refused("ResourceNotFound")
        return self.jobs[LabelingJobName]

    def create_labeling_job(self, LabelingJobName: str, **request: Any) -> None:
        if self.error:
            raise self.error
        self.jobs[LabelingJobName] = {"LabelingJobStatus": "Initializing", "request": request}

    def stop_labeling_job(self, LabelingJobName: str) -> None:
        self.stopped.append(LabelingJobName)

    def describe_compilation_job(self, CompilationJobName: str) -> dict[str, Any]:
        return {"CompilationJobStatus": "COMPLETED", "ModelArtifacts": {"S3ModelArtifacts": "s3://compiled"}}

    def send_pipeline_execution_step_success(self, CallbackToken: str, OutputParameters: list[dict[str, str]]) -> None:
        self.told.append((CallbackToken, {item["Name"]: item["Value"] for item in OutputParameters}))

    def send_pipeline_execution_step_failure(self, CallbackToken: str, FailureReason: str) -> None:
        if CallbackToken == "gone":
            raise refused("ResourceNotFound")
        self.told.append((CallbackToken, FailureReason))


@pytest.fixture
def sagemaker(monkeypatch: pytest.MonkeyPatch) -> SageMaker:
    service = SageMaker()
    monkeypatch.setattr(handler, "client", lambda name: service)
    return service


def look(token: str = "Tok1", kind: str = "labeling", request: Any = "{}", status: str = "Executing") -> bool:
    """Whether the message is done after one look."""
    message = {"token": token, "arguments": {"kind": kind, "request": request}, "status": status}
    body = json.dumps({**message, "pipelineExecutionArn": ARN})
    answer = handler.lambda_handler({"Records": [{"messageId": "m", "body": body}]}, SimpleNamespace())
    return answer == {"batchItemFailures": []}


def test_a_job_is_started_once_and_waited_for(sagemaker: SageMaker) -> None:
    assert not look(request=json.dumps({"LabelAttributeName": "left"}))
    assert not look()
    (job,) = sagemaker.jobs.values()
    assert job["request"] == {"LabelAttributeName": "left"}
    assert sagemaker.told == []
    job |= {"LabelingJobStatus": "Completed", "LabelingJobOutput": {"OutputDatasetS3Uri": "s3://labels/manifest"}}
    assert look()
    assert sagemaker.told == [("Tok1", {"job": "churn-Tok1", "uri": "s3://labels/manifest"})]


def test_the_end_of_a_job_is_the_end_of_its_step(sagemaker: SageMaker) -> None:
    assert look(kind="compilation")
    assert sagemaker.told == [("Tok1", {"job": "churn-Tok1", "uri": "s3://compiled"})]
    sagemaker.jobs["churn-Tok2"] = {"LabelingJobStatus": "Failed", "FailureReason": "nobody works"}
    sagemaker.jobs["churn-Tok3"] = {"LabelingJobStatus": "Stopped"}
    assert look("Tok2") and look("Tok3")
    assert sagemaker.told[1:] == [("Tok2", "nobody works"), ("Tok3", "the job churn-Tok3 was stopped")]


def test_stopping_the_execution_stops_the_job(sagemaker: SageMaker) -> None:
    assert look(status="Stopping")
    assert sagemaker.stopped == ["churn-Tok1"]
    assert "was stopped, and with it the job churn-Tok1" in sagemaker.told[0][1]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kind": "painting"}, "'painting', allowed are labeling, compilation"),
        ({"request": "[1]"}, "the request of churn-Tok1 is no JSON object"),
        ({"request": "{"}, "the request of the job churn-Tok1 is wrong"),
    ],
)
def test_wrong_requests_fail_the_step(sagemaker: SageMaker, given: dict[str, str], said: str) -> None:
    assert look(**given)
    assert said in sagemaker.told[0][1]


def test_refusals_fail_the_step_and_throttling_does_not(sagemaker: SageMaker) -> None:
    sagemaker.error = refused("ThrottlingException")
    assert not look()
    sagemaker.error = refused("ValidationException", "the work team does not exist")
    assert look()
    assert sagemaker.told == [("Tok1", "the work team does not exist")]
    # Somebody else was faster.
    sagemaker.error = refused("ResourceInUse")
    assert not look("Tok9")


def test_what_is_not_for_us_is_dropped(sagemaker: SageMaker) -> None:
    event = {"Records": [{"messageId": "m", "body": body} for body in ("{", "[]", '{"token": 3}')]}
    assert handler.lambda_handler(event, SimpleNamespace()) == {"batchItemFailures": []}
    assert look("gone", kind="painting")
    assert sagemaker.told == []


def test_names_fit_and_stay_the_same() -> None:
    long = ARN.replace("churn", "c" * 200)
    assert name_of(long, "Token12345") == name_of(long, "Token12345")
    assert len(name_of(long, "Token12345")) == 63
