"""Captured traffic: every encoding, several records per body, and lines that nobody should have written."""

from __future__ import annotations

import base64
import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_analyzer.inputs import InputReport, ScriptError, Window, load_preprocessor, read_capture


def rows(data, **options) -> tuple[list[dict], InputReport]:
    report = InputReport()
    frames = list(
        read_capture(data if isinstance(data, list | Path) else [("f.jsonl", data)], report=report, **options)
    )
    assert sum(frame.height for frame in frames) == report.rows
    return [row for frame in frames for row in frame.iter_rows(named=True)], report


def test_outputs_come_first_and_names_count(capture_line):
    data, report = rows(capture_line("33,basic", "0.8") + capture_line("41,plus\n", "0.1\n"))
    assert data == [{"_c0": "0.8", "_c1": "33", "_c2": "basic"}, {"_c0": "0.1", "_c1": "41", "_c2": "plus"}]
    assert (report.records, report.files, report.broken_lines) == (2, 1, 0)
    assert report.encodings == {"CSV": 4}


def test_names_by_position(capture_line):
    data, _ = rows(capture_line("33,basic,x", "0.8"), columns=["score", "age", "plan"])
    assert data == [{"score": "0.8", "age": "33", "plan": "basic", "_c3": "x"}]


@pytest.mark.parametrize("output", ["0.1\n0.2\n0.3", "0.1,0.2,0.3", "0.1\r\n0.2\r\n0.3\r\n"])
def test_several_records_in_one_body(capture_line, output):
    data, report = rows(capture_line("1,a\n2,b\n3,c\n", output) + capture_line("4,d", "0.4"))
    assert sorted(tuple(row.values()) for row in data) == [
        ("0.1", "1", "a"), ("0.2", "2", "b"), ("0.3", "3", "c"), ("0.4", "4", "d"),
    ]  # fmt: skip
    assert (report.records, report.rows) == (2, 4)


def test_one_side_only(capture_line):
    assert rows(capture_line("1,2"))[0] == [{"_c0": "1", "_c1": "2"}]
    assert rows(capture_line(None, "0.5\n0.6"))[0] == [{"_c0": "0.5"}, {"_c0": "0.6"}]
    mixed, _ = rows(capture_line("1\n2", "3\n4") + capture_line("5\n6"))
    assert sorted(tuple(value for value in row.values()) for row in mixed) == [("3", "1"), ("4", "2"), ("5",), ("6",)]


def test_quotation_marks_and_commas(capture_line):
    data, _ = rows(capture_line('1,"a, ""b"""\n2,"c\nd"', "0.5\n0.6"))
    assert [tuple(row.values()) for row in data] == [("0.5", "1", 'a, "b"'), ("0.6", "2", "c\nd")]


@pytest.mark.parametrize(
    ("given_body", "output", "expected"),
    [
        ('{"age": 33, "plan": "a"}', '{"score": 0.50}', [{"score": "0.50", "age": "33", "plan": "a"}]),
        ('{"instances": [{"x": 1}, {"x": 2}]}', '{"predictions": [0.1, 0.2]}',
         [{"_c0": "0.1", "x": "1"}, {"_c0": "0.2", "x": "2"}]),
        ("[[1, 2.0], [3, null]]", "[0.1, 0.2]",
         [{"_c0": "0.1", "_c1": "1", "_c2": "2.0"}, {"_c0": "0.2", "_c1": "3", "_c2": None}]),
        ('{"instances": [{"features": [1, 2]}]}', "0.5", [{"_c0": "0.5", "_c1": "1", "_c2": "2"}]),
        ('{"x": 1}\n{"x": 2}', '{"y": 3}\n{"y": 4}', [{"y": "3", "x": "1"}, {"y": "4", "x": "2"}]),
        ('{"a": {"b": 1, "c": [true, "z"]}}', "1", [{"_c0": "1", "a_b": "1", "a_c_0": "true", "a_c_1": "z"}]),
        ('{"columns": ["x", "y"], "data": [[1, 2]]}', "1", [{"_c0": "1", "x": "1", "y": "2"}]),
        ('{"x": 1}', '{"x": 9}', [{"output_x": "9", "x": "1"}]),
        ('{"x": NaN}', "1", [{"_c0": "1", "x": None}]),
    ],
)  # fmt: skip
def test_json_bodies(capture_line, given_body, output, expected):
    line = capture_line(given_body, output, encoding="JSON", content_type="application/json")
    assert rows(line)[0] == expected


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        ("1,2", "text/csv; charset=utf-8", {"_c0": "1", "_c1": "2"}),
        ('{"x": 5}', "application/json", {"x": "5"}),
        ('{"x": 5}', None, {"x": "5"}),
        ("é,ü", "text/csv", {"_c0": "é", "_c1": "ü"}),
    ],
)
def test_base64_bodies(capture_line, body, content_type, expected):
    line = capture_line(base64.b64encode(body.encode()).decode(), encoding="BASE64", content_type=content_type)
    data, report = rows(line)
    assert data == [expected]
    assert report.encodings == {"BASE64": 1}


