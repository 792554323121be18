"""Alarms of a feature group: do features arrive, and does Feature Store take them?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdk_sagemaker_mlops.alarming import AlarmRule, MissingData, Severity

if TYPE_CHECKING:
    from .group_base import FeatureGroupBase

_LONGEST_HOURS = 168


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureGroupAlarms:
    """Which alarms a group has, each at 0.10 US dollars a month; None means no such alarm.

    :param freshness_hours: Hours without a single record put that are an incident, 1 to 168. It alarms from the first
        hour on until records come. Default: 24.
    :param rejected_records: Records that Feature Store may refuse in 5 minutes (wrong types, missing identifiers, no
        permission). Default: 0.
    :param failed_percent: Share of writes that may fail at Feature Store's side over 15 minutes. Default: 1.
    :param throttled_requests: Writes that may be throttled in 5 minutes, three times in a row. Default: 0.
    """

    freshness_hours: int | None = 24
    rejected_records: int | None = 0
    failed_percent: float | None = 1
    throttled_requests: int | None = 0

    @staticmethod
    def none() -> FeatureGroupAlarms:
        """No alarms."""
        return FeatureGroupAlarms(
            freshness_hours=None, rejected_records=None, failed_percent=None, throttled_requests=None
        )

    def problems(self) -> Iterable[str]:
        """What could never be crossed, or always, or what CloudWatch would refuse."""
        if self.freshness_hours is not None and not 1 <= self.freshness_hours <= _LONGEST_HOURS:
            yield f"alarms freshness_hours is {self.freshness_hours}, allowed are 1 to {_LONGEST_HOURS} (a week)"
        for prop in ("rejected_records", "throttled_requests"):
            value = getattr(self, prop)
            if value is not None and value < 0:
                yield f"alarms {prop} is {value}, allowed are 0 and more"
        if self.failed_percent is not None and not 0 <= self.failed_percent < 100:
            yield f"alarms failed_percent is {self.failed_percent}, allowed are 0 to below 100 percent"

    def rules(self, group: FeatureGroupBase) -> list[AlarmRule]:
        """The alarms of one group."""
        rules = []
        if self.freshness_hours is not None:
            rules.append(
                AlarmRule(
                    id="Stale",
                    severity=Severity.CRITICAL,
                    title=f"No record was put into feature group {group.name} for {self.freshness_hours} hours",
                    advice="Lookups answer with old features or, where a time to live ends, with none: look at what "
                    "ingests them. Records that are written into the offline store alone do not count",
                    measure=group.measure("Invocations", "PutRecord", statistic="Sum", period_seconds=3600),
                    threshold=1,
                    comparison="LessThanThreshold",
                    evaluation_periods=self.freshness_hours,
                    # An hour without a call has no data point; that is exactly what this alarm is for.
                    missing_data=MissingData.BREACHING,
                )
            )
        if self.rejected_records is not None:
            rules.append(
                AlarmRule(
                    id="Rejected",
                    severity=Severity.WARNING,
                    title=f"Feature group {group.name} refuses records",
                    advice="What ingests them gets the reason of each in the error: a value that does not fit its "
                    "feature's type, a missing identifier or event time, a record over 350 KB, or no permission",
                    measure=group.measure("Operation4XXErrors", "PutRecord", statistic="Sum", period_seconds=300),
                    threshold=self.rejected_records,
                    missing_data=MissingData.NOT_BREACHING,
                )
            )
        if self.failed_percent is not None:
            rules.append(
                AlarmRule(
                    id="Failing",
                    severity=Severity.CRITICAL,
                    title=f"Writes into feature group {group.name} fail at Feature Store's side",
                    advice="Writers have to try again; look at AWS's health dashboard and at the group's status",
                    measure=group.measure("Operation5XXErrors", "PutRecord", statistic="Average", period_seconds=300),
                    threshold=self.failed_percent / 100,
                    evaluation_periods=3,
                    missing_data=MissingData.NOT_BREACHING,
                )
            )
        if self.throttled_requests is not None:
            rules.append(
                AlarmRule(
                    id="Throttled",
                    severity=Severity.WARNING,
                    title=f"Writes into feature group {group.name} are throttled",
                    advice="Write more slowly, raise the provisioned write units, or ask for a higher quota",
                    measure=group.measure("ThrottledRequests", "PutRecord", statistic="Sum", period_seconds=300),
                    threshold=self.throttled_requests,
                    evaluation_periods=3,
                    missing_data=MissingData.NOT_BREACHING,
                )
            )
        return rules
