"""The function that Scheduler invokes for every run, whether it carries the run out or hands it over to a job."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import aws_scheduler as scheduler

from cdk_sagemaker_mlops import _naming
from cdk_sagemaker_mlops._block import Member
from cdk_sagemaker_mlops._errors import Problems
from cdk_sagemaker_mlops._iam import Statement, add_service_role, same_account_only
from cdk_sagemaker_mlops.alarming import AlarmRule, Concern, MissingData, Severity
from cdk_sagemaker_mlops.functions import MONITOR, Architecture
from cdk_sagemaker_mlops.functions.service_function import (
    Queue,
    ServiceFunction,
    add_function,
    add_queue,
    keep_failed_events,
)
from cdk_sagemaker_mlops.measures import waiting_messages

from .engine import EngineRequest

# Scheduler replaces this by the time for which the run was scheduled, which retries keep.
# https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
_SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"
_RETRIES = 2
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_MAX_ENVIRONMENT_BYTES = 4096


@dataclass(frozen=True, kw_only=True)
class ScheduledFunction:
    """The function with what belongs to it.

    :param function: The function.
    :param schedule: What invokes it.
    :param lost_run: Alarm on runs that failed after all retries.
    """

    function: ServiceFunction
    schedule: Member
    lost_run: AlarmRule


def add_scheduled_function(
    request: EngineRequest,
    *,
    statements: Sequence[Statement],
    environment: Mapping[str, str],
    memory_mb: int,
    timeout_seconds: int,
    architecture: Architecture,
    layers: Sequence[str],
    log_retention_days: int,
) -> ScheduledFunction:
    """Adds function, schedule, dead-letter queue and their roles.

    A run is idempotent, so whatever fails is tried again: delivery by Scheduler, the run by Lambda, each twice. What
    still fails goes into a dead-letter queue with an alarm, event and window included, from where it can be run again.

    :param statements: What the function does.
    :param environment: Its settings.
    :param layers: ARNs of layers.
    """
    problems = Problems()
    problems.extend(environment_problems(environment))
    problems.raise_if_any(request.block.scope)
    dead_letters = add_queue(request.block, "DeadLetters")
    keep = Statement(sid="KeepFailedRuns", actions=["sqs:SendMessage"], resources=[dead_letters.arn])
    function = add_function(
        request.block,
        request.stack,
        code=MONITOR,
        description=f"{request.monitoring_type} runs of {request.source.name}",
        statements=[*statements, keep],
        environment=environment,
        memory_mb=memory_mb,
        timeout_seconds=timeout_seconds,
        architecture=architecture,
        layers=layers,
        log_retention_days=log_retention_days,
    )
    add_retries(request, function, dead_letters)
    return ScheduledFunction(
        function=function,
        schedule=_schedule(request, function, dead_letters),
        lost_run=_lost_run_rule(request, function, dead_letters),
    )


def environment_problems(environment: Mapping[str, str]) -> list[str]:
    """Says when the settings have more text than a function's environment takes, as far as it is known."""
    size = sum(len(name.encode()) + len(value.encode()) for name, value in environment.items())
    if size <= _MAX_ENVIRONMENT_BYTES:
        return []
    longest = max(environment, key=lambda name: len(environment[name]))
    return [
        f"the monitor's settings have {size} bytes, a Lambda function's environment takes {_MAX_ENVIRONMENT_BYTES}; "
        f"the longest is {longest} with {len(environment[longest])}: name fewer features or columns"
    ]


def add_retries(request: EngineRequest, function: ServiceFunction, dead_letters: Queue) -> None:
    """Adds Lambda's own retries, and where what still fails is kept."""
    keep_failed_events(request.block, "Retries", function, dead_letters, retries=_RETRIES, maximum_age_seconds=6 * 3600)


def _schedule(request: EngineRequest, function: ServiceFunction, dead_letters: Queue) -> Member:
    # The version and its baselines travel in the input, so that a rollout changes this schedule and never the function.
    baseline: dict[str, Any] = {
        "constraints": request.baseline.constraints_uri,
        "statistics": request.baseline.statistics_uri,
    }
    if request.baseline.optional:
        baseline["optional"] = True
    payload = {
        "scheduled_time": _SCHEDULED_TIME,
        "model_package_arn": request.model_package_arn,
        "baseline": baseline,
    }
    return add_timetable(
        request,
        function,
        dead_letters,
        statement="StartRuns",
        role_description=f"Starts {request.monitoring_type} runs of {request.source.name}",
        description=f"{request.monitoring_type} runs of {request.source.name}",
        expression=request.schedule.expression,
        payload=payload,
        maximum_age_seconds=request.schedule.period_seconds,
    )


def add_timetable(
    request: EngineRequest,
    function: ServiceFunction,
    dead_letters: Queue,
    *,
    statement: str,
    role_description: str,
    description: str,
    expression: str,
    payload: Mapping[str, Any],
    maximum_age_seconds: int,
) -> Member:
    """Adds what invokes the function again and again, with its role.

    :param statement: Id of the statement that allows it.
    :param payload: What the function gets.
    :param maximum_age_seconds: How long an invocation that cannot be delivered is tried.
    """
    role = add_service_role(
        request.block,
        "SchedulerRole",
        service="scheduler.amazonaws.com",
        trust_conditions=same_account_only(),
        description=role_description,
        statements=[
            Statement(sid=statement, actions=["lambda:InvokeFunction"], resources=[function.arn]),
            Statement(sid="KeepUndelivered", actions=["sqs:SendMessage"], resources=[dead_letters.arn]),
        ],
    )
    properties = scheduler.CfnScheduleProps(
        # A fixed name is safe: nothing else of a schedule replaces it, permissions can name it, and name and id are the
        # same for all engines, so that a change of engine is an update.
        name=_naming.fit(request.schedule_name, 64),
        description=description,
        schedule_expression=expression,
        schedule_expression_timezone="UTC",
        flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
        target=scheduler.CfnSchedule.TargetProperty(
            arn=function.arn,
            role_arn=role.att("Arn"),
            input=json.dumps(payload),
            dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=dead_letters.arn),
            retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                maximum_event_age_in_seconds=maximum_age_seconds, maximum_retry_attempts=_RETRIES
            ),
        ),
    )
    return request.block.add("Schedule", "AWS::Scheduler::Schedule", properties)


def _lost_run_rule(request: EngineRequest, function: ServiceFunction, dead_letters: Queue) -> AlarmRule:
    return lost_rule(
        dead_letters,
        title=f"A {request.monitoring_type} run of {request.source.subject} failed after all retries",
        advice=(
            f"Its event is in queue {dead_letters.name}, its log in {function.log_group_name}; when the cause is "
            f"repaired, invoke function {function.name} with that event, then delete the message. Earlier reports: "
            f"{request.report_hint}"
        ),
        what="failed runs waiting",
    )


def lost_rule(dead_letters: Queue, *, title: str, advice: str, what: str) -> AlarmRule:
    """The alarm on what waits in the queue of what failed for good."""
    return AlarmRule(
        id="RunLost",
        concern=Concern.WATCHING,
        severity=Severity.CRITICAL,
        title=title,
        advice=advice,
        measure=waiting_messages(dead_letters.name, what),
        threshold=0,
        missing_data=MissingData.NOT_BREACHING,
    )
