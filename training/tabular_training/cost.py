"""What the training of this execution took, and what of it is billed: spot instances cost less than their time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

#: Variables that name the job, one of them.
TUNING_JOB, TRAINING_JOB = "TUNED_JOB_NAME", "TRAINED_JOB_NAME"


def spent(sagemaker: Any, variables: Mapping[str, str]) -> dict[str, Any] | None:
    """Instance seconds of all training jobs of the execution; None if no job is named.

    :param sagemaker: SageMaker client.
    :param variables: The process's environment.
    """
    names = list(_names(sagemaker, variables))
    if not names:
        return None
    trained = billed = 0
    kinds: dict[str, int] = {}
    for name in names:
        job = sagemaker.describe_training_job(TrainingJobName=name)
        instances = int(job["ResourceConfig"].get("InstanceCount") or 1)
        trained += instances * int(job.get("TrainingTimeInSeconds") or 0)
        billed += instances * int(job.get("BillableTimeInSeconds") or job.get("TrainingTimeInSeconds") or 0)
        kinds[job["ResourceConfig"]["InstanceType"]] = kinds.get(job["ResourceConfig"]["InstanceType"], 0) + 1
    return {
        "training_jobs": len(names),
        "instance_types": kinds,
        "training_seconds": trained,
        "billable_seconds": billed,
        "saved_by_spot": round(1 - billed / trained, 4) if trained else 0.0,
    }


def told(cost: Mapping[str, Any]) -> str:
    """In words, for the job's log."""
    kinds = ", ".join(f"{count} on {kind}" for kind, count in cost["instance_types"].items())
    return (
        f"cost: {cost['training_jobs']} training jobs ({kinds}) took {cost['training_seconds']} instance seconds, "
        f"{cost['billable_seconds']} of them billed; spot instances saved {cost['saved_by_spot']:.0%}"
    )


def _names(sagemaker: Any, variables: Mapping[str, str]) -> Iterator[str]:
    if variables.get(TRAINING_JOB):
        yield variables[TRAINING_JOB]
    if not variables.get(TUNING_JOB):
        return
    paginator = sagemaker.get_paginator("list_training_jobs_for_hyper_parameter_tuning_job")
    for page in paginator.paginate(HyperParameterTuningJobName=variables[TUNING_JOB]):
        for summary in page["TrainingJobSummaries"]:
            yield summary["TrainingJobName"]
