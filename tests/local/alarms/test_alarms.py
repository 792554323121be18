"""Alarms end to end: data in, states, notifications and events out."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError


def alarm(bench: Any, name: str, **settings: Any) -> str:
    base = {
        "Namespace": "Test",
        "MetricName": name,
        "Statistic": "Maximum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 5.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    }
    merged = {key: value for key, value in {**base, **settings}.items() if value is not None}
    bench.client("cloudwatch").put_metric_alarm(AlarmName=name, **merged)
    return f"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:{name}"


def put(bench: Any, name: str, value: float, ago: float = 0) -> None:
    at = bench.aws.clock.now() - timedelta(seconds=ago)
    bench.client("cloudwatch").put_metric_data(
        Namespace="Test", MetricData=[{"MetricName": name, "Value": value, "Timestamp": at}]
    )


def describe(bench: Any, name: str) -> dict[str, Any]:
    found = bench.client("cloudwatch").describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    return dict((found["MetricAlarms"] + found["CompositeAlarms"])[0])


def state(bench: Any, name: str) -> str:
    return str(describe(bench, name)["StateValue"])


def topic(bench: Any, name: str) -> tuple[str, str]:
    """Create a topic that a queue listens to; return topic ARN and queue URL."""
    arn = bench.client("sns").create_topic(Name=name)["TopicArn"]
    url, queue = bench.queue(name)
    bench.client("sns").subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue)
    return arn, url


def messages(bench: Any, url: str) -> list[dict[str, Any]]:
    return [json.loads(json.loads(body)["Message"]) for body in bench.bodies(url)]


def test_life_of_an_alarm(bench: Any) -> None:
    bad, bad_url = topic(bench, "bad-news")
    good, good_url = topic(bench, "good-news")
    arn = alarm(bench, "life", AlarmActions=[bad], OKActions=[good], AlarmDescription="too much")
    first = describe(bench, "life")
    assert (first["StateValue"], first["StateReason"]) == ("INSUFFICIENT_DATA", "Unchecked: Initial alarm creation")
    bench.advance(60)
    assert state(bench, "life") == "OK"
    assert len(messages(bench, good_url)) == 1
    put(bench, "life", 9.0)
    assert state(bench, "life") == "OK"  # the minute is not over
    bench.advance(60)
    found = describe(bench, "life")
    assert found["StateValue"] == "ALARM"
    assert "1 out of the last 1 datapoints [9.0 (" in found["StateReason"]
    assert json.loads(found["StateReasonData"])["recentDatapoints"] == [9.0]
    (message,) = messages(bench, bad_url)
    assert (message["AlarmName"], message["AlarmArn"]) == ("life", arn)
    assert (message["OldStateValue"], message["NewStateValue"]) == ("OK", "ALARM")
    assert message["Region"] == "EU (Ireland)"
    assert message["Trigger"]["MetricName"] == "life"
    assert message["Trigger"]["Statistic"] == "MAXIMUM"
    bench.advance(60)
    assert messages(bench, bad_url) == []  # still in ALARM: nothing new to tell
    bench.advance(180)
    assert state(bench, "life") == "OK"
    assert len(messages(bench, good_url)) == 1
    history = bench.client("cloudwatch").describe_alarm_history(AlarmName="life", ScanBy="TimestampAscending")
    changes = [
        item["HistorySummary"] for item in history["AlarmHistoryItems"] if item["HistoryItemType"] == "StateUpdate"
    ]
    assert changes == [
        "Alarm updated from INSUFFICIENT_DATA to OK",
        "Alarm updated from OK to ALARM",
        "Alarm updated from ALARM to OK",
    ]
    kinds = {item["HistoryItemType"] for item in history["AlarmHistoryItems"]}
    assert kinds == {"ConfigurationUpdate", "StateUpdate", "Action"}


def test_point_in_the_past_counts_at_once(bench: Any) -> None:
    """A monitoring run reports for the start of its window, an hour ago."""
    alarm(bench, "drift", Period=3600)
    put(bench, "drift", 9.0, ago=3700)
    assert state(bench, "drift") == "ALARM"


def test_event_and_function_learn_of_the_change(bench: Any) -> None:
    function = bench.recording_function("alarmed")
    url, queue = bench.queue("alarm-events")
    client = bench.client("events")
    pattern = {"source": ["aws.cloudwatch"], "detail": {"alarmName": ["told"], "state": {"value": ["ALARM"]}}}
    client.put_rule(Name="alarms", EventPattern=json.dumps(pattern))
    client.put_targets(Rule="alarms", Targets=[{"Id": "q", "Arn": queue}])
    arn = alarm(bench, "told", AlarmActions=[function], Dimensions=[{"Name": "D", "Value": "v"}])
    at = bench.aws.clock.now() - timedelta(seconds=70)
    dimensioned = {"MetricName": "told", "Value": 6.0, "Timestamp": at, "Dimensions": [{"Name": "D", "Value": "v"}]}
    bench.client("cloudwatch").put_metric_data(Namespace="Test", MetricData=[dimensioned])
    (event,) = [json.loads(body) for body in bench.bodies(url)]
    assert event["detail-type"] == "CloudWatch Alarm State Change"
    assert event["resources"] == [arn]
    assert event["detail"]["previousState"]["value"] == "INSUFFICIENT_DATA"
    stat = event["detail"]["configuration"]["metrics"][0]["metricStat"]
    assert stat["metric"] == {"namespace": "Test", "name": "told", "dimensions": {"D": "v"}}
    (invocation,) = bench.recorded("alarmed")
    assert (invocation["source"], invocation["alarmArn"]) == ("aws.cloudwatch", arn)
    assert invocation["alarmData"]["state"]["value"] == "ALARM"


def test_alarm_on_the_depth_of_a_queue(bench: Any) -> None:
    url, _ = bench.queue("letters")
    alarm(
        bench,
        "letters",
        Namespace="AWS/SQS",
        MetricName="ApproximateNumberOfMessagesVisible",
        Dimensions=[{"Name": "QueueName", "Value": "letters"}],
        Threshold=0.0,
    )
    bench.advance(60)
    assert state(bench, "letters") == "OK"
    bench.client("sqs").send_message(QueueUrl=url, MessageBody="lost")
    bench.advance(60)
    assert state(bench, "letters") == "ALARM"
    assert bench.bodies(url) == ["lost"]
    bench.advance(60)
    assert state(bench, "letters") == "OK"


def test_m_out_of_n(bench: Any) -> None:
    alarm(bench, "often", EvaluationPeriods=3, DatapointsToAlarm=2)
    bench.to_next_minute()
    for ago, value in ((170, 9.0), (110, 1.0)):
        put(bench, "often", value, ago=ago)
    assert state(bench, "often") == "OK"
    put(bench, "often", 9.0, ago=50)
    assert state(bench, "often") == "ALARM"


def test_heartbeat_alarm_notices_silence(bench: Any) -> None:
    alarm(
        bench,
        "heartbeat",
        Statistic="Sum",
        ComparisonOperator="LessThanThreshold",
        Threshold=1.0,
        Period=3600,
        TreatMissingData="breaching",
    )
    put(bench, "heartbeat", 1.0, ago=60)
    assert state(bench, "heartbeat") == "OK"
    bench.advance(2 * 3600)
    assert state(bench, "heartbeat") == "OK"  # the last beat is within the evaluation range
    bench.advance(2 * 3600)
    found = describe(bench, "heartbeat")
    assert found["StateValue"] == "ALARM"
    assert "missing datapoint was treated as [Breaching]" in found["StateReason"]


def test_metric_math_and_extended_statistic(bench: Any) -> None:
    def stat(identifier: str, name: str) -> dict[str, Any]:
        metric = {"Namespace": "Test", "MetricName": name}
        return {"Id": identifier, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}, "ReturnData": False}

    rate = {"Id": "rate", "Expression": "100 * FILL(errors, 0) / calls", "ReturnData": True}
    alarm(
        bench,
        "error-rate",
        Metrics=[stat("errors", "errors"), stat("calls", "calls"), rate],
        **dict.fromkeys(("Namespace", "MetricName", "Statistic", "Period")),
    )
    put(bench, "calls", 100.0, ago=70)
    assert state(bench, "error-rate") == "OK"
    put(bench, "errors", 6.0, ago=70)
    assert state(bench, "error-rate") == "ALARM"
    alarm(bench, "slow", ExtendedStatistic="p90", Statistic=None)
    at = bench.aws.clock.now() - timedelta(seconds=70)
    latencies = {"MetricName": "slow", "Values": [1.0, 9.0], "Counts": [95, 5], "Timestamp": at}
    bench.client("cloudwatch").put_metric_data(Namespace="Test", MetricData=[latencies])
    assert state(bench, "slow") == "OK"
    latencies |= {"Counts": [1, 50]}
    bench.client("cloudwatch").put_metric_data(Namespace="Test", MetricData=[latencies])
    assert state(bench, "slow") == "ALARM"


def test_composite_alarm(bench: Any) -> None:
    arn, url = topic(bench, "composite-news")
    for name in ("left", "right", "maintenance"):
        alarm(bench, name)
    rule = 'ALARM("left") AND (ALARM(right) OR NOT OK("right")) AND NOT ALARM(maintenance)'
    client = bench.client("cloudwatch")
    client.put_composite_alarm(AlarmName="both", AlarmRule=rule, AlarmActions=[arn])
    bench.advance(60)
    assert state(bench, "both") == "OK"
    put(bench, "left", 9.0, ago=70)
    assert state(bench, "both") == "OK"
    put(bench, "right", 9.0, ago=70)
    found = describe(bench, "both")
    assert found["StateValue"] == "ALARM"
    assert "alarm:right transitioned to ALARM at" in found["StateReason"]
    (message,) = messages(bench, url)
    assert message["AlarmRule"] == rule
    put(bench, "maintenance", 9.0, ago=70)
    assert state(bench, "both") == "OK"
    assert client.describe_alarms(AlarmNames=["both"])["MetricAlarms"] == []
    with pytest.raises(ClientError, match="composite alarm"):
        client.delete_alarms(AlarmNames=["left"])
    client.delete_alarms(AlarmNames=["left", "right", "maintenance", "both"])


def test_actions_can_be_disabled_and_state_set_by_hand(bench: Any) -> None:
    arn, url = topic(bench, "quiet-news")
    alarm(bench, "quiet", AlarmActions=[arn], ActionsEnabled=False)
    client = bench.client("cloudwatch")
    client.set_alarm_state(AlarmName="quiet", StateValue="ALARM", StateReason="drill")
    assert describe(bench, "quiet")["StateReason"] == "drill"
    assert messages(bench, url) == []
    client.set_alarm_state(AlarmName="quiet", StateValue="OK", StateReason="over")
    client.enable_alarm_actions(AlarmNames=["quiet"])
    client.set_alarm_state(AlarmName="quiet", StateValue="ALARM", StateReason="drill")
    assert [message["NewStateReason"] for message in messages(bench, url)] == ["drill"]
    bench.advance(60)
    assert state(bench, "quiet") == "OK"  # the next evaluation decides again


def test_update_keeps_the_state_and_overwrites_the_rest(bench: Any) -> None:
    alarm(bench, "kept", AlarmDescription="old")
    put(bench, "kept", 9.0, ago=70)
    alarm(bench, "kept", Threshold=7.0)
    found = describe(bench, "kept")
    assert (found["StateValue"], found["Threshold"]) == ("ALARM", 7.0)
    assert "AlarmDescription" not in found


def test_validation_reports_everything_at_once(bench: Any) -> None:
    with pytest.raises(ClientError) as refused:
        alarm(bench, "wrong", Period=45, Statistic="Median", TreatMissingData="maybe", DatapointsToAlarm=3)
    message = refused.value.response["Error"]["Message"]
    for part in ("Period must be", "'Median' is not valid", "TreatMissingData must be", "DatapointsToAlarm must be"):
        assert part in message
    client = bench.client("cloudwatch")
    with pytest.raises(ClientError, match=r"alarms \[nobody\] in the alarm rule do not exist"):
        client.put_composite_alarm(AlarmName="wrong", AlarmRule="ALARM(nobody)")
    with pytest.raises(ClientError, match="expected"):
        client.put_composite_alarm(AlarmName="wrong", AlarmRule="ALARM(kept) AND")


def test_tags_and_filters(bench: Any) -> None:
    arn = alarm(bench, "tagged", Tags=[{"Key": "team", "Value": "ml"}])
    client = bench.client("cloudwatch")
    assert client.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "team", "Value": "ml"}]
    named = client.describe_alarms(AlarmNamePrefix="tagg", StateValue="INSUFFICIENT_DATA")["MetricAlarms"]
    assert [item["AlarmName"] for item in named] == ["tagged"]
    metric = client.describe_alarms_for_metric(Namespace="Test", MetricName="tagged")["MetricAlarms"]
    assert [item["AlarmArn"] for item in metric] == [arn]
