"""How traffic moves from one model to the next, and what stops it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from aws_cdk.aws_sagemaker import CfnEndpoint, CfnInferenceComponent

from ._errors import Problems
from .endpoint_alarms import ROLLBACK_WINDOW_MINUTES

if TYPE_CHECKING:
    from aws_cdk.aws_cloudwatch import IAlarm

_LIMIT_SECONDS = 28800
# What instances need to start and a large model to download, on top of all waiting.
_START_SECONDS = 7200
_MAX_ALARMS = 10


class RolloutStrategy(StrEnum):
    """How SageMaker shifts traffic."""

    ALL_AT_ONCE = "ALL_AT_ONCE"
    CANARY = "CANARY"
    LINEAR = "LINEAR"
    ROLLING = "ROLLING"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """A deployment strategy. Make one with a static method.

    Each step is watched for the bake time; if an alarm goes off, SageMaker returns all traffic to the old fleet and the
    stack update fails. The endpoint's own rollback alarms look at the new fleet alone, so an old fleet that errs
    cannot stop the deployment that repairs it.

    https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html
    """

    strategy: RolloutStrategy
    bake_minutes: int
    percent: int = 100
    termination_wait_minutes: int = 0
    rollback_alarms: Sequence[IAlarm] = ()
    retain_variant_properties: bool | None = None

    @staticmethod
    def all_at_once(
        *,
        bake_minutes: int = 10,
        rollback_alarms: Sequence[IAlarm] = (),
        retain_variant_properties: bool | None = None,
    ) -> Rollout:
        """Shift all traffic to a new fleet, keep the old one for the bake time. Works with a single instance.

        :param bake_minutes: How long the new fleet is watched before the old one ends, 3 to 60. Default: 10.
        :param rollback_alarms: Further alarms that roll back. Default: - the endpoint's own only.
        :param retain_variant_properties: Keep the instance counts and weights that the running endpoint has instead of
            those in code, so that no rollout shrinks a scaled-out fleet. SageMaker takes it on updates only, not on the
            first deployment. Default: - for a model that follows a registry the stack parameter
            `RetainVariantProperties`, which the rollout controller sets; otherwise False.
        """
        return Rollout(
            strategy=RolloutStrategy.ALL_AT_ONCE,
            bake_minutes=bake_minutes,
            rollback_alarms=tuple(rollback_alarms),
            retain_variant_properties=retain_variant_properties,
        )

    @staticmethod
    def canary(
        *,
        percent: int = 10,
        bake_minutes: int = 15,
        termination_wait_minutes: int = 5,
        rollback_alarms: Sequence[IAlarm] = (),
        retain_variant_properties: bool | None = None,
    ) -> Rollout:
        """Shift a small share first, the rest after the bake time. Needs 2 instances or more.

        :param percent: Share of the new fleet that takes traffic first, 1 to 50. Default: 10.
        :param bake_minutes: How long the share is watched, 3 to 60. Default: 15.
        :param termination_wait_minutes: How long the old fleet stays afterwards, 0 to 60. Default: 5.
        :param rollback_alarms: As in :meth:`all_at_once`.
        :param retain_variant_properties: As in :meth:`all_at_once`.
        """
        return Rollout(
            strategy=RolloutStrategy.CANARY,
            bake_minutes=bake_minutes,
            percent=percent,
            termination_wait_minutes=termination_wait_minutes,
            rollback_alarms=tuple(rollback_alarms),
            retain_variant_properties=retain_variant_properties,
        )

    @staticmethod
    def linear(
        *,
        percent: int = 25,
        bake_minutes: int = 10,
        termination_wait_minutes: int = 5,
        rollback_alarms: Sequence[IAlarm] = (),
        retain_variant_properties: bool | None = None,
    ) -> Rollout:
        """Shift equal shares, each watched for the bake time. Needs 2 instances or more.

        :param percent: Size of each share, 10 to 50. Default: 25.
        :param bake_minutes: How long each share is watched, 3 to 60. Default: 10.
        :param termination_wait_minutes: How long the old fleet stays afterwards, 0 to 60. Default: 5.
        :param rollback_alarms: As in :meth:`all_at_once`.
        :param retain_variant_properties: As in :meth:`all_at_once`.
        """
        return Rollout(
            strategy=RolloutStrategy.LINEAR,
            bake_minutes=bake_minutes,
            percent=percent,
            termination_wait_minutes=termination_wait_minutes,
            rollback_alarms=tuple(rollback_alarms),
            retain_variant_properties=retain_variant_properties,
        )

    @staticmethod
    def rolling(
        *,
        percent: int = 25,
        bake_minutes: int = 10,
        rollback_alarms: Sequence[IAlarm] = (),
        retain_variant_properties: bool | None = None,
    ) -> Rollout:
        """Replace the fleet in batches: never twice the instances, for types that are hard to get. One variant only.

        :param percent: Size of a batch, 5 to 50. Default: 25.
        :param bake_minutes: How long each batch is watched, 3 to 60. Default: 10.
        :param rollback_alarms: As in :meth:`all_at_once`.
        :param retain_variant_properties: As in :meth:`all_at_once`.
        """
        return Rollout(
            strategy=RolloutStrategy.ROLLING,
            bake_minutes=bake_minutes,
            percent=percent,
            rollback_alarms=tuple(rollback_alarms),
            retain_variant_properties=retain_variant_properties,
        )

    @property
    def timeout_seconds(self) -> int:
        """All waits of the deployment plus the time that instances take to start, within SageMaker's limit."""
        return min(_LIMIT_SECONDS, self._waiting_seconds + _START_SECONDS)

    @property
    def _waiting_seconds(self) -> int:
        steps = 2 if self.strategy is RolloutStrategy.CANARY else math.ceil(100 / max(self.percent, 1))
        return 60 * (steps * self.bake_minutes + self.termination_wait_minutes)

    def problems(self, *, instances: int, variants: int, own_alarms: int) -> Iterable[str]:
        """Say what SageMaker would refuse.

        :param instances: Fewest instances that a variant ever has.
        :param variants: How many variants the endpoint has.
        :param own_alarms: How many rollback alarms the endpoint makes itself.
        """
        problems = Problems()
        name = self.strategy.value.lower()
        bounds = {RolloutStrategy.CANARY: 1, RolloutStrategy.LINEAR: 10, RolloutStrategy.ROLLING: 5}
        if self.strategy in bounds:
            problems.between(f"percent of {name}", self.percent, bounds[self.strategy], 50, "percent")
        if self.strategy in (RolloutStrategy.CANARY, RolloutStrategy.LINEAR) and instances < 2:
            problems.add(
                f"{name} needs at least 2 instances, a variant has {instances}: a share of one instance cannot take "
                "traffic. Set initial_instance_count (or scaling.min_instances) to 2, or use Rollout.all_at_once()"
            )
        if self.strategy is RolloutStrategy.ROLLING and variants > 1:
            problems.add(
                f"rolling replaces the fleet of one variant, the endpoint has {variants}; "
                "use canary, linear or all_at_once"
            )
        problems.between("termination_wait_minutes", self.termination_wait_minutes, 0, 60, "minutes")
        problems.between("bake_minutes", self.bake_minutes, 0, 60, "minutes")
        if own_alarms and self.bake_minutes < ROLLBACK_WINDOW_MINUTES:
            problems.add(
                f"bake_minutes is {self.bake_minutes}, but the rollback alarms look at {ROLLBACK_WINDOW_MINUTES} "
                f"minutes: they would go off after the watch is over. Bake for {ROLLBACK_WINDOW_MINUTES} or more"
            )
        alarms = own_alarms + len(self.rollback_alarms)
        if alarms > _MAX_ALARMS:
            problems.add(
                f"{alarms} alarms would roll back ({own_alarms} of the endpoint, {len(self.rollback_alarms)} given), "
                f"allowed are {_MAX_ALARMS}; combine some in a composite alarm"
            )
        if self._waiting_seconds > _LIMIT_SECONDS - 600:
            problems.add(
                f"the rollout would wait {self._waiting_seconds // 60} minutes, a deployment may last "
                f"{_LIMIT_SECONDS // 60}; take larger steps or a shorter bake time"
            )
        return problems.found()

    def render(self, alarm_names: Sequence[str]) -> CfnEndpoint.DeploymentConfigProperty:
        """The endpoint's part.

        :param alarm_names: Names of all alarms that roll back.
        """
        rollback = None
        if alarm_names:
            rollback = CfnEndpoint.AutoRollbackConfigProperty(
                alarms=[CfnEndpoint.AlarmProperty(alarm_name=name) for name in alarm_names]
            )
        bake = self.bake_minutes * 60
        if self.strategy is RolloutStrategy.ROLLING:
            return CfnEndpoint.DeploymentConfigProperty(
                rolling_update_policy=CfnEndpoint.RollingUpdatePolicyProperty(
                    maximum_batch_size=_share(self.percent),
                    wait_interval_in_seconds=bake,
                    maximum_execution_timeout_in_seconds=self.timeout_seconds,
                ),
                auto_rollback_configuration=rollback,
            )
        at_once = self.strategy is RolloutStrategy.ALL_AT_ONCE
        return CfnEndpoint.DeploymentConfigProperty(
            blue_green_update_policy=CfnEndpoint.BlueGreenUpdatePolicyProperty(
                traffic_routing_configuration=CfnEndpoint.TrafficRoutingConfigProperty(
                    type=self.strategy.value,
                    canary_size=_share(self.percent) if self.strategy is RolloutStrategy.CANARY else None,
                    linear_step_size=_share(self.percent) if self.strategy is RolloutStrategy.LINEAR else None,
                    # All at once has no steps to wait between; its bake time is the time before the old fleet ends.
                    wait_interval_in_seconds=0 if at_once else bake,
                ),
                termination_wait_in_seconds=bake if at_once else self.termination_wait_minutes * 60,
                maximum_execution_timeout_in_seconds=self.timeout_seconds,
            ),
            auto_rollback_configuration=rollback,
        )

    def render_component(
        self, alarm_names: Sequence[str]
    ) -> CfnInferenceComponent.InferenceComponentDeploymentConfigProperty:
        """An inference component's part, of a rolling rollout.

        :param alarm_names: Names of all alarms that roll back.
        """
        kind = CfnInferenceComponent
        rollback = None
        if alarm_names:
            rollback = kind.AutoRollbackConfigurationProperty(
                alarms=[kind.AlarmProperty(alarm_name=name) for name in alarm_names]
            )
        return kind.InferenceComponentDeploymentConfigProperty(
            rolling_update_policy=kind.InferenceComponentRollingUpdatePolicyProperty(
                maximum_batch_size=kind.InferenceComponentCapacitySizeProperty(
                    type="CAPACITY_PERCENT", value=self.percent
                ),
                wait_interval_in_seconds=self.bake_minutes * 60,
                maximum_execution_timeout_in_seconds=self.timeout_seconds,
            ),
            auto_rollback_configuration=rollback,
        )


def _share(percent: int) -> CfnEndpoint.CapacitySizeProperty:
    return CfnEndpoint.CapacitySizeProperty(type="CAPACITY_PERCENT", value=percent)
