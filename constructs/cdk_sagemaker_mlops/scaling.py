"""Automatic scaling of a variant's instances by its traffic."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._errors import Problems
from ._scalable_target import ScalableTarget
from .scheduled_capacity import ScheduledCapacity, check_schedule
from .serving_mode import ServingMode, queue_measure

if TYPE_CHECKING:
    from ._block import Block, Member

_BY_TRAFFIC = ("invocations_per_instance", "concurrency_per_instance")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """Keep one or more figures per instance near their targets; the largest number of instances that one asks for wins.

    https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling.html

    :param max_instances: Most instances.
    :param min_instances: Fewest instances: at least 1, of an asynchronous endpoint also 0. From 0 the first request
        that waits brings up an instance. Default: 1.
    :param invocations_per_instance: Requests per minute and instance that are aimed at. Default: - not looked at.
    :param concurrency_per_instance: Requests that an instance works on at once. SageMaker measures it every 10 seconds
        and not every minute, so it reacts sooner; the better choice where requests take long. Default: - not looked at.
    :param backlog_per_instance: Requests in the queue per instance, of an asynchronous endpoint. Default: - not looked
        at.
    :param schedule: Other bounds at certain times. Default: - none.
    :param scale_in_cooldown_seconds: Wait after removing instances. Default: 300.
    :param scale_out_cooldown_seconds: Wait after adding instances. Default: 60: traffic that has come wants instances
        now.
    """

    max_instances: int
    invocations_per_instance: float | None = None
    min_instances: int = 1
    scale_in_cooldown_seconds: int = 300
    scale_out_cooldown_seconds: int = 60
    concurrency_per_instance: float | None = None
    backlog_per_instance: float | None = None
    schedule: Sequence[ScheduledCapacity] = ()

    def problems(self, mode: ServingMode = ServingMode.REAL_TIME) -> Iterable[str]:
        """Say what Application Auto Scaling would refuse, or could never act upon.

        :param mode: How the endpoint answers.
        """
        problems = Problems()
        queued = mode is ServingMode.ASYNCHRONOUS
        least = 0 if queued else 1
        problems.require(
            self.min_instances >= least,
            f"min_instances is {self.min_instances}, at least {least} is needed"
            + ("" if queued else ": a real-time variant cannot scale to zero. Serverless variants, asynchronous "
               "endpoints and inference components can"),
        )  # fmt: skip
        problems.require(
            self.max_instances >= max(self.min_instances, 1),
            f"max_instances is {self.max_instances}, less than min_instances {self.min_instances}"
            if self.max_instances < self.min_instances
            else f"max_instances is {self.max_instances}, at least 1 is needed",
        )
        targets = [*_BY_TRAFFIC, "backlog_per_instance"]
        given = [name for name in targets if getattr(self, name) is not None]
        for name in given:
            value = getattr(self, name)
            problems.require(value > 0, f"{name} is {value}, allowed are numbers above 0")
        problems.require(
            bool(given or self.schedule),
            f"there is nothing to scale by; give {'backlog_per_instance' if queued else ' or '.join(_BY_TRAFFIC)}, "
            "or a schedule",
        )
        if queued:
            for name in set(given) & set(_BY_TRAFFIC):
                problems.add(
                    f"{name} is given, but asynchronous endpoints publish no such metric; use backlog_per_instance"
                )
        elif self.backlog_per_instance is not None:
            problems.add(
                "backlog_per_instance is given, but only asynchronous endpoints have a queue; use "
                + " or ".join(_BY_TRAFFIC)
            )
        problems.between("scale_in_cooldown_seconds", self.scale_in_cooldown_seconds, 0, 86400, "seconds")
        problems.between("scale_out_cooldown_seconds", self.scale_out_cooldown_seconds, 0, 86400, "seconds")
        check_schedule(problems, self.schedule, least=least, capacity=(self.min_instances, self.max_instances))
        return problems.found()

    def define(
        self, block: Block, suffix: str, *, endpoint_name: str, variant_name: str, condition: str | None
    ) -> Member:
        """Add target and policies, and return the target.

        :param block: Resources of the endpoint.
        :param suffix: Suffix of their ids, distinguishes variants.
        :param endpoint_name: The endpoint's own attribute, not a copy of its name: it makes the target wait for the
            endpoint.
        :param variant_name: Name of the variant.
        :param condition: Id of the condition under which the endpoint exists.
        """
        target = ScalableTarget(
            block,
            suffix,
            dimension="sagemaker:variant:DesiredInstanceCount",
            resource_id=f"endpoint/{endpoint_name}/variant/{variant_name}",
            capacity=(self.min_instances, self.max_instances),
            schedule=self.schedule,
            condition=condition,
        )
        cooldowns = (self.scale_in_cooldown_seconds, self.scale_out_cooldown_seconds)
        if self.invocations_per_instance is not None:
            target.track(
                "ScalingPolicy",
                "InvocationsPerInstance",
                target=self.invocations_per_instance,
                cooldowns=cooldowns,
                predefined="SageMakerVariantInvocationsPerInstance",
            )
        if self.concurrency_per_instance is not None:
            target.track(
                "ConcurrencyPolicy",
                "ConcurrencyPerInstance",
                target=self.concurrency_per_instance,
                cooldowns=cooldowns,
                predefined="SageMakerVariantConcurrentRequestsPerModelHighResolution",
            )
        if self.backlog_per_instance is not None:
            target.track(
                "BacklogPolicy",
                "BacklogPerInstance",
                target=self.backlog_per_instance,
                cooldowns=cooldowns,
                measure=queue_measure("ApproximateBacklogSizePerInstance", endpoint_name, statistic="Average"),
            )
        if self.min_instances == 0:
            target.wake(
                queue_measure("HasBacklogWithoutCapacity", endpoint_name, statistic="Average"),
                minutes=2,
                description="Requests wait and no instance is there: the first one is brought up",
            )
        return target.member
