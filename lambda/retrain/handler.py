"""Entry point of retraining on drift.

Woken by events of EventBridge and a clock, or invoked by a person::

    aws lambda invoke --function-name ... --payload '{"action": "reset"}' out.json
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from retrain.announcements import Announcer
from retrain.controller import Controller
from retrain.memory import Memory
from retrain.pipelines import Pipeline
from retrain.requests import Request
from retrain.settings import Settings
from shared import custom_resource
from shared.clients import client
from shared.log import Logger, bound

log = Logger("retrain.handler")


@lru_cache(maxsize=1)
def controller() -> Controller:
    """The controller of this execution environment, made from the environment variables."""
    settings = Settings.read()
    announcer = Announcer(
        events=client("events"),
        sns=client("sns"),
        cloudwatch=client("cloudwatch"),
        environment=settings.environment,
        model=settings.model,
        pipeline=settings.pipeline_name,
        topic_arn=settings.topic_arn,
    )
    return Controller(
        settings=settings,
        pipeline=Pipeline(client("sagemaker"), settings.pipeline_name, settings.group),
        announcer=announcer,
        memory=lambda: Memory(client("ssm"), settings.controller_name, settings.model),
        now=lambda: datetime.now(tz=UTC),
    )


def lambda_handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Deal with one wake-up."""
    with bound(request_id=getattr(context, "aws_request_id", "")):
        if custom_resource.is_request(event):
            custom_resource.serve(event, _forget)
            return {}
        current = controller()
        request = Request.parse(event, current.settings.endpoint_name, current.settings.monitors)
        return current.handle(request)


def _forget(properties: Mapping[str, Any]) -> None:
    """Forget with the stack: what is deployed under the same names later is not what this is about."""
    Memory(client("ssm"), properties["ControllerName"], properties["Model"]).forget_everything()
    log.info("forgot the model's retrainings with its stack", model=properties["Model"])
