"""Scheduled rules and EventBridge Scheduler on the movable clock.

Runs fall due at whole minutes. Moving the clock performs each run at its minute and waits for what it causes before
time goes on; `/_local/schedules` lists what is planned and runs a schedule at once.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sagemaker_local.front import Context
    from sagemaker_local.server import LocalAws


class Schedules:
    """Everything that runs by the clock in one embedded AWS."""

    def __init__(self, aws: LocalAws) -> None:
        from sagemaker_local.messaging import deliveries

        from .agenda import Agenda
        from .rules import Rules
        from .scheduler import Scheduler

        self._aws = aws
        self._agenda = Agenda()
        self.rules = Rules(aws)
        self.scheduler = Scheduler(aws)
        self._deliveries = deliveries.of(aws)

    def refresh(self) -> None:
        """Take over what was created, changed or deleted."""
        self._agenda.keep([*self.rules.plans(), *self.scheduler.plans()], self._aws.clock.now())

    def refreshed(self, context: Context, params: dict[str, Any], result: dict[str, Any]) -> None:
        self.refresh()

    def tick(self, old: datetime, new: datetime) -> None:
        self.refresh()
        if self._agenda.run_due(new):
            self._deliveries.settle_if_jumping()

    def settle(self, old: datetime, new: datetime) -> None:
        self._deliveries.settle_if_jumping()

    def control(self, method: str, body: bytes, query: dict[str, str]) -> list[dict[str, Any]] | dict[str, str]:
        """Answer GET with what is planned, POST `{"run": "<name or ARN>"}` by running a schedule now.

        The run is for the current minute and does not move the plan. It waits for what the run causes.
        """
        self.refresh()
        plans = [*self.rules.plans(), *self.scheduler.plans()]
        if method != "POST":
            return [{"arn": plan.arn, "next": self._agenda.upcoming(plan.arn)} for plan in plans]
        wanted = json.loads(body or b"{}").get("run")
        matching = [plan for plan in plans if wanted in (plan.arn, plan.arn.rsplit("/", 1)[-1])]
        if len(matching) != 1:
            known = ", ".join(plan.arn for plan in plans) or "none"
            raise ValueError(f'"run" must name one schedule, got {wanted!r}; there are: {known}')
        moment = self._aws.clock.now().replace(second=0, microsecond=0)
        matching[0].run(moment)
        self._deliveries.settle()
        return {"ran": matching[0].arn, "scheduledTime": moment.isoformat()}


def install(aws: LocalAws) -> None:
    """Run scheduled rules and schedules whenever they fall due."""
    schedules = Schedules(aws)
    front, clock = aws.front, aws.clock
    front.op("events", "PutRule", schedules.rules.check)
    for operation in ("PutRule", "EnableRule", "DisableRule", "DeleteRule"):
        front.after("events", operation, schedules.refreshed)
    for operation in ("CreateSchedule", "UpdateSchedule"):
        front.op("scheduler", operation, schedules.scheduler.check)
        front.after("scheduler", operation, schedules.refreshed)
    front.local("schedules", schedules.control)
    clock.on_advance(schedules.tick, ticks=True)
    clock.on_advance(schedules.settle)
