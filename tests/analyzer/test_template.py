"""Captured records that look alike: read as JSON would be, or not at all."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_analyzer.inputs import InputReport
from model_analyzer.inputs._envelopes import _LEAVES, COLUMNS, _line_by_line, decoded
from model_analyzer.inputs._template import records


def line(number: int = 0, **changes) -> dict:
    side = {"observedContentType": "text/csv", "mode": "INPUT", "data": f"{number},x", "encoding": "CSV"}
    record = {
        "captureData": {"endpointInput": side, "endpointOutput": {**side, "mode": "OUTPUT", "data": f"0.{number}"}},
        "eventMetadata": {"eventId": f"e{number}", "inferenceTime": "2025-03-01T10:30:00Z"},
        "eventVersion": "0",
    }
    return record | changes


def block(*records_: dict, **options) -> bytes:
    return b"".join(json.dumps(record, **options).encode() + b"\n" for record in records_)


def carefully(data: bytes) -> list[tuple]:
    frame = _line_by_line(data.splitlines(keepends=True), "c", 1, InputReport())
    return frame.select(list(_LEAVES)).rows()


def test_lines_that_look_alike():
    data = block(*map(line, range(50)))
    found = records(data, _LEAVES)
    assert found is not None and found.rows() == carefully(data)
    assert found.columns == [name for name in COLUMNS if name != "line"]
    (frame,) = decoded(data, "c", 7, InputReport())
    assert frame["line"].to_list() == list(range(7, 57))


meta = {"eventId": "e", "inferenceTime": "t"}


@pytest.mark.parametrize(
    "odd",
    [
        line(captureData={"endpointInput": {"data": "1,2", "encoding": "CSV"}}),
        line(eventMetadata={**meta, "inferenceId": "i"}),
        line(eventMetadata={"inferenceTime": "t", "eventId": "e"}),
        line(eventMetadata={**meta, "customAttributes": ["a"]}),
        line(eventVersion=1),
        line(captureData={"endpointInput": {"data": 'say "x"', "encoding": "CSV"}}),
        line(captureData={"endpointInput": {"data": "a\tb", "encoding": "CSV"}}),
        line(captureData={"endpointInput": {"data": "1\n2", "encoding": "CSV"}}),
        {"other": "record"},
    ],
)
def test_one_that_looks_otherwise_leaves_all_to_the_decoder(odd):
    data = block(line(1), odd, line(2))
    assert records(data, _LEAVES) is None


@pytest.mark.parametrize(
    "text",
    [
        b'{"captureData": {"endpointInput": {"data": "a"}, "endpointInput": {"data": "b"}}}\n',
        b'{"captureData": {"endpointInput": {"data": 5}}}\n',
        b'{"captureData": {"endpointInput": {"data": "a}}}\n',
        b'{"captureData": {"endpointInput": {"data": "a\x01"}}}\n',
        b'{"captureData": {"endpointInput": {"data": "\xff"}}}\n',
        b'{"captureData": {"endpointInput": {"data": "a"}}}\r\n',
        b"[]\n",
        b"\n",
    ],
)
def test_what_cannot_be_shown_to_be_alike(text):
    assert records(text, _LEAVES) is None


def test_absent_and_empty_strings():
    data = block(
        *(
            {"captureData": {"endpointOutput": {"data": "", "encoding": "CSV"}, "endpointInput": None}}
            | {"eventMetadata": {"eventId": str(n), "inferenceId": None}}
            for n in range(3)
        )
    )
    found = records(data, _LEAVES)
    assert found is not None and found.rows() == carefully(data)
    assert found["output"].to_list() == [""] * 3 and found["input"].null_count() == 3


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=("Cs",)), max_size=9),
            st.sampled_from(["CSV", "JSON"]),
            st.booleans(),
        ),
        min_size=1,
        max_size=8,
    ),
    st.booleans(),
)
def test_never_anything_else_than_json_says(parts, ascii_only):
    rows = [
        line(
            number,
            captureData={"endpointInput": {"data": text, "encoding": encoding, "observedContentType": "x"}},
            eventMetadata={"eventId": text} | ({"inferenceId": text} if named else {}),
        )
        for number, (text, encoding, named) in enumerate(parts)
    ]
    data = block(*rows, ensure_ascii=ascii_only)
    found = records(data, _LEAVES)
    assert found is None or found.rows() == carefully(data)
