"""From settings about capacity to the library's."""

from __future__ import annotations

from collections.abc import Sequence

import cdk_sagemaker_mlops as mlops

from .settings import CopyScalingSettings, ScalingSettings, ScheduledSettings, ServerlessSettings


def _schedule(wanted: Sequence[ScheduledSettings]) -> list[mlops.ScheduledCapacity]:
    return [
        mlops.ScheduledCapacity(schedule=each.at, minimum=each.min, maximum=each.max, timezone=each.timezone)
        for each in wanted
    ]


def scaling(wanted: ScalingSettings | None) -> mlops.Scaling | None:
    """Scaling of instances."""
    if wanted is None:
        return None
    return mlops.Scaling(
        min_instances=wanted.min,
        max_instances=wanted.max,
        invocations_per_instance=wanted.invocations_per_instance,
        concurrency_per_instance=wanted.concurrency_per_instance,
        backlog_per_instance=wanted.backlog_per_instance,
        schedule=_schedule(wanted.schedule),
        scale_in_cooldown_seconds=wanted.scale_in_cooldown_seconds,
        scale_out_cooldown_seconds=wanted.scale_out_cooldown_seconds,
    )


def copy_scaling(wanted: CopyScalingSettings) -> mlops.CopyScaling:
    """Scaling of an inference component's copies."""
    return mlops.CopyScaling(
        min_copies=wanted.min,
        max_copies=wanted.max,
        invocations_per_copy=wanted.invocations_per_copy,
        concurrency_per_copy=wanted.concurrency_per_copy,
        schedule=_schedule(wanted.schedule),
        scale_in_cooldown_seconds=wanted.scale_in_cooldown_seconds,
        scale_out_cooldown_seconds=wanted.scale_out_cooldown_seconds,
    )


def serverless(wanted: ServerlessSettings) -> mlops.Serverless:
    """A variant without instances, and the scaling of its warm containers."""
    scaling = wanted.scaling
    return mlops.Serverless(
        memory_mb=wanted.memory_mb,
        max_concurrency=wanted.max_concurrency,
        provisioned_concurrency=wanted.provisioned_concurrency,
        scaling=mlops.ProvisionedScaling(
            min_concurrency=scaling.min,
            max_concurrency=scaling.max,
            utilization=scaling.utilization,
            schedule=_schedule(scaling.schedule),
            scale_in_cooldown_seconds=scaling.scale_in_cooldown_seconds,
            scale_out_cooldown_seconds=scaling.scale_out_cooldown_seconds,
        )
        if scaling
        else None,
    )
