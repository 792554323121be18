"""Deployments: traffic shifting, alarms, rollback, and no failed request."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from sagemaker_local.errors import AwsError
from sagemaker_local.sagemaker.rollout_plan import plan

Refused = Callable[..., str]


def blue_green(kind: str, wait: int = 600, **more: Any) -> dict[str, Any]:
    routing: dict[str, Any] = {"Type": kind, "WaitIntervalInSeconds": wait}
    percent = {"Type": "CAPACITY_PERCENT"}
    if kind == "CANARY":
        routing["CanarySize"] = {**percent, "Value": 50}
    if kind == "LINEAR":
        routing["LinearStepSize"] = {**percent, "Value": 50}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, **more}}


def guarded(deployment: dict[str, Any], alarm: str) -> dict[str, Any]:
    return {**deployment, "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": alarm}]}}


def new_share(lab: Any, endpoint: str, requests: int = 200) -> float:
    """Part of the requests that the second model answers."""
    return sum(float(lab.invoke(endpoint)) < 0.5 for _ in range(requests)) / requests


def test_without_a_deployment_config_everything_moves_at_once(lab: Any, up: str, down: str) -> None:
    endpoint = lab.endpoint(lab.config(up))
    config = lab.config(down)
    lab.sm.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
    described = lab.settled(endpoint)
    assert (described["EndpointConfigName"], described["EndpointStatus"]) == (config, "InService")
    assert "PendingDeploymentSummary" not in described
    assert new_share(lab, endpoint, 20) == 1.0


def test_a_canary_bakes_before_the_rest_follows(lab: Any, up: str, down: str) -> None:
    old, new = lab.config(up), lab.config(down)
    endpoint = lab.endpoint(old)
    deployment = guarded(blue_green("CANARY", TerminationWaitInSeconds=300), lab.alarm(endpoint, new))
    lab.sm.update_endpoint(EndpointName=endpoint, EndpointConfigName=new, DeploymentConfig=deployment)
    summary = lab.pending(endpoint, "Baking")
    assert summary["EndpointConfigName"] == new
    variant = summary["ProductionVariants"][0]
    assert (variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]) == (1, 2)
    assert variant["VariantStatus"][0]["StatusMessage"] == (
        "Baking for 600 seconds (WaitIntervalInSeconds) with traffic enabled on canary capacity of 1 instance(s)."
    )
    described = lab.sm.describe_endpoint(EndpointName=endpoint)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("Updating", old)
    assert 0.35 < new_share(lab, endpoint) < 0.65
    lab.aws.clock.advance(660)
    assert new_share(lab, endpoint, 50) == 1.0
    assert lab.sm.describe_endpoint(EndpointName=endpoint)["EndpointStatus"] == "Updating"
    lab.aws.clock.advance(1020)
    described = lab.settled(endpoint)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", new)
    assert described["LastDeploymentConfig"] == deployment
    assert "FailureReason" not in described


def test_an_alarm_during_the_canary_rolls_back(lab: Any, up: str, down: str) -> None:
    old, new = lab.config(up), lab.config(down)
    endpoint = lab.endpoint(old)
    alarm = lab.alarm(endpoint, new)
    lab.sm.update_endpoint(
        EndpointName=endpoint, EndpointConfigName=new, DeploymentConfig=guarded(blue_green("CANARY"), alarm)
    )
    lab.pending(endpoint, "Baking")
    lab.break_requests(endpoint, 60)
    lab.aws.clock.advance(120)
    described = lab.settled(endpoint)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", old)
    assert alarm in described["FailureReason"]
    assert new_share(lab, endpoint, 50) == 0.0
    details = [item for item in lab.events("SageMaker Endpoint State Change") if item["EndpointName"] == endpoint]
    statuses = [item["EndpointStatus"] for item in details]
    assert statuses == ["CREATING", "IN_SERVICE", "UPDATING", "ROLLING_BACK", "IN_SERVICE"]
    checks = lab.aws.recorder.select(service="cloudwatch", operation="DescribeAlarms", caller=lab.role)
    assert any(call.params["AlarmNames"] == [alarm] for call in checks)


def test_an_alarm_while_the_old_fleet_still_waits_rolls_back_too(lab: Any, up: str, down: str) -> None:
    old, new = lab.config(up), lab.config(down)
    endpoint = lab.endpoint(old)
    deployment = guarded(blue_green("ALL_AT_ONCE", 0, TerminationWaitInSeconds=600), lab.alarm(endpoint, new))
    lab.sm.update_endpoint(EndpointName=endpoint, EndpointConfigName=new, DeploymentConfig=deployment)
    summary = lab.pending(endpoint, "Baking")
    message = summary["ProductionVariants"][0]["VariantStatus"][0]["StatusMessage"]
    assert "600 seconds (TerminationWaitInSeconds) with traffic enabled on full capacity of 2 instance(s)" in message
    assert new_share(lab, endpoint, 20) == 1.0
    lab.break_requests(endpoint, 60)
    lab.aws.clock.advance(120)
    assert lab.settled(endpoint)["EndpointConfigName"] == old
    assert new_share(lab, endpoint, 20) == 0.0


def test_a_model_that_does_not_load_leaves_the_old_one_serving(lab: Any, up: str, broken: str) -> None:
    old = lab.config(up)
    endpoint = lab.endpoint(old)
    lab.sm.update_endpoint(EndpointName=endpoint, EndpointConfigName=lab.config(broken))
    described = lab.settled(endpoint)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", old)
    assert "did not pass the ping health check" in described["FailureReason"]
    assert "PendingDeploymentSummary" not in described
    assert float(lab.invoke(endpoint)) > 0.5


def test_linear_and_rolling_move_step_by_step(lab: Any, up: str, down: str) -> None:
    half = {"Type": "INSTANCE_COUNT", "Value": 1}
    rolling = {"RollingUpdatePolicy": {"MaximumBatchSize": half, "WaitIntervalInSeconds": 600}}
    for deployment in (blue_green("LINEAR"), rolling):
        endpoint = lab.endpoint(lab.config(up))
        new = lab.config(down)
        lab.sm.update_endpoint(EndpointName=endpoint, EndpointConfigName=new, DeploymentConfig=deployment)
        lab.pending(endpoint, "Baking")
        assert 0.3 < new_share(lab, endpoint, 100) < 0.7
        lab.aws.clock.advance(660)
        assert new_share(lab, endpoint, 20) == 1.0
        lab.aws.clock.advance(660)
        assert lab.settled(endpoint)["EndpointConfigName"] == new


def test_an_execution_that_takes_too_long_rolls_back(lab: Any, up: str, down: str) -> None:
    old = lab.config(up)
    endpoint = lab.endpoint(old)
    deployment = blue_green("CANARY", 400, MaximumExecutionTimeoutInSeconds=800)
    lab.service.options.update_endpoint_seconds = 500
    try:
        lab.sm.update_endpoint(EndpointName=endpoint, EndpointConfigName=lab.config(down), DeploymentConfig=deployment)
        lab.aws.clock.advance(1200)
    finally:
        lab.service.options.update_endpoint_seconds = 0
    described = lab.settled(endpoint)
    assert described["EndpointConfigName"] == old
    assert "MaximumExecutionTimeoutInSeconds" in described["FailureReason"]


def test_retained_properties_carry_over(lab: Any, up: str, down: str) -> None:
    endpoint = lab.endpoint(lab.config(up))
    lab.sm.update_endpoint_weights_and_capacities(
        EndpointName=endpoint,
        DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": 5, "DesiredWeight": 2}],
    )
    lab.settled(endpoint)

    def updated(**more: Any) -> tuple[int, float]:
        lab.sm.update_endpoint(EndpointName=endpoint, EndpointConfigName=lab.config(down), **more)
        variant = lab.settled(endpoint)["ProductionVariants"][0]
        return variant["DesiredInstanceCount"], variant["DesiredWeight"]

    assert updated(RetainAllVariantProperties=True) == (5, 2.0)
    excluded = [{"VariantPropertyType": "DesiredWeight"}]
    assert updated(RetainAllVariantProperties=True, ExcludeRetainedVariantProperties=excluded) == (5, 1.0)
    assert updated() == (2, 1.0)


def test_guardrails_need_the_same_variants(lab: Any, up: str, down: str, refused: Refused) -> None:
    endpoint = lab.endpoint(lab.config(up))
    message = refused(
        "update_endpoint",
        EndpointName=endpoint,
        EndpointConfigName=lab.config(up, down),
        DeploymentConfig=blue_green("CANARY"),
    )
    assert "the endpoint has AllTraffic" in message
    assert "variant-0, variant-1" in message


def test_steps_of_a_deployment_are_announced(lab: Any, up: str, down: str) -> None:
    endpoint = lab.endpoint(lab.config(up))
    lab.sm.update_endpoint(
        EndpointName=endpoint, EndpointConfigName=lab.config(down), DeploymentConfig=blue_green("CANARY", 60)
    )
    lab.pending(endpoint, "Baking")
    lab.aws.clock.advance(240)
    lab.settled(endpoint)
    details = lab.events("SageMaker Endpoint Deployment State Change")
    steps = [
        item["PendingDeploymentSummary"]["ProductionVariants"][0]["VariantStatus"][0]["Status"]
        for item in details
        if item["EndpointName"] == endpoint
    ]
    assert steps == ["Creating", "ActivatingTraffic", "Baking", "ActivatingTraffic", "Baking"]


def test_no_request_fails_during_a_rollout(lab: Any, up: str, down: str) -> None:
    uri = lab.put(
        "slow.tar.gz",
        {
            "code/inference.py": b"import time\ndef model_fn(d):\n    return 0\n"
            b"def transform_fn(m, b, c, a):\n    time.sleep(0.005)\n    return '0.1', 'text/csv'\n"
        },
    )
    slow = lab.model(uri, lab.sklearn)
    endpoint = lab.endpoint(lab.config(up))
    stop = threading.Event()
    answers: list[str] = []
    failures: list[str] = []

    def caller() -> None:
        while not stop.is_set():
            try:
                answers.append(lab.invoke(endpoint))
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a failed request
                failures.append(repr(error))

    threads = [threading.Thread(target=caller) for _ in range(6)]
    for thread in threads:
        thread.start()
    try:
        for number, model in enumerate([down, slow, up, slow, down]):
            deployment = blue_green("CANARY", 60) if number % 2 else blue_green("ALL_AT_ONCE", 0)
            lab.sm.update_endpoint(
                EndpointName=endpoint, EndpointConfigName=lab.config(model), DeploymentConfig=deployment
            )
            if number % 2:
                lab.pending(endpoint, "Baking")
                lab.aws.clock.advance(240)
            assert lab.settled(endpoint)["EndpointStatus"] == "InService"
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert len(answers) > 50  # so that "none failed" says something; how many it is, is the machine's business
    assert {float(answer) > 0.5 for answer in answers} == {True, False}


def shares(config: dict[str, Any] | None, instances: int) -> list[tuple[float, float]]:
    return [(step.share, step.bake_seconds) for step in plan(config, instances).steps]


def test_plans() -> None:
    assert shares(None, 4) == [(1.0, 0.0)]
    assert shares(blue_green("CANARY", 60, TerminationWaitInSeconds=30), 4) == [(0.5, 60), (1.0, 60), (1.0, 30)]
    tenth = {"Type": "CAPACITY_PERCENT", "Value": 30}
    linear = blue_green("LINEAR", 10)
    linear["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]["LinearStepSize"] = tenth
    assert shares(linear, 10) == [(0.3, 10), (0.6, 10), (0.9, 10), (1.0, 10)]
    rolling = {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1}, "WaitIntervalInSeconds": 5}
    assert shares({"RollingUpdatePolicy": rolling}, 4) == [(0.25, 5), (0.5, 5), (0.75, 5), (1.0, 5)]


def test_contradictory_plans() -> None:
    both = {**blue_green("CANARY"), "RollingUpdatePolicy": {"MaximumBatchSize": {}, "WaitIntervalInSeconds": 0}}
    with pytest.raises(AwsError, match="Only one of BlueGreenUpdatePolicy and RollingUpdatePolicy"):
        plan(both, 4)
    with pytest.raises(AwsError, match="larger than the 1200 seconds"):
        plan(blue_green("CANARY", 600, MaximumExecutionTimeoutInSeconds=700), 4)


def test_a_canary_is_at_most_half_of_the_fleet() -> None:
    config = blue_green("CANARY")
    size = {"Type": "INSTANCE_COUNT", "Value": 3}
    config["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]["CanarySize"] = size
    with pytest.raises(
        AwsError, match="CanarySize of 3 INSTANCE_COUNT is 75% of the variant's total instance count of 4"
    ):
        plan(config, 4)
