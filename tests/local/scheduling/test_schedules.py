"""Scheduled rules and EventBridge Scheduler on the clock."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError


def schedule(bench: Any, name: str, expression: str, target: dict[str, Any], **settings: Any) -> str:
    document = {"RoleArn": bench.role("scheduler"), **target}
    return str(
        bench.client("scheduler").create_schedule(
            Name=name,
            ScheduleExpression=expression,
            FlexibleTimeWindow={"Mode": "OFF"},
            Target=document,
            **settings,
        )["ScheduleArn"]
    )


def test_rule_runs_once_per_hour_however_far_the_clock_jumps(bench: Any) -> None:
    url, queue = bench.queue("hourly-rule")
    client = bench.client("events")
    arn = client.put_rule(Name="hourly", ScheduleExpression="cron(0 * * * ? *)")["RuleArn"]
    client.put_targets(Rule="hourly", Targets=[{"Id": "q", "Arn": queue}])
    begin = bench.aws.clock.now()
    bench.advance(4 * 3600)
    events = [json.loads(body) for body in bench.bodies(url)]
    first = begin.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    expected = [(first + timedelta(hours=hour)).strftime("%Y-%m-%dT%H:%M:%SZ") for hour in range(4)]
    assert [event["time"] for event in events] == expected
    assert {(event["source"], event["detail-type"]) for event in events} == {("aws.events", "Scheduled Event")}
    assert events[0]["resources"] == [arn]
    client.disable_rule(Name="hourly")
    bench.advance(2 * 3600)
    assert bench.bodies(url) == []


def test_rate_rule_waits_one_period(bench: Any) -> None:
    url, queue = bench.queue("rated")
    client = bench.client("events")
    client.put_rule(Name="rated", ScheduleExpression="rate(10 minutes)")
    client.put_targets(Rule="rated", Targets=[{"Id": "q", "Arn": queue, "Input": '{"go": 1}'}])
    bench.advance(9 * 60)
    assert bench.bodies(url) == []
    bench.advance(22 * 60)
    assert bench.bodies(url) == ['{"go": 1}'] * 3
    client.disable_rule(Name="rated")


def test_schedule_invokes_the_function_with_context_attributes(bench: Any) -> None:
    function = bench.recording_function("hourly")
    payload = {
        "scheduled_time": "<aws.scheduler.scheduled-time>",
        "arn": "<aws.scheduler.schedule-arn>",
        "execution": "<aws.scheduler.execution-id>",
        "attempt": "<aws.scheduler.attempt-number>",
    }
    arn = schedule(bench, "hourly", "cron(5 * * * ? *)", {"Arn": function, "Input": json.dumps(payload)})
    bench.advance(2 * 3600)
    events = bench.recorded("hourly")
    assert len(events) == 2
    assert [event["scheduled_time"][14:] for event in events] == ["05:00Z", "05:00Z"]
    assert {event["arn"] for event in events} == {arn}
    assert len({event["execution"] for event in events}) == 2
    assert {event["attempt"] for event in events} == {"1"}
    invocations = bench.aws.recorder.select(service="lambda", operation="Invoke")
    assert {call.caller_arn for call in invocations} == {bench.role("scheduler")}
    bench.client("scheduler").delete_schedule(Name="hourly")


def test_run_now_does_not_move_the_plan(bench: Any) -> None:
    function = bench.recording_function("manual")
    schedule(bench, "manual", "cron(0 0 1 1 ? *)", {"Arn": function, "Input": '"<aws.scheduler.scheduled-time>"'})
    before = bench.local("schedules")
    answer = bench.local("schedules", {"run": "manual"})
    assert answer["ran"].endswith("schedule/default/manual")
    assert len(bench.recorded("manual")) == 1
    assert bench.local("schedules") == before
    with pytest.raises(Exception, match="400"):
        bench.local("schedules", {"run": "unknown"})


def test_rate_schedule_starts_at_once_and_start_and_end_date_bound_it(bench: Any) -> None:
    url, queue = bench.queue("bounded")
    schedule(bench, "at-once", "rate(1 hour)", {"Arn": queue, "Input": "at once"})
    now = bench.aws.clock.now()
    begin, end = now + timedelta(hours=2), now + timedelta(hours=4, minutes=30)
    schedule(bench, "bounded", "rate(1 hour)", {"Arn": queue, "Input": "bounded"}, StartDate=begin, EndDate=end)
    bench.advance(61)
    assert bench.bodies(url) == ["at once"]
    bench.client("scheduler").delete_schedule(Name="at-once")
    bench.advance(6 * 3600)
    assert bench.bodies(url) == ["bounded"] * 3


def test_one_time_schedule_in_its_zone_deletes_itself(bench: Any) -> None:
    url, queue = bench.queue("once")
    from zoneinfo import ZoneInfo

    local = (bench.aws.clock.now() + timedelta(hours=1)).astimezone(ZoneInfo("Asia/Tokyo"))
    schedule(
        bench,
        "once",
        f"at({local.strftime('%Y-%m-%dT%H:%M:%S')})",
        {"Arn": queue, "Input": "now"},
        ScheduleExpressionTimezone="Asia/Tokyo",
        ActionAfterCompletion="DELETE",
    )
    bench.advance(59 * 60)
    assert bench.bodies(url) == []
    bench.advance(3 * 60)
    assert bench.bodies(url) == ["now"]
    with pytest.raises(ClientError, match="does not exist"):
        bench.client("scheduler").get_schedule(Name="once")


def test_disabled_schedule_and_group(bench: Any) -> None:
    url, queue = bench.queue("group")
    client = bench.client("scheduler")
    client.create_schedule_group(Name="batch")
    schedule(bench, "off", "rate(1 minute)", {"Arn": queue, "Input": "off"}, State="DISABLED", GroupName="batch")
    schedule(bench, "on", "cron(0/10 * * * ? *)", {"Arn": queue, "Input": "on"}, GroupName="batch")
    bench.advance(10 * 60)
    assert bench.bodies(url) == ["on"]
    client.delete_schedule_group(Name="batch")
    bench.advance(20 * 60)
    assert bench.bodies(url) == []


def test_universal_target_calls_any_operation(bench: Any) -> None:
    url, _ = bench.queue("universal")
    request = {"QueueUrl": url, "MessageBody": "sent at <aws.scheduler.scheduled-time>"}
    schedule(
        bench,
        "universal",
        "cron(0 * * * ? *)",
        {"Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "Input": json.dumps(request)},
    )
    bench.advance(3600)
    (body,) = bench.bodies(url)
    assert body.startswith("sent at 20")
    bench.client("scheduler").delete_schedule(Name="universal")


def test_event_bus_target_with_its_parameters(bench: Any) -> None:
    url, queue = bench.queue("bus-target")
    client = bench.client("events")
    client.put_rule(Name="from-schedule", EventPattern=json.dumps({"source": ["clockwork"]}))
    client.put_targets(Rule="from-schedule", Targets=[{"Id": "q", "Arn": queue}])
    bus = "arn:aws:events:eu-west-1:123456789012:event-bus/default"
    parameters = {"Source": "clockwork", "DetailType": "Tick"}
    target = {"Arn": bus, "EventBridgeParameters": parameters, "Input": '{"n": 1}'}
    schedule(bench, "bus", "cron(0 * * * ? *)", target)
    bench.advance(3600)
    (event,) = [json.loads(body) for body in bench.bodies(url)]
    assert (event["detail-type"], event["detail"]) == ("Tick", {"n": 1})
    bench.client("scheduler").delete_schedule(Name="bus")


def test_refused_target_ends_in_the_dead_letter_queue(bench: Any) -> None:
    dead_url, dead = bench.queue("schedule-dead")
    missing = "arn:aws:lambda:eu-west-1:123456789012:function:not-there"
    arn = schedule(
        bench, "broken", "cron(0 * * * ? *)", {"Arn": missing, "Input": "{}", "DeadLetterConfig": {"Arn": dead}}
    )
    bench.advance(3600)
    bench.client("scheduler").delete_schedule(Name="broken")
    (message,) = bench.client("sqs").receive_message(QueueUrl=dead_url, MessageAttributeNames=["All"])["Messages"]
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert attributes["SCHEDULE_ARN"] == arn
    assert attributes["ERROR_CODE"] == "ResourceNotFoundException"
    assert attributes["RETRY_ATTEMPTS"] == "0"


def test_throttled_target_is_retried_on_the_clock_until_the_policy_gives_up(bench: Any) -> None:
    dead_url, dead = bench.queue("schedule-retries")
    bench.function("throttled", "def handler(event, context): pass\n")
    bench.client("lambda").put_function_concurrency(FunctionName="throttled", ReservedConcurrentExecutions=0)
    call = {"FunctionName": "throttled", "InvocationType": "RequestResponse"}
    schedule(
        bench,
        "retried",
        "cron(0 * * * ? *)",
        {
            "Arn": "arn:aws:scheduler:::aws-sdk:lambda:invoke",
            "Input": json.dumps(call),
            "RetryPolicy": {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 3600},
            "DeadLetterConfig": {"Arn": dead},
        },
    )
    bench.advance(3600 + 120)
    bench.client("scheduler").delete_schedule(Name="retried")
    bench.settle()
    (message,) = bench.client("sqs").receive_message(QueueUrl=dead_url, MessageAttributeNames=["All"])["Messages"]
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert attributes["EXHAUSTED_RETRY_CONDITION"] == "MaximumRetryAttempts"
    assert attributes["RETRY_ATTEMPTS"] == "2"


def test_invalid_expressions_are_refused_at_creation(bench: Any) -> None:
    with pytest.raises(ClientError, match="six are needed"):
        schedule(bench, "bad", "cron(0 * * *)", {"Arn": "arn:aws:sqs:eu-west-1:123456789012:q"})
    with pytest.raises(ClientError, match="Mars/Base"):
        target = {"Arn": "arn:aws:sqs:eu-west-1:123456789012:q"}
        schedule(bench, "bad", "rate(1 hour)", target, ScheduleExpressionTimezone="Mars/Base")
    with pytest.raises(ClientError, match="ScheduleExpression is not valid"):
        bench.client("events").put_rule(Name="bad", ScheduleExpression="cron(99 * * * ? *)")
