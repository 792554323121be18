"""The training and tuning jobs behind versions. Read-only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from insights.facts import Job
from shared.clients import error_text, says

# SageMaker puts a training job's archive below a folder of the job's name.
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_OutputDataConfig.html
_ARCHIVE = re.compile(r"/([a-zA-Z0-9](?:-*[a-zA-Z0-9]){0,62})/output/model\.tar\.gz$")


def job_of(version: Mapping[str, Any], sagemaker: Any, unread: list[str]) -> Job | None:
    """The job that wrote the archive of a version; None if no training job of this account did."""
    containers = (version.get("InferenceSpecification") or {}).get("Containers") or [{}]
    match = _ARCHIVE.search(str(containers[0].get("ModelDataUrl", "")))
    if match is None:
        return None
    try:
        return _job(sagemaker.describe_training_job(TrainingJobName=match[1]), sagemaker)
    except ClientError as error:
        # An archive that was put there by hand, or trained in another account.
        if not says(error, "not found", "could not find", "does not exist", "cannot be found"):
            unread.append(f"training job {match[1]}: {error_text(error)}")
        return None


def _job(document: Mapping[str, Any], sagemaker: Any) -> Job:
    resources = document.get("ResourceConfig") or {}
    count = int(resources.get("InstanceCount", 1))
    tuning = str(document.get("TuningJobArn", "")).rpartition("/")[2]
    counters: Mapping[str, int] = {}
    if tuning:
        described = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=tuning)
        counters = described.get("TrainingJobStatusCounters") or {}
    seconds = float(document.get("TrainingTimeInSeconds", 0))
    return Job(
        name=document["TrainingJobName"],
        instance_type=str(resources.get("InstanceType", "")),
        instances=count,
        seconds=seconds * count,
        billed=float(document.get("BillableTimeInSeconds", seconds)) * count,
        spot=bool(document.get("EnableManagedSpotTraining", False)),
        metrics={item["MetricName"]: float(item["Value"]) for item in document.get("FinalMetricDataList") or ()},
        tuning=tuning,
        tried=sum(map(int, counters.values())),
        failed=int(counters.get("RetryableError", 0)) + int(counters.get("NonRetryableError", 0)),
    )
