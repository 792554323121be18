"""CloudWatch's operations on alarms."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sagemaker_local.errors import AwsError
from sagemaker_local.metrics.store import MetricKey

from . import validation
from .model import Alarm
from .service import Alarms

if TYPE_CHECKING:
    from sagemaker_local.front import Context

Json = dict[str, Any]
_STATES = ("OK", "ALARM", "INSUFFICIENT_DATA")
_METRIC, _COMPOSITE = "MetricAlarm", "CompositeAlarm"


class Api:
    """Handlers of the operations."""

    def __init__(self, alarms: Alarms) -> None:
        self._alarms = alarms

    def handlers(self) -> dict[str, Any]:
        """Return the handlers by operation."""
        return {
            "PutMetricAlarm": self.put_metric_alarm,
            "PutCompositeAlarm": self.put_composite_alarm,
            "DescribeAlarms": self.describe,
            "DescribeAlarmsForMetric": self.describe_for_metric,
            "DescribeAlarmHistory": self.describe_history,
            "DeleteAlarms": self.delete,
            "SetAlarmState": self.set_state,
            "EnableAlarmActions": lambda context, params: self._enable(context, params, True),
            "DisableAlarmActions": lambda context, params: self._enable(context, params, False),
            "TagResource": self.tag,
            "UntagResource": self.untag,
            "ListTagsForResource": self.list_tags,
        }

    def put_metric_alarm(self, context: Context, params: Json) -> Json:
        validation.metric_alarm(params)
        self._alarms.put(self._alarm(context, params))
        return {}

    def put_composite_alarm(self, context: Context, params: Json) -> Json:
        validation.composite_alarm(params, lambda name: self._found(context, name) is not None)
        self._alarms.put(self._alarm(context, params))
        return {}

    def describe(self, context: Context, params: Json) -> Json:
        wanted = params.get("AlarmTypes") or [_METRIC]
        found = [alarm for alarm in self._alarms.all(context.account, context.region) if _selected(alarm, params)]
        if parent := params.get("ChildrenOfAlarmName"):
            rule = self._existing(context, parent).rule
            found = [alarm for alarm in found if rule.alarms & {alarm.name, alarm.arn}]
            wanted = [_METRIC, _COMPOSITE]
        if child := params.get("ParentsOfAlarmName"):
            names = {child, self._existing(context, child).arn}
            found = [alarm for alarm in found if alarm.is_composite and alarm.rule.alarms & names]
            wanted = [_COMPOSITE]
        found = [alarm for alarm in found if (_COMPOSITE if alarm.is_composite else _METRIC) in wanted]
        page, rest = _page(found, params)
        return {
            "MetricAlarms": [alarm.describe() for alarm in page if not alarm.is_composite],
            "CompositeAlarms": [alarm.describe() for alarm in page if alarm.is_composite],
            **rest,
        }

    def describe_for_metric(self, context: Context, params: Json) -> Json:
        key = MetricKey.of(params["Namespace"], params["MetricName"], params.get("Dimensions") or ())
        alarms = [alarm for alarm in self._alarms.all(context.account, context.region) if not alarm.is_composite]
        return {"MetricAlarms": [alarm.describe() for alarm in alarms if key in alarm.metrics]}

    def describe_history(self, context: Context, params: Json) -> Json:
        types = params.get("AlarmTypes") or [_METRIC]
        items = [
            item
            for item in self._alarms.history(context.account, context.region)
            if item["AlarmType"] in types
            and params.get("AlarmName") in (None, item["AlarmName"])
            and params.get("HistoryItemType") in (None, item["HistoryItemType"])
            and (params.get("StartDate") is None or item["Timestamp"] >= params["StartDate"])
            and (params.get("EndDate") is None or item["Timestamp"] <= params["EndDate"])
        ]
        if params.get("ScanBy", "TimestampDescending") == "TimestampDescending":
            items.reverse()
        page, rest = _page(items, params)
        return {"AlarmHistoryItems": page, **rest}

    def delete(self, context: Context, params: Json) -> Json:
        names = params.get("AlarmNames") or []
        here = self._alarms.all(context.account, context.region)
        for alarm in here:
            if alarm.is_composite and alarm.name not in names:
                used = sorted(name for name in names if {name, self._arn(context, name)} & alarm.rule.alarms)
                if used:
                    message = (
                        f"Cannot delete {', '.join(used)} as there are composite alarm(s) depending on it: {alarm.name}"
                    )
                    raise AwsError("ValidationError", message)
        self._alarms.delete(context.account, context.region, names)
        return {}

    def set_state(self, context: Context, params: Json) -> Json:
        state, data = params["StateValue"], params.get("StateReasonData")
        if state not in _STATES:
            raise AwsError("ValidationError", f"StateValue must be one of {', '.join(_STATES)}, got {state}")
        if data is not None:
            try:
                json.loads(data)
            except ValueError as error:
                raise AwsError("InvalidFormat", f"StateReasonData is not JSON: {error}") from error
        self._alarms.set_state(self._existing(context, params["AlarmName"]), state, params["StateReason"], data)
        return {}

    def _enable(self, context: Context, params: Json, enabled: bool) -> Json:
        for name in params.get("AlarmNames") or []:
            if (alarm := self._found(context, name)) is not None:
                alarm.actions_enabled = enabled
        return {}

    def tag(self, context: Context, params: Json) -> Json | None:
        alarm = self._found(context, params["ResourceARN"])
        if alarm is None:
            return None
        alarm.tags |= {tag["Key"]: tag["Value"] for tag in params["Tags"]}
        return {}

    def untag(self, context: Context, params: Json) -> Json | None:
        alarm = self._found(context, params["ResourceARN"])
        if alarm is None:
            return None
        alarm.tags = {key: value for key, value in alarm.tags.items() if key not in params["TagKeys"]}
        return {}

    def list_tags(self, context: Context, params: Json) -> Json | None:
        alarm = self._found(context, params["ResourceARN"])
        return None if alarm is None else {"Tags": [{"Key": key, "Value": value} for key, value in alarm.tags.items()]}

    def _alarm(self, context: Context, params: Json) -> Alarm:
        return Alarm(
            account=context.account,
            region=context.region,
            arn=self._arn(context, params["AlarmName"]),
            settings={name: value for name, value in params.items() if name not in ("Tags", "ActionsEnabled")},
            configured=context.clock.now(),
            actions_enabled=params.get("ActionsEnabled", True) is not False,
            tags={tag["Key"]: tag["Value"] for tag in params.get("Tags") or []},
        )

    def _arn(self, context: Context, name: str) -> str:
        return f"arn:aws:cloudwatch:{context.region}:{context.account}:alarm:{name}"

    def _found(self, context: Context, name_or_arn: str) -> Alarm | None:
        return self._alarms.get(context.account, context.region, name_or_arn)

    def _existing(self, context: Context, name: str) -> Alarm:
        alarm = self._found(context, name)
        if alarm is None:
            raise AwsError("ResourceNotFound", f"there is no alarm {name}", 404)
        return alarm


def _selected(alarm: Alarm, params: Json) -> bool:
    names = [name.split(":alarm:", 1)[-1] for name in params.get("AlarmNames") or []]
    prefix = params.get("ActionPrefix")
    return (
        (not names or alarm.name in names)
        and alarm.name.startswith(params.get("AlarmNamePrefix") or "")
        and params.get("StateValue") in (None, alarm.state)
        and (not prefix or any(arn.startswith(prefix) for state in _STATES for arn in alarm.actions(state)))
    )


def _page(items: list[Any], params: Json) -> tuple[list[Any], Json]:
    begin, size = int(params.get("NextToken") or 0), int(params.get("MaxRecords") or 100)
    rest = {"NextToken": str(begin + size)} if begin + size < len(items) else {}
    return items[begin : begin + size], rest
