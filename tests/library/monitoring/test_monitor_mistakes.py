"""What a monitor refuses: all of it together, with the way out."""

from __future__ import annotations

from collections.abc import Callable

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3

import cdk_sagemaker_mlops as mlops


@pytest.mark.parametrize(
    ("props", "message"),
    [
        ({"drift_threshold": 1.5}, r"drift_threshold is 1.5, allowed are numbers above 0 up to 1"),
        ({"drift_alarms": {mlops.Severity.CRITICAL: 0}}, r"drift_alarms\[critical\] is 0, allowed"),
        ({"comparison_method": "robust"}, r'comparison_method is "robust", allowed are Robust, Simple'),
        ({"window_offset_hours": 25}, r"window_offset_hours is 25, allowed are 0 to 24"),
        ({"include_features": ["a"], "exclude_features": ["b"]}, r"both given; leave one of them out"),
        ({"features": ["a", "a"]}, r"features names a twice"),
        ({"features": [""]}, r"features holds an empty name"),
        ({"features": ["größe"]}, r'features holds "größe", CloudWatch allows metric names of printable ASCII'),
        ({"features": ["a"], "exclude_features": ["a"]}, r'features holds "a", which the analysis leaves out'),
        ({"features": ["a"], "include_features": ["b"]}, r'features holds "a", which the analysis leaves out'),
        ({"features": ["a"], "publish_feature_metrics": False}, r"the alarms would never see data"),
        ({"name": "Upper"}, r'name is "Upper", allowed are 1 to 63 lower-case letters'),
        ({"alarms": mlops.MonitorAlarms(max_violations=-1)}, r"max_violations is -1, allowed are 0 and more"),
        ({"alarms": mlops.MonitorAlarms(heartbeat_periods=0)}, r"heartbeat_periods is 0, allowed are 1 and more"),
        ({"alarms": mlops.MonitorAlarms(datapoints=0)}, r"datapoints is 0, allowed are 1 and more"),
        ({"engine": mlops.LambdaEngine(memory_mb=128)}, r"engine memory_mb is 128, allowed are 512 to 10240"),
        ({"engine": mlops.LambdaEngine(timeout_seconds=901)}, r"timeout_seconds is 901, allowed are 30 to 900"),
        (
            {"baseline": mlops.Baseline.from_files(constraints="base/c.json")},
            r'constraints is "base/c.json", allowed are',
        ),
        (
            {"baseline": mlops.Baseline.from_files(constraints="s3://only-a-bucket")},
            r"URIs of objects: s3://bucket/key",
        ),
    ],
)
def test_mistakes_say_what_to_change(monitor: Callable, props: dict, message: str) -> None:
    with pytest.raises(mlops.ConstructError, match=message) as raised:
        monitor(**props)
    assert str(raised.value).startswith("Serving/DataQuality: ")


def test_all_mistakes_are_reported_together(monitor: Callable) -> None:
    with pytest.raises(mlops.ConstructError) as raised:
        monitor(drift_threshold=2, comparison_method="x", engine=mlops.LambdaEngine(memory_mb=1), name="No_Name")
    assert len(raised.value.problems) == 4


def test_an_endpoint_without_capture_cannot_be_monitored(stack: cdk.Stack, image_model: mlops.Model) -> None:
    endpoint = mlops.Endpoint(stack, "Blind", model=image_model, endpoint_name="blind")
    with pytest.raises(mlops.ConstructError, match=r'"blind", which records no traffic; give it capture=DataCapture'):
        mlops.DataQualityMonitor(stack, "DataQuality", endpoint=endpoint)


def test_zero_percent_is_no_capture(stack: cdk.Stack, image_model: mlops.Model, bucket: s3.IBucket) -> None:
    capture = mlops.DataCapture(bucket=bucket, sampling_percentage=0)
    endpoint = mlops.Endpoint(stack, "Blind", model=image_model, endpoint_name="blind", capture=capture)
    with pytest.raises(mlops.ConstructError, match="captures 0 percent of its traffic; raise"):
        mlops.DataQualityMonitor(stack, "DataQuality", endpoint=endpoint)


def test_a_monitor_without_endpoint_says_how_to_get_one(stack: cdk.Stack) -> None:
    monitor = mlops.DataQualityMonitor(stack, "DataQuality")
    with pytest.raises(
        mlops.ConstructError, match=r"watches no endpoint yet; give endpoint=…, or call endpoint.add_mon"
    ):
        _ = monitor.endpoint_name


