"""Other bounds of automatic scaling at certain times."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from zoneinfo import available_timezones

from aws_cdk.aws_applicationautoscaling import CfnScalableTarget

from ._errors import Problems, did_you_mean

_EXPRESSION = r"cron\((\S+ ){5}\S+\)|rate\(\d+ (minute|hour|day)s?\)|at\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\)"
_EXPRESSION_RULE = (
    'allowed are cron with six fields such as "cron(0 7 ? * MON-FRI *)", rate such as "rate(12 hours)", and '
    '"at(yyyy-mm-ddThh:mm:ss)"'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledCapacity:
    """Set other bounds at certain times; scaling goes on between them. They hold until the next one says otherwise.

    A deployment that changes the scalable target sets its own bounds again, until the next time comes.

    https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-scheduled-scaling.html

    :param schedule: `cron(0 7 ? * MON-FRI *)`, `rate(12 hours)` or `at(2026-12-24T18:00:00)`.
    :param minimum: Smallest capacity from then on. Default: - as before.
    :param maximum: Largest capacity from then on. Default: - as before.
    :param timezone: Time zone of the schedule, such as `Europe/Berlin`. Default: UTC.
    """

    schedule: str
    minimum: int | None = None
    maximum: int | None = None
    timezone: str = "UTC"

    def problems(self, *, least: int, capacity: tuple[int, int]) -> Iterable[str]:
        """Say what Application Auto Scaling would refuse.

        :param least: Smallest capacity that the resource can have at all.
        :param capacity: Its bounds without a schedule.
        """
        problems = Problems()
        check_timing(problems, self.schedule, self.timezone)
        problems.require(
            self.minimum is not None or self.maximum is not None,
            f'"{self.schedule}" sets neither minimum nor maximum; give at least one',
        )
        if self.minimum is not None and self.minimum < least:
            problems.add(f"minimum is {self.minimum}, allowed are numbers from {least}")
        if self.minimum is not None and self.maximum is not None and self.maximum < self.minimum:
            problems.add(f"maximum is {self.maximum}, less than minimum {self.minimum}")
        if self.minimum is not None and self.maximum is None and self.minimum > capacity[1]:
            problems.add(f"minimum is {self.minimum}, above the largest capacity, {capacity[1]}; give a maximum, too")
        if self.maximum is not None and self.minimum is None and self.maximum < capacity[0]:
            problems.add(f"maximum is {self.maximum}, below the smallest capacity, {capacity[0]}; give a minimum, too")
        return problems.found()

    def render(self, number: int) -> CfnScalableTarget.ScheduledActionProperty:
        """The scalable target's part.

        :param number: Position among the target's scheduled actions, which its name is made of.
        """
        return CfnScalableTarget.ScheduledActionProperty(
            scheduled_action_name=f"Schedule{number}",
            schedule=self.schedule,
            timezone=self.timezone,
            scalable_target_action=CfnScalableTarget.ScalableTargetActionProperty(
                min_capacity=self.minimum, max_capacity=self.maximum
            ),
        )


def check_timing(problems: Problems, schedule: str, timezone: str) -> None:
    """Record what is wrong with an expression or its time zone; Scheduler and Auto Scaling write them alike."""
    problems.matches("schedule", schedule, _EXPRESSION, _EXPRESSION_RULE)
    zones = available_timezones()
    # A machine without a time zone database cannot say.
    if zones and timezone not in zones:
        problems.add(
            f'timezone is "{timezone}", allowed are names of the tz database such as Europe/Berlin'
            f"{did_you_mean(timezone, zones)}"
        )


def check_schedule(
    problems: Problems, schedule: Sequence[ScheduledCapacity], *, least: int, capacity: tuple[int, int]
) -> None:
    """Record what is wrong with a list of them; see :meth:`ScheduledCapacity.problems`."""
    for number, action in enumerate(schedule, 1):
        problems.extend(action.problems(least=least, capacity=capacity), where=f"schedule {number}")
