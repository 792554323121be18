"""Two invocations at once, interleaved at every call: each change is made once and told once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from deploy.controller import ReconcileError

LOCK = "/mlops-prod/rollouts/churn/lock"
KINDS = {1: "ok", 2: "fails", 3: "silent"}


def steps(world):
    for version in (1, 2, 3):
        world.approve(version)
        for stage in ("approved", "finished", "settled"):
            yield f"{stage} {version}"
            if world.operation is not None:
                world.finish()
    world.settle()


def undisturbed(make_world):
    world, calls = make_world(KINDS), {}
    for name in steps(world):
        before = len(world.calls)
        world.wake()
        calls[name] = len(world.calls) - before
    return world, calls


def test_another_invocation_at_any_call_neither_repeats_nor_loses_anything(make_world):
    expected, calls = undisturbed(make_world)
    for step, count in calls.items():
        for number in range(count):
            world = make_world(KINDS)
            for name in steps(world):
                if name == step:
                    world.meanwhile = (len(world.calls) + number, world.wake)
                world.wake()
            keys = [item["id"] for item in world.told]
            assert len(keys) == len(set(keys)), f"told twice with another invocation at call {number} of {step!r}"
            assert world.statuses() == expected.statuses(), f"call {number} of {step!r}"
            assert [item["version"] for item in world.updates] == [item["version"] for item in expected.updates]
            assert LOCK not in world.ssm


def test_a_stale_decision_is_never_carried_out(world):
    """The first invocation decides for version 1; until it acts, another one brings version 2 to life."""
    world.approve(1)

    def overtake():
        world.approve(2)
        world.settle()

    probe = world.copy()
    probe.wake()
    # The first write takes the lock; everything before it only read.
    world.meanwhile = (probe.calls.index("put_parameter"), overtake)
    world.wake()
    assert [update["version"] for update in world.updates] == [2]


def test_a_held_lock_is_respected_and_a_stale_one_taken_over(world):
    world.ssm[LOCK] = "held"
    world.written[LOCK] = {"Version": 3, "LastModifiedDate": world.clock}
    world.approve(1)
    (result,) = world.wake()
    assert result["action"] == "Wait"
    assert world.updates == [] and world.requeued == ["churn"]
    world.clock += timedelta(minutes=3)
    (result,) = world.wake()
    assert result["action"] == "Rollout"
    assert LOCK not in world.ssm


def test_of_two_that_take_over_a_stale_lock_one_wins(world):
    world.ssm[LOCK] = "held"
    world.written[LOCK] = {"Version": 3, "LastModifiedDate": world.clock - timedelta(hours=1)}
    first, second = (world.controller()._new_memory().lock("churn", lambda: world.clock) for _ in range(2))
    reads = world.calls
    world.meanwhile = (len(reads) + 2, lambda: setattr(second, "held", second.acquire()))
    assert not first.acquire()
    assert second.held


def test_a_person_is_told_to_ask_again(world):
    world.ssm["/mlops-prod/quarantine/churn"] = '[{"model_package_arn": "arn:p/1"}]'
    world.ssm[LOCK] = "held"
    world.written[LOCK] = {"Version": 1, "LastModifiedDate": world.clock}
    with pytest.raises(ReconcileError, match="ask again in a minute"):
        world.wake({"action": "release", "model": "churn"})
    assert "/mlops-prod/quarantine/churn" in world.ssm


def test_a_look_that_finds_nothing_to_do_writes_nothing(world):
    world.approve(1)
    world.settle()
    before = len(world.calls)
    world.wake()
    writes = {"put_parameter", "delete_parameter", "update_stack", "put_events", "publish"}
    assert writes.isdisjoint(world.calls[before:])
