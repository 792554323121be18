"""A variant without instances: SageMaker starts containers for requests and charges by the millisecond."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk.aws_sagemaker import CfnEndpointConfig

from ._errors import Problems
from ._scalable_target import ScalableTarget
from .scheduled_capacity import ScheduledCapacity, check_schedule

if TYPE_CHECKING:
    from ._block import Block, Member

_MEMORY_SIZES = (1024, 2048, 3072, 4096, 5120, 6144)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionedScaling:
    """Keep the share of warm containers that are busy near a target.

    https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints-autoscale.html

    :param max_concurrency: Most warm containers.
    :param min_concurrency: Fewest warm containers. Default: 1.
    :param utilization: Share that is aimed at, above 0 to 1. Default: 0.7.
    :param schedule: Other bounds at certain times. Default: - none.
    :param scale_in_cooldown_seconds: Wait after removing some. Default: 300.
    :param scale_out_cooldown_seconds: Wait after adding some. Default: 60.
    """

    max_concurrency: int
    min_concurrency: int = 1
    utilization: float = 0.7
    schedule: Sequence[ScheduledCapacity] = ()
    scale_in_cooldown_seconds: int = 300
    scale_out_cooldown_seconds: int = 60

    def problems(self) -> Iterable[str]:
        """Say what Application Auto Scaling would refuse."""
        problems = Problems()
        problems.require(
            self.min_concurrency >= 1,
            f"min_concurrency is {self.min_concurrency}, at least 1 is needed; without provisioned_concurrency a "
            "serverless variant has no warm containers and costs nothing while idle",
        )
        problems.require(
            self.max_concurrency >= self.min_concurrency,
            f"max_concurrency is {self.max_concurrency}, less than min_concurrency {self.min_concurrency}",
        )
        problems.require(0 < self.utilization <= 1, f"utilization is {self.utilization}, allowed are above 0 to 1")
        problems.between("scale_in_cooldown_seconds", self.scale_in_cooldown_seconds, 0, 86400, "seconds")
        problems.between("scale_out_cooldown_seconds", self.scale_out_cooldown_seconds, 0, 86400, "seconds")
        check_schedule(problems, self.schedule, least=1, capacity=(self.min_concurrency, self.max_concurrency))
        return problems.found()

    def define(
        self, block: Block, suffix: str, *, endpoint_name: str, variant_name: str, condition: str | None
    ) -> Member:
        """Add target and policy, and return the target; see :meth:`Scaling.define`."""
        target = ScalableTarget(
            block,
            suffix,
            dimension="sagemaker:variant:DesiredProvisionedConcurrency",
            resource_id=f"endpoint/{endpoint_name}/variant/{variant_name}",
            capacity=(self.min_concurrency, self.max_concurrency),
            schedule=self.schedule,
            condition=condition,
        )
        target.track(
            "ScalingPolicy",
            "ProvisionedConcurrencyUtilization",
            target=self.utilization,
            cooldowns=(self.scale_in_cooldown_seconds, self.scale_out_cooldown_seconds),
            predefined="SageMakerVariantProvisionedConcurrencyUtilization",
        )
        return target.member


@dataclass(frozen=True, slots=True, kw_only=True)
class Serverless:
    """Serve without instances. The first requests after a pause wait for a container (cold start).

    https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html

    :param memory_mb: Memory of a container, 1024 to 6144 MB in steps of 1024; processors come with it. At least the
        model's size. Default: 2048.
    :param max_concurrency: Most requests at once, 1 to 200; what comes beyond is refused. Default: 20.
    :param provisioned_concurrency: Containers that are kept warm, and paid, up to `max_concurrency`. Default: -
        `scaling.min_concurrency`, or none.
    :param scaling: Automatic scaling of the warm containers. Default: - a fixed number.
    """

    memory_mb: int = 2048
    max_concurrency: int = 20
    provisioned_concurrency: int | None = None
    scaling: ProvisionedScaling | None = None

    @property
    def warm(self) -> int | None:
        """Containers that are warm at the start."""
        if self.provisioned_concurrency is not None:
            return self.provisioned_concurrency
        return self.scaling.min_concurrency if self.scaling else None

    def problems(self) -> Iterable[str]:
        """Say what SageMaker would refuse."""
        problems = Problems()
        problems.require(
            self.memory_mb in _MEMORY_SIZES,
            f"memory_mb is {self.memory_mb}, allowed are {', '.join(map(str, _MEMORY_SIZES))}",
        )
        problems.between("max_concurrency", self.max_concurrency, 1, 200)
        if self.warm is not None:
            problems.between("provisioned_concurrency", self.warm, 1, self.max_concurrency)
        if self.scaling is not None:
            problems.extend(self.scaling.problems(), where="scaling")
            problems.require(
                self.scaling.max_concurrency <= self.max_concurrency,
                f"scaling.max_concurrency is {self.scaling.max_concurrency}, more than max_concurrency "
                f"{self.max_concurrency}; lower the one or raise the other",
            )
            if self.warm is not None and not self.scaling.min_concurrency <= self.warm <= self.scaling.max_concurrency:
                problems.add(
                    f"provisioned_concurrency is {self.warm}, outside of scaling ({self.scaling.min_concurrency} to "
                    f"{self.scaling.max_concurrency}); leave it out"
                )
        return problems.found()

    def render(self) -> CfnEndpointConfig.ServerlessConfigProperty:
        """The variant's part."""
        return CfnEndpointConfig.ServerlessConfigProperty(
            memory_size_in_mb=self.memory_mb,
            max_concurrency=self.max_concurrency,
            provisioned_concurrency=self.warm,
        )
