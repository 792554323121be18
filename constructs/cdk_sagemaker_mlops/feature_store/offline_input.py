"""The offline records of a feature group as what a monitor looks at."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from cdk_sagemaker_mlops import _refs
from cdk_sagemaker_mlops._iam import Statement
from cdk_sagemaker_mlops.monitoring.baseline import Baseline
from cdk_sagemaker_mlops.monitoring.locations import Location, decrypt
from cdk_sagemaker_mlops.monitoring.source import MonitorInput

from .offline_location import OfflineLocation

# Beside the groups' own prefixes, where readers of the offline store find them too.
_REPORTS, _BASELINES = "monitoring-reports", "monitoring-baselines"


@dataclass(frozen=True, kw_only=True)
class OfflineStoreInput(MonitorInput):
    """All records of a feature group that were written in a run's window, whatever their event time.

    :param group: Name of the group: in the monitor's name, in alarms and reports.
    :param location: Where its offline records are.
    :param left_out: Columns that are no features: record identifier and event time.
    """

    type = "FeatureGroup"

    group: str
    location: OfflineLocation = field(repr=False)
    left_out: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the monitor's own name begins with."""
        return self.group.lower().replace("_", "-")

    @property
    def subject(self) -> str:
        """What titles of alarms and descriptions call it."""
        return f"feature group {self.group}"

    @property
    def default_reports(self) -> Location:
        """In the bucket of the offline records."""
        return Location(self.location.bucket, _REPORTS)

    @property
    def default_baseline(self) -> Baseline:
        """A folder beside the reports, as soon as there is a baseline in it."""
        return Baseline.from_folder(bucket=self.location.bucket, prefix=f"{_BASELINES}/{self.group}")

    def problems(self, monitoring_type: str, *, needs_labels: bool) -> list[str]:
        """What cannot be analysed in this way."""
        if monitoring_type == "DataQuality":
            return []
        return [
            f"{monitoring_type} needs requests and answers, feature group {self.group} has neither; watch the "
            "endpoint, or use DataQualityMonitor"
        ]

    def settings(self) -> dict[str, str]:
        """Where and how runs read, as environment variables."""
        return {
            "INPUT_TYPE": self.type,
            "FEATURE_GROUP_NAME": self.group,
            "OFFLINE_STORE_URI": Location(self.location.bucket, self.location.prefix).uri,
            "LEAVE_OUT": json.dumps(list(self.left_out)),
        }

    def statements(self) -> list[Statement]:
        """What runs need to read it."""
        key = self.location.encryption_key
        return [
            *Location(self.location.bucket, self.location.prefix).read("OfflineStore", "files of the offline store"),
            *decrypt(_refs.key_arn(key) if key else None),
        ]
