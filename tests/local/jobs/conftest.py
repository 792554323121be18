"""One embedded AWS for all tests of jobs, with a bucket and a queue that gets every event of SageMaker."""

from __future__ import annotations

import json
import textwrap
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from sagemaker_local import jobs as local_jobs
from sagemaker_local.messaging import deliveries
from sagemaker_local.server import LocalAws

ACCOUNT, REGION = "111111111111", "eu-west-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/job"
SKLEARN = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3"


class JobLab:
    """Clients and short cuts."""

    account, region, role, sklearn, bucket = ACCOUNT, REGION, ROLE, SKLEARN, "work"

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws
        self.s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.queue = self.client("sqs").create_queue(QueueName="events")["QueueUrl"]
        events = self.client("events")
        events.put_rule(Name="all", EventPattern=json.dumps({"source": ["aws.sagemaker"]}))
        events.put_targets(Rule="all", Targets=[{"Id": "q", "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:events"}])

    def client(self, service: str) -> Any:
        return self.aws.clients(service, self.account, self.region)

    @property
    def s3(self) -> Any:
        return self.client("s3")

    @property
    def sm(self) -> Any:
        return self.client("sagemaker")

    @property
    def jobs(self) -> local_jobs.Jobs:
        return local_jobs.of(self.aws)

    def name(self, kind: str = "job") -> str:
        return f"{kind}-{uuid4().hex[:8]}"

    def uri(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"

    def put(self, key: str, data: str | bytes) -> str:
        body = textwrap.dedent(data).encode() if isinstance(data, str) else data
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        return self.uri(key)

    def text(self, key: str) -> str:
        return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read().decode()

    def keys(self, prefix: str) -> list[str]:
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        return [item["Key"].removeprefix(prefix) for item in found]

    def events(self) -> list[dict[str, Any]]:
        """Receive the events so far."""
        assert deliveries.of(self.aws).settle(30)
        sqs, found = self.client("sqs"), []
        while messages := sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", []):
            for message in messages:
                found.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return found

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

    def eventually(self, check: Callable[[], Any], seconds: float = 30) -> Any:
        """Return the first true result of `check`."""
        deadline = time.monotonic() + seconds
        while not (result := check()):
            assert time.monotonic() < deadline, "did not happen in time"
            time.sleep(0.02)
        return result

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
    with LocalAws(features=("lambdas", "events", "scheduling", "sagemaker", "jobs")) as aws:
        yield JobLab(aws)
