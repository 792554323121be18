"""What the tests of the embedded AWS share. Only one can run per process, so it lives as long as a module."""

from __future__ import annotations

import io
import json
import textwrap
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sagemaker_local.messaging import deliveries
from sagemaker_local.server import LocalAws

_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


class Bench:
    """An embedded AWS with the few things that tests need again and again."""

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws

    def client(self, service: str, account: str = "123456789012", region: str = "eu-west-1") -> Any:
        return self.aws.client(service, account, region)

    def settle(self) -> None:
        """Wait until all deliveries are done."""
        assert deliveries.of(self.aws).settle(30)

    def advance(self, seconds: float) -> None:
        self.aws.clock.advance(seconds)

    def to_next_minute(self) -> None:
        self.advance(60 - self.aws.clock.now().second)

    def role(self, name: str) -> str:
        iam = self.client("iam")
        try:
            created = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(_TRUST))
        except iam.exceptions.EntityAlreadyExistsException:
            created = iam.get_role(RoleName=name)
        return str(created["Role"]["Arn"])

    def zipped(self, files: dict[str, str | bytes]) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, textwrap.dedent(content) if isinstance(content, str) else content)
        return buffer.getvalue()

    def function(self, name: str, code: str, **settings: Any) -> str:
        created = self.client("lambda").create_function(
            FunctionName=name,
            Role=self.role(f"{name}-role"),
            Handler="app.handler",
            Code={"ZipFile": self.zipped({"app.py": code})},
            **{"Runtime": "python3.13", "Timeout": 20, **settings},
        )
        return str(created["FunctionArn"])

    def recording_function(self, name: str) -> str:
        """Deploy a function that keeps every event that it gets; `recorded` returns them."""
        self.client("s3").create_bucket(
            Bucket=f"recorded-{name}", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        return self.function(
            name,
            f"""
            import boto3, json, time
            def handler(event, context):
                key = f"{{time.time_ns()}}-{{context.aws_request_id}}"
                boto3.client("s3").put_object(Bucket="recorded-{name}", Key=key, Body=json.dumps(event))
            """,
        )

    def recorded(self, name: str) -> list[Any]:
        self.settle()
        s3 = self.client("s3")
        keys = [item["Key"] for item in s3.list_objects_v2(Bucket=f"recorded-{name}").get("Contents", [])]
        return [json.loads(s3.get_object(Bucket=f"recorded-{name}", Key=key)["Body"].read()) for key in keys]

    def queue(self, name: str, **attributes: str) -> tuple[str, str]:
        """Create a queue; return URL and ARN."""
        sqs = self.client("sqs")
        url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def bodies(self, url: str, settle: bool = True) -> list[str]:
        """Receive and delete everything that is in a queue."""
        if settle:
            self.settle()
        sqs, found = self.client("sqs"), []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            for message in messages:
                found.append(message["Body"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def local(self, path: str, document: Any = None) -> Any:
        """Call a control of the embedded AWS: GET, or POST with a document."""
        body = None if document is None else json.dumps(document).encode()
        with urllib.request.urlopen(f"{self.aws.url}/_local/{path}", body) as answer:
            return json.loads(answer.read())

    def log(self, group: str) -> list[str]:
        logs = self.client("logs")
        events = logs.filter_log_events(logGroupName=group)["events"]
        return [event["message"] for event in events]

    def eventually(self, check: Callable[[], Any], seconds: float = 10) -> Any:
        """Return the first true result of `check`."""
        deadline = time.monotonic() + seconds
        while not (result := check()):
            assert time.monotonic() < deadline, "did not happen in time"
            time.sleep(0.05)
        return result


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """An embedded AWS with functions, events, alarms and schedules."""
    with LocalAws(features=("lambdas", "events", "alarms", "scheduling")) as aws:
        yield Bench(aws)
