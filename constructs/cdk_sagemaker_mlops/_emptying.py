"""Empties a model package group when its stack is deleted: SageMaker deletes no group that holds versions."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from . import _refs
from ._iam import Statement, service_role
from .functions import EMPTYING, RUNTIME, Architecture, function_asset

_TIMEOUT_SECONDS = 900


def empty_before_deletion(
    scope: Construct,
    group: sagemaker.CfnModelPackageGroup,
    *,
    name: str,
    group_arn: str,
    package_arns: str,
    log_retention_days: int,
) -> None:
    """Define a custom resource that deletes the versions of `group` when the whole stack is deleted, and only then.

    :param name: Name of the group.
    :param group_arn: ARN of the group.
    :param package_arns: ARN pattern of its versions.
    :param log_retention_days: How long the function's log is kept, if the stack lives on.
    """
    stack = cdk.Stack.of(scope)
    log_group = logs.CfnLogGroup(scope, "EmptyingLogs", retention_in_days=log_retention_days)
    role = service_role(
        scope,
        "EmptyingRole",
        service="lambda.amazonaws.com",
        description=f"Deletes the versions of {name} with their stack",
        statements=[
            Statement(
                sid="WriteLogs",
                actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                resources=[_refs.arn("logs", f"log-group:{log_group.ref}:log-stream:*")],
                reason="Lambda names a log stream anew for every instance of the function",
            ),
            Statement(
                sid="DeleteVersions",
                actions=["sagemaker:DeleteModelPackage", "sagemaker:ListModelPackages"],
                resources=[group_arn, package_arns],
                reason="versions are counted up",
            ),
            Statement(sid="LookAtStack", actions=["cloudformation:DescribeStacks"], resources=[_refs.stack_id()]),
        ],
    )
    location = function_asset(stack, EMPTYING)
    function = lambda_.CfnFunction(
        scope,
        "EmptyingFunction",
        code=lambda_.CfnFunction.CodeProperty(s3_bucket=location.bucket_name, s3_key=location.object_key),
        handler=EMPTYING.handler,
        runtime=RUNTIME,
        architectures=[Architecture.ARM_64.value],
        role=role.attr_arn,
        description=f"Deletes the versions of {name} with their stack",
        memory_size=256,
        timeout=_TIMEOUT_SECONDS,
        logging_config=lambda_.CfnFunction.LoggingConfigProperty(log_group=log_group.ref),
    )
    cdk.CfnResource(
        scope,
        "Versions",
        type="Custom::ModelPackageGroupVersions",
        properties={
            "ServiceToken": function.attr_arn,
            "ServiceTimeout": str(_TIMEOUT_SECONDS),
            # A reference, so that the versions go before the group.
            "GroupName": cdk.Fn.select(1, cdk.Fn.split("/", group.attr_model_package_group_arn)),
        },
    )
