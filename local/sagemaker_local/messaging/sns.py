"""SNS fan-out: queues, functions, mail and web hooks, with filter policies, raw delivery and dead-letter queues.

moto keeps topics and subscriptions and evaluates filter policies; it sends functions a constant sample event, signs
with a fresh RSA key per subscription and looks for queues in the topic's account only, so the delivery is done here.
"""

from __future__ import annotations

import json
import logging
import urllib.request
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sagemaker_local import moto_state
from sagemaker_local.moto_state import SubscriptionView

from . import arns, deliveries, targets
from .inbox import Inbox

if TYPE_CHECKING:
    from sagemaker_local.server import LocalAws

Json = dict[str, Any]
_log = logging.getLogger(__name__)


class Fanout:
    """Delivers what is published on the topics of one embedded AWS."""

    def __init__(self, aws: LocalAws, inbox: Inbox) -> None:
        self._aws = aws
        self._inbox = inbox
        self._deliveries = deliveries.of(aws)
        self._senders: dict[str, Callable[[SubscriptionView, Json], None]] = {
            "sqs": self._to_queue,
            "lambda": self._to_function,
            "http": self._to_web,
            "https": self._to_web,
        }

    def notify(self, subscription: SubscriptionView, notification: Json) -> None:
        """Deliver one notification to one subscription if its filter policy lets it through."""
        if not subscription.accepts(notification.get("message_attributes"), notification["message"]):
            return
        self._deliveries.submit(lambda: self._send(subscription, notification))

    def _send(self, subscription: SubscriptionView, notification: Json) -> None:
        sender = self._senders.get(subscription.protocol, self._to_inbox)
        try:
            sender(subscription, notification)
        except Exception as error:
            if subscription.dead_letter_arn is None:
                raise
            code, message = targets.failure(error)
            _log.info("%s refused a notification: %s", subscription.endpoint, message)
            principal = self._aws.accounts.service(subscription.account, "sns.amazonaws.com")
            document = json.dumps(self._document(subscription, notification))
            targets.send_to_dead_letter_queue(
                self._aws,
                subscription.dead_letter_arn,
                document,
                principal,
                {"ERROR_CODE": code, "ERROR_MESSAGE": message},
            )

    def _document(self, subscription: SubscriptionView, notification: Json) -> Json:
        region = arns.parse(subscription.topic_arn).region
        unsubscribe = f"{self._aws.url}/?Action=Unsubscribe&SubscriptionArn={subscription.arn}"
        document = {
            "Type": "Notification",
            "MessageId": notification["message_id"],
            "TopicArn": subscription.topic_arn,
            "Subject": notification.get("subject"),
            "Message": notification["message"],
            "Timestamp": self._now(),
            "SignatureVersion": "1",
            "Signature": "not-signed",
            "SigningCertURL": f"https://sns.{region}.amazonaws.com/SimpleNotificationService.pem",
            "UnsubscribeURL": unsubscribe,
        }
        if attributes := _attributes(notification):
            document["MessageAttributes"] = attributes
        return {key: value for key, value in document.items() if value is not None}

    def _to_queue(self, subscription: SubscriptionView, notification: Json) -> None:
        queue = arns.parse(subscription.endpoint)
        service = self._aws.accounts.service(queue.account, "sns.amazonaws.com")
        request: Json = {"QueueUrl": targets.queue_url(self._aws, subscription.endpoint)}
        if subscription.raw:
            request["MessageBody"] = notification["message"]
            request["MessageAttributes"] = {
                name: {"DataType": item["Type"], _value_member(item["Type"]): item["Value"]}
                for name, item in _attributes(notification).items()
            }
        else:
            request["MessageBody"] = json.dumps(self._document(subscription, notification), indent=2)
        if queue.resource.endswith(".fifo"):
            request["MessageGroupId"] = notification.get("group_id") or "default"
            request["MessageDeduplicationId"] = notification.get("deduplication_id") or notification["message_id"]
        self._aws.clients.of(service, "sqs", queue.region).send_message(**request)

    def _to_function(self, subscription: SubscriptionView, notification: Json) -> None:
        document: Json = {"Subject": None, "MessageAttributes": {}} | self._document(subscription, notification)
        record = {
            "EventSource": "aws:sns",
            "EventVersion": "1.0",
            "EventSubscriptionArn": subscription.arn,
            "Sns": document,
        }
        service = self._aws.accounts.service(subscription.account, "sns.amazonaws.com")
        targets.send(self._aws, subscription.endpoint, json.dumps({"Records": [record]}), service)

    def _to_web(self, subscription: SubscriptionView, notification: Json) -> None:
        """Post to servers on this machine; anything else is noted in the inbox, so that nothing leaves the machine."""
        host = urlsplit(subscription.endpoint).hostname
        if host not in ("127.0.0.1", "localhost", "::1"):
            self._to_inbox(subscription, notification)
            return
        body = notification["message"] if subscription.raw else json.dumps(self._document(subscription, notification))
        request = urllib.request.Request(  # noqa: S310 - http(s) to this machine only, checked above
            subscription.endpoint,
            body.encode(),
            {"Content-Type": "text/plain; charset=UTF-8", "x-amz-sns-message-type": "Notification"},
        )
        with urllib.request.urlopen(request, timeout=15):  # noqa: S310
            pass

    def _to_inbox(self, subscription: SubscriptionView, notification: Json) -> None:
        message = notification["message"]
        if subscription.protocol == "email-json":
            message = json.dumps(self._document(subscription, notification))
        self._inbox.add(
            {
                "protocol": subscription.protocol,
                "to": subscription.endpoint,
                "topicArn": subscription.topic_arn,
                "subject": notification.get("subject") or "AWS Notification Message",
                "message": message,
                "at": self._now(),
            }
        )

    def _now(self) -> str:
        return self._aws.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _attributes(notification: Json) -> Json:
    found = notification.get("message_attributes") or {}
    return {name: {"Type": item["Type"], "Value": _plain(item["Value"])} for name, item in found.items()}


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) else value


def _value_member(data_type: str) -> str:
    return "BinaryValue" if data_type.startswith("Binary") else "StringValue"


def install(aws: LocalAws) -> None:
    """Deliver notifications here, and answer `/_local/inbox`."""
    inbox = Inbox()
    aws.front.local("inbox", inbox.control)
    aws.on_stop(moto_state.redirect_subscriptions(Fanout(aws, inbox).notify))
