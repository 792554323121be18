"""The function that tells of native executions as the other engines tell of theirs.

SageMaker has no event about executions. It has one about their jobs, and none where there was nothing to do; so the
function is woken by the jobs and once an hour, looks at the newest executions, and announces each that nobody has.
"""

from __future__ import annotations

from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_

from cdk_sagemaker_mlops._block import Member
from cdk_sagemaker_mlops._iam import Statement
from cdk_sagemaker_mlops.alarming import AlarmRule
from cdk_sagemaker_mlops.functions import MONITOR, Architecture, monitor_layer_arn
from cdk_sagemaker_mlops.functions.service_function import add_function, add_queue

from .engine import EngineRequest
from .native_access import announcer_statements
from .scheduled_function import add_retries, add_timetable, lost_rule

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
    add_retries(request, function, dead_letters)
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
    look = add_timetable(
        request,
        function,
        dead_letters,
        statement="StartLooks",
        role_description=f"Looks after {request.monitoring_type} executions of {request.source.name}",
        description=f"Looks after {request.monitoring_type} executions of {request.source.name}",
        expression=_LOOK,
        payload={"action": "look"},
        maximum_age_seconds=_HOUR,
    )
    lost = lost_rule(
        dead_letters,
        title=f"{request.monitoring_type} executions of {request.source.subject} could not be announced",
        advice=(
            f"Violations may go unnoticed. The cause is in log {function.log_group_name}; when it is repaired, invoke "
            f"function {function.name} with any event, then delete the messages of queue {dead_letters.name}. "
            f"Reports: {request.report_hint}"
        ),
        what="failed looks waiting",
    )
    return look, lost
