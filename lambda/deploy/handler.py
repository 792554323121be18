"""Entry point of the rollout controller.

Woken by queue messages (EventBridge events and the regular tick land in the queue) or invoked directly by a person::

    aws lambda invoke --function-name ... --payload '{"action": "release", "model": "churn"}' out.json
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from deploy.alarms import Alarms
from deploy.announcements import Announcer
from deploy.controller import Controller
from deploy.memory import Memory
from deploy.reconcile import Services
from deploy.registry import Registry
from deploy.requests import Request
from deploy.settings import Settings
from deploy.stacks import Stacks
from shared import custom_resource
from shared.clients import client
from shared.log import Logger, bound

#: How long a busy stack is left alone, in seconds. Its own events and the tick wake the function as well.
RECHECK_SECONDS = 60

log = Logger("deploy")


@lru_cache(maxsize=1)
def controller() -> Controller:
    """The controller of this execution environment, made from the environment variables."""
    settings = Settings.read()

    def requeue(model: str) -> None:
        body = json.dumps({"action": "reconcile", "model": model, "recheck": True})
        client("sqs").send_message(QueueUrl=settings.queue_url, MessageBody=body, DelaySeconds=RECHECK_SECONDS)

    announcer = Announcer(
        events=client("events"),
        sns=client("sns"),
        cloudwatch=client("cloudwatch"),
        environment=settings.environment,
        topic_arn=settings.topic_arn,
    )
    services = Services(
        stacks=Stacks(client("cloudformation"), settings.role_arn),
        registry=Registry(client("sagemaker")),
        announcer=announcer,
        alarms=Alarms(client("cloudwatch")).active,
        requeue=requeue,
        now=lambda: datetime.now(tz=UTC),
        sleep=time.sleep,
    )
    return Controller(services, lambda: Memory(client("ssm"), settings.controller_name))


def lambda_handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Deal with a batch of queue messages, reporting the failed ones, or with one direct request."""
    with bound(request_id=getattr(context, "aws_request_id", "")):
        if custom_resource.is_request(event):
            custom_resource.serve(event, _forget)
            return {}
        if "Records" in event:
            return {"batchItemFailures": [{"itemIdentifier": item} for item in _failed(event["Records"])]}
        results = controller().handle(Request.parse(event))
        return {"models": [result.to_json() for result in results]}


def _forget(properties: Mapping[str, Any]) -> None:
    """Forget all models with the environment: what is deployed under the same names later is not what this is about."""
    for model in Memory(client("ssm"), properties["ControllerName"]).forget_everything():
        log.info("forgot a model with its environment", model=model)


def _failed(records: list[Mapping[str, Any]]) -> list[str]:
    failed = []
    for record in records:
        try:
            controller().handle(Request.from_message(record["body"]))
        # Whatever went wrong with a message, the queue delivers it again and in the end keeps it for a person.
        except Exception:
            log.exception("message could not be dealt with", message_id=record["messageId"])
            failed.append(record["messageId"])
    return failed
