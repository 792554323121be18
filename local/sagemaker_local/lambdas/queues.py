"""Event source mappings from SQS: batches, partial failures, filters.

Lambda's poller acts as the function's role, so its calls are recorded under that role. A batch that fails stays in the
queue and comes back after the visibility timeout (on the clock); the queue's redrive policy moves it away in the end.
The batching window is not waited for: a batch is what is there.
"""

from __future__ import annotations

import base64
import json
import logging
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

from sagemaker_local import moto_events, moto_state
from sagemaker_local.errors import AwsError
from sagemaker_local.messaging import arns, deliveries, targets

if TYPE_CHECKING:
    from sagemaker_local.server import LocalAws

    from .outcome import Outcome
    from .service import Functions

Json = dict[str, Any]
_POLL_SECONDS = 0.1
_MOST_AT_ONCE = 5
_log = logging.getLogger(__name__)


class Poller:
    """Moves messages from queues to functions."""

    def __init__(self, aws: LocalAws, functions: Functions) -> None:
        self._aws = aws
        self._functions = functions
        self._deliveries = deliveries.of(aws)
        self._busy: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._stopping = False
        self._sent = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="sqs-poller", daemon=True)
        self._deliveries.also_pending(self._pending)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self._sent.set()
        self._thread.join(timeout=5)

    def look(self) -> None:
        """Look into the queues at once, because a message was sent."""
        self._sent.set()

    def _mappings(self) -> list[Json]:
        return [
            mapping
            for _, _, mapping in moto_state.event_source_mappings()
            if mapping["State"] == "Enabled" and arns.parse(mapping["EventSourceArn"]).service == "sqs"
        ]

    def _pending(self) -> bool:
        return any(moto_state.waiting_messages(mapping["EventSourceArn"]) for mapping in self._mappings())

    def _poll(self) -> None:
        while not self._stopping:
            self._sent.wait(_POLL_SECONDS)
            self._sent.clear()
            try:
                self._start_batches()
            except Exception:  # noqa: BLE001 - the poller outlives whatever one queue does
                _log.exception("polling queues failed")

    def _start_batches(self) -> None:
        for mapping in self._mappings():
            uuid, queue_arn = mapping["UUID"], mapping["EventSourceArn"]
            most = (mapping.get("ScalingConfig") or {}).get("MaximumConcurrency", _MOST_AT_ONCE)
            most = 1 if queue_arn.endswith(".fifo") else int(most)
            batches = -(-moto_state.waiting_messages(queue_arn) // mapping["BatchSize"])
            with self._lock:
                free = min(batches, most - self._busy[uuid])
                self._busy[uuid] += max(0, free)
            for _ in range(free):
                self._deliveries.submit(lambda mapping=mapping: self._batch(mapping))  # type: ignore[misc]

    def _batch(self, mapping: Json) -> None:
        try:
            function = arns.parse(mapping["FunctionArn"])
            view = moto_state.function(function.account, function.region, mapping["FunctionArn"])
            client = self._aws.clients(
                "sqs", function.account, arns.parse(mapping["EventSourceArn"]).region, role_arn=view.role
            )
            url = targets.queue_url(self._aws, mapping["EventSourceArn"])
            messages = self._filtered(client, url, mapping, _receive(client, url, mapping["BatchSize"]))
            if not messages:
                return
            event = {"Records": [_record(message, mapping["EventSourceArn"]) for message in messages]}
            try:
                outcome = self._functions.invoke(view, event)
            except AwsError:  # throttled: back into the queue at once
                for message in messages:
                    client.change_message_visibility(
                        QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
                    )
                return
            failed = _failed(outcome, mapping, {message["MessageId"] for message in messages})
            _delete(client, url, [message for message in messages if message["MessageId"] not in failed])
        finally:
            with self._lock:
                self._busy[mapping["UUID"]] -= 1

    def _filtered(self, client: Any, url: str, mapping: Json, messages: list[Json]) -> list[Json]:
        patterns = [item["Pattern"] for item in (mapping.get("FilterCriteria") or {}).get("Filters") or []]
        if not patterns:
            return messages
        wanted: list[Json] = []
        unwanted: list[Json] = []
        for message in messages:
            event = {"body": targets.as_json(message["Body"])}
            passes = any(moto_events.pattern_matches(pattern, event) for pattern in patterns)
            (wanted if passes else unwanted).append(message)
        _delete(client, url, unwanted)
        return wanted


def _receive(client: Any, url: str, size: int) -> list[Json]:
    messages: list[Json] = []
    while len(messages) < size:
        received = client.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=min(10, size - len(messages)),
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
            WaitTimeSeconds=0,
        ).get("Messages", [])
        messages += received
        if len(received) < 10:
            break
    return messages


def _delete(client: Any, url: str, messages: list[Json]) -> None:
    for start in range(0, len(messages), 10):
        entries = [
            {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]}
            for index, message in enumerate(messages[start : start + 10])
        ]
        client.delete_message_batch(QueueUrl=url, Entries=entries)


def _record(message: Json, queue_arn: str) -> Json:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {name: _attribute(value) for name, value in message.get("MessageAttributes", {}).items()},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": arns.parse(queue_arn).region,
    }


def _attribute(value: Json) -> Json:
    result: Json = {"stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}
    if "BinaryValue" in value:
        result["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
    else:
        result["stringValue"] = value.get("StringValue", "")
    return result


def _failed(outcome: Outcome, mapping: Json, everything: set[str]) -> set[str]:
    """Return the ids of messages that stay in the queue."""
    if outcome.error is not None:
        return everything
    if "ReportBatchItemFailures" not in (mapping.get("FunctionResponseTypes") or []):
        return set()
    response = json.loads(outcome.payload)
    if not isinstance(response, dict):
        return set()
    items = response.get("batchItemFailures") or []
    try:
        failed = {item["itemIdentifier"] for item in items}
    except (TypeError, KeyError):
        return everything
    return failed if failed <= everything else everything


def install(aws: LocalAws, functions: Functions) -> None:
    """Start polling."""
    poller = Poller(aws, functions)
    aws.on_stop(poller.stop)
    for operation in ("SendMessage", "SendMessageBatch"):
        aws.front.after("sqs", operation, lambda context, params, result: poller.look())
    poller.start()
