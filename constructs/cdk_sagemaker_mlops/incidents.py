"""One incident, one message: composite alarms over everything that watches a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import jsii
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct, IValidation

from . import _paths, _refs
from ._block import Block
from ._errors import Problems
from .alarming import (
    COMPOSITE_MONTHLY_USD,
    Alarm,
    AlarmRule,
    AlarmTarget,
    Concern,
    MissingData,
    Severity,
    add_alarms,
    monthly_usd,
)
from .monitoring.monitor import Monitor

if TYPE_CHECKING:
    from ._block import Member
    from .endpoint_base import EndpointBase
    from .insights.page import InsightsPage
    from .rollouts.registration import RolloutRegistration

# CloudWatch takes that many alarms in a rule, and that many characters in a description.
_MOST_CHILDREN = 100
_LONGEST_DESCRIPTION = 1024
# A warning waits that long for the critical alarm or the rollout that explains it, and begins that long after it.
_WAIT_SECONDS, _EXTENSION_SECONDS = 120, 300
_TITLES = {
    Concern.SERVING: "{name} does not answer as it should",
    Concern.MODEL: "The model behind {name} no longer fits what it is asked",
    Concern.WATCHING: "The watching of {name} has a gap",
}


@dataclass(frozen=True)
class Incident:
    """A composite alarm.

    :ivar concern: What it is about.
    :ivar severity: How badly it matters.
    :ivar name: Its name.
    :ivar children: What it is made of.
    """

    concern: Concern
    severity: Severity
    name: str
    children: tuple[Alarm, ...]

    @property
    def arn(self) -> str:
        """ARN of the alarm."""
        return _refs.arn("cloudwatch", f"alarm:{self.name}")


class ModelIncidents(Construct):
    """Composite alarms of one model, by what they are about and how badly it matters: at most two of serving, two of
    the model, two of the watching.

    Alarms of the endpoint and of its monitors show what is wrong in the console, on the dashboard and in the composite
    alarm's message; give them no targets of their own, and give the targets here: then an endpoint that fails in three
    ways, or a model of which thirty features drift, is one message, and another one when it is over.

    A warning is not sent while a critical alarm about the same is on, nor one about the model during a rollout, when a
    window holds the traffic of two versions; if it is still on five minutes later, it is. Critical alarms are never
    held back.

    Define it after the endpoint's monitors.

    :param endpoint: The endpoint; its alarms and those of its monitors are the children.
    :param targets: Who hears of incidents.
    :param rollouts: How the endpoint is rolled out, so that its rollouts hold warnings about the model back.
        Default: - nothing does
    :param insights: The model's page of the insights report, which messages refer to. Default: - none
    :param name: What names of the alarms begin with. Default: - the endpoint's name
    :param maximum: Most alarms that may watch the model, composite ones included. Default: 120
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        endpoint: EndpointBase,
        targets: Sequence[AlarmTarget],
        rollouts: RolloutRegistration | None = None,
        insights: InsightsPage | None = None,
        name: str | None = None,
        maximum: int = 120,
    ) -> None:
        super().__init__(scope, construct_id)
        _paths.place(self, scope, construct_id)
        self._endpoint = endpoint
        self._insights = insights
        self._name = name or endpoint.endpoint_name
        self._monitors = [monitor for monitor in endpoint.monitors if isinstance(monitor, Monitor)]
        self._children = _by_concern(endpoint.alarms, self._monitors)
        self._made: dict[tuple[Concern, Severity], Member] = {}
        block = Block(self)
        #: Alarms of its own: what tells that a rollout is under way.
        self.alarms: tuple[Alarm, ...] = ()
        if rollouts is not None and (Concern.MODEL, Severity.WARNING) in self._children:
            self.alarms = add_alarms(block, [_rollout_rule(rollouts, self._name)], name_prefix=self._name)
        self._check(maximum)
        self.incidents = tuple(
            self._add(block, concern, severity, targets)
            for concern in Concern
            # The critical one first: the other one names it as what holds it back.
            for severity in (Severity.CRITICAL, Severity.WARNING)
            if (concern, severity) in self._children
        )
        block.define()
        self.node.add_validation(_NoMonitorLater(endpoint, len(endpoint.monitors)))
        # What `Annotations.add_info` does, but without a stack trace that would differ from run to run.
        self.node.add_metadata("aws:cdk:info", f"{self.summary} watch {endpoint.endpoint_name}")

    @property
    def alarm_count(self) -> int:
        """How many alarms watch the model, composite ones included."""
        return sum(map(len, self._children.values())) + len(self.alarms) + len(self._children)

    @property
    def monthly_usd(self) -> float:
        """What they cost in a month, in US dollars at CloudWatch's list prices."""
        alarms = [*self.alarms, *(alarm for children in self._children.values() for alarm in children)]
        composites = len(self._children) * COMPOSITE_MONTHLY_USD
        return round(monthly_usd(alarm.rule for alarm in alarms) + composites, 2)

    @property
    def summary(self) -> str:
        """Number and price, for people."""
        return f"{self.alarm_count} alarms (about {self.monthly_usd:.2f} US dollars a month at list prices)"

    def _check(self, maximum: int) -> None:
        problems = Problems()
        problems.extend(self._insights.problems() if self._insights else (), where="insights")
        problems.require(
            bool(self._children), f"endpoint {self._endpoint.endpoint_name} has no alarms, so there are no incidents"
        )
        for (concern, severity), alarms in self._children.items():
            problems.require(
                len(alarms) <= _MOST_CHILDREN,
                f"{len(alarms)} alarms of severity {severity} are about {concern}, CloudWatch allows {_MOST_CHILDREN} "
                "in a composite alarm; name fewer features",
            )
        problems.require(
            self.alarm_count <= maximum,
            f"{self.summary} would watch {self._endpoint.endpoint_name}, the limit is {maximum}; name fewer features, "
            f"leave alarms out, or set maximum={self.alarm_count}",
        )
        problems.raise_if_any(self)

    def _add(self, block: Block, concern: Concern, severity: Severity, targets: Sequence[AlarmTarget]) -> Incident:
        children = self._children[concern, severity]
        name = self._alarm_name(concern, severity)
        actions = [target.bind(self, severity) for target in targets]
        suppressor = self._suppressor(concern, severity)
        properties = cloudwatch.CfnCompositeAlarmProps(
            alarm_name=name,
            alarm_description=self._description(concern, severity, children),
            alarm_rule=" OR ".join(f'ALARM("{self._reference(alarm)}")' for alarm in children),
            alarm_actions=[arn for action in actions for arn in action.alarm] or None,
            ok_actions=[arn for action in actions for arn in action.ok] or None,
            actions_suppressor=suppressor,
            actions_suppressor_wait_period=_WAIT_SECONDS if suppressor else None,
            actions_suppressor_extension_period=_EXTENSION_SECONDS if suppressor else None,
        )
        member = block.add(f"{concern} {severity}".title(), "AWS::CloudWatch::CompositeAlarm", properties)
        self._made[concern, severity] = member
        return Incident(concern, severity, name, children)

    def _alarm_name(self, concern: Concern, severity: Severity) -> str:
        return f"{self._name}-incident-{concern}-{severity}"

    def _reference(self, alarm: Alarm) -> str:
        """Name of a child, as a reference where it is of the same stack: the composite alarm has to be made later."""
        if alarm in self.alarms:
            return alarm.member.ref
        stack = _paths.stack_of(self)
        return _refs.parameter(alarm.member.logical_id) if alarm.stack is stack else alarm.name

    def _suppressor(self, concern: Concern, severity: Severity) -> str | None:
        if severity is Severity.CRITICAL:
            return None
        critical = self._made.get((concern, Severity.CRITICAL))
        if critical is not None:
            return critical.att("Arn")
        return self.alarms[0].member.att("Arn") if concern is Concern.MODEL and self.alarms else None

    def _description(self, concern: Concern, severity: Severity, children: Sequence[Alarm]) -> str:
        title = _TITLES[concern].format(name=self._name)
        which = ", ".join(alarm.rule.id for alarm in children[:12]) + (", ..." if len(children) > 12 else "")
        lines = [
            f"[{severity}] {title}: one of {len(children)} alarms went off ({which}); this message names it, its own "
            "description says what to do.",
            f"Dashboard: {self._name}.",
        ]
        if self._insights is not None:
            lines.append(f"What to do: {self._insights.uri}.")
        if concern is not Concern.SERVING:
            lines += [f"{monitor.monitoring_type}: {monitor.report_hint}" for monitor in self._monitors]
        text = " ".join(lines)
        return text if _refs.is_token(text) else text[:_LONGEST_DESCRIPTION]


