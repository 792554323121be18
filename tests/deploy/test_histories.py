"""Long histories by chance: all that the model check orders, with faults, delays and other invocations in between.

The model check is exhaustive about small worlds whose wake-ups succeed, the fault tests about one fault in one story.
Here faults of any kind hit any wake-up of any history, while the queue may or may not deliver again.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy.controller import ReconcileError

KINDS = {1: "ok", 2: "fails", 3: "silent", 4: "ok", 5: "fails"}
OTHERS = ("approve", "reject", "release", "finish", "somebody deploys", "somebody's deployment fails")


@dataclass(frozen=True)
class Step:
    """Something that happens: a move of others on a version, or a wake-up with what disturbs it."""

    name: str
    version: int = 0
    #: The call that is disturbed, counted from the wake-up's first, and how.
    call: int = 0
    disturbance: str = ""
    redelivered: bool = False


versions = st.sampled_from(sorted(KINDS))
moves = st.builds(Step, st.sampled_from(OTHERS), versions)
wake_ups = st.builds(
    Step,
    st.just("wake"),
    call=st.integers(0, 24),
    disturbance=st.sampled_from(["", "", "throttled", "crash before", "crash after", "another invocation"]),
    redelivered=st.booleans(),
)


def wake(world, step, crash):
    if step.disturbance == "another invocation":
        world.meanwhile = (len(world.calls) + step.call, world.wake)
    elif step.disturbance:
        world.fault = (len(world.calls) + step.call, step.disturbance)
    with suppress(crash, ReconcileError, ClientError):
        world.wake()
    world.fault = world.meanwhile = None
    if step.disturbance:
        # A message is hidden for longer than a dead invocation's lock is respected, and so far apart are two ticks.
        world.clock += timedelta(minutes=5)
        if step.redelivered:
            world.wake()


def happen(world, step, crash):
    """One step of a history; moves that are impossible in this state do nothing."""
    approval = world.packages.get(step.version, {}).get("ModelApprovalStatus")
    if step.name == "wake":
        wake(world, step, crash)
    elif step.name == "approve":
        world.approve(step.version)
    elif step.name == "reject" and approval:
        world.reject(step.version)
    elif step.name == "release" and step.version in world.quarantined:
        world.wake({"action": "release", "model": "churn", "version": step.version})
    elif step.name == "finish" and world.operation is not None:
        world.finish()
    elif step.name == "somebody deploys" and world.operation is None and world.config:
        world.deploy_begins()
    elif step.name == "somebody's deployment fails" and world.operation is None and world.config:
        world.deploy_begins()
        world.operation["kind"] = "fails"


class Witness:
    """What has to hold of every update that CloudFormation accepts."""

    def __init__(self, world) -> None:
        self.world = world
        self.seen = 0
        self.failed: set[int] = set()

    def look(self, released: int = 0) -> None:
        """Judge what has been started since the last look."""
        self.failed.discard(released)
        for update in self.world.updates[self.seen :]:
            assert update["version"] not in self.failed, f"version {update['version']} is tried again unasked"
            if update["token"].startswith("rollout-") and KINDS[update["version"]] != "ok":
                self.failed.add(update["version"])
        self.seen = len(self.world.updates)


@settings(
    max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(history=st.lists(st.one_of(moves, wake_ups), max_size=30))
def test_whatever_happened_the_newest_deployable_version_is_live_in_the_end(make_world, crash, history):
    world = make_world(KINDS)
    witness = Witness(world)
    for step in history:
        freed = step.version if step.name == "release" and step.version in world.quarantined else 0
        happen(world, step, crash)
        witness.look(freed)
        assert world.live or world.operation is not None or not world.config, "the model was taken away"
    # What a last fault left behind is stale when the next tick comes.
    world.clock += timedelta(minutes=5)
    world.settle(limit=30)
    witness.look()

    healthy = [
        version
        for version, package in world.packages.items()
        if package["ModelApprovalStatus"] == "Approved" and KINDS[version] == "ok"
    ]
    assert not healthy or world.live == max(healthy)
    if healthy:
        assert world.endpoint["EndpointConfigName"] == f"config-{world.config}", "on an old configuration"
    told = [item["id"] for item in world.told if item["status"] in ("Succeeded", "RolledBack")]
    tried = {update["token"] for update in world.updates if update["token"].startswith("rollout-")}
    assert {key.split("/")[1] for key in told} <= tried


def test_the_witness_is_awake(make_world):
    world = make_world(KINDS)
    witness = Witness(world)
    world.updates += [{"version": 2, "token": "rollout-2-a"}, {"version": 2, "token": "rollout-2-b"}]
    with pytest.raises(AssertionError, match="version 2 is tried again"):
        witness.look()
