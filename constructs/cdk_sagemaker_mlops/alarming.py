"""Alarms as data: what is watched, how badly it matters, what reading it means, what it costs.

An alarm is described by an `AlarmRule` in Python and becomes one `CfnAlarm`. Nothing else is defined until somebody
asks for it: `Alarm.alarm` is the CDK's `IAlarm`, made on first access.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, cast

from aws_cdk import aws_cloudwatch as cloudwatch

from . import _refs
from ._block import Block
from ._refs import is_token
from .measures import Measure, MetricMath

if TYPE_CHECKING:
    import aws_cdk as cdk
    from constructs import Construct

    from ._block import Member

#: What CloudWatch charges for one metric of a standard alarm and month, in US dollars (list price; see the pricing page
#: for yours).
#: https://aws.amazon.com/cloudwatch/pricing/
ALARM_MONTHLY_USD = 0.10
#: The same for a composite alarm.
COMPOSITE_MONTHLY_USD = 0.50
_DESCRIPTION_LIMIT = 1024
_NAME_LIMIT = 255
# CloudWatch refuses an evaluation that looks back further; for periods under an hour the limit is a day.
_MAX_EVALUATION_SECONDS = 7 * 86_400
_MAX_SHORT_EVALUATION_SECONDS = 86_400


class Severity(StrEnum):
    """How badly an alarm matters; targets can choose which ones they want."""

    CRITICAL = "critical"
    WARNING = "warning"


class Concern(StrEnum):
    """What an alarm is about; alarms of one concern are one incident."""

    #: Requests fail, wait, or are no longer recorded.
    SERVING = "serving"
    #: The model no longer fits what it is asked.
    MODEL = "model"
    #: Nobody would notice.
    WATCHING = "watching"


class MissingData(StrEnum):
    """What CloudWatch makes of a period without a data point."""

    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"
    IGNORE = "ignore"
    MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmActions:
    """ARNs that CloudWatch calls.

    :param alarm: When the alarm begins.
    :param ok: When it ends. Default: - nothing.
    """

    alarm: tuple[str, ...] = ()
    ok: tuple[str, ...] = ()


class AlarmTarget(Protocol):
    """Somebody who wants to hear of alarms: a topic, an incident tool, a retraining rule."""

    def bind(self, scope: Construct, severity: Severity) -> AlarmActions:
        """Prepares the target for alarms of this scope and severity and returns what they must call."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRule:
    """One alarm.

    :param id: Construct id, unique within its scope.
    :param severity: How badly it matters.
    :param title: What happened, in words, when it fires.
    :param advice: Where to look and what to do; the end of the alarm's description.
    :param measure: The metric with its statistic and period, or an expression over several.
    :param threshold: Limit in the metric's unit.
    :param comparison: CloudWatch's operator. Default: greater than the threshold
    :param evaluation_periods: Periods looked at. Default: 1
    :param datapoints: How many of them must breach. Default: - all of them
    :param missing_data: What a period without data means. Default: - the last state stays
    :param concern: What it is about. Default: - of an endpoint's alarms serving, of a monitor's the model
    """

    id: str
    severity: Severity
    title: str
    advice: str
    measure: Measure | MetricMath
    threshold: float
    comparison: str = "GreaterThanThreshold"
    evaluation_periods: int = 1
    datapoints: int | None = None
    missing_data: MissingData = MissingData.IGNORE
    concern: Concern | None = None

    @property
    def description(self) -> str:
        """What a person reads in the message: severity, what happened, what to do."""
        text = f"[{self.severity}] {self.title}. {self.advice}"
        # A text with unresolved values is not cut: half a token would be garbage.
        return text if is_token(text) else text[:_DESCRIPTION_LIMIT]

    @property
    def monthly_usd(self) -> float:
        """What it costs in a month, in US dollars: CloudWatch counts the metrics that it looks at."""
        watched = len(self.measure.measures) if isinstance(self.measure, MetricMath) else 1
        return watched * ALARM_MONTHLY_USD

    def problems(self) -> list[str]:
        """What CloudWatch would refuse."""
        found = []
        span = self.measure.period_seconds * self.evaluation_periods
        limit = _MAX_EVALUATION_SECONDS if self.measure.period_seconds >= 3600 else _MAX_SHORT_EVALUATION_SECONDS
        if span > limit:
            found.append(
                f"alarm {self.id} looks back {span / 3600:g} hours ({self.evaluation_periods} periods of "
                f"{self.measure.period_seconds / 3600:g} h), CloudWatch allows {limit // 3600}; use fewer periods"
            )
        if self.datapoints is not None and not 1 <= self.datapoints <= self.evaluation_periods:
            found.append(
                f"alarm {self.id} wants {self.datapoints} breaching datapoints, "
                f"allowed are 1 to its evaluation periods ({self.evaluation_periods})"
            )
        return found


