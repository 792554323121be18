"""Schedules: windows that neither overlap nor leave gaps."""

from __future__ import annotations

import pytest

from cdk_sagemaker_mlops import MonitoringSchedule


@pytest.mark.parametrize(
    ("schedule", "expression", "hours"),
    [
        (MonitoringSchedule.hourly(), "cron(5 * * * ? *)", 1),
        (MonitoringSchedule.hourly(minute=20), "cron(20 * * * ? *)", 1),
        (MonitoringSchedule.daily(), "cron(5 0 * * ? *)", 24),
        (MonitoringSchedule.daily(hour=6), "cron(5 6 * * ? *)", 24),
        (MonitoringSchedule.every(hours=6), "cron(5 0/6 * * ? *)", 6),
        (MonitoringSchedule.cron("cron(0 * * * ? *)"), "cron(0 * * * ? *)", 1),
        (MonitoringSchedule.cron("30 8 ? * * *"), "cron(30 8 ? * * *)", 24),
        (MonitoringSchedule.cron("cron(0 0/4 * * ? *)"), "cron(0 0/4 * * ? *)", 4),
        (MonitoringSchedule.cron("cron(0 */12 * * ? *)"), "cron(0 */12 * * ? *)", 12),
        (MonitoringSchedule.cron("cron(0 2,8,14,20 * * ? *)"), "cron(0 2,8,14,20 * * ? *)", 6),
        (MonitoringSchedule.cron("cron(0 6 ? * MON-FRI *)", period_hours=24), "cron(0 6 ? * MON-FRI *)", 24),
    ],
)
def test_expression_and_window(schedule: MonitoringSchedule, expression: str, hours: int) -> None:
    assert (schedule.expression, schedule.period_hours) == (expression, hours)
    assert schedule.period_seconds == hours * 3600


def test_runs_per_month() -> None:
    assert MonitoringSchedule.hourly().runs_per_month == 730
    assert MonitoringSchedule.daily().runs_per_month == pytest.approx(30.4, abs=0.1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MonitoringSchedule.every(hours=5), r"hours is 5, allowed are 1, 2, 3, 4, 6, 8, 12, 24.*midnight"),
        (lambda: MonitoringSchedule.daily(hour=24), r"hour is 24, allowed are 0 to 23"),
        (lambda: MonitoringSchedule.hourly(minute=60), r"minute is 60, allowed are 0 to 59"),
        (lambda: MonitoringSchedule.cron("rate(1 hour)"), r'schedule is "cron\(rate\(1 hour\)\)", allowed are cron'),
        (lambda: MonitoringSchedule.cron("cron(0 8,12 * * ? *)"), r"are 4 and 20 hours apart.*give period_hours"),
        (lambda: MonitoringSchedule.cron("cron(0 6 ? * MON *)"), r"does not run .* on every day.*give period_hours"),
        (lambda: MonitoringSchedule.cron("cron(0/10 * * * ? *)"), r"once an hour or less.*give period_hours"),
        (lambda: MonitoringSchedule.cron("cron(0 25 * * ? *)"), r"the hours of .* are not understood"),
        (
            lambda: MonitoringSchedule.cron("cron(0 6 1 * ? *)", period_hours=48),
            r"period_hours is 48, allowed are 1 to 24",
        ),
    ],
)
def test_mistakes_say_what_to_change(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
