"""Alarms of a monitor: what they watch, what silence means, what they say, how many there may be."""

from __future__ import annotations

from collections.abc import Callable

import aws_cdk as cdk
import pytest

import cdk_sagemaker_mlops as mlops
from cdk_sagemaker_mlops.alarming import AlarmRule, define_alarms
from cdk_sagemaker_mlops.measures import Measure


@pytest.fixture
def alarms(synthesise: Callable) -> Callable[[], dict[str, dict]]:
    def read() -> dict[str, dict]:
        found = synthesise().of_type("CloudWatch::Alarm")
        return {key[len("DataQuality") : -8]: value["Properties"] for key, value in found.items()}

    return read


def test_the_alarms_of_a_monitor(monitor: Callable, alarms: Callable) -> None:
    monitor(features=["age", "tenure/months"], drift_threshold=0.2)
    found = alarms()
    assert set(found) == {
        *("RunFailed", "Violations", "Heartbeat", "BaselineMissing", "RunLost", "Driftage", "Drifttenuremonths")
    }
    drift = found["Drifttenuremonths"]
    assert drift["MetricName"] == "feature_baseline_drift_tenure/months"
    assert drift["Namespace"] == "aws/sagemaker/Endpoints/data-metrics"
    assert drift["Dimensions"] == [
        {"Name": "Endpoint", "Value": "mlops-dev-churn"},
        {"Name": "MonitoringSchedule", "Value": "mlops-dev-churn-data-quality"},
    ]
    assert (drift["Threshold"], drift["ComparisonOperator"], drift["Period"]) == (0.2, "GreaterThanThreshold", 3600)


@pytest.mark.parametrize(
    ("name", "metric", "missing"),
    [
        ("Driftage", "feature_baseline_drift_age", "ignore"),
        ("Violations", "Violations", "ignore"),
        ("BaselineMissing", "BaselineMissing", "ignore"),
        ("RunFailed", "RunsFailed", "notBreaching"),
        ("RunLost", "ApproximateNumberOfMessagesVisible", "notBreaching"),
    ],
)
def test_what_silence_means(monitor: Callable, alarms: Callable, name: str, metric: str, missing: str) -> None:
    monitor(features=["age"])
    alarm = alarms()[name]
    assert (alarm["MetricName"], alarm["TreatMissingData"]) == (metric, missing)


def test_the_heartbeat_compares_traffic_with_completed_runs(monitor: Callable, alarms: Callable) -> None:
    monitor(schedule=mlops.MonitoringSchedule.every(hours=6), alarms=mlops.MonitorAlarms(heartbeat_periods=3))
    heartbeat = alarms()["Heartbeat"]
    # The period in which traffic begins has no run yet, so one more is looked at.
    assert (heartbeat["EvaluationPeriods"], heartbeat["TreatMissingData"]) == (3 + 1, "notBreaching")
    metrics = {query["Id"]: query["MetricStat"] for query in heartbeat["Metrics"] if "MetricStat" in query}
    assert {query["Period"] for query in metrics.values()} == {6 * 3600}
    assert {query["Stat"] for query in metrics.values()} == {"Sum"}
    assert metrics["runs"]["Metric"]["MetricName"] == "RunsCompleted"
    assert metrics["requests0"]["Metric"] == {
        "Namespace": "AWS/SageMaker",
        "MetricName": "Invocations",
        "Dimensions": [
            {"Name": "EndpointName", "Value": "mlops-dev-churn"},
            {"Name": "VariantName", "Value": "AllTraffic"},
        ],
    }
    assert [query["Id"] for query in heartbeat["Metrics"] if query["ReturnData"]] == ["unwatched"]
    assert "18 hours" in heartbeat["AlarmDescription"]


@pytest.mark.parametrize(
    ("schedule", "offset", "periods"),
    [
        (mlops.MonitoringSchedule.hourly(), 3, 2 + 1 + 3),
        (mlops.MonitoringSchedule.daily(), 3, 2 + 1 + 1),
        (mlops.MonitoringSchedule.every(hours=12), 24, 2 + 1 + 2),
    ],
)
def test_runs_about_older_windows_have_longer(
    monitor: Callable, alarms: Callable, schedule: mlops.MonitoringSchedule, offset: int, periods: int
) -> None:
    monitor(schedule=schedule, window_offset_hours=offset)
    assert alarms()["Heartbeat"]["EvaluationPeriods"] == periods


def test_names_say_what_the_alarms_belong_to(monitor: Callable, alarms: Callable) -> None:
    made = monitor(features=["age"])
    names = {alarm["AlarmName"] for alarm in alarms().values()}
    assert {"mlops-dev-churn-data-quality-Violations", "mlops-dev-churn-data-quality-Drift age"} < names
    assert names == {alarm.name for alarm in made.alarms}
    assert made.alarms[0].arn.endswith(":alarm:mlops-dev-churn-data-quality-RunFailed")


