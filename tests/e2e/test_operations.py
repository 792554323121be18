"""One environment in operation: rollouts under fire, hours in which monitoring is in trouble, permissions.

Nine rollouts under constant traffic (a hundred in the slow tests), with something going wrong in most of them. Then
come hours with drift, without traffic, with a broken baseline, without one, and without runs. In the end the policies
of all roles are compared with what the roles were seen doing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from e2e_support import fire as fires
from e2e_support import hours as hours_of_monitoring
from e2e_support import policies, troubles
from e2e_support.deployment import Deployment
from e2e_support.fire_record import Fire
from e2e_support.hours import Hours
from e2e_support.site import Site, environment

from sagemaker_local.server import LocalAws
from tools.pages import sequence

pytestmark = pytest.mark.e2e
CLOUDFORMATION_ROLE = "Delivery-ControllerCloudFormationRole390C"
#: Scaling is part of every controller's role and of no endpoint here.
SCALING = {
    "application-autoscaling:DeleteScalingPolicy",
    "application-autoscaling:DeleteScheduledAction",
    "application-autoscaling:DeregisterScalableTarget",
    "application-autoscaling:DescribeScalableTargets",
    "application-autoscaling:DescribeScalingPolicies",
    "application-autoscaling:DescribeScheduledActions",
    "application-autoscaling:ListTagsForResource",
    "application-autoscaling:PutScalingPolicy",
    "application-autoscaling:PutScheduledAction",
    "application-autoscaling:RegisterScalableTarget",
    "application-autoscaling:TagResource",
    "application-autoscaling:UntagResource",
}

_TOO_LARGE = "windows that are too large for the function go to a job; none was here (test_monitor_engines has some)"

#: What is allowed and was never used, by role: why it is allowed all the same.
#: CloudFormation's role may also do what its resource handlers declare, which is derived below.
UNUSED: dict[str, dict[str, str]] = {
    CLOUDFORMATION_ROLE: {
        "iam:CreateServiceLinkedRole": "the first scaling policy of an account needs it",
        "sagemaker:CreateInferenceComponent": "for endpoints that host components",
        "sagemaker:DeleteInferenceComponent": "for endpoints that host components",
        "sagemaker:DescribeInferenceComponent": "for endpoints that host components",
        "sagemaker:UpdateInferenceComponent": "for endpoints that host components",
        "sagemaker:UpdateInferenceComponentRuntimeConfig": "for endpoints that host components",
        "sagemaker:DescribeModelPackage": "SageMaker resolves a version on behalf of who creates the model",
        "sagemaker:UpdateEndpointWeightsAndCapacities": "scaling demands it of who registers a variant "
        "(SageMaker Developer Guide, prerequisites of auto scaling)",
    },
    "Delivery-ControllerRole5127B7DA": {
        "sagemaker:DescribeEndpointConfig": "asked when SageMaker has gone back and CloudFormation has not noticed",
        "sqs:ChangeMessageVisibility": "Lambda's poller demands it of the function's role",
        "sqs:GetQueueAttributes": "Lambda's poller demands it of the function's role",
    },
    "Registry-GroupchurnEmptyingRole10447D51": {
        "cloudformation:DescribeStacks": "used when the stack is deleted",
        "sagemaker:DeleteModelPackage": "used when the stack is deleted",
        "sagemaker:ListModelPackages": "used when the stack is deleted",
    },
    "Serving-churn-DataQualityJobRoleFEBEB4CB": dict.fromkeys(
        (
            "cloudwatch:PutMetricData",
            "ecr:BatchCheckLayerAvailability",
            "ecr:BatchGetImage",
            "ecr:GetAuthorizationToken",
            "ecr:GetDownloadUrlForLayer",
            "events:PutEvents",
            "kms:Decrypt",
            "kms:GenerateDataKey",
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:DescribeLogStreams",
            "logs:PutLogEvents",
            "s3:DeleteObject",
            "s3:GetObject",
            "s3:ListBucket",
            "s3:PutObject",
        ),
        _TOO_LARGE,
    ),
    "Serving-churn-DataQualityRole5A7F66E7": dict.fromkeys(
        ("iam:PassRole", "s3:DeleteObject", "sagemaker:CreateProcessingJob", "sagemaker:DescribeProcessingJob"),
        _TOO_LARGE,
    ),
    "Serving-churn-DataQualitySchedulerRole845": {
        "sqs:SendMessage": "used when the function cannot be invoked, which did not happen",
    },
    "Serving-churn-EndpointRoleF82D3549": {
        "ecr:BatchCheckLayerAvailability": "SageMaker pulls the image with it; the embedded AWS needs no image",
        "ecr:BatchGetImage": "SageMaker pulls the image with it; the embedded AWS needs no image",
        "ecr:GetAuthorizationToken": "SageMaker pulls the image with it; the embedded AWS needs no image",
        "ecr:GetDownloadUrlForLayer": "SageMaker pulls the image with it; the embedded AWS needs no image",
        "logs:DescribeLogStreams": "SageMaker continues the container's log stream with it",
        "s3:ListBucket": "turns a missing archive into 'not found' instead of 'access denied'",
    },
}

#: Permissions of resource handlers that a rollout does not need.
NOT_NEEDED = {
    "cloudwatch:GetMetricData": "for predictive scaling; policies here track a target",
    "kms:DescribeKey": "granted with the keys of endpoints' volumes, of which there are none here",
    "lambda:DeleteProvisionedConcurrencyConfig": "for scaling of functions",
    "lambda:GetProvisionedConcurrencyConfig": "for scaling of functions",
    "lambda:PutProvisionedConcurrencyConfig": "for scaling of functions",
}


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(9, id="nine"),
        pytest.param(100, id="hundred", marks=[pytest.mark.slow, pytest.mark.timeout(3600)]),
    ],
)
def rollouts(request: pytest.FixtureRequest) -> int:
    """How many rollouts the environment lives through."""
    return int(request.param)


@pytest.fixture(scope="module")
def settings(rollouts: int) -> dict[str, Any]:
    rollout = {"strategy": "canary", "percent": 50, "bake_minutes": 3}
    return environment(f"{111000000000 + rollouts}", endpoint={"rollout": rollout, "alarms": {"evaluation_minutes": 2}})


@pytest.fixture(scope="module")
def deployment(aws: LocalAws, settings: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    made = Deployment(aws, tmp_path_factory.mktemp("operations"), {"plant": settings})
    made.deploy()
    return made


@pytest.fixture(scope="module")
def site(aws: LocalAws, settings: dict[str, Any], deployment: Deployment) -> Site:
    return Site(aws, "plant", settings)


@pytest.fixture(scope="module")
def fire(site: Site, rollouts: int) -> Fire:
    return fires.rage(site, rollouts)


@pytest.fixture(scope="module")
def hours(site: Site, fire: Fire) -> Hours:
    return hours_of_monitoring.watch(site, site.live.live_version())


# -- rollouts ---------------------------------------------------------------------------------------------------------


def test_the_right_version_is_live_after_every_rollout(fire: Fire) -> None:
    assert fire.wrong == []
    assert fire.ended_on == fire.packages[fire.expected]


def test_no_request_fails_that_a_healthy_fleet_would_have_answered(fire: Fire) -> None:
    assert fire.traffic is not None
    assert fire.unexplained() == []
    # The ordinary run shares its processors with other tests; what is promised is looked at when it has them alone.
    assert fire.traffic.per_second >= (100 if len(fire.packages) > 50 else 40)
    assert fire.traffic.answered > 100 * (len(fire.packages) - 1), "requests in every rollout"


def test_things_did_go_wrong(fire: Fire) -> None:
    assert fire.interruptions >= max(1, len(fire.packages) // 10)
    assert fire.throttles
    assert fire.refusals
    assert fire.foreign_updates
    always = {troubles.BAD_ANSWERS, troubles.NO_ARCHIVE, troubles.REJECTED, troubles.DUPLICATES}
    assert always <= set(fire.troubles.values())


def test_rollouts_go_as_the_architecture_page_draws_them(site: Site, fire: Fire) -> None:
    calls = [(f"{call.service} {call.operation}", call.caller_arn or "") for call in site.aws.calls]

    assert sequence.furthest(calls) == len(sequence.steps())


def test_nothing_is_left_of_the_versions_before(fire: Fire) -> None:
    assert fire.orphans == {}
    assert fire.counts == {"model": 1, "endpoint-config": 1, "endpoint": 1, "schedule": 1}


def test_broken_versions_are_in_quarantine_with_their_reasons_and_no_others(fire: Fire) -> None:
    reasons = {entry["model_package_arn"]: entry["reason"] for entry in fire.quarantine}
    by_trouble = {fire.troubles[number]: reasons.get(arn, "") for number, arn in fire.packages.items()}

    assert set(reasons) == {fire.packages[number] for number in fire.barred}
    assert all(reasons.values())
    assert "alarm" in by_trouble[troubles.BAD_ANSWERS].lower()
    assert "model.tar.gz" in by_trouble[troubles.NO_ARCHIVE]


def test_every_outcome_is_announced_once(fire: Fire) -> None:
    for number in fire.packages:
        assert fire.announced.count((number, "Succeeded")) == fire.succeeded[number], f"version {number}"
        assert fire.announced.count((number, "RolledBack")) == fire.rolled_back[number], f"version {number}"
    assert [item for item in fire.announced if item[1] == "Failed"] == []


def test_every_attempt_was_needed(fire: Fire) -> None:
    attempts = {number: fire.succeeded[number] + fire.rolled_back[number] for number in fire.packages}

    assert fire.updates == attempts, "updates of the serving stack that CloudFormation accepted, by version"


def test_the_metrics_count_what_happened(fire: Fire) -> None:
    assert fire.metrics == {"Rollouts": sum(fire.succeeded.values()), "Rollbacks": sum(fire.rolled_back.values())}


def test_no_wake_up_was_given_up(fire: Fire) -> None:
    assert fire.dead_letters == 0


# -- monitoring -------------------------------------------------------------------------------------------------------


def test_clean_traffic_is_no_news(hours: Hours) -> None:
    event = hours.events["clean traffic"]

    assert (event["status"], event["violations"], event["records"]) == ("Completed", 0, 60)
    assert hours.alarms["clean traffic"] == set()


def test_drift_is_seen_and_told(hours: Hours) -> None:
    event = hours.events["drift"]

    assert event["status"] == "CompletedWithViolations"
    assert "income" in {finding["feature"] for finding in event["worstFeatures"]}
    assert any("Violations" in name for name in hours.alarms["drift"]), hours.alarms["drift"]
    assert any("Drift" in name for name in hours.alarms["drift"])


def test_an_hour_without_traffic_says_so_and_is_no_alarm(hours: Hours) -> None:
    event = hours.events["no traffic"]

    assert (event["status"], event["records"]) == ("NoData", 0)
    assert not any("RunFailed" in name or "Heartbeat" in name for name in hours.alarms["no traffic"])


def test_a_broken_baseline_fails_the_run_for_all_to_see(hours: Hours) -> None:
    event = hours.events["broken baseline"]

    assert event["status"] == "Failed"
    assert "statistics.json" in event["failureReason"]
    assert any("RunFailed" in name for name in hours.alarms["broken baseline"])
    assert any("ALARM" in mail and "incident-watching" in mail for mail in hours.mails), hours.mails


def test_a_version_without_baseline_is_analysed_and_missed(hours: Hours) -> None:
    event = hours.events["no baseline"]

    assert event["status"] == "Completed"
    assert event["baselineMissing"] is True
    assert event["statisticsUri"]
    assert any("BaselineMissing" in name for name in hours.alarms["no baseline"])


def test_runs_that_stop_are_an_incident(hours: Hours) -> None:
    assert any("Heartbeat" in name for name in hours.alarms["no runs"]), hours.alarms["no runs"]


# -- permissions ------------------------------------------------------------------------------------------------------


def handler_permissions(deployment: Deployment) -> set[str]:
    """What CloudFormation's handlers say they call for the resources that a rollout touches."""
    (file,) = deployment.folder.glob("assembly-*/*Serving*.template.json")
    resources = json.loads(Path(file).read_text())["Resources"].values()
    kinds = {resource["Type"] for resource in resources if resource.get("Condition")}
    return {
        action
        for kind in kinds
        for name, handler in PROVIDER_SCHEMA_MANAGER.get_resource_schema("eu-west-1", kind).schema["handlers"].items()
        if name != "list"
        for action in handler["permissions"]
    }


