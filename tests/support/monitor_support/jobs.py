"""Processing jobs in memory, and the request that monitors start theirs with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from monitor.job_environment import MAX_VALUE

PREFIX = "mlops-prod-churn-dq"
TEMPLATE = {
    "ProcessingInputs": [],
    "AppSpecification": {"ImageUri": "image", "ContainerEntrypoint": ["python3", "-m", "monitor.job"]},
    "ProcessingResources": {
        "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 30}
    },
    "RoleArn": "arn:aws:iam::123456789012:role/jobs",
    "Environment": {"RUN_SECONDS": "3600"},
}


class Sagemaker:
    """Processing jobs as the service keeps them."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}

    def create_processing_job(self, ProcessingJobName: str, **request: Any) -> dict[str, Any]:
        if ProcessingJobName in self.jobs:
            error = {"Code": "ResourceInUse", "Message": "Job name must be unique"}
            raise ClientError({"Error": error}, "CreateProcessingJob")
        assert all(len(value) <= MAX_VALUE for value in request["Environment"].values())
        self.jobs[ProcessingJobName] = {**request, "ProcessingJobStatus": "InProgress"}
        return {}

    def describe_processing_job(self, ProcessingJobName: str) -> dict[str, Any]:
        return {"ProcessingJobName": ProcessingJobName, **self.jobs[ProcessingJobName]}

    def ends(self, name: str, status: str, **said: Any) -> dict[str, Any]:
        """The job ends; returns the event of that."""
        now = datetime.now(UTC)
        self.jobs[name] |= {
            "ProcessingJobStatus": status,
            "ProcessingStartTime": now - timedelta(seconds=42),
            "ProcessingEndTime": now,
            **said,
        }
        return {
            "source": "aws.sagemaker",
            "detail-type": "SageMaker Processing Job State Change",
            "detail": {"ProcessingJobName": name, "ProcessingJobStatus": status},
        }
