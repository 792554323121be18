"""Stacks and endpoints that cannot be updated now: wait, or say why and what to do; never make it worse."""

from __future__ import annotations

from datetime import timedelta

import pytest

BROKEN = {
    "ROLLBACK_COMPLETE": "delete the stack and deploy it again",
    "ROLLBACK_FAILED": "delete the stack and deploy it again",
    "CREATE_FAILED": "delete the stack and deploy it again",
    "UPDATE_FAILED": "repair and deploy it, or roll it back",
    "UPDATE_ROLLBACK_FAILED": "continue-update-rollback",
    "DELETE_FAILED": "finish the deletion",
    "DELETE_COMPLETE": "deploy it again",
    "IMPORT_ROLLBACK_FAILED": "repair it in CloudFormation",
    "SOME_FUTURE_STATUS": "takes no update in this status",
}
BUSY = (
    "CREATE_IN_PROGRESS",
    "UPDATE_IN_PROGRESS",
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
    "UPDATE_ROLLBACK_IN_PROGRESS",
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
    "ROLLBACK_IN_PROGRESS",
    "DELETE_IN_PROGRESS",
    "REVIEW_IN_PROGRESS",
    "IMPORT_IN_PROGRESS",
)


@pytest.mark.parametrize("status", BROKEN)
def test_a_broken_stack_is_reported_once_with_the_way_out_and_left_alone(world, status):
    world.status = status
    world.approve(1)
    for _ in range(3):
        world.wake()
    assert world.updates == []
    assert world.statuses() == [("Failed", None)]
    assert BROKEN[status] in world.told[0]["reason"]
    assert [message["Subject"] for message in world.messages] == ["[prod] churn: rollout failed"]
    world.clock += timedelta(hours=2)
    world.wake(tick=True)
    assert world.metrics[-1][0] == "OldestUnconvergedSeconds" and world.metrics[-1][1] >= 7200


def test_a_repaired_stack_goes_on(world):
    world.status = "UPDATE_ROLLBACK_FAILED"
    world.approve(1)
    world.wake()
    world.status = "UPDATE_ROLLBACK_COMPLETE"
    world.settle()
    assert world.live == 1
    assert world.metrics[-1] == ("OldestUnconvergedSeconds", 0)


def test_the_same_trouble_is_told_again_when_it_comes_back(world):
    for _ in range(2):
        world.status = "UPDATE_ROLLBACK_FAILED"
        world.wake()
        world.status = "UPDATE_ROLLBACK_COMPLETE"
        world.wake()
    assert [status for status, _ in world.statuses()] == ["Failed", "Failed"]


@pytest.mark.parametrize("status", BUSY)
def test_a_busy_stack_is_waited_for(world, status):
    world.approve(1)
    world.deploy_begins(status)
    (result,) = world.wake()
    assert result["action"] == "Wait" and status in result["reason"]
    assert world.updates == [] and world.told == []
    assert world.requeued == ["churn"]
    world.finish()
    world.settle()
    assert world.live == 1


@pytest.mark.parametrize("event", [{"tick": True}, {"action": "reconcile", "model": "churn", "recheck": True}])
def test_ticks_and_rechecks_do_not_multiply(world, event):
    world.approve(1)
    world.deploy_begins()
    world.wake(event)
    assert world.requeued == []


def test_an_operation_that_begins_in_between_is_waited_for(world, monkeypatch):
    world.approve(1)
    describe = type(world.controller()._services.stacks).read

    def read_then_deploy(self, name):
        stack = describe(self, name)
        world.deploy_begins()
        monkeypatch.undo()
        return stack

    monkeypatch.setattr("deploy.stacks.Stacks.read", read_then_deploy)
    (result,) = world.wake()
    assert result["action"] == "Wait"
    assert world.updates == [] and world.requeued == ["churn"]
    world.settle()
    assert world.live == 1


def test_a_missing_stack_is_reported(world):
    world.exists = False
    world.wake()
    assert world.statuses() == [("Failed", None)]
    assert "does not exist; deploy it again" in world.told[0]["reason"]


def test_a_registration_that_names_a_foreign_stack_is_refused(world):
    world.ssm["/mlops-prod/serving/other"] = world.ssm.pop("/mlops-prod/serving/churn").replace('"churn"', '"other"')
    world.approve(1)
    (result,) = world.wake()
    assert result["action"] == "Blocked"
    assert "is not a serving stack of this environment and is not touched" in result["reason"]
    assert world.updates == []


