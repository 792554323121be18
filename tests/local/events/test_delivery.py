"""Events and the targets that they reach."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sagemaker_local import events


def rule(bench: Any, name: str, pattern: dict[str, Any], *targets: dict[str, Any], bus: str = "default") -> str:
    client = bench.client("events")
    arn = client.put_rule(Name=name, EventPattern=json.dumps(pattern), EventBusName=bus)["RuleArn"]
    numbered = [{"Id": str(number), **target} for number, target in enumerate(targets)]
    client.put_targets(Rule=name, EventBusName=bus, Targets=numbered)
    return str(arn)


def put(bench: Any, source: str, detail: dict[str, Any], bus: str = "default", account: str = "123456789012") -> Any:
    entry = {"Source": source, "DetailType": "Test", "Detail": json.dumps(detail), "EventBusName": bus}
    return bench.client("events", account).put_events(Entries=[entry])


def test_event_reaches_queue_topic_function_and_log(bench: Any) -> None:
    url, queue = bench.queue("all")
    topic = bench.client("sns").create_topic(Name="all")["TopicArn"]
    bench.client("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint="all@example.com")
    function = bench.recording_function("all")
    bench.client("logs").create_log_group(logGroupName="/aws/events/all")
    log = "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/events/all"
    rule(bench, "all", {"source": ["shop"]}, *({"Arn": arn} for arn in (queue, topic, function, log)))
    answer = put(bench, "shop", {"order": 1})
    assert answer["FailedEntryCount"] == 0
    (event,) = [json.loads(body) for body in bench.bodies(url)]
    assert event["id"] == answer["Entries"][0]["EventId"]
    assert event["detail"] == {"order": 1}
    assert event["account"] == "123456789012"
    sent = datetime.strptime(event["time"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert abs(bench.aws.clock.now() - sent) < timedelta(minutes=1)
    assert bench.recorded("all") == [event]
    assert [json.loads(mail["message"]) for mail in bench.local("inbox?to=all@example.com")] == [event]
    assert [json.loads(line) for line in bench.log("/aws/events/all")] == [event]


def test_input_path_and_transformer(bench: Any) -> None:
    url, queue = bench.queue("shaped")
    transformer = {
        "InputPathsMap": {"name": "$.detail.name", "items": "$.detail.items"},
        "InputTemplate": '{"who": <name>, "text": "<name> bought <items>", "rule": <aws.events.rule-name>}',
    }
    rule(
        bench,
        "shaped",
        {"source": ["shaped"]},
        {"Arn": queue, "Input": '{"constant": true}'},
        {"Arn": queue, "InputPath": "$.detail.items[1]"},
        {"Arn": queue, "InputTransformer": transformer},
    )
    put(bench, "shaped", {"name": 'Ann "A"', "items": [{"n": 1}, {"n": 2}]})
    bodies = [json.loads(body) for body in bench.bodies(url)]
    assert {"constant": True} in bodies
    assert {"n": 2} in bodies
    expected = {"who": 'Ann "A"', "text": 'Ann "A" bought [{"n": 1}, {"n": 2}]', "rule": "shaped"}
    assert expected in bodies


def test_fifo_queue_gets_the_group(bench: Any) -> None:
    url, queue = bench.queue("line.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    rule(bench, "line", {"source": ["line"]}, {"Arn": queue, "SqsParameters": {"MessageGroupId": "one"}})
    put(bench, "line", {"n": 1})
    bench.settle()
    (message,) = bench.client("sqs").receive_message(QueueUrl=url, AttributeNames=["All"])["Messages"]
    assert message["Attributes"]["MessageGroupId"] == "one"


def test_failed_delivery_goes_to_the_dead_letter_queue(bench: Any) -> None:
    dead_url, dead = bench.queue("undelivered")
    missing = "arn:aws:sqs:eu-west-1:123456789012:not-there"
    arn = rule(bench, "dead", {"source": ["dead"]}, {"Arn": missing, "DeadLetterConfig": {"Arn": dead}})
    put(bench, "dead", {"n": 1})
    bench.settle()
    (message,) = bench.client("sqs").receive_message(QueueUrl=dead_url, MessageAttributeNames=["All"])["Messages"]
    assert json.loads(message["Body"])["detail"] == {"n": 1}
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert attributes["RULE_ARN"] == arn
    assert attributes["TARGET_ARN"] == missing
    assert "NonExistentQueue" in attributes["ERROR_CODE"] or "QueueDoesNotExist" in attributes["ERROR_CODE"]


def test_event_crosses_accounts_unchanged(bench: Any) -> None:
    other = "222222222222"
    theirs = bench.client("events", other)
    bus = theirs.create_event_bus(Name="central")["EventBusArn"]
    queue = bench.client("sqs", other).create_queue(QueueName="central")["QueueUrl"]
    theirs.put_rule(Name="any", EventBusName="central", EventPattern=json.dumps({"source": ["registry"]}))
    target = {"Id": "q", "Arn": f"arn:aws:sqs:eu-west-1:{other}:central"}
    theirs.put_targets(Rule="any", EventBusName="central", Targets=[target])
    role = bench.role("forwarder")
    rule(bench, "forward", {"source": ["registry"]}, {"Arn": bus, "RoleArn": role})
    put(bench, "registry", {"version": 3})
    bench.settle()
    (message,) = bench.client("sqs", other).receive_message(QueueUrl=queue)["Messages"]
    event = json.loads(message["Body"])
    assert (event["account"], event["detail"]) == ("123456789012", {"version": 3})
    calls = bench.aws.recorder.select(service="events", operation="PutEvents", caller=role)
    assert [call.account for call in calls] == [other]


def test_put_events_to_the_bus_of_another_account(bench: Any) -> None:
    bus = bench.client("events", "333333333333").create_event_bus(Name="inbox")["EventBusArn"]
    url = bench.client("sqs", "333333333333").create_queue(QueueName="inbox")["QueueUrl"]
    client = bench.client("events", "333333333333")
    client.put_rule(Name="r", EventBusName="inbox", EventPattern=json.dumps({"source": ["direct"]}))
    client.put_targets(
        Rule="r", EventBusName="inbox", Targets=[{"Id": "q", "Arn": "arn:aws:sqs:eu-west-1:333333333333:inbox"}]
    )
    put(bench, "direct", {"n": 1}, bus=bus)
    bench.settle()
    assert len(bench.client("sqs", "333333333333").receive_message(QueueUrl=url)["Messages"]) == 1


def test_pipeline_and_state_machine_are_started(bench: Any) -> None:
    role = bench.role("starter")
    sagemaker, states = bench.client("sagemaker"), bench.client("stepfunctions")
    pipeline = sagemaker.create_pipeline(
        PipelineName="retrain",
        PipelineDefinition=json.dumps({"Version": "2020-12-01", "Steps": []}),
        ClientRequestToken="x" * 32,
        RoleArn=role,
    )["PipelineArn"]
    machine = states.create_state_machine(
        name="retrain",
        definition=json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}),
        roleArn=role,
    )["stateMachineArn"]
    parameters = [{"Name": "Endpoint", "Value": "$.detail.endpoint"}, {"Name": "Reason", "Value": "drift"}]
    rule(
        bench,
        "retrain",
        {"source": ["drift"]},
        {"Arn": pipeline, "RoleArn": role, "SageMakerPipelineParameters": {"PipelineParameterList": parameters}},
        {"Arn": machine, "RoleArn": role, "InputPath": "$.detail"},
    )
    put(bench, "drift", {"endpoint": "churn"})
    bench.settle()
    (started,) = bench.aws.recorder.select(service="sagemaker", operation="StartPipelineExecution")
    assert started.caller_arn == role
    assert started.params["PipelineName"] == "retrain"
    expected = [{"Name": "Endpoint", "Value": "churn"}, {"Name": "Reason", "Value": "drift"}]
    assert started.params["PipelineParameters"] == expected
    assert len(sagemaker.list_pipeline_executions(PipelineName="retrain")["PipelineExecutionSummaries"]) == 1
    (execution,) = states.list_executions(stateMachineArn=machine)["executions"]
    details = states.describe_execution(executionArn=execution["executionArn"])
    assert json.loads(details["input"]) == {"endpoint": "churn"}


def test_s3_event_with_fresh_id_and_iso_time(bench: Any) -> None:
    url, queue = bench.queue("objects")
    pattern = {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"object": {"key": [{"prefix": "in/"}]}},
    }
    rule(bench, "objects", pattern, {"Arn": queue})
    s3 = bench.client("s3")
    s3.create_bucket(Bucket="watched", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_notification_configuration(
        Bucket="watched", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    for key in ("in/a", "out/b", "in/c"):
        s3.put_object(Bucket="watched", Key=key, Body=b"x")
    found = [json.loads(body) for body in bench.bodies(url)]
    assert sorted(event["detail"]["object"]["key"] for event in found) == ["in/a", "in/c"]
    assert len({event["id"] for event in found}) == 2
    assert all(event["time"].endswith("Z") for event in found)


def test_only_services_may_use_their_sources(bench: Any) -> None:
    url, queue = bench.queue("services")
    rule(bench, "services", {"source": ["aws.sagemaker"]}, {"Arn": queue})
    answer = put(bench, "aws.sagemaker", {})
    assert answer["FailedEntryCount"] == 1
    assert answer["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"
    detail = {"ModelApprovalStatus": "Approved"}
    events.emit(bench.aws, "123456789012", "eu-west-1", "aws.sagemaker", "SageMaker Model Package State Change", detail)
    (event,) = [json.loads(body) for body in bench.bodies(url)]
    assert event["detail"] == detail


def test_disabled_and_scheduled_rules_stay_silent(bench: Any) -> None:
    url, queue = bench.queue("silent")
    rule(bench, "disabled", {"source": ["silence"]}, {"Arn": queue})
    bench.client("events").disable_rule(Name="disabled")
    bench.client("events").put_rule(Name="scheduled-only", ScheduleExpression="rate(1 day)")
    bench.client("events").put_targets(Rule="scheduled-only", Targets=[{"Id": "q", "Arn": queue}])
    put(bench, "silence", {})
    assert bench.bodies(url) == []


def test_archive_keeps_events(bench: Any) -> None:
    client = bench.client("events")
    bus = client.create_event_bus(Name="kept")["EventBusArn"]
    client.create_archive(ArchiveName="kept", EventSourceArn=bus)
    put(bench, "archived", {"n": 1}, bus="kept")
    bench.settle()
    assert client.describe_archive(ArchiveName="kept")["EventCount"] == 1


def test_malformed_entries_are_refused_one_by_one(bench: Any) -> None:
    entries = [
        {"Source": "a", "DetailType": "b", "Detail": "no json"},
        {"Source": "a", "DetailType": "b", "Detail": "[1]"},
        {"Source": "a", "DetailType": "b", "Detail": "{}"},
        {"Source": "a", "Detail": "{}"},
    ]
    answer = bench.client("events").put_events(Entries=entries)
    codes = [entry.get("ErrorCode") for entry in answer["Entries"]]
    assert codes == ["MalformedDetail", "MalformedDetail", None, "InvalidArgument"]
    assert answer["FailedEntryCount"] == 3
    with pytest.raises(ClientError, match="10, inclusive"):
        bench.client("events").put_events(Entries=[entries[2]] * 11)


def test_test_event_pattern(bench: Any) -> None:
    event = json.dumps({"source": "x", "detail": {"n": 5}})
    client = bench.client("events")
    pattern = json.dumps({"detail": {"n": [{"numeric": [">", 4]}]}})
    assert client.test_event_pattern(EventPattern=pattern, Event=event)["Result"] is True
    assert client.test_event_pattern(EventPattern='{"source": ["y"]}', Event=event)["Result"] is False
