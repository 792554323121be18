"""What wakes the retraining function: monitors' runs, alarms, ends of executions, approvals, a clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_

from cdk_sagemaker_mlops import _refs

if TYPE_CHECKING:
    from aws_cdk.aws_cloudwatch import IAlarm

    from cdk_sagemaker_mlops._block import Block
    from cdk_sagemaker_mlops.registry import ModelPackageGroupBase

    from .pipeline_base import TrainingPipelineBase


def add_wake_ups(
    block: Block,
    function_arn: str,
    *,
    pipeline: TrainingPipelineBase,
    group: ModelPackageGroupBase,
    endpoint_name: str,
    alarms: Sequence[IAlarm],
) -> None:
    """Adds the rules, and what allows them to call the function, to a block."""

    def rule(construct_id: str, description: str, **what: Any) -> None:
        _add_rule(block, function_arn, construct_id, description, **what)

    rule(
        "Drift",
        "A monitor compared traffic with its baseline",
        pattern={
            "source": ["sagemaker-mlops.monitoring"],
            "detail-type": ["Monitoring Execution"],
            "detail": {"endpointName": [endpoint_name], "status": ["Completed", "CompletedWithViolations"]},
        },
    )
    if alarms:
        rule(
            "Alarms",
            "An alarm about the model began or ended",
            pattern={
                "source": ["aws.cloudwatch"],
                "detail-type": ["CloudWatch Alarm State Change"],
                "resources": [_refs.alarm_arn(alarm) for alarm in alarms],
                "detail": {"state": {"value": ["ALARM", "OK"]}},
            },
        )
    rule(
        "Ended",
        "An execution of the training pipeline ended",
        pattern={
            "source": ["aws.sagemaker"],
            "detail-type": ["SageMaker Model Building Pipeline Execution Status Change"],
            "detail": {
                "pipelineArn": [pipeline.pipeline_arn],
                "currentPipelineExecutionStatus": ["Succeeded", "Failed", "Stopped"],
            },
        },
    )
    rule(
        "Approval",
        "A version was approved or rejected",
        pattern={
            "source": ["aws.sagemaker"],
            "detail-type": ["SageMaker Model Package State Change"],
            "detail": {
                "ModelPackageGroupName": [group.group_name],
                "ModelApprovalStatus": ["Approved", "Rejected"],
            },
        },
    )
    # Level-triggered: what was put off is done when its time has come, and no lost event is missed for long.
    rule("Clock", "A regular look", schedule="rate(15 minutes)")


def _add_rule(
    block: Block,
    function_arn: str,
    construct_id: str,
    description: str,
    *,
    pattern: Mapping[str, Any] | None = None,
    schedule: str | None = None,
) -> None:
    rule = block.add(
        construct_id,
        "AWS::Events::Rule",
        events.CfnRuleProps(
            description=description,
            event_pattern=pattern,
            schedule_expression=schedule,
            state="ENABLED",
            targets=[events.CfnRule.TargetProperty(id="Function", arn=function_arn)],
        ),
    )
    block.add(
        f"{construct_id}Permission",
        "AWS::Lambda::Permission",
        lambda_.CfnPermissionProps(
            action="lambda:InvokeFunction",
            function_name=function_arn,
            principal="events.amazonaws.com",
            source_arn=rule.att("Arn"),
        ),
    )