def test_a_stack_without_the_version_parameter_is_reported(world):
    del world.parameters["ModelPackageArn"]
    (result,) = world.wake()
    assert "has no parameter ModelPackageArn; deploy it again" in result["reason"]


def test_parameters_that_the_template_lacks_are_left_out(world):
    del world.parameters["DataQualityStatisticsUri"], world.parameters["RetainVariantProperties"]
    world.approve(1)
    world.settle()
    assert world.live == 1


@pytest.mark.parametrize("status", ["Updating", "SystemUpdating", "RollingBack"])
def test_a_moving_endpoint_is_waited_for(world, status):
    world.approve(1)
    world.settle()
    world.endpoint["EndpointStatus"] = status
    world.approve(2)
    (result,) = world.wake()
    assert result["action"] == "Wait" and status in result["reason"]
    assert len(world.updates) == 1
    world.endpoint["EndpointStatus"] = "InService"
    world.settle()
    assert world.live == 2


@pytest.mark.parametrize("status", ["Failed", "UpdateRollbackFailed", "OutOfService"])
def test_a_broken_endpoint_costs_no_version_its_chance(world, status):
    world.approve(1)
    world.settle()
    world.endpoint |= {"EndpointStatus": status, "FailureReason": "no capacity"}
    world.approve(2)
    (result,) = world.wake()
    assert result["action"] == "Blocked"
    assert f"is {status}: no capacity" in result["reason"]
    assert len(world.updates) == 1 and world.quarantined == []


def test_an_endpoint_that_is_moving_after_the_update_is_not_judged(world):
    world.approve(1)
    world.wake()
    world.finish()
    world.endpoint["EndpointStatus"] = "SystemUpdating"
    (result,) = world.wake()
    assert result["action"] == "Wait"
    assert ("Succeeded", 1) not in world.statuses()
    world.endpoint["EndpointStatus"] = "InService"
    world.wake()
    assert world.statuses()[-1] == ("Succeeded", 1)


def test_an_endpoint_that_is_out_of_service_after_the_update_is_no_success(world):
    world.approve(1)
    world.wake()
    world.finish()
    world.endpoint["EndpointStatus"] = "Failed"
    world.wake()
    assert [status for status, _ in world.statuses()] == ["Started", "Failed"]


def test_an_endpoint_deleted_by_hand_is_reported(world):
    world.approve(1)
    world.settle()
    world.endpoint = None
    (result,) = world.wake()
    assert "was deleted outside of its stack" in result["reason"]


def test_a_missing_group_is_reported(world):
    world.group_exists = False
    (result,) = world.wake()
    assert result["action"] == "Blocked"
    assert "model package group churn does not exist" in result["reason"]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ValidationError", "Role arn:aws:iam::222222222222:role/rollouts is invalid or cannot be assumed"),
        ("InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_AUTO_EXPAND]"),
    ],
)
def test_an_update_that_cloudformation_refuses_is_reported_once_and_tried_again(world, refuse, code, message):
    world.approve(1)
    undo = refuse("update_stack", code, message)
    for _ in range(3):
        (result,) = world.wake()
    assert message in result["reason"]
    assert [status for status, _ in world.statuses()] == ["Failed"]
    undo()
    world.settle()
    assert world.live == 1


def test_a_request_that_was_accepted_before_counts_as_started(world, refuse):
    world.approve(1)
    refuse("update_stack", "TokenAlreadyExistsException", "Token already exists")
    (result,) = world.wake()
    assert result["action"] == "Rollout"
    assert world.statuses() == [("Started", 1)]


def test_baselines_that_no_resource_uses_are_asked_for_once(world, refuse):
    world.approve(1)
    world.settle()
    world.parameters["DataQualityConstraintsUri"] = ""
    refuse("update_stack", "ValidationError", "No updates are to be performed.")
    world.wake()
    calls = world.calls.count("update_stack")
    (result,) = world.wake()
    assert result["action"] == "Converged"
    assert world.calls.count("update_stack") == calls


def test_other_refusals_come_to_the_surface(world, refuse):
    from deploy.controller import ReconcileError

    world.approve(1)
    refuse("update_stack", "AccessDenied", "not authorized to perform cloudformation:UpdateStack")
    with pytest.raises(ReconcileError, match="churn: ClientError"):
        world.wake()
