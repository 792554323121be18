"""What a monitored endpoint costs at synthesis, in calls to the CDK's Node process."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3

import cdk_sagemaker_mlops as mlops


@pytest.mark.parametrize("follows", [False, True], ids=["fixed model", "follows a registry"])
def test_round_trips_per_resource(
    app: cdk.App, stack: cdk.Stack, bucket: s3.IBucket, image_uri: str, round_trips: Any, follows: bool
) -> None:
    """At most 1.5 for a monitored endpoint with dashboard and registration, in a stack that has one already.

    Counted is every call from the first construct to the end of synthesis, divided by the resources that come of it.
    Not counted is what a stack and a process cost once: their own creation, the archives' registration, the layer.
    """
    group = mlops.ModelPackageGroup.from_model_package_group_name(stack, "Group", "churn")

    def define(name: str) -> None:
        fixed = mlops.Model.from_image(image_uri)
        endpoint = mlops.Endpoint(
            stack,
            f"Endpoint{name}",
            endpoint_name=f"mlops-{name.lower()}",
            model=mlops.Model.latest_approved(group) if follows else fixed,
            capture=mlops.DataCapture(bucket=bucket),
            scaling=mlops.Scaling(max_instances=4, invocations_per_instance=100),
            parameter_prefix=name,
        )
        files = mlops.Baseline.from_files(constraints="s3://base/c.json", statistics="s3://base/s.json")
        baseline = mlops.Baseline.from_registry(bucket) if follows else files
        mlops.DataQualityMonitor(stack, f"Monitor{name}", endpoint=endpoint, baseline=baseline, features=["age"])
        dashboard = mlops.EndpointDashboard(stack, f"Dashboard{name}", endpoint=endpoint)
        if follows:
            registration = mlops.RolloutRegistration(
                stack, f"Registration{name}", controller_name="mlops", model=name.lower(), endpoint=endpoint
            )
            dashboard.add_section("Rollouts", registration.charts)

    def synthesise() -> tuple[int, int]:
        resources = app.synth(force=True).get_stack_by_name("Serving").template["Resources"]
        return round_trips.count, len(resources)

    define("One")
    before = synthesise()
    overhead = synthesise()[0] - before[0]
    start = round_trips.count
    define("Two")
    define("Three")
    calls, resources = synthesise()
    assert resources - before[1] >= 2 * 25
    assert (calls - start - overhead) / (resources - before[1]) <= 1.5


def test_native_monitors_cost_no_more(app: cdk.App, stack: cdk.Stack, bucket: s3.IBucket, round_trips: Any) -> None:
    """Job definition, schedule, announcer: at most 1.5 calls per resource beside what the endpoint costs."""
    group = mlops.ModelPackageGroup.from_model_package_group_name(stack, "Group", "churn")

    def define(name: str) -> None:
        endpoint = mlops.Endpoint(
            stack,
            f"Endpoint{name}",
            endpoint_name=f"mlops-{name.lower()}",
            model=mlops.Model.latest_approved(group),
            capture=mlops.DataCapture(bucket=bucket),
            parameter_prefix=name,
        )
        engine = mlops.Engine.MODEL_MONITOR
        mlops.DataQualityMonitor(stack, f"Quality{name}", endpoint=endpoint, engine=engine)
        mlops.AttributionMonitor(stack, f"Attribution{name}", endpoint=endpoint, engine=engine)

    def synthesise() -> tuple[int, int]:
        resources = app.synth(force=True).get_stack_by_name("Serving").template["Resources"]
        return round_trips.count, len(resources)

    define("One")
    before = synthesise()
    overhead = synthesise()[0] - before[0]
    start = round_trips.count
    define("Two")
    calls, resources = synthesise()
    assert (calls - start - overhead) / (resources - before[1]) <= 1.5
