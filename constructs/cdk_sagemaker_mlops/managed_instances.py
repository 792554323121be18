"""Instances that inference components share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aws_cdk.aws_sagemaker import CfnEndpointConfig

from ._errors import Problems
from ._instances import INSTANCE_PATTERN, INSTANCE_RULE, is_burstable
from .variant import DEFAULT_INSTANCE_TYPE, DEFAULT_VARIANT


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedInstances:
    """The instances that components share. SageMaker adds and removes them as copies need room.

    :param instance_type: Instance type. Default: `ml.m5.large`.
    :param min_instances: Fewest instances. 0 lets all of them go while no component has copies. Default: 1.
    :param max_instances: Most instances. Default: 2.
    :param initial_instance_count: Instances at the start. Default: - `min_instances`, at least 1.
    :param volume_gb: Size of each instance's volume, 1 to 512 GB. Default: - chosen by SageMaker.
    :param model_download_seconds: How long fetching a model may take, 60 to 3600. Default: - chosen by SageMaker.
    :param startup_seconds: How long a container may take to answer its health check, 60 to 3600.
        Default: - chosen by SageMaker.
    """

    instance_type: str = DEFAULT_INSTANCE_TYPE
    min_instances: int = 1
    max_instances: int = 2
    initial_instance_count: int | None = None
    volume_gb: int | None = None
    model_download_seconds: int | None = None
    startup_seconds: int | None = None

    @property
    def instance_count(self) -> int:
        """Instances at the start."""
        return max(self.min_instances, 1) if self.initial_instance_count is None else self.initial_instance_count

    def problems(self) -> Iterable[str]:
        """Say what SageMaker would refuse."""
        problems = Problems()
        problems.matches("instance_type", self.instance_type, INSTANCE_PATTERN, INSTANCE_RULE)
        problems.require(
            not is_burstable(self.instance_type),
            f'instance_type "{self.instance_type}" is burstable, which SageMaker cannot scale; take a type such as '
            f"{DEFAULT_INSTANCE_TYPE}",
        )
        problems.require(self.min_instances >= 0, f"min_instances is {self.min_instances}, allowed are numbers from 0")
        problems.require(
            self.max_instances >= max(self.min_instances, 1),
            f"max_instances is {self.max_instances}, allowed are numbers from {max(self.min_instances, 1)}",
        )
        if not max(self.min_instances, 1) <= self.instance_count <= self.max_instances:
            problems.add(
                f"initial_instance_count is {self.instance_count}, allowed are {max(self.min_instances, 1)} to "
                f"{self.max_instances} (min_instances, at least 1, to max_instances); leave it out"
            )
        problems.between("volume_gb", self.volume_gb, 1, 512, "GB")
        problems.between("model_download_seconds", self.model_download_seconds, 60, 3600, "seconds")
        problems.between("startup_seconds", self.startup_seconds, 60, 3600, "seconds")
        return problems.found()

    def render(self) -> CfnEndpointConfig.ProductionVariantProperty:
        """The endpoint configuration's only variant. It names no model: components bring theirs."""
        return CfnEndpointConfig.ProductionVariantProperty(
            variant_name=DEFAULT_VARIANT,
            instance_type=self.instance_type,
            initial_instance_count=self.instance_count,
            managed_instance_scaling=CfnEndpointConfig.ManagedInstanceScalingProperty(
                status="ENABLED", min_instance_count=self.min_instances, max_instance_count=self.max_instances
            ),
            routing_config=CfnEndpointConfig.RoutingConfigProperty(routing_strategy="LEAST_OUTSTANDING_REQUESTS"),
            volume_size_in_gb=self.volume_gb,
            model_data_download_timeout_in_seconds=self.model_download_seconds,
            container_startup_health_check_timeout_in_seconds=self.startup_seconds,
        )
