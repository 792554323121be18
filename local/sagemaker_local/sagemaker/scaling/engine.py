"""Scaling once a minute: scheduled actions first, then what the alarms of policies say.

See https://docs.aws.amazon.com/autoscaling/application/userguide/what-is-application-auto-scaling.html
"""

from __future__ import annotations

import logging
import math
import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sagemaker_local.scheduling import expressions

from . import resources
from .state import Policy, ScheduledAction, Target
from .tracking import LOW

if TYPE_CHECKING:
    from sagemaker_local.sagemaker.service import SageMaker

    from .state import State

Json = dict[str, Any]
_COOLDOWN_SECONDS = 300
_log = logging.getLogger(__name__)


class Engine:
    """Brings targets to the capacity that their schedules and policies ask for.

    Args:
        sagemaker: the embedded SageMaker.
        state: the targets.
    """

    def __init__(self, sagemaker: SageMaker, state: State) -> None:
        self._sagemaker = sagemaker
        self._state = state

    def run(self, now: datetime) -> None:
        """Look at every target once."""
        for target in self._state.all():
            try:
                self._look_at(target, now)
            except Exception:  # noqa: BLE001 - one target must not keep the others from being scaled
                _log.exception("%s could not be scaled", target.resource)

    def _look_at(self, target: Target, now: datetime) -> None:
        for action in list(target.actions.values()):
            if action.due is not None and action.due <= now:
                self._apply(target, action)
                action.due = next_due(action, now)
        capacity = resources.current(self._sagemaker, target)
        if capacity is None:
            return
        inside = min(max(capacity, target.least), target.most)
        if inside != capacity and not target.suspended.get("ScheduledScalingSuspended"):
            self._change(target, capacity, inside, "limits of the scalable target", now)
            return
        self._follow_policies(target, capacity, now)

    def _apply(self, target: Target, action: ScheduledAction) -> None:
        limits = action.definition.get("ScalableTargetAction") or {}
        target.least = int(limits.get("MinCapacity", target.least))
        target.most = int(limits.get("MaxCapacity", target.most))

    def _follow_policies(self, target: Target, capacity: int, now: datetime) -> None:
        wishes = [
            (wish, policy)
            for policy in target.policies.values()
            if (wish := self._wish(target, policy, capacity, now)) is not None
        ]
        out = [(wish, policy) for wish, policy in wishes if wish > capacity]
        if out and not target.suspended.get("DynamicScalingOutSuspended"):
            wish, policy = max(out, key=lambda item: item[0])
            if self._change(target, capacity, min(wish, target.most), f"policy {policy.name}", now):
                policy.last_out = now
            return
        # Fewer only if every policy that tracks a target agrees.
        tracking = [policy for policy in target.policies.values() if policy.kind == "TargetTrackingScaling"]
        fewer = [(wish, policy) for wish, policy in wishes if wish < capacity]
        agreed = all(any(policy is other for _, other in fewer) for policy in tracking)
        if fewer and agreed and not target.suspended.get("DynamicScalingInSuspended"):
            wish, policy = max(fewer, key=lambda item: item[0])
            if self._change(target, capacity, max(wish, target.least), f"policy {policy.name}", now):
                policy.last_in = now

    def _wish(self, target: Target, policy: Policy, capacity: int, now: datetime) -> int | None:
        """The capacity that a policy asks for; None if its alarms are quiet or it cools down."""
        cloudwatch = resources.client(self._sagemaker, target, "cloudwatch")
        found = cloudwatch.describe_alarms(ActionPrefix=policy.arn, StateValue="ALARM")["MetricAlarms"]
        if not found:
            return None
        alarm = found[0]
        value = self._latest(cloudwatch, alarm, now)
        if policy.kind == "StepScaling":
            wish = _step(policy.config, capacity, value - float(alarm["Threshold"]))
            since = max(filter(None, (policy.last_out, policy.last_in)), default=None)
            cooldown = policy.config.get("Cooldown", _COOLDOWN_SECONDS)
            return None if _cooling(since, cooldown, now) else wish
        if f"-{LOW}-" in alarm["AlarmName"]:
            # What any policy has just added is given time to take effect.
            moments = [moment for other in target.policies.values() for moment in (other.last_out, other.last_in)]
            since = max(filter(None, moments), default=None)
            if _cooling(since, policy.config.get("ScaleInCooldown", _COOLDOWN_SECONDS), now):
                return None
            return min(capacity - 1, _tracked(policy.config, capacity, value))
        if _cooling(policy.last_out, policy.config.get("ScaleOutCooldown", _COOLDOWN_SECONDS), now):
            return None
        return max(capacity + 1, _tracked(policy.config, capacity, value))

    @staticmethod
    def _latest(cloudwatch: Any, alarm: Json, now: datetime) -> float:
        points = cloudwatch.get_metric_statistics(
            Namespace=alarm["Namespace"],
            MetricName=alarm["MetricName"],
            Dimensions=alarm.get("Dimensions") or [],
            StartTime=now - timedelta(seconds=5 * alarm["Period"]),
            EndTime=now,
            Period=alarm["Period"],
            Statistics=[alarm["Statistic"]],
        )["Datapoints"]
        newest = max(points, key=lambda point: point["Timestamp"], default=None)
        return float(newest[alarm["Statistic"]]) if newest else 0.0

    def _change(self, target: Target, before: int, capacity: int, cause: str, now: datetime) -> bool:
        if capacity == before:
            return False
        refusal = resources.change(self._sagemaker, target, capacity)
        target.activities.append(
            {
                "ActivityId": str(uuid.uuid4()),
                "ServiceNamespace": "sagemaker",
                "ResourceId": target.resource,
                "ScalableDimension": target.dimension,
                "Description": f"Setting desired capacity to {capacity}.",
                "Cause": f"{cause} in place of {before}",
                "StartTime": now,
                "EndTime": now,
                "StatusCode": "Failed" if refusal else "Successful",
                "StatusMessage": refusal or f"Successfully set desired capacity to {capacity}.",
            }
        )
        return refusal is None


def next_due(action: ScheduledAction, now: datetime) -> datetime | None:
    """Return when a scheduled action is due next, or None if never."""
    definition = action.definition
    zone = definition.get("Timezone") or "UTC"
    expression = expressions.parse(definition["Schedule"], base=action.created, timezone=zone)
    start, end = definition.get("StartTime"), definition.get("EndTime")
    due = expression.next_after(max(now, start) if start else now)
    return due if due is not None and (end is None or due <= end) else None


def _tracked(config: Json, capacity: int, value: float) -> int:
    # The metric is an average per unit of capacity, so its ratio to the target says how many units are needed.
    return math.ceil(round(max(capacity, 1) * value / float(config["TargetValue"]), 6))


def _step(config: Json, capacity: int, breach: float) -> int | None:
    for step in config.get("StepAdjustments") or []:
        low = float(step.get("MetricIntervalLowerBound", -math.inf))
        high = float(step.get("MetricIntervalUpperBound", math.inf))
        if low <= breach < high:
            size = int(step["ScalingAdjustment"])
            if config.get("AdjustmentType") == "ExactCapacity":
                return size
            if config.get("AdjustmentType") == "PercentChangeInCapacity":
                least = int(config.get("MinAdjustmentMagnitude", 1))
                by = math.ceil(abs(capacity * size / 100))
                return capacity + (max(by, least) if size > 0 else -max(by, least))
            return capacity + size
    return None


def _cooling(since: datetime | None, seconds: float, now: datetime) -> bool:
    return since is not None and (now - since).total_seconds() < float(seconds)
