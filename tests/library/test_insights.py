"""The insights report as a construct."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

import cdk_sagemaker_mlops as mlops


def bucket(stack: cdk.Stack, name: str = "reports") -> s3.IBucket:
    return s3.Bucket.from_bucket_name(stack, name.title(), name)


def test_it_runs_by_schedule_and_keeps_what_fails(stack: cdk.Stack, synthesise: Callable) -> None:
    report = mlops.InsightsReport(stack, "Insights", controller_name="ml-prod", reports=bucket(stack))
    template = synthesise()

    schedule = template.only("Scheduler::Schedule")
    assert schedule["ScheduleExpression"] == "cron(0 6 ? * MON *)"
    assert json.loads(schedule["Target"]["Input"]) == {"scheduled_time": "<aws.scheduler.scheduled-time>"}
    (function,) = template.of_type("Lambda::Function").values()
    variables = function["Properties"]["Environment"]["Variables"]
    assert variables["DAYS"] == "7"
    assert variables["OUTPUT_URI"] == "s3://reports/insights"
    assert "Layers" not in function["Properties"], "its pages need the standard library only"
    assert template.only("Lambda::EventInvokeConfig")["MaximumRetryAttempts"] == 2
    assert len(report.alarms) == 1


def test_it_writes_pages_and_nothing_else(stack: cdk.Stack, synthesise: Callable) -> None:
    mlops.InsightsReport(
        stack, "Insights", controller_name="ml-prod", reports=bucket(stack), artifacts=[bucket(stack, "models")]
    )
    template = synthesise()
    (role,) = (r["Properties"] for k, r in template.of_type("IAM::Role").items() if "Scheduler" not in k)
    statements = {s["Sid"]: s for policy in role["Policies"] for s in policy["PolicyDocument"]["Statement"]}

    def actions(statement: dict[str, Any]) -> list[str]:
        return [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]

    verbs = {action.partition(":")[2] for statement in statements.values() for action in actions(statement)}
    writing = {verb for verb in verbs if not verb.startswith(("Describe", "Get", "List"))}
    assert writing == {"CreateLogStream", "PutLogEvents", "PutObject", "SendMessage"}
    assert json.dumps(statements["WritePages"]["Resource"]).endswith('/insights/*"]]}')
    assert "models" in json.dumps(statements["ReadEvaluations"]["Resource"])


def test_own_rules_travel_to_the_function(stack: cdk.Stack, synthesise: Callable) -> None:
    rule = mlops.InsightsRule(name="old", fact="live.age_days", above=180, step="Train anew.", models=["churn"])
    mlops.InsightsReport(
        stack,
        "Insights",
        controller_name="ml-prod",
        reports=bucket(stack),
        rules=[rule],
        schedule=mlops.InsightsSchedule.daily(hour=4),
    )

    (function,) = synthesise().of_type("Lambda::Function").values()
    (found,) = json.loads(function["Properties"]["Environment"]["Variables"]["OWN_RULES"])
    assert found == {
        "name": "old",
        "fact": "live.age_days",
        "above": 180,
        "step": "Train anew.",
        "urgency": "watch",
        "models": ["churn"],
    }


def test_every_mistake_at_once(stack: cdk.Stack) -> None:
    rules = [
        mlops.InsightsRule(name="Bad Name", fact="nothing", step="", above=1, below=2),
        mlops.InsightsRule(name="x", fact="live.age_days", step="s"),
        mlops.InsightsRule(name="x", fact="live.age_days", step="s", above=1),
    ]
    with pytest.raises(mlops.ConstructError) as caught:
        mlops.InsightsReport(
            stack,
            "Insights",
            controller_name="-",
            reports=bucket(stack),
            rules=rules,
            schedule=mlops.InsightsSchedule(expression="weekly", days=100),
        )

    text = str(caught.value)
    assert text.startswith("Serving/Insights: 9 problems")
    for said in (
        'rules[0]: name is "Bad Name"',
        'fact is "nothing"',
        "step is empty",
        "both of above and below is given",
        "rules[1]: neither of above and below",
        "rules has x more than once",
        'schedule is "weekly"',
        "looks back 100 days",
    ):
        assert said in text


def test_granting_a_run(stack: cdk.Stack, synthesise: Callable) -> None:
    report = mlops.InsightsReport(stack, "Insights", controller_name="ml-prod", reports=bucket(stack))
    report.grant_run(iam.Role(stack, "Person", assumed_by=iam.AccountRootPrincipal()))

    policies = synthesise().of_type("IAM::Policy").values()
    assert "lambda:InvokeFunction" in json.dumps(list(policies))


def test_alarms_and_dashboard_refer_to_the_models_newest_page(stack: cdk.Stack, synthesise: Callable) -> None:
    report = mlops.InsightsReport(stack, "Insights", controller_name="shop", reports=bucket(stack))
    group = mlops.ModelPackageGroup.from_model_package_group_name(stack, "Group", "churn")
    endpoint = mlops.Endpoint(stack, "Endpoint", endpoint_name="shop-churn", model=mlops.Model.latest_approved(group))
    page = report.page("churn")
    incidents = mlops.ModelIncidents(stack, "Incidents", endpoint=endpoint, targets=[], insights=page)
    dashboard = mlops.EndpointDashboard(stack, "Dashboard", endpoint=endpoint)
    dashboard.show(incidents)
    dashboard.link(page)
    template = synthesise()

    where = "s3://reports/insights/shop/latest/churn.html"
    alarms = template.of_type("CloudWatch::CompositeAlarm").values()
    assert alarms
    assert all(f"What to do: {where}." in json.dumps(a["Properties"]["AlarmDescription"]) for a in alarms)
    body = json.dumps(template.only("CloudWatch::Dashboard")["DashboardBody"])
    assert where in body
    assert "console.aws.amazon.com/s3/object/reports?region=" in body
    assert "&prefix=insights/shop/latest/churn.html" in body


def test_a_page_of_an_impossible_name_is_refused(stack: cdk.Stack) -> None:
    group = mlops.ModelPackageGroup.from_model_package_group_name(stack, "Group", "churn")
    endpoint = mlops.Endpoint(stack, "Endpoint", endpoint_name="shop-churn", model=mlops.Model.latest_approved(group))
    page = mlops.InsightsPage(bucket=bucket(stack), controller_name="shop", model="Churn.html")

    with pytest.raises(mlops.ConstructError, match=r'Incidents.*insights.*model is "Churn.html"'):
        mlops.ModelIncidents(stack, "Incidents", endpoint=endpoint, targets=[], insights=page)
