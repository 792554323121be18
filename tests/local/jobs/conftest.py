"""One embedded AWS for all tests of jobs, with a bucket and a queue that gets every event of SageMaker."""

from __future__ import annotations

import io
import json
import tarfile
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from local_support.lab import ACCOUNT, SKLEARN, XGBOOST, Lab, archive

from sagemaker_local.messaging import deliveries
from sagemaker_local.server import LocalAws


class JobLab(Lab):
    """Jobs in short."""

    role, bucket = f"arn:aws:iam::{ACCOUNT}:role/job", "work"
    sklearn, xgboost = SKLEARN, XGBOOST

    def keys(self, prefix: str) -> list[str]:
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        return [item["Key"].removeprefix(prefix) for item in found]

    def log(self, group: str, job: str) -> dict[str, list[str]]:
        """Return the lines of a job's log by stream."""
        logs = self.client("logs")
        streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{job}/")["logStreams"]
        return {
            stream["logStreamName"]: [
                event["message"]
                for event in logs.get_log_events(
                    logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
                )["events"]
            ]
            for stream in streams
        }

    def ended(self, describe: Callable[[], dict[str, Any]], status: str) -> dict[str, Any]:
        """Wait for the end of a job and return its description."""
        return self.eventually(lambda: (found := describe())[status] in ("Completed", "Failed", "Stopped") and found)

    def processing(self, script: str, *, wait: bool = True, **changes: Any) -> dict[str, Any]:
        """Run a script in a processing job; return its description."""
        name = self.name("processing")
        code = self.put(f"code/{name}/app.py", script)
        request = {
            "ProcessingJobName": name,
            "RoleArn": self.role,
            "AppSpecification": {
                "ImageUri": self.sklearn,
                "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/app.py"],
            },
            "ProcessingResources": {
                "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 30}
            },
            **changes,
        }
        inputs = [self.input("code", code, "/opt/ml/processing/input/code"), *request.pop("ProcessingInputs", [])]
        self.sm.create_processing_job(**request, ProcessingInputs=inputs)
        if not wait:
            return self.sm.describe_processing_job(ProcessingJobName=name)
        return self.ended(lambda: self.sm.describe_processing_job(ProcessingJobName=name), "ProcessingJobStatus")

    def source(self, files: dict[str, str]) -> str:
        """Upload a source archive; return its URI."""
        packed = archive({name: textwrap.dedent(text).encode() for name, text in files.items()})
        return self.put(f"{self.name('source')}/sourcedir.tar.gz", packed)

    def unpacked(self, uri: str) -> dict[str, bytes]:
        """Return the files of an archive in S3."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        data = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            members = [member for member in tar if member.isfile()]
            return {member.name: tar.extractfile(member).read() for member in members}  # type: ignore[union-attr]

    def script_job(self, script: str, hyperparameters: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        """Return a request for a training job in script mode."""
        source = self.source({"train.py": script, **changes.pop("files", {})})
        values = {"sagemaker_program": "train.py", "sagemaker_submit_directory": source, **(hyperparameters or {})}
        return self.training_request(
            self.sklearn,
            {name: json.dumps(value) for name, value in values.items()},
            **changes,
        )

    def training_request(self, image: str, hyperparameters: dict[str, str], **changes: Any) -> dict[str, Any]:
        metrics = changes.pop("metrics", None)
        return {
            "TrainingJobName": self.name("training"),
            "RoleArn": self.role,
            "AlgorithmSpecification": {
                "TrainingImage": image,
                "TrainingInputMode": "File",
                **({"MetricDefinitions": metrics} if metrics else {}),
            },
            "HyperParameters": hyperparameters,
            "OutputDataConfig": {"S3OutputPath": self.uri("trained")},
            "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
            **changes,
        }

    def train(self, request: dict[str, Any], wait: bool = True) -> dict[str, Any]:
        """Start a training job; return its description, at the end unless told otherwise."""
        name = request["TrainingJobName"]
        self.sm.create_training_job(**request)
        if not wait:
            return self.sm.describe_training_job(TrainingJobName=name)
        return self.ended(lambda: self.sm.describe_training_job(TrainingJobName=name), "TrainingJobStatus")

    def channel(self, name: str, uri: str, content_type: str = "text/csv") -> dict[str, Any]:
        source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
        return {"ChannelName": name, "DataSource": {"S3DataSource": source}, "ContentType": content_type}

    def input(self, name: str, uri: str, path: str, kind: str = "S3Prefix", **more: Any) -> dict[str, Any]:
        return {
            "InputName": name,
            "S3Input": {"S3Uri": uri, "LocalPath": path, "S3DataType": kind, "S3InputMode": "File", **more},
        }

    def output(self, name: str, key: str, path: str, mode: str = "EndOfJob") -> dict[str, Any]:
        return {
            "OutputName": name,
            "S3Output": {"S3Uri": self.uri(key), "LocalPath": path, "S3UploadMode": mode},
        }


@pytest.fixture(scope="module")
def lab() -> Iterator[JobLab]:
    with LocalAws(features=("lambdas", "events", "alarms", "scheduling", "sagemaker", "jobs")) as aws:
        yield JobLab(aws)
        deliveries.of(aws).settle(10)
