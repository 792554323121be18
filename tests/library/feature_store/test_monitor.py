"""Data quality monitors over offline stores."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest

import cdk_sagemaker_mlops as mlops
from cdk_sagemaker_mlops import ConstructError
from cdk_sagemaker_mlops import feature_store as fs

Make = Callable[..., fs.FeatureGroup]


def test_a_monitor_looks_at_the_groups_files_and_no_others(
    stack: cdk.Stack, make_group: Make, synthesise: Callable[[], Any]
) -> None:
    group = make_group(name="Customers_EU")
    monitor = mlops.DataQualityMonitor(stack, "Quality", features=["minutes"])
    group.add_monitor(monitor)
    template = synthesise()

    assert group.monitors == [monitor]
    assert monitor.schedule_name == "customers-eu-data-quality"
    variables = next(
        f["Properties"]["Environment"]["Variables"]
        for f in template.of_type("Lambda::Function").values()
        if "INPUT_TYPE" in f["Properties"].get("Environment", {}).get("Variables", {})
    )
    assert variables["INPUT_TYPE"] == "FeatureGroup"
    assert json.loads(variables["LEAVE_OUT"]) == ["customer_id", "updated_at"]
    assert variables["OFFLINE_STORE_URI"]["Fn::Join"][1][-1] == "/Customers_EU"
    payload = json.dumps(template.only("Scheduler::Schedule")["Target"]["Input"])
    assert "monitoring-baselines/Customers_EU/constraints.json" in payload
    assert '\\"optional\\": true' in payload
    role = str(template.by_id("QualityRole", "IAM::Role"))
    assert "/Customers_EU/*" in role
    assert "/monitoring-reports/customers-eu-data-quality/*" in role
    assert "/monitoring-baselines/Customers_EU/*" in role
    metrics = {a["Properties"].get("MetricName") for a in template.of_type("CloudWatch::Alarm").values()}
    assert {"feature_baseline_drift_minutes", "BaselineMissing", "Violations", "RunsFailed"} <= metrics
    # Nobody sets a parameter for a group's baseline.
    assert [name for name in template.template.get("Parameters", {}) if "Constraints" in name] == []


def test_its_own_places_can_be_chosen(
    stack: cdk.Stack, make_group: Make, bucket: Any, synthesise: Callable[[], Any]
) -> None:
    make_group().add_monitor(
        mlops.DataQualityMonitor(
            stack,
            "Quality",
            reports=bucket,
            baseline=mlops.Baseline.from_files(constraints="s3://b/c.json", statistics="s3://b/s.json"),
        )
    )
    payload = json.loads(synthesise().only("Scheduler::Schedule")["Target"]["Input"])

    assert payload["baseline"] == {"constraints": "s3://b/c.json", "statistics": "s3://b/s.json"}
    assert "b/c.json" in str(synthesise().by_id("QualityRole", "IAM::Role"))


def test_an_imported_group_is_watched_as_an_own_one(stack: cdk.Stack, storage: fs.FeatureStorage) -> None:
    location = fs.OfflineLocation(bucket=storage.offline, prefix="customers", database="features", table="customers")
    group = fs.FeatureGroup.from_feature_group_name(
        stack, "Imported", "customers", offline=location, record_identifier="id", event_time="at"
    )
    group.add_monitor(mlops.DataQualityMonitor(stack, "Quality"))

    assert group.monitors[0].alarm_count >= 5


def test_an_image_of_ones_own_reads_the_groups_files(
    stack: cdk.Stack, make_group: Make, synthesise: Callable[[], Any]
) -> None:
    image = mlops.ContainerEngine(image="123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/own:1")
    make_group().add_monitor(mlops.DataQualityMonitor(stack, "Quality", engine=image))
    template = synthesise()
    (job, function) = (str(template.by_id(f"Quality{name}", "IAM::Role")) for name in ("JobRole", "Role"))
    assert "ReadOfflineStore" in job
    assert "ListOfflineStore" in function and "ReadOfflineStore" not in function


def test_mistakes(stack: cdk.Stack, make_group: Make, bucket: Any) -> None:
    with pytest.raises(ValueError, match="feature group customers has no offline store to look at"):
        make_group(offline=None).add_monitor(mlops.DataQualityMonitor(stack, "A"))
    labels = mlops.Labels(bucket=bucket)
    quality = mlops.ModelQualityMonitor(stack, "B", problem_type=mlops.ProblemType.REGRESSION, labels=labels)
    with pytest.raises(ConstructError, match="ModelQuality needs requests and answers"):
        make_group("Other", name="other").add_monitor(quality)
