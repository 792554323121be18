"""Every way of serving in one app: cfn-lint and cdk-nag find nothing, and synthesis stays cheap."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import nag
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from cfnlint.api import ManualArgs, lint_file

import cdk_sagemaker_mlops as mlops

IMAGE = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
KEY = "arn:aws:kms:eu-west-1:111111111111:key/0f6b8a5e-8d0b-4a5c-9a5e-0f6b8a5e8d0b"

# What remains of cdk-nag beside wildcards with a reason, and why.
ACCEPTED = {
    "AwsSolutions-APIG2": "bodies are the model's own format; the container validates them",
    "AwsSolutions-APIG3": "callers are authenticated by IAM; a web ACL is the owner's choice (cfn_stage)",
    "AwsSolutions-COG4": "callers are programs with AWS credentials, authorised by IAM",
    "AwsSolutions-IAM4": "AWS's own policy for API Gateway's account-wide logging role",
    "AwsSolutions-SQS3": "the queue is itself a dead-letter queue",
}


def define(stack: cdk.Stack) -> None:
    """One of each."""
    fixed = mlops.Model.from_image(IMAGE, model_data_url="s3://the-models/churn/model.tar.gz")
    group = mlops.ModelPackageGroup(stack, "Group", name="churn")
    data = s3.Bucket.from_bucket_attributes(
        stack, "Data", bucket_name="the-data", encryption_key=kms.Key.from_key_arn(stack, "Key", KEY)
    )
    office_hours = [
        mlops.ScheduledCapacity(schedule="cron(0 7 ? * MON-FRI *)", minimum=2, timezone="Europe/Berlin"),
        mlops.ScheduledCapacity(schedule="cron(0 19 ? * MON-FRI *)", minimum=1, timezone="Europe/Berlin"),
    ]
    scaling = mlops.Scaling(max_instances=4, concurrency_per_instance=5, schedule=office_hours)
    endpoints: list[mlops.EndpointBase] = [
        mlops.Endpoint(
            stack,
            "Shadowed",
            endpoint_name="mlops-shadowed",
            model=mlops.Model.latest_approved(group),
            initial_instance_count=2,
            scaling=mlops.Scaling(min_instances=2, max_instances=4, invocations_per_instance=100),
            shadow=mlops.Shadow(model=mlops.Model.from_model_package(group, 7), sampling_percentage=20),
            capture=mlops.DataCapture(bucket=data, prefix="capture"),
            rollout=mlops.Rollout.canary(percent=50),
        ),
        mlops.Endpoint(
            stack,
            "Weighted",
            endpoint_name="mlops-weighted",
            variants=[
                mlops.Variant(model=fixed, name="champion", weight=9, scaling=scaling, volume_gb=30),
                mlops.Variant(
                    model=mlops.Model.from_image(IMAGE, model_data_url="s3://the-models/files/"),
                    name="challenger",
                    startup_seconds=600,
                    model_download_seconds=900,
                ),
            ],
        ),
        mlops.Endpoint(
            stack,
            "Serverless",
            endpoint_name="mlops-serverless",
            model=fixed,
            serverless=mlops.Serverless(
                scaling=mlops.ProvisionedScaling(max_concurrency=10, schedule=office_hours[:1])
            ),
        ),
        mlops.Endpoint(
            stack,
            "Queued",
            endpoint_name="mlops-queued",
            model=fixed,
            asynchronous=mlops.AsyncInference(
                bucket=data,
                prefix="answers",
                success_topic=sns.Topic.from_topic_arn(stack, "Ok", "arn:aws:sns:eu-west-1:111111111111:ok"),
                error_topic=sns.Topic.from_topic_arn(stack, "Bad", "arn:aws:sns:eu-west-1:111111111111:bad"),
                max_concurrent_requests=4,
            ),
            scaling=mlops.Scaling(min_instances=0, max_instances=3, backlog_per_instance=5),
        ),
        mlops.Endpoint(
            stack,
            "Many",
            endpoint_name="mlops-many",
            model=mlops.Model.multi_model(IMAGE, models_url="s3://the-models/tenants/", caching=False),
        ),
        mlops.Endpoint(
            stack,
            "Pipeline",
            endpoint_name="mlops-pipeline",
            model=mlops.Model.pipeline(
                mlops.Model.from_image(IMAGE, model_data_url="s3://the-models/prepare/model.tar.gz"), fixed
            ),
            capture=mlops.DataCapture(bucket=data, prefix="capture"),
        ),
        mlops.ComponentEndpoint(
            stack,
            "Shared",
            endpoint_name="mlops-shared",
            parameter_prefix="Shared",
            instances=mlops.ManagedInstances(min_instances=0, max_instances=4),
            components=[
                mlops.Component(
                    name="churn",
                    model=mlops.Model.latest_approved(group),
                    min_memory_mb=1024,
                    cpu_cores=0.5,
                    scaling=mlops.CopyScaling(min_copies=0, max_copies=4, concurrency_per_copy=4),
                ),
                mlops.Component(name="fraud", model=fixed, min_memory_mb=512, copies=2, startup_seconds=120),
            ],
        ),
        mlops.ComponentEndpoint(
            stack,
            "Rolled",
            endpoint_name="mlops-rolled",
            rollout=mlops.Rollout.rolling(percent=50),
            components=[
                mlops.Component(
                    name="only",
                    model=fixed,
                    min_memory_mb=512,
                    scaling=mlops.CopyScaling(min_copies=2, max_copies=4, invocations_per_copy=60),
                )
            ],
        ),
    ]
    for endpoint in endpoints:
        mlops.EndpointDashboard(stack, f"{endpoint.node.id}Dashboard", endpoint=endpoint)
    mlops.RolloutRegistration(stack, "Registration", controller_name="mlops", model="shared", endpoint=endpoints[6])
    mlops.BatchTransform(
        stack,
        "Nightly",
        name="mlops-nightly",
        model=mlops.Model.latest_approved(group),
        beside=endpoints[0],
        input=mlops.TransformInput(bucket=data, prefix="in"),
        output=mlops.TransformOutput(bucket=data, prefix="out"),
        capture=mlops.TransformCapture(bucket=data, prefix="batch"),
        settings=mlops.TransformSettings(join_input=True, input_filter="$[1:]"),
        schedule="cron(0 3 * * ? *)",
    )
    through = ec2.InterfaceVpcEndpoint.from_interface_vpc_endpoint_attributes(
        stack, "Through", vpc_endpoint_id="vpce-0a1b2c3d4e5f60718", port=443
    )
    mlops.InferenceApi(stack, "Front", endpoint=endpoints[0], vpc_endpoints=[through], account_logging_role=True)
    mlops.InferenceApi(stack, "QueueFront", endpoint=endpoints[3])


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> cdk.App:
    app = nag.checked(tmp_path_factory.mktemp("assembly"))
    define(cdk.Stack(app, "Modes"))
    return app


@pytest.fixture(scope="module")
def violations(app: cdk.App) -> list[dict[str, Any]]:
    return nag.violations(app)


@pytest.fixture(scope="module")
def template(app: cdk.App, violations: list[dict[str, Any]]) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((Path(app.outdir) / "Modes.template.json").read_text(encoding="utf-8"))
    return loaded


def statements(resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for policy in resource["Properties"].get("Policies", []):
        yield from policy["PolicyDocument"]["Statement"]


def test_nag_finds_only_what_has_a_reason(violations: list[dict[str, Any]]) -> None:
    found = {
        (violation["ruleName"].split("[")[0], construct["constructPath"])
        for violation in violations
        for construct in violation["violatingConstructs"]
    }
    open_findings = [(rule, path) for rule, path in sorted(found) if rule not in {*ACCEPTED, "AwsSolutions-IAM5"}]

    assert open_findings == []
    assert {rule for rule, _ in found} - {"AwsSolutions-IAM5"} == set(ACCEPTED)


def test_every_wildcard_has_a_reason(template: dict[str, Any]) -> None:
    roles = [resource for resource in template["Resources"].values() if resource["Type"] == "AWS::IAM::Role"]
    without = [
        statement["Sid"]
        for role in roles
        for statement in statements(role)
        if "*" in json.dumps([statement["Action"], statement["Resource"]])
        and not role.get("Metadata", {}).get("WildcardReasons", {}).get(statement["Sid"])
    ]

    assert len(roles) >= 10
    # The log streams' ARN attribute ends in ":*" only once it is resolved.
    assert without == []


def test_cfn_lint_finds_nothing(app: cdk.App, template: dict[str, Any]) -> None:
    file = Path(app.outdir) / "Modes.template.json"
    matches = lint_file(file, config=ManualArgs(regions=["eu-west-1"], ignore_checks=["W3005"]))

    assert [f"{match.rule.id} {'/'.join(map(str, match.path or []))}: {match.message}" for match in matches] == []


def test_each_mode_is_in_the_template(template: dict[str, Any]) -> None:
    """What this module's other tests looked at: nothing of it is missing."""
    text = json.dumps(template)
    for word in (
        "ShadowProductionVariants",
        "ServerlessConfig",
        "AsyncInferenceConfig",
        "MultiModelConfig",
        '"Containers"',
        "AWS::SageMaker::InferenceComponent",
        "ManagedInstanceScaling",
        "ScheduledActions",
        "StepScalingPolicyConfiguration",
        "aws-sdk:sagemaker:createTransformJob",
        "AWS::ApiGateway::RestApi",
    ):
        assert word in text, word
