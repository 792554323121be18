"""Monitors on Model Monitor, of attribution and of batch transform jobs: cfn-lint, cdk-nag, wildcards, sizes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import nag
import pytest
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from cfnlint.api import ManualArgs, lint_file

import cdk_sagemaker_mlops as mlops

IMAGE = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
KEY = "arn:aws:kms:eu-west-1:111111111111:key/0f6b8a5e-8d0b-4a5c-9a5e-0f6b8a5e8d0b"
# What remains of cdk-nag beside wildcards with a reason, and why.
ACCEPTED = {
    "AwsSolutions-IAM5": "every wildcard has its reason beside it",
    "AwsSolutions-L1": "the runtime is the one that the analyzer's wheels are for",
    "AwsSolutions-SQS3": "the queue is itself a dead-letter queue",
}


def define(stack: cdk.Stack) -> None:
    """One of each."""
    key = kms.Key.from_key_arn(stack, "Key", KEY)
    data = s3.Bucket.from_bucket_attributes(stack, "Data", bucket_name="the-data", encryption_key=key)
    group = mlops.ModelPackageGroup(stack, "Group", name="churn", artifacts=[data])
    endpoint = mlops.Endpoint(
        stack,
        "Endpoint",
        endpoint_name="mlops-churn",
        model=mlops.Model.latest_approved(group),
        capture=mlops.DataCapture(bucket=data, prefix="capture"),
    )
    labels = mlops.Labels(bucket=data, prefix="labels")
    engine = mlops.ModelMonitorEngine(volume_key=key, encrypt_traffic=True)
    shap = mlops.Shap(baseline=[[1, 2]])
    common: dict[str, Any] = {"endpoint": endpoint, "engine": engine}
    mlops.DataQualityMonitor(stack, "Quality", **common)
    binary = mlops.ProblemType.BINARY_CLASSIFICATION
    mlops.ModelQualityMonitor(stack, "ModelQuality", problem_type=binary, labels=labels, **common)
    facet = mlops.Facet(name_or_index=0, values=["f"])
    mlops.BiasMonitor(stack, "Bias", facets=[facet], labels=labels, **common)
    mlops.AttributionMonitor(stack, "Attribution", headers=["a", "b"], shap=shap, **common)
    computed = mlops.Baseline.from_registry(
        data, training_data=mlops.TrainingData(prefix="training", from_version=True)
    )
    mlops.AttributionMonitor(
        stack,
        "Asked",
        name="mlops-churn-asked",
        endpoint=endpoint,
        shap=shap,
        shadow_endpoint=mlops.ShadowEndpoint(),
        baseline=computed,
    )
    nightly = mlops.BatchTransform(
        stack,
        "Nightly",
        model=mlops.Model.from_image(IMAGE),
        input=mlops.TransformInput(bucket=data, prefix="in"),
        output=mlops.TransformOutput(bucket=data, prefix="out"),
        capture=mlops.TransformCapture(bucket=data, prefix="lists"),
    )
    source = mlops.BatchTransformInput.of(nightly)
    mlops.ModelQualityMonitor(stack, "OfBatches", problem_type=binary, labels=labels, input=source)
    files = mlops.Baseline.from_files(constraints="s3://the-data/c.json", encryption_key=key)
    mlops.BiasMonitor(
        stack, "NativeOfBatches", facets=[facet], labels=labels, input=source, engine=engine, baseline=files
    )


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> cdk.App:
    app = nag.checked(tmp_path_factory.mktemp("assembly"))
    define(cdk.Stack(app, "Native", env=cdk.Environment(account="111111111111", region="eu-west-1")))
    return app


@pytest.fixture(scope="module")
def violations(app: cdk.App) -> list[dict[str, Any]]:
    return nag.violations(app)


@pytest.fixture(scope="module")
def template(app: cdk.App, violations: list[dict[str, Any]]) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((Path(app.outdir) / "Native.template.json").read_text(encoding="utf-8"))
    return loaded


def test_nag_finds_only_what_has_a_reason(violations: list[dict[str, Any]]) -> None:
    found = {violation["ruleName"].split("[")[0] for violation in violations}
    assert found <= set(ACCEPTED)


def test_every_wildcard_has_a_reason(template: dict[str, Any]) -> None:
    roles = [resource for resource in template["Resources"].values() if resource["Type"] == "AWS::IAM::Role"]
    without = [
        statement["Sid"]
        for role in roles
        for policy in role["Properties"].get("Policies", [])
        for statement in policy["PolicyDocument"]["Statement"]
        if "*" in json.dumps([statement["Action"], statement["Resource"]])
        and not role.get("Metadata", {}).get("WildcardReasons", {}).get(statement["Sid"])
    ]
    assert len(roles) >= 15
    assert without == []


def test_no_role_outgrows_iams_limit(template: dict[str, Any]) -> None:
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::IAM::Role":
            documents = [policy["PolicyDocument"] for policy in resource["Properties"].get("Policies", [])]
            assert sum(len(json.dumps(document)) for document in documents) < 10_240, name


def test_cfn_lint_finds_nothing(app: cdk.App, template: dict[str, Any]) -> None:
    file = Path(app.outdir) / "Native.template.json"
    matches = lint_file(file, config=ManualArgs(regions=["eu-west-1"], ignore_checks=["W3005"]))
    assert [f"{match.rule.id} {'/'.join(map(str, match.path or []))}: {match.message}" for match in matches] == []
