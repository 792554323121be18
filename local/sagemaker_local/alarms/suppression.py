"""Actions of composite alarms that a suppressor may hold back.

A composite alarm that changes its state waits for its suppressor to begin, at most for its wait period; while the
suppressor is on nothing is done; once it is over, actions are taken after the extension period if the state has lasted.
A state that ends before anybody heard of it takes its own end with it.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-suppression.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from .model import Alarm

Act = Callable[[], None]


@dataclass
class _Held:
    alarm: Alarm
    act: Act
    due: datetime | None
    """When the actions are taken; None while the suppressor is on."""


class Suppression:
    """Holds actions back.

    Args:
        is_on: whether the suppressor of an alarm is in ALARM.
    """

    def __init__(self, is_on: Callable[[Alarm], bool]) -> None:
        self._is_on = is_on
        self._held: dict[str, _Held] = {}

    def submit(self, alarm: Alarm, now: datetime, act: Act) -> None:
        """Take an alarm's actions, now or when its suppressor allows it."""
        if not alarm.settings.get("ActionsSuppressor"):
            act()
            return
        if self._held.pop(alarm.arn, None) is not None and alarm.state != "ALARM":
            return
        self._held[alarm.arn] = _Held(alarm, act, now + _seconds(alarm, "ActionsSuppressorWaitPeriod"))
        self.tick(now)

    def tick(self, now: datetime) -> None:
        """Take the actions that are due."""
        for arn, held in list(self._held.items()):
            if self._is_on(held.alarm):
                held.due = None
            elif held.due is None:
                held.due = now + _seconds(held.alarm, "ActionsSuppressorExtensionPeriod")
            elif now >= held.due:
                del self._held[arn]
                held.act()


def _seconds(alarm: Alarm, name: str) -> timedelta:
    return timedelta(seconds=int(alarm.settings.get(name) or 0))
