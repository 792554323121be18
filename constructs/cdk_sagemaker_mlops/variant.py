"""One fleet of an endpoint: a model on instances, with a share of the traffic."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk.aws_sagemaker import CfnEndpointConfig

from ._errors import Problems
from ._instances import INSTANCE_PATTERN, INSTANCE_RULE, is_burstable
from ._naming import NAME_PATTERN, NAME_RULE

if TYPE_CHECKING:
    from .model import Model
    from .scaling import Scaling

#: Name of an endpoint's only variant, as SageMaker's own tools call it. It must not change between rollouts.
DEFAULT_VARIANT = "AllTraffic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A production variant. Several variants share the traffic by weight (A/B test).

    :param model: The variant's model.
    :param name: Name, the same across rollouts: SageMaker shifts traffic between variants of one name, and alarms,
        metrics and captured data carry it. Default: `AllTraffic`.
    :param instance_type: Instance type. SageMaker refuses to change it while the variant scales: deploy once without
        `scaling`, then with the new type and `scaling` again. Default: `ml.m5.large`.
    :param initial_instance_count: Instances at the start. Default: - `scaling.min_instances`, or 1.
    :param weight: Share of the traffic relative to the sum of all weights. Default: 1.
    :param scaling: Automatic scaling. Default: - a fixed number of instances.
    :param volume_gb: Size of each instance's volume, 1 to 512 GB, for types without local disks.
        Default: - chosen by SageMaker.
    :param model_download_seconds: How long fetching the model may take, 60 to 3600. Default: - chosen by SageMaker.
    :param startup_seconds: How long the container may take to answer its health check, 60 to 3600.
        Default: - chosen by SageMaker.
    """

    model: Model
    name: str = DEFAULT_VARIANT
    instance_type: str = "ml.m5.large"
    initial_instance_count: int | None = None
    weight: float = 1.0
    scaling: Scaling | None = None
    volume_gb: int | None = None
    model_download_seconds: int | None = None
    startup_seconds: int | None = None

    @property
    def instance_count(self) -> int:
        """Instances at the start."""
        if self.initial_instance_count is not None:
            return self.initial_instance_count
        return self.scaling.min_instances if self.scaling else 1

    @property
    def fewest_instances(self) -> int:
        """Fewest instances that the variant ever has."""
        return min(self.instance_count, self.scaling.min_instances) if self.scaling else self.instance_count

    def problems(self) -> Iterable[str]:
        """Say what SageMaker would refuse."""
        problems = Problems()
        problems.matches("name", self.name, NAME_PATTERN, NAME_RULE)
        problems.matches("instance_type", self.instance_type, INSTANCE_PATTERN, INSTANCE_RULE)
        problems.require(
            self.instance_count >= 1,
            f"initial_instance_count is {self.instance_count}, a real-time variant needs at least 1 instance",
        )
        problems.require(self.weight >= 0, f"weight is {self.weight}, allowed are numbers from 0")
        problems.between("volume_gb", self.volume_gb, 1, 512, "GB")
        problems.between("model_download_seconds", self.model_download_seconds, 60, 3600, "seconds")
        problems.between("startup_seconds", self.startup_seconds, 60, 3600, "seconds")
        problems.extend(self.model.problems(), where="model")
        if self.scaling:
            problems.extend(self.scaling.problems(), where="scaling")
            problems.require(
                not is_burstable(self.instance_type),
                f'instance_type "{self.instance_type}" is burstable, which SageMaker cannot scale; '
                "take a type such as ml.m5.large, or remove scaling",
            )
            if not self.scaling.min_instances <= self.instance_count <= self.scaling.max_instances:
                problems.add(
                    f"initial_instance_count is {self.instance_count}, outside of scaling "
                    f"({self.scaling.min_instances} to {self.scaling.max_instances}); leave it out"
                )
        return problems.found()

    def render(self, model_name: str) -> CfnEndpointConfig.ProductionVariantProperty:
        """The endpoint configuration's part.

        :param model_name: Name of the variant's SageMaker model.
        """
        return CfnEndpointConfig.ProductionVariantProperty(
            variant_name=self.name,
            model_name=model_name,
            instance_type=self.instance_type,
            initial_instance_count=self.instance_count,
            initial_variant_weight=self.weight,
            volume_size_in_gb=self.volume_gb,
            model_data_download_timeout_in_seconds=self.model_download_seconds,
            container_startup_health_check_timeout_in_seconds=self.startup_seconds,
        )
