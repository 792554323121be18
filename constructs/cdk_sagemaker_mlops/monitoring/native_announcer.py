"""The function that tells of native executions as the other engines tell of theirs.

SageMaker has no event about executions. It has one about their jobs, and none where there was nothing to do; so the
function is woken by the jobs and once an hour, looks at the newest executions, and announces each that nobody has.
"""

from __future__ import annotations

import json

from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler

from cdk_sagemaker_mlops import _naming
from cdk_sagemaker_mlops._block import Member
from cdk_sagemaker_mlops._iam import Statement, add_service_role, same_account_only
from cdk_sagemaker_mlops.alarming import AlarmRule, Concern, MissingData, Severity
from cdk_sagemaker_mlops.functions import MONITOR, Architecture, monitor_layer_arn
from cdk_sagemaker_mlops.functions.service_function import Queue, ServiceFunction, add_function, add_queue
from cdk_sagemaker_mlops.measures import waiting_messages

from .engine import EngineRequest
from .native_access import announcer_statements

_JOB_EVENT = "SageMaker Processing Job State Change"
_LOOK = "cron(50 * * * ? *)"
_HOUR = 3600


def add_announcer(
    request: EngineRequest, run_role: Member, definition_kind: str, log_retention_days: int
) -> tuple[Member, AlarmRule]:
    """Adds function, rule and schedule.

    :param run_role: Role of the executions' jobs, by which the rule knows them.
    :return: What must not exist before the endpoint does, and the alarm on what the function failed to tell.
    """
    block = request.block
    dead_letters = add_queue(block, "DeadLetters")
    function = add_function(
        block,
        request.stack,
        code=MONITOR,
        description=f"Tells of {request.monitoring_type} executions of {request.source.name}",
        statements=[
            *announcer_statements(request, definition_kind),
            Statement(sid="KeepFailedLooks", actions=["sqs:SendMessage"], resources=[dead_letters.arn]),
        ],
        environment=request.settings | {"ENGINE": "model-monitor"},
        memory_mb=1024,
        timeout_seconds=300,
        architecture=Architecture.ARM_64,
        layers=[monitor_layer_arn(request.stack, Architecture.ARM_64)],
        log_retention_days=log_retention_days,
    )
    block.add(
        "Retries",
        "AWS::Lambda::EventInvokeConfig",
        lambda_.CfnEventInvokeConfigProps(
            function_name=function.name,
            qualifier="$LATEST",
            maximum_retry_attempts=2,
            maximum_event_age_in_seconds=6 * _HOUR,
            destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
                on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(destination=dead_letters.arn)
            ),
        ),
    )
    rule = block.add(
        "EndedJobs",
        "AWS::Events::Rule",
        events.CfnRuleProps(
            description=f"Ended jobs of {request.schedule_name}",
            event_pattern={
                "source": ["aws.sagemaker"],
                "detail-type": [_JOB_EVENT],
                "detail": {
                    "ProcessingJobStatus": ["Completed", "Failed", "Stopped"],
                    "RoleArn": [run_role.att("Arn")],
                },
            },
            targets=[events.CfnRule.TargetProperty(arn=function.arn, id="Announcer")],
        ),
    )
    block.add(
        "EndedJobsMayInvoke",
        "AWS::Lambda::Permission",
        lambda_.CfnPermissionProps(
            action="lambda:InvokeFunction",
            function_name=function.arn,
            principal="events.amazonaws.com",
            source_arn=rule.att("Arn"),
        ),
    )
    return _look(request, function, dead_letters), _lost_rule(request, function, dead_letters)


def _look(request: EngineRequest, function: ServiceFunction, dead_letters: Queue) -> Member:
    role = add_service_role(
        request.block,
        "SchedulerRole",
        service="scheduler.amazonaws.com",
        trust_conditions=same_account_only(),
        description=f"Looks after {request.monitoring_type} executions of {request.source.name}",
        statements=[
            Statement(sid="StartLooks", actions=["lambda:InvokeFunction"], resources=[function.arn]),
            Statement(sid="KeepUndelivered", actions=["sqs:SendMessage"], resources=[dead_letters.arn]),
        ],
    )
    properties = scheduler.CfnScheduleProps(
        # Name and id are those of the other engines' schedules, so that a change of engine is an update.
        name=_naming.fit(request.schedule_name, 64),
        description=f"Looks after {request.monitoring_type} executions of {request.source.name}",
        schedule_expression=_LOOK,
        schedule_expression_timezone="UTC",
        flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
        target=scheduler.CfnSchedule.TargetProperty(
            arn=function.arn,
            role_arn=role.att("Arn"),
            input=json.dumps({"action": "look"}),
            dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=dead_letters.arn),
            retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                maximum_event_age_in_seconds=_HOUR, maximum_retry_attempts=2
            ),
        ),
    )
    return request.block.add("Schedule", "AWS::Scheduler::Schedule", properties)


def _lost_rule(request: EngineRequest, function: ServiceFunction, dead_letters: Queue) -> AlarmRule:
    return AlarmRule(
        id="RunLost",
        concern=Concern.WATCHING,
        severity=Severity.CRITICAL,
        title=f"{request.monitoring_type} executions of {request.source.subject} could not be announced",
        advice=(
            f"Violations may go unnoticed. The cause is in log {function.log_group_name}; when it is repaired, invoke "
            f"function {function.name} with any event, then delete the messages of queue {dead_letters.name}. "
            f"Reports: {request.report_hint}"
        ),
        measure=waiting_messages(dead_letters.name, "failed looks waiting"),
        threshold=0,
        missing_data=MissingData.NOT_BREACHING,
    )
