"""Functions fed from queues."""

from __future__ import annotations

import json
from typing import Any


def mapping(bench: Any, function: str, queue_arn: str, **settings: Any) -> None:
    bench.client("lambda").create_event_source_mapping(FunctionName=function, EventSourceArn=queue_arn, **settings)


def waiting(bench: Any, url: str) -> tuple[int, int]:
    """Return how many messages are visible and how many are in flight."""
    found = bench.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return int(found["ApproximateNumberOfMessages"]), int(found["ApproximateNumberOfMessagesNotVisible"])


def test_batch_reaches_the_function_and_leaves_the_queue(bench: Any) -> None:
    url, arn = bench.queue("jobs")
    bench.recording_function("worker")
    sqs = bench.client("sqs")
    for number in range(3):
        sqs.send_message(
            QueueUrl=url,
            MessageBody=json.dumps({"number": number}),
            MessageAttributes={"kind": {"DataType": "String", "StringValue": "job"}},
        )
    mapping(bench, "worker", arn, BatchSize=10)
    records = [record for event in bench.recorded("worker") for record in event["Records"]]
    assert sorted(json.loads(record["body"])["number"] for record in records) == [0, 1, 2]
    assert records[0]["eventSource"] == "aws:sqs"
    assert records[0]["eventSourceARN"] == arn
    assert records[0]["attributes"]["ApproximateReceiveCount"] == "1"
    assert records[0]["messageAttributes"]["kind"]["stringValue"] == "job"
    assert waiting(bench, url) == (0, 0)
    receives = bench.aws.recorder.select(service="sqs", operation="ReceiveMessage")
    assert {call.caller_arn for call in receives} == {"arn:aws:iam::123456789012:role/worker-role"}


def test_failing_batch_returns_after_the_visibility_timeout_and_ends_in_the_dead_letter_queue(bench: Any) -> None:
    dead_url, dead_arn = bench.queue("poison")
    policy = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2})
    url, arn = bench.queue("fragile", VisibilityTimeout="120", RedrivePolicy=policy)
    bench.function("fragile", "def handler(event, context):\n    raise ValueError\n")
    mapping(bench, "fragile", arn, BatchSize=1)
    bench.client("sqs").send_message(QueueUrl=url, MessageBody="bad")
    bench.eventually(lambda: bench.settle() or waiting(bench, url) == (0, 1))
    bench.advance(60)
    assert waiting(bench, url) == (0, 1)
    bench.advance(61)
    starts = [line for line in bench.log("/aws/lambda/fragile") if line.startswith("START")]
    assert len(starts) == 2
    bench.advance(121)
    assert waiting(bench, url) == (0, 0)
    assert bench.bodies(dead_url) == ["bad"]


def test_partial_batch_failure_keeps_only_what_failed(bench: Any) -> None:
    url, arn = bench.queue("mixed", VisibilityTimeout="60")
    bench.function(
        "picky",
        """
        def handler(event, context):
            failed = [record["messageId"] for record in event["Records"] if record["body"] == "bad"]
            return {"batchItemFailures": [{"itemIdentifier": item} for item in failed]}
        """,
    )
    sqs = bench.client("sqs")
    sqs.send_message_batch(
        QueueUrl=url, Entries=[{"Id": str(i), "MessageBody": body} for i, body in enumerate(["good", "bad", "fine"])]
    )
    mapping(bench, "picky", arn, FunctionResponseTypes=["ReportBatchItemFailures"])
    bench.settle()
    assert waiting(bench, url) == (0, 1)


def test_delayed_message_waits_for_the_clock(bench: Any) -> None:
    url, arn = bench.queue("patient")
    bench.recording_function("patient")
    mapping(bench, "patient", arn)
    bench.client("sqs").send_message(QueueUrl=url, MessageBody="later", DelaySeconds=600)
    assert bench.recorded("patient") == []
    bench.advance(601)
    assert len(bench.recorded("patient")) == 1


def test_filter_drops_what_does_not_match(bench: Any) -> None:
    url, arn = bench.queue("filtered")
    bench.recording_function("choosy")
    pattern = json.dumps({"body": {"kind": ["wanted"]}})
    mapping(bench, "choosy", arn, FilterCriteria={"Filters": [{"Pattern": pattern}]})
    for kind in ("wanted", "other"):
        bench.client("sqs").send_message(QueueUrl=url, MessageBody=json.dumps({"kind": kind}))
    bodies = [record["body"] for event in bench.recorded("choosy") for record in event["Records"]]
    assert bodies == ['{"kind": "wanted"}']
    assert waiting(bench, url) == (0, 0)


def test_disabled_mapping_rests(bench: Any) -> None:
    url, arn = bench.queue("resting")
    bench.recording_function("resting")
    mapping(bench, "resting", arn, Enabled=False)
    bench.client("sqs").send_message(QueueUrl=url, MessageBody="x")
    bench.advance(60)
    assert bench.recorded("resting") == []
    assert waiting(bench, url) == (1, 0)
