"""Alarm evaluation against the tables of CloudWatch's own documentation."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sagemaker_local.alarms.judgement import Criteria, Point, judge

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
NODATA = "INSUFFICIENT_DATA"


def points(text: str) -> list[Point]:
    """Read `0 - X`, oldest first, as the documentation writes it."""
    values = {"0": 0.0, "X": 9.0, "-": None}
    return [Point(NOW, values[item]) for item in reversed(text.split())]


def states(text: str, to_alarm: int, periods: int = 3) -> list[str | None]:
    verdicts = [
        judge(points(text), Criteria("GreaterThanThreshold", 5.0, periods, to_alarm, treatment))
        for treatment in TREATMENTS
    ]
    return [None if verdict is None else verdict.state for verdict in verdicts]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 - X - X", ["OK", "OK", "OK", "OK"]),
        ("0 - - - -", ["OK", "OK", "OK", "OK"]),
        ("- - - - -", [NODATA, None, "ALARM", "OK"]),
        ("0 X X - X", ["ALARM"] * 4),
        ("- - X - -", ["ALARM", None, "ALARM", "OK"]),
        ("- - - - X", ["OK", None, "ALARM", "OK"]),
        ("- - - X -", ["OK", None, "ALARM", "OK"]),
    ],
)
def test_three_out_of_three(text: str, expected: list[str | None]) -> None:
    assert states(text, to_alarm=3) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 - X - X", ["ALARM"] * 4),
        ("0 0 X 0 X", ["ALARM"] * 4),
        ("0 - X - -", ["OK", "OK", "ALARM", "OK"]),
        ("- - - - 0", ["OK", "OK", "ALARM", "OK"]),
        ("- - - X -", ["ALARM", None, "ALARM", "OK"]),
    ],
)
def test_two_out_of_three(text: str, expected: list[str | None]) -> None:
    assert states(text, to_alarm=2) == expected


def test_one_period_looks_back_at_older_points_first() -> None:
    assert states("X - -", to_alarm=1, periods=1) == ["ALARM"] * 4
    assert states("- - -", to_alarm=1, periods=1) == [NODATA, None, "ALARM", "OK"]


@pytest.mark.parametrize(
    ("comparison", "value", "state"),
    [
        ("GreaterThanThreshold", 5.0, "OK"),
        ("GreaterThanOrEqualToThreshold", 5.0, "ALARM"),
        ("LessThanThreshold", 5.0, "OK"),
        ("LessThanThreshold", 4.9, "ALARM"),
        ("LessThanOrEqualToThreshold", 5.0, "ALARM"),
    ],
)
def test_comparisons(comparison: str, value: float, state: str) -> None:
    verdict = judge([Point(NOW, value)], Criteria(comparison, 5.0, 1, 1))
    assert verdict is not None
    assert verdict.state == state


def test_reasons_read_like_those_of_cloudwatch() -> None:
    alarm = judge(points("X X X"), Criteria("GreaterThanThreshold", 5.0, 3, 1))
    assert alarm is not None
    assert alarm.reason == (
        "Threshold Crossed: 3 out of the last 3 datapoints [9.0 (21/11/26 12:00:00), 9.0 (21/11/26 12:00:00), "
        "9.0 (21/11/26 12:00:00)] were greater than the threshold (5.0) "
        "(minimum 1 datapoint for OK -> ALARM transition)."
    )
    fine = judge(points("0"), Criteria("GreaterThanThreshold", 5.0, 1, 1))
    assert fine is not None
    assert fine.reason.startswith("Threshold Crossed: 1 out of the last 1 datapoints [0.0 (21/11/26 12:00:00)] was not")
    silent = judge(points("- - -"), Criteria("GreaterThanThreshold", 5.0, 1, 1, "breaching"))
    assert silent is not None
    assert silent.reason == (
        "Threshold Crossed: no datapoints were received for 1 period and "
        "1 missing datapoint was treated as [Breaching]."
    )
