"""Where messages go, and the dashboard."""

from __future__ import annotations

import json
from collections.abc import Callable

import aws_cdk as cdk
import pytest
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

import cdk_sagemaker_mlops as mlops


def test_the_topic_is_encrypted_and_takes_messages_of_this_account_by_tls(
    stack: cdk.Stack, synthesise: Callable, lint: Callable
) -> None:
    mlops.Notifications(stack, "Notifications", emails=["ml-ops@example.com"])
    template = synthesise()
    (key_id,) = template.of_type("KMS::Key")
    assert template.only("SNS::Topic")["KmsMasterKeyId"] == {"Fn::GetAtt": [key_id, "Arn"]}
    deny, allow = template.only("SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert allow["Principal"] == {"Service": ["cloudwatch.amazonaws.com", "events.amazonaws.com"]}
    assert allow["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    key = template.only("KMS::Key")
    assert key["EnableKeyRotation"] is True
    assert key["KeyPolicy"]["Statement"][1]["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    subscription = template.only("SNS::Subscription")
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "ml-ops@example.com")
    assert lint(template.template) == []


def test_an_own_key_is_used_as_it_is(stack: cdk.Stack, synthesise: Callable) -> None:
    key = kms.Key.from_key_arn(stack, "Key", "arn:aws:kms:eu-west-1:111122223333:key/k")
    made = mlops.Notifications(stack, "Notifications", encryption_key=key)
    template = synthesise()
    assert template.only("SNS::Topic")["KmsMasterKeyId"] == "arn:aws:kms:eu-west-1:111122223333:key/k"
    assert not template.of_type("KMS::Key")
    announce, encrypt = made.publish_statements()
    assert announce.actions == ["sns:Publish"]
    assert encrypt.resources == ["arn:aws:kms:eu-west-1:111122223333:key/k"]
    assert made.topic.topic_arn == made.topic_arn


def test_subscriptions_do_not_depend_on_their_order(app: cdk.App) -> None:
    ids = []
    for name, emails in (("One", ["a@example.com", "b@example.com"]), ("Two", ["b@example.com"])):
        mlops.Notifications(cdk.Stack(app, name), "Notifications", emails=emails)
    assembly = app.synth()
    for name in ("One", "Two"):
        resources = assembly.get_stack_by_name(name).template["Resources"]
        ids.append({key for key, r in resources.items() if r.get("Properties", {}).get("Endpoint") == "b@example.com"})
    assert ids[0] == ids[1]


@pytest.mark.parametrize(
    ("props", "message"),
    [
        ({"emails": ["nobody"]}, r'emails holds "nobody", allowed are addresses such as'),
        ({"emails": ["a@b.co", "a@b.co"]}, r"emails names a@b.co twice"),
        ({"display_name": "x" * 101}, r"display_name has 101 characters, allowed are 100"),
    ],
)
def test_mistakes(stack: cdk.Stack, props: dict, message: str) -> None:
    with pytest.raises(mlops.ConstructError, match=message):
        mlops.Notifications(stack, "Notifications", **props)


def test_the_dashboard_shows_what_was_added_after_it(
    stack: cdk.Stack, endpoint: mlops.Endpoint, body: Callable
) -> None:
    mlops.EndpointDashboard(stack, "Dashboard", endpoint=endpoint)
    monitor = mlops.DataQualityMonitor(stack, "DataQuality", features=["age", "income"], drift_threshold=0.3)
    endpoint.add_monitor(monitor)
    widgets = body()["widgets"]
    charts = {widget["properties"]["title"]: widget for widget in widgets if widget["type"] == "metric"}
    assert {"Requests per minute", "Share of failing requests", "Drift from the baseline", "Runs"} <= set(charts)
    drift = charts["Drift from the baseline"]["properties"]
    assert [row[1] for row in drift["metrics"]] == ["feature_baseline_drift_age", "feature_baseline_drift_income"]
    assert drift["annotations"]["horizontal"][0]["value"] == 0.3
    ranking = charts["Features that drift most"]["properties"]
    assert ranking["view"] == "bar"
    assert ranking["metrics"][0][0]["expression"] == (
        'SORT(SEARCH(\'{"aws/sagemaker/Endpoints/data-metrics", Endpoint, MonitoringSchedule} '
        'Endpoint="mlops-dev-churn" MonitoringSchedule="mlops-dev-churn-data-quality" feature_baseline_drift\', '
        "'Maximum', 3600), MAX, DESC, 10)"
    )
    (status,) = (widget for widget in widgets if widget["type"] == "alarm")
    assert len(status["properties"]["alarms"]) == monitor.alarm_count
    assert "ModelPackageArn" in widgets[0]["properties"]["markdown"]


def test_all_kinds_stand_side_by_side_with_rollouts_marked(
    stack: cdk.Stack, endpoint: mlops.Endpoint, bucket: s3.IBucket, body: Callable
) -> None:
    labels, gender = mlops.Labels(bucket=bucket), mlops.Facet(name_or_index="gender", values=["female"])
    binary = mlops.ProblemType.BINARY_CLASSIFICATION
    mlops.DataQualityMonitor(stack, "DataQuality", endpoint=endpoint)
    mlops.ModelQualityMonitor(stack, "Quality", endpoint=endpoint, labels=labels, problem_type=binary)
    mlops.BiasMonitor(stack, "Bias", endpoint=endpoint, labels=labels, facets=[gender], headers=["age", "gender"])
    mlops.AttributionMonitor(stack, "Attribution", endpoint=endpoint, headers=["age", "gender"])
    dashboard = mlops.EndpointDashboard(stack, "Dashboard", endpoint=endpoint)
    registration = mlops.RolloutRegistration(
        stack, "Registration", controller_name="mlops-dev", model="churn", endpoint=endpoint
    )
    dashboard.add_section("Rollouts", registration.charts)
    dashboard.annotate(registration.marks)
    charts = {w["properties"]["title"]: w["properties"] for w in body()["widgets"] if w["type"] == "metric"}
    for row in charts["Requests per minute"]["metrics"][-2:]:
        assert row[0] == "SageMakerMLOps/Rollouts"
        assert row[-1]["yAxis"] == "right"
    assert [row[1] for row in charts["Rollouts"]["metrics"]] == ["Rollouts", "Rollbacks"]
    shown = {"Features that drift most", "Agreement with the baseline's ranking", "Attribution", "Labels", "Runs"}
    assert shown | {"Requests per minute", "Share of failing requests"} <= set(charts)
    rows = [row for chart in charts.values() for row in chart["metrics"]]
    named = {row[1] for row in rows if len(row) > 1 and isinstance(row[1], str)}
    assert {"feature_age", "NDCG", "LabelledRecords", "Violations"} <= named, named
    assert any(name.startswith("bias_metric_") for name in named)


def test_widgets_do_not_overlap(stack: cdk.Stack, endpoint: mlops.Endpoint, body: Callable) -> None:
    mlops.EndpointDashboard(stack, "Dashboard", endpoint=endpoint)
    mlops.DataQualityMonitor(stack, "DataQuality", features=["age"], endpoint=endpoint)
    taken = set()
    for widget in body()["widgets"]:
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not cells & taken
        assert widget["x"] + widget["width"] <= 24
        taken |= cells


def test_the_dashboard_comes_with_the_first_version(
    stack: cdk.Stack, endpoint: mlops.Endpoint, synthesise: Callable
) -> None:
    dashboard = mlops.EndpointDashboard(stack, "Dashboard", endpoint=endpoint)
    assert dashboard.dashboard_name == "mlops-dev-churn"
    (resource,) = synthesise().of_type("CloudWatch::Dashboard").values()
    assert resource["Condition"] == "HasModelVersion"


def test_only_what_needs_a_version_names_it(stack: cdk.Stack, endpoint: mlops.Endpoint, synthesise: Callable) -> None:
    """`cdk diff` previews with empty version parameters: whatever else names them would differ for ever."""
    mlops.EndpointDashboard(stack, "Dashboard", endpoint=endpoint)
    template = synthesise().template
    versions = [f'{{"Ref": "{name}"}}' for name in template["Parameters"] if name != "BootstrapVersion"]
    always = {k: json.dumps(r) for k, r in template["Resources"].items() if r.get("Condition") != "HasModelVersion"}
    assert versions
    assert [k for k, text in always.items() if any(version in text for version in versions)] == []
