"""Event buses: which rules an event matches, and delivery to their targets.

moto keeps buses, rules and archives and matches patterns; most kinds of targets are missing there, and some of what it
passes on has constant ids and numeric times, so events are dispatched here.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sagemaker_local import metrics, moto_events
from sagemaker_local.errors import AwsError
from sagemaker_local.messaging import arns, deliveries, targets
from sagemaker_local.moto_events import RuleView
from sagemaker_local.recorder import Call

from . import transform

if TYPE_CHECKING:
    from sagemaker_local.front import Context
    from sagemaker_local.server import LocalAws

Json = dict[str, Any]
_MOST_ENTRIES = 10
_MOST_HOPS = 4
_CONSTANT_ID_OF_MOTO = "17793124-05d4-b198-2fde-7ededc63b103"
_SERVICE = "events.amazonaws.com"
_log = logging.getLogger(__name__)


class Buses:
    """The event buses of one embedded AWS."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws
        self._deliveries = deliveries.of(aws)

    def event(
        self,
        account: str,
        region: str,
        source: str,
        detail_type: str,
        detail: Json,
        resources: Sequence[str] = (),
        at: datetime | None = None,
    ) -> Json:
        """Return an event in EventBridge's envelope."""
        return {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": detail_type,
            "source": source,
            "account": account,
            "time": (at or self._aws.clock.now()).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": region,
            "resources": list(resources),
            "detail": detail,
        }

    def put_events(self, context: Context, params: Json) -> Json:
        """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html"""
        entries = params.get("Entries") or []
        if not 1 <= len(entries) <= _MOST_ENTRIES:
            raise AwsError(
                "ValidationException",
                "1 validation error detected: Value at 'entries' failed to satisfy constraint: "
                f"Member must have length between 1 and {_MOST_ENTRIES}, inclusive",
            )
        results = [self._put(context, entry) for entry in entries]
        return {"FailedEntryCount": sum("ErrorCode" in result for result in results), "Entries": results}

    def dispatch(self, account: str, region: str, bus: str, event: Json, hops: int = 0) -> None:
        """Send an event to the targets of the matching rules of a bus; returns before they have it."""
        for rule in moto_events.event_rules(account, region, bus):
            self.offer(rule, event, hops)

    def offer(self, rule: RuleView, event: Json, hops: int = 0) -> None:
        """Send an event to a rule's targets if it is enabled and matches; without a pattern it never does."""
        if rule.enabled and rule.has_pattern and rule.matches(event):
            self.trigger(rule, event, hops)

    def trigger(self, rule: RuleView, event: Json, hops: int = 0) -> None:
        """Send an event to the targets of a rule."""
        self._count(rule, "TriggeredRules")
        for target in rule.targets:
            self._deliveries.submit(lambda target=target: self._deliver(rule, target, event, hops))  # type: ignore[misc]

    def from_moto(self, rule: RuleView, event: Json) -> None:
        """Dispatch what moto puts on its buses by itself: S3 notifications, once per rule with the same dictionary."""
        if event["id"] == _CONSTANT_ID_OF_MOTO:
            event["id"] = str(uuid.uuid4())
            event["time"] = self._aws.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        if rule.bus == "default":  # AWS services send to the default bus only
            self.offer(rule, dict(event))

    def _put(self, context: Context, entry: Json) -> Json:
        for name in ("Source", "DetailType", "Detail"):
            if not entry.get(name):
                message = f"Parameter {name} is not valid. Reason: {name} is a required argument."
                return {"ErrorCode": "InvalidArgument", "ErrorMessage": message}
        if entry["Source"].startswith("aws.") and not _is_service(context.caller_arn):
            return {"ErrorCode": "NotAuthorizedForSourceException", "ErrorMessage": "Not authorized for the source."}
        try:
            detail = json.loads(entry["Detail"])
        except ValueError:
            detail = None
        if not isinstance(detail, dict):
            return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
        account, region, bus = context.account, context.region, entry.get("EventBusName") or "default"
        if bus.startswith("arn:"):
            arn = arns.parse(bus)
            account, region, bus = arn.account, arn.region, arn.resource.removeprefix("event-bus/")
        event = self.event(
            context.account,
            context.region,
            entry["Source"],
            entry["DetailType"],
            detail,
            entry.get("Resources") or (),
            entry.get("Time"),
        )
        try:
            self.dispatch(account, region, bus, event)
        except AwsError as error:
            _log.info("an event was lost: %s", error.message)  # AWS accepts and drops it as well
        return {"EventId": event["id"]}

    def _deliver(self, rule: RuleView, target: Json, event: Json, hops: int) -> None:
        principal = targets.caller(self._aws, target.get("RoleArn"), _SERVICE, rule.account)
        arn = arns.parse(target["Arn"])
        try:
            if arn.service == "events" and not arn.resource.strip(":"):
                moto_events.archive_event(rule, event)
            elif arn.service == "events" and arn.resource.startswith("event-bus/"):
                self._forward(arn, event, principal.arn, hops)
            else:
                settings = _with_parameters(target, event)
                targets.send(self._aws, target["Arn"], transform.payload(target, event, rule.arn), principal, settings)
            self._count(rule, "Invocations")
        except Exception as error:  # noqa: BLE001 - whatever a target answers, the event goes to its dead-letter queue
            code, message = targets.failure(error)
            _log.warning("rule %s cannot deliver to %s: %s: %s", rule.name, target["Arn"], code, message)
            self._count(rule, "FailedInvocations")
            queue = (target.get("DeadLetterConfig") or {}).get("Arn")
            if queue:
                attributes = {
                    "RULE_ARN": rule.arn,
                    "TARGET_ARN": target["Arn"],
                    "ERROR_CODE": code,
                    "ERROR_MESSAGE": message,
                }
                targets.send_to_dead_letter_queue(self._aws, queue, json.dumps(event), principal, attributes)

    def _forward(self, bus: arns.Arn, event: Json, caller_arn: str, hops: int) -> None:
        """Put an event on another bus as it is, also in another account or region."""
        if hops >= _MOST_HOPS:
            raise AwsError("InternalException", f"the event has passed {_MOST_HOPS} buses; rules seem to form a circle")
        name = bus.resource.removeprefix("event-bus/")
        params = {
            "Entries": [{"EventBusName": bus.text, "Source": event["source"], "DetailType": event["detail-type"]}]
        }
        now = self._aws.clock.now()
        self._aws.recorder.add(Call(bus.account, bus.region, "events", "PutEvents", caller_arn, params, now))
        self.dispatch(bus.account, bus.region, name, event, hops + 1)

    def _count(self, rule: RuleView, metric: str) -> None:
        dimensions = {"RuleName": rule.name}
        if rule.bus != "default":
            dimensions["EventBusName"] = rule.bus
        metrics.publish(
            self._aws, rule.account, rule.region, "AWS/Events", metric, 1.0, dimensions=dimensions, unit="Count"
        )


def _is_service(caller_arn: str) -> bool:
    return caller_arn.endswith(".amazonaws.com") or ":role/aws-service-role/" in caller_arn


def _with_parameters(target: Json, event: Json) -> Json:
    pipeline = target.get("SageMakerPipelineParameters")
    if not pipeline:
        return target
    resolved = [
        {"Name": item["Name"], "Value": transform.resolve(item["Value"], event)}
        for item in pipeline.get("PipelineParameterList") or []
    ]
    return {**target, "SageMakerPipelineParameters": {"PipelineParameterList": resolved}}
