"""Captures and their labels: by inference id or event id, late, twice, missing, in any encoding."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_analyzer import inputs
from model_analyzer.inputs import JoinReport, offset_window, parse_duration


def joined(captures: bytes, truth: bytes, path: str = "truth.jsonl", **options):
    report, join = inputs.InputReport(), JoinReport()
    labels = inputs.read_ground_truth([(path, truth)], report=report)
    frames = list(inputs.read_joined([("c.jsonl", captures)], labels, report=report, join=join, **options))
    rows = [row for frame in frames for row in frame.iter_rows(named=True)]
    return rows, join, report


def event(number: str | int, **meta):
    return {"meta": {"eventId": str(number), **meta}}


def test_by_event_id_and_by_inference_id(capture_line, truth_line):
    captures = capture_line("1,2", "0.7", **event("a")) + capture_line("3,4", "0.2", **event("b", inferenceId="mine"))
    rows, join, _ = joined(captures, truth_line("a", "1") + truth_line("mine", "0") + truth_line("b", "9"))
    assert rows == [
        {"record_id": "a#0", "ground_truth": "1", "_c0": "0.7", "_c1": "1", "_c2": "2"},
        {"record_id": "mine#0", "ground_truth": "0", "_c0": "0.2", "_c1": "3", "_c2": "4"},
    ]
    assert (join.captures, join.matched, join.labels_without_capture) == (2, 2, 1)


def test_names_by_position_and_the_output_alone(capture_line, truth_line):
    captures, truth = capture_line("1,2", "0.7", **event("a")), truth_line("a", "1")
    rows, _, _ = joined(captures, truth, columns=["score", "age", "income"])
    assert rows == [{"record_id": "a#0", "ground_truth": "1", "score": "0.7", "age": "1", "income": "2"}]
    rows, _, _ = joined(captures, truth, with_input=False)
    assert rows == [{"record_id": "a#0", "ground_truth": "1", "_c0": "0.7"}]


def test_the_last_of_several_labels_counts(capture_line, truth_line):
    truth = truth_line("a", "0") + truth_line("a", "1") + truth_line("b", "1") + truth_line("b", "1")
    captures = capture_line(None, "0.7", **event("a")) + capture_line(None, "0.7", **event("b"))
    rows, join, _ = joined(captures, truth)
    assert [row["ground_truth"] for row in rows] == ["1", "1"]
    assert (join.labels, join.duplicate_labels, join.conflicting_labels) == (4, 2, 1)


def test_only_the_first_of_several_captures_takes_the_label(capture_line, truth_line):
    captures = b"".join(capture_line(None, score, **event("a")) for score in ("0.1", "0.2", "0.3"))
    rows, join, _ = joined(captures, truth_line("a", "1"))
    assert [row["_c0"] for row in rows] == ["0.1"]
    assert (join.matched, join.duplicate_captures, join.captures_without_label) == (1, 2, 0)


def test_captures_without_label_and_labels_without_capture(capture_line, truth_line):
    captures = capture_line(None, "1", **event("a")) + capture_line(None, "0", **event("b"))
    rows, join, _ = joined(captures, truth_line("b", "1") + truth_line("c", "1") + truth_line("d", "0"))
    assert len(rows) == 1
    assert (join.captures_without_label, join.labels_without_capture) == (1, 2)


def test_several_rows_per_record(capture_line, truth_line):
    captures = capture_line("1,2\n3,4", "0.1\n0.9", **event("a")) + capture_line("5\n6\n7", "1,0,1", **event("b"))
    rows, join, _ = joined(captures, truth_line("a", "0\n1") + truth_line("b", "1,1,0"))
    assert [(row["record_id"], row["ground_truth"], row["_c0"]) for row in rows] == [
        ("a#0", "0", "0.1"),
        ("a#1", "1", "0.9"),
        ("b#0", "1", "1"),
        ("b#1", "1", "0"),
        ("b#2", "0", "1"),
    ]
    assert join.unusable == 0


def test_labels_that_do_not_fit_their_rows_are_reported(capture_line, truth_line):
    captures = capture_line("1,2\n3,4", "0.1\n0.9", **event("a")) + capture_line(None, "1", **event("b"))
    rows, join, report = joined(captures, truth_line("a", "0\n1\n1") + truth_line("b", "1"))
    assert [row["record_id"] for row in rows] == ["b#0"]
    assert join.unusable == 1
    assert report.broken == {"record has 2 rows, its ground truth 3": 1}


def test_json_bodies_and_json_labels(capture_line, truth_line):
    body = json.dumps({"predictions": [{"score": 0.25, "label": "x"}]})
    captures = capture_line('{"ground_truth": 3, "age": 7}', body, encoding="JSON", **event("a"))
    truth = truth_line("a", json.dumps({"instances": [{"label": 0}]}), encoding="JSON")
    rows, _, _ = joined(captures, truth)
    assert rows == [
        {
            "record_id": "a#0",
            "ground_truth": "0",
            "score": "0.25",
            "label": "x",
            "captured_ground_truth": "3",
            "age": "7",
        }
    ]


def test_several_labels_per_row(capture_line, truth_line):
    rows, _, _ = joined(capture_line(None, "1", **event("a")), truth_line("a", "1,0.5"))
    assert rows == [{"record_id": "a#0", "ground_truth": "1", "ground_truth_1": "0.5", "_c0": "1"}]
    named = truth_line("a", '{"churned": true, "value": 2}', encoding="JSON")
    rows, _, _ = joined(capture_line(None, "1", **event("a")), named)
    assert rows[0]["ground_truth_churned"] == "true" and rows[0]["ground_truth_value"] == "2"


def test_delay_comes_from_the_folder_of_the_hour(capture_line, truth_line):
    captures = b"".join(capture_line(None, "1", **event(n), time="2025-03-01T10:59:00Z") for n in range(3))
    truth = b"".join(truth_line(str(n), "1") for n in range(3))
    rows, join, _ = joined(captures, truth, "gt/2025/03/02/13/x.jsonl", allowed_delay=timedelta(days=1))
    assert len(rows) == 3
    assert (join.late_labels, join.delay(0.5), join.to_dict()["longest_delay_hours"]) == (3, 27, 27)
    _, join, _ = joined(captures, truth, "gt/2025/03/02/13/x.jsonl", allowed_delay=timedelta(hours=27))
    assert join.late_labels == 0
    _, join, _ = joined(captures, truth, "gt/2025/99/02/13/x.jsonl")
    assert join.delay(0.5) is None


def test_broken_lines_cost_nothing_else(capture_line, truth_line):
    truth = (
        truth_line("a", "1")
        + b'{"groundTruthData": {"data": "1"}}\n{"eventMetadata": {}}\nnonsense\n\n[]\n'
        + json.dumps({"groundTruthData": {"encoding": "CSV"}, "eventMetadata": {"eventId": "z"}}).encode()
        + b"\n"
        + json.dumps({"groundTruthData": {"data": 1}, "eventMetadata": {"eventId": "b"}}).encode()
    )
    captures = capture_line(None, "1", **event("a")) + capture_line(None, "0", **event("b"))
    rows, join, report = joined(captures, truth)
    assert [row["ground_truth"] for row in rows] == ["1", "1"]
    assert report.broken == {
        "ground truth has no event id": 1,
        "line carries no ground truth": 2,
        "line is not JSON": 1,
        "ground truth has no label": 1,
    }
    assert join.labels == 2


def test_merged_records_are_their_own_ground_truth(capture_line):
    record = json.loads(capture_line("1", "0.7", **event("a")))
    merged = json.dumps({**record, "groundTruthData": {"data": "1", "encoding": "CSV"}}).encode() + b"\n"
    rows, join, _ = joined(merged, merged)
    assert rows == [{"record_id": "a#0", "ground_truth": "1", "_c0": "0.7", "_c1": "1"}]
    assert join.matched == 1


def test_no_ground_truth_at_all(capture_line, tmp_path):
    rows, join, _ = joined(capture_line(None, "1", **event("a")), b"")
    assert rows == [] and join.captures_without_label == 1
    with pytest.raises(FileNotFoundError):
        inputs.read_ground_truth(tmp_path / "nothing")


identifier = st.text(st.characters(codec="utf-8", exclude_characters="#"), min_size=1, max_size=8)
text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).filter(lambda value: value.strip())


@given(st.dictionaries(identifier, text, min_size=1, max_size=30), st.integers(0, 2**32))
def test_any_id_and_any_label_find_each_other(capture_line, truth_line, labels, seed):
    chance = random.Random(seed)
    pairs = list(labels.items())
    chance.shuffle(pairs)
    captures = b"".join(capture_line(None, "0.5", **event(key)) for key in labels)
    encoded = [(key, json.dumps([value])) for key, value in pairs]
    rows, join, report = joined(captures, b"".join(truth_line(key, label, encoding="JSON") for key, label in encoded))
    assert {row["record_id"]: row["ground_truth"] for row in rows} == {f"{key}#0": value for key, value in pairs}
    assert join.matched == len(labels) and report.broken_lines == 0


def test_offsets_are_subtracted():
    window = offset_window(datetime(2020, 1, 9, 13, tzinfo=UTC), "-P8D", "-P1D")
    assert (window.start, window.end) == (datetime(2020, 1, 1, 13, tzinfo=UTC), datetime(2020, 1, 8, 13, tzinfo=UTC))
    assert parse_duration("-P1DT2H3M4S") == -timedelta(days=1, hours=2, minutes=3, seconds=4)
    assert parse_duration("P2W") == timedelta(weeks=2)
    for wrong in ("", "P", "PT", "-PT2D", "P1Y", "1D"):
        with pytest.raises(ValueError, match="is no duration"):
            parse_duration(wrong)
    with pytest.raises(ValueError, match="the end must be after the start"):
        offset_window(datetime(2020, 1, 9, tzinfo=UTC), "-P1D", "-P8D")


def test_a_hundred_thousand_records_join_at_once(capture_line, truth_line):
    template = capture_line("1.5,2.5,3.5", "0.7", **event("EVENT"))
    captures = b"".join(template.replace(b"EVENT", b"event-%d" % n) for n in range(100_000))
    label = truth_line("EVENT", "1")
    truth = b"".join(label.replace(b"EVENT", b"event-%d" % n) for n in range(99_999, -1, -2))
    labels = inputs.read_ground_truth([("t.jsonl", truth)])
    join = JoinReport()
    rows = pl.concat(inputs.read_joined([("c.jsonl", captures)], labels, join=join))
    assert rows.height == join.matched == join.captures_without_label == 50_000
    assert rows["record_id"].n_unique() == 50_000
