"""Metrics of executions, and what of them is an alarm.

https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html#cloudwatch-metrics-pipelines
"""

from __future__ import annotations

from dataclasses import dataclass

from cdk_sagemaker_mlops.alarming import AlarmRule, MissingData, Severity
from cdk_sagemaker_mlops.measures import Measure

NAMESPACE = "AWS/Sagemaker/ModelBuildingPipeline"
_HOUR = 3600
_DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineAlarms:
    """What of a pipeline's executions is an alarm.

    :param failed: An execution failed. Default: True
    :param max_hours: An execution took longer than this many hours; None for no alarm. SageMaker tells the duration
        when the execution has ended; steps have limits of their own that end them before. Default: 12
    :param none_succeeded_for_days: No execution succeeded for this many days, 1 to 7; for pipelines with a schedule.
        Default: - no alarm
    """

    failed: bool = True
    max_hours: float | None = 12
    none_succeeded_for_days: int | None = None

    def problems(self) -> list[str]:
        """What is wrong with it."""
        found = []
        if self.max_hours is not None and self.max_hours <= 0:
            found.append(f"alarms.max_hours is {self.max_hours}, allowed are positive numbers, or None for no alarm")
        days = self.none_succeeded_for_days
        if days is not None and not 1 <= days <= 7:
            found.append(
                f"alarms.none_succeeded_for_days is {days}, allowed are 1 to 7: CloudWatch looks back a week at most"
            )
        return found


def measure(pipeline_name: str, metric: str, statistic: str, period_seconds: int = _HOUR) -> Measure:
    """A metric of a pipeline's executions."""
    return Measure(
        namespace=NAMESPACE,
        name=metric,
        dimensions=(("PipelineName", pipeline_name),),
        statistic=statistic,
        period_seconds=period_seconds,
    )


def alarm_rules(pipeline_name: str, wanted: PipelineAlarms) -> list[AlarmRule]:
    """The alarms of a pipeline."""
    rules = []
    if wanted.failed:
        rules.append(
            AlarmRule(
                id="ExecutionFailed",
                severity=Severity.WARNING,
                title=f"An execution of training pipeline {pipeline_name} failed",
                advice=(
                    "Nothing was registered. The failed step and its reason: aws sagemaker list-pipeline-executions "
                    "--pipeline-name <name>, then list-pipeline-execution-steps"
                ),
                measure=measure(pipeline_name, "ExecutionFailed", "Sum", 300),
                threshold=0,
                missing_data=MissingData.NOT_BREACHING,
            )
        )
    if wanted.max_hours is not None:
        rules.append(
            AlarmRule(
                id="ExecutionTooLong",
                severity=Severity.WARNING,
                title=f"An execution of training pipeline {pipeline_name} took longer than {wanted.max_hours:g} hours",
                advice="Look which step took the time, and give it a larger instance or less data",
                # In milliseconds.
                measure=measure(pipeline_name, "ExecutionDuration", "Maximum"),
                threshold=wanted.max_hours * _HOUR * 1000,
                missing_data=MissingData.NOT_BREACHING,
            )
        )
    if wanted.none_succeeded_for_days is not None:
        days = wanted.none_succeeded_for_days
        rules.append(
            AlarmRule(
                id="NoneSucceeded",
                severity=Severity.WARNING,
                title=f"No execution of training pipeline {pipeline_name} succeeded for {days} days",
                advice="Is its schedule turned off, or does every execution fail?",
                measure=measure(pipeline_name, "ExecutionSucceeded", "Sum", _DAY),
                threshold=1,
                comparison="LessThanThreshold",
                evaluation_periods=days,
                missing_data=MissingData.BREACHING,
            )
        )
    return rules
