"""Scheduled EventBridge rules."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sagemaker_local import events, moto_events
from sagemaker_local.errors import AwsError
from sagemaker_local.moto_events import RuleView

from . import expressions
from .agenda import Plan

if TYPE_CHECKING:
    from sagemaker_local.front import Context
    from sagemaker_local.server import LocalAws


class Rules:
    """The rules of one embedded AWS that have a schedule."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws

    def plans(self) -> Iterable[Plan]:
        """Return a plan for every enabled scheduled rule. A rate counts from when the rule came to be."""
        for rule in moto_events.all_event_rules():
            if rule.schedule and rule.enabled:
                yield Plan(
                    arn=rule.arn,
                    fingerprint=rule.schedule,
                    expression=lambda base, text=rule.schedule: expressions.parse(text, base=base),  # type: ignore[misc]
                    run=lambda moment, rule=rule: self.run(rule, moment),  # type: ignore[misc]
                )

    def run(self, rule: RuleView, moment: datetime) -> None:
        """Send the scheduled event of `moment` to the rule's targets."""
        buses = events.of(self._aws)
        event = buses.event(rule.account, rule.region, "aws.events", "Scheduled Event", {}, [rule.arn], moment)
        buses.trigger(rule, event)

    def check(self, context: Context, params: dict[str, Any]) -> None:
        """Refuse a rule whose schedule expression could never run."""
        if params.get("ScheduleExpression"):
            try:
                if params["ScheduleExpression"].startswith("at("):
                    raise ValueError("rules have no at() expressions; EventBridge Scheduler has")
                expressions.parse(params["ScheduleExpression"], base=context.clock.now())
            except ValueError as error:
                message = f"Parameter ScheduleExpression is not valid. Reason: {error}"
                raise AwsError("ValidationException", message) from error
