"""Entry point of a monitor: invoked by EventBridge Scheduler, or by a person for a window of their choice::

    aws lambda invoke --function-name ... \
        --payload '{"window": {"start": "2026-11-21T07:00:00Z", "end": "2026-11-21T08:00:00Z"}}' out.json

Types that need labels take `"labels_until"` as well: then labels count that were uploaded before that hour. A run that
is carried out by a job, and whose job has completed, is carried out again with `"again": true`.

Where jobs carry out runs, EventBridge invokes it too, with what SageMaker says of those jobs; what the user's own
containers have found is told then. Where SageMaker's own schedules carry them out, whatever invokes it makes it look
for executions that have ended.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from monitor.containers import ENGINE as CONTAINER
from monitor.containers import Containers
from monitor.dispatch import Dispatcher
from monitor.engine_settings import EngineSettings
from monitor.failures import JOB_EVENT, job_ended
from monitor.jobs import Jobs
from monitor.kinds import analysis_of, settings_of
from monitor.monitor import Monitor, Origin
from monitor.native import ENGINE, Executions
from monitor.run import Run
from monitor.storage import Storage
from shared.clients import client
from shared.log import Logger, bound

# The analyses multiply no matrices, and threads for it would take an eighth of the time that imports take.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

log = Logger("monitor")


def lambda_handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Carry out one run; returns the detail of its event, or the name of the job that carries it out.

    A failure is made visible and raised again, so that Lambda retries the run and in the end keeps its event in the
    dead-letter queue.
    """
    settings, engine = settings_of(), EngineSettings.read()
    with bound(
        request_id=getattr(context, "aws_request_id", ""),
        input=settings.name,
        schedule=settings.schedule_name,
    ):
        storage = Storage(client("s3"), settings.kms_key_arn)
        origin = Origin("lambda" if engine.engine in ("lambda", "auto") else engine.engine)
        monitor = Monitor(
            settings,
            analysis_of(settings),
            storage=storage,
            cloudwatch=client("cloudwatch"),
            bus=client("events"),
            seconds=time.monotonic,
            origin=origin,
        )
        if engine.engine == ENGINE:
            return Executions(settings, monitor, storage, client("sagemaker")).announce()

        def sagemaker() -> Any:
            return client("sagemaker")

        jobs = Jobs(sagemaker, engine.job_prefix, engine.job)
        containers = Containers(settings, monitor, storage, jobs, sagemaker)
        if event.get("detail-type") == JOB_EVENT:
            monitor.origin = Origin(engine.job_engine)
            completed = containers.completed if engine.engine == CONTAINER else None
            return job_ended(event, settings, monitor, storage, jobs, completed)
        memory = int(getattr(context, "memory_limit_in_mb", 0) or 1769)
        dispatcher = Dispatcher(settings, engine, monitor, jobs, containers, memory)
        began, run = time.monotonic(), None
        try:
            run = Run.parse(event, settings)
            return dispatcher.carry_out(run, event, _remaining(context))
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
