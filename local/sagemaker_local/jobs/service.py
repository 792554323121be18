"""The jobs of one embedded AWS: who runs when, what others are told about it, and how jobs end.

A job starts at once, takes the real time that its process takes, and ends when that has ended, or later if the options
say so. As many jobs run at a time as there are processors; the others wait in order. While the clock is moved it waits
for the jobs that are running, so that whatever they do belongs to the minute in which they were started.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Generator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sagemaker_local.errors import AwsError
from sagemaker_local.messaging import deliveries
from sagemaker_local.sagemaker.faults import invalid
from sagemaker_local.sagemaker.service import SageMaker, Scope
from sagemaker_local.sagemaker.timeline import Timeline

from .faults import Faults
from .opt_ml import Mapping
from .process import Processes
from .spot import Spot
from .state import Job, Kind, Outcome

if TYPE_CHECKING:
    from sagemaker_local.server import LocalAws

Runner = Callable[[Job], Outcome]
"""Does a job's work, in a thread of its own."""

_LONGEST_WAIT = 600.0
_log = logging.getLogger(__name__)


@dataclass
class Options:
    """How jobs appear to take time, and how they run."""

    minimum_seconds: float = 0.0
    """Least virtual time from start to end. SageMaker needs minutes to start an instance; without a minimum a job
    ends when its process does, and nobody has to move the clock for it."""
    stop_grace_seconds: float = 120.0
    """Real seconds between SIGTERM and SIGKILL when a job is stopped; SageMaker gives two minutes."""
    slots: int = max(2, os.cpu_count() or 1)
    """Jobs that run at the same time."""
    spot_price: float = 0.3
    """What a second of managed spot training costs compared with an on-demand one, for BillableTimeInSeconds."""
    opt_ml: str = "auto"
    """How a job gets its own /opt/ml: namespace, links, rewrite, or the best of them (see `opt_ml.py`)."""


