"""Event invocations: retries on the clock, destinations, dead-letter queues, and who starts them."""

from __future__ import annotations

import json
from typing import Any

FAILING = "def handler(event, context):\n    raise ValueError('never')\n"


def attempts(bench: Any, name: str) -> int:
    bench.settle()
    return sum(line.startswith("START") for line in bench.log(f"/aws/lambda/{name}"))


def test_two_retries_after_one_and_two_minutes_then_the_failure_destination(bench: Any) -> None:
    url, arn = bench.queue("failures")
    bench.function("unlucky", FAILING)
    client = bench.client("lambda")
    client.put_function_event_invoke_config(
        FunctionName="unlucky", DestinationConfig={"OnFailure": {"Destination": arn}}
    )
    answer = client.invoke(FunctionName="unlucky", InvocationType="Event", Payload=b'{"order": 7}')
    assert answer["StatusCode"] == 202
    assert attempts(bench, "unlucky") == 1
    bench.advance(61)
    assert attempts(bench, "unlucky") == 2
    bench.advance(61)
    assert attempts(bench, "unlucky") == 2
    assert bench.bodies(url) == []
    bench.advance(60)
    assert attempts(bench, "unlucky") == 3
    (record,) = [json.loads(body) for body in bench.bodies(url)]
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["requestPayload"] == {"order": 7}
    assert record["responsePayload"]["errorType"] == "ValueError"
    bench.advance(600)
    assert attempts(bench, "unlucky") == 3


def test_dead_letter_queue_without_retries(bench: Any) -> None:
    url, arn = bench.queue("dead-letters")
    bench.function("mortal", FAILING, DeadLetterConfig={"TargetArn": arn})
    client = bench.client("lambda")
    client.put_function_event_invoke_config(FunctionName="mortal", MaximumRetryAttempts=0)
    client.invoke(FunctionName="mortal", InvocationType="Event", Payload=b'{"order": 8}')
    bench.settle()
    (message,) = bench.client("sqs").receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"]
    assert json.loads(message["Body"]) == {"order": 8}
    assert message["MessageAttributes"]["ErrorMessage"]["StringValue"] == "never"
    sends = bench.aws.recorder.select(service="sqs", operation="SendMessage")
    assert sends[-1].caller_arn == "arn:aws:iam::123456789012:role/mortal-role"


def test_success_destination(bench: Any) -> None:
    url, arn = bench.queue("successes")
    bench.function("lucky", "def handler(event, context):\n    return {'fine': True}\n")
    client = bench.client("lambda")
    client.put_function_event_invoke_config(FunctionName="lucky", DestinationConfig={"OnSuccess": {"Destination": arn}})
    client.invoke(FunctionName="lucky", InvocationType="Event", Payload=b"{}")
    (record,) = [json.loads(body) for body in bench.bodies(url)]
    assert record["responsePayload"] == {"fine": True}
    assert record["requestContext"]["condition"] == "Success"


def test_s3_notification_invokes_the_function(bench: Any) -> None:
    arn = bench.recording_function("uploads")
    s3 = bench.client("s3")
    s3.create_bucket(Bucket="incoming", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_notification_configuration(
        Bucket="incoming",
        NotificationConfiguration={
            "LambdaFunctionConfigurations": [{"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]}]
        },
    )
    s3.put_object(Bucket="incoming", Key="a/b.csv", Body=b"1,2")
    (event,) = bench.recorded("uploads")
    assert event["Records"][0]["s3"]["object"]["key"] == "a%2Fb.csv"


def test_topic_reaches_functions_queues_and_people(bench: Any) -> None:
    sns = bench.client("sns")
    topic = sns.create_topic(Name="news")["TopicArn"]
    function = bench.recording_function("reader")
    url, queue = bench.queue("news-queue")
    raw_url, raw_queue = bench.queue("news-raw")
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=raw_queue, Attributes={"RawMessageDelivery": "true"})
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="ops@example.com")
    sns.subscribe(
        TopicArn=topic,
        Protocol="email",
        Endpoint="night@example.com",
        Attributes={"FilterPolicy": json.dumps({"severity": ["high"]})},
    )
    attributes = {"severity": {"DataType": "String", "StringValue": "low"}}
    sns.publish(TopicArn=topic, Subject="Hello", Message="body", MessageAttributes=attributes)
    (event,) = bench.recorded("reader")
    assert event["Records"][0]["EventSource"] == "aws:sns"
    assert event["Records"][0]["Sns"]["Message"] == "body"
    assert event["Records"][0]["Sns"]["TopicArn"] == topic
    assert event["Records"][0]["Sns"]["MessageAttributes"]["severity"]["Value"] == "low"
    (document,) = [json.loads(body) for body in bench.bodies(url)]
    assert (document["Type"], document["Subject"], document["Message"]) == ("Notification", "Hello", "body")
    assert bench.bodies(raw_url) == ["body"]
    inbox = bench.local("inbox?topicArn=" + topic)
    assert [(mail["to"], mail["subject"], mail["message"]) for mail in inbox] == [("ops@example.com", "Hello", "body")]
    attributes["severity"]["StringValue"] = "high"
    sns.publish(TopicArn=topic, Message="wake up", MessageAttributes=attributes)
    bench.settle()
    assert [mail["message"] for mail in bench.local("inbox?to=night@example.com")] == ["wake up"]


def test_topic_reaches_a_queue_of_another_account(bench: Any) -> None:
    topic = bench.client("sns").create_topic(Name="shared")["TopicArn"]
    other = bench.client("sqs", "222222222222")
    url = other.create_queue(QueueName="theirs")["QueueUrl"]
    bench.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:eu-west-1:222222222222:theirs")
    bench.client("sns").publish(TopicArn=topic, Message="across")
    bench.settle()
    (message,) = other.receive_message(QueueUrl=url)["Messages"]
    assert json.loads(message["Body"])["Message"] == "across"
