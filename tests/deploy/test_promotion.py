"""The order of stages: staging proves a version, a person approves it for production."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from deploy.controller import ReconcileError
from deploy.promotion import Promotion
from deploy.state import Registration, RegistrationError

STAGING, PRODUCTION = "mlops-staging", "mlops-prod"
AFTER = {"stage": "production", "after": STAGING}
NEXT = {"next_stage": "production", "healthy_minutes": 30}


def rest(world):
    """The controller's last word, with everything at rest."""
    world.settle()
    return world.wake()[0]


def in_half_an_hour(world):
    world.clock += timedelta(minutes=31)
    return world.wake()[0]


# -- what may go live -------------------------------------------------------------------------------------------------


def test_an_approved_version_waits_for_the_approval_of_its_stage(make_world):
    world = make_world(promotion={"stage": "production"})
    world.approve(1)
    result = rest(world)
    assert (world.live, result["action"]) == (0, "Converged")
    assert result["reason"].endswith("version 1 waits for approval for stage production")
    world.at_stage(1, "production", "PendingApproval")
    assert "version 1 is PendingApproval for stage production" in rest(world)["reason"]
    world.at_stage(1, "production")
    rest(world)
    assert world.live == 1


def test_the_approval_of_the_stage_is_not_enough_before_the_stage_before(make_world):
    world = make_world(promotion=AFTER)
    world.approve(1)
    world.at_stage(1, "production")
    assert "version 1 has not been healthy in mlops-staging yet" in rest(world)["reason"]
    world.at_stage(1, "production", healthy_in=(STAGING,))
    rest(world)
    assert world.live == 1


def test_the_newest_version_that_may_go_live_does_while_newer_ones_wait(make_world):
    world = make_world(promotion=AFTER)
    for version in (1, 2, 3):
        world.approve(version)
    world.at_stage(1, "production", healthy_in=(STAGING,))
    world.at_stage(3, "production", "PendingApproval", healthy_in=(STAGING,))
    result = rest(world)
    assert world.live == 1
    assert "version 3 is PendingApproval for stage production" in result["reason"]
    world.at_stage(3, "production")
    rest(world)
    assert world.live == 3


def test_withdrawing_the_stage_brings_the_previous_version_back(make_world):
    world = make_world(promotion=AFTER)
    for version in (1, 2):
        world.approve(version)
        world.at_stage(version, "production", healthy_in=(STAGING,))
    rest(world)
    assert world.live == 2
    world.at_stage(2, "production", "Rejected")
    rest(world)
    assert world.live == 1
    world.at_stage(1, "production", "Rejected")
    result = rest(world)
    assert (world.live, result["action"]) == (1, "Blocked"), "the last one stays, and a person is told"
    assert "version 1 is Rejected for stage production" in result["reason"]
    assert world.statuses()[-1][0] == "Waiting"


def test_a_version_that_has_gone_on_to_a_later_stage_stays(make_world):
    world = make_world(promotion={**AFTER, "next_stage": "production-us"})
    world.approve(1)
    world.at_stage(1, "production", healthy_in=(STAGING,))
    rest(world)
    world.at_stage(1, "production-us", "Rejected", healthy_in=(PRODUCTION,))
    assert rest(world)["action"] == "Converged"
    assert world.live == 1


def test_a_pin_does_not_skip_a_stage(make_world):
    world = make_world(promotion=AFTER, pinned_version=1)
    world.approve(1)
    result = rest(world)
    assert (world.live, result["action"]) == (0, "Blocked")
    assert "pinned: version 1 has not been healthy in mlops-staging yet" in result["reason"]


# -- what is proposed -------------------------------------------------------------------------------------------------


def staging(make_world):
    world = make_world(promotion=NEXT)
    world.approve(1)
    rest(world)
    assert world.live == 1
    return world


def test_a_version_that_stays_healthy_is_proposed_once(make_world):
    world = staging(make_world)
    assert "ModelLifeCycle" not in world.packages[1], "not before half an hour has passed"
    in_half_an_hour(world)
    assert world.packages[1]["ModelLifeCycle"]["Stage"] == "production"
    assert world.packages[1]["ModelLifeCycle"]["StageStatus"] == "PendingApproval"
    assert world.packages[1]["CustomerMetadataProperties"].keys() == {f"healthy-in:{PRODUCTION}"}
    (told,) = [item for item in world.told if item["status"] == "Proposed"]
    assert "Stage=production,StageStatus=Approved" in told["reason"]
    assert "waits for approval for the next stage" in world.messages[-1]["Subject"]
    before = len(world.told)
    for _ in range(3):
        in_half_an_hour(world)
    assert len(world.told) == before


