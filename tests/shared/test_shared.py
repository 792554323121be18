"""What the functions share: settings, logs, metrics, events, addresses."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from shared import events, metrics
from shared.environment import ConfigurationError, Environment
from shared.log import Logger, bound
from shared.metrics import Metric, StatisticSet
from shared.s3 import S3Uri

NOW = datetime.now(tz=UTC)


class Recorder:
    """CloudWatch and EventBridge; answers with the given errors or failed entries first."""

    def __init__(self, *troubles):
        self.troubles, self.calls = list(troubles), []

    def put_metric_data(self, **call):
        self._answer()
        self.calls.append(call)

    def put_events(self, **call):
        failed = self._answer()
        self.calls.append(call)
        if failed:
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": failed}]}
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}

    def _answer(self):
        trouble = self.troubles.pop(0) if self.troubles else None
        if isinstance(trouble, Exception):
            raise trouble
        return trouble


def throttled():
    return ClientError({"Error": {"Code": "Throttling", "Message": "Rate exceeded"}}, "PutMetricData")


@given(st.lists(st.integers(0, 60_000), max_size=60), st.integers(1, 5))
def test_batches_keep_everything_in_order_and_within_the_limits(lengths, scale):
    data = [{"MetricName": "x" * length, "n": number} for number, length in enumerate(lengths)] * scale
    parts = list(metrics.batches(data))
    assert [datum for part in parts for datum in part] == data
    for part in parts:
        assert 0 < len(part) <= 1000
        assert len(json.dumps(part)) <= 1_000_000


def test_many_small_metrics_go_by_the_thousand():
    client = Recorder()
    assert metrics.publish(client, "n", [Metric(f"m{number}", 1, NOW) for number in range(2500)]) == 2500
    assert [len(call["MetricData"]) for call in client.calls] == [1000, 1000, 500]


@pytest.mark.parametrize(
    "bad",
    [
        Metric("nan", float("nan"), NOW),
        Metric("inf", float("inf"), NOW),
        Metric("set", StatisticSet(1, float("nan"), 0, 0), NOW),
        Metric("empty", StatisticSet(0, 0, 0, 0), NOW),
        Metric("größe", 1, NOW),
        Metric("x" * 256, 1, NOW),
        Metric("", 1, NOW),
        Metric("old", 1, NOW - timedelta(days=15)),
    ],
    ids=lambda metric: metric.name[:8],
)
def test_one_impossible_metric_does_not_take_the_others_with_it(bad, capsys):
    client = Recorder()
    assert metrics.publish(client, "n", [Metric("good", 1, NOW), bad]) == 1
    assert [datum["MetricName"] for datum in client.calls[0]["MetricData"]] == ["good"]
    assert json.loads(capsys.readouterr().out)["message"] == "metric left out"


def test_throttled_metrics_wait_longer_each_time_and_in_the_end_fail():
    pauses = []
    client = Recorder(throttled(), throttled())
    metrics.publish(client, "n", [Metric("m", 1, NOW)], sleep=pauses.append)
    assert pauses == [0.4, 0.8] and len(client.calls) == 1
    with pytest.raises(ClientError, match="Rate exceeded"):
        metrics.publish(Recorder(*[throttled()] * 5), "n", [Metric("m", 1, NOW)], sleep=pauses.append)


def test_other_refusals_of_metrics_fail_at_once():
    denied = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutMetricData")
    with pytest.raises(ClientError):
        metrics.publish(Recorder(denied), "n", [Metric("m", 1, NOW)], sleep=lambda seconds: pytest.fail("it waited"))


def send(client, detail, pauses=None):
    events.publish(client, source="s", detail_type="t", detail=detail, sleep=(pauses or []).append)


def test_a_refused_entry_is_put_again():
    client, pauses = Recorder("busy", "busy"), []
    send(client, {"a": 1}, pauses)
    assert len(client.calls) == 3
    assert json.loads(client.calls[-1]["Entries"][0]["Detail"]) == {"a": 1}


def test_an_entry_that_keeps_failing_is_an_error():
    with pytest.raises(events.EventError, match="refused event 't' 4 times, last with InternalFailure: busy"):
        send(Recorder(*["busy"] * 4), {})


def test_a_detail_that_is_too_large_is_an_error():
    with pytest.raises(events.EventError, match="at most 250000"):
        send(Recorder(), {"text": "x" * 260_000})


def test_settings_are_typed_and_have_defaults():
    read = Environment({"A": " 5 ", "B": "Enabled", "C": '["x"]', "D": "0.5", "E": "", "F": "s3://bucket/a/b/"})
    assert read.integer("A") == 5
    assert read.flag("B") is True
    assert read.flag("E", True) is True
    assert read.names("C") == ("x",) and read.names("E") == ()
    assert read.optional_fraction("D") == 0.5 and read.optional_fraction("E") is None
    assert read.s3_uri("F") == S3Uri("bucket", "a/b")
    assert read.optional_text("E") is None and read.text("E", "x") == "x"
    assert read.choice("E", ("a", "b"), "a") == "a"
    read.check()


def test_all_mistakes_of_the_settings_are_reported_together():
    read = Environment({"A": "six", "B": "maybe", "C": "x", "D": "2", "F": "http://x", "G": "c"})
    read.integer("A")
    read.flag("B")
    read.names("C")
    read.optional_fraction("D")
    read.s3_uri("F")
    read.choice("G", ("a", "b"))
    read.text("H")
    with pytest.raises(ConfigurationError) as caught:
        read.check()
    text = str(caught.value)
    for words in (
        "A='six' must be a whole number",
        "B='maybe' must be true or false",
        "C='x' must be a JSON list of strings",
        "D='2' must be a number from 0 to 1",
        "F='http://x' must be an S3 address",
        "G='c' must be one of a, b",
        "H is not set",
    ):
        assert words in text


@given(st.from_regex(r"[a-z0-9]{3,20}", fullmatch=True), st.lists(st.from_regex(r"[a-z0-9=._-]{1,9}", fullmatch=True)))
def test_addresses_are_read_as_they_are_written(bucket, parts):
    uri = S3Uri(bucket)
    for part in parts:
        uri = uri / part
    assert S3Uri.parse(str(uri)) == uri
    assert uri.prefix == "".join(f"{part}/" for part in parts)


@pytest.mark.parametrize("text", ["", "bucket/key", "s3:/bucket", "s3://", "s3://UPPER/key", "https://bucket/key"])
def test_what_is_no_address_is_shown(text):
    with pytest.raises(ValueError, match="is not an S3 address of the form s3://bucket/key") as caught:
        S3Uri.parse(text)
    assert repr(text) in str(caught.value)


def test_log_lines_are_single_json_objects_with_bound_fields(capsys):
    log = Logger("tests.shared")
    with bound(model="churn"):
        log.info("started", version=2)
        try:
            raise ValueError("two\nlines")
        except ValueError:
            log.exception("failed")
    log.warning("outside")
    log.error("wrong", at=NOW)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["level"], line["message"]) for line in lines] == [
        ("INFO", "started"),
        ("ERROR", "failed"),
        ("WARNING", "outside"),
        ("ERROR", "wrong"),
    ]
    assert (lines[0]["model"], lines[0]["version"]) == ("churn", 2)
    assert "ValueError: two" in lines[1]["exception"]
    assert "model" not in lines[2]
    assert logging.getLogger("tests.shared").propagate is False
