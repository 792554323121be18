"""The pure parts on their own: choice, decision, tokens, events, requests, registrations."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.decide import Blocked, Converged, Rollout, Situation, Wait, choose, decide, request_token
from deploy.outcomes import operations
from deploy.package import Package, version_of
from deploy.requests import Request, RequestError
from deploy.state import UPDATABLE, Endpoint, Quarantined, Registration, RegistrationError, Stack

STACK_ID = "arn:aws-cn:cloudformation:cn-north-1:222222222222:stack/s/1"
NAME = "/mlops-prod/serving/churn"
MOMENT = datetime(2026, 11, 21, tzinfo=UTC)


def arn(version: int) -> str:
    return f"arn:aws:sagemaker:eu-west-1:222222222222:model-package/churn/{version}"


def package(version: int, approval: str = "Approved", status: str = "Completed") -> Package:
    return Package(arn(version), approval, status, MOMENT)


statuses = st.sampled_from(
    [*sorted(UPDATABLE), "UPDATE_IN_PROGRESS", "ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED", "DELETE_IN_PROGRESS"]
)
versions = st.integers(1, 4)
packages = st.builds(
    package,
    versions,
    st.sampled_from(["Approved", "Rejected", "PendingManualApproval"]),
    st.sampled_from(["Completed", "InProgress", "Failed"]),
)
endpoints = st.none() | st.builds(
    Endpoint, st.sampled_from(["InService", "Updating", "Failed"]), st.sampled_from(["config-1", "config-2"])
)


@st.composite
def situations(draw) -> Situation:
    live = draw(st.none() | versions)
    registration = Registration(
        NAME,
        "churn",
        "s",
        "e",
        "churn",
        "V",
        "R",
        {"DataQuality": {"constraints": "C"}},
        pinned_version=draw(st.none() | versions),
        frozen=draw(st.booleans()),
    )
    stack = Stack(
        STACK_ID,
        "s",
        draw(statuses),
        "t",
        {"V": arn(live) if live else "", "R": "false", "C": ""},
        configs=frozenset({"config-2"}),
        endpoints=frozenset({"e"} if live else ()),
        registrations=frozenset({NAME} if draw(st.booleans()) else ()),
    )
    quarantine = tuple(Quarantined(arn(version), "r", "", "t") for version in draw(st.sets(versions)))
    return Situation(
        registration,
        draw(st.none() | st.just(stack)),
        approved=draw(st.lists(packages, unique_by=lambda item: item.arn)),
        pinned=draw(st.none() | packages),
        live=draw(st.none() | packages),
        endpoint=draw(endpoints),
        quarantine=quarantine,
    )


@given(situations())
def test_a_rollout_is_only_ever_begun_where_and_with_what_it_may_be(situation):
    action = decide(situation)
    assert isinstance(action, Rollout | Wait | Blocked | Converged)
    assert action.reason
    if not isinstance(action, Rollout):
        return
    stack = situation.stack
    assert stack is not None and stack.owns(situation.registration) and stack.updatable
    assert not situation.registration.frozen
    assert action.package.deployable
    assert action.package.arn not in {entry.arn for entry in situation.quarantine}
    assert version_of(action.parameters["V"])
    if stack.endpoints:
        assert situation.endpoint is not None and situation.endpoint.status == "InService"
    changed = {name for name, value in action.parameters.items() if stack.parameters[name] != value}
    assert changed - {"R"}, "an update that changes nothing"
    assert ("V" in changed) == (action.kind == "rollout")


@given(situations())
def test_the_choice_does_not_depend_on_the_order_of_the_registry(situation):
    turned = Situation(**{**vars(situation), "approved": list(situation.approved)[::-1]})
    assert choose(turned) == choose(situation)
    assert decide(turned) == decide(situation)


@given(situations())
def test_equal_observations_ask_with_the_same_token_and_others_do_not(situation):
    action = decide(situation)
    if not isinstance(action, Rollout):
        return
    token = request_token(action, situation.stack, "event-1")
    assert token == request_token(action, situation.stack, "event-1")
    assert token != request_token(action, situation.stack, "event-2")
    assert token.startswith(f"{action.kind}-{action.package.version}-") and len(token) <= 128
    later = Stack(**{**vars(situation.stack), "changed_at": "later"})
    assert token != request_token(action, later, "event-1")


def event(number, name, status, token="", reason="", kind="AWS::CloudFormation::Stack"):
    return {
        "EventId": f"e{number}",
        "LogicalResourceId": name,
        "PhysicalResourceId": STACK_ID if name == "s" else name,
        "ResourceType": kind,
        "ResourceStatus": status,
        "Timestamp": MOMENT + timedelta(seconds=number),
        "ClientRequestToken": token,
        "ResourceStatusReason": reason,
    }


def test_events_become_operations_with_the_first_failure():
    events = [
        event(1, "s", "CREATE_IN_PROGRESS", "cdk"),
        event(2, "s", "CREATE_COMPLETE", "cdk"),
        event(3, "s", "UPDATE_IN_PROGRESS", "rollout-2-ab"),
        event(4, "Other", "UPDATE_FAILED", "rollout-2-ab", "Resource update cancelled", "AWS::S3::Bucket"),
        event(5, "Model", "CREATE_FAILED", "rollout-2-ab", "no such image", "AWS::SageMaker::Model"),
        event(6, "Endpoint", "UPDATE_FAILED", "rollout-2-ab", "later", "AWS::SageMaker::Endpoint"),
        event(7, "s", "UPDATE_ROLLBACK_IN_PROGRESS", "rollout-2-ab", "The following resource(s) failed"),
        event(8, "s", "UPDATE_ROLLBACK_COMPLETE", "rollout-2-ab"),
        event(9, "s", "UPDATE_IN_PROGRESS", "rollout-3-cd"),
        event(10, "Model", "CREATE_COMPLETE", "rollout-3-cd", kind="AWS::SageMaker::Model"),
    ]
    created, failed, running = operations(events[::-1], STACK_ID)
    assert (created.kind, created.status, created.failure) == (None, "CREATE_COMPLETE", None)
    assert (failed.kind, failed.version, failed.status) == ("rollout", 2, "UPDATE_ROLLBACK_COMPLETE")
    assert str(failed.failure) == "Model (AWS::SageMaker::Model): no such image"
    assert failed.event_id == "e8"
    assert (running.version, running.finished) == (3, False)


def test_a_rollback_without_a_failed_resource_gives_the_stacks_reason():
    events = [
        event(1, "s", "UPDATE_IN_PROGRESS", "rollout-2-ab", "User Initiated"),
        event(2, "s", "UPDATE_ROLLBACK_IN_PROGRESS", "rollout-2-ab", "Rollback triggered by alarm churn-latency"),
        event(3, "s", "UPDATE_ROLLBACK_COMPLETE", "rollout-2-ab"),
    ]
    (operation,) = operations(events[::-1], STACK_ID)
    assert str(operation.failure) == "Rollback triggered by alarm churn-latency"


def test_a_version_of_a_foreign_operation_cannot_be_asked_for():
    (operation,) = operations([event(1, "s", "UPDATE_COMPLETE", "Console-UpdateStack-1")], STACK_ID)
    with pytest.raises(ValueError, match="is not a token of this controller"):
        _ = operation.version


def registration(**changes):
    document = {
        "stack_name": "s",
        "model": "churn",
        "endpoint_name": "e",
        "model_package_group": "Churn",
        "parameters": {"version": "V"},
    }
    return json.dumps(document | changes)


def test_package_arns_follow_the_group_or_the_stack():
    own = Registration.parse(NAME, registration())
    assert own.package_arn(3, STACK_ID) == "arn:aws-cn:sagemaker:cn-north-1:222222222222:model-package/churn/3"
    group = "arn:aws:sagemaker:eu-west-1:111111111111:model-package-group/model-package-group"
    foreign = Registration.parse(NAME, registration(model_package_group=group))
    assert foreign.package_arn(3, STACK_ID) == (
        "arn:aws:sagemaker:eu-west-1:111111111111:model-package/model-package-group/3"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", ["is not JSON"]),
        ("[]", ["is not a JSON object"]),
        ("{}", ["'stack_name'", "'model'", "'endpoint_name'", "'model_package_group'", "'parameters.version'"]),
        (registration(pinned_version=0, frozen="no"), ["'pinned_version'", "'frozen'"]),
        (registration(pinned_version=True), ["'pinned_version'"]),
        (registration(model="other"), ["'model' is 'other'"]),
        (registration(parameters={"version": "V", "baselines": {"DataQuality": "x"}}), ["'parameters.baselines'"]),
    ],
)
def test_wrong_registrations_name_every_mistake(text, words):
    with pytest.raises(RegistrationError) as caught:
        Registration.parse(NAME, text)
    for word in [NAME, *words]:
        assert word in str(caught.value)


def known(*models):
    return [
        Registration.parse(
            f"/c/serving/{name}", registration(model=name, stack_name=f"c-Serving-{name}", model_package_group=name)
        )
        for name in models
    ]


APPROVAL = {
    "detail-type": "SageMaker Model Package State Change",
    "source": "aws.sagemaker",
    "time": "2026-11-21T08:00:00Z",
    "detail": {"ModelPackageGroupName": "Churn", "ModelApprovalStatus": "Approved"},
}
STACK_EVENT = {
    "detail-type": "CloudFormation Stack Status Change",
    "time": "2026-11-21T08:00:00Z",
    "detail": {"stack-id": "arn:aws:cloudformation:eu-west-1:2:stack/c-Serving-fraud/0a1b"},
}
TICK = {"detail-type": "Scheduled Event", "source": "aws.events", "detail": {}}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (json.dumps(APPROVAL), ["churn"]),
        (json.dumps(STACK_EVENT), ["fraud"]),
        (json.dumps(TICK), ["churn", "fraud"]),
        (json.dumps({"action": "reconcile", "model": "fraud"}), ["fraud"]),
        (json.dumps({"action": "reconcile", "model": "gone", "recheck": True}), []),
        (json.dumps({"detail-type": "Something Else", "detail": None, "time": "soon"}), ["churn", "fraud"]),
        (json.dumps([1]), ["churn", "fraud"]),
        ("{}", ["churn", "fraud"]),
        ("not json", ["churn", "fraud"]),
    ],
)
def test_wake_ups_select_their_models(body, expected):
    request = Request.from_message(body)
    assert [item.model for item in request.select(known("churn", "fraud"))] == expected


def test_only_the_regular_look_is_a_tick():
    assert Request.parse(TICK).tick
    assert not Request.parse(APPROVAL).tick
    assert Request.parse(APPROVAL).time == datetime(2026, 11, 21, 8, tzinfo=UTC)


def test_requests_of_people_are_checked_and_name_every_mistake():
    with pytest.raises(RequestError) as caught:
        Request.parse({"action": "delete", "model": 7, "version": "2"})
    for words in ("'action' is 'delete'; it must be one of reconcile, release", "'model' is 7", "'version' is '2'"):
        assert words in str(caught.value)
    with pytest.raises(RequestError, match="'model' is missing"):
        Request.parse({"action": "release"})
    with pytest.raises(RequestError, match="model 'chrun' is not registered here; registered are: churn, fraud"):
        Request.parse({"action": "release", "model": "chrun"}).select(known("fraud", "churn"))
