"""The data quality monitor on Lambda: resources, settings, permissions, conditions, size."""

from __future__ import annotations

import json
from collections.abc import Callable

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

import cdk_sagemaker_mlops as mlops


def text(value: object) -> str:
    """A template value as one string, references in braces."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and "Fn::Join" in value:
        return "".join(text(part) for part in value["Fn::Join"][1])
    if isinstance(value, dict):
        ((_, target),) = value.items()
        return f"{{{'.'.join(map(str, target)) if isinstance(target, list) else target}}}"
    raise AssertionError(value)


def role_statements(template, beginning: str) -> dict[str, dict]:
    (policy,) = template.by_id(beginning, "IAM::Role")["Properties"]["Policies"]
    return {statement["Sid"]: statement for statement in policy["PolicyDocument"]["Statement"]}


def test_the_resources_of_a_monitor(monitor: Callable, synthesise: Callable) -> None:
    monitor(features=["age"])
    own = [r for key, r in synthesise().resources.items() if key.startswith(("DataQuality", "AnalyzerWheels"))]
    kinds = sorted(resource["Type"].removeprefix("AWS::") for resource in own)
    assert kinds == sorted(
        [
            *["CloudWatch::Alarm"] * 6,
            *["IAM::Role"] * 2,
            "Lambda::EventInvokeConfig",
            "Lambda::Function",
            "Lambda::LayerVersion",
            "Logs::LogGroup",
            "SQS::Queue",
            "SQS::QueuePolicy",
            "Scheduler::Schedule",
        ]
    )


def test_only_what_needs_the_endpoint_is_conditional(monitor: Callable, synthesise: Callable) -> None:
    monitor(features=["age"])
    conditional = {
        resource["Type"].removeprefix("AWS::")
        for key, resource in synthesise().resources.items()
        if key.startswith("DataQuality") and resource.get("Condition") == "HasModelVersion"
    }
    assert conditional == {"Scheduler::Schedule"}


def test_a_fixed_endpoint_needs_no_condition(
    stack: cdk.Stack, fixed_endpoint: mlops.Endpoint, synthesise: Callable
) -> None:
    baseline = mlops.Baseline.from_files(constraints="s3://base/c.json", statistics="s3://base/s.json")
    mlops.DataQualityMonitor(stack, "DataQuality", endpoint=fixed_endpoint, baseline=baseline)
    template = synthesise()
    assert not any("Condition" in resource for resource in template.resources.values())
    assert "DataQualityConstraintsUri" not in template.template["Parameters"]
    written = json.dumps(template.template["Resources"])
    assert [f"base/{name}.json" in written for name in ("c", "s", "records", "other")] == [True, True, True, False]


def test_the_function_is_told_everything_that_does_not_change_with_the_version(
    monitor: Callable, synthesise: Callable
) -> None:
    monitor(
        drift_threshold=0.2,
        comparison_method="Simple",
        exclude_features=["id"],
        window_offset_hours=1,
        schedule=mlops.MonitoringSchedule.daily(),
    )
    function = synthesise().only("Lambda::Function")
    variables = {name: text(value) for name, value in function["Environment"]["Variables"].items()}
    assert variables == {
        "ENDPOINT_NAME": "mlops-dev-churn",
        "MONITORING_SCHEDULE_NAME": "mlops-dev-churn-data-quality",
        "MONITORING_TYPE": "DataQuality",
        "CAPTURE_URI": "s3://the-bucket/captured",
        "REPORTS_URI": "s3://the-bucket/monitoring-reports",
        "PERIOD_HOURS": "24",
        "WINDOW_OFFSET_HOURS": "1",
        "DRIFT_THRESHOLD": "0.2",
        "COMPARISON_METHOD": "Simple",
        "EXCLUDE_FEATURES": '["id"]',
        "PUBLISH_FEATURE_METRICS": "true",
    }
    assert function["Handler"] == "monitor.handler.lambda_handler"
    assert (function["Runtime"], function["Architectures"]) == ("python3.13", ["arm64"])
    assert (function["MemorySize"], function["Timeout"]) == (1769, 900)
    assert function["Layers"] == [{"Ref": "AnalyzerWheelsArm64"}]


def test_the_function_reads_the_settings_that_the_construct_writes(monitor: Callable, synthesise: Callable) -> None:
    from monitor.kinds import settings_of

    monitor(drift_threshold=0.2, comparison_method="Robust", include_features=["age"], window_offset_hours=2)
    variables = synthesise().only("Lambda::Function")["Environment"]["Variables"]
    settings = settings_of({name: text(value) for name, value in variables.items()})
    assert settings.drift_threshold == 0.2
    assert settings.include_features == ("age",)
    assert settings.offset_hours == 2
    assert settings.publish_feature_metrics is True


def test_version_and_baseline_travel_in_the_schedules_input(monitor: Callable, synthesise: Callable) -> None:
    monitor()
    template = synthesise()
    schedule = template.only("Scheduler::Schedule")
    assert schedule["ScheduleExpression"] == "cron(5 * * * ? *)"
    assert schedule["ScheduleExpressionTimezone"] == "UTC"
    assert json.loads(text(schedule["Target"]["Input"])) == {
        "scheduled_time": "<aws.scheduler.scheduled-time>",
        "model_package_arn": "{ModelPackageArn}",
        "baseline": {"constraints": "{DataQualityConstraintsUri}", "statistics": "{DataQualityStatisticsUri}"},
    }
    assert schedule["Target"]["RetryPolicy"] == {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 2}
    assert schedule["Target"]["DeadLetterConfig"]["Arn"]
    for name in ("DataQualityConstraintsUri", "DataQualityStatisticsUri"):
        parameter = template.template["Parameters"][name]
        assert (parameter["Type"], parameter["Default"]) == ("String", "")


def test_a_failed_run_is_tried_again_and_then_kept(monitor: Callable, synthesise: Callable) -> None:
    monitor()
    template = synthesise()
    retries = template.only("Lambda::EventInvokeConfig")
    assert retries["MaximumRetryAttempts"] == 2
    target = text(retries["DestinationConfig"]["OnFailure"]["Destination"])
    (queue_id,) = template.of_type("SQS::Queue")
    assert target == f"{{{queue_id}.Arn}}"
    queue = template.only("SQS::Queue")
    assert queue["SqsManagedSseEnabled"] is True
    assert queue["MessageRetentionPeriod"] == 14 * 86400
    (statement,) = template.only("SQS::QueuePolicy")["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_runs_may_do_what_they_do_and_no_more(monitor: Callable, synthesise: Callable) -> None:
    monitor()
    statements = role_statements(synthesise(), "DataQualityRole")
    allowed = {sid: (statement["Action"], statement["Resource"]) for sid, statement in statements.items()}
    bucket = "arn:{AWS::Partition}:s3:::the-bucket"
    readable = {
        sid: (actions if isinstance(actions, str) else set(actions), text(resource))
        for sid, (actions, resource) in allowed.items()
    }
    assert set(readable) == {
        "WriteLogs",
        "ReadCapture",
        "ListCapture",
        "WriteReports",
        "ReadBaselines",
        "ListBaselines",
        "PublishMetrics",
        "AnnounceRuns",
        "KeepFailedRuns",
    }
    assert readable["ReadCapture"] == ("s3:GetObject", f"{bucket}/captured/mlops-dev-churn/*")
    assert statements["ListCapture"]["Condition"] == {"StringLike": {"s3:prefix": ["captured/mlops-dev-churn/*"]}}
    reports = "monitoring-reports/mlops-dev-churn/mlops-dev-churn-data-quality"
    assert readable["WriteReports"] == ("s3:PutObject", f"{bucket}/{reports}/*")
    assert readable["PublishMetrics"] == ("cloudwatch:PutMetricData", "*")
    assert statements["PublishMetrics"]["Condition"] == {
        "StringEquals": {"cloudwatch:namespace": ["SageMakerMLOps/Monitoring", "aws/sagemaker/Endpoints/data-metrics"]}
    }
    assert readable["AnnounceRuns"][0] == "events:PutEvents"
    assert readable["KeepFailedRuns"][1].startswith("{DataQualityDeadLetters")


def test_keys_are_used_for_what_is_done_with_their_buckets(
    stack: cdk.Stack, synthesise: Callable, followed: mlops.ModelPackageGroupBase
) -> None:
    arn = "arn:aws:kms:eu-west-1:111122223333:key/"
    captures, reports = (
        s3.Bucket.from_bucket_attributes(
            stack, name, bucket_name=name.lower(), encryption_key=kms.Key.from_key_arn(stack, f"{name}Key", arn + name)
        )
        for name in ("Captures", "Reports")
    )
    endpoint = mlops.Endpoint(
        stack,
        "Endpoint",
        model=mlops.Model.latest_approved(followed),
        endpoint_name="e",
        capture=mlops.DataCapture(bucket=captures),
    )
    mlops.DataQualityMonitor(stack, "DataQuality", endpoint=endpoint, reports=reports)
    template = synthesise()
    statements = role_statements(template, "DataQualityRole")
    assert statements["DecryptInputs"]["Action"] == "kms:Decrypt"
    assert statements["DecryptInputs"]["Resource"] == [f"{arn}Captures", f"{arn}Reports"]  # captures, baselines
    assert statements["EncryptReports"]["Resource"] == f"{arn}Reports"
    variables = template.only("Lambda::Function")["Environment"]["Variables"]
    assert variables["KMS_KEY_ARN"] == f"{arn}Reports"
    assert variables["REPORTS_URI"] == "s3://reports"


def test_the_scheduler_may_start_this_function_for_this_account(monitor: Callable, synthesise: Callable) -> None:
    monitor()
    template = synthesise()
    role = template.by_id("DataQualitySchedulerRole", "IAM::Role")["Properties"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    statements = role_statements(template, "DataQualitySchedulerRole")
    assert {sid: statement["Action"] for sid, statement in statements.items()} == {
        "StartRuns": "lambda:InvokeFunction",
        "KeepUndelivered": "sqs:SendMessage",
    }
    assert "*" not in text(statements["StartRuns"]["Resource"])


def test_every_wildcard_has_its_reason(monitor: Callable, synthesise: Callable) -> None:
    monitor()
    role = synthesise().by_id("DataQualityRole", "IAM::Role")
    (policy,) = role["Properties"]["Policies"]
    wild = {
        statement["Sid"]
        for statement in policy["PolicyDocument"]["Statement"]
        if "*" in json.dumps([statement["Action"], statement["Resource"]])
    }
    assert wild
    assert wild == set(role["Metadata"]["WildcardReasons"])


def test_templates_are_legal(monitor: Callable, synthesise: Callable, lint: Callable) -> None:
    monitor(features=["age"], drift_alarms={mlops.Severity.WARNING: 0.1, mlops.Severity.CRITICAL: 0.3})
    assert lint(synthesise().template) == []


def test_no_partition_is_written_out(monitor: Callable, synthesise: Callable) -> None:
    monitor()
    assert "arn:aws" not in json.dumps(synthesise().template)


def test_alarms_cost_no_round_trips_of_their_own(stack: cdk.Stack, fixed_endpoint: mlops.Endpoint, round_trips) -> None:
    baseline = mlops.Baseline.from_files(constraints="s3://base/c.json", statistics="s3://base/s.json")
    first = mlops.DataQualityMonitor(stack, "First", endpoint=fixed_endpoint, baseline=baseline, name="first")
    assert first.alarm_count == 5
    before = round_trips.count
    features = [f"f{number}" for number in range(20)]
    second = mlops.DataQualityMonitor(
        stack, "Second", endpoint=fixed_endpoint, baseline=baseline, features=features, name="second"
    )
    assert second.alarm_count == 25
    # The construct, everything in it, nothing else.
    assert round_trips.count - before == 2


def test_two_synths_are_equal(synthesise: Callable, monitor: Callable, app: cdk.App) -> None:
    monitor(features=["age"])
    first = synthesise().template
    assert app.synth(force=True).get_stack_by_name("Serving").template == first