def test_shadow_traffic_is_skipped(capture_line):
    data, report = rows(capture_line("1", meta={"invocationSource": "ShadowExperiment"}) + capture_line("2"))
    assert data == [{"_c0": "2"}]
    assert (report.skipped_shadow, report.records) == (1, 1)


def test_window(capture_line):
    times = ["2025-03-01T09:59:59Z", "2025-03-01T10:00:00Z", "2025-03-01T10:59:59.999Z", "2025-03-01T11:00:00Z", "soon"]
    window = Window(datetime(2025, 3, 1, 10, tzinfo=UTC), datetime(2025, 3, 1, 11, tzinfo=UTC))
    data, report = rows(b"".join(capture_line(str(n), time=time) for n, time in enumerate(times)), window=window)
    assert [row["_c0"] for row in data] == ["1", "2", "4"]
    assert report.outside_window == 2


def test_window_needs_time_zones_and_an_order():
    with pytest.raises(ValueError, match="time zone"):
        Window(datetime(2025, 1, 1), datetime(2025, 1, 2))
    with pytest.raises(ValueError, match="after"):
        Window(datetime(2025, 1, 2, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC))


BROKEN = [
    b"{oops\n",
    b'{"captureData":{}}\n',
    b"[]\n",
    b"7\n",
    b'{"captureData": 5}\n',
    b"\xff\xfe\x00 not text\n",
    b'{"captureData":{"endpointInput":{"data":"%%%","encoding":"BASE64","observedContentType":"x/y"}}}\n',
    b'{"captureData":{"endpointInput":{"data":"{not json","encoding":"JSON"}}}\n',
    b'{"captureData":{"endpointInput":{"data":"1\\n2\\n3","encoding":"CSV"},'
    b'"endpointOutput":{"data":"1\\n2","encoding":"CSV"}}}\n',
    b'{"captureData":{"endpointInput":{"data":"","encoding":"CSV"}}}\n',
    b'{"captureData":{"endpointInput":{"data":"' + b"[" * 3_000 + b'","encoding":"JSON"}}}\n',
    b"{}{}\n",
    b"[" * 100_000 + b"\n",
]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_line_takes_nothing_with_it(capture_line, broken):
    good = [capture_line(f"{n},a", "0.5") for n in range(500)]
    data, report = rows(b"".join([*good[:200], broken, *good[200:]]))
    assert [row["_c1"] for row in data] == [str(n) for n in range(500)]
    assert report.broken_lines == 1
    assert report.records == 500
    assert report.samples[0].source == "f.jsonl"
    assert report.samples[0].line == 201
    assert len(report.samples[0].text) <= 200


def test_many_broken_lines_are_counted_and_sampled(capture_line):
    data, report = rows(b"".join(capture_line(str(n)) + b"{broken\n" for n in range(300)))
    assert len(data) == report.broken_lines == 300
    assert len(report.samples) == 20
    json.dumps(report.to_dict())


def test_the_last_line_needs_no_line_end_and_blank_lines_are_nothing(capture_line):
    data, report = rows(b"\n\n" + capture_line("1") + b"\n" + capture_line("2").rstrip(b"\n"))
    assert [row["_c0"] for row in data] == ["1", "2"]
    assert report.broken_lines == 0


def test_a_schema_change_in_mid_window_keeps_both(capture_line):
    data, report = rows(b"".join(capture_line("1,2" if n % 3 else "1,2,3", "0") for n in range(90)))
    assert len(data) == 90
    assert report.widths == {3: 60, 4: 30}


@pytest.mark.parametrize("data", [b"", b"\n\n"])
def test_an_empty_window_is_no_error(data):
    found, report = rows(data)
    assert found == []
    assert report.files == 1
    assert report.empty_files == (0 if data else 1)


def test_folders_of_hours_and_variants(tmp_path, capture_line):
    for hour, variant in (("10", "AllTraffic"), ("11", "AllTraffic"), ("10", "Canary")):
        folder = tmp_path / "endpoint" / variant / "2025/03/01" / hour
        folder.mkdir(parents=True)
        (folder / "00-00-000-x.jsonl").write_bytes(capture_line(f"{hour}-{variant}"))
    (tmp_path / "endpoint" / ".hidden.jsonl").write_bytes(b"junk")
    (tmp_path / "endpoint" / "_SUCCESS").write_bytes(b"junk")
    data, report = rows(tmp_path)
    assert {row["_c0"] for row in data} == {"10-AllTraffic", "11-AllTraffic", "10-Canary"}
    assert (report.files, report.broken_lines) == (3, 0)


