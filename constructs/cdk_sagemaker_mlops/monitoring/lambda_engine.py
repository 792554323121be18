"""The `lambda` engine: EventBridge Scheduler invokes a function that analyses the window by itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler

from cdk_sagemaker_mlops import _naming
from cdk_sagemaker_mlops._iam import Statement, add_service_role, same_account_only
from cdk_sagemaker_mlops.alarming import AlarmRule, MissingData, Severity
from cdk_sagemaker_mlops.functions import MONITOR, Architecture, monitor_layer_arn
from cdk_sagemaker_mlops.functions.service_function import Queue, ServiceFunction, add_function, add_queue
from cdk_sagemaker_mlops.measures import Measure

from .engine import BoundEngine, Engine, EngineRequest, EngineTask

if TYPE_CHECKING:
    from cdk_sagemaker_mlops._block import Member

# Scheduler replaces this by the time for which the run was scheduled, which retries keep.
# https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
_SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"
_MAX_TIMEOUT_SECONDS = 900
_RETRIES = 2


@dataclass(frozen=True, kw_only=True)
class LambdaEngine(Engine):
    """The analyzer in a Lambda function.

    A run is idempotent, so whatever fails is tried again: delivery by Scheduler, the run by Lambda, each twice. What
    still fails goes into a dead-letter queue with an alarm, event and window included, from where it can be run again.

    :param memory_mb: Memory, which on Lambda also buys processor time. Default: 1769, one whole processor
    :param timeout_seconds: Longest run. Default: 900, Lambda's limit
    :param architecture: Processor. Default: ARM_64, a fifth cheaper per second
    :param log_retention_days: How long logs are kept. Default: 90
    :param layer_arn: ARN of an existing layer with the analyzer's wheels, for accounts that publish it centrally.
        Default: - a layer in the stack, from the wheels that this library locks
    """

    memory_mb: int = 1769
    timeout_seconds: int = _MAX_TIMEOUT_SECONDS
    architecture: Architecture = Architecture.ARM_64
    log_retention_days: int = 90
    layer_arn: str | None = None

    def problems(self, task: EngineTask) -> list[str]:
        """What Lambda would refuse."""
        found = []
        if not 512 <= self.memory_mb <= 10_240:
            found.append(
                f"engine memory_mb is {self.memory_mb}, allowed are 512 to 10240; polars alone needs about 300"
            )
        if not 30 <= self.timeout_seconds <= _MAX_TIMEOUT_SECONDS:
            found.append(f"engine timeout_seconds is {self.timeout_seconds}, allowed are 30 to {_MAX_TIMEOUT_SECONDS}")
        if task.analysis.needs_job:
            found.append(
                f"{task.monitoring_type} needs libraries that do not fit a Lambda beside the analyzer (XGBoost, "
                "LightGBM, scikit-learn); give it an engine that runs jobs: Engine.AUTO or Engine.PROCESSING"
            )
        return found

    def bind(self, request: EngineRequest) -> BoundEngine:
        """Defines function, schedule, dead-letter queue and their roles."""
        dead_letters = add_queue(request.block, "DeadLetters")
        layer = self.layer_arn or monitor_layer_arn(request.stack, self.architecture)
        function = add_function(
            request.block,
            request.stack,
            code=MONITOR,
            description=f"{request.monitoring_type} runs of {request.source.name}",
            statements=[*request.statements, keep_failed_runs(dead_letters)],
            environment=request.settings,
            memory_mb=self.memory_mb,
            timeout_seconds=self.timeout_seconds,
            architecture=self.architecture,
            layers=[layer],
            log_retention_days=self.log_retention_days,
        )
        request.block.add(
            "Retries",
            "AWS::Lambda::EventInvokeConfig",
            lambda_.CfnEventInvokeConfigProps(
                function_name=function.name,
                qualifier="$LATEST",
                maximum_retry_attempts=_RETRIES,
                maximum_event_age_in_seconds=6 * 3600,
                destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
                    on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(destination=dead_letters.arn)
                ),
            ),
        )
        return BoundEngine(
            name="lambda",
            role=function.role,
            log_group=function.log_group,
            rules=(_lost_run_rule(request, function, dead_letters),),
            conditional=(_schedule(request, function, dead_letters),),
            function=function.function,
        )


def keep_failed_runs(dead_letters: Queue) -> Statement:
    """Putting runs that failed after all retries where a person finds them."""
    return Statement(sid="KeepFailedRuns", actions=["sqs:SendMessage"], resources=[dead_letters.arn])


def _schedule(request: EngineRequest, function: ServiceFunction, dead_letters: Queue) -> Member:
    role = add_service_role(
        request.block,
        "SchedulerRole",
        service="scheduler.amazonaws.com",
        trust_conditions=same_account_only(),
        description=f"Starts {request.monitoring_type} runs of {request.source.name}",
        statements=[
            Statement(sid="StartRuns", actions=["lambda:InvokeFunction"], resources=[function.arn]),
            Statement(sid="KeepUndelivered", actions=["sqs:SendMessage"], resources=[dead_letters.arn]),
        ],
    )
    # The version and its baselines travel in the input, so that a rollout changes this schedule and never the function.
    payload = {
        "scheduled_time": _SCHEDULED_TIME,
        "model_package_arn": request.model_package_arn,
        "baseline": {
            "constraints": request.baseline.constraints_uri,
            "statistics": request.baseline.statistics_uri,
        },
    }
    properties = scheduler.CfnScheduleProps(
        # A fixed name is safe: nothing else of a schedule replaces it, and permissions can name it.
        name=_naming.fit(request.schedule_name, 64),
        description=f"{request.monitoring_type} runs of {request.source.name}",
        schedule_expression=request.schedule.expression,
        schedule_expression_timezone="UTC",
        flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
        target=scheduler.CfnSchedule.TargetProperty(
            arn=function.arn,
            role_arn=role.att("Arn"),
            input=json.dumps(payload),
            dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=dead_letters.arn),
            retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                maximum_event_age_in_seconds=request.schedule.period_seconds, maximum_retry_attempts=_RETRIES
            ),
        ),
    )
    return request.block.add("Schedule", "AWS::Scheduler::Schedule", properties)


def _lost_run_rule(request: EngineRequest, function: ServiceFunction, dead_letters: Queue) -> AlarmRule:
    return AlarmRule(
        id="RunLost",
        severity=Severity.CRITICAL,
        title=f"A {request.monitoring_type} run of {request.source.subject} failed after all retries",
        advice=(
            f"Its event is in queue {dead_letters.name}, its log in {function.log_group_name}; when the cause "
            "is repaired, "
            f"invoke function {function.name} with that event, then delete the message"
        ),
        measure=Measure(
            namespace="AWS/SQS",
            name="ApproximateNumberOfMessagesVisible",
            dimensions=(("QueueName", dead_letters.name),),
            statistic="Maximum",
            period_seconds=300,
            label="failed runs waiting",
        ),
        threshold=0,
        missing_data=MissingData.NOT_BREACHING,
    )