@dataclass
class Jobs:
    """All jobs of one embedded AWS."""

    aws: LocalAws
    sagemaker: SageMaker
    options: Options = field(default_factory=Options)

    def __post_init__(self) -> None:
        self.timeline = Timeline(self.aws.clock, name="jobs-timeline", settle_seconds=_LONGEST_WAIT)
        self.processes = Processes()
        self.spot = Spot()
        self.faults = Faults()
        self.mapping = Mapping(lambda: self.options.opt_ml)
        self._slots: ThreadPoolExecutor | None = None
        self._jobs: dict[tuple[str, str, str], dict[str, Job]] = {}
        self._lock = threading.Lock()

    def all_of(self, kind: Kind, account: str, region: str) -> dict[str, Job]:
        """Return the jobs of a kind in an account and region by lower-case name, oldest first."""
        with self._lock:
            return self._jobs.setdefault((kind.name, account, region), {})

    def find(self, kind: Kind, account: str, region: str, name: str) -> Job:
        """Return a job, whatever the case of its name: the one in its ARN is lower case.

        Raises:
            AwsError: if there is none with this name.
        """
        job = self.all_of(kind, account, region).get(name.lower())
        if job is None:
            raise invalid(f"Could not find requested job with name: {name}")
        return job

    def create(
        self, scope: Scope, kind: Kind, params: dict[str, Any], runner: Runner | None = None, role: str = ""
    ) -> Job:
        """Remember a new job, and start it if it has something to run; one without ends by `end`.

        Args:
            scope: the call that wants it.
            kind: of the job.
            params: the request.
            runner: does its work.
            role: the role that it acts as; default: RoleArn of the request.

        Raises:
            AwsError: ResourceInUse if the name was ever used.
        """
        name = params[f"{kind.name}Name"]
        store = scope.store
        arn = store.arn(f"{kind.resource}/{name}")
        kept = {key: value for key, value in params.items() if key not in (f"{kind.name}Name", "Tags")}
        jobs = self.all_of(kind, store.account, store.region)
        with self._lock:
            if name.lower() in jobs:
                raise AwsError(
                    "ResourceInUse",
                    f"Job name must be unique within an AWS account and region, and a job with this name already "
                    f"exists ({arn})",
                )
            job = jobs[name.lower()] = Job(
                kind,
                name,
                arn,
                store.account,
                store.region,
                scope.now,
                kept,
                role or kept.get("RoleArn", ""),
            )
        store.tag(arn, params.get("Tags"))
        self.announce(job)
        if runner is not None:
            self.timeline.start(self._life(job, runner))
        return job

    def end(self, job: Job, outcome: Outcome) -> None:
        """Bring a job to its end."""
        with job.lock:
            job.ended = job.modified = self.aws.clock.now()
            job.reason = outcome.reason[:1024] if outcome.reason else None
            job.message = outcome.message
            job.details.update(outcome.details)
            job.status = outcome.status
            callbacks, job.on_end = job.on_end, []
        self.announce(job)
        for callback in callbacks:
            callback(job)

    def stop_job(self, job: Job) -> None:
        """Ask a job to stop; its processes get SIGTERM, and SIGKILL when they do not heed it.

        Raises:
            AwsError: if it has ended already.
        """
        with job.lock:
            if job.over:
                raise invalid(f"The request was rejected because the job {job.name} is in status {job.status}.")
            if job.stopping.is_set():
                return
            job.status, job.modified = "Stopping", self.aws.clock.now()
            job.stopping.set()
        self.announce(job)
        job.cancel()

    def delete(self, job: Job) -> None:
        """Forget a job; its name may be used again then.

        Raises:
            AwsError: ResourceInUse if it has not ended.
        """
        if not job.over:
            raise AwsError("ResourceInUse", f"The job {job.name} is in status {job.status}; stop it first.")
        self.all_of(job.kind, job.account, job.region).pop(job.name.lower(), None)
        self.sagemaker.store(job.account, job.region).tags.pop(job.arn, None)

    def when_ended(self, job: Job, callback: Callable[[Job], None]) -> None:
        """Call back once a job has ended, at once if it has."""
        with job.lock:
            if not job.over:
                job.on_end.append(callback)
                return
        callback(job)

    def later(self, action: Callable[[], None]) -> None:
        """Do something on the timeline, after what it is doing now."""

        def process() -> Generator[float, None, None]:
            action()
            yield from ()

        self.timeline.start(process())

    def announce(self, job: Job) -> None:
        """Put the event about a job's state on its account's bus."""
        detail = {key: _milliseconds(value) for key, value in self.described(job).items()}
        store = self.sagemaker.store(job.account, job.region)
        detail["Tags"] = store.tags.get(job.arn, {})
        self.sagemaker.announce(store, job.kind.event, job.arn, detail)

    def described(self, job: Job) -> dict[str, Any]:
        """Return what every kind of job tells about itself."""
        prefix = job.kind.name
        known = {
            f"{prefix}Name": job.name,
            f"{prefix}Arn": job.arn,
            f"{prefix}Status": job.status,
            "CreationTime": job.created,
            "LastModifiedTime": job.modified,
            "FailureReason": job.reason,
            **job.definition,
            **job.details,
        }
        return {name: value for name, value in known.items() if value is not None}

    def client(self, job: Job, service: str) -> Any:
        """Return a client that acts as the job's role."""
        return self.sagemaker.client(service, job.account, job.region, job.role or None)

    def settle(self) -> None:
        """Wait, while the clock is being moved, for everything that jobs do and cause."""
        if not self.aws.clock.jumping:
            return  # the timeline follows real time by itself
        for _ in range(100):
            self.timeline.run_due()
            deliveries.of(self.aws).settle_if_jumping()
            if not self.timeline.has_due():
                return

    def stop(self) -> None:
        """End every process; jobs that had not ended are forgotten."""
        self.timeline.stop()
        for jobs in list(self._jobs.values()):
            for job in jobs.values():
                job.stopping.set()
        self.processes.close()
        if self._slots is not None:
            self._slots.shutdown(wait=True, cancel_futures=True)

    def _life(self, job: Job, runner: Runner) -> Generator[float | Future[Any], None, None]:
        fault = self._fault(job)
        if job.stopping.is_set():
            outcome = Outcome("Stopped")
        elif fault is not None:
            outcome = Outcome("Failed", fault)
        else:
            future = self._submit(job, runner)
            job.cancel = future.cancel
            yield future
            outcome = _outcome(future, job)
            waited = (self.aws.clock.now() - (job.started or job.created)).total_seconds()
            if waited < self.options.minimum_seconds:
                yield self.options.minimum_seconds - waited
        self.end(job, outcome)

    def _fault(self, job: Job) -> str | None:
        """Return why a job has to fail, after the attempts that its RetryStrategy allows."""
        attempts = 1 + int((job.definition.get("RetryStrategy") or {}).get("MaximumRetryAttempts", 0))
        for _ in range(attempts):
            fault = self.faults.take(job.name)
            if fault is None or not fault.startswith("InternalServerError"):
                return fault
        return fault

    def _submit(self, job: Job, runner: Runner) -> Future[Outcome]:
        if self._slots is None:
            self._slots = ThreadPoolExecutor(self.options.slots, thread_name_prefix="sagemaker-job")
        return self._slots.submit(self._run, job, runner)

    def _run(self, job: Job, runner: Runner) -> Outcome:
        with job.lock:
            if job.stopping.is_set():
                return Outcome("Stopped")
            job.started = job.modified = self.aws.clock.now()
        return runner(job)


def _outcome(future: Future[Outcome], job: Job) -> Outcome:
    try:
        return future.result()
    except CancelledError:
        return Outcome("Stopped")
    except AwsError as error:
        return Outcome("Failed", f"ClientError: {error.message}")
    except Exception as error:  # noqa: BLE001 - a fault of ours ends the job, not the timeline
        _log.exception("the job %s failed in an unexpected way", job.name)
        return Outcome("Failed", f"InternalServerError: {type(error).__name__}: {error}")


def _milliseconds(value: Any) -> Any:
    """Return times as the events of jobs have them."""
    return int(value.timestamp() * 1000) if isinstance(value, datetime) else value
