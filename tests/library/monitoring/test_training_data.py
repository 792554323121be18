"""Baselines that runs compute: what they are told, what they may do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

import cdk_sagemaker_mlops as mlops


def plain(value: Any) -> str:
    if isinstance(value, dict) and "Fn::Join" in value:
        return "".join(map(plain, value["Fn::Join"][1]))
    return value if isinstance(value, str) else "{}"


@pytest.fixture
def baselines(stack: cdk.Stack) -> s3.IBucket:
    key = kms.Key.from_key_arn(stack, "BaselineKey", "arn:aws:kms:eu-west-1:111122223333:key/baselines")
    return s3.Bucket.from_bucket_attributes(stack, "Baselines", bucket_name="the-baselines", encryption_key=key)


def run_role(template: Any) -> dict[str, Any]:
    (role,) = [r for key, r in template.of_type("IAM::Role").items() if key.startswith("DataQualityRole")]
    (policy,) = role["Properties"]["Policies"]
    return {statement["Sid"]: statement for statement in policy["PolicyDocument"]["Statement"]}


def test_runs_are_told_and_allowed_to_make_what_versions_lack(
    monitor: Callable, baselines: s3.IBucket, synthesise: Callable, lint: Callable
) -> None:
    from monitor.kinds import settings_of

    data = mlops.TrainingData(prefix="training/churn.csv", label="churned", quality_tolerance=0.2)
    made = monitor(baseline=mlops.Baseline.from_registry(baselines, "of-models", training_data=data))
    template = synthesise()
    assert lint(template.template) == []
    variables = template.only("Lambda::Function")["Environment"]["Variables"]
    told = settings_of({name: plain(value) for name, value in variables.items()}).training_data
    assert told is not None
    assert (str(told.place), str(told.uri)) == ("s3://the-baselines/of-models", "s3://the-baselines/training/churn.csv")
    assert (told.format, told.header, told.label, told.tolerance) == ("csv", True, "churned", 0.2)
    assert made.baseline_parameters, "what the registry names comes first"
    statements = run_role(template)
    assert [plain(r).rpartition(":")[2] for r in statements["ReadTrainingData"]["Resource"]] == [
        "the-baselines/training/churn.csv",
        "the-baselines/training/churn.csv/*",
    ]
    assert plain(statements["WriteBaselines"]["Resource"]).endswith(":the-baselines/of-models/churn/*")
    assert statements["EncryptBaselines"]["Resource"].endswith("key/baselines")
    assert "DescribeVersion" not in statements


def test_versions_may_name_their_own_data(
    stack: cdk.Stack, monitor: Callable, baselines: s3.IBucket, synthesise: Callable
) -> None:
    features = s3.Bucket.from_bucket_name(stack, "Features", "the-features")
    data = mlops.TrainingData(bucket=features, from_version=True, format=mlops.DatasetFormat.parquet())
    monitor(baseline=mlops.Baseline.from_registry(baselines, training_data=data))
    template = synthesise()
    variables = template.only("Lambda::Function")["Environment"]["Variables"]
    assert "TRAINING_DATA_URI" not in variables
    statements = run_role(template)
    assert plain(statements["ReadTrainingData"]["Resource"]).endswith(":the-features/*")
    assert statements["DescribeVersion"]["Action"] == "sagemaker:DescribeModelPackage"


@pytest.mark.parametrize(
    ("props", "message"),
    [
        ({}, "says neither where it lies nor that versions name it; give prefix, or from_version=True"),
        ({"prefix": "a", "quality_tolerance": 2}, "quality_tolerance is 2, allowed are 0 to 1"),
        ({"prefix": "a", "label": ""}, "label is empty"),
    ],
)
def test_mistakes_say_what_to_change(monitor: Callable, props: dict[str, Any], message: str) -> None:
    with pytest.raises(mlops.ConstructError, match=message):
        monitor(baseline=mlops.Baseline.from_registry(training_data=mlops.TrainingData(**props)))


def test_model_monitor_cannot_wait_for_them(monitor: Callable) -> None:
    data = mlops.TrainingData(prefix="training")
    with pytest.raises(mlops.ConstructError, match="needs the files when it is deployed"):
        monitor(
            baseline=mlops.Baseline.from_registry(training_data=data),
            engine=mlops.Engine.MODEL_MONITOR,
        )
