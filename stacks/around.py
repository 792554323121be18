"""What stands around an endpoint: an HTTP API before it, batch transform beside it."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

import cdk_sagemaker_mlops as mlops

from .base import acknowledge
from .monitors import QUEUE_IS_A_DEAD_LETTER_QUEUE
from .settings import BatchSettings, FrontDoorSettings

_API_FINDINGS = {
    "AwsSolutions::AwsSolutions-APIG2": "bodies are the model's own format; its container checks them",
    "AwsSolutions::AwsSolutions-APIG3": "callers are authorised by IAM; a web ACL is for doors that are open to all",
    "AwsSolutions::AwsSolutions-COG4": "callers are programs with AWS credentials, authorised by IAM",
    "AwsSolutions::AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/"
    "AmazonAPIGatewayPushToCloudWatchLogs]": "what API Gateway checks its account-wide logging role for",
}
_HTTPS = 443


def define_front_door(
    stack: cdk.Stack, endpoint: mlops.EndpointBase, wanted: FrontDoorSettings, *, log_retention_days: int
) -> mlops.InferenceApi:
    """Define the HTTP API of an endpoint and say where it is."""
    api = mlops.InferenceApi(
        stack,
        "FrontDoor",
        endpoint=endpoint,
        vpc_endpoints=[
            ec2.InterfaceVpcEndpoint.from_interface_vpc_endpoint_attributes(
                stack, f"FrontDoorEntry{number}", vpc_endpoint_id=vpc_endpoint_id, port=_HTTPS
            )
            for number, vpc_endpoint_id in enumerate(wanted.vpc_endpoint_ids)
        ],
        rate_per_second=wanted.rate_per_second,
        burst=wanted.burst,
        binary_media_types=wanted.binary_media_types,
        log_retention_days=log_retention_days,
        account_logging_role=wanted.account_logging_role,
    )
    acknowledge(api, _API_FINDINGS)
    cdk.CfnOutput(stack, "FrontDoorUrl", value=api.url)
    return api


def define_batch(
    stack: cdk.Stack,
    endpoint: mlops.EndpointBase,
    model: mlops.Model,
    wanted: BatchSettings,
    *,
    captures: s3.IBucket,
    notifications: Sequence[mlops.AlarmTarget],
) -> mlops.BatchTransform:
    """Define batch transform with the version that an endpoint serves."""
    key = kms.Key.from_key_arn(stack, "BatchKey", wanted.kms_key_arn) if wanted.kms_key_arn else None

    def bucket(construct_id: str, name: str) -> s3.IBucket:
        return s3.Bucket.from_bucket_attributes(stack, construct_id, bucket_name=name, encryption_key=key)

    batch = mlops.BatchTransform(
        stack,
        "Batch",
        model=model,
        beside=endpoint,
        input=mlops.TransformInput(
            bucket=bucket("BatchInput", wanted.input_bucket),
            prefix=wanted.input_prefix,
            content_type=wanted.content_type,
        ),
        output=mlops.TransformOutput(bucket=bucket("BatchOutput", wanted.output_bucket), prefix=wanted.output_prefix),
        settings=mlops.TransformSettings(
            instance_type=wanted.instance_type, instance_count=wanted.instance_count, join_input=wanted.join_input
        ),
        schedule=wanted.schedule,
        timezone=wanted.timezone,
        capture=mlops.TransformCapture(bucket=captures, prefix=f"batch/{endpoint.endpoint_name}")
        if wanted.capture
        else None,
        notifications=notifications,
    )
    acknowledge(batch, QUEUE_IS_A_DEAD_LETTER_QUEUE)
    return batch
