"""How traffic moves from one fleet to the next: the steps of a deployment, worked out before it starts.

See https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from .faults import invalid

_DEFAULT_ROLLBACK_BATCH = {"Type": "CAPACITY_PERCENT", "Value": 100}


@dataclass(frozen=True)
class Step:
    """One shift of traffic and the watch that follows it."""

    share: float
    """Part of the traffic that the new fleet answers from now on, 0 to 1."""
    bake_seconds: float
    """Virtual seconds to watch the alarms before the next step."""
    setting: str
    """The setting that the bake time comes from."""
    label: str
    """What SageMaker calls the capacity that takes traffic: canary, linear, batch or full."""


@dataclass(frozen=True)
class Plan:
    """The steps of a deployment and how to go back."""

    steps: tuple[Step, ...]
    alarms: tuple[str, ...]
    rolling: bool
    """Instances of the old fleet end batch by batch, and not all at the end."""
    rollback_batch: float = 1.0
    """Part of the fleet that goes back at a time, 0 to 1."""
    maximum_seconds: float = math.inf


def plan(config: dict[str, Any] | None, instances: int) -> Plan:
    """Return the plan of a DeploymentConfig for a fleet of `instances`; without one, everything moves at once.

    Raises:
        AwsError: if the configuration contradicts itself.
    """
    config = config or {}
    alarms = tuple(alarm["AlarmName"] for alarm in (config.get("AutoRollbackConfiguration") or {}).get("Alarms", []))
    blue_green, rolling = config.get("BlueGreenUpdatePolicy"), config.get("RollingUpdatePolicy")
    if blue_green and rolling:
        raise invalid("Only one of BlueGreenUpdatePolicy and RollingUpdatePolicy can be specified in DeploymentConfig.")
    if rolling:
        return _rolling(rolling, alarms, instances)
    return _blue_green(blue_green or {}, alarms, instances)


def _blue_green(policy: dict[str, Any], alarms: tuple[str, ...], instances: int) -> Plan:
    routing = policy.get("TrafficRoutingConfiguration") or {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    kind, wait = routing["Type"], float(routing.get("WaitIntervalInSeconds", 0))
    shares: list[float] = []
    if kind == "CANARY":
        shares = [_share(routing, "CanarySize", instances, at_most=0.5)]
    elif kind == "LINEAR":
        size = _share(routing, "LinearStepSize", instances, at_most=0.5, at_least=0.1)
        shares = _ladder(size)[:-1]
    label = kind.lower()
    steps = [Step(share, wait, "WaitIntervalInSeconds", label) for share in shares]
    steps.append(Step(1.0, wait, "WaitIntervalInSeconds", "full"))
    termination = float(policy.get("TerminationWaitInSeconds", 0))
    if termination:
        steps.append(Step(1.0, termination, "TerminationWaitInSeconds", "full"))
    maximum = float(policy.get("MaximumExecutionTimeoutInSeconds", math.inf))
    _check_timeout(maximum, steps)
    return Plan(tuple(steps), alarms, rolling=False, maximum_seconds=maximum)


def _rolling(policy: dict[str, Any], alarms: tuple[str, ...], instances: int) -> Plan:
    size = _share(policy, "MaximumBatchSize", instances, at_most=0.5, at_least=0.05)
    back = _capacity(policy.get("RollbackMaximumBatchSize") or _DEFAULT_ROLLBACK_BATCH, instances)
    wait = float(policy["WaitIntervalInSeconds"])
    steps = [Step(share, wait, "WaitIntervalInSeconds", "full" if share == 1.0 else "batch") for share in _ladder(size)]
    maximum = float(policy.get("MaximumExecutionTimeoutInSeconds", math.inf))
    _check_timeout(maximum, steps)
    return Plan(tuple(steps), alarms, rolling=True, rollback_batch=min(back, 1.0), maximum_seconds=maximum)


def _ladder(size: float) -> list[float]:
    count = math.ceil(1.0 / size - 1e-9)
    return [min(1.0, round(size * number, 6)) for number in range(1, count)] + [1.0]


def _share(policy: dict[str, Any], member: str, instances: int, *, at_most: float, at_least: float = 0.0) -> float:
    capacity = policy.get(member)
    if capacity is None:
        raise invalid(f"{member} is required for this type of deployment.")
    share = _capacity(capacity, instances)
    # One instance cannot be split, whatever part of it is asked for: the limits hold for fleets.
    if instances > 1 and not at_least - 1e-9 <= share <= at_most + 1e-9:
        low = f"between {at_least:.0%} and" if at_least else "less than or equal to"
        raise invalid(
            f"{member} of {capacity['Value']} {capacity['Type']} is {share:.0%} of the variant's total instance count "
            f"of {instances}. It must be {low} {at_most:.0%}."
        )
    return min(share, 1.0)


def _capacity(capacity: dict[str, Any], instances: int) -> float:
    value = float(capacity["Value"])
    return value / 100 if capacity["Type"] == "CAPACITY_PERCENT" else value / max(instances, 1)


def _check_timeout(maximum: float, steps: list[Step]) -> None:
    waits = sum(step.bake_seconds for step in steps)
    if maximum < waits:
        raise invalid(
            f"MaximumExecutionTimeoutInSeconds of {maximum:g} must be larger than the {waits:g} seconds that the "
            "deployment waits in total (WaitIntervalInSeconds after every step, and TerminationWaitInSeconds)."
        )
