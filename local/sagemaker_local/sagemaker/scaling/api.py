"""Application Auto Scaling's operations, for SageMaker's resources."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sagemaker_local.errors import AwsError
from sagemaker_local.sagemaker.faults import invalid

from . import resources, tracking
from .engine import next_due
from .state import Policy, ScheduledAction, State, Target

if TYPE_CHECKING:
    from sagemaker_local.front import Context
    from sagemaker_local.sagemaker.service import SageMaker

Json = dict[str, Any]
Handler = Callable[["Context", Json], "Json | None"]
_NAMESPACE = "sagemaker"


class Api:
    """Handlers of the operations; None lets moto answer for other services.

    Args:
        sagemaker: the embedded SageMaker.
        state: where targets are remembered.
    """

    def __init__(self, sagemaker: SageMaker, state: State) -> None:
        self._sagemaker = sagemaker
        self._state = state

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by operation."""
        operations: dict[str, Callable[[Context, Json], Json]] = {
            "RegisterScalableTarget": self._register,
            "DescribeScalableTargets": self._describe_targets,
            "DeregisterScalableTarget": self._deregister,
            "PutScalingPolicy": self._put_policy,
            "DescribeScalingPolicies": self._describe_policies,
            "DeleteScalingPolicy": self._delete_policy,
            "PutScheduledAction": self._put_action,
            "DescribeScheduledActions": self._describe_actions,
            "DeleteScheduledAction": self._delete_action,
            "DescribeScalingActivities": self._describe_activities,
        }

        def only_here(operation: Callable[[Context, Json], Json]) -> Handler:
            def handle(context: Context, params: Json) -> Json | None:
                if params.get("ServiceNamespace") != _NAMESPACE:
                    return None
                with self._state.lock:
                    return operation(context, params)

            return handle

        return {name: only_here(operation) for name, operation in operations.items()}

    def _register(self, context: Context, params: Json) -> Json:
        resource, dimension = params["ResourceId"], params["ScalableDimension"]
        known = self._state.find(context.account, context.region, resource, dimension)
        least = params.get("MinCapacity", known.least if known else None)
        most = params.get("MaxCapacity", known.most if known else None)
        if least is None or most is None:
            raise invalid("MinCapacity and MaxCapacity must be given when a scalable target is registered.")
        resources.check(self._sagemaker, context.account, context.region, resource, dimension, int(least), int(most))
        if known is None:
            arn = (
                f"arn:aws:application-autoscaling:{context.region}:{context.account}:scalable-target/{uuid.uuid4().hex}"
            )
            now = context.clock.now()
            known = Target(context.account, context.region, resource, dimension, arn, int(least), int(most), now)
            known.tags.update(params.get("Tags") or {})
            self._state.add(known)
        known.least, known.most = int(least), int(most)
        known.suspended = params.get("SuspendedState") or known.suspended
        return {"ScalableTargetARN": known.arn}

    def _describe_targets(self, context: Context, params: Json) -> Json:
        wanted, dimension = params.get("ResourceIds") or [], params.get("ScalableDimension")
        found = [
            target
            for target in self._state.all(context.account, context.region)
            if (not wanted or target.resource in wanted) and dimension in (None, target.dimension)
        ]
        return {
            "ScalableTargets": [
                {
                    "ServiceNamespace": _NAMESPACE,
                    "ResourceId": target.resource,
                    "ScalableDimension": target.dimension,
                    "MinCapacity": target.least,
                    "MaxCapacity": target.most,
                    "RoleARN": f"arn:aws:iam::{target.account}:role/aws-service-role/sagemaker.application-autoscaling."
                    "amazonaws.com/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint",
                    "CreationTime": target.created,
                    "ScalableTargetARN": target.arn,
                    "SuspendedState": target.suspended,
                }
                for target in found
            ]
        }

    def _deregister(self, context: Context, params: Json) -> Json:
        target = self._target(context, params)
        for policy in list(target.policies.values()):
            self._drop_alarms(context, policy)
        self._state.remove(target)
        return {}

    def _put_policy(self, context: Context, params: Json) -> Json:
        target = self._target(context, params)
        name, known = params["PolicyName"], target.policies.get(params["PolicyName"])
        kind = params.get("PolicyType") or (known.kind if known else "StepScaling")
        member = f"{kind}PolicyConfiguration"
        if kind not in ("StepScaling", "TargetTrackingScaling"):
            raise invalid(f"The embedded AWS scales by StepScaling and TargetTrackingScaling, not by {kind}.")
        if not params.get(member):
            raise invalid(f"{member} must be given for policy type {kind}.")
        arn = (
            known.arn
            if known
            else (
                f"arn:aws:autoscaling:{context.region}:{context.account}:scalingPolicy:{uuid.uuid4()}:"
                f"resource/{_NAMESPACE}/{target.resource}:policyName/{name}"
            )
        )
        policy = Policy(name, arn, kind, params[member], known.created if known else context.clock.now())
        wanted = tracking.alarms(target.resource, params[member], arn) if kind == "TargetTrackingScaling" else []
        if known is not None:
            self._drop_alarms(context, known)
        # With the permissions of who puts the policy, as in AWS.
        cloudwatch = context.client("cloudwatch")
        for alarm in wanted:
            cloudwatch.put_metric_alarm(**alarm)
            arn_of = f"arn:aws:cloudwatch:{context.region}:{context.account}:alarm:{alarm['AlarmName']}"
            policy.alarms.append({"AlarmName": alarm["AlarmName"], "AlarmARN": arn_of})
        target.policies[name] = policy
        return {"PolicyARN": arn, "Alarms": policy.alarms}

    def _describe_policies(self, context: Context, params: Json) -> Json:
        names = params.get("PolicyNames") or []
        return {
            "ScalingPolicies": [
                {
                    "PolicyARN": policy.arn,
                    "PolicyName": policy.name,
                    **_place(target),
                    "PolicyType": policy.kind,
                    f"{policy.kind}PolicyConfiguration": policy.config,
                    "Alarms": policy.alarms,
                    "CreationTime": policy.created,
                }
                for target in self._selected(context, params)
                for policy in target.policies.values()
                if not names or policy.name in names
            ]
        }

    def _delete_policy(self, context: Context, params: Json) -> Json:
        target = self._target(context, params)
        policy = target.policies.pop(params["PolicyName"], None)
        if policy is None:
            raise _absent("scaling policy", params, f", policy name: {params['PolicyName']}")
        self._drop_alarms(context, policy)
        return {}

    def _put_action(self, context: Context, params: Json) -> Json:
        target = self._target(context, params)
        name, known = params["ScheduledActionName"], target.actions.get(params["ScheduledActionName"])
        definition = {**(known.definition if known else {}), **params}
        if not definition.get("Schedule"):
            raise invalid("Schedule must be given for a new scheduled action.")
        arn = (
            known.arn
            if known
            else (
                f"arn:aws:autoscaling:{context.region}:{context.account}:scheduledAction:{uuid.uuid4()}:"
                f"resource/{_NAMESPACE}/{target.resource}:scheduledActionName/{name}"
            )
        )
        now = context.clock.now()
        action = ScheduledAction(name, arn, definition, known.created if known else now)
        try:
            action.due = next_due(action, now)
        except ValueError as error:
            raise invalid(f"Schedule {definition['Schedule']}: {error}") from error
        target.actions[name] = action
        return {}

    def _describe_actions(self, context: Context, params: Json) -> Json:
        names = params.get("ScheduledActionNames") or []
        members = ("Schedule", "Timezone", "StartTime", "EndTime", "ScalableTargetAction")
        return {
            "ScheduledActions": [
                {
                    "ScheduledActionName": action.name,
                    "ScheduledActionARN": action.arn,
                    **_place(target),
                    **{member: action.definition[member] for member in members if member in action.definition},
                    "CreationTime": action.created,
                }
                for target in self._selected(context, params)
                for action in target.actions.values()
                if not names or action.name in names
            ]
        }

    def _delete_action(self, context: Context, params: Json) -> Json:
        target = self._target(context, params)
        if target.actions.pop(params["ScheduledActionName"], None) is None:
            raise _absent("scheduled action", params, f", scheduled action name: {params['ScheduledActionName']}")
        return {}

    def _describe_activities(self, context: Context, params: Json) -> Json:
        found = [activity for target in self._selected(context, params) for activity in target.activities]
        return {"ScalingActivities": found[::-1]}

    def _selected(self, context: Context, params: Json) -> list[Target]:
        resource, dimension = params.get("ResourceId"), params.get("ScalableDimension")
        return [
            target
            for target in self._state.all(context.account, context.region)
            if resource in (None, target.resource) and dimension in (None, target.dimension)
        ]

    def _target(self, context: Context, params: Json) -> Target:
        target = self._state.find(context.account, context.region, params["ResourceId"], params["ScalableDimension"])
        if target is None:
            raise _absent("scalable target", params)
        return target

    @staticmethod
    def _drop_alarms(context: Context, policy: Policy) -> None:
        if policy.alarms:
            context.client("cloudwatch").delete_alarms(AlarmNames=[alarm["AlarmName"] for alarm in policy.alarms])


def _place(target: Target) -> Json:
    return {
        "ServiceNamespace": _NAMESPACE,
        "ResourceId": target.resource,
        "ScalableDimension": target.dimension,
    }


def _absent(kind: str, params: Json, rest: str = "") -> AwsError:
    return AwsError(
        "ObjectNotFoundException",
        f"No {kind} found for service namespace: {_NAMESPACE}, resource ID: {params['ResourceId']}, scalable "
        f"dimension: {params['ScalableDimension']}{rest}",
    )
