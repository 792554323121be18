"""Batch transform on a schedule, and the HTTP front door."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import botocore.session
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from botocore.validate import ParamValidator

import cdk_sagemaker_mlops as mlops

Synthesise = Callable[[], Any]
KEY_ARN = "arn:aws:kms:eu-west-1:111111111111:key/abc"


def resolved(value: Any) -> str:
    """A joined text with references as `<...>`."""
    if isinstance(value, dict) and "Fn::Join" in value:
        return "".join(resolved(part) for part in value["Fn::Join"][1])
    if isinstance(value, dict):
        return "<" + ".".join(map(str, next(iter(value.values())))) + ">" if "Fn::GetAtt" in value else "<ref>"
    return str(value)


@pytest.fixture
def data(stack: cdk.Stack) -> s3.IBucket:
    key = kms.Key.from_key_arn(stack, "Key", KEY_ARN)
    return s3.Bucket.from_bucket_attributes(stack, "Data", bucket_name="the-data", encryption_key=key)


def transform(stack: cdk.Stack, data: s3.IBucket, model: mlops.Model, **props: Any) -> mlops.BatchTransform:
    return mlops.BatchTransform(
        stack,
        "Nightly",
        name="shop-nightly",
        model=model,
        input=mlops.TransformInput(bucket=data, prefix="in"),
        output=mlops.TransformOutput(bucket=data, prefix="out", accept="text/csv"),
        **props,
    )


def test_scheduler_starts_jobs_that_sagemaker_takes(
    stack: cdk.Stack, data: s3.IBucket, image_model: mlops.Model, synthesise: Synthesise
) -> None:
    transform(
        stack,
        data,
        image_model,
        schedule="cron(0 3 * * ? *)",
        timezone="Europe/Berlin",
        capture=mlops.TransformCapture(bucket=data, prefix="batch"),
        settings=mlops.TransformSettings(
            join_input=True,
            input_filter="$[1:]",
            output_filter="$[0,-1]",
            many_records=True,
            max_payload_mb=6,
            retries=1,
        ),
        encryption_key=kms.Key.from_key_arn(stack, "Volume", KEY_ARN),
    )
    template = synthesise()
    schedule = template.only("Scheduler::Schedule")
    assert resolved(schedule["Target"]["Arn"]).endswith(":scheduler:::aws-sdk:sagemaker:createTransformJob")
    assert (schedule["ScheduleExpression"], schedule["ScheduleExpressionTimezone"]) == (
        "cron(0 3 * * ? *)",
        "Europe/Berlin",
    )
    text = resolved(schedule["Target"]["Input"])
    (model_id,) = template.of_type("SageMaker::Model")
    request = json.loads(text.replace(f"<{model_id}.ModelName>", "the-model"))
    assert request["TransformJobName"] == "shop-nightly-<aws.scheduler.execution-id>"
    assert request["TransformOutput"]["S3OutputPath"] == "s3://the-data/out/<aws.scheduler.execution-id>"
    assert request["DataCaptureConfig"] == {
        "DestinationS3Uri": "s3://the-data/batch",
        "GenerateInferenceId": True,
        "KmsKeyId": KEY_ARN,
    }
    assert request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"] == "s3://the-data/in/"
    # The request is right in every name, type and bound, and the name fits with the longest id.
    filled = json.loads(json.dumps(request).replace("<aws.scheduler.execution-id>", "0" * 36))
    service = botocore.session.get_session().get_service_model("sagemaker")
    shape = service.operation_model("CreateTransformJob").input_shape
    assert ParamValidator().validate(filled, shape).generate_report() == ""
    assert len(filled["TransformJobName"]) <= 63


def test_a_run_that_cannot_start_is_kept_and_told(
    stack: cdk.Stack, data: s3.IBucket, image_model: mlops.Model, synthesise: Synthesise
) -> None:
    made = transform(stack, data, image_model, schedule="rate(1 day)")
    template = synthesise()
    assert "DeadLetterConfig" in template.only("Scheduler::Schedule")["Target"]
    alarm = template.only("CloudWatch::Alarm")
    assert (alarm["MetricName"], alarm["Threshold"]) == ("ApproximateNumberOfMessagesVisible", 0)
    assert [found.rule.id for found in made.alarms] == ["NotStarted"]
    role = template.by_id("NightlySchedulerRole", "IAM::Role")["Properties"]
    (policy,) = role["Policies"]
    (start, _) = policy["PolicyDocument"]["Statement"]
    assert start["Action"] == "sagemaker:CreateTransformJob"
    assert resolved(start["Resource"]).endswith(":transform-job/shop-nightly-*")


def test_the_models_role_reads_writes_and_records(
    stack: cdk.Stack, data: s3.IBucket, image_model: mlops.Model, synthesise: Synthesise
) -> None:
    made = transform(stack, data, image_model, capture=mlops.TransformCapture(bucket=data, prefix="batch"))
    starter = iam.Role(stack, "Starter", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    made.grant_start(starter)
    assert "TransformJobName" not in made.job_request
    template = synthesise()
    (policy,) = template.by_id("NightlyRole", "IAM::Role")["Properties"]["Policies"]
    allowed = {each["Sid"]: each for each in policy["PolicyDocument"]["Statement"]}
    assert resolved(allowed["ReadRecords"]["Resource"]).endswith(":s3:::the-data/in/*")
    assert resolved(allowed["WriteAnswers"]["Resource"]).endswith(":s3:::the-data/out/*")
    assert resolved(allowed["WriteCapture"]["Resource"]).endswith(":s3:::the-data/batch/*")
    assert allowed["CryptRecords"]["Resource"] == KEY_ARN
    # Nothing is scheduled, so there is nothing to miss.
    assert not template.of_type("Scheduler::Schedule") and not template.of_type("SQS::Queue")


def test_beside_an_endpoint_jobs_run_the_version_that_is_live(
    stack: cdk.Stack, data: s3.IBucket, synthesise: Synthesise
) -> None:
    group = mlops.ModelPackageGroup(stack, "Registry", name="churn")
    latest = mlops.Model.latest_approved(group)
    endpoint = mlops.Endpoint(stack, "Endpoint", endpoint_name="shop-churn", model=latest)
    mlops.RolloutRegistration(stack, "Registration", controller_name="shop", model="churn", endpoint=endpoint)
    transform(stack, data, latest, beside=endpoint, schedule="rate(1 day)")
    template = synthesise()
    model = template.by_id("NightlyModel", "SageMaker::Model")
    (schedule,) = template.of_type("Scheduler::Schedule").values()
    assert model["Condition"] == schedule["Condition"] == "HasModelVersion"
    assert model["Properties"]["PrimaryContainer"] == {"ModelPackageName": {"Ref": "ModelPackageArn"}}
    # What ties the controller's permissions to it.
    assert {"Key": "mlops:controller", "Value": "shop"} in model["Properties"]["Tags"]
    assert schedule["Properties"]["Name"] == "shop-churn-nightly"
    assert list(template.template["Parameters"])[:2] == ["ModelPackageArn", "RetainVariantProperties"]


def test_beside_components_jobs_wait_for_a_version_though_the_endpoint_does_not(
    stack: cdk.Stack, data: s3.IBucket, image_model: mlops.Model, synthesise: Synthesise
) -> None:
    latest = mlops.Model.latest_approved(mlops.ModelPackageGroup(stack, "Registry", name="churn"))
    models = {"live": latest, "fixed": image_model}
    endpoint = mlops.ComponentEndpoint(
        stack,
        "Endpoint",
        endpoint_name="shop",
        components=[mlops.Component(name=name, model=model, min_memory_mb=128) for name, model in models.items()],
    )
    transform(stack, data, latest, beside=endpoint)
    template = synthesise()
    (made,) = template.of_type("SageMaker::Endpoint").values()
    assert "Condition" not in made
    assert template.by_id("NightlyModel", "SageMaker::Model")["Condition"] == "HasModelVersion"


def test_alone_it_has_a_version_of_its_own(stack: cdk.Stack, data: s3.IBucket, synthesise: Synthesise) -> None:
    group = mlops.ModelPackageGroup(stack, "Registry", name="churn")
    made = transform(stack, data, mlops.Model.latest_approved(group), schedule="rate(1 day)", parameter_prefix="Batch")
    template = synthesise()
    assert made.rollout_parameters == {"version": "BatchModelPackageArn"}
    (schedule,) = template.of_type("Scheduler::Schedule").values()
    assert schedule["Condition"] == "BatchHasModelVersion"
    with pytest.raises(mlops.ConstructError, match="beside is endpoint other, which does not follow the group"):
        mlops.BatchTransform(
            stack,
            "Wrong",
            model=mlops.Model.latest_approved(group),
            input=mlops.TransformInput(bucket=data),
            output=mlops.TransformOutput(bucket=data),
            beside=mlops.Endpoint.from_endpoint_name(stack, "Other", "other"),
        )


# --- HTTP


@pytest.fixture
def endpoint(stack: cdk.Stack, image_model: mlops.Model) -> mlops.Endpoint:
    return mlops.Endpoint(stack, "Endpoint", endpoint_name="churn", model=image_model)


def test_requests_pass_to_sagemaker_and_answers_back(
    stack: cdk.Stack, endpoint: mlops.Endpoint, synthesise: Synthesise
) -> None:
    mlops.InferenceApi(stack, "Api", endpoint=endpoint, rate_per_second=20, burst=10)
    template = synthesise()
    method = template.only("ApiGateway::Method")
    assert (method["AuthorizationType"], method["HttpMethod"]) == ("AWS_IAM", "POST")
    integration = method["Integration"]
    assert resolved(integration["Uri"]).endswith(":runtime.sagemaker:path/endpoints/churn/invocations")
    assert integration["Type"] == "AWS" and "Credentials" in integration
    passed = integration["RequestParameters"]
    assert passed["integration.request.header.Content-Type"] == "method.request.header.Content-Type"
    assert "integration.request.header.X-Amzn-SageMaker-Inference-Id" in passed
    patterns = {each["StatusCode"]: each.get("SelectionPattern") for each in integration["IntegrationResponses"]}
    assert patterns == {"200": None, "202": "202", "400": r"4\d{2}", "500": r"5\d{2}"}
    stage = template.only("ApiGateway::Stage")
    (settings,) = stage["MethodSettings"]
    assert (settings["ThrottlingRateLimit"], settings["ThrottlingBurstLimit"]) == (20, 10)
    assert settings["DataTraceEnabled"] is False and "DestinationArn" in stage["AccessLogSetting"]
    json.loads(stage["AccessLogSetting"]["Format"])
    role = template.by_id("ApiRole", "IAM::Role")["Properties"]
    (policy,) = role["Policies"]
    assert policy["PolicyDocument"]["Statement"][0]["Action"] == "sagemaker:InvokeEndpoint"
    api = template.only("ApiGateway::RestApi")
    assert api["EndpointConfiguration"] == {"Types": ["REGIONAL"]} and "Policy" not in api


def test_a_private_api_lets_in_who_comes_through_the_vpc(
    stack: cdk.Stack, endpoint: mlops.Endpoint, synthesise: Synthesise
) -> None:
    entry = ec2.InterfaceVpcEndpoint.from_interface_vpc_endpoint_attributes(
        stack, "Entry", vpc_endpoint_id="vpce-1", port=443
    )
    api = mlops.InferenceApi(stack, "Api", endpoint=endpoint, vpc_endpoints=[entry])
    caller = iam.Role(stack, "Caller", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    api.grant_invoke(caller)
    template = synthesise()
    made = template.only("ApiGateway::RestApi")
    assert made["EndpointConfiguration"] == {"Types": ["PRIVATE"], "VpcEndpointIds": ["vpce-1"]}
    deny, allow = made["Policy"]["Statement"]
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"StringNotEquals": {"aws:SourceVpce": ["vpce-1"]}})
    assert allow["Effect"] == "Allow" and ":root" in resolved(allow["Principal"]["AWS"])
    granted = json.dumps(template.only("IAM::Policy"))
    assert '"execute-api:Invoke"' in granted and "/live/POST/invocations" in granted and "sagemaker" not in granted


def test_a_change_makes_a_new_deployment_and_nothing_else_does(image_uri: str) -> None:
    def deployment(*, before: bool = False, through: tuple[str, ...] = (), **props: Any) -> str:
        app = cdk.App()
        stack = cdk.Stack(app, "Serving")
        if before:
            # Takes a number among the CDK's tokens.
            s3.Bucket(stack, "Unrelated").bucket_arn.lower()
        entries = [
            ec2.InterfaceVpcEndpoint.from_interface_vpc_endpoint_attributes(stack, name, vpc_endpoint_id=name, port=443)
            for name in through
        ]
        model = mlops.Model.from_image(image_uri)
        made = mlops.Endpoint(stack, "Endpoint", endpoint_name="churn", model=model)
        mlops.InferenceApi(stack, "Api", endpoint=made, vpc_endpoints=entries, **props)
        resources = app.synth().get_stack_by_name("Serving").template["Resources"]
        (found,) = (key for key, value in resources.items() if value["Type"] == "AWS::ApiGateway::Deployment")
        return str(found)

    first = deployment()
    assert first == deployment(before=True) == deployment(rate_per_second=1)
    # A policy holds from the next deployment on, so whom it lets in makes one, too.
    others = [
        deployment(binary_media_types=["application/x-npy"]),
        deployment(through=("a",)),
        deployment(through=("b",)),
    ]
    assert len({first, *others}) == 4


def test_a_queue_is_asked_asynchronously(
    stack: cdk.Stack, data: s3.IBucket, image_model: mlops.Model, synthesise: Synthesise
) -> None:
    queue = mlops.AsyncInference(bucket=data, prefix="answers")
    made = mlops.Endpoint(stack, "Endpoint", endpoint_name="churn", model=image_model, asynchronous=queue)
    mlops.InferenceApi(stack, "Api", endpoint=made, account_logging_role=True)
    template = synthesise()
    integration = template.only("ApiGateway::Method")["Integration"]
    assert resolved(integration["Uri"]).endswith("path/endpoints/churn/async-invocations")
    assert "integration.request.header.X-Amzn-SageMaker-InputLocation" in integration["RequestParameters"]
    answer = integration["IntegrationResponses"][0]["ResponseParameters"]
    assert "method.response.header.X-Amzn-SageMaker-OutputLocation" in answer
    (account,) = template.of_type("ApiGateway::Account").values()
    assert account["DeletionPolicy"] == "Retain"
    (stage,) = template.of_type("ApiGateway::Stage").values()
    assert any("Account" in each for each in stage["DependsOn"])


@pytest.mark.parametrize(
    ("props", "words"),
    [
        ({"rate_per_second": 0}, "rate_per_second is 0, allowed are numbers above 0"),
        ({"burst": 0}, "burst is 0, allowed are numbers from 1"),
        ({"stage_name": "a/b"}, 'stage_name is "a/b"'),
        ({"binary_media_types": ["npy"]}, 'binary_media_types is "npy", allowed are media types'),
        ({"log_retention_days": 2}, "log_retention_days is 2, CloudWatch knows"),
    ],
)
def test_what_api_gateway_would_refuse(
    stack: cdk.Stack, endpoint: mlops.Endpoint, props: dict[str, Any], words: str
) -> None:
    with pytest.raises(mlops.ConstructError) as caught:
        mlops.InferenceApi(stack, "Api", endpoint=endpoint, **props)
    assert words in str(caught.value)