@jsii.implements(IValidation)
class _NoMonitorLater:
    def __init__(self, endpoint: EndpointBase, known: int) -> None:
        self._endpoint = endpoint
        self._known = known

    def validate(self) -> list[str]:
        added = len(self._endpoint.monitors) - self._known
        if not added:
            return []
        return [
            f"endpoint {self._endpoint.endpoint_name} got {added} more monitors after its incidents were put together; "
            "nobody would hear of their alarms. Define ModelIncidents after the last monitor"
        ]


def _by_concern(
    serving: Sequence[Alarm], monitors: Sequence[Monitor]
) -> dict[tuple[Concern, Severity], tuple[Alarm, ...]]:
    found: dict[tuple[Concern, Severity], tuple[Alarm, ...]] = {}
    alarms = [(alarm, Concern.SERVING) for alarm in serving]
    alarms += [(alarm, Concern.MODEL) for monitor in monitors for alarm in monitor.alarms]
    for alarm, usual in alarms:
        key = (alarm.rule.concern or usual, alarm.rule.severity)
        found[key] = (*found.get(key, ()), alarm)
    return found


def _rollout_rule(rollouts: RolloutRegistration, name: str) -> AlarmRule:
    """On while a version is approved but not live; the controller says so at least every five minutes."""
    return AlarmRule(
        id="RolloutUnderWay",
        severity=Severity.WARNING,
        title=f"A version of {name} is being rolled out",
        advice="Nothing to do: this alarm has no action, it holds warnings about the model back until that is over",
        measure=rollouts.waiting,
        threshold=0,
        missing_data=MissingData.NOT_BREACHING,
    )