def test_a_missing_path_is_said_at_once(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        list(read_capture(tmp_path / "nowhere"))


def test_compressed_and_damaged_files(capture_line):
    lines = b"".join(capture_line(f"{n}," + "x" * (n % 97)) for n in range(2_000))
    packed = gzip.compress(lines)
    assert len(rows(packed)[0]) == 2_000
    data, report = rows([("a.gz", packed[: len(packed) // 2]), ("b.jsonl", capture_line("1,2"))])
    assert data[-1] == {"_c0": "1", "_c1": "2"}
    assert report.broken["unreadable file"] == 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks(capture_line, encoding):
    data, report = rows(capture_line("1,é").decode().encode(encoding))
    assert data == [{"_c0": "1", "_c1": "é"}]
    assert report.broken_lines == 0


def test_half_a_surrogate_pair_is_replaced(capture_line):
    line = capture_line("1,MARK").replace(b"MARK", b"\\ud800")
    data, _ = rows(line)
    assert data == [{"_c0": "1", "_c1": "?"}]


json_value = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=8,
)


@given(st.lists(json_value, max_size=12))
def test_any_json_line_is_a_row_or_a_problem(values):
    lines = b"".join(json.dumps(value).encode() + b"\n" for value in values)
    data, report = rows(lines)
    assert data == []
    assert report.broken_lines == len(values)


@given(st.lists(json_value, max_size=8))
def test_any_json_body_is_rows_or_a_problem(capture_line, values):
    lines = [capture_line(json.dumps(value), encoding="JSON", content_type="application/json") for value in values]
    _, report = rows(b"".join(lines) + capture_line("7"))
    assert report.records + report.broken_lines == len(values) + 1


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20), max_size=12))
def test_any_csv_body_is_rows_or_a_problem(capture_line, bodies):
    data, report = rows(b"".join(capture_line(body) for body in bodies) + capture_line("last"))
    assert report.records + report.broken_lines == len(bodies) + 1
    assert any(row["_c0"] == "last" for row in data)


@given(st.binary(max_size=300))
def test_any_bytes_at_all(data):
    _, report = rows(data)
    assert report.files == 1


def test_values_are_what_was_written(capture_line):
    cells = ["1", "1.0", "1.", "+5", "007", "NaN", "1e5", " x ", "", "true"]
    data, _ = rows(capture_line(",".join(cells)))
    assert list(data[0].values()) == [cell or None for cell in cells]


def script(folder: Path, body: str) -> Path:
    path = folder / "script.py"
    path.write_text(body, encoding="utf-8")
    return path


def test_preprocessor(tmp_path, capture_line):
    path = script(
        tmp_path,
        "def preprocess_handler(inference_record, logger):\n"
        "    logger.info('seen')\n"
        "    values = inference_record.endpoint_input.data.split(',')\n"
        "    if values[0] == 'drop':\n"
        "        return []\n"
        "    row = {str(n).zfill(20): float(v) for n, v in enumerate(values)}\n"
        "    row['score'] = inference_record.endpoint_output.data\n"
        "    row['when'] = inference_record.event_metadata.event_time\n"
        "    return [row, row] if values[0] == '2' else row\n",
    )
    lines = capture_line("1,5", "0.1") + capture_line("drop", "0") + capture_line("2,6", "0.2")
    data, report = rows(lines, preprocessor=load_preprocessor(path))
    assert [row["score"] for row in data] == ["0.1", "0.2", "0.2"]
    assert data[0]["0" * 19 + "1"] == "5.0"
    assert list(data[0]) == ["0" * 20, "0" * 19 + "1", "score", "when"]
    assert (report.records, report.rows) == (3, 3)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("def preprocess_handler(r):\n    raise KeyError('x')\n", "raised KeyError"),
        ("def preprocess_handler(r):\n    return 'text'\n", "returned str"),
        ("def something_else():\n    pass\n", "defines no function preprocess_handler"),
        ("this is no python\n", "does not load: SyntaxError"),
    ],
)
def test_bad_scripts_say_what_is_wrong(tmp_path, capture_line, body, message):
    with pytest.raises(ScriptError, match=message):
        rows(capture_line("1"), preprocessor=load_preprocessor(script(tmp_path, body)))


def test_a_hundred_thousand_records_in_bounded_batches(capture_line):
    line = capture_line("1,2.5,abc,true", "0.5")
    batches = list(read_capture([("f", line * 100_000)], report=InputReport()))
    assert sum(batch.height for batch in batches) == 100_000
    assert max(batch.height for batch in batches) < 80_000
    assert all(dtype == pl.String for batch in batches for dtype in batch.dtypes)