@pytest.fixture(scope="module")
def verdict(site: Site, fire: Fire, hours: Hours) -> policies.Verdict:
    return policies.judge(site, site.aws.calls)


def test_every_call_is_allowed(verdict: policies.Verdict) -> None:
    assert verdict.judged > 500
    assert verdict.missing == {}


@pytest.mark.parametrize(
    ("statement", "action"),
    [
        ("UpdateServingStacks", "cloudformation:UpdateStack"),
        ("PassScopedRole", "iam:PassRole"),
        ("MakeTagged", "sagemaker:CreateModel"),
        ("ChangeTagged", "sagemaker:DeleteEndpointConfig"),
        ("WriteReports", "s3:PutObject"),
        ("EncryptCapture", "kms:GenerateDataKey"),
    ],
)
def test_a_statement_that_was_missing_would_be_noticed(site: Site, statement: str, action: str) -> None:
    lacking = policies.judge(site, site.aws.calls, without=statement).missing

    assert any(need.startswith(f"{action} on ") for needs in lacking.values() for need in needs)


def test_services_may_do_what_they_did(site: Site, fire: Fire, hours: Hours) -> None:
    assert policies.service_calls(site, site.aws.calls) == {}


def test_what_is_allowed_without_having_been_used_has_a_reason(
    verdict: policies.Verdict, deployment: Deployment
) -> None:
    reasons = {role: set(actions) for role, actions in UNUSED.items()}
    reasons[CLOUDFORMATION_ROLE] |= handler_permissions(deployment) | SCALING
    without = {role: sorted(actions - reasons.get(role, set())) for role, actions in verdict.unused.items()}

    left = [f"{role}: {', '.join(actions)}" for role, actions in sorted(without.items()) if actions]
    assert not left, "allowed and never used, without a reason in UNUSED:\n" + "\n".join(left)


