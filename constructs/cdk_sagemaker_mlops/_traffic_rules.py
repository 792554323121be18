"""The alarms of one variant or inference component, each from its threshold; without a threshold there is no alarm.

`minutes` is how long a figure is looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .alarming import AlarmRule, MissingData, Severity
from .serving_mode import INSTANCES_NAMESPACE

if TYPE_CHECKING:
    from .measures import Measure
    from .serving_mode import Traffic


def client_errors(traffic: Traffic, percent: float | None, minutes: int) -> AlarmRule | None:
    """Requests that are refused."""
    return _error_rate(
        traffic,
        "ClientErrors",
        "Invocation4XXErrors",
        percent,
        minutes,
        title="callers send requests that are refused (4xx)",
        advice="Compare what the caller sends (content type, columns, size up to 6 MB) with what the model takes; "
        "a caller that was released just before is the usual cause",
        severity=Severity.WARNING,
    )


def server_errors(traffic: Traffic, percent: float | None, minutes: int) -> AlarmRule | None:
    """Requests that fail on SageMaker's side."""
    return _error_rate(
        traffic,
        "ServerErrors",
        "Invocation5XXErrors",
        percent,
        minutes,
        title="requests fail on our side (5xx)",
        advice=f"Read the log group {traffic.log_group_name}; if a new version went live just before, "
        "reject it in the registry and the previous one returns",
        severity=Severity.CRITICAL,
    )


def model_errors(traffic: Traffic, percent: float | None, minutes: int) -> AlarmRule | None:
    """Requests that the container answers with errors."""
    return _error_rate(
        traffic,
        "ModelErrors",
        "InvocationModelErrors",
        percent,
        minutes,
        title="the model's container answers with errors",
        advice=f"Read the container's log in {traffic.log_group_name}; the captured requests show "
        "which inputs it fails on",
        severity=Severity.CRITICAL,
    )


def _error_rate(
    traffic: Traffic,
    rule_id: str,
    metric: str,
    percent: float | None,
    minutes: int,
    *,
    title: str,
    advice: str,
    severity: Severity,
) -> AlarmRule | None:
    if percent is None or not traffic.publishes(metric):
        return None
    return rule(
        minutes,
        rule_id,
        severity=severity,
        title=f"{traffic.title}: {title}, more than {percent:g} % of requests",
        advice=advice,
        measure=traffic.measure(metric, statistic="Average"),
        threshold=percent / 100,
        # No data means no request, and then none has failed.
        missing_data=MissingData.NOT_BREACHING,
    )


def latency(traffic: Traffic, milliseconds: float | None, statistic: str, minutes: int) -> AlarmRule | None:
    """Time that the container takes."""
    if milliseconds is None:
        return None
    return rule(
        minutes,
        "Latency",
        severity=Severity.WARNING,
        title=f"{traffic.title}: {statistic} of the model's latency is above {milliseconds:g} ms",
        advice="Compare with invocations per instance and CPU: above their usual level, add instances or lower "
        "invocations_per_instance; at their usual level, look at the model or its inputs",
        measure=traffic.measure("ModelLatency", statistic=statistic),
        # CloudWatch has ModelLatency in microseconds.
        threshold=milliseconds * 1000,
        missing_data=MissingData.NOT_BREACHING,
    )


def disk(traffic: Traffic, percent: float | None, minutes: int) -> AlarmRule | None:
    """Disks that fill up."""
    if percent is None:
        return None
    return rule(
        minutes,
        "Disk",
        severity=Severity.CRITICAL,
        title=f"{traffic.title}: a disk is over {percent:g} % full, data capture is about to stop",
        advice="Monitors go blind without an error when it stops. Lower the sampling percentage, give the variant "
        "a larger volume, or look for what the model writes to disk",
        measure=traffic.measure("DiskUtilization", statistic="Maximum", namespace=INSTANCES_NAMESPACE),
        threshold=percent,
        # A gap in an instance's metrics frees no disk: the last state stays.
        missing_data=MissingData.IGNORE,
    )


def concurrency(traffic: Traffic, percent: float | None, minutes: int) -> AlarmRule | None:
    """A serverless variant's containers that are nearly all busy."""
    if percent is None:
        return None
    return rule(
        minutes,
        "Concurrency",
        severity=Severity.WARNING,
        title=f"{traffic.title}: more than {percent:g} % of max_concurrency is in use",
        advice="Beyond it requests are refused. Raise serverless.max_concurrency (up to 200, within the account's "
        "quota), or give the containers more memory so that they answer faster",
        measure=traffic.measure("ServerlessConcurrentExecutionsUtilization", statistic="Maximum"),
        threshold=percent / 100,
        missing_data=MissingData.NOT_BREACHING,
    )


def failures(traffic: Traffic, allowed: int | None, minutes: int) -> AlarmRule | None:
    """Requests that an asynchronous endpoint gives up."""
    if allowed is None:
        return None
    return rule(
        minutes,
        "Failures",
        severity=Severity.CRITICAL,
        title=f"{traffic.title}: more than {allowed} requests a minute fail",
        advice="What failed lies below the failure path in S3, one object for each request; the log group "
        f"{traffic.log_group_name} names them by inference id",
        measure=traffic.measure("InvocationFailures", statistic="Sum"),
        threshold=allowed,
        missing_data=MissingData.NOT_BREACHING,
    )


def rule(
    minutes: int,
    rule_id: str,
    *,
    severity: Severity,
    title: str,
    advice: str,
    measure: Measure,
    threshold: float,
    missing_data: MissingData,
) -> AlarmRule:
    """A rule for most of the time that a figure is looked at."""
    return AlarmRule(
        id=rule_id,
        severity=severity,
        title=title,
        advice=advice,
        measure=measure,
        threshold=threshold,
        evaluation_periods=minutes,
        datapoints=minutes // 2 + 1,
        missing_data=missing_data,
    )
