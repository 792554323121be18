"""The virtual clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagemaker_local.clock import Clock


def test_time_is_aware_and_flows() -> None:
    clock = Clock()
    assert clock.now().tzinfo is UTC
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=1)


@given(st.lists(st.floats(0, 7200), max_size=6))
def test_every_minute_is_ticked_once_whatever_the_jumps(jumps: list[float]) -> None:
    clock = Clock()
    ticks: list[datetime] = []
    seen: list[datetime] = []

    def tick(old: datetime, new: datetime) -> None:
        ticks.append(new)
        seen.append(clock.now())

    clock.on_advance(tick, ticks=True)
    start = clock.now()
    for jump in jumps:
        clock.advance(jump)
    first = start.replace(second=0, microsecond=0) + timedelta(minutes=1)
    expected = []
    while first <= clock.now() - timedelta(seconds=1):
        expected.append(first)
        first += timedelta(minutes=1)
    assert ticks[: len(expected)] == expected
    assert len(ticks) - len(expected) <= 1
    # While a minute is ticked, it is that minute.
    assert all(timedelta(0) <= now - minute < timedelta(seconds=5) for now, minute in zip(seen, ticks, strict=True))


def test_plain_listeners_hear_of_the_whole_jump() -> None:
    clock = Clock()
    heard: list[timedelta] = []
    clock.on_advance(lambda old, new: heard.append(new - old))
    clock.advance(timedelta(hours=2))
    assert len(heard) == 1
    assert abs(heard[0] - timedelta(hours=2)) < timedelta(seconds=1)


def test_real_time_drives_listeners() -> None:
    clock = Clock()
    heard: list[datetime] = []
    clock.on_advance(lambda old, new: heard.append(new))
    clock.start()
    try:
        deadline = datetime.now(UTC) + timedelta(seconds=5)
        while not heard and datetime.now(UTC) < deadline:
            pass
    finally:
        clock.stop()
    assert heard


def test_mistakes_are_refused() -> None:
    clock = Clock()
    with pytest.raises(ValueError, match="only move forward, not by -5 seconds"):
        clock.advance(-5)
    errors: list[str] = []

    def greedy(old: datetime, new: datetime) -> None:
        try:
            clock.advance(1)
        except RuntimeError as error:
            errors.append(str(error))

    clock.on_advance(greedy)
    clock.advance(1)
    assert errors == ["a listener of the clock cannot advance it"]


def test_a_failing_listener_does_not_stop_the_others() -> None:
    clock = Clock()
    heard: list[int] = []

    def broken(old: datetime, new: datetime) -> None:
        raise LookupError("broken")

    clock.on_advance(broken)
    clock.on_advance(lambda old, new: heard.append(1))
    clock.advance(1)
    assert heard == [1]
