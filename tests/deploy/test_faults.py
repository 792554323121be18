"""Every call the controller makes is throttled, and is the last thing that the process does, one after the other."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from deploy.controller import ReconcileError

MODES = ("throttled", "crash before", "crash after")


def story(world, disturb):
    """Three versions: one healthy, one that fails, one that SageMaker silently rolls back; then a release."""

    def step(name, event=None):
        disturb(name, lambda: world.wake(event))
        if world.operation is not None:
            world.finish()

    for version in (1, 2, 3):
        world.approve(version)
        step(f"approved {version}")
        step(f"finished {version}")
        step(f"settled {version}")
    world.reject(1)
    world.approve(4)
    step("approved 4")
    step("finished 4")
    step("released", {"action": "release", "model": "churn", "version": 2})
    step("settled")
    world.settle()


def outcome(world):
    return {
        "live": world.live,
        "quarantined": sorted(world.quarantined),
        "updates": [update["version"] for update in world.updates],
        "told": {item["id"].split("/")[-1] + str(item["toVersion"]) for item in world.told},
    }


KINDS = {1: "ok", 2: "fails", 3: "silent", 4: "ok"}


def calls_of_the_story(make_world):
    """How many calls each step of the undisturbed story makes."""
    world, counts = make_world(KINDS), {}

    def count(name, wake):
        before = len(world.calls)
        wake()
        counts[name] = len(world.calls) - before

    story(world, count)
    return counts, outcome(world)


def with_fault(world, step, number, mode, crash, *, redelivered):
    """Tells the story with one call of one step failing; the queue delivers that step's message again, or not."""

    def disturb(name, wake):
        if name != step:
            wake()
            return
        world.fault = (len(world.calls) + number, mode)
        # Throttled metrics are repeated within the same wake-up, so that not every fault comes to the surface.
        with suppress(crash, ReconcileError, ClientError):
            wake()
        assert len(world.calls) > world.fault[0], "the call that was to fail was not made"
        world.fault = None
        # A message is hidden for longer than a dead invocation's lock is respected, and so far apart are two ticks.
        world.clock += timedelta(minutes=5)
        if redelivered:
            wake()

    story(world, disturb)
    return outcome(world)


@pytest.mark.parametrize("mode", MODES)
def test_the_next_wake_up_recovers_from_a_fault_at_any_call(make_world, crash, mode):
    counts, undisturbed = calls_of_the_story(make_world)
    assert undisturbed["live"] == 4
    assert undisturbed["updates"] == [1, 2, 3, 1, 4]
    assert sum(counts.values()) > 80
    for step, calls in counts.items():
        for number in range(calls):
            result = with_fault(make_world(KINDS), step, number, mode, crash, redelivered=True)
            assert result == undisturbed, f"{mode} at call {number} of step {step!r}"


@pytest.mark.parametrize("mode", MODES)
def test_a_lost_wake_up_after_a_fault_is_made_up_for_by_later_ones(make_world, crash, mode):
    counts, undisturbed = calls_of_the_story(make_world)
    for step, calls in counts.items():
        if step == "released":
            continue  # A person's request that was lost has to be made again.
        for number in range(calls):
            result = with_fault(make_world(KINDS), step, number, mode, crash, redelivered=False)
            assert result["live"] == undisturbed["live"], f"{mode} at call {number} of step {step!r}"
            repeated = [version for version in (2, 3, 4) if result["updates"].count(version) > 1]
            assert repeated == [], f"rolled out twice after {mode} at call {number} of step {step!r}"


def test_one_models_failure_does_not_keep_others_waiting(world):
    world.ssm["/mlops-prod/serving/aaa"] = "{}"
    world.approve(1)
    with pytest.raises(ReconcileError, match="registration /mlops-prod/serving/aaa is wrong"):
        world.wake()
    assert [update["version"] for update in world.updates] == [1]
