"""What starts a pipeline by itself: a schedule, or events. Both call SageMaker directly; there is no function between.

https://docs.aws.amazon.com/sagemaker/latest/dg/pipeline-eventbridge.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aws_cdk import aws_events as events
from aws_cdk import aws_scheduler as scheduler

from cdk_sagemaker_mlops import _iam
from cdk_sagemaker_mlops._errors import did_you_mean
from cdk_sagemaker_mlops._iam import Statement

if TYPE_CHECKING:
    from cdk_sagemaker_mlops._block import Block

_EXPRESSION = re.compile(r"(cron\(\S+ \S+ \S+ \S+ \S+ \S+\)|rate\([1-9]\d* (minute|hour|day)s?\)|at\(\S+\))")


@dataclass(frozen=True, kw_only=True)
class TrainingSchedule:
    """Starts a pipeline regularly.

    :param expression: `cron(minute hour day month weekday year)` or `rate(n days)` of EventBridge Scheduler.
    :param timezone: Default: UTC
    :param parameters: Parameters of the execution. Default: - their default values
    :param window_minutes: It starts at any time within so many minutes. Default: 0, which is at once
    """

    expression: str
    timezone: str = "UTC"
    parameters: Mapping[str, str] = field(default_factory=dict)
    window_minutes: int = 0

    @staticmethod
    def daily(hour: int = 2, **options: Any) -> TrainingSchedule:
        """Every day at this hour, UTC."""
        return TrainingSchedule(expression=f"cron(0 {hour} * * ? *)", **options)

    @staticmethod
    def weekly(day: str = "SUN", hour: int = 2, **options: Any) -> TrainingSchedule:
        """Every week on this day (MON to SUN) and hour, UTC."""
        return TrainingSchedule(expression=f"cron(0 {hour} ? * {day} *)", **options)

    @staticmethod
    def monthly(day: int = 1, hour: int = 2, **options: Any) -> TrainingSchedule:
        """Every month on this day and hour, UTC."""
        return TrainingSchedule(expression=f"cron(0 {hour} {day} * ? *)", **options)

    def problems(self) -> list[str]:
        """What is wrong with it."""
        found = []
        if not _EXPRESSION.fullmatch(self.expression):
            found.append(
                f'schedule is "{self.expression}", allowed are cron(minute hour day month weekday year), '
                "rate(number unit) and at(time)"
            )
        if not 0 <= self.window_minutes <= 1440:
            found.append(f"schedule: window_minutes is {self.window_minutes}, allowed are 0 to 1440")
        return found


def start_statement(pipeline_arn: str) -> Statement:
    """What starting a pipeline needs."""
    return Statement(sid="StartPipeline", actions=["sagemaker:StartPipelineExecution"], resources=[pipeline_arn])


def parameter_problems(parameters: Mapping[str, str], document: Mapping[str, Any]) -> list[str]:
    """Which parameters of a start a definition does not have: the start would fail each time, unseen."""
    known = [str(parameter.get("Name")) for parameter in document.get("Parameters", ())]
    return [
        f"{name} is none of the pipeline's, which are {', '.join(known) or 'none'}{did_you_mean(name, known)}"
        for name in parameters
        if name not in known
    ]


def circle_problems(prefix: str, written: str) -> list[str]:
    """Why a pipeline that writes below a prefix would start itself by new objects below another one of the bucket."""
    if not (written.startswith(prefix) or prefix.startswith(written)):
        return []
    return [
        f'prefix is "{prefix}", and the pipeline writes below {written} of the same bucket, so each execution would '
        "start the next one; keep training data beside it"
    ]


def add_schedule(block: Block, schedule: TrainingSchedule, pipeline_arn: str) -> None:
    """Adds a schedule and its role to a block."""
    role = _iam.add_service_role(
        block,
        "ScheduleRole",
        service="scheduler.amazonaws.com",
        description="Starts a training pipeline by schedule",
        statements=[start_statement(pipeline_arn)],
        trust_conditions=_iam.same_account_only(),
    )
    parameters = [
        scheduler.CfnSchedule.SageMakerPipelineParameterProperty(name=name, value=value)
        for name, value in schedule.parameters.items()
    ]
    window = scheduler.CfnSchedule.FlexibleTimeWindowProperty(
        mode="FLEXIBLE" if schedule.window_minutes else "OFF",
        maximum_window_in_minutes=schedule.window_minutes or None,
    )
    block.add(
        "Schedule",
        "AWS::Scheduler::Schedule",
        scheduler.CfnScheduleProps(
            schedule_expression=schedule.expression,
            schedule_expression_timezone=schedule.timezone,
            flexible_time_window=window,
            target=scheduler.CfnSchedule.TargetProperty(
                arn=pipeline_arn,
                role_arn=role.att("Arn"),
                sage_maker_pipeline_parameters=scheduler.CfnSchedule.SageMakerPipelineParametersProperty(
                    pipeline_parameter_list=parameters
                )
                if parameters
                else None,
                # A pipeline that could not be started within a day is started by the next one.
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=86_400, maximum_retry_attempts=20
                ),
            ),
        ),
    )


def add_rule(
    block: Block,
    construct_id: str,
    pipeline_arn: str,
    *,
    pattern: Mapping[str, Any],
    parameters: Mapping[str, str],
    description: str | None,
) -> None:
    """Adds an event rule with the pipeline as its target, and its role, to a block."""
    role = _iam.add_service_role(
        block,
        f"{construct_id}Role",
        service="events.amazonaws.com",
        description="Starts a training pipeline by events",
        statements=[start_statement(pipeline_arn)],
        trust_conditions=_iam.same_account_only(),
    )
    listed = [
        events.CfnRule.SageMakerPipelineParameterProperty(name=name, value=value) for name, value in parameters.items()
    ]
    block.add(
        construct_id,
        "AWS::Events::Rule",
        events.CfnRuleProps(
            description=description,
            event_pattern=pattern,
            state="ENABLED",
            targets=[
                events.CfnRule.TargetProperty(
                    id="Pipeline",
                    arn=pipeline_arn,
                    role_arn=role.att("Arn"),
                    sage_maker_pipeline_parameters=events.CfnRule.SageMakerPipelineParametersProperty(
                        pipeline_parameter_list=listed
                    )
                    if listed
                    else None,
                )
            ],
        ),
    )
