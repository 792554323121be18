"""How endpoints look from outside: DescribeEndpoint, and the events about their changes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from .fleet import Fleet, Variant
from .service import SageMaker
from .state import Endpoint, Record, Store

Params = dict[str, Any]


def described(endpoint: Endpoint, config: Record | None) -> Params:
    """Return DescribeEndpoint's answer. The configuration may be gone: nothing keeps it from being deleted."""
    answer: Params = {
        "EndpointName": endpoint.name,
        "EndpointArn": endpoint.arn,
        "EndpointConfigName": endpoint.config_name,
        "EndpointStatus": endpoint.status,
        "CreationTime": endpoint.created,
        "LastModifiedTime": endpoint.modified,
    }
    if endpoint.fleet is not None:
        answer["ProductionVariants"] = variants(endpoint.fleet.variants.values())
        if endpoint.fleet.shadow is not None:
            answer["ShadowProductionVariants"] = variants([endpoint.fleet.shadow])
    if endpoint.failure_reason:
        answer["FailureReason"] = endpoint.failure_reason
    if endpoint.deployment_config:
        answer["LastDeploymentConfig"] = endpoint.deployment_config
    if endpoint.pending:
        answer["PendingDeploymentSummary"] = endpoint.pending
    if endpoint.fleet is not None and endpoint.fleet.asynchronous is not None:
        answer["AsyncInferenceConfig"] = endpoint.fleet.asynchronous
    capture = (config.definition if config is not None else {}).get("DataCaptureConfig")
    if capture:
        enabled = capture.get("EnableCapture") is not False
        answer["DataCaptureConfig"] = {
            "EnableCapture": enabled,
            "CaptureStatus": "Started" if enabled and endpoint.status != "Failed" else "Stopped",
            "CurrentSamplingPercentage": capture["InitialSamplingPercentage"],
            "DestinationS3Uri": capture["DestinationS3Uri"],
            "KmsKeyId": capture.get("KmsKeyId", ""),
        }
    return answer


def variants(running: Iterable[Variant]) -> list[Params]:
    """Return ProductionVariants (or ShadowProductionVariants) of a running fleet."""
    return [_described(variant) for variant in running]


def _described(variant: Variant) -> Params:
    shown: Params = {
        "VariantName": variant.name,
        "DeployedImages": variant.images,
        "CurrentWeight": variant.weight,
        "DesiredWeight": variant.desired_weight,
    }
    if variant.gate is not None:
        config = {**variant.definition["ServerlessConfig"], "MaxConcurrency": variant.gate.most}
        if variant.gate.provisioned:
            config["ProvisionedConcurrency"] = variant.gate.provisioned
        return {**shown, "CurrentServerlessConfig": config, "DesiredServerlessConfig": config}
    counts = {"CurrentInstanceCount": variant.instances, "DesiredInstanceCount": variant.desired_instances}
    managed = variant.definition.get("ManagedInstanceScaling")
    return {**shown, **counts, **({"ManagedInstanceScaling": managed} if managed else {})}


def pending(fleet: Fleet, started: datetime, share: float, status: str, message: str, since: datetime) -> Params:
    """Return PendingDeploymentSummary.

    Args:
        fleet: the new fleet.
        started: when the deployment began.
        share: part of the fleet that takes traffic, 0 to 1.
        status: Creating, ActivatingTraffic, Baking, Updating or Deleting.
        message: what happens, with `{instances}` for the number of instances concerned.
        since: when that began.
    """
    entries: list[Params] = []
    for variant in fleet.variants.values():
        active = math.ceil(variant.instances * share)
        text = message.format(instances=active or variant.instances)
        entries.append(
            {
                "VariantName": variant.name,
                "DeployedImages": variant.images,
                "CurrentWeight": variant.weight,
                "DesiredWeight": variant.desired_weight,
                "CurrentInstanceCount": active,
                "DesiredInstanceCount": variant.instances,
                "VariantStatus": [{"Status": status, "StatusMessage": text, "StartTime": since}],
            }
        )
        if variant.definition.get("InstanceType"):
            entries[-1]["InstanceType"] = variant.definition["InstanceType"]
    return {"EndpointConfigName": fleet.config_name, "StartTime": started, "ProductionVariants": entries}


def announce_status(sagemaker: SageMaker, store: Store, endpoint: Endpoint) -> None:
    """Put the event about a change of the endpoint's status."""
    sagemaker.announce(store, "SageMaker Endpoint State Change", endpoint.arn, _detail(store, endpoint))


def announce_deployment(sagemaker: SageMaker, store: Store, endpoint: Endpoint) -> None:
    """Put the event about a step of a deployment."""
    detail = {**_detail(store, endpoint), "PendingDeploymentSummary": _milliseconds(endpoint.pending or {})}
    sagemaker.announce(store, "SageMaker Endpoint Deployment State Change", endpoint.arn, detail)


def _detail(store: Store, endpoint: Endpoint) -> Params:
    detail: Params = {
        "EndpointName": endpoint.name,
        "EndpointArn": endpoint.arn,
        "EndpointConfigName": endpoint.config_name,
        "ProductionVariants": variants(endpoint.fleet.variants.values()) if endpoint.fleet is not None else [],
        # The events write IN_SERVICE where the API says InService.
        "EndpointStatus": re.sub(r"(?<=[a-z])(?=[A-Z])", "_", endpoint.status).upper(),
        "CreationTime": endpoint.created,
        "LastModifiedTime": endpoint.modified,
        "Tags": dict(store.tags.get(endpoint.arn, {})),
    }
    if endpoint.failure_reason:
        detail["FailureReason"] = endpoint.failure_reason
    converted: Params = _milliseconds(detail)
    return converted


def _milliseconds(value: Any) -> Any:
    if isinstance(value, datetime):
        return int(value.timestamp() * 1000)
    if isinstance(value, dict):
        return {key: _milliseconds(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_milliseconds(member) for member in value]
    return value
