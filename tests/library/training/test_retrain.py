"""Retraining on drift: what wakes the function, what it may do, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam

import cdk_sagemaker_mlops as mlops
from cdk_sagemaker_mlops import training as tr
from retrain.settings import Settings

Retrain = Callable[..., tr.RetrainOnDrift]


@pytest.fixture
def pipeline(define: Any, tabular: Any) -> tr.TrainingPipeline:
    found: tr.TrainingPipeline = define(tabular())
    return found


@pytest.fixture
def retrain(stack: cdk.Stack, group: Any, pipeline: tr.TrainingPipeline) -> Retrain:
    def make(**options: Any) -> tr.RetrainOnDrift:
        given = {
            "pipeline": pipeline,
            "group": group,
            "endpoint_name": "shop-churn",
            "controller_name": "shop",
            "model": "churn",
        }
        return tr.RetrainOnDrift(stack, "Retrain", **(given | options))

    return make


def test_the_function_s_variables_are_settings_that_it_reads(retrain: Retrain, synthesise: Any, stack: Any) -> None:
    people = mlops.Notifications(stack, "People")
    alarm = cloudwatch.Alarm.from_alarm_arn(stack, "Alarm", "arn:aws:cloudwatch:eu-west-1:222222222222:alarm:latency")
    retrain(notifications=people, alarms=[alarm], cooldown_hours=6, weekly_budget=5, confirmations=2)
    template = synthesise()
    variables = template.only("Lambda::Function")["Environment"]["Variables"]
    topic = variables.pop("TOPIC_ARN")
    settings = Settings.read(variables | {"TOPIC_ARN": json.dumps(topic)})
    assert settings.limits.cooldown.total_seconds() == 6 * 3600
    assert (settings.limits.weekly, settings.limits.fruitless, settings.limits.confirmations) == (5, 3, 2)
    assert settings.pipeline_name == "churn-training"
    assert "RetrainingReport" in settings.reason_parameters
    rules = {name[:-8]: rule["Properties"] for name, rule in template.of_type("Events::Rule").items()}
    assert rules["RetrainDrift"]["EventPattern"]["detail"]["endpointName"] == ["shop-churn"]
    assert rules["RetrainAlarms"]["EventPattern"]["resources"] == [alarm.alarm_arn]
    assert rules["RetrainClock"]["ScheduleExpression"] == "rate(15 minutes)"
    assert len(template.of_type("Lambda::Permission")) == len(rules) == 5
    alarms = {item["Properties"]["AlarmName"] for item in template.of_type("CloudWatch::Alarm").values()}
    assert {f"shop-churn-Retraining-{end}" for end in ("Stopped", "Hangs", "WakeUpsFail")} <= alarms


def test_the_function_may_start_this_pipeline_and_approve_nothing(retrain: Retrain, synthesise: Any) -> None:
    retrain()
    role = synthesise().by_id("RetrainRole", "IAM::Role")
    (policy,) = role["Properties"]["Policies"]
    statements = {statement["Sid"]: statement for statement in policy["PolicyDocument"]["Statement"]}
    assert "pipeline/churn-training" in json.dumps(statements["StartPipeline"]["Resource"])
    actions = json.dumps([statement["Action"] for statement in statements.values()])
    for forbidden in ("UpdateModelPackage", "CreateModelPackage", "UpdateStack", "PassRole", "StopPipelineExecution"):
        assert forbidden not in actions
    assert "parameter/shop/retraining/churn" in json.dumps(statements["Remember"]["Resource"])


def test_pipelines_of_others_get_no_parameters_that_they_do_not_have(
    retrain: Retrain, synthesise: Any, stack: cdk.Stack
) -> None:
    known = tr.TrainingPipeline.from_pipeline_name(stack, "Theirs", "theirs")
    made = retrain(pipeline=known)
    made.grant_reset(iam.Role(stack, "Person", assumed_by=iam.AccountRootPrincipal()))
    assert [chart.title for chart in made.charts] == ["Retrainings", "Hours"]
    variables = synthesise().only("Lambda::Function")["Environment"]["Variables"]
    assert variables["REASON_PARAMETERS"] == "[]"


def test_says_everything_that_is_wrong(retrain: Retrain, image: str, define: Any, stack: cdk.Stack) -> None:
    with pytest.raises(mlops.ConstructError) as caught:
        retrain(
            model="Churn!",
            controller_name="-",
            cooldown_hours=-1,
            weekly_budget=0,
            max_fruitless=0,
            confirmations=0,
            max_running_hours=0,
            reason_parameters=["Why"],
        )
    said = str(caught.value)
    for part in (
        "Training/Retrain: ",
        'model is "Churn!"',
        'controller_name is "-"',
        "cooldown_hours is -1",
        "weekly_budget is 0",
        "max_fruitless is 0",
        "confirmations is 0",
        "max_running_hours is 0",
        'reason_parameters holds "Why"',
        "pipeline churn-training has no parameter Why",
    ):
        assert part in said, part


def test_round_trips_stay_within_budget(retrain: Retrain, round_trips: Any) -> None:
    before = round_trips.count
    retrain()
    resources = 20  # function, role, logs, queue, its policy, invoke config, 4 rules, 4 permissions, 3 alarms, memory
    assert round_trips.count - before <= 1.5 * resources
