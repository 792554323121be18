"""A scalable target of Application Auto Scaling with its policies, whatever of SageMaker it scales.

https://docs.aws.amazon.com/autoscaling/application/userguide/services-that-can-integrate-sagemaker.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_cloudwatch as cloudwatch

if TYPE_CHECKING:
    from ._block import Block, Member
    from .measures import Measure
    from .scheduled_capacity import ScheduledCapacity

_WAKE_COOLDOWN_SECONDS = 60


class ScalableTarget:
    """Adds a target to a block, and policies to the target.

    :param suffix: Suffix of all ids, distinguishes variants and components.
    :param dimension: What is scaled, such as `sagemaker:variant:DesiredInstanceCount`.
    :param resource_id: What of; made of the resource's own attribute and not of a copy of its name, so that the target
        waits for it.
    :param capacity: Smallest and largest capacity.
    :param schedule: When other bounds apply.
    :param condition: Id of the condition under which the resource exists.
    :param after: The resource, where its id is not made of an attribute of it. Default: - it is.
    """

    def __init__(
        self,
        block: Block,
        suffix: str,
        *,
        dimension: str,
        resource_id: str,
        capacity: tuple[int, int],
        schedule: Sequence[ScheduledCapacity],
        condition: str | None,
        after: Member | None = None,
    ) -> None:
        self._block = block
        self._suffix = suffix
        self._condition = condition
        self.member = block.add(
            f"ScalableTarget{suffix}",
            "AWS::ApplicationAutoScaling::ScalableTarget",
            autoscaling.CfnScalableTargetProps(
                service_namespace="sagemaker",
                scalable_dimension=dimension,
                resource_id=resource_id,
                min_capacity=capacity[0],
                max_capacity=capacity[1],
                scheduled_actions=[action.render(number) for number, action in enumerate(schedule, 1)] or None,
            ),
            condition=condition,
            after=after,
        )

    def track(
        self,
        construct_id: str,
        name: str,
        *,
        target: float,
        cooldowns: tuple[int, int],
        predefined: str | None = None,
        measure: Measure | None = None,
    ) -> Member:
        """Add a policy that keeps a metric near a target.

        :param construct_id: Id, without the suffix.
        :param name: Name of the policy, unique at the target.
        :param cooldowns: Seconds to wait after removing and after adding.
        :param predefined: Name of one of Application Auto Scaling's own metrics. Default: - `measure`.
        :param measure: Another metric.
        """
        kind = autoscaling.CfnScalingPolicy
        own = other = None
        if predefined is not None:
            own = kind.PredefinedMetricSpecificationProperty(predefined_metric_type=predefined)
        if measure is not None:
            other = kind.CustomizedMetricSpecificationProperty(
                namespace=measure.namespace,
                metric_name=measure.name,
                statistic=measure.statistic,
                dimensions=[kind.MetricDimensionProperty(name=key, value=value) for key, value in measure.dimensions],
            )
        return self._policy(
            construct_id,
            autoscaling.CfnScalingPolicyProps(
                policy_name=name,
                policy_type="TargetTrackingScaling",
                scaling_target_id=self.member.ref,
                target_tracking_scaling_policy_configuration=kind.TargetTrackingScalingPolicyConfigurationProperty(
                    target_value=target,
                    scale_in_cooldown=cooldowns[0],
                    scale_out_cooldown=cooldowns[1],
                    predefined_metric_specification=own,
                    customized_metric_specification=other,
                ),
            ),
        )

    def wake(self, measure: Measure, *, minutes: int, description: str) -> tuple[Member, Member]:
        """Add what brings the first one up from zero: a step policy and the alarm that calls it.

        Target tracking cannot leave zero by itself: a figure per instance is undefined without one.

        :param measure: At least 1 while somebody waits and nobody answers.
        :param minutes: For how long that has to be so.
        :param description: Description of the alarm.
        """
        kind = autoscaling.CfnScalingPolicy
        policy = self._policy(
            "WakePolicy",
            autoscaling.CfnScalingPolicyProps(
                policy_name="WakeFromZero",
                policy_type="StepScaling",
                scaling_target_id=self.member.ref,
                step_scaling_policy_configuration=kind.StepScalingPolicyConfigurationProperty(
                    adjustment_type="ChangeInCapacity",
                    metric_aggregation_type="Maximum",
                    cooldown=_WAKE_COOLDOWN_SECONDS,
                    step_adjustments=[kind.StepAdjustmentProperty(metric_interval_lower_bound=0, scaling_adjustment=1)],
                ),
            ),
        )
        alarm = self._block.add(
            f"WakeAlarm{self._suffix}",
            "AWS::CloudWatch::Alarm",
            cloudwatch.CfnAlarmProps(
                alarm_description=description,
                namespace=measure.namespace,
                metric_name=measure.name,
                dimensions=[
                    cloudwatch.CfnAlarm.DimensionProperty(name=key, value=value) for key, value in measure.dimensions
                ],
                statistic=measure.statistic,
                period=measure.period_seconds,
                evaluation_periods=minutes,
                datapoints_to_alarm=minutes,
                threshold=1,
                comparison_operator="GreaterThanOrEqualToThreshold",
                # Nobody waits where nothing is said.
                treat_missing_data="notBreaching",
                alarm_actions=[policy.ref],
            ),
            condition=self._condition,
        )
        return policy, alarm

    def _policy(self, construct_id: str, properties: autoscaling.CfnScalingPolicyProps) -> Member:
        return self._block.add(
            f"{construct_id}{self._suffix}",
            "AWS::ApplicationAutoScaling::ScalingPolicy",
            properties,
            condition=self._condition,
        )
