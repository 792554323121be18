"""Permissions of a model's container and of SageMaker on its behalf: no more than the endpoint uses.

https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from . import _refs
from ._iam import Statement

if TYPE_CHECKING:
    from aws_cdk.aws_cloudwatch import IAlarm


def observability_statements(log_group_name: str, streams_arn: str) -> list[Statement]:
    """Write the container's log and the endpoint's metrics.

    :param log_group_name: Name of the endpoint's log group.
    :param streams_arn: ARN attribute of the log group, which ends in `:*`. A reference, so that the group is deleted
        after the endpoint: before, a container would make it again.
    """
    return [
        Statement(
            sid="WriteLogs",
            # SageMaker calls CreateLogGroup first even where the group exists.
            actions=["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            resources=[_refs.arn("logs", f"log-group:{log_group_name}"), streams_arn],
            reason="SageMaker names the log streams after variants and instances",
        ),
        Statement(
            sid="PublishMetrics",
            actions=["cloudwatch:PutMetricData"],
            resources=["*"],
            conditions={
                "StringLike": {"cloudwatch:namespace": ["AWS/SageMaker*", "/aws/sagemaker/*", "aws/sagemaker/*"]}
            },
            reason="cloudwatch:PutMetricData knows no resources; the condition limits it to SageMaker's namespaces",
        ),
    ]


def volume_key_statements(key_arn: str) -> list[Statement]:
    """Let SageMaker attach volumes that are encrypted with a customer managed key."""
    return [
        Statement(
            sid="GrantVolumeKey",
            actions=["kms:CreateGrant"],
            resources=[key_arn],
            conditions={"Bool": {"kms:GrantIsForAWSResource": "true"}},
        ),
        Statement(sid="UseVolumeKey", actions=["kms:Decrypt", "kms:DescribeKey"], resources=[key_arn]),
    ]


def rollback_statements(own: bool, given: Sequence[IAlarm]) -> Iterable[Statement]:
    """SageMaker reads the alarms that may roll a deployment back with the execution role.

    The role exists before the first model and must not refer to alarms that do not, hence a pattern for the endpoint's
    own.

    :param own: Whether the endpoint makes alarms itself.
    :param given: Alarms of the user.
    """
    patterns = [_refs.arn("cloudwatch", f"alarm:{_refs.stack_name()}-*")] if own else []
    resources = [*patterns, *(_refs.alarm_arn(alarm) for alarm in given)]
    if resources:
        yield Statement(
            sid="WatchRollbackAlarms",
            actions=["cloudwatch:DescribeAlarms"],
            resources=resources,
            reason="CloudFormation begins the names of the stack's alarms with the stack's name and ends them at random"
            if own
            else "",
        )
