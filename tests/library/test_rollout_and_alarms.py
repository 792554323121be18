"""Deployment strategies and alarms as SageMaker and CloudWatch read them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3

import cdk_sagemaker_mlops as mlops
from cdk_sagemaker_mlops import Rollout
from cdk_sagemaker_mlops.alarming import AlarmActions, Severity


def share(percent: int) -> dict[str, Any]:
    return {"Type": "CAPACITY_PERCENT", "Value": percent}


STRATEGIES: dict[str, tuple[Rollout, dict[str, Any]]] = {
    "all at once": (
        Rollout.all_at_once(bake_minutes=10),
        {
            "BlueGreenUpdatePolicy": {
                "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
                "TerminationWaitInSeconds": 600,
                "MaximumExecutionTimeoutInSeconds": 7800,
            }
        },
    ),
    "canary": (
        Rollout.canary(percent=20, bake_minutes=15, termination_wait_minutes=2),
        {
            "BlueGreenUpdatePolicy": {
                "TrafficRoutingConfiguration": {
                    "Type": "CANARY",
                    "CanarySize": share(20),
                    "WaitIntervalInSeconds": 900,
                },
                "TerminationWaitInSeconds": 120,
                "MaximumExecutionTimeoutInSeconds": 9120,
            }
        },
    ),
    "linear": (
        Rollout.linear(percent=50, bake_minutes=5),
        {
            "BlueGreenUpdatePolicy": {
                "TrafficRoutingConfiguration": {
                    "Type": "LINEAR",
                    "LinearStepSize": share(50),
                    "WaitIntervalInSeconds": 300,
                },
                "TerminationWaitInSeconds": 300,
                "MaximumExecutionTimeoutInSeconds": 8100,
            }
        },
    ),
    "rolling": (
        Rollout.rolling(percent=30, bake_minutes=4),
        {
            "RollingUpdatePolicy": {
                "MaximumBatchSize": share(30),
                "WaitIntervalInSeconds": 240,
                "MaximumExecutionTimeoutInSeconds": 8160,
            }
        },
    ),
}


@pytest.mark.parametrize(("rollout", "expected"), STRATEGIES.values(), ids=STRATEGIES)
def test_strategies(
    stack: cdk.Stack,
    image_model: mlops.Model,
    synthesise: Callable,
    rollout: Rollout,
    expected: dict[str, Any],
) -> None:
    mlops.Endpoint(
        stack, "Endpoint", endpoint_name="churn", model=image_model, initial_instance_count=2, rollout=rollout
    )
    config = synthesise().only("SageMaker::Endpoint")["DeploymentConfig"]
    assert [alarm["AlarmName"]["Ref"][:-8] for alarm in config.pop("AutoRollbackConfiguration")["Alarms"]] == [
        "EndpointRollbackServerErrors",
        "EndpointRollbackModelErrors",
        "EndpointRollbackLatency",
    ]
    assert config == expected


def test_the_longest_deployment_stays_within_sagemakers_limit() -> None:
    rollout = Rollout.linear(percent=25, bake_minutes=60, termination_wait_minutes=60)
    assert rollout.timeout_seconds == 5 * 3600 + 7200
    assert Rollout.rolling(percent=15, bake_minutes=60).timeout_seconds == 28800


def test_retaining_is_the_users_choice_without_a_registry(
    stack: cdk.Stack, image_model: mlops.Model, synthesise: Callable
) -> None:
    rollout = Rollout.all_at_once(retain_variant_properties=True)
    mlops.Endpoint(stack, "Endpoint", endpoint_name="churn", model=image_model, rollout=rollout)
    assert synthesise().only("SageMaker::Endpoint")["RetainAllVariantProperties"] is True


def test_a_fixed_choice_takes_the_parameter_away(stack: cdk.Stack, synthesise: Callable) -> None:
    group = mlops.ModelPackageGroup(stack, "Registry", name="churn")
    endpoint = mlops.Endpoint(
        stack,
        "Endpoint",
        endpoint_name="churn",
        model=mlops.Model.latest_approved(group),
        rollout=Rollout.all_at_once(retain_variant_properties=False),
    )
    template = synthesise()
    assert "RetainVariantProperties" not in template.template["Parameters"]
    assert endpoint.rollout_parameters == {"version": "ModelPackageArn"}


def test_rollback_alarms_look_at_the_new_fleet_alone(
    stack: cdk.Stack, image_model: mlops.Model, synthesise: Callable
) -> None:
    mlops.Endpoint(stack, "Endpoint", endpoint_name="churn", model=image_model)
    template = synthesise()
    (config_id,) = template.of_type("SageMaker::EndpointConfig")
    alarm = template.by_id("EndpointRollbackServerErrors", "CloudWatch::Alarm")["Properties"]
    assert alarm["Dimensions"] == [
        {"Name": "EndpointName", "Value": "churn"},
        {"Name": "VariantName", "Value": "AllTraffic"},
        {"Name": "EndpointConfigName", "Value": {"Fn::GetAtt": [config_id, "EndpointConfigName"]}},
    ]
    assert (alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"], alarm["Period"]) == (3, 2, 60)
    assert (alarm["Threshold"], alarm["Statistic"], alarm["TreatMissingData"]) == (0.01, "Average", "notBreaching")
    latency = template.by_id("EndpointRollbackLatency", "CloudWatch::Alarm")["Properties"]
    # Microseconds; the mean, because a fresh container's first requests are slow.
    assert (latency["Threshold"], latency["Statistic"]) == (1_000_000, "Average")


def test_without_alarms_nothing_rolls_back(stack: cdk.Stack, image_model: mlops.Model, synthesise: Callable) -> None:
    endpoint = mlops.Endpoint(
        stack,
        "Endpoint",
        endpoint_name="churn",
        model=image_model,
        alarms=mlops.EndpointAlarms.none(),
        rollout=Rollout.all_at_once(bake_minutes=0),
    )
    template = synthesise()
    assert template.of_type("CloudWatch::Alarm") == {} and endpoint.alarms == ()
    assert "AutoRollbackConfiguration" not in template.only("SageMaker::Endpoint")["DeploymentConfig"]


def test_each_figure_is_an_alarm_that_says_what_to_do(
    stack: cdk.Stack, image_model: mlops.Model, bucket: s3.IBucket, synthesise: Callable
) -> None:
    alarms = mlops.EndpointAlarms(
        client_error_percent=10, latency_milliseconds=250, latency_statistic="p90", evaluation_minutes=4
    )
    endpoint = mlops.Endpoint(
        stack,
        "Endpoint",
        endpoint_name="churn",
        model=image_model,
        capture=mlops.DataCapture(bucket=bucket),
        alarms=alarms,
    )
    template = synthesise()
    found = {
        key[len("Endpoint") : -8]: value["Properties"]
        for key, value in template.of_type("CloudWatch::Alarm").items()
        if "Rollback" not in key
    }
    assert {
        name: (a["Namespace"], a["MetricName"], a["Threshold"], a["TreatMissingData"]) for name, a in found.items()
    } == {
        "ClientErrors": ("AWS/SageMaker", "Invocation4XXErrors", 0.1, "notBreaching"),
        "ServerErrors": ("AWS/SageMaker", "Invocation5XXErrors", 0.01, "notBreaching"),
        "ModelErrors": ("AWS/SageMaker", "InvocationModelErrors", 0.01, "notBreaching"),
        "Latency": ("AWS/SageMaker", "ModelLatency", 250_000, "notBreaching"),
        # A gap in the metrics frees no disk; and the namespace begins with a slash here.
        "Disk": ("/aws/sagemaker/Endpoints", "DiskUtilization", 70, "ignore"),
    }
    assert found["Latency"]["ExtendedStatistic"] == "p90" and "Statistic" not in found["Latency"]
    assert {(a["EvaluationPeriods"], a["DatapointsToAlarm"]) for a in found.values()} == {(4, 3)}
    assert all("churn/AllTraffic" in a["AlarmDescription"] for a in found.values())
    assert "reject it in the registry and the previous one returns" in found["ServerErrors"]["AlarmDescription"]
    assert [alarm.rule.id for alarm in endpoint.alarms] == list(found)


def test_a_full_disk_matters_only_where_traffic_is_recorded(
    stack: cdk.Stack, image_model: mlops.Model, synthesise: Callable
) -> None:
    mlops.Endpoint(stack, "Endpoint", endpoint_name="churn", model=image_model)
    assert "Disk" not in {key[len("Endpoint") : -8] for key in synthesise().of_type("CloudWatch::Alarm")}


def test_people_hear_of_the_endpoints_alarms_but_not_of_the_rollouts(
    stack: cdk.Stack, image_model: mlops.Model, synthesise: Callable
) -> None:
    class Pager:
        def bind(self, scope: Any, severity: Severity) -> AlarmActions:
            return AlarmActions(alarm=(f"arn:pager:{severity}",))

    mlops.Endpoint(
        stack, "Endpoint", endpoint_name="churn", model=image_model, alarms=mlops.EndpointAlarms(targets=[Pager()])
    )
    actions = {
        key[len("Endpoint") : -8]: value["Properties"].get("AlarmActions")
        for key, value in synthesise().of_type("CloudWatch::Alarm").items()
    }
    assert actions["ServerErrors"] == ["arn:pager:critical"] and actions["Latency"] == ["arn:pager:warning"]
    assert actions["RollbackServerErrors"] is None and actions["RollbackLatency"] is None