def test_cloudformation_may_do_what_its_handlers_need(deployment: Deployment, site: Site) -> None:
    """More than the embedded AWS can show: its engine calls less than AWS's handlers do."""
    granted = policies.granted(site)[CLOUDFORMATION_ROLE]

    assert handler_permissions(deployment) - granted == set(NOT_NEEDED) & handler_permissions(deployment)


# -- last, because it leaves a configuration behind --------------------------------------------------------------------


def test_a_silent_rollback_is_told_harms_no_stack_and_can_be_repaired(site: Site, hours: Hours) -> None:
    before = site.live.live_version()
    barred = len(site.quarantine())
    (taken_back, lost), missing = troubles.fall_silent(site, 500)

    assert "SageMaker returned the endpoint to its earlier configuration" in taken_back
    assert f"runs configuration {missing}, which has been deleted" in lost
    assert site.live.serving_status() == "UPDATE_COMPLETE", "no update that could only fail"
    assert len(site.quarantine()) == barred + 1, "nothing is wrong with the version that is to come back"

    sagemaker = site.client("sagemaker")
    (left,) = sagemaker.list_endpoint_configs()["EndpointConfigs"]
    own = sagemaker.describe_endpoint_config(EndpointConfigName=left["EndpointConfigName"])
    sagemaker.create_endpoint_config(EndpointConfigName=missing, ProductionVariants=own["ProductionVariants"])
    site.until_live(before)
