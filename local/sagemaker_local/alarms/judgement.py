"""Alarm evaluation: from recent data points to a state, as CloudWatch describes it.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"
EXTRA_PERIODS = 2
"""How many more periods than EvaluationPeriods are looked at: the evaluation range of CloudWatch's own examples."""

COMPARISONS = {
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}
_FILLED = {"breaching": True, "notBreaching": False}


@dataclass(frozen=True)
class Point:
    """The value of one period; None if there is none."""

    start: datetime
    value: float | None


@dataclass(frozen=True)
class Criteria:
    """When an alarm is on."""

    comparison: str
    threshold: float
    periods: int
    to_alarm: int
    missing: str = "missing"
    """missing, ignore, breaching or notBreaching."""


@dataclass(frozen=True)
class Verdict:
    """The state that the points give, and why."""

    state: str
    reason: str
    evaluated: tuple[Point, ...]


def judge(points: Sequence[Point], criteria: Criteria) -> Verdict | None:
    """Return the verdict on the periods of the evaluation range, newest first; None keeps the current state.

    Real points are used as far back as the range goes; missing ones count only if there are fewer real points than
    EvaluationPeriods.
    """
    compare, _ = COMPARISONS[criteria.comparison]
    values = [(age, point, point.value) for age, point in enumerate(points, start=1) if point.value is not None]
    real = values[: criteria.periods]
    breaching = [age for age, _, value in real if compare(value, criteria.threshold)]
    absent = criteria.periods - len(real)
    evaluated = tuple(point for _, point, _ in real)
    if absent and criteria.missing in _FILLED:
        count = len(breaching) + (absent if _FILLED[criteria.missing] else 0)
        state = ALARM if count >= criteria.to_alarm else OK
        if not real:
            return Verdict(state, _all_filled(criteria), ())
        return Verdict(state, _crossed(state, evaluated, len(breaching), absent, criteria), evaluated)
    if not real:
        return None if criteria.missing == "ignore" else Verdict(INSUFFICIENT_DATA, _unknown(criteria), ())
    if len(breaching) >= criteria.to_alarm:
        return Verdict(ALARM, _crossed(ALARM, evaluated, len(breaching), 0, criteria), evaluated)
    if absent and len(breaching) == len(real):
        # Too few points, all of them bad: old enough, they raise the alarm although data stopped.
        if criteria.missing == "ignore":
            return None
        if breaching[-1] >= criteria.to_alarm:
            return Verdict(ALARM, _crossed(ALARM, evaluated, len(breaching), 0, criteria), evaluated)
    return Verdict(OK, _crossed(OK, evaluated, len(breaching), 0, criteria), evaluated)


def stamp(moment: datetime) -> str:
    """Return a time as CloudWatch writes it in state reasons."""
    return moment.astimezone(UTC).strftime("%d/%m/%y %H:%M:%S")


def _crossed(state: str, points: tuple[Point, ...], breaching: int, absent: int, criteria: Criteria) -> str:
    shown = ", ".join(f"{point.value} ({stamp(point.start)})" for point in points)
    count = breaching if state == ALARM else len(points) - breaching
    was = "was" if count == 1 else "were"
    negation = "" if state == ALARM else "not "
    needed = criteria.to_alarm if state == ALARM else criteria.periods - criteria.to_alarm + 1
    plural = "datapoint" if needed == 1 else "datapoints"
    change = "OK -> ALARM" if state == ALARM else "ALARM -> OK"
    filled = ""
    if absent:
        how = "[Breaching]" if _FILLED[criteria.missing] else "[NonBreaching]"
        filled = f" and {absent} missing datapoint{'s were' if absent > 1 else ' was'} treated as {how}"
    return (
        f"Threshold Crossed: {count} out of the last {len(points)} datapoints [{shown}] {was} {negation}"
        f"{COMPARISONS[criteria.comparison][1]} the threshold ({criteria.threshold}){filled} "
        f"(minimum {needed} {plural} for {change} transition)."
    )


def _all_filled(criteria: Criteria) -> str:
    how = "[Breaching]" if _FILLED[criteria.missing] else "[NonBreaching]"
    one = criteria.periods == 1
    return (
        f"Threshold Crossed: no datapoints were received for {criteria.periods} period{'' if one else 's'} and "
        f"{criteria.periods} missing datapoint{' was' if one else 's were'} treated as {how}."
    )


def _unknown(criteria: Criteria) -> str:
    one = criteria.periods == 1
    return f"Insufficient Data: {criteria.periods} datapoint{' was' if one else 's were'} unknown."
