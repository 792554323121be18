"""Target tracking: which metric a policy looks at, and the two alarms that it makes for it."""

from __future__ import annotations

import uuid
from typing import Any

from sagemaker_local.sagemaker.faults import invalid

Json = dict[str, Any]

_PREDEFINED = {
    "SageMakerVariantInvocationsPerInstance": ("InvocationsPerInstance", "Sum"),
    "SageMakerVariantConcurrentRequestsPerModelHighResolution": ("ConcurrentRequestsPerModel", "Maximum"),
    "SageMakerVariantProvisionedConcurrencyUtilization": ("ServerlessProvisionedConcurrencyUtilization", "Maximum"),
    "SageMakerInferenceComponentInvocationsPerCopy": ("InvocationsPerCopy", "Sum"),
    "SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution": ("ConcurrentRequestsPerCopy", "Maximum"),
}
HIGH, LOW = "AlarmHigh", "AlarmLow"
_PERIODS = {HIGH: 3, LOW: 15}
"""Minutes after which load above and below the target counts; high-resolution metrics are one-minute data here."""
_SLACK = 0.9
"""Scaling in begins below this part of the target, so that capacity does not swing around it."""


def alarms(resource: str, config: Json, policy_arn: str) -> list[Json]:
    """Return the parameters of PutMetricAlarm for the alarms of a policy.

    Raises:
        AwsError: ValidationException if it tracks nothing that is known here.
    """
    watched, target = metric(resource, config), float(config["TargetValue"])
    kinds = [HIGH] if config.get("DisableScaleIn") else [HIGH, LOW]
    return [
        {
            "AlarmName": f"TargetTracking-{resource}-{kind}-{uuid.uuid4()}",
            "AlarmDescription": f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {policy_arn}.",
            "AlarmActions": [policy_arn],
            **watched,
            "EvaluationPeriods": _PERIODS[kind],
            "Threshold": target if kind == HIGH else target * _SLACK,
            "ComparisonOperator": "GreaterThanThreshold" if kind == HIGH else "LessThanThreshold",
        }
        for kind in kinds
    ]


def metric(resource: str, config: Json) -> Json:
    """Return what a policy tracks, as PutMetricAlarm takes it.

    Raises:
        AwsError: ValidationException if it tracks nothing that is known here.
    """
    predefined, custom = config.get("PredefinedMetricSpecification"), config.get("CustomizedMetricSpecification")
    if bool(predefined) == bool(custom):
        raise invalid("Specify either a PredefinedMetricSpecification or a CustomizedMetricSpecification.")
    if custom:
        if custom.get("Metrics"):
            raise invalid("The embedded AWS tracks customized metrics by name, not by metric math.")
        return {
            "Namespace": custom["Namespace"],
            "MetricName": custom["MetricName"],
            "Dimensions": custom.get("Dimensions") or [],
            "Statistic": custom["Statistic"],
            "Period": 60,
        }
    kind = (predefined or {})["PredefinedMetricType"]
    if kind not in _PREDEFINED or ("Component" in kind) is not resource.startswith("inference-component/"):
        raise invalid(f"{kind} is not a predefined metric of {resource}; there are {', '.join(sorted(_PREDEFINED))}.")
    name, statistic = _PREDEFINED[kind]
    parts = resource.split("/")
    values = {"InferenceComponentName": parts[1]} if len(parts) == 2 else {"EndpointName": parts[1]}
    if len(parts) == 4:
        values["VariantName"] = parts[3]
    return {
        "Namespace": "AWS/SageMaker",
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in values.items()],
        "Statistic": statistic,
        "Period": 60,
    }
