"""Entry point of a monitor: invoked by EventBridge Scheduler, or by a person for a window of their choice::

    aws lambda invoke --function-name ... \
        --payload '{"window": {"start": "2026-11-21T07:00:00Z", "end": "2026-11-21T08:00:00Z"}}' out.json

Types that need labels take `"labels_until"` as well: then labels count that were uploaded before that hour.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from monitor.kinds import analysis_of
from monitor.monitor import Monitor
from monitor.run import Run
from monitor.settings import Settings
from monitor.storage import Storage
from shared.clients import client
from shared.log import Logger, bound

log = Logger("monitor")


def lambda_handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Carry out one run; returns the detail of its event.

    A failure is made visible and raised again, so that Lambda retries the run and in the end keeps its event in the
    dead-letter queue.
    """
    settings = Settings.read()
    with bound(
        request_id=getattr(context, "aws_request_id", ""),
        input=settings.name,
        schedule=settings.schedule_name,
    ):
        monitor = Monitor(
            settings,
            analysis_of(settings),
            storage=Storage(client("s3"), settings.kms_key_arn),
            cloudwatch=client("cloudwatch"),
            bus=client("events"),
            seconds=time.monotonic,
        )
        began, run = time.monotonic(), None
        try:
            run = Run.parse(event, settings)
            return monitor.execute(run, _remaining(context))
        except Exception as error:
            log.exception("run failed")
            _make_visible(monitor, run, error, time.monotonic() - began)
            raise


def _make_visible(monitor: Monitor, run: Run | None, error: Exception, seconds: float) -> None:
    try:
        monitor.fail(run, datetime.now(tz=UTC), f"{type(error).__name__}: {error}", seconds)
    # The first failure is the one to be raised; the dead-letter queue tells of the run in any case.
    except Exception:
        log.exception("the failure could not be published")


def _remaining(context: Any) -> Callable[[], float]:
    def seconds() -> float:
        return float(context.get_remaining_time_in_millis()) / 1000

    return seconds
