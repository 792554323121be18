"""Rollouts under fire: what must hold however much goes wrong, under constant traffic."""

from __future__ import annotations

import pytest
from e2e_support import fire as fires
from e2e_support.deployment import Deployment
from e2e_support.fire import Fire
from e2e_support.season import told
from e2e_support.site import Site, environment

from sagemaker_local.server import LocalAws

pytestmark = pytest.mark.e2e
_ACCOUNT = "111000000051"


@pytest.fixture(scope="module")
def site(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Site:
    rollout = {"strategy": "canary", "percent": 50, "bake_minutes": 3}
    settings = environment(_ACCOUNT, endpoint={"rollout": rollout, "alarms": {"evaluation_minutes": 2}})
    Deployment(aws, tmp_path_factory.mktemp("fire"), {"fire": settings}).deploy()
    return Site(aws, "fire", settings)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(9, id="nine"),
        pytest.param(100, id="hundred", marks=[pytest.mark.slow, pytest.mark.timeout(1800)]),
    ],
)
def fire(site: Site, request: pytest.FixtureRequest) -> Fire:
    return fires.rage(site, request.param)


def test_the_right_version_is_live_after_every_rollout(fire: Fire) -> None:
    assert fire.wrong == []
    assert fire.site.live.live_version() == fire.packages[fire.expected]


def test_no_request_fails_that_a_healthy_fleet_would_have_answered(fire: Fire) -> None:
    assert fire.traffic is not None
    assert fire.unexplained() == []
    assert fire.traffic.per_second >= 100
    assert fire.traffic.answered > 100 * (len(fire.packages) - 1), "requests in every rollout"


def test_things_did_go_wrong(fire: Fire) -> None:
    assert fire.interruptions >= list(fire.troubles.values()).count(fires.KILLED) / 2
    assert fire.throttles and fire.foreign_updates
    assert {fires.KILLED, fires.BAD_ANSWERS, fires.BUSY, fires.THROTTLED, fires.REJECTED} <= set(fire.troubles.values())


def test_nothing_is_left_of_the_versions_before(fire: Fire) -> None:
    inventory = fire.site.inventory()

    assert fires.orphans(fire.site) == {}
    assert {kind: len(inventory[kind]) for kind in ("model", "endpoint-config", "endpoint", "schedule")} == {
        "model": 1, "endpoint-config": 1, "endpoint": 1, "schedule": 1,
    }  # fmt: skip


def test_broken_versions_are_barred_with_their_reasons_and_no_others(fire: Fire) -> None:
    reasons = {entry["model_package_arn"]: entry["reason"] for entry in fire.site.quarantine()}

    assert set(reasons) == {fire.packages[number] for number in fire.barred}
    assert all(reasons.values())


def test_every_outcome_is_announced_once(fire: Fire) -> None:
    announced = told(fire.site)

    for number in fire.packages:
        assert announced.count((number, "Succeeded")) == fire.succeeded[number], f"version {number}"
        assert announced.count((number, "RolledBack")) == fire.rolled_back[number], f"version {number}"
    assert [item for item in announced if item[1] == "Failed"] == []


def test_the_metrics_count_what_happened(fire: Fire) -> None:
    assert fires.metric(fire.site, "Rollouts") == sum(fire.succeeded.values())
    assert fires.metric(fire.site, "Rollbacks") == sum(fire.rolled_back.values())


def test_no_wake_up_was_given_up(fire: Fire) -> None:
    sqs = fire.site.client("sqs")
    queues = [url for url in sqs.list_queues()["QueueUrls"] if "ControllerDeadLetters" in url]
    counts = [sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"] for url in queues]

    assert [count["ApproximateNumberOfMessages"] for count in counts] == ["0"]
