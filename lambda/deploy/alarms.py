"""CloudWatch: the alarms of an endpoint that are on."""

from __future__ import annotations

from typing import Any


class Alarms:
    """Reader of alarms."""

    def __init__(self, cloudwatch: Any) -> None:
        self._cloudwatch = cloudwatch

    def active(self, endpoint: str) -> list[str]:
        """Names of the endpoint's alarms (all begin with its name) that are on."""
        pages = self._cloudwatch.get_paginator("describe_alarms").paginate(
            AlarmNamePrefix=f"{endpoint}-", StateValue="ALARM"
        )
        return sorted(alarm["AlarmName"] for page in pages for alarm in page["MetricAlarms"])