def test_an_alarm_makes_the_time_start_again(make_world):
    world = staging(make_world)
    world.alarms = ["mlops-prod-churn-latency", "mlops-prod-churned-is-another-endpoint"]
    in_half_an_hour(world)
    assert "ModelLifeCycle" not in world.packages[1]
    world.alarms = world.alarms[1:]
    world.wake()
    world.clock += timedelta(minutes=20)
    world.wake()
    assert "ModelLifeCycle" not in world.packages[1], "healthy for 20 minutes only"
    in_half_an_hour(world)
    assert world.packages[1]["ModelLifeCycle"]["StageStatus"] == "PendingApproval"


def test_the_time_counts_for_each_version(make_world):
    world = staging(make_world)
    world.clock += timedelta(minutes=25)
    world.approve(2)
    rest(world)
    world.clock += timedelta(minutes=10)
    world.wake()
    assert all("ModelLifeCycle" not in world.packages[version] for version in (1, 2))
    in_half_an_hour(world)
    assert "ModelLifeCycle" in world.packages[2] and "ModelLifeCycle" not in world.packages[1]


def test_a_person_who_was_faster_is_not_overruled(make_world):
    world = staging(make_world)
    world.at_stage(1, "production")
    in_half_an_hour(world)
    assert world.packages[1]["ModelLifeCycle"]["StageStatus"] == "Approved"
    assert f"healthy-in:{PRODUCTION}" in world.packages[1]["CustomerMetadataProperties"]


def test_a_rolled_back_or_rejected_version_is_never_proposed(make_world):
    world = make_world({1: "ok", 2: "fails"}, promotion=NEXT)
    for version in (1, 2):
        world.approve(version)
        rest(world)
    in_half_an_hour(world)
    in_half_an_hour(world)
    assert world.live == 1
    assert "ModelLifeCycle" not in world.packages[2]
    lonely = staging(make_world)
    lonely.reject(1)
    in_half_an_hour(lonely)
    in_half_an_hour(lonely)
    assert "ModelLifeCycle" not in lonely.packages[1]


@pytest.mark.parametrize("mode", ["throttled", "crash before", "crash after"])
def test_a_fault_at_any_call_of_a_proposal_is_recovered_by_the_next_look(make_world, crash, mode):
    calm = staging(make_world)
    before = len(calm.calls)
    in_half_an_hour(calm)
    count = len(calm.calls) - before
    assert count > 8
    for number in range(count):
        world = staging(make_world)
        world.fault = (len(world.calls) + number, mode)
        with suppress(crash, ReconcileError, ClientError):
            in_half_an_hour(world)
        world.fault = None
        in_half_an_hour(world)
        life_cycle = world.packages[1]["ModelLifeCycle"]
        assert (life_cycle["Stage"], life_cycle["StageStatus"]) == ("production", "PendingApproval"), number
        assert f"healthy-in:{PRODUCTION}" in world.packages[1]["CustomerMetadataProperties"], number
        assert {item["id"] for item in world.told if item["status"] == "Proposed"} == {
            f"mlops-prod-Serving-churn/{world.packages[1]['ModelPackageArn']}/Proposed"
        }, f"told again under another key after {mode} at call {number}"


def test_mistakes_in_a_promotion_are_named_together():
    text = json.dumps(
        {
            "stack_name": "s",
            "model": "churn",
            "endpoint_name": "e",
            "model_package_group": "g",
            "parameters": {"version": "V"},
            "promotion": {"stage": 3, "healthy_minutes": "soon"},
        }
    )
    with pytest.raises(RegistrationError) as caught:
        Registration.parse("/mlops-prod/serving/churn", text)
    assert "'promotion.stage' must be a string, not 3" in str(caught.value)
    assert "'promotion.healthy_minutes' must be a whole number from 0, not 'soon'" in str(caught.value)
    mistakes: list[str] = []
    assert Promotion.parse("production", mistakes) is None
    assert mistakes == ["'promotion' must be an object, not 'production'"]
