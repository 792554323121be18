"""Failed jobs, announced once, though a job that fails tells it itself and SageMaker tells it several times."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from monitor.jobs import Jobs, event_of
from monitor.monitor import Monitor
from monitor.once import once
from monitor.run import Run
from monitor.settings import Settings
from monitor.storage import Storage

#: EventBridge's name for what SageMaker says of a processing job.
JOB_EVENT = "SageMaker Processing Job State Change"
_FAILED = frozenset({"Failed", "Stopped"})


def announce_once(
    monitor: Monitor, storage: Storage, run: Run, job: str, at: datetime, reason: str, seconds: float
) -> bool:
    """Make a job's failure visible, unless that was done already; returns whether it was done now."""
    note = {"job": job, "reason": reason}
    return once(storage, run.report / f"{job}.failure.json", note, lambda: monitor.fail(run, at, reason, seconds))


def job_ended(
    event: Mapping[str, Any],
    settings: Settings,
    monitor: Monitor,
    storage: Storage,
    jobs: Jobs,
    completed: Callable[[Run, Mapping[str, Any]], bool] | None = None,
) -> dict[str, Any]:
    """Handle what SageMaker says of a job: one that failed or was stopped becomes a failed run.

    Jobs that complete have announced themselves; where they cannot, ``completed`` does it and says whether it did.
    """
    said = event.get("detail") or {}
    name = str(said.get("ProcessingJobName") or "")
    if not jobs.owns(name):
        return {"status": "Ignored", "processingJobName": name}
    job = jobs.describe(name)
    status = str(job["ProcessingJobStatus"])
    outcome = {"processingJobName": name, "jobStatus": status}
    if status == "Completed" and completed is not None:
        told = completed(Run.parse(event_of(job), settings), job)
        return {"status": "Told" if told else "Ignored"} | outcome
    if status not in _FAILED:
        return {"status": "Ignored"} | outcome
    run = Run.parse(event_of(job), settings)
    # What the job said of itself names the cause; what SageMaker says of it is often only an exit code.
    said_of_it = " ".join(text for text in (job.get("ExitMessage"), job.get("FailureReason")) if text)
    reason = f"processing job {name} {'was stopped' if status == 'Stopped' else 'failed'}: {said_of_it or 'no reason'}"
    announced = announce_once(monitor, storage, run, name, datetime.now(tz=UTC), reason, seconds_of(job))
    return {"status": "Failed" if announced else "Ignored"} | outcome


def seconds_of(job: Mapping[str, Any]) -> float:
    """How long a described job ran."""
    began, ended = job.get("ProcessingStartTime"), job.get("ProcessingEndTime")
    return max((ended - began).total_seconds(), 0.0) if began and ended else 0.0