@dataclass(frozen=True)
class Alarm:
    """A defined alarm.

    :ivar rule: What it watches.
    :ivar member: Its place among the resources that it was defined with.
    :ivar fixed_name: Its name where that does not depend on CloudFormation.
    """

    rule: AlarmRule
    member: Member = field(repr=False)
    fixed_name: str | None = None

    @cached_property
    def resource(self) -> cloudwatch.CfnAlarm:
        """The L1 construct."""
        return cast("cloudwatch.CfnAlarm", self.member.resource)

    @property
    def arn(self) -> str:
        """ARN of the alarm. Where the name is fixed it is text: what carries it does not wait for the alarm."""
        return self.member.att("Arn") if self.fixed_name is None else _refs.arn("cloudwatch", f"alarm:{self.name}")

    @property
    def name(self) -> str:
        """Name of the alarm."""
        return self.member.ref if self.fixed_name is None else self.fixed_name

    @property
    def stack(self) -> cdk.Stack:
        """The stack that it is in."""
        return self.member.stack

    @cached_property
    def alarm(self) -> cloudwatch.IAlarm:
        """The alarm as the CDK's interface, for widgets, composite alarms and rules."""
        return cloudwatch.Alarm.from_alarm_arn(self.resource, "View", self.member.att("Arn"))


def add_alarms(
    block: Block,
    rules: Sequence[AlarmRule],
    targets: Sequence[AlarmTarget] = (),
    *,
    name_prefix: str | None = None,
    condition: str | None = None,
) -> tuple[Alarm, ...]:
    """Adds one alarm per rule to a block.

    :param targets: Who hears of them; each is asked once per severity that occurs.
    :param name_prefix: What their names begin with, followed by the rule's id. An alarm is not replaced by anything but
        another name, so fixed ones are safe; messages and consoles show them. Default: - CloudFormation makes them up
    :param condition: Id of a condition of the block without which they do not exist. Default: - they always exist
    """
    severities = dict.fromkeys(rule.severity for rule in rules)
    actions = {severity: [target.bind(block.scope, severity) for target in targets] for severity in severities}
    alarms = []
    for rule in rules:
        name = None if name_prefix is None else _cut(f"{name_prefix}-{rule.id}")
        properties = cloudwatch.CfnAlarmProps(
            alarm_name=name,
            alarm_description=rule.description,
            threshold=rule.threshold,
            comparison_operator=rule.comparison,
            evaluation_periods=rule.evaluation_periods,
            datapoints_to_alarm=rule.datapoints,
            treat_missing_data=rule.missing_data.value,
            alarm_actions=[arn for action in actions[rule.severity] for arn in action.alarm] or None,
            ok_actions=[arn for action in actions[rule.severity] for arn in action.ok] or None,
            **_watched(rule.measure),
        )
        member = block.add(rule.id, "AWS::CloudWatch::Alarm", properties, condition=condition)
        alarms.append(Alarm(rule, member, name))
    return tuple(alarms)


def define_alarms(
    scope: Construct,
    rules: Sequence[AlarmRule],
    targets: Sequence[AlarmTarget] = (),
    *,
    name_prefix: str | None = None,
) -> tuple[Alarm, ...]:
    """Defines one alarm per rule below `scope`, all in one call; see :func:`add_alarms`."""
    block = Block(scope, "Alarms")
    alarms = add_alarms(block, rules, targets, name_prefix=name_prefix)
    block.define()
    return alarms


def _watched(measure: Measure | MetricMath) -> dict[str, Any]:
    """The part of an alarm's properties that names a metric or an expression."""
    if isinstance(measure, MetricMath):
        return {"metrics": measure.queries()}
    statistic = "extended_statistic" if measure.is_percentile else "statistic"
    return {
        "namespace": measure.namespace,
        "metric_name": measure.name,
        "dimensions": [
            cloudwatch.CfnAlarm.DimensionProperty(name=name, value=value) for name, value in measure.dimensions
        ],
        statistic: measure.statistic,
        "period": measure.period_seconds,
    }


def _cut(name: str) -> str:
    if len(name) <= _NAME_LIMIT or is_token(name):
        return name
    return f"{name[: _NAME_LIMIT - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def monthly_usd(rules: Iterable[AlarmRule]) -> float:
    """What these alarms cost in a month, in US dollars."""
    return round(sum(rule.monthly_usd for rule in rules), 2)
