"""Steps that are a job each: Processing, Training, Tuning, Transform."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sagemaker_local.jobs.state import PROCESSING, TRAINING, TRANSFORM, TUNING, Job, Kind
from sagemaker_local.pipelines import retries
from sagemaker_local.sagemaker.faults import invalid

from .base import Run

Params = dict[str, Any]

_LONGEST_TUNING_NAME = 32


@dataclass(frozen=True)
class JobStep:
    """How a type of step starts, describes and stops its job."""

    kind: Kind
    metadata: str
    """Member of the step's Metadata."""
    method: str
    """boto3's word for the job: processing_job, training_job, ..."""
    longest_name: int = 63
    enrich: Callable[[Run, Job, Params], None] | None = None
    """Adds properties that a describe call does not have."""

    def __call__(self, run: Run, arguments: Params) -> None:
        """Start the job; the step ends with it."""
        self.start(run, arguments, lambda arn: {self.metadata: {"Arn": arn}}, run.succeed)

    def start(
        self, run: Run, arguments: Params, metadata: Callable[[str], Params], done: Callable[[Params], None]
    ) -> None:
        """Start the job.

        Args:
            run: the step's attempt.
            arguments: the request without the job's name.
            metadata: makes the step's Metadata of the job's ARN.
            done: ends the step when the job is completed; gets the job's description.
        """
        name_parameter = f"{self.kind.name}Name"
        name = run.name(self.longest_name)
        client = run.client("sagemaker")
        getattr(client, f"create_{self.method}")(**{**arguments, name_parameter: name})
        pipeline = run.execution.pipeline
        job = run.pipelines.jobs.find(self.kind, pipeline.account, pipeline.region, name)

        def stop() -> None:
            if not job.over:
                getattr(client, f"stop_{self.method}")(**{name_parameter: name})

        def ended(job: Job) -> None:
            run.pipelines.later(lambda: run.engine.guard(run, lambda: self._ended(run, job, client, done)))

        run.executing(metadata(job.arn), stop)
        run.pipelines.jobs.when_ended(job, ended)

    def _ended(self, run: Run, job: Job, client: Any, done: Callable[[Params], None]) -> None:
        if job.status == "Completed":
            described = getattr(client, f"describe_{self.method}")(**{f"{self.kind.name}Name": job.name})
            properties = {key: value for key, value in described.items() if key != "ResponseMetadata"}
            if self.enrich is not None:
                self.enrich(run, job, properties)
            done(properties)
        elif job.status == "Stopped" and run.stopping:
            run.stopped()
        elif job.status == "Stopped":
            reason = job.message or f"the job {job.name} was stopped before it was done"
            run.fail(f"ClientError: {reason}")
        else:
            reason = job.reason or "no reason given"
            run.fail(f"ClientError: {reason}", retries.kind_of(reason))


def _add_best_first(run: Run, job: Job, properties: Params) -> None:
    """Add TrainingJobSummaries, the best training job first."""
    objective = properties["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]["Type"]
    listed = run.client("sagemaker").list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=job.name,
        SortBy="FinalObjectiveMetricValue",
        SortOrder="Descending" if objective == "Maximize" else "Ascending",
        MaxResults=50,
    )
    properties["TrainingJobSummaries"] = listed["TrainingJobSummaries"]


PROCESSING_STEP = JobStep(PROCESSING, "ProcessingJob", "processing_job")
TRAINING_STEP = JobStep(TRAINING, "TrainingJob", "training_job")
TRANSFORM_STEP = JobStep(TRANSFORM, "TransformJob", "transform_job")
TUNING_STEP = JobStep(TUNING, "TuningJob", "hyper_parameter_tuning_job", _LONGEST_TUNING_NAME, _add_best_first)


def refuse(run: Run, arguments: Params) -> None:
    """Refuse a type of step by its name.

    Raises:
        AwsError: always.
    """
    raise invalid(
        f"the embedded AWS cannot run step {run.step.definition.name}: {run.step.definition.type} steps need a service "
        "that it does not have; a stand-in can answer for it (docs/embedded-jobs.md)"
    )
