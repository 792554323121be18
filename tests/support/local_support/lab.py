"""An embedded AWS to try things in: clients of one account, a bucket, a queue that gets every event of SageMaker."""

from __future__ import annotations

import io
import json
import tarfile
import textwrap
import time
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from sagemaker_local import jobs as local_jobs
from sagemaker_local.messaging import deliveries
from sagemaker_local.server import LocalAws

ACCOUNT, REGION = "111111111111", "eu-west-1"
SKLEARN = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3"
XGBOOST = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:1.7-1"


def archive(files: Mapping[str, bytes]) -> bytes:
    """Return a tar.gz of some files."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return stream.getvalue()


class Lab:
    """Clients and short cuts."""

    account, region, bucket = ACCOUNT, REGION, "lab"
    role = f"arn:aws:iam::{ACCOUNT}:role/lab"

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

    def name(self, kind: str) -> str:
        return f"{kind}-{uuid4().hex[:8]}"

    def uri(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"

    def put(self, key: str, data: str | bytes) -> str:
        """Upload bytes, or a text without its indentation; return its URI."""
        body = textwrap.dedent(data).encode() if isinstance(data, str) else data
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        return self.uri(key)

    def text(self, key: str) -> str:
        return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read().decode()

    def events(self) -> list[dict[str, Any]]:
        """Receive the events so far."""
        assert deliveries.of(self.aws).settle(30)
        sqs, found = self.client("sqs"), []
        while messages := sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", []):
            for message in messages:
                found.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return found

    def eventually(self, check: Callable[[], Any], seconds: float = 30) -> Any:
        """Return the first true result of `check`."""
        deadline = time.monotonic() + seconds
        while not (result := check()):
            assert time.monotonic() < deadline, "did not happen in time"
            time.sleep(0.02)
        return result
