"""One environment in operation: rollouts under constant traffic, hours in which monitoring is in trouble, permissions.

Eight versions are rolled out: six good (one of them interrupted), two broken, some announced repeatedly. Then come
hours with drift, without traffic, with a broken baseline, without one, and without runs. In the end the policies of all
roles are compared with what the roles were seen doing.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from e2e_support import hours as hours_of_monitoring
from e2e_support import policies
from e2e_support import season as season_of_rollouts
from e2e_support.app import App
from e2e_support.hours import Hours
from e2e_support.season import BAD_ANSWERS, GOOD, INTERRUPTED, NO_ARCHIVE, Season, told
from e2e_support.site import Site, environment

from sagemaker_local.server import LocalAws

pytestmark = pytest.mark.e2e
CLOUDFORMATION_ROLE = "Delivery-ControllerCloudFormationRole390C"
#: Scaling is part of every controller's role and of no endpoint here.
SCALING = {
    "application-autoscaling:DeleteScalingPolicy",
    "application-autoscaling:DeregisterScalableTarget",
    "application-autoscaling:DescribeScalableTargets",
    "application-autoscaling:DescribeScalingPolicies",
    "application-autoscaling:DescribeScheduledActions",
    "application-autoscaling:ListTagsForResource",
    "application-autoscaling:PutScalingPolicy",
    "application-autoscaling:RegisterScalableTarget",
    "application-autoscaling:TagResource",
    "application-autoscaling:UntagResource",
}

#: What is allowed and was never used, by role: why it is allowed all the same.
#: CloudFormation's role may also do what its resource handlers declare, which is derived below.
UNUSED: dict[str, dict[str, str]] = {
    CLOUDFORMATION_ROLE: {
        "iam:CreateServiceLinkedRole": "the first scaling policy of an account needs it",
        "sagemaker:DescribeModelPackage": "SageMaker resolves a version on behalf of who creates the model",
        "sagemaker:UpdateEndpointWeightsAndCapacities": "scaling demands it of who registers a variant "
        "(SageMaker Developer Guide, prerequisites of auto scaling)",
    },
    "Delivery-ControllerRole5127B7DA": {
        "sqs:ChangeMessageVisibility": "Lambda's poller demands it of the function's role",
        "sqs:GetQueueAttributes": "Lambda's poller demands it of the function's role",
    },
    "Registry-GroupchurnEmptyingRole10447D51": {
        "cloudformation:DescribeStacks": "used when the stack is deleted",
        "sagemaker:DeleteModelPackage": "used when the stack is deleted",
        "sagemaker:ListModelPackages": "used when the stack is deleted",
    },
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
    "application-autoscaling:DeleteScheduledAction": "no scheduled actions are defined",
    "application-autoscaling:PutScheduledAction": "no scheduled actions are defined",
    "cloudwatch:GetMetricData": "for predictive scaling; policies here track a target",
    "kms:DescribeKey": "granted with the keys of endpoints' volumes, of which there are none here",
    "lambda:DeleteProvisionedConcurrencyConfig": "for scaling of functions",
    "lambda:GetProvisionedConcurrencyConfig": "for scaling of functions",
    "lambda:PutProvisionedConcurrencyConfig": "for scaling of functions",
}


@pytest.fixture(scope="module")
def app(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> App:
    rollout = {"strategy": "canary", "percent": 50, "bake_minutes": 3}
    settings = environment("111000000021", endpoint={"rollout": rollout, "alarms": {"evaluation_minutes": 2}})
    app = App(aws, tmp_path_factory.mktemp("operations"), {"plant": settings})
    app.synth()
    app.deploy()
    return app


@pytest.fixture(scope="module")
def site(aws: LocalAws, app: App) -> Site:
    return Site(aws, "plant", environment("111000000021"))


@pytest.fixture(scope="module")
def season(site: Site) -> Season:
    return season_of_rollouts.play(site)


@pytest.fixture(scope="module")
def hours(site: Site, season: Season) -> Hours:
    return hours_of_monitoring.watch(site, season.live)


# -- rollouts ---------------------------------------------------------------------------------------------------------


def test_the_newest_deployable_version_is_live(season: Season) -> None:
    assert season.live == season.packages[8]


def test_no_request_fails_outside_the_canary_that_answers_with_errors(season: Season) -> None:
    failed = {number: answers.first_failure for number, answers in season.answers.items() if answers.failed}

    assert set(failed) == {number for number, kind in season.kinds.items() if kind == BAD_ANSWERS}
    assert all(answers.answered > 20 for answers in season.answers.values())


def test_broken_versions_are_in_quarantine_with_their_reasons(season: Season) -> None:
    reasons = {entry["model_package_arn"]: entry["reason"] for entry in season.quarantine}

    assert set(reasons) == {season.packages[number] for number, kind in season.kinds.items() if kind != GOOD}
    by_kind = {season.kinds[number]: reasons.get(arn, "") for number, arn in season.packages.items()}
    assert "alarm" in by_kind[BAD_ANSWERS].lower()
    assert "model.tar.gz" in by_kind[NO_ARCHIVE]


def test_every_version_is_tried_once_however_often_it_is_announced_or_interrupted(season: Season) -> None:
    assert season.killed >= 1, "the deploy function was to be interrupted"
    assert season.updates() == dict.fromkeys(season.packages, 1)


def test_nothing_is_left_of_the_versions_before(season: Season) -> None:
    kinds = ("model", "endpoint-config", "endpoint", "schedule")

    assert {kind: len(season.inventory[kind]) for kind in kinds} == dict.fromkeys(kinds, 1)
    assert season.dead_letters == 0


def test_everything_is_announced_once(season: Season) -> None:
    expected = []
    for number, kind in season.kinds.items():
        # The invocation that started version 5 was ended before it could say so.
        expected += [(number, "Started")] if number != INTERRUPTED else []
        expected += [(number, "Succeeded" if kind == GOOD else "RolledBack")]

    assert [item for item in told(season.site) if item[0] in season.packages] == expected


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
    assert any("RunFailed" in mail for mail in hours.mails), hours.mails


def test_a_version_without_baseline_is_analysed_and_missed(hours: Hours) -> None:
    event = hours.events["no baseline"]

    assert event["status"] == "Completed"
    assert event["baselineMissing"] is True
    assert event["statisticsUri"]
    assert any("BaselineMissing" in name for name in hours.alarms["no baseline"])


def test_runs_that_stop_are_an_incident(hours: Hours) -> None:
    assert any("Heartbeat" in name for name in hours.alarms["no runs"]), hours.alarms["no runs"]


# -- permissions ------------------------------------------------------------------------------------------------------


def handler_permissions(app: App) -> set[str]:
    """What CloudFormation's handlers say they call for the resources that a rollout touches."""
    (file,) = app.assembly.glob("assembly-*/*Serving*.template.json")
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
def verdict(site: Site, season: Season, hours: Hours) -> policies.Verdict:
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


def test_services_may_do_what_they_did(site: Site, season: Season, hours: Hours) -> None:
    assert policies.service_calls(site, site.aws.calls) == {}


def test_what_is_allowed_without_having_been_used_has_a_reason(verdict: policies.Verdict, app: App) -> None:
    reasons = {role: set(actions) for role, actions in UNUSED.items()}
    reasons[CLOUDFORMATION_ROLE] |= handler_permissions(app) | SCALING
    without = {role: sorted(actions - reasons.get(role, set())) for role, actions in verdict.unused.items()}

    left = [f"{role}: {', '.join(actions)}" for role, actions in sorted(without.items()) if actions]
    assert not left, "allowed and never used, without a reason in UNUSED:\n" + "\n".join(left)


def test_cloudformation_may_do_what_its_handlers_need(app: App, site: Site) -> None:
    """More than the embedded AWS can show: its engine calls less than AWS's handlers do."""
    granted = policies.granted(site)[CLOUDFORMATION_ROLE]

    assert handler_permissions(app) - granted == set(NOT_NEEDED) & handler_permissions(app)
