"""Alarms as the API describes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from sagemaker_local.metrics import queries
from sagemaker_local.metrics.store import MetricKey

from . import composite
from .judgement import INSUFFICIENT_DATA, Criteria

Json = dict[str, Any]
_ACTIONS = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
_METRIC_MEMBERS = (
    "AlarmDescription", "MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Dimensions", "Period", "Unit",
    "EvaluationPeriods", "DatapointsToAlarm", "Threshold", "ComparisonOperator", "TreatMissingData",
    "EvaluateLowSampleCountPercentile", "Metrics", "ThresholdMetricId",
)  # fmt: skip
_COMPOSITE_MEMBERS = (
    "AlarmDescription", "AlarmRule", "ActionsSuppressor", "ActionsSuppressorWaitPeriod",
    "ActionsSuppressorExtensionPeriod",
)  # fmt: skip


@dataclass
class Alarm:
    """One metric alarm or composite alarm and its state."""

    account: str
    region: str
    arn: str
    settings: Json
    """The parameters of PutMetricAlarm or PutCompositeAlarm."""
    configured: datetime
    state: str = INSUFFICIENT_DATA
    reason: str = "Unchecked: Initial alarm creation"
    reason_data: str | None = None
    updated: datetime | None = None
    transitioned: datetime | None = None
    actions_enabled: bool = True
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.settings["AlarmName"])

    @property
    def is_composite(self) -> bool:
        return "AlarmRule" in self.settings

    @cached_property
    def rule(self) -> composite.Rule:
        """The parsed rule of a composite alarm."""
        return composite.parse(self.settings["AlarmRule"])

    @cached_property
    def queries(self) -> list[Json]:
        """The metric data queries of a metric alarm, also of one that names a single metric."""
        if self.settings.get("Metrics"):
            return list(self.settings["Metrics"])
        stat = {
            "Metric": {
                "Namespace": self.settings["Namespace"],
                "MetricName": self.settings["MetricName"],
                "Dimensions": self.settings.get("Dimensions") or [],
            },
            "Period": self.settings["Period"],
            "Stat": self.settings.get("Statistic") or self.settings.get("ExtendedStatistic"),
        }
        if self.settings.get("Unit"):
            stat["Unit"] = self.settings["Unit"]
        return [{"Id": "m1", "MetricStat": stat, "ReturnData": True}]

    @cached_property
    def watched(self) -> str:
        """The id of the query that is compared with the threshold."""
        returned = [query["Id"] for query in self.queries if query.get("ReturnData", True) is not False]
        return str(returned[-1] if returned else self.queries[-1]["Id"])

    @cached_property
    def metrics(self) -> frozenset[MetricKey]:
        return frozenset(queries.metric_keys(self.queries))

    @cached_property
    def period(self) -> int:
        """Seconds."""
        return int(self.settings.get("Period") or queries.period_of(self.queries))

    @cached_property
    def criteria(self) -> Criteria:
        periods = int(self.settings["EvaluationPeriods"])
        return Criteria(
            comparison=self.settings["ComparisonOperator"],
            threshold=float(self.settings["Threshold"]),
            periods=periods,
            to_alarm=int(self.settings.get("DatapointsToAlarm") or periods),
            missing=self.settings.get("TreatMissingData") or "missing",
        )

    def actions(self, state: str) -> list[str]:
        """Return the ARNs to notify when the alarm enters a state."""
        return list(self.settings.get(_ACTIONS[state]) or [])

    def describe(self) -> Json:
        """Return the alarm as DescribeAlarms has it."""
        members = _COMPOSITE_MEMBERS if self.is_composite else _METRIC_MEMBERS
        result = {name: self.settings[name] for name in members if self.settings.get(name) is not None}
        return result | {
            "AlarmName": self.name,
            "AlarmArn": self.arn,
            "AlarmConfigurationUpdatedTimestamp": self.configured,
            "ActionsEnabled": self.actions_enabled,
            "OKActions": self.actions("OK"),
            "AlarmActions": self.actions("ALARM"),
            "InsufficientDataActions": self.actions("INSUFFICIENT_DATA"),
            "StateValue": self.state,
            "StateReason": self.reason,
            "StateUpdatedTimestamp": self.updated or self.configured,
            "StateTransitionedTimestamp": self.transitioned or self.configured,
            **({"StateReasonData": self.reason_data} if self.reason_data else {}),
        }
