"""An endpoint as monitors know one; its traffic is put into the bucket by the tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import aws_cdk as cdk

import cdk_sagemaker_mlops as mlops


@dataclass
class Target:
    """What monitors ask of an endpoint."""

    stack: cdk.Stack
    capture: mlops.DataCapture
    endpoint_name: str
    variant_names: tuple[str, ...] = ("main",)
    model_package_arn: str = ""
    condition_id: str | None = None
    parameter_prefix: str = ""
    alarms: tuple[mlops.Alarm, ...] = ()
    follows: None = None
    monitors: list[Any] = field(default_factory=list)

    def add_monitor(self, monitor: Any) -> None:
        monitor.bind(self)
        self.monitors.append(monitor)
