"""Entry point of the insights report: invoked by EventBridge Scheduler, or by a person::

    aws lambda invoke --function-name ... --payload '{}' out.json

A run that is repeated for the same scheduled time writes the same pages again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from insights import digest
from insights.collect import Collector
from insights.document import document
from insights.page_advice import state
from insights.page_overview import overview
from insights.pages import model_page
from insights.reports import Reports
from insights.rules import recommend
from insights.settings import Settings
from shared.clients import client
from shared.log import Logger

log = Logger("insights")

_LATEST = "latest"
_SERVICES = ("ssm", "sagemaker", "cloudformation", "cloudwatch", "s3")


def lambda_handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Write the pages and tell the topic; returns where they are and each model's state."""
    settings = Settings.read()
    until = _scheduled(event)
    since = until - timedelta(days=settings.days)
    models = [
        (facts, recommend(facts, settings.own_rules))
        for facts in Collector(settings, {name: client(name) for name in _SERVICES}, since, until).models()
    ]
    out = Reports(client("s3"), settings.kms_key_arn)
    written = {f"{facts.name}.html": model_page(facts, advice) for facts, advice in models}
    written["insights.json"] = document(settings.environment, models, since, until)
    # Last: who finds the first page finds the others too.
    written["index.html"] = overview(settings.environment, models, since, until)
    dated = f"{until:%Y/%m/%d/%H}"
    # Alarms and dashboards cannot know the date of the newest report.
    for folder in (_LATEST, dated):
        for name, text in written.items():
            kind = "application/json" if name.endswith(".json") else "text/html; charset=utf-8"
            out.write(settings.output / settings.controller / folder / name, text, kind)
    first = settings.output / settings.controller / dated / "index.html"
    states = {facts.name: state(facts, advice)[0] for facts, advice in models}
    log.info("report written", page=str(first), models=states)
    if settings.topic_arn and models:
        client("sns").publish(
            TopicArn=settings.topic_arn,
            Subject=digest.subject(settings.environment, models),
            Message=digest.message(models, first, os.environ.get("AWS_REGION", "")),
        )
    return {"page": str(first), "models": states}


def _scheduled(event: Mapping[str, Any]) -> datetime:
    """The full hour for which the report was scheduled, so that a retry looks at the same period; else this hour."""
    text = event.get("scheduled_time")
    moment = datetime.fromisoformat(str(text)) if text else datetime.now(tz=UTC)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
