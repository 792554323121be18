"""Monitors of batch transform jobs, on this library's engines and on Model Monitor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3

import cdk_sagemaker_mlops as mlops


@pytest.fixture
def stack(app: cdk.App) -> cdk.Stack:
    return cdk.Stack(app, "Serving", env=cdk.Environment(account="111122223333", region="eu-west-1"))


@pytest.fixture
def transform(stack: cdk.Stack, bucket: s3.IBucket, image_model: mlops.Model) -> Callable[..., mlops.BatchTransform]:
    def make(**props: Any) -> mlops.BatchTransform:
        lists = mlops.TransformCapture(bucket=bucket, prefix="lists")
        given = {
            "model": image_model,
            "input": mlops.TransformInput(bucket=bucket, prefix="requests"),
            "output": mlops.TransformOutput(bucket=bucket, prefix="answers"),
            "capture": lists,
            "name": "nightly",
        }
        return mlops.BatchTransform(stack, "Nightly", **given | props)

    return make


@pytest.fixture
def labels(stack: cdk.Stack) -> mlops.Labels:
    return mlops.Labels(bucket=s3.Bucket.from_bucket_name(stack, "Truth", "the-truth"))


def text(value: Any) -> str:
    if isinstance(value, dict) and "Fn::Join" in value:
        return "".join(map(text, value["Fn::Join"][1]))
    return value if isinstance(value, str) else "{}"


def role(template: Any, beginning: str) -> dict[str, Any]:
    (found,) = [r for key, r in template.of_type("IAM::Role").items() if key.startswith(beginning)]
    (policy,) = found["Properties"]["Policies"]
    return {statement["Sid"]: statement for statement in policy["PolicyDocument"]["Statement"]}


def test_runs_read_the_lists_and_what_they_name(
    stack: cdk.Stack, transform: Callable, synthesise: Callable, lint: Callable
) -> None:
    from monitor.batch_transform import BatchTransformSource
    from monitor.kinds import settings_of

    source = mlops.BatchTransformInput.of(transform())
    monitor = mlops.DataQualityMonitor(stack, "Quality", input=source, engine=mlops.Engine.LAMBDA)
    template = synthesise()
    assert lint(template.template) == []
    (function,) = [f for key, f in template.of_type("Lambda::Function").items() if key.startswith("Quality")]
    variables = function["Properties"]["Environment"]["Variables"]
    settings = settings_of({name: text(value) for name, value in variables.items()})
    assert isinstance(settings.source, BatchTransformSource)
    assert (settings.source.name, str(settings.source.captures)) == ("nightly", "s3://the-bucket/lists")
    assert str(settings.place) == "s3://the-bucket/monitoring-reports/nightly-data-quality"
    statements = role(template, "QualityRole")
    for sid, place in (("ReadCapture", "lists"), ("ReadRequests", "requests"), ("ReadAnswers", "answers")):
        assert text(statements[sid]["Resource"]).endswith(f":the-bucket/{place}/*")
    assert (monitor.endpoint_name, monitor.schedule_name) == (None, "nightly-data-quality")
    assert monitor.view.namespace == "aws/sagemaker/ModelMonitoring/data-metrics"


@pytest.mark.parametrize(
    ("kind", "name", "schema"),
    [("DataQuality", "DataQuality", {}), ("ModelQuality", "ModelQuality", {"ProbabilityAttribute": "0"})],
)
def test_model_monitor_gets_a_batch_transform_input(
    stack: cdk.Stack,
    transform: Callable,
    labels: mlops.Labels,
    synthesise: Callable,
    lint: Callable,
    kind: str,
    name: str,
    schema: dict[str, str],
) -> None:
    more: dict[str, Any] = {}
    if kind == "ModelQuality":
        more = {"labels": labels, "problem_type": mlops.ProblemType.BINARY_CLASSIFICATION}
    getattr(mlops, f"{kind}Monitor")(
        stack,
        "Native",
        input=mlops.BatchTransformInput.of(transform()),
        engine=mlops.Engine.MODEL_MONITOR,
        baseline=mlops.Baseline.from_files(constraints="s3://base/c.json"),
        **more,
    )
    template = synthesise()
    assert lint(template.template) == []
    job_input = template.only(f"SageMaker::{name}JobDefinition")[f"{name}JobInput"]
    found = job_input["BatchTransformInput"]
    assert (
        found.items()
        >= {
            "DataCapturedDestinationS3Uri": "s3://the-bucket/lists",
            "DatasetFormat": {"Csv": {"Header": False}},
            **schema,
        }.items()
    )
    assert ("GroundTruthS3Input" in job_input) == (kind == "ModelQuality")


def test_jobs_that_record_nothing_cannot_be_watched(transform: Callable) -> None:
    with pytest.raises(mlops.ConstructError, match=r"it records nothing.*give it capture=TransformCapture"):
        mlops.BatchTransformInput.of(transform(capture=None))


def test_labels_need_ids(stack: cdk.Stack, bucket: s3.IBucket, transform: Callable, labels: mlops.Labels) -> None:
    lists = mlops.TransformCapture(bucket=bucket, prefix="lists", generate_inference_id=False)
    with pytest.raises(mlops.ConstructError, match="matches labels by ids, and batch transform nightly adds none"):
        mlops.ModelQualityMonitor(
            stack,
            "Quality",
            problem_type=mlops.ProblemType.REGRESSION,
            labels=labels,
            input=mlops.BatchTransformInput.of(transform(capture=lists)),
        )


def test_attribution_of_batches_needs_to_know_the_model(stack: cdk.Stack, transform: Callable) -> None:
    source = mlops.BatchTransformInput.of(transform())
    with pytest.raises(mlops.ConstructError, match="batch transform nightly follows no model package group"):
        mlops.AttributionMonitor(stack, "Attribution", input=source, engine=mlops.Engine.AUTO)
    with pytest.raises(mlops.ConstructError, match="Clarify needs the name of the model"):
        mlops.AttributionMonitor(stack, "Native", input=source, engine=mlops.Engine.MODEL_MONITOR)
