"""CSV, JSON lines and Parquet."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_analyzer.inputs import InputReport, read_table
from model_analyzer.inputs._sources import blocks


def read(data: bytes, **options) -> tuple[list[dict], InputReport]:
    report = InputReport()
    frames = list(read_table([("t", data)], report=report, **options))
    return [row for frame in frames for row in frame.iter_rows(named=True)], report


def test_csv_with_and_without_header():
    assert read(b"a,b\n1,x\n2,\n")[0] == [{"a": "1", "b": "x"}, {"a": "2", "b": None}]
    assert read(b"1,x\n", header=False)[0] == [{"_c0": "1", "_c1": "x"}]
    assert read(b"1,x\n", header=False, columns=["n"])[0] == [{"n": "1", "_c1": "x"}]


def test_header_names_are_made_usable():
    assert list(read(b"a, b ,,a,a\n1,2,3,4,5\n")[0][0]) == ["a", "b", "_c2", "a_2", "a_3"]


@pytest.mark.parametrize("data", [b"", b"\n\n", b"a,b\n", b"a,b"])
def test_tables_without_rows(data):
    assert read(data)[0] == []


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_line_ends_and_blank_lines(end):
    data = end.join([b"", b"a,b", b"", b"1,2", b"", b"3,4"])
    assert read(data)[0] == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]


def test_lines_of_another_width_are_left_out_and_reported():
    found, report = read(b"a,b\n1,2\n3\n4,5,6\n7,8\n")
    assert [row["a"] for row in found] == ["1", "7"]
    assert [(problem.line, problem.reason) for problem in report.samples] == [
        (3, "line has 1 fields, not 2"),
        (4, "line has 3 fields, not 2"),
    ]


@pytest.mark.parametrize("stray", [b'9,"y', b'9,5" tall', b'"9,y', b'9,"a"b'])
def test_a_stray_quotation_mark_costs_at_most_its_line(stray):
    found, report = read(b"a,b\n1,x\n" + stray + b"\n3,z\n4,w\n")
    assert [row for row in found if row["a"] != "9"] == [
        {"a": "1", "b": "x"},
        {"a": "3", "b": "z"},
        {"a": "4", "b": "w"},
    ]
    assert len(found) + report.broken_lines == 4


def test_fields_over_several_lines():
    found, report = read(b'a,b\n1,"x\n\ny"\n2,"z, ""q"""\n')
    assert found == [{"a": "1", "b": "x\n\ny"}, {"a": "2", "b": 'z, "q"'}]
    assert report.broken_lines == 0


def test_bytes_that_are_no_utf_8_are_replaced_and_reported():
    found, report = read(b"a,b\n1,caf\xe9\n2,ok\n")
    assert found == [{"a": "1", "b": "caf\ufffd"}, {"a": "2", "b": "ok"}]
    assert (report.replaced_lines, report.broken_lines) == (1, 0)


def test_other_separators():
    assert read(b"a;b\n1;2,5\n", separator=";")[0] == [{"a": "1", "b": "2,5"}]


text = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\r\x00"), max_size=12)


@given(st.lists(st.lists(text, min_size=3, max_size=3), min_size=1, max_size=30))
def test_whatever_python_writes_is_read_back(table):
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([["a", "b", "c"], *table])
    found, report = read(out.getvalue().encode())
    assert [list(row.values()) for row in found] == [[cell or None for cell in row] for row in table]
    assert report.broken_lines == 0


@given(st.binary(max_size=400))
def test_any_bytes_as_csv(data):
    read(data)
    read(data, header=False)


@given(st.binary(max_size=300))
def test_any_bytes_as_json_lines(data):
    read(data, format="jsonl")


@pytest.mark.parametrize("size", [5, 17, 64, 1_000])
def test_blocks_end_where_records_end(size):
    records = [f'{n},"text {n}\nover two lines, with ""marks"""\n'.encode() for n in range(60)]
    parts = list(blocks(("t", b"".join(records)), InputReport(), quoted=True, block_bytes=size))
    assert b"".join(parts) == b"".join(records)
    assert all(part.count(b'"') % 2 == 0 for part in parts)
    assert len(parts) > 1 or size >= 1_000


def test_json_lines_keep_written_numbers():
    found, report = read(b'{"a": 1.50, "b": "x"}\nbroken\n{"a": 2, "b": null}\n', format="jsonl")
    assert found == [{"a": "1.50", "b": "x"}, {"a": "2", "b": None}]
    assert (report.records, report.broken_lines) == (2, 1)


def test_json_lines_with_changing_members():
    found, _ = read(b'{"a": 1}\n{"b": 2}\n{"a": 3}\n', format="jsonl")
    assert sorted(map(json.dumps, found)) == ['{"a": "1"}', '{"a": "3"}', '{"b": "2"}']


def test_parquet_from_bytes_and_from_a_folder(tmp_path):
    frame = pl.DataFrame({"a": [1, 2, None], "b": ["x", None, "z"]})
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    report = InputReport()
    assert pl.concat(read_table([("p", buffer.getvalue())], format="parquet", report=report)).equals(frame)
    (tmp_path / "one.parquet").write_bytes(buffer.getvalue())
    (tmp_path / "bad.parquet").write_bytes(b"no parquet")
    (tmp_path / "readme.txt").write_bytes(b"text")
    assert pl.concat(read_table(tmp_path, format="parquet", report=report)).equals(frame)
    assert report.broken["file is not Parquet"] == 1
    assert report.rows == 6


def test_unknown_formats_are_named():
    with pytest.raises(ValueError, match="'xlsx' is unknown: use one of csv, jsonl, parquet"):
        read_table([], format="xlsx")


@pytest.mark.parametrize("share", [0.0005, 0.3, 0.9, 1.0])
def test_a_file_that_breaks_gives_the_whole_lines_before(share):
    chance = random.Random(0)
    lines = [f"{chance.random()},{chance.random()}\n" for _ in range(30_000)]
    packed = gzip.compress("".join(["a,b\n", *lines]).encode())
    report = InputReport()
    frames = list(read_table(("t.csv.gz", packed[: int(share * len(packed))]), report=report))
    found = [",".join(row) + "\n" for frame in frames for row in frame.rows()]
    assert found == lines[: len(found)]
    assert len(found) >= int((share - 0.2) * len(lines))
    assert report.broken["unreadable file"] == (share < 1)
    assert report.broken_lines == (share < 1)
