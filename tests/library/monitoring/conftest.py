"""A monitored endpoint, and a layer that needs no index."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3

import cdk_sagemaker_mlops as mlops
from cdk_sagemaker_mlops.functions.cache import CACHE_VARIABLE
from cdk_sagemaker_mlops.functions.layer import cached_layer
from cdk_sagemaker_mlops.functions.wheels import JOB_WHEELS


@pytest.fixture(autouse=True)
def ready_layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The archive's content is never looked at by a synth; its hash is the lock's."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    for architecture in mlops.Architecture:
        cached_layer(architecture).write_bytes(b"wheels")
    for wheels in JOB_WHEELS.values():
        wheels.cached().write_bytes(b"wheels")


@pytest.fixture
def followed(stack: cdk.Stack) -> mlops.ModelPackageGroupBase:
    return mlops.ModelPackageGroup.from_model_package_group_name(stack, "Group", "churn")


@pytest.fixture
def endpoint(stack: cdk.Stack, bucket: s3.IBucket, followed: mlops.ModelPackageGroupBase) -> mlops.Endpoint:
    """An endpoint that follows a registry: everything that needs it is conditional."""
    return mlops.Endpoint(
        stack,
        "Endpoint",
        model=mlops.Model.latest_approved(followed),
        endpoint_name="mlops-dev-churn",
        capture=mlops.DataCapture(bucket=bucket, prefix="captured"),
        alarms=mlops.EndpointAlarms.none(),
    )


@pytest.fixture
def fixed_endpoint(stack: cdk.Stack, bucket: s3.IBucket, image_model: mlops.Model) -> mlops.Endpoint:
    """An endpoint with a model of its own: it always exists."""
    return mlops.Endpoint(
        stack,
        "Fixed",
        model=image_model,
        endpoint_name="fixed",
        capture=mlops.DataCapture(bucket=bucket),
        alarms=mlops.EndpointAlarms.none(),
    )


@pytest.fixture
def monitor(stack: cdk.Stack, endpoint: mlops.Endpoint) -> Callable[..., mlops.DataQualityMonitor]:
    def make(**props: object) -> mlops.DataQualityMonitor:
        """Runs in its function unless the test is about something else."""
        props.setdefault("engine", mlops.Engine.LAMBDA)
        return mlops.DataQualityMonitor(stack, "DataQuality", endpoint=endpoint, **props)

    return make


def joined(value: object) -> str:
    """Text of an intrinsic function, references by their names."""
    if isinstance(value, str):
        return value
    assert isinstance(value, dict)
    if "Fn::Join" in value:
        return "".join(joined(part) for part in value["Fn::Join"][1])
    ((_, target),) = value.items()
    return ".".join(target) if isinstance(target, list) else target


@pytest.fixture
def body(synthesise: Callable) -> Callable[[], dict]:
    return lambda: json.loads(joined(synthesise().only("CloudWatch::Dashboard")["DashboardBody"]))
