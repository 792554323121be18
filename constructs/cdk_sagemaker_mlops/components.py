"""Inference components: several models on shared instances, each with its reserved part of them and its own copies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk.aws_sagemaker import CfnInferenceComponent

from ._errors import Problems
from ._naming import NAME_PATTERN, NAME_RULE
from ._scalable_target import ScalableTarget
from .scheduled_capacity import ScheduledCapacity, check_schedule
from .serving_mode import ServingMode, Traffic

if TYPE_CHECKING:
    from ._block import Block, Member
    from .model import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyScaling:
    """Keep one or both figures per copy near their targets.

    :param max_copies: Most copies.
    :param min_copies: Fewest copies; 0 lets the component go while nobody asks for it. Requests that meet no copy fail
        and bring the first one up, which takes minutes. Default: 1.
    :param invocations_per_copy: Requests per minute and copy that are aimed at. Default: - not looked at.
    :param concurrency_per_copy: Requests that a copy works on at once, measured every 10 seconds. Default: - not looked
        at.
    :param schedule: Other bounds at certain times. Default: - none.
    :param scale_in_cooldown_seconds: Wait after removing copies. Default: 300.
    :param scale_out_cooldown_seconds: Wait after adding copies. Default: 60.
    """

    max_copies: int
    min_copies: int = 1
    invocations_per_copy: float | None = None
    concurrency_per_copy: float | None = None
    schedule: Sequence[ScheduledCapacity] = ()
    scale_in_cooldown_seconds: int = 300
    scale_out_cooldown_seconds: int = 60

    def problems(self) -> Iterable[str]:
        """Say what Application Auto Scaling would refuse, or could never act upon."""
        problems = Problems()
        problems.require(self.min_copies >= 0, f"min_copies is {self.min_copies}, allowed are numbers from 0")
        problems.require(
            self.max_copies >= max(self.min_copies, 1),
            f"max_copies is {self.max_copies}, allowed are numbers from {max(self.min_copies, 1)}",
        )
        targets = ("invocations_per_copy", "concurrency_per_copy")
        given = [name for name in targets if getattr(self, name) is not None]
        for name in given:
            problems.require(getattr(self, name) > 0, f"{name} is {getattr(self, name)}, allowed are numbers above 0")
        problems.require(
            bool(given or self.schedule),
            f"there is nothing to scale by; give {' or '.join(targets)}, or a schedule",
        )
        problems.between("scale_in_cooldown_seconds", self.scale_in_cooldown_seconds, 0, 86400, "seconds")
        problems.between("scale_out_cooldown_seconds", self.scale_out_cooldown_seconds, 0, 86400, "seconds")
        check_schedule(problems, self.schedule, least=0, capacity=(self.min_copies, self.max_copies))
        return problems.found()

    def define(self, block: Block, traffic: Traffic, *, component: Member, condition: str | None) -> Member:
        """Add target and policies, and return the target.

        :param traffic: The component's.
        :param component: The component, which the target has to wait for.
        :param condition: Id of the condition under which it exists.
        """
        target = ScalableTarget(
            block,
            traffic.suffix,
            dimension="sagemaker:inference-component:DesiredCopyCount",
            resource_id=f"inference-component/{traffic.name}",
            capacity=(self.min_copies, self.max_copies),
            schedule=self.schedule,
            condition=condition,
            after=component,
        )
        cooldowns = (self.scale_in_cooldown_seconds, self.scale_out_cooldown_seconds)
        if self.invocations_per_copy is not None:
            target.track(
                "ScalingPolicy",
                "InvocationsPerCopy",
                target=self.invocations_per_copy,
                cooldowns=cooldowns,
                predefined="SageMakerInferenceComponentInvocationsPerCopy",
            )
        if self.concurrency_per_copy is not None:
            target.track(
                "ConcurrencyPolicy",
                "ConcurrencyPerCopy",
                target=self.concurrency_per_copy,
                cooldowns=cooldowns,
                predefined="SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution",
            )
        if self.min_copies == 0:
            target.wake(
                traffic.measure("NoCapacityInvocationFailures", statistic="Sum"),
                minutes=1,
                description=f"A request met no copy of {traffic.name}: the first one is brought up",
            )
        return target.member


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One model on shared instances.

    https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-deploy-models.html

    :param name: Name, unique on the endpoint. The component is called `<endpoint>-<name>`, which callers send as
        InferenceComponentName.
    :param model: Its model; no pipeline and no multi-model container.
    :param min_memory_mb: Memory that a copy reserves, from 128 MB.
    :param max_memory_mb: Memory that a copy may take at most. Default: - no limit.
    :param cpu_cores: Processor cores that a copy reserves, from 0.25. Default: - none.
    :param accelerators: Accelerators (GPUs, Neuron devices) that a copy reserves, from 1. Default: - none.
    :param copies: Copies at the start. Default: - `scaling.min_copies`, at least 1.
    :param scaling: Automatic scaling of the copies. Default: - a fixed number.
    :param model_download_seconds: How long fetching the model may take, 60 to 3600. Default: - the instances' value.
    :param startup_seconds: How long the container may take to answer its health check, 60 to 3600.
        Default: - the instances' value.
    """

    name: str
    model: Model
    min_memory_mb: int
    max_memory_mb: int | None = None
    cpu_cores: float | None = None
    accelerators: float | None = None
    copies: int | None = None
    scaling: CopyScaling | None = None
    model_download_seconds: int | None = None
    startup_seconds: int | None = None

    @property
    def copy_count(self) -> int:
        """Copies at the start."""
        if self.copies is not None:
            return self.copies
        # One even where none is enough later: only a copy that runs proves that the model can be served.
        return max(self.scaling.min_copies, 1) if self.scaling else 1

    @property
    def fewest_copies(self) -> int:
        """Fewest copies that it ever has."""
        return min(self.copy_count, self.scaling.min_copies) if self.scaling else self.copy_count

    def problems(self) -> Iterable[str]:
        """Say what SageMaker would refuse."""
        problems = Problems()
        problems.matches("name", self.name, NAME_PATTERN, NAME_RULE)
        problems.extend(self.model.problems(), where="model")
        problems.require(
            self.model.steps == 1 and not self.model.loads_many,
            "model is a pipeline or multi-model, an inference component holds one container with one model; make each "
            "model a component of its own",
        )
        problems.require(self.min_memory_mb >= 128, f"min_memory_mb is {self.min_memory_mb}, allowed are from 128 MB")
        if self.max_memory_mb is not None and self.max_memory_mb < self.min_memory_mb:
            problems.add(f"max_memory_mb is {self.max_memory_mb}, less than min_memory_mb {self.min_memory_mb}")
        if self.cpu_cores is not None:
            problems.require(self.cpu_cores >= 0.25, f"cpu_cores is {self.cpu_cores}, allowed are from 0.25")
        if self.accelerators is not None:
            problems.require(self.accelerators >= 1, f"accelerators is {self.accelerators}, allowed are from 1")
        problems.require(
            self.copy_count >= 1,
            f"copies is {self.copy_count}, a component starts with 1 or more; scaling with min_copies=0 lets it go and "
            "brings it back",
        )
        problems.between("model_download_seconds", self.model_download_seconds, 60, 3600, "seconds")
        problems.between("startup_seconds", self.startup_seconds, 60, 3600, "seconds")
        if self.scaling is not None:
            problems.extend(self.scaling.problems(), where="scaling")
            if self.copies is not None and not self.scaling.min_copies <= self.copies <= self.scaling.max_copies:
                problems.add(
                    f"copies is {self.copies}, outside of scaling ({self.scaling.min_copies} to "
                    f"{self.scaling.max_copies}); leave it out"
                )
        return problems.found()

    def render(self, model_name: str) -> CfnInferenceComponent.InferenceComponentSpecificationProperty:
        """The component's specification.

        :param model_name: Name of its SageMaker model.
        """
        startup = None
        if self.model_download_seconds is not None or self.startup_seconds is not None:
            startup = CfnInferenceComponent.InferenceComponentStartupParametersProperty(
                model_data_download_timeout_in_seconds=self.model_download_seconds,
                container_startup_health_check_timeout_in_seconds=self.startup_seconds,
            )
        return CfnInferenceComponent.InferenceComponentSpecificationProperty(
            model_name=model_name,
            compute_resource_requirements=CfnInferenceComponent.InferenceComponentComputeResourceRequirementsProperty(
                min_memory_required_in_mb=self.min_memory_mb,
                max_memory_required_in_mb=self.max_memory_mb,
                number_of_cpu_cores_required=self.cpu_cores,
                number_of_accelerator_devices_required=self.accelerators,
            ),
            startup_parameters=startup,
        )


def component_traffic(endpoint_name: str, component_name: str, suffix: str) -> Traffic:
    """What a component's metrics are told apart by.

    :param component_name: Its full name.
    """
    return Traffic(endpoint=endpoint_name, name=component_name, mode=ServingMode.COMPONENTS, suffix=suffix)
