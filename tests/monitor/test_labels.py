"""Labels on their way into a run: when they count, what is made of repeats, and how that is seen."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from model_analyzer import model_quality
from monitor.run import EventError
from monitor.storage import Storage
from shared.s3 import S3Uri

COUNTED = {
    "matched": 300,
    "unlabelled": 0,
    "late": 0,
    "duplicates": 0,
    "conflicting": 0,
    "withoutCapture": 0,
    "broken": 0,
    "unusable": 0,
    "medianDelayHours": 0,
    "longestDelayHours": 0,
}


@pytest.fixture
def quality(bench):
    bench.monitor("ModelQuality")
    return bench


def accuracy(customers):
    return sum((item.probability > 0.5) == item.label for item in customers) / len(customers)


def measured(bench, metric="accuracy", hour="2026/11/21/08"):
    return json.loads(bench.read("statistics.json", hour))["binary_classification_metrics"][metric]["value"]


def test_complete_labels(quality):
    customers = quality.customers()
    quality.serve(customers)
    quality.learn(customers)
    assert quality.run()["labels"] == COUNTED


def test_captures_without_label_and_labels_without_capture_are_counted(quality):
    customers = quality.customers()
    quality.serve(customers[:200])
    quality.learn(customers[50:])
    detail = quality.run()
    assert detail["records"] == 200
    assert detail["labels"] == COUNTED | {"matched": 150, "unlabelled": 50, "withoutCapture": 100}
    metrics = quality.run_metrics()
    assert (metrics["Records"], metrics["LabelledRecords"], metrics["UnlabelledRecords"]) == (200, 150, 50)
    assert measured(quality) == pytest.approx(accuracy(customers[50:200]))
    assert json.loads(quality.read("statistics.json"))["dataset"]["item_count"] == 150


def test_repeated_uploads_change_nothing_but_the_count(quality, at_hour):
    customers = quality.customers()
    quality.serve(customers, at=at_hour(6))
    quality.learn(customers, at=at_hour(6))
    quality.environment(PERIOD_HOURS="2")
    once, statistics = quality.run(), quality.read("statistics.json")
    quality.learn(customers, at=at_hour(6))
    quality.learn(customers[:100], at=at_hour(7))
    again = quality.run()
    assert once["labels"]["duplicates"] == 0
    assert again["labels"] | {"duplicates": 100, "conflicting": 0} == again["labels"]
    assert quality.run_metrics()["DuplicateLabels"] == 100
    assert json.loads(quality.read("statistics.json")) == json.loads(statistics)


def test_a_corrected_label_counts(quality, at_hour):
    customers = quality.customers()
    wrong = [replace(item, label=1 - item.label) for item in customers[:30]]
    quality.serve(customers)
    quality.environment(PERIOD_HOURS="2")
    quality.learn([*wrong, *customers[30:]], at=at_hour(6))
    quality.learn(customers[:30], at=at_hour(7))
    detail = quality.run()
    assert (detail["labels"]["duplicates"], detail["labels"]["conflicting"]) == (30, 30)
    assert measured(quality) == pytest.approx(accuracy(customers))


def test_within_an_hour_the_order_of_upload_decides():
    """S3 lists by key; the client's keys are digests and say nothing about time."""

    class S3:
        def get_paginator(self, operation):
            assert operation == "list_objects_v2"
            return self

        def paginate(self, Bucket, Prefix):
            if not Prefix.endswith("/07/"):
                return [{}]
            upload = ((30, "b"), (10, "c"), (30, "a"), (20, "d"))
            times = [datetime(2026, 11, 21, 7, 0, second, tzinfo=UTC) for second, _ in upload]
            keys = [f"{Prefix}{name}.jsonl" for _, name in upload]
            files = zip(keys, times, strict=True)
            return [{"Contents": [{"Key": key, "Size": 1, "LastModified": time} for key, time in files]}]

    from monitor.window import Window

    window = Window(datetime(2026, 11, 21, 6, tzinfo=UTC), datetime(2026, 11, 21, 9, tzinfo=UTC))
    found = Storage(S3()).hourly(S3Uri("bucket", "truth"), window)
    assert [item.uri.key.rpartition("/")[2] for item in found] == ["c.jsonl", "d.jsonl", "a.jsonl", "b.jsonl"]


def test_a_request_that_was_captured_twice_counts_once(quality):
    customers = quality.customers()
    quality.serve(customers)
    quality.serve(customers[:40], name="30-00-000-b.jsonl")
    quality.learn(customers)
    detail = quality.run()
    assert (detail["records"], detail["labels"]["matched"]) == (340, 300)
    assert json.loads(quality.read("statistics.json"))["dataset"]["item_count"] == 300


def test_event_ids_serve_where_callers_give_no_inference_id(quality):
    customers = [replace(item, identity=f"event-{number}") for number, item in enumerate(quality.customers(50))]
    quality.capture([item.row for item in customers])
    quality.learn(customers)
    assert quality.run()["labels"]["matched"] == 50


