"""Event invocations: retries on the clock, then destinations and dead-letter queues.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from sagemaker_local import moto_state
from sagemaker_local.errors import AwsError
from sagemaker_local.messaging import arns, deliveries, targets
from sagemaker_local.moto_state import FunctionView

from .outcome import Outcome

if TYPE_CHECKING:
    from sagemaker_local.server import LocalAws

Json = dict[str, Any]
_WAITS = (timedelta(minutes=1), timedelta(minutes=2))
_THROTTLED_WAIT = timedelta(seconds=1)
_RETRIES = 2
_LONGEST = timedelta(hours=6)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Event:
    arn: str
    account: str
    region: str
    payload: Any
    request_id: str
    accepted: datetime


class Invoke(Protocol):
    """Runs a function once and waits for the end; an AwsError says that it was throttled."""

    def __call__(self, view: FunctionView, event: Any, *, request_id: str) -> Outcome: ...


class Asynchronous:
    """The queue between an event invocation and its function.

    Args:
        settings: DeadLetterConfig by account, region and name of the function.
        invoke: makes one attempt.
    """

    def __init__(self, aws: LocalAws, settings: Mapping[tuple[str, str, str], Json], invoke: Invoke) -> None:
        self._aws = aws
        self._settings = settings
        self._invoke = invoke
        self._deliveries = deliveries.of(aws)

    def accept(self, view: FunctionView, event: Any, request_id: str) -> None:
        """Run the function in the background; returns at once."""
        accepted = _Event(view.arn, view.account, view.region, event, request_id, self._aws.clock.now())
        self._deliveries.submit(lambda: self._attempt(accepted, 1))

    def _attempt(self, event: _Event, number: int) -> None:
        # The function may have changed, or gone, since the event was accepted.
        view = moto_state.function(event.account, event.region, event.arn)
        config = moto_state.event_invoke_config(view)
        try:
            outcome = self._invoke(view, event.payload, request_id=event.request_id)
        except AwsError:
            self._deliveries.later(_THROTTLED_WAIT, lambda: self._attempt(event, number))
            return
        destinations = config.get("DestinationConfig") or {}
        if outcome.error is None:
            self._to_destination(view, event, outcome, number, destinations.get("OnSuccess"), "Success")
            return
        retries = int(config.get("MaximumRetryAttempts", _RETRIES))
        longest = timedelta(seconds=int(config.get("MaximumEventAgeInSeconds", _LONGEST.total_seconds())))
        wait = _WAITS[min(number, len(_WAITS)) - 1]
        too_old = self._aws.clock.now() + wait - event.accepted > longest
        if number <= retries and not too_old:
            self._deliveries.later(wait, lambda: self._attempt(event, number + 1))
            return
        condition = "EventAgeExceeded" if number <= retries else "RetriesExhausted"
        self._to_destination(view, event, outcome, number, destinations.get("OnFailure"), condition)
        self._to_dead_letter_queue(view, event, outcome)

    def _to_destination(
        self,
        view: FunctionView,
        event: _Event,
        outcome: Outcome,
        attempts: int,
        destination: Json | None,
        condition: str,
    ) -> None:
        arn = (destination or {}).get("Destination")
        if not arn:
            return
        response: Json = {"statusCode": 200, "executedVersion": outcome.version}
        if outcome.error:
            response["functionError"] = outcome.error
        document = {
            "version": "1.0",
            "timestamp": self._aws.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
            "requestContext": {
                "requestId": event.request_id,
                "functionArn": view.arn if view.version != "$LATEST" else f"{view.arn}:$LATEST",
                "condition": condition,
                "approximateInvokeCount": attempts,
            },
            "requestPayload": event.payload,
            "responseContext": response,
            "responsePayload": targets.as_json(outcome.payload),
        }
        principal = self._aws.accounts.acting_as(view.role)
        result = "Success" if outcome.error is None else "Failure"
        bus = {
            "EventBridgeParameters": {"Source": "lambda", "DetailType": f"Lambda Function Invocation Result - {result}"}
        }
        targets.send(self._aws, arn, json.dumps(document), principal, bus)

    def _to_dead_letter_queue(self, view: FunctionView, event: _Event, outcome: Outcome) -> None:
        settings = self._settings.get((view.account, view.region, view.name), {})
        arn = (settings.get("DeadLetterConfig") or {}).get("TargetArn")
        if not arn:
            return
        message = targets.as_json(outcome.payload)
        reason = str(message.get("errorMessage", "")) if isinstance(message, dict) else ""
        principal = self._aws.accounts.acting_as(view.role)
        if arns.parse(arn).service == "sqs":
            attributes = {"RequestID": event.request_id, "ErrorCode": "200", "ErrorMessage": reason[:1024]}
            targets.send_to_dead_letter_queue(self._aws, arn, json.dumps(event.payload), principal, attributes)
        else:
            targets.send(self._aws, arn, json.dumps(event.payload), principal)
