"""One incident, one message: composite alarms, their targets, their number and price."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3

import cdk_sagemaker_mlops as mlops
from cdk_sagemaker_mlops import alarming

TOPIC = "arn:aws:sns:eu-west-1:111122223333:people"
PLAN = "arn:aws:ssm-incidents::111122223333:response-plan/models"


@pytest.fixture
def endpoint(stack: cdk.Stack, bucket: s3.IBucket, followed: mlops.ModelPackageGroupBase) -> mlops.Endpoint:
    """The monitored endpoint, with alarms of its own."""
    return mlops.Endpoint(
        stack,
        "Endpoint",
        model=mlops.Model.latest_approved(followed),
        endpoint_name="mlops-dev-churn",
        capture=mlops.DataCapture(bucket=bucket, prefix="captured"),
    )


def watched(stack: cdk.Stack, endpoint: mlops.Endpoint, **given: Any) -> mlops.ModelIncidents:
    severities = {mlops.Severity.WARNING: 0.1, mlops.Severity.CRITICAL: 0.4}
    endpoint.add_monitor(
        mlops.DataQualityMonitor(stack, "DataQuality", features=["age", "income"], drift_alarms=severities)
    )
    usual: dict[str, Any] = {"targets": [mlops.ActionTarget(alarm=[TOPIC], ok=[TOPIC])]}
    return mlops.ModelIncidents(stack, "Incidents", endpoint=endpoint, **usual | given)


def composites(template: Any) -> dict[str, dict[str, Any]]:
    """Properties by the end of the name."""
    found = [alarm["Properties"] for alarm in template.of_type("CloudWatch::CompositeAlarm").values()]
    return {alarm["AlarmName"].partition("-incident-")[2]: alarm for alarm in found}


def children(template: Any, rule: Any) -> set[str]:
    """Names of the alarms in a rule."""
    parts = rule["Fn::Join"][1]
    assert set(parts[::2]) <= {'ALARM("', '") OR ALARM("', '")'}
    return {template.resources[part["Ref"]]["Properties"]["AlarmName"] for part in parts[1::2]}


def test_every_alarm_is_in_one_incident_and_has_no_action_of_its_own(
    stack: cdk.Stack, endpoint: mlops.Endpoint, synthesise: Callable[[], Any], lint: Callable[..., list[str]]
) -> None:
    incidents = watched(stack, endpoint)
    template = synthesise()
    found = composites(template)

    concerns, severities = ("serving", "model", "watching"), ("critical", "warning")
    assert set(found) == {f"{concern}-{severity}" for concern in concerns for severity in severities}
    inside = [name for alarm in found.values() for name in children(template, alarm["AlarmRule"])]
    alarms = [a["Properties"] for a in template.of_type("CloudWatch::Alarm").values()]
    people = [alarm["AlarmName"] for alarm in alarms if "AlarmName" in alarm]
    assert sorted(inside) == sorted(people)
    assert not any("AlarmActions" in alarm or "OKActions" in alarm for alarm in alarms)
    assert all(alarm["AlarmActions"] == [TOPIC] == alarm["OKActions"] for alarm in found.values())
    prefix = "mlops-dev-churn-data-quality-"
    assert children(template, found["watching-critical"]["AlarmRule"]) == {
        f"{prefix}{name}" for name in ("RunFailed", "Heartbeat", "RunLost")
    }
    assert children(template, found["watching-warning"]["AlarmRule"]) == {f"{prefix}BaselineMissing"}
    assert children(template, found["model-critical"]["AlarmRule"]) == {
        f"{prefix}Drift {name} critical" for name in ("age", "income")
    }
    assert incidents.alarm_count == len(people) + 6
    assert lint(template.template) == []


def test_a_critical_alarm_holds_the_warning_about_the_same_back(
    stack: cdk.Stack, endpoint: mlops.Endpoint, synthesise: Callable[[], Any]
) -> None:
    watched(stack, endpoint)
    template = synthesise()
    found = composites(template)

    for concern in ("serving", "model", "watching"):
        (arn,) = found[f"{concern}-warning"]["ActionsSuppressor"].values()
        assert template.resources[arn[0]]["Properties"]["AlarmName"].endswith(f"{concern}-critical")
        assert found[f"{concern}-warning"]["ActionsSuppressorWaitPeriod"] == 120
        assert "ActionsSuppressor" not in found[f"{concern}-critical"]


def test_descriptions_say_what_went_off_and_where_to_read(
    stack: cdk.Stack, endpoint: mlops.Endpoint, synthesise: Callable[[], Any]
) -> None:
    watched(stack, endpoint)
    found = composites(synthesise())

    text = json.dumps(found["model-warning"]["AlarmDescription"])
    assert "[warning] The model behind mlops-dev-churn no longer fits" in text
    assert "Violations, Drift age, Drift income" in text
    assert "report.html" in text
    serving = found["serving-critical"]["AlarmDescription"]
    assert len(serving) < 1024
    assert "Dashboard: mlops-dev-churn" in serving


def test_a_rollout_holds_warnings_about_the_model_back(
    stack: cdk.Stack, endpoint: mlops.Endpoint, synthesise: Callable[[], Any]
) -> None:
    registration = mlops.RolloutRegistration(
        stack, "Registration", controller_name="mlops-dev", model="churn", endpoint=endpoint
    )
    endpoint.add_monitor(mlops.DataQualityMonitor(stack, "DataQuality"))
    incidents = mlops.ModelIncidents(stack, "Incidents", endpoint=endpoint, targets=[], rollouts=registration)
    template = synthesise()
    found = composites(template)

    (arn,) = found["model-warning"]["ActionsSuppressor"].values()
    rollout = template.resources[arn[0]]["Properties"]
    assert (rollout["MetricName"], rollout["Threshold"], rollout["Period"]) == ("OldestUnconvergedSeconds", 0, 300)
    assert "AlarmActions" not in rollout
    assert len(incidents.alarms) == 1


def test_number_and_price_are_bounded_and_shown(stack: cdk.Stack, endpoint: mlops.Endpoint, body: Any) -> None:
    incidents = watched(stack, endpoint)
    dashboard = mlops.EndpointDashboard(stack, "Dashboard", endpoint=endpoint)
    dashboard.show(incidents)
    rules = [alarm.rule for alarm in (*endpoint.alarms, *endpoint.monitors[0].alarms)]  # type: ignore[attr-defined]
    # The heartbeat looks at two metrics; CloudWatch counts metrics.
    expected = 0.1 * (len(rules) + 1) + 6 * alarming.COMPOSITE_MONTHLY_USD

    assert incidents.monthly_usd == pytest.approx(expected)
    (shown,) = (entry for entry in incidents.node.metadata if entry.type == "aws:cdk:info")
    assert f"{incidents.alarm_count} alarms (about {incidents.monthly_usd:.2f} US dollars" in str(shown.data)
    widgets = body()["widgets"]
    assert f"Watched by {incidents.summary}" in widgets[0]["properties"]["markdown"]
    assert [w["properties"]["title"] for w in widgets if w["type"] == "alarm"] == ["Incidents", "Alarms"]


def test_mistakes(stack: cdk.Stack, endpoint: mlops.Endpoint, app: cdk.App) -> None:
    with pytest.raises(mlops.ConstructError, match=r"alarms .about \d+.\d\d US dollars .* the limit is 10; name fewer"):
        watched(stack, endpoint, maximum=10)
    mlops.ModelIncidents(stack, "Enough", endpoint=endpoint, targets=[], name="other")
    endpoint.add_monitor(mlops.DataQualityMonitor(stack, "Second", name="second"))
    with pytest.raises(RuntimeError, match="got 1 more monitors after its incidents were put together"):
        app.synth()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (mlops.ActionTarget(alarm=["arn:aws:s3:::bucket"]), 'an alarm cannot call "arn:aws:s3:::bucket"'),
        (mlops.OpsItemTarget(severity=5, category="Drift"), "severity is 5, allowed are 1 to 4(.|\n)*category is"),
    ],
)
def test_targets_that_cannot_be_called(
    stack: cdk.Stack, endpoint: mlops.Endpoint, target: mlops.AlarmTarget, message: str
) -> None:
    with pytest.raises(mlops.ConstructError, match=message):
        watched(stack, endpoint, targets=[target])


def test_incident_tools_and_functions_hear_of_what_they_want(
    stack: cdk.Stack, endpoint: mlops.Endpoint, synthesise: Callable[[], Any], lint: Callable[..., list[str]]
) -> None:
    retrain = lambda_.Function.from_function_arn(
        stack, "Retrain", "arn:aws:lambda:eu-west-1:111122223333:function:retrain"
    )
    critical = [mlops.Severity.CRITICAL]
    watched(
        stack,
        endpoint,
        targets=[
            mlops.ActionTarget(alarm=[PLAN], severities=critical),
            mlops.OpsItemTarget(),
            mlops.FunctionTarget(function=retrain, severities=[mlops.Severity.WARNING]),
        ],
    )
    template = synthesise()
    found = composites(template)

    actions = json.dumps(found["serving-critical"]["AlarmActions"])
    assert PLAN in actions
    assert ":opsitem:2#CATEGORY=Availability" in actions
    warning = json.dumps(found["model-warning"]["AlarmActions"])
    assert "function:retrain" in warning
    assert ":opsitem:3#CATEGORY=Availability" in warning
    assert PLAN not in warning
    permissions = [permission["Properties"] for permission in template.of_type("Lambda::Permission").values()]
    (allowed,) = (p for p in permissions if p["Principal"] == "lambda.alarms.cloudwatch.amazonaws.com")
    assert allowed["SourceAccount"] == {"Ref": "AWS::AccountId"}
    assert lint(template.template) == []
