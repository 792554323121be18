"""Automatic scaling of a variant by its traffic."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_cdk import aws_applicationautoscaling as autoscaling

from ._errors import Problems

if TYPE_CHECKING:
    from ._block import Block, Member


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """Keep the number of requests per instance and minute near a target.

    https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling.html

    :param min_instances: Fewest instances, at least 1. Default: 1.
    :param max_instances: Most instances.
    :param invocations_per_instance: Requests per minute and instance that are aimed at.
    :param scale_in_cooldown_seconds: Wait after removing instances. Default: 300.
    :param scale_out_cooldown_seconds: Wait after adding instances. Default: 60: traffic that has come wants instances
        now.
    """

    max_instances: int
    invocations_per_instance: float
    min_instances: int = 1
    scale_in_cooldown_seconds: int = 300
    scale_out_cooldown_seconds: int = 60

    def problems(self) -> Iterable[str]:
        """Say what Application Auto Scaling would refuse."""
        problems = Problems()
        problems.require(
            self.min_instances >= 1,
            f"min_instances is {self.min_instances}, at least 1 is needed: a real-time variant cannot scale to zero",
        )
        problems.require(
            self.max_instances >= self.min_instances,
            f"max_instances is {self.max_instances}, less than min_instances {self.min_instances}",
        )
        problems.require(
            self.invocations_per_instance > 0,
            f"invocations_per_instance is {self.invocations_per_instance}, allowed are numbers above 0",
        )
        problems.between("scale_in_cooldown_seconds", self.scale_in_cooldown_seconds, 0, 86400, "seconds")
        problems.between("scale_out_cooldown_seconds", self.scale_out_cooldown_seconds, 0, 86400, "seconds")
        return problems.found()

    def define(
        self, block: Block, suffix: str, *, endpoint_name: str, variant_name: str, condition: str | None
    ) -> tuple[Member, Member]:
        """Add target and policy.

        :param block: Resources of the endpoint.
        :param suffix: Suffix of their ids, distinguishes variants.
        :param endpoint_name: The endpoint's own attribute, not a copy of its name: it makes the target wait for the
            endpoint.
        :param variant_name: Name of the variant.
        :param condition: Id of the condition under which the endpoint exists.
        """
        target = block.add(
            f"ScalableTarget{suffix}",
            "AWS::ApplicationAutoScaling::ScalableTarget",
            autoscaling.CfnScalableTargetProps(
                service_namespace="sagemaker",
                scalable_dimension="sagemaker:variant:DesiredInstanceCount",
                resource_id=f"endpoint/{endpoint_name}/variant/{variant_name}",
                min_capacity=self.min_instances,
                max_capacity=self.max_instances,
            ),
            condition=condition,
        )
        tracking = autoscaling.CfnScalingPolicy.TargetTrackingScalingPolicyConfigurationProperty(
            target_value=self.invocations_per_instance,
            scale_in_cooldown=self.scale_in_cooldown_seconds,
            scale_out_cooldown=self.scale_out_cooldown_seconds,
            predefined_metric_specification=autoscaling.CfnScalingPolicy.PredefinedMetricSpecificationProperty(
                predefined_metric_type="SageMakerVariantInvocationsPerInstance"
            ),
        )
        policy = block.add(
            f"ScalingPolicy{suffix}",
            "AWS::ApplicationAutoScaling::ScalingPolicy",
            autoscaling.CfnScalingPolicyProps(
                policy_name="InvocationsPerInstance",
                policy_type="TargetTrackingScaling",
                scaling_target_id=target.ref,
                target_tracking_scaling_policy_configuration=tracking,
            ),
            condition=condition,
        )
        return target, policy