def test_offsets_leave_labels_time_to_come(quality, at_hour):
    """The run at 08:00 looks at 02:00 to 05:00 and takes labels uploaded until 08:00."""
    early, late, after = (
        [replace(item, identity=f"{item.identity}-{hour}") for item in quality.customers(40, seed=hour)]
        for hour in (2, 4, 5)
    )
    for hour, customers in ((2, early), (4, late), (5, after)):
        quality.serve(customers, at=at_hour(hour))
    quality.learn(early[:20], at=at_hour(3))
    quality.learn(early[20:], at=at_hour(6))
    quality.learn(late[:30], at=at_hour(7))
    quality.learn(late[30:], at=at_hour(8))
    quality.environment(PERIOD_HOURS="", START_TIME_OFFSET="-PT6H", END_TIME_OFFSET="-PT3H")
    detail = quality.run()
    assert detail["window"] == {"start": "2026-11-21T02:00:00Z", "end": "2026-11-21T05:00:00Z"}
    assert detail["records"] == 80
    assert (detail["labels"]["matched"], detail["labels"]["unlabelled"]) == (70, 10)
    assert detail["labels"]["late"] == 20, "four hours, where the offset gives three"
    assert (detail["labels"]["medianDelayHours"], detail["labels"]["longestDelayHours"]) == (3, 4)
    assert quality.run_metrics()["LateLabels"] == 20
    assert measured(quality) == pytest.approx(accuracy([*early, *late[:30]]))

    repeated = quality.run(
        window={"start": "2026-11-21T02:00:00Z", "end": "2026-11-21T05:00:00Z"}, labels_until="2026-11-21T09:00:00Z"
    )
    assert repeated["labels"]["matched"] == 80, "a person who repeats the run later finds what came since"
    assert measured(quality, hour="2026/11/21/05") == pytest.approx(accuracy([*early, *late]))


def test_labels_of_days_are_read_as_model_monitors_offsets_say(quality):
    customers = quality.customers(60)
    quality.serve(customers[:30], at=datetime(2026, 11, 13, 9, tzinfo=UTC))
    quality.serve(customers[30:], at=datetime(2026, 11, 20, 7, tzinfo=UTC))
    quality.learn(customers, at=datetime(2026, 11, 20, 23, tzinfo=UTC))
    quality.environment(PERIOD_HOURS="", START_TIME_OFFSET="P8D", END_TIME_OFFSET="P1D")
    detail = quality.run()
    assert detail["window"] == {"start": "2026-11-13T08:00:00Z", "end": "2026-11-20T08:00:00Z"}
    assert detail["labels"]["matched"] == 60


def test_some_broken_labels_and_unusable_rows_are_counted(quality):
    customers = quality.customers(50)
    quality.serve([*customers[:49], replace(customers[49], probability="high")])
    quality.learn(customers)
    quality.put("truth/2026/11/21/07/broken.jsonl", "no json\n{}\n")
    quality.put("captures/mlops-prod-churn/main/2026/11/21/07/x.jsonl", "no json\n")
    detail = quality.run()
    assert detail["status"] == "Completed"
    assert detail["brokenRecords"] == 1
    assert (detail["labels"]["broken"], detail["labels"]["unusable"]) == (2, 1)
    assert json.loads(quality.read("statistics.json"))["dataset"]["item_count"] == 49


@pytest.mark.parametrize("text", ["high", ""])
def test_a_label_of_several_members_is_chosen_by_name(quality, text):
    """Labels that other programs write as JSON."""
    customers = quality.customers(30)
    quality.serve(customers)
    lines = [
        {
            "groundTruthData": {"data": json.dumps({"paid": item.label, "note": text}), "encoding": "JSON"},
            "eventMetadata": {"eventId": item.identity},
            "eventVersion": "0",
        }
        for item in customers
    ]
    quality.put("truth/2026/11/21/07/a.jsonl", "\n".join(map(json.dumps, lines)))
    quality.environment(GROUND_TRUTH_ATTRIBUTE="paid")
    assert quality.run()["labels"]["matched"] == 30
    assert measured(quality) == pytest.approx(accuracy(customers))


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        ("2026-11-21T09:30:00Z", "'labels_until' must be a full hour"),
        ("2026-11-21T04:00:00Z", "at most 744 hours after the window's end, 2026-11-21T05:00:00Z, and not before it"),
        ("2027-11-21T04:00:00Z", "at most 744 hours after the window's end"),
        ("tomorrow", "'labels_until' is 'tomorrow'"),
    ],
)
def test_wrong_ends_of_labels_are_refused(quality, moment, words):
    with pytest.raises(EventError, match=words):
        quality.run(window={"start": "2026-11-21T02:00:00Z", "end": "2026-11-21T05:00:00Z"}, labels_until=moment)


def test_metrics_without_a_value_are_named_and_not_published(quality):
    """Labels of one kind only: no recall, no area under the curve, and yet no silence about it."""
    baseline = quality.baseline_of(quality.customers())
    customers = [replace(item, label=0, probability=0.1) for item in quality.customers(20)]
    quality.serve(customers)
    quality.learn(customers)
    detail = quality.run(baseline)
    statistics = model_quality.QualityStatistics(json.loads(quality.read("statistics.json")))
    undefined = {name for name, metric in statistics.metrics.items() if math.isnan(metric.value)}
    assert {"auc", "recall"} <= undefined
    assert {"auc", "recall"} <= set(detail["uncheckedMetrics"]) <= undefined
    published = {datum["MetricName"] for space, _, datum in quality.data if space.endswith("model-metrics")}
    assert published == set(statistics.metrics) - undefined
