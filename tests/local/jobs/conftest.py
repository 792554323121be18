"""One embedded AWS for all tests of jobs, with a bucket and a queue that gets every event of SageMaker."""

from __future__ import annotations

import io
import json
import tarfile
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
XGBOOST = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:1.7-1"
SKLEARN = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3"


class JobLab:
    """Clients and short cuts."""

    account, region, role, bucket = ACCOUNT, REGION, ROLE, "work"
    sklearn, xgboost = SKLEARN, XGBOOST

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

    def source(self, files: dict[str, str]) -> str:
        """Upload a source archive; return its URI."""
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w:gz") as tar:
            for name, text in files.items():
                data = textwrap.dedent(text).encode()
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
        return self.put(f"{self.name('source')}/sourcedir.tar.gz", stream.getvalue())

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
