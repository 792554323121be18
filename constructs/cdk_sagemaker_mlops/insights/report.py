"""A report about all models of an environment, by schedule."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from cdk_sagemaker_mlops import _naming, _paths
from cdk_sagemaker_mlops._block import Block
from cdk_sagemaker_mlops._errors import Problems
from cdk_sagemaker_mlops._iam import Statement, add_service_role, same_account_only
from cdk_sagemaker_mlops.alarming import Alarm, AlarmRule, MissingData, Severity, add_alarms
from cdk_sagemaker_mlops.functions import Architecture
from cdk_sagemaker_mlops.functions.service_function import ServiceFunction, add_function, add_queue, keep_failed_events
from cdk_sagemaker_mlops.functions.sources import INSIGHTS
from cdk_sagemaker_mlops.measures import waiting_messages
from cdk_sagemaker_mlops.monitoring.locations import Location
from cdk_sagemaker_mlops.notifications import AnnouncementTopic
from cdk_sagemaker_mlops.rollouts.names import ControllerNames

from .page import FOLDER, InsightsPage
from .permissions import function_statements
from .rule import InsightsRule

if TYPE_CHECKING:
    from aws_cdk.aws_iam import Grant, IGrantable
    from aws_cdk.aws_s3 import IBucket

    from cdk_sagemaker_mlops.functions.service_function import Queue

_TIMEOUT_SECONDS = 300
_MOST_DAYS = 60
_MOST_RULES = 20
_CRON = re.compile(r"cron\(\S+ \S+ \S+ \S+ \S+ \S+\)")
# Replaced by EventBridge Scheduler by the time for which a run was scheduled.
_SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"


@dataclass(frozen=True, kw_only=True)
class InsightsSchedule:
    """When the report is written and how far back it looks.

    :param expression: `cron(minute hour day month weekday year)` of EventBridge Scheduler, UTC.
    :param days: Days that it looks back, 1 to 60.
    """

    expression: str
    days: int

    @staticmethod
    def daily(hour: int = 6) -> InsightsSchedule:
        """Every day at this hour (UTC), about the day before."""
        return InsightsSchedule(expression=f"cron(0 {hour} * * ? *)", days=1)

    @staticmethod
    def weekly(day: str = "MON", hour: int = 6) -> InsightsSchedule:
        """Every week on this day (MON to SUN) and hour (UTC), about the seven days before."""
        return InsightsSchedule(expression=f"cron(0 {hour} ? * {day} *)", days=7)

    def problems(self) -> list[str]:
        """What is wrong with it."""
        found = []
        if not _CRON.fullmatch(self.expression):
            found.append(
                f'schedule is "{self.expression}", allowed are six fields: cron(minute hour day month weekday year)'
            )
        if not 1 <= self.days <= _MOST_DAYS:
            found.append(f"schedule looks back {self.days} days, allowed are 1 to {_MOST_DAYS}")
        return found


class InsightsReport(Construct):
    """Answers what a model's owner asks: is it healthy, what changed, which features matter, what should I do?

    A function reads the registered models of a rollout controller with their versions, evaluations, monitoring reports,
    metrics and alarms, applies named rules, and writes a page for each model and one about all of them below
    `<output>/insights/<controller>/yyyy/mm/dd/hh/`, with `insights.json` beside them; copies of the newest ones below
    `latest/`, for alarms and dashboards (:meth:`page`). A digest goes to the topic.

    Models register themselves with :class:`RolloutRegistration`, so adding one changes nothing here.

    :param controller_name: Name of the rollout controller.
    :param reports: Bucket of the monitors' reports.
    :param environment: Name of the environment in pages and messages. Default: - the controller's name
    :param output: Bucket of the pages. Default: - the bucket of the reports
    :param artifacts: Buckets that versions keep their evaluations in. Default: - evaluations are not read
    :param schedule: When, and how far back. Default: Mondays at 6:00 UTC about seven days
    :param rules: Rules of your own beside the report's. Default: - none
    :param notifications: Who gets the digest. Default: - nobody
    :param stack_prefix: What names of the serving stacks begin with. Default: `<controller>-Serving-`
    :param log_retention_days: How long logs are kept. Default: 90
    :param architecture: Processor. Default: ARM_64
    :ivar alarms: The alarms that it defined: the report failed three times.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        controller_name: str,
        reports: IBucket,
        environment: str | None = None,
        output: IBucket | None = None,
        artifacts: Sequence[IBucket] = (),
        schedule: InsightsSchedule | None = None,
        rules: Sequence[InsightsRule] = (),
        notifications: AnnouncementTopic | None = None,
        stack_prefix: str | None = None,
        log_retention_days: int = 90,
        architecture: Architecture = Architecture.ARM_64,
    ) -> None:
        schedule = schedule or InsightsSchedule.weekly()
        problems = Problems()
        problems.matches("controller_name", controller_name, _naming.NAME_PATTERN, _naming.NAME_RULE)
        problems.extend(schedule.problems())
        for number, rule in enumerate(rules):
            problems.extend(rule.problems(), where=f"rules[{number}]")
        problems.require(len(rules) <= _MOST_RULES, f"rules has {len(rules)} entries, allowed are {_MOST_RULES}")
        names = [rule.name for rule in rules]
        twice = sorted({name for name in names if names.count(name) > 1})
        problems.require(not twice, f"rules has {', '.join(twice)} more than once")
        problems.raise_if_any(scope, construct_id)
        super().__init__(scope, construct_id)
        _paths.place(self, scope, construct_id)
        self.controller_name = controller_name
        self._output = output or reports
        self._block = Block(self)
        self._dead_letters = add_queue(self._block, "DeadLetters")
        self._function = self._add_function(
            schedule,
            rules,
            Location(reports),
            Location(output or reports, FOLDER),
            [Location(bucket) for bucket in artifacts],
            ControllerNames(controller_name, stack_prefix or f"{controller_name}-Serving-"),
            environment or controller_name,
            notifications,
            log_retention_days,
            architecture,
        )
        self._add_schedule(schedule)
        self.alarms: tuple[Alarm, ...] = add_alarms(
            self._block,
            [self._rule()],
            [notifications] if notifications else [],
            name_prefix=f"{controller_name}-Insights",
        )
        self._block.define()

    @property
    def function_name(self) -> str:
        """Name of the function."""
        return self._function.name

    @property
    def dead_letters(self) -> Queue:
        """The queue of runs that failed three times."""
        return self._dead_letters

    @cached_property
    def function(self) -> lambda_.IFunction:
        """The function; invoked with `{}` it writes the report now."""
        return lambda_.Function.from_function_name(self, "FunctionView", self.function_name)

    def page(self, model: str) -> InsightsPage:
        """The newest page about a model, for its incidents and its dashboard."""
        return InsightsPage(bucket=self._output, controller_name=self.controller_name, model=model)

    def grant_run(self, grantee: IGrantable) -> Grant:
        """Allow writing the report now."""
        return self.function.grant_invoke(grantee)

    def _add_function(
        self,
        schedule: InsightsSchedule,
        rules: Sequence[InsightsRule],
        reports: Location,
        output: Location,
        artifacts: Sequence[Location],
        names: ControllerNames,
        environment: str,
        notifications: AnnouncementTopic | None,
        log_retention_days: int,
        architecture: Architecture,
    ) -> ServiceFunction:
        statements = [
            *function_statements(names, reports, artifacts, output),
            Statement(sid="KeepFailedRuns", actions=["sqs:SendMessage"], resources=[self._dead_letters.arn]),
        ]
        variables = {
            "CONTROLLER_NAME": self.controller_name,
            "ENVIRONMENT": environment,
            "REPORTS_URI": reports.uri,
            "OUTPUT_URI": output.uri,
            "DAYS": str(schedule.days),
        }
        if output.key_arn:
            variables["KMS_KEY_ARN"] = output.key_arn
        if rules:
            variables["OWN_RULES"] = json.dumps([rule.to_json() for rule in rules])
        if notifications is not None:
            statements += notifications.publish_statements()
            variables["TOPIC_ARN"] = notifications.topic_arn
        function = add_function(
            self._block,
            _paths.stack_of(self),
            code=INSIGHTS,
            description=f"Writes the insights report of {self.controller_name}",
            statements=statements,
            environment=variables,
            memory_mb=512,
            timeout_seconds=_TIMEOUT_SECONDS,
            architecture=architecture,
            log_retention_days=log_retention_days,
        )
        keep_failed_events(self._block, "Failures", function, self._dead_letters)
        return function

    def _add_schedule(self, schedule: InsightsSchedule) -> None:
        role = add_service_role(
            self._block,
            "SchedulerRole",
            service="scheduler.amazonaws.com",
            trust_conditions=same_account_only(),
            description=f"Starts the insights report of {self.controller_name}",
            statements=[
                Statement(sid="StartReports", actions=["lambda:InvokeFunction"], resources=[self._function.arn]),
                Statement(sid="KeepUndelivered", actions=["sqs:SendMessage"], resources=[self._dead_letters.arn]),
            ],
        )
        self._block.add(
            "Schedule",
            "AWS::Scheduler::Schedule",
            scheduler.CfnScheduleProps(
                schedule_expression=schedule.expression,
                schedule_expression_timezone="UTC",
                flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
                target=scheduler.CfnSchedule.TargetProperty(
                    arn=self._function.arn,
                    role_arn=role.att("Arn"),
                    input=json.dumps({"scheduled_time": _SCHEDULED_TIME}),
                    dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=self._dead_letters.arn),
                    retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                        maximum_event_age_in_seconds=3600, maximum_retry_attempts=3
                    ),
                ),
            ),
        )

    def _rule(self) -> AlarmRule:
        return AlarmRule(
            id="ReportsFail",
            severity=Severity.WARNING,
            title=f"The insights report of {self.controller_name} was not written",
            advice=(
                f"Three attempts failed. Read the log {self._function.log_group_name}; when the cause is repaired, "
                f"invoke the function with {{}} and delete the messages of queue {self._dead_letters.name}"
            ),
            measure=waiting_messages(self._dead_letters.name, "reports that failed"),
            threshold=0,
            missing_data=MissingData.NOT_BREACHING,
        )
