"""Processing jobs that carry out runs: named after the run, so that a run has one job however often it is started."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from monitor.job_environment import joined, split
from monitor.run import Run
from monitor.window import timestamp
from shared.clients import error_code
from shared.log import Logger

#: Attempts at one run: the first, and those that a person starts after it has failed.
MAX_ATTEMPTS = 99
#: Statuses of a job that leave nothing to be done.
_GOING_WELL = frozenset({"InProgress", "Completed"})
_TAKEN = "ResourceInUse"

log = Logger("monitor.jobs")


class JobError(RuntimeError):
    """The run's job cannot be started."""


@dataclass(frozen=True)
class StartedJob:
    """A job that carries out a run; ``new`` unless an earlier start of the same run made it."""

    name: str
    status: str
    new: bool


class Jobs:
    """Starts jobs and reads what became of them.

    ``sagemaker`` makes the service's client, which costs a tenth of a second and is rarely needed. ``prefix`` is what
    the names of the monitor's jobs begin with, ``template`` the request of `CreateProcessingJob` without name, and with
    no more than fixed variables in its environment.
    """

    def __init__(self, sagemaker: Callable[[], Any], prefix: str, template: Mapping[str, Any]) -> None:
        self._sagemaker = sagemaker
        self._prefix = prefix
        self._template = template

    def start(
        self,
        run: Run,
        event: Mapping[str, Any],
        settings: Mapping[str, str],
        *,
        engine: str,
        reason: str | None = None,
        more: Callable[[str], Mapping[str, Any]] = lambda name: {},
    ) -> StartedJob:
        """Start the run's job, unless it is running or done.

        A run whose job failed or was stopped gets a further one, as does one whose event says ``"again": true``.
        ``settings`` are what the job is told, ``reason`` says why this engine was chosen, ``more`` makes of a job's
        name members of the request that are its own.

        Raises :class:`JobError` when there have been too many, TooMuchForAJob, and the service's errors.
        """
        variables = {
            **(self._template.get("Environment") or {}),
            **settings,
            "RUN_ENGINE": engine,
            "RUN_EVENT": json.dumps(dict(event), separators=(",", ":")),
            **({"RUN_ENGINE_REASON": reason} if reason else {}),
        }
        request = {**self._template, "Environment": split(variables)}
        for attempt in range(1, MAX_ATTEMPTS + 1):
            name = self.name_of(run, attempt)
            try:
                self._sagemaker().create_processing_job(ProcessingJobName=name, **{**request, **more(name)})
            except ClientError as error:
                if error_code(error) != _TAKEN:
                    raise
                status = self._status(name)
                if status == "InProgress" or (status in _GOING_WELL and not event.get("again")):
                    return StartedJob(name, status, new=False)
                log.info("an earlier job of the run is over", job=name, status=status)
                continue
            return StartedJob(name, "InProgress", new=True)
        raise JobError(f"the run had {MAX_ATTEMPTS} jobs already, the last one is {name}; look at why they fail")

    def name_of(self, run: Run, attempt: int = 1) -> str:
        """The name of the run's job: the same for the same window, labels, version and baseline."""
        subject = [
            timestamp(run.window.start),
            timestamp(run.window.end),
            timestamp(run.labels_until),
            run.model_package_arn,
            str(run.constraints),
            str(run.statistics),
        ]
        digest = hashlib.sha256("\n".join(subject).encode()).hexdigest()[:8]
        again = "" if attempt == 1 else f"-{attempt}"
        return f"{self._prefix}-{run.scheduled:%Y%m%d%H}-{digest}{again}"

    def owns(self, name: str) -> bool:
        """Whether a job of this name is one of the monitor's."""
        return re.fullmatch(rf"{re.escape(self._prefix)}-\d{{10}}-[0-9a-f]{{8}}(-\d{{1,2}})?", name) is not None

    def describe(self, name: str) -> dict[str, Any]:
        """What the service knows of a job."""
        found: dict[str, Any] = self._sagemaker().describe_processing_job(ProcessingJobName=name)
        return found

    def _status(self, name: str) -> str:
        return str(self.describe(name)["ProcessingJobStatus"])


def event_of(job: Mapping[str, Any]) -> dict[str, Any]:
    """The event of the run that a described job carries out; empty if it carries none out."""
    text = joined(job.get("Environment") or {}).get("RUN_EVENT")
    event = json.loads(text) if text else {}
    return event if isinstance(event, dict) else {}
