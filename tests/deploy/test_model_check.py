"""The controller against every order of events that a small world allows.

The whole reachable state space is explored: from every state every move (approvals, rejections, releases, wake-ups, the
end of a running operation, somebody else's deployment) is made, in any order and any number of times. From every state
the world must come to rest with nothing but the tick, and rest in the right place.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

APPROVED, REJECTED = "Approved", "Rejected"


def fingerprint(world) -> tuple:
    """What the controller's future depends on; times, tokens and event ids are left out, their equality is kept."""
    journal = json.loads(world.ssm.get("/mlops-prod/rollouts/churn", "{}"))
    operation = world.operation
    finished = [event for event in world.events if event["PhysicalResourceId"] == event["StackId"]]
    return (
        tuple((version, item["ModelApprovalStatus"]) for version, item in sorted(world.packages.items())),
        world.status,
        tuple(world.parameters.values()),
        None
        if operation is None
        else (operation["token"][:9], operation["kind"], operation["before"]["ModelPackageArn"]),
        None if world.endpoint is None else world.endpoint["EndpointConfigName"] == f"config-{world.config}",
        tuple(sorted(world.quarantined)),
        tuple(event["EventId"] == journal.get("processed") for event in finished[-2:]),
        tuple(str(event.get("ClientRequestToken", ""))[:9] for event in finished[-3:]),
        bool(journal.get("condition")),
        bool(journal.get("diverged_since")),
        journal.get("started") == world.last_token,
        journal.get("intent", {}).get("token") == world.last_token,
    )


def moves(world) -> dict[str, Callable]:
    possible: dict[str, Callable] = {"wake": lambda new: new.wake(tick=True)}
    for version in world.kinds:
        approval = world.packages.get(version, {}).get("ModelApprovalStatus")
        if approval != APPROVED:
            possible[f"approve {version}"] = lambda new, version=version: new.approve(version)
        else:
            possible[f"reject {version}"] = lambda new, version=version: new.reject(version)
    if world.operation is not None:
        possible["finish"] = lambda new: new.finish()
    elif world.config:
        possible["somebody deploys"] = lambda new: new.deploy_begins()
    return possible


def explore(start, extra: Callable | None = None) -> tuple[dict[tuple, object], int]:
    """All reachable states, each with one world that is in it."""
    seen = {fingerprint(start): start}
    frontier, edges = [start], 0
    while frontier:
        world = frontier.pop()
        for name, move in (moves(world) | (extra(world) if extra else {})).items():
            edges += 1
            after = world.copy()
            after.history = (*getattr(world, "history", ()), name)
            move(after)
            served = world.endpoint is not None and world.operation is None
            assert not (served and not after.live), f"the model was taken away by {after.history}"
            key = fingerprint(after)
            if key not in seen:
                seen[key] = after
                # Only what the fingerprint keeps matters from here on; short histories keep the copies small.
                after.events, after.told, after.messages, after.metrics, after.calls = (
                    after.events[-20:],
                    [],
                    [],
                    [],
                    [],
                )
                frontier.append(after)
    return seen, edges


def resting_place(world) -> int | None:
    """The version that must be live at rest, or None if any may be."""
    healthy = [
        version
        for version, item in world.packages.items()
        if item["ModelApprovalStatus"] == APPROVED and world.kinds[version] == "ok"
    ]
    return max(healthy, default=None)


@pytest.mark.parametrize(
    "kinds",
    [
        {1: "ok", 2: "ok"},
        {1: "ok", 2: "fails"},
        {1: "fails", 2: "ok"},
        {1: "ok", 2: "silent"},
        {1: "ok", 2: "fails", 3: "ok"},
    ],
    ids=lambda kinds: "-".join(kinds.values()),
)
def test_every_order_of_events_ends_with_the_newest_deployable_version_live(make_world, kinds):
    states, edges = explore(make_world(kinds))
    assert len(states) > 50 and edges > len(states)
    for world in states.values():
        history = getattr(world, "history", ())
        rest = world.copy()
        rest.settle()
        expected = resting_place(rest)
        assert expected is None or rest.live == expected, f"rests at {rest.live} after {history}"
        if expected is not None:
            config = f"config-{rest.config}"
            assert rest.endpoint["EndpointConfigName"] == config, f"on an old configuration after {history}"


def test_releases_at_any_moment_do_no_harm(make_world):
    def extra(world):
        return {"release": lambda new: new.wake({"action": "release", "model": "churn"})}

    states, _ = explore(make_world({1: "ok", 2: "fails"}), extra)
    for world in states.values():
        rest = world.copy()
        rest.settle()
        expected = resting_place(rest)
        assert expected is None or rest.live == expected


def test_at_rest_nothing_is_done_or_told_any_more(make_world):
    states, _ = explore(make_world({1: "ok", 2: "fails"}))
    for world in states.values():
        rest = world.copy()
        rest.settle()
        told, updates, memory = len(rest.told), len(rest.updates), dict(rest.ssm)
        for _ in range(2):
            rest.wake()
        assert (len(rest.told), len(rest.updates), rest.ssm) == (told, updates, memory), world.history