def test_a_monitor_watches_one_endpoint(
    stack: cdk.Stack, endpoint: mlops.Endpoint, fixed_endpoint: mlops.Endpoint
) -> None:
    monitor = mlops.DataQualityMonitor(stack, "DataQuality", endpoint=endpoint)
    message = "already watches endpoint mlops-dev-churn; define another monitor for endpoint fixed"
    with pytest.raises(mlops.ConstructError, match=message):
        fixed_endpoint.add_monitor(monitor)


def test_monitors_can_be_added_later(stack: cdk.Stack, endpoint: mlops.Endpoint, bucket: s3.IBucket) -> None:
    monitor = mlops.DataQualityMonitor(stack, "DataQuality", reports=bucket, reports_prefix="/r/")
    endpoint.add_monitor(monitor)
    assert endpoint.monitors == (monitor,)
    assert monitor.schedule_name == "mlops-dev-churn-data-quality"
    assert monitor.reports_uri == "s3://the-bucket/r/mlops-dev-churn/mlops-dev-churn-data-quality"
    assert monitor.baseline_parameters == {
        "constraints": "DataQualityConstraintsUri",
        "statistics": "DataQualityStatisticsUri",
    }


def test_two_monitors_of_one_endpoint_need_two_names(stack: cdk.Stack, endpoint: mlops.Endpoint) -> None:
    mlops.DataQualityMonitor(stack, "Hourly", endpoint=endpoint)
    with pytest.raises(mlops.ConstructError, match=r'is called "mlops-dev-churn-data-quality"; give this one a name'):
        mlops.DataQualityMonitor(stack, "Daily", endpoint=endpoint)


def test_two_monitors_of_one_endpoint_share_its_baseline(
    stack: cdk.Stack, endpoint: mlops.Endpoint, synthesise: Callable
) -> None:
    hourly = mlops.DataQualityMonitor(stack, "Hourly", endpoint=endpoint)
    daily = mlops.DataQualityMonitor(stack, "Daily", endpoint=endpoint, name="mlops-dev-churn-daily")
    assert hourly.baseline_parameters == daily.baseline_parameters
    assert set(hourly.baseline_parameters.values()) <= set(synthesise().template["Parameters"])


def test_two_endpoints_do_not_share_a_baseline(
    stack: cdk.Stack, endpoint: mlops.Endpoint, fixed_endpoint: mlops.Endpoint
) -> None:
    mlops.DataQualityMonitor(stack, "First", endpoint=endpoint)
    with pytest.raises(
        mlops.ConstructError, match=r"already belongs to endpoint mlops-dev-churn; give endpoint fixed a"
    ):
        mlops.DataQualityMonitor(stack, "Second", endpoint=fixed_endpoint)


def test_long_names_are_cut_with_a_hash(stack: cdk.Stack, image_model: mlops.Model, bucket: s3.IBucket) -> None:
    endpoint = mlops.Endpoint(
        stack, "Long", model=image_model, endpoint_name="x" * 60, capture=mlops.DataCapture(bucket=bucket)
    )
    monitor = mlops.DataQualityMonitor(stack, "DataQuality", endpoint=endpoint)
    assert len(monitor.schedule_name) <= 63
    assert monitor.schedule_name.startswith("x" * 40)


def test_statuses_of_runs_are_a_closed_set(monitor: Callable, synthesise: Callable) -> None:
    made = monitor()
    with pytest.raises(mlops.ConstructError, match=r'statuses is "Complete", allowed are .*did you mean "Completed"'):
        made.on_run("Wrong", statuses=["Complete"])
    made.on_run("Drift")
    assert synthesise().only("Events::Rule")["EventPattern"]["detail"] == {
        "monitoringScheduleName": ["mlops-dev-churn-data-quality"],
        "status": ["CompletedWithViolations"],
    }


def test_views_and_grants(monitor: Callable, stack: cdk.Stack, synthesise: Callable) -> None:
    made = monitor()
    role = cdk.aws_iam.Role(stack, "Person", assumed_by=cdk.aws_iam.AccountRootPrincipal())
    assert made.grant_run(role) is not None
    assert made.role.role_arn
    (policy,) = synthesise().of_type("IAM::Policy").values()
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Action"] == "lambda:InvokeFunction"


def test_a_monitor_that_is_forgotten_is_no_silence(stack: cdk.Stack, app: cdk.App, endpoint: mlops.Endpoint) -> None:
    endpoint.add_monitor(mlops.DataQualityMonitor(stack, "Watching"))
    for name in ("Forgotten", "Lost"):
        mlops.DataQualityMonitor(stack, name)
    with pytest.raises(RuntimeError) as caught:
        app.synth()
    said = str(caught.value)
    assert "monitor Forgotten watches nothing; give it endpoint=" in said and "monitor Lost watches nothing" in said
    assert "Watching" not in said
