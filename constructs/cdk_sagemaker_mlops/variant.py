"""One fleet of an endpoint: a model on instances or without any, with a share of the traffic or in its shadow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk.aws_sagemaker import CfnEndpointConfig

from ._errors import Problems
from ._instances import INSTANCE_PATTERN, INSTANCE_RULE, is_burstable
from ._naming import NAME_PATTERN, NAME_RULE
from .serving_mode import ServingMode

if TYPE_CHECKING:
    from ._block import Block, Member
    from .model import Model
    from .scaling import Scaling
    from .serverless import Serverless

#: Name of an endpoint's only variant, as SageMaker's own tools call it. It must not change between rollouts.
DEFAULT_VARIANT = "AllTraffic"
DEFAULT_INSTANCE_TYPE = "ml.m5.large"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A production variant. Several variants share the traffic by weight (A/B test).

    :param model: The variant's model.
    :param name: Name, the same across rollouts: SageMaker shifts traffic between variants of one name, and alarms,
        metrics and captured data carry it. Default: `AllTraffic`.
    :param instance_type: Instance type. SageMaker refuses to change it while the variant scales: deploy once without
        `scaling`, then with the new type and `scaling` again. Default: `ml.m5.large`.
    :param initial_instance_count: Instances at the start. Default: - `scaling.min_instances`, at least 1.
    :param weight: Share of the traffic relative to the sum of all weights. Default: 1.
    :param scaling: Automatic scaling. Default: - a fixed number of instances.
    :param serverless: Serve without instances. Default: - on instances.
    :param volume_gb: Size of each instance's volume, 1 to 512 GB, for types without local disks.
        Default: - chosen by SageMaker.
    :param model_download_seconds: How long fetching the model may take, 60 to 3600. Default: - chosen by SageMaker.
    :param startup_seconds: How long the container may take to answer its health check, 60 to 3600.
        Default: - chosen by SageMaker.
    """

    model: Model
    name: str = DEFAULT_VARIANT
    instance_type: str | None = None
    initial_instance_count: int | None = None
    weight: float = 1.0
    scaling: Scaling | None = None
    volume_gb: int | None = None
    model_download_seconds: int | None = None
    startup_seconds: int | None = None
    serverless: Serverless | None = None

    @property
    def host_type(self) -> str:
        """Instance type; meaningless for a serverless variant."""
        return self.instance_type or DEFAULT_INSTANCE_TYPE

    @property
    def instance_count(self) -> int:
        """Instances at the start."""
        if self.initial_instance_count is not None:
            return self.initial_instance_count
        # SageMaker starts no variant with none; scaling to zero comes afterwards.
        return max(self.scaling.min_instances, 1) if self.scaling else 1

    @property
    def fewest_instances(self) -> int:
        """Fewest instances that the variant ever has."""
        return min(self.instance_count, self.scaling.min_instances) if self.scaling else self.instance_count

    def problems(self, mode: ServingMode = ServingMode.REAL_TIME) -> Iterable[str]:
        """Say what SageMaker would refuse.

        :param mode: How the endpoint answers.
        """
        problems = Problems()
        problems.matches("name", self.name, NAME_PATTERN, NAME_RULE)
        problems.require(self.weight >= 0, f"weight is {self.weight}, allowed are numbers from 0")
        problems.between("volume_gb", self.volume_gb, 1, 512, "GB")
        problems.between("model_download_seconds", self.model_download_seconds, 60, 3600, "seconds")
        problems.between("startup_seconds", self.startup_seconds, 60, 3600, "seconds")
        problems.extend(self.model.problems(), where="model")
        if self.serverless is not None:
            problems.extend(self.serverless.problems(), where="serverless")
            self._check_no_instances(problems)
        else:
            self._check_instances(problems, mode)
        return problems.found()

    def _check_no_instances(self, problems: Problems) -> None:
        for prop in ("instance_type", "initial_instance_count", "volume_gb"):
            problems.require(
                getattr(self, prop) is None, f"{prop} is given, but a serverless variant has no instances; remove it"
            )
        problems.require(
            self.scaling is None,
            "scaling is given, which scales instances; a serverless variant scales by itself. Remove it, or give "
            "serverless.scaling for its warm containers",
        )

    def _check_instances(self, problems: Problems, mode: ServingMode) -> None:
        problems.matches("instance_type", self.host_type, INSTANCE_PATTERN, INSTANCE_RULE)
        problems.require(
            self.instance_count >= 1,
            f"initial_instance_count is {self.instance_count}, a real-time variant needs at least 1 instance"
            if mode is ServingMode.REAL_TIME
            else f"initial_instance_count is {self.instance_count}, an endpoint starts with at least 1 instance; "
            "scaling.min_instances=0 takes it away when there is nothing to do",
        )
        if self.scaling is None:
            return
        problems.extend(self.scaling.problems(mode), where="scaling")
        problems.require(
            not is_burstable(self.host_type),
            f'instance_type "{self.host_type}" is burstable, which SageMaker cannot scale; '
            f"take a type such as {DEFAULT_INSTANCE_TYPE}, or remove scaling",
        )
        low, high = self.scaling.min_instances, self.scaling.max_instances
        if self.initial_instance_count is not None and not low <= self.initial_instance_count <= high:
            problems.add(
                f"initial_instance_count is {self.initial_instance_count}, outside of scaling ({low} to {high}); "
                "leave it out"
            )

    def render(self, model_name: str) -> CfnEndpointConfig.ProductionVariantProperty:
        """The endpoint configuration's part.

        :param model_name: Name of the variant's SageMaker model.
        """
        return CfnEndpointConfig.ProductionVariantProperty(
            variant_name=self.name,
            model_name=model_name,
            instance_type=None if self.serverless else self.host_type,
            initial_instance_count=None if self.serverless else self.instance_count,
            serverless_config=self.serverless.render() if self.serverless else None,
            initial_variant_weight=self.weight,
            volume_size_in_gb=self.volume_gb,
            model_data_download_timeout_in_seconds=self.model_download_seconds,
            container_startup_health_check_timeout_in_seconds=self.startup_seconds,
        )

    def define_scaling(self, block: Block, suffix: str, *, endpoint_name: str, condition: str | None) -> Member | None:
        """Add scalable target and policies, if it scales; see :meth:`Scaling.define`."""
        scaling = self.serverless.scaling if self.serverless else self.scaling
        if scaling is None:
            return None
        return scaling.define(block, suffix, endpoint_name=endpoint_name, variant_name=self.name, condition=condition)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """A second fleet that gets copies of requests and whose answers are recorded at most, never returned.

    Its errors do not count as the endpoint's: no alarm looks at it, the dashboard shows it beside the production
    variant. https://docs.aws.amazon.com/sagemaker/latest/dg/shadow-tests.html

    :param model: The model on trial.
    :param name: Name. Default: `Shadow`.
    :param sampling_percentage: Share of the requests that is copied, above 0 to 100. Default: 100.
    :param instance_type: Instance type. Default: - the production variant's.
    :param instance_count: Instances. Default: - as many as the production variant has at the start.
    :param volume_gb: As in :class:`Variant`.
    :param model_download_seconds: As in :class:`Variant`.
    :param startup_seconds: As in :class:`Variant`.
    """

    model: Model
    name: str = "Shadow"
    sampling_percentage: float = 100
    instance_type: str | None = None
    instance_count: int | None = None
    volume_gb: int | None = None
    model_download_seconds: int | None = None
    startup_seconds: int | None = None

    def problems(self, beside: Variant) -> Iterable[str]:
        """Say what SageMaker would refuse.

        :param beside: The production variant.
        """
        problems = Problems()
        problems.require(
            0 < self.sampling_percentage <= 100,
            f"sampling_percentage is {self.sampling_percentage}, allowed are above 0 to 100 percent",
        )
        problems.require(
            self.name.lower() != beside.name.lower(),
            f'name is "{self.name}", which the production variant has; choose another',
        )
        problems.extend(self.variant(beside).problems())
        return problems.found()

    def variant(self, beside: Variant) -> Variant:
        """The shadow as a variant; its weight is the share of the production variant's.

        :param beside: The production variant.
        """
        return Variant(
            model=self.model,
            name=self.name,
            instance_type=self.instance_type or beside.host_type,
            initial_instance_count=beside.instance_count if self.instance_count is None else self.instance_count,
            weight=beside.weight * self.sampling_percentage / 100,
            volume_gb=self.volume_gb,
            model_download_seconds=self.model_download_seconds,
            startup_seconds=self.startup_seconds,
        )
