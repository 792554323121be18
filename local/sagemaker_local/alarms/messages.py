"""What alarms tell topics, functions and event buses."""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from typing import Any

import botocore.loaders

from .model import Alarm

Json = dict[str, Any]


@cache
def _region_names() -> dict[str, str]:
    endpoints = botocore.loaders.create_loader().load_data("endpoints")
    return {
        region: details["description"].replace("Europe (", "EU (")
        for partition in endpoints["partitions"]
        for region, details in partition["regions"].items()
    }


def region_name(region: str) -> str:
    """Return a region's name as CloudWatch writes it, for example `EU (Ireland)`."""
    return _region_names().get(region, region)


def precise(moment: datetime) -> str:
    """Return a time with milliseconds and offset, as alarms write it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"


def notification(alarm: Alarm, before: str, at: datetime) -> tuple[str, str]:
    """Return subject and message of an SNS notification."""
    settings = alarm.settings
    document: Json = {
        "AlarmName": alarm.name,
        "AlarmDescription": settings.get("AlarmDescription"),
        "AWSAccountId": alarm.account,
        "AlarmConfigurationUpdatedTimestamp": precise(alarm.configured),
        "NewStateValue": alarm.state,
        "NewStateReason": alarm.reason,
        "StateChangeTime": precise(at),
        "Region": region_name(alarm.region),
        "AlarmArn": alarm.arn,
        "OldStateValue": before,
        "OKActions": alarm.actions("OK"),
        "AlarmActions": alarm.actions("ALARM"),
        "InsufficientDataActions": alarm.actions("INSUFFICIENT_DATA"),
    }
    if alarm.is_composite:
        document["AlarmRule"] = settings["AlarmRule"]
    else:
        document["Trigger"] = _trigger(alarm)
    subject = f'{alarm.state}: "{alarm.name}" in {region_name(alarm.region)}'
    return subject[:100], json.dumps(document)


def _trigger(alarm: Alarm) -> Json:
    settings = alarm.settings
    common: Json = {
        "Period": alarm.period,
        "EvaluationPeriods": alarm.criteria.periods,
        "DatapointsToAlarm": alarm.criteria.to_alarm,
        "ComparisonOperator": settings["ComparisonOperator"],
        "Threshold": alarm.criteria.threshold,
        "TreatMissingData": alarm.criteria.missing,
        "EvaluateLowSampleCountPercentile": settings.get("EvaluateLowSampleCountPercentile", ""),
    }
    if settings.get("Metrics"):
        return {**common, "Metrics": [_with_small_dimensions(query) for query in settings["Metrics"]]}
    extended = settings.get("ExtendedStatistic")
    statistic = {"ExtendedStatistic": extended} if extended else {"Statistic": str(settings["Statistic"]).upper()}
    return {
        "MetricName": settings["MetricName"],
        "Namespace": settings["Namespace"],
        "StatisticType": "ExtendedStatistic" if extended else "Statistic",
        **statistic,
        "Unit": settings.get("Unit"),
        "Dimensions": [{"value": item["Value"], "name": item["Name"]} for item in settings.get("Dimensions") or []],
        **common,
    }


def _with_small_dimensions(query: Json) -> Json:
    if not query.get("MetricStat"):
        return query
    metric = query["MetricStat"]["Metric"]
    dimensions = [{"value": item["Value"], "name": item["Name"]} for item in metric.get("Dimensions") or []]
    return {**query, "MetricStat": {**query["MetricStat"], "Metric": {**metric, "Dimensions": dimensions}}}


def change(alarm: Alarm, previous: Json, at: datetime) -> Json:
    """Return the detail of a `CloudWatch Alarm State Change` event; functions get the same as `alarmData`."""
    detail = {"alarmName": alarm.name, "state": state(alarm, at), "previousState": previous}
    settings = alarm.settings
    configuration: Json = {}
    if settings.get("AlarmDescription"):
        configuration["description"] = settings["AlarmDescription"]
    if alarm.is_composite:
        configuration["alarmRule"] = settings["AlarmRule"]
    else:
        configuration["metrics"] = [_query(query) for query in alarm.queries]
    return detail | {"configuration": configuration}


def state(alarm: Alarm, at: datetime) -> Json:
    """Return the alarm's state as it stands, as events describe it."""
    result = {"value": alarm.state, "reason": alarm.reason, "timestamp": precise(at)}
    return result | ({"reasonData": alarm.reason_data} if alarm.reason_data else {})


def _query(query: Json) -> Json:
    returned = query.get("ReturnData", True) is not False
    if not query.get("MetricStat"):
        return {"id": query["Id"], "expression": query["Expression"], "returnData": returned}
    stat = query["MetricStat"]
    metric = stat["Metric"]
    return {
        "id": query["Id"],
        "metricStat": {
            "metric": {
                "namespace": metric["Namespace"],
                "name": metric["MetricName"],
                "dimensions": {item["Name"]: item["Value"] for item in metric.get("Dimensions") or []},
            },
            "period": stat["Period"],
            "stat": stat["Stat"],
        },
        "returnData": returned,
    }


def for_function(alarm: Alarm, detail: Json, at: datetime) -> Json:
    """Return the event that an alarm invokes a function with."""
    return {
        "source": "aws.cloudwatch",
        "alarmArn": alarm.arn,
        "accountId": alarm.account,
        "time": precise(at),
        "region": alarm.region,
        "alarmData": detail,
    }
