"""EventBridge Scheduler: schedules, context attributes, retries, dead-letter queues and universal targets.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore import xform_name

from sagemaker_local import metrics, moto_events
from sagemaker_local.errors import AwsError
from sagemaker_local.messaging import arns, deliveries, targets

from . import expressions
from .agenda import Plan

if TYPE_CHECKING:
    from sagemaker_local.front import Context
    from sagemaker_local.server import LocalAws

Json = dict[str, Any]
_UNIVERSAL = "aws-sdk:"
_SERVICES = {"eventbridge": "events", "sfn": "stepfunctions", "cloudwatchlogs": "logs"}
_LONGEST_BACKOFF = timedelta(minutes=5)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Schedule:
    account: str
    region: str
    document: Json

    @property
    def arn(self) -> str:
        return str(self.document["Arn"])


class Scheduler:
    """The schedules of one embedded AWS."""

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws
        self._deliveries = deliveries.of(aws)

    def plans(self) -> Iterable[Plan]:
        """Return a plan for every enabled schedule."""
        for account, region, document, changed in moto_events.schedules():
            if document["State"] == "ENABLED":
                yield self._plan(_Schedule(account, region, document), changed)

    def check(self, context: Context, params: Json) -> None:
        """Refuse a schedule whose expression or time zone is not valid."""
        try:
            _expression(params, context.clock.now())
        except ValueError as error:
            raise AwsError("ValidationException", f"Invalid Schedule Expression {error}") from error

    def _plan(self, schedule: _Schedule, changed: datetime) -> Plan:
        document = schedule.document
        timing = [
            document.get(name) for name in ("ScheduleExpression", "ScheduleExpressionTimezone", "StartDate", "EndDate")
        ]
        once = str(document["ScheduleExpression"]).startswith("at(")
        return Plan(
            arn=schedule.arn,
            fingerprint=json.dumps([*timing, changed], default=str),
            expression=lambda base: _expression(document, base),
            run=lambda moment: self.run(schedule, moment),
            first=None if once else _moment(document.get("StartDate")),
            last=None if once else _moment(document.get("EndDate")),
        )

    def run(self, schedule: _Schedule, moment: datetime) -> None:
        """Invoke the target for the run of `moment`, in the background."""
        self._deliveries.submit(lambda: self._attempt(schedule, moment, 1))
        done = str(schedule.document["ScheduleExpression"]).startswith("at(")
        if done and schedule.document.get("ActionAfterCompletion") == "DELETE":
            principal = self._aws.accounts.service(schedule.account, "scheduler.amazonaws.com")
            client = self._aws.clients.of(principal, "scheduler", schedule.region)
            client.delete_schedule(Name=schedule.document["Name"], GroupName=schedule.document["GroupName"])

    def _attempt(self, schedule: _Schedule, moment: datetime, number: int) -> None:
        target = schedule.document["Target"]
        payload = self._payload(schedule, moment, number)
        principal = targets.caller(self._aws, target.get("RoleArn"), "scheduler.amazonaws.com", schedule.account)
        self._count(schedule, "InvocationAttemptCount")
        try:
            if (arn := arns.parse(target["Arn"])).resource.startswith(_UNIVERSAL):
                self._call(arn.resource.removeprefix(_UNIVERSAL), payload, principal, schedule.region)
            else:
                targets.send(self._aws, target["Arn"], payload, principal, target)
        except Exception as error:  # noqa: BLE001 - whatever the target answers, the retry policy decides
            self._count(schedule, "TargetErrorCount")
            self._failed(schedule, moment, number, payload, error)

    def _failed(self, schedule: _Schedule, moment: datetime, number: int, payload: str, error: Exception) -> None:
        target = schedule.document["Target"]
        policy = target.get("RetryPolicy") or {}
        code, message = targets.failure(error)
        wait = min(timedelta(seconds=2**number), _LONGEST_BACKOFF)
        age = self._aws.clock.now() + wait - moment
        exhausted = None
        if not _retryable(error, code):
            exhausted = ""
        elif number > int(policy.get("MaximumRetryAttempts", 185)):
            exhausted = "MaximumRetryAttempts"
        elif age > timedelta(seconds=int(policy.get("MaximumEventAgeInSeconds", 86400))):
            exhausted = "MaximumEventAgeInSeconds"
        if exhausted is None:
            self._deliveries.later(wait, lambda: self._attempt(schedule, moment, number + 1))
            return
        _log.warning("schedule %s cannot invoke %s: %s: %s", schedule.arn, target["Arn"], code, message)
        self._count(schedule, "InvocationDroppedCount")
        queue = (target.get("DeadLetterConfig") or {}).get("Arn")
        if queue:
            attributes = {
                "ERROR_CODE": code,
                "ERROR_MESSAGE": message,
                "EXHAUSTED_RETRY_CONDITION": exhausted,
                "RETRY_ATTEMPTS": str(number - 1),
                "SCHEDULE_ARN": schedule.arn,
                "SCHEDULED_TIME": _text(moment),
                "TARGET_ARN": target["Arn"],
                "IS_PAYLOAD_TRUNCATED": "false",
            }
            principal = targets.caller(self._aws, target.get("RoleArn"), "scheduler.amazonaws.com", schedule.account)
            targets.send_to_dead_letter_queue(self._aws, queue, payload, principal, attributes)

    def _payload(self, schedule: _Schedule, moment: datetime, number: int) -> str:
        text = schedule.document["Target"].get("Input")
        if not text:
            return json.dumps(
                {
                    "version": "0",
                    "id": str(uuid.uuid4()),
                    "detail-type": "Scheduled Event",
                    "source": "aws.scheduler",
                    "account": schedule.account,
                    "time": _text(moment),
                    "region": schedule.region,
                    "resources": [schedule.arn],
                    "detail": "{}",
                }
            )
        for name, value in (
            ("schedule-arn", schedule.arn),
            ("scheduled-time", _text(moment)),
            ("execution-id", uuid.uuid4().hex[:16]),
            ("attempt-number", str(number)),
        ):
            text = text.replace(f"<aws.scheduler.{name}>", value)
        return str(text)

    def _call(self, action: str, payload: str, principal: Any, region: str) -> None:
        """Call any operation of any service that answers here, as a universal target does."""
        service, _, operation = action.partition(":")
        client = self._aws.clients.of(principal, _SERVICES.get(service, service), region)
        method = getattr(client, xform_name(operation), None)
        if method is None:
            raise AwsError("ValidationException", f"{action} is not an operation of an AWS service")
        method(**json.loads(payload or "{}"))

    def _count(self, schedule: _Schedule, metric: str) -> None:
        group = {"ScheduleGroup": schedule.document["GroupName"]}
        metrics.publish(
            self._aws, schedule.account, schedule.region, "AWS/Scheduler", metric, 1.0, dimensions=group, unit="Count"
        )


def _expression(document: Json, base: datetime) -> expressions.Expression:
    start = _moment(document.get("StartDate"))
    return expressions.parse(
        document["ScheduleExpression"],
        base=start if start is not None else base,
        timezone=document.get("ScheduleExpressionTimezone") or "UTC",
        rate_includes_base=True,
    )


def _moment(value: Any) -> datetime | None:
    """Return a date as moto keeps it (epoch seconds or text) or as the request has it."""
    if value is None or isinstance(value, datetime):
        return value
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    moment = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _retryable(error: Exception, code: str) -> bool:
    response = getattr(error, "response", None) or {}
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400))
    return status >= 500 or status == 429 or code.startswith(("Throttl", "TooManyRequests", "RequestLimit"))


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
