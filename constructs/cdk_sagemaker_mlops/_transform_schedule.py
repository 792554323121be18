"""What starts transform jobs: a schedule that calls CreateTransformJob itself, and an alarm on starts that failed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_cdk import aws_scheduler as scheduler

from . import _refs
from ._iam import Statement, add_service_role, same_account_only
from .alarming import AlarmRule, MissingData, Severity
from .functions.service_function import Queue, add_queue
from .measures import waiting_messages

if TYPE_CHECKING:
    from ._block import Block, Member

# Scheduler replaces this by an id of its own, so that every job has a name that no job had before.
# https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
RUN = "<aws.scheduler.execution-id>"
_RETRIES = 3
_RETRY_SECONDS = 3600


@dataclass(frozen=True, kw_only=True)
class TransformSchedule:
    """The schedule with what belongs to it.

    :param schedule: What starts jobs.
    :param not_started: Alarm on starts that were refused.
    """

    schedule: Member
    not_started: AlarmRule


def add_transform_schedule(
    block: Block,
    *,
    name: str,
    jobs: str,
    job_arns: str,
    request: Mapping[str, Any],
    timing: tuple[str, str],
    volume_key: str | None,
    condition: str | None,
) -> TransformSchedule:
    """Adds the schedule, its role and its dead-letter queue.

    :param name: Name of the schedule.
    :param jobs: First part of the names of jobs.
    :param job_arns: ARN pattern of them.
    :param request: The request to CreateTransformJob but for the name.
    :param timing: Expression and time zone.
    :param volume_key: ARN of the key of the instances' volumes.
    :param condition: Condition under which there is a schedule.
    """
    dead_letters = add_queue(block, "DeadLetters")
    role = add_service_role(
        block,
        "SchedulerRole",
        service="scheduler.amazonaws.com",
        trust_conditions=same_account_only(),
        description=f"Starts transform jobs {jobs}-*",
        statements=_statements(job_arns, dead_letters, volume_key),
    )
    expression, timezone = timing
    properties = scheduler.CfnScheduleProps(
        # A fixed name is safe: nothing else of a schedule replaces it, and permissions can name it.
        name=name,
        description=f"Transform jobs {jobs}-*",
        schedule_expression=expression,
        schedule_expression_timezone=timezone,
        flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
        target=scheduler.CfnSchedule.TargetProperty(
            arn=f"arn:{_refs.partition()}:scheduler:::aws-sdk:sagemaker:createTransformJob",
            role_arn=role.att("Arn"),
            input=json.dumps({"TransformJobName": f"{jobs}-{RUN}", **request}),
            dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=dead_letters.arn),
            retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                maximum_event_age_in_seconds=_RETRY_SECONDS, maximum_retry_attempts=_RETRIES
            ),
        ),
    )
    schedule = block.add("Schedule", "AWS::Scheduler::Schedule", properties, condition=condition)
    return TransformSchedule(schedule=schedule, not_started=_not_started(jobs, dead_letters))


def _statements(job_arns: str, dead_letters: Queue, volume_key: str | None) -> list[Statement]:
    statements = [
        Statement(
            sid="StartJobs",
            actions=["sagemaker:CreateTransformJob"],
            resources=[job_arns],
            reason="every job has a name of its own",
        ),
        Statement(sid="KeepUndelivered", actions=["sqs:SendMessage"], resources=[dead_letters.arn]),
    ]
    if volume_key:
        statements.append(
            Statement(
                sid="EncryptVolumes",
                actions=["kms:CreateGrant", "kms:DescribeKey"],
                resources=[volume_key],
                conditions={"StringLike": {"kms:ViaService": f"sagemaker.{_refs.region()}.amazonaws.com"}},
            )
        )
    return statements


def _not_started(name: str, dead_letters: Queue) -> AlarmRule:
    return AlarmRule(
        id="NotStarted",
        severity=Severity.CRITICAL,
        title=f"A transform job {name}-* could not be started",
        advice=f"Its request is in queue {dead_letters.name} with the error as an attribute: a quota of instances and "
        "a missing permission are the usual causes. Repair it, start the job with that request, delete the message",
        measure=waiting_messages(dead_letters.name, "jobs not started"),
        threshold=0,
        missing_data=MissingData.NOT_BREACHING,
    )