def test_long_names_are_cut_and_stay_apart(monitor: Callable) -> None:
    made = monitor(features=["x" * 230 + "1", "x" * 230 + "2"])
    names = {alarm.name for alarm in made.alarms}
    assert len(names) == made.alarm_count
    assert max(map(len, names)) == 255


def test_every_alarm_says_where_to_look(monitor: Callable) -> None:
    made = monitor(features=["age"])
    hint = "s3://the-bucket/monitoring-reports/mlops-dev-churn/mlops-dev-churn-data-quality/<yyyy/mm/dd/hh>/report.html"
    assert made.report_hint == hint
    for alarm in made.alarms:
        assert alarm.rule.description.startswith(f"[{alarm.rule.severity}] ")
        assert hint in alarm.rule.description or "queue" in alarm.rule.description


def test_severities_have_thresholds_of_their_own(monitor: Callable, alarms: Callable) -> None:
    monitor(features=["age"], drift_alarms={mlops.Severity.WARNING: 0.1, mlops.Severity.CRITICAL: 0.4})
    found = alarms()
    assert found["Driftage"]["Threshold"] == 0.1
    assert found["Driftagecritical"]["Threshold"] == 0.4


def test_targets_choose_severities(stack: cdk.Stack, monitor: Callable, alarms: Callable) -> None:
    topic = cdk.aws_sns.Topic.from_topic_arn(stack, "Pager", "arn:aws:sns:eu-west-1:111122223333:pager")
    pager = mlops.TopicTarget(topic=topic, severities=[mlops.Severity.CRITICAL], when_ok=False)
    monitor(features=["age"], notifications=[pager])
    found = alarms()
    assert found["Heartbeat"]["AlarmActions"] == ["arn:aws:sns:eu-west-1:111122223333:pager"]
    assert "OKActions" not in found["Heartbeat"]
    assert "AlarmActions" not in found["Driftage"]


def test_alarms_can_be_left_out(monitor: Callable) -> None:
    none = mlops.MonitorAlarms(max_violations=None, heartbeat_periods=None, baseline_missing=False)
    assert [alarm.rule.id for alarm in monitor(alarms=none).alarms] == ["RunFailed", "RunLost"]


def test_number_and_cost_are_known(monitor: Callable) -> None:
    made = monitor(features=["a", "b", "c"])
    assert made.alarm_count == 8
    # The heartbeat looks at two metrics, and CloudWatch counts metrics.
    assert made.monthly_alarm_usd == 0.9


def test_too_many_alarms_are_refused_with_their_price(monitor: Callable) -> None:
    with pytest.raises(mlops.ConstructError, match=r"65 alarms would be defined \(6.60 US dollars a month.*maximum=65"):
        monitor(features=[f"f{number}" for number in range(60)])


def test_many_alarms_are_allowed_when_asked_for(monitor: Callable) -> None:
    features = [f"f{number}" for number in range(60)]
    assert monitor(features=features, alarms=mlops.MonitorAlarms(maximum=65)).alarm_count == 65


def test_looking_back_too_far_is_refused(monitor: Callable) -> None:
    with pytest.raises(
        mlops.ConstructError, match=r"alarm Heartbeat looks back 192 hours \(8 periods.*CloudWatch allows 168"
    ):
        monitor(schedule=mlops.MonitoringSchedule.daily(), alarms=mlops.MonitorAlarms(heartbeat_periods=7))


def test_percentiles_are_extended_statistics(stack: cdk.Stack, synthesise: Callable) -> None:
    measure = Measure(namespace="N", name="M", dimensions=(), statistic="p99", period_seconds=60)
    rule = AlarmRule(
        id="Slow", severity=mlops.Severity.WARNING, title="Slow", advice="Wait", measure=measure, threshold=1
    )
    (alarm,) = define_alarms(stack, [rule])
    assert alarm.alarm.alarm_arn == alarm.arn
    properties = synthesise().only("CloudWatch::Alarm")
    assert properties["ExtendedStatistic"] == "p99"
    assert "Statistic" not in properties


def test_metrics_as_the_cdk_knows_them(monitor: Callable, stack: cdk.Stack) -> None:
    made = monitor(schedule=mlops.MonitoringSchedule.daily())
    metrics = {
        "feature_baseline_drift_age": made.metric_drift("age"),
        "feature_data_age": made.metric_feature("age"),
        "feature_non_null_age": made.metric_non_null("age"),
        "Violations": made.metric_violations(),
        "Records": made.metric_records(),
        "RunsCompleted": made.metric_runs_completed(),
        "RunsFailed": made.metric_runs_failed(),
        "RunsWithoutData": made.metric_runs_without_data(),
        "BaselineMissing": made.metric_baseline_missing(),
        "RunSeconds": made.metric_run_seconds(),
    }
    for name, metric in metrics.items():
        assert metric.metric_name == name
        assert metric.period.to_hours() == 24
        assert metric.dimensions == {
            "Endpoint": "mlops-dev-churn",
            "MonitoringSchedule": "mlops-dev-churn-data-quality",
        }
