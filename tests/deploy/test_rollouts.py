"""Whole stories of one model, told through the controller."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from deploy.state import Quarantined


def test_an_empty_registry_changes_nothing(world):
    (result,) = world.wake()
    assert result["action"] == "Converged"
    assert "no approved version" in result["reason"]
    assert world.updates == [] and world.told == []


def test_approval_to_live(world):
    world.approve(1)
    (result,) = world.wake()
    assert result["action"] == "Rollout"
    (update,) = world.updates
    assert update["token"].startswith("rollout-1-")
    assert update["parameters"] == {
        "ModelPackageArn": "arn:aws:sagemaker:eu-west-1:222222222222:model-package/churn/1",
        "RetainVariantProperties": "false",
        "DataQualityConstraintsUri": "s3://baselines/churn/1/constraints.json",
        "DataQualityStatisticsUri": "s3://baselines/churn/1/statistics.json",
        "BootstrapVersion": "/cdk-bootstrap/hnb659fds/version",
    }
    world.finish()
    world.wake()
    assert world.statuses() == [("Started", 1), ("Succeeded", 1)]
    assert world.told[-1]["fromVersion"] is None
    assert [message["Subject"] for message in world.messages] == ["[prod] churn: version 1 is live"]
    metrics = dict(world.metrics)
    assert metrics["Rollouts"] == 1
    assert 0 < metrics["ApprovalToLiveSeconds"] < 60
    assert world.metrics[-1] == ("OldestUnconvergedSeconds", 0)


def test_an_update_keeps_a_scaled_out_fleet_and_names_both_versions(world):
    world.approve(1)
    world.settle()
    world.approve(2)
    world.settle()
    assert world.updates[1]["parameters"]["RetainVariantProperties"] == "true"
    assert world.live == 2
    assert (world.told[-1]["fromVersion"], world.told[-1]["toVersion"]) == (1, 2)


def test_repeated_wake_ups_repeat_nothing(world):
    world.approve(1)
    for _ in range(5):
        world.wake()
    world.finish()
    for _ in range(5):
        world.wake()
    assert len(world.updates) == 1
    assert world.statuses() == [("Started", 1), ("Succeeded", 1)]
    assert [name for name, _ in world.metrics].count("Rollouts") == 1


def test_a_rolled_back_version_is_quarantined_with_its_reason_and_not_tried_again(make_world):
    world = make_world({2: "fails"})
    world.approve(1)
    world.settle()
    world.approve(2)
    world.settle()
    for _ in range(3):
        world.wake(tick=True)
    assert world.live == 1
    assert [update["version"] for update in world.updates] == [1, 2]
    (entry,) = json.loads(world.ssm["/mlops-prod/quarantine/churn"])
    assert entry["resource"] == "Endpoint (AWS::SageMaker::Endpoint)"
    assert "alarm mlops-prod-churn-5xx is in ALARM" in entry["reason"]
    assert world.statuses()[2:] == [("Started", 2), ("RolledBack", 2)]
    assert "5xx" in world.told[-1]["reason"]
    assert [message["Subject"] for message in world.messages][-1] == "[prod] churn: version 2 was rolled back"
    assert [name for name, _ in world.metrics].count("Rollbacks") == 1


def test_a_newer_version_is_tried_although_one_is_quarantined(make_world):
    world = make_world({2: "fails"})
    for version in (1, 2, 3):
        world.approve(version)
        world.settle()
    assert world.live == 3
    world.reject(3)
    world.settle()
    assert world.live == 1, "the quarantined version 2 is passed over on the way back"


def test_a_person_releases_a_version_with_one_request(make_world):
    world = make_world({1: "ok", 2: "fails"})
    world.approve(1)
    world.settle()
    world.approve(2)
    world.settle()
    world.kinds[2] = "ok"
    (result,) = world.wake({"action": "release", "model": "churn"})
    assert result["releasedVersions"] == [2]
    assert result["action"] == "Rollout"
    world.settle()
    assert world.live == 2
    assert ("Released", 2) in world.statuses()
    assert "/mlops-prod/quarantine/churn" not in world.ssm
    (again,) = world.wake({"action": "release", "model": "churn"})
    assert "releasedVersions" not in again
    assert world.statuses().count(("Released", 2)) == 1


def test_rejecting_the_live_version_brings_the_previous_one_back(world):
    for version in (1, 2):
        world.approve(version)
        world.settle()
    world.reject(2)
    world.settle()
    assert world.live == 1
    assert world.updates[-1]["parameters"]["DataQualityConstraintsUri"] == "s3://baselines/churn/1/constraints.json"
    assert [name for name, _ in world.metrics].count("ApprovalToLiveSeconds") == 2, "going back is no approval"


def test_rejecting_the_only_version_leaves_it_and_says_so_once(world):
    world.approve(1)
    world.settle()
    world.reject(1)
    for _ in range(3):
        world.wake()
    assert world.live == 1
    assert len(world.updates) == 1
    assert [status for status, _ in world.statuses()] == ["Started", "Succeeded", "Waiting"]
    assert "rejected while live" in world.told[-1]["reason"]
    world.clock += timedelta(hours=1)
    world.wake(tick=True)
    assert world.metrics[-1][1] >= 3600, "a rejected version that is still live is a change held up"


def test_a_silent_rollback_is_a_failure(make_world):
    world = make_world({1: "ok", 2: "silent"})
    world.approve(1)
    world.settle()
    world.approve(2)
    world.wake()
    world.finish()
    world.wake()
    assert ("Failed", 2) in world.statuses()
    assert "returned the endpoint to its earlier configuration config-1" in world.told[3]["reason"]
    assert world.quarantined == [2]
    world.settle()
    assert world.live == 1
    assert world.endpoint["EndpointConfigName"] == f"config-{world.config}"
    assert ("Succeeded", 2) not in world.statuses()


def test_an_endpoint_without_its_configuration_is_left_alone_until_a_person_makes_it_again(make_world):
    """CloudFormation deletes the former configuration in its clean-up, whoever still uses it."""
    world = make_world({1: "ok", 2: "silent"})
    world.approve(1)
    world.settle()
    world.approve(2)
    world.lost = {"config-1"}
    world.settle()
    assert [update["version"] for update in world.updates] == [1, 2], "an update would be refused, and its rollback too"
    assert world.quarantined == [2], "and nothing is wrong with version 1"
    failures = [item["reason"] for item in world.told if item["status"] == "Failed"]
    assert len(failures) == 2 and "configuration config-1, which has been deleted" in failures[1]
    world.lost = set()
    world.settle()
    assert world.live == 1


def test_a_contradiction_that_resolves_itself_is_no_silent_rollback(world, monkeypatch):
    world.approve(1)
    world.wake()
    world.finish()
    current = world.endpoint
    world.endpoint = {"EndpointStatus": "InService", "EndpointConfigName": "config-0"}
    controller = world.controller()
    services = controller._services
    slow = type(services)(**{**vars(services), "sleep": lambda seconds: setattr(world, "endpoint", current)})
    controller._services = slow
    from deploy.requests import Request

    controller.handle(Request())
    assert world.quarantined == []
    assert ("Succeeded", 1) in world.statuses()


def test_an_endpoint_changed_by_hand_is_reported_once_and_cured_by_the_next_version(world):
    world.approve(1)
    world.settle()
    world.endpoint["EndpointConfigName"] = "by-hand"
    for _ in range(3):
        world.wake()
    assert world.statuses()[2:] == [("Failed", None)]
    assert "by hand" in world.told[-1]["reason"]
    assert world.quarantined == []
    world.approve(2)
    world.settle()
    assert world.live == 2
    assert world.statuses()[-1] == ("Succeeded", 2)


def test_a_silent_rollback_without_an_alternative_leaves_everything_and_says_so(make_world):
    world = make_world({1: "ok", 2: "silent"})
    world.approve(1)
    world.settle()
    world.reject(1)
    world.approve(2)
    world.settle()
    assert world.live == 2
    assert [status for status, _ in world.statuses()].count("Failed") == 2
    assert len(world.updates) == 2


def test_a_version_without_baselines_rolls_out_with_empty_addresses(world):
    world.approve(1)
    world.settle()
    world.approve(2, baselines=False)
    world.settle()
    assert world.parameters["DataQualityConstraintsUri"] == ""


def test_baselines_of_a_monitor_that_was_added_later_are_filled_in(world):
    world.approve(1)
    world.settle()
    world.parameters["DataQualityConstraintsUri"] = ""
    world.settle()
    assert world.updates[-1]["token"].startswith("refresh-1-")
    assert world.parameters["DataQualityConstraintsUri"] == "s3://baselines/churn/1/constraints.json"
    assert [status for status, _ in world.statuses()] == ["Started", "Succeeded"], "the version did not change"


def test_failing_to_apply_baselines_never_takes_the_version_away(world):
    for version in (1, 2):
        world.approve(version)
        world.settle()
    world.parameters["DataQualityConstraintsUri"] = ""
    world.wake()
    world.operation["kind"] = "fails"
    world.settle()
    world.wake()
    assert world.live == 2
    assert len(world.updates) == 3
    assert world.statuses()[-1] == ("Failed", 2)
    assert "baselines of version 2 could not be applied" in world.told[-1]["reason"]


def test_a_pinned_version_stays_whatever_is_approved(world):
    world.register(pinned_version=1)
    for version in (1, 2, 3):
        world.approve(version)
        world.settle()
    assert world.live == 1
    world.register()
    world.settle()
    assert world.live == 3


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda world: None, "pinned version 7 does not exist in group churn"),
        (lambda world: world.set_approval(7, "PendingManualApproval"), "is PendingManualApproval and Completed"),
        (lambda world: world.approve(7, status="Failed"), "is Approved and Failed"),
    ],
)
def test_a_pin_that_cannot_be_followed_is_said(world, prepare, words):
    world.approve(1)
    world.settle()
    world.register(pinned_version=7)
    prepare(world)
    world.settle()
    assert world.live == 1
    assert world.statuses()[-1][0] == "Waiting"
    assert words in world.told[-1]["reason"]


def test_a_frozen_model_waits_and_thaws(world):
    world.approve(1)
    world.settle()
    world.register(frozen=True)
    world.approve(2)
    world.settle()
    assert world.live == 1
    assert world.statuses()[-1][0] == "Waiting"
    assert "frozen" in world.told[-1]["reason"]
    assert world.metrics[-1] == ("OldestUnconvergedSeconds", 0), "a wish to freeze is not a change held up"
    world.register(frozen=False)
    world.settle()
    assert world.live == 2


def test_incomplete_versions_are_passed_over(world):
    world.approve(1)
    world.approve(2, status="InProgress")
    world.settle()
    assert world.live == 1


def test_another_accounts_registry(make_world):
    group = "arn:aws:sagemaker:eu-west-1:111111111111:model-package-group/churn"
    world = make_world({2: "fails"}, model_package_group=group)
    for version in (1, 2):
        world.approve(version)
        arn = f"arn:aws:sagemaker:eu-west-1:111111111111:model-package/churn/{version}"
        world.packages[version]["ModelPackageArn"] = arn
        world.settle()
    assert world.parameters["ModelPackageArn"] == "arn:aws:sagemaker:eu-west-1:111111111111:model-package/churn/1"
    assert world.quarantined == [2]


def test_what_is_remembered_of_a_removed_model_is_forgotten(make_world):
    world = make_world({2: "fails"})
    for version in (1, 2):
        world.approve(version)
        world.settle()
    del world.ssm["/mlops-prod/serving/churn"]
    world.wake(tick=True)
    assert world.ssm == {}


def memory(world):
    return world.controller()._new_memory()


def test_a_quarantine_never_outgrows_its_parameter(make_world):
    world = make_world(dict.fromkeys(range(2, 40), "fails"))
    world.approve(1)
    world.settle()
    for version in range(2, 40):
        world.approve(version)
        world.settle()
    assert world.live == 1
    assert [update["version"] for update in world.updates] == list(range(1, 40)), "none is tried twice"
    reasons = {entry.arn.rpartition("/")[2]: entry.reason for entry in memory(world).quarantine("churn")}
    assert list(reasons) == [str(version) for version in range(2, 40)]
    assert sum("failed its health check" in reason for reason in reasons.values()) > 20, "short, but there"
    (result,) = world.wake({"action": "release", "model": "churn", "version": 2})
    assert result["releasedVersions"] == [2]
    assert world.updates[-1]["version"] == 2


def test_of_very_many_versions_in_quarantine_the_oldest_keep_their_number_alone(world):
    latest = "alarm mlops-prod-churn-5xx is in ALARM " * 15
    entries = [Quarantined(f"arn:p/churn/{version}", latest, "Endpoint", "t") for version in range(1, 301)]
    memory(world).save_quarantine("churn", entries)
    kept = memory(world).quarantine("churn")
    assert [entry.arn for entry in kept] == [entry.arn for entry in entries]
    assert kept[-1] == entries[-1], "the latest is kept whole"
    assert "announcement has the reason" in kept[0].reason
    assert all(entry.reason for entry in kept)


def test_unreadable_memory_is_started_afresh(world):
    world.approve(1)
    world.settle()
    world.ssm["/mlops-prod/rollouts/churn"] = "{broken"
    world.ssm["/mlops-prod/quarantine/churn"] = "{}"
    world.approve(2)
    world.settle()
    assert world.live == 2


def ask(world, action, **more):
    return world.wake({"action": action, "model": "churn", **more})[0]


def test_a_person_pins_a_version_and_takes_the_pin_back_with_one_request_each(world):
    for version in (1, 2):
        world.approve(version)
    world.settle()
    assert world.live == 2
    ask(world, "pin", version=1)
    world.settle()
    assert world.live == 1
    assert "version 1 is pinned" in world.wake()[0]["reason"]
    world.approve(3)
    world.settle()
    assert world.live == 1
    ask(world, "unpin")
    world.settle()
    assert world.live == 3
    assert [item[0] for item in world.statuses() if "inned" in item[0]] == ["Pinned", "Unpinned"]
    assert "version 1 is pinned" in next(m["Subject"] for m in world.messages if "pinned" in m["Subject"])


def test_a_persons_pin_comes_before_the_stacks(world):
    for version in (1, 2, 3):
        world.approve(version)
    world.register(pinned_version=2)
    world.settle()
    assert world.live == 2
    ask(world, "pin", version=1)
    world.settle()
    assert world.live == 1
    ask(world, "unpin")
    world.settle()
    assert world.live == 2


def test_a_person_freezes_and_unfreezes_with_one_request_each(world):
    world.approve(1)
    world.settle()
    ask(world, "freeze")
    ask(world, "freeze")
    world.approve(2)
    world.settle()
    assert world.live == 1
    assert world.wake()[0]["reason"] == "version 2 is the newest approved version, but model churn is frozen"
    ask(world, "unfreeze")
    world.settle()
    assert world.live == 2
    assert [item[0] for item in world.statuses() if "rozen" in item[0]] == ["Frozen", "Unfrozen"]


def test_what_a_person_asked_for_survives_rollouts_and_rollbacks(make_world):
    world = make_world({1: "ok", 2: "fails", 3: "ok"})
    world.approve(1)
    world.settle()
    ask(world, "pin", version=1)
    world.approve(2)
    world.settle()
    assert (world.live, world.quarantined) == (1, []), "a pinned model tries nothing else"
    ask(world, "unpin")
    world.settle()
    assert (world.live, world.quarantined) == (1, [2])
