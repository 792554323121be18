"""What Application Auto Scaling remembers of SageMaker's scalable targets."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Json = dict[str, Any]


@dataclass
class Policy:
    """A scaling policy and the alarms that it brought along."""

    name: str
    arn: str
    kind: str
    """StepScaling or TargetTrackingScaling."""
    config: Json
    created: datetime
    alarms: list[Json] = field(default_factory=list)
    last_out: datetime | None = None
    last_in: datetime | None = None


@dataclass
class ScheduledAction:
    """A change of a target's limits at some time; `due` is None after its last one."""

    name: str
    arn: str
    definition: Json
    created: datetime
    due: datetime | None = None


@dataclass
class Target:
    """Something that is scaled."""

    account: str
    region: str
    resource: str
    dimension: str
    arn: str
    least: int
    most: int
    created: datetime
    suspended: Json = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)
    actions: dict[str, ScheduledAction] = field(default_factory=dict)
    activities: list[Json] = field(default_factory=list)


class State:
    """Targets by account, region, resource and dimension."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._targets: dict[tuple[str, str, str, str], Target] = {}

    def add(self, target: Target) -> None:
        """Remember a target."""
        self._targets[target.account, target.region, target.resource, target.dimension] = target

    def find(self, account: str, region: str, resource: str, dimension: str) -> Target | None:
        """Return a target, or None."""
        return self._targets.get((account, region, resource, dimension))

    def remove(self, target: Target) -> None:
        """Forget a target."""
        self._targets.pop((target.account, target.region, target.resource, target.dimension), None)

    def all(self, account: str | None = None, region: str | None = None) -> list[Target]:
        """Return all targets (of an account and region)."""
        with self.lock:
            return [
                target
                for target in self._targets.values()
                if account is None or (target.account, target.region) == (account, region)
            ]
