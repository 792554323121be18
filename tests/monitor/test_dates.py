"""Where findings stand in CloudWatch: never so far back that no alarm looks there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from monitor.kinds import settings_of
from monitor.run import Run

AT = datetime(2026, 11, 21, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("variables", "hours_before"),
    [
        ({"PERIOD_HOURS": "1"}, 1),
        ({"PERIOD_HOURS": "24"}, 24),
        ({"PERIOD_HOURS": "1", "WINDOW_OFFSET_HOURS": "6"}, 1),
        ({"PERIOD_HOURS": "24", "START_TIME_OFFSET": "-P8D", "END_TIME_OFFSET": "-P1D"}, 24),
        ({"PERIOD_HOURS": "24", "START_TIME_OFFSET": "PT2H", "END_TIME_OFFSET": "PT0H"}, 2),
        ({"START_TIME_OFFSET": "P2D", "END_TIME_OFFSET": "P1D"}, 24),
    ],
)
def test_findings_are_dated_at_most_one_interval_before_the_run(variables: dict[str, str], hours_before: int) -> None:
    common = {
        "MONITORING_TYPE": "ModelQuality",
        "PROBLEM_TYPE": "Regression",
        "INFERENCE_ATTRIBUTE": "0",
        "ENDPOINT_NAME": "churn",
        "MONITORING_SCHEDULE_NAME": "churn-model-quality",
        "CAPTURE_URI": "s3://data/captures",
        "REPORTS_URI": "s3://data/reports",
        "GROUND_TRUTH_URI": "s3://data/labels",
    }
    run = Run.parse({"scheduled_time": "2026-11-21T08:05:00Z"}, settings_of(common | variables))
    assert run.scheduled == AT
    assert run.dated == AT - timedelta(hours=hours_before)
