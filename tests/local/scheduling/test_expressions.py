"""Schedule expressions: next occurrences and refusals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagemaker_local.scheduling.expressions import parse

START = datetime(2026, 11, 21, 7, 48, 3, tzinfo=UTC)


def occurrences(text: str, count: int = 2, zone: str = "UTC", start: datetime = START) -> list[str]:
    expression, moment, found = parse(text, base=start, timezone=zone), start, []
    for _ in range(count):
        following = expression.next_after(moment)
        if following is None:
            break
        moment = following
        found.append(moment.strftime("%Y-%m-%dT%H:%M:%S"))
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cron(0 * * * ? *)", ["2026-11-21T08:00:00", "2026-11-21T09:00:00"]),
        ("cron(0/15 8 * * ? *)", ["2026-11-21T08:00:00", "2026-11-21T08:15:00"]),
        ("cron(0 18 ? * MON-FRI *)", ["2026-11-23T18:00:00", "2026-11-24T18:00:00"]),
        ("cron(0 18 ? * FRI-MON *)", ["2026-11-21T18:00:00", "2026-11-22T18:00:00"]),
        ("cron(0 0 L * ? *)", ["2026-11-30T00:00:00", "2026-12-31T00:00:00"]),
        ("cron(0 0 LW * ? *)", ["2026-11-30T00:00:00", "2026-12-31T00:00:00"]),
        ("cron(0 0 1W * ? *)", ["2026-12-01T00:00:00", "2027-01-01T00:00:00"]),
        ("cron(0 0 ? * 5L *)", ["2026-11-26T00:00:00", "2026-12-31T00:00:00"]),
        ("cron(0 0 ? * TUE#2 *)", ["2026-12-08T00:00:00", "2027-01-12T00:00:00"]),
        ("cron(30 2 29 FEB ? *)", ["2028-02-29T02:30:00", "2032-02-29T02:30:00"]),
        ("cron(0 0 30 2 ? *)", []),
        ("cron(0 12 1 1 ? 2026)", []),
        ("rate(5 minutes)", ["2026-11-21T07:53:03", "2026-11-21T07:58:03"]),
        ("rate(1 day)", ["2026-11-22T07:48:03", "2026-11-23T07:48:03"]),
        ("at(2026-12-01T10:00:00)", ["2026-12-01T10:00:00"]),
        ("at(2020-01-01T00:00:00)", []),
    ],
)
def test_next_occurrences(text: str, expected: list[str]) -> None:
    assert occurrences(text) == expected


def test_time_zone_and_daylight_saving() -> None:
    assert occurrences("at(2026-07-01T12:00:00)", zone="Europe/Berlin", start=datetime(2026, 1, 1, tzinfo=UTC)) == [
        "2026-07-01T10:00:00"
    ]
    spring = datetime(2026, 3, 28, 12, tzinfo=UTC)
    # 02:30 does not exist on 29 March 2026 in Berlin.
    assert occurrences("cron(30 2 * * ? *)", zone="Europe/Berlin", start=spring) == [
        "2026-03-30T00:30:00",
        "2026-03-31T00:30:00",
    ]
    autumn = datetime(2026, 10, 24, 12, tzinfo=UTC)
    # 02:30 happens twice on 25 October 2026; the schedule runs once.
    assert occurrences("cron(30 2 * * ? *)", zone="Europe/Berlin", start=autumn) == [
        "2026-10-25T00:30:00",
        "2026-10-26T01:30:00",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("every hour", "use rate"),
        ("cron(0 * * * *)", "has 5 fields; six are needed"),
        ("cron(0 * * * * *)", "must be '\\?'"),
        ("cron(61 * * * ? *)", "cron field minutes: '61' is not valid; allowed are 0-59"),
        ("cron(0 0 ? * FUN *)", "1-7 or SUN-SAT"),
        ("rate(1 minutes)", "write rate\\(1 minute\\)"),
        ("rate(0 hours)", "positive number"),
        ("at(tomorrow)", "at\\(yyyy-mm-ddThh:mm:ss\\)"),
    ],
)
def test_refusals_say_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(text, base=START)


def test_unknown_time_zone() -> None:
    with pytest.raises(ValueError, match="'Mars/Base' is not known"):
        parse("cron(0 0 * * ? *)", base=START, timezone="Mars/Base")


@given(st.integers(1, 500), st.sampled_from(["minute", "hour", "day"]), st.integers(0, 10_000_000))
def test_rates_keep_their_distance(value: int, unit: str, seconds: int) -> None:
    expression = parse(f"rate({value} {unit}{'' if value == 1 else 's'})", base=START)
    moment = START + timedelta(seconds=seconds)
    following = expression.next_after(moment)
    assert following is not None
    period = value * {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}[unit]
    assert moment < following <= moment + period
    assert (following - START) % period == timedelta(0)
