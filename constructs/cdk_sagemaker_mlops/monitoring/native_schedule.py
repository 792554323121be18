"""Schedules as Model Monitor takes them: whole hours of UTC, from one to twenty-four of them apart.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-schedule-expression.html
"""

from __future__ import annotations

import re

from .schedule import MonitoringSchedule

_CRON = re.compile(r"cron\(\d{1,2} (\*|\d{1,2}|\*/\d{1,2}|\d{1,2}/\d{1,2}) (?:\*|\?) \* (?:\*|\?) \*\)")


def native_expression(schedule: MonitoringSchedule) -> str | None:
    """The schedule in Model Monitor's words; None where it has none for it.

    The minute is left out: Model Monitor starts a run by itself within twenty minutes after the hour.
    """
    match = _CRON.fullmatch(schedule.expression)
    if match is None:
        return None
    hours = match[1]
    if hours == "*":
        return "cron(0 * ? * * *)" if schedule.period_hours == 1 else None
    if "/" not in hours:
        return f"cron(0 {int(hours)} ? * * *)" if schedule.period_hours == 24 else None
    start, step = hours.replace("*", "0").split("/")
    # A step that does not divide the day would make windows overlap at midnight.
    if int(step) != schedule.period_hours or 24 % int(step) or int(start) >= int(step):
        return None
    return f"cron(0 {int(start)}/{int(step)} ? * * *)"


def native_schedule_problems(schedule: MonitoringSchedule) -> list[str]:
    """Says when Model Monitor cannot run so."""
    if native_expression(schedule) is not None:
        return []
    return [
        f'schedule is "{schedule.expression}" with windows of {schedule.period_hours} hours, the engine model-monitor '
        "allows every day the same hours, 1 to 24 apart: MonitoringSchedule.hourly(), .daily(hour) or .every(hours)"
    ]
